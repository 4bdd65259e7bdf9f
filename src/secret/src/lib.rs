//! Card data and the keys that carry it: types that do not print, do not serialise, and wipe themselves.
//!
//! | module | holds |
//! |---|---|
//! | `digit` | [`Digit`]: one key |
//! | `pad` | [`Pad`], [`SealedDigit`]: a key on its way through rings |
//! | `digits` | [`Digits`]: a number while it is keyed, and what may be known of it |
//! | `card` | [`Pan`], [`Csc`], [`CallReference`] |
//! | `keyboard` | [`Keyboard`]: keys that wait to be told from one another |
//! | `letter` | [`Letter`]: a message that holds a PAN until it is sent |
//! | `locked` | [`Vault`]: the locked pages in which all these lie |
#![deny(unsafe_code)]

mod card;
mod digit;
mod digits;
mod keyboard;
mod letter;
mod locked;
mod pad;

pub use card::{CallReference, Csc, Pan};
pub use digit::Digit;
pub use digits::{DigitSink, Digits, FirstSix, LastFour, Within};
pub use keyboard::Keyboard;
pub use letter::Letter;
pub use locked::Vault;
pub use pad::{Pad, SealedDigit};
