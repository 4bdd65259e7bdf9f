//! Card data and the keys that carry it: types that do not print, do not serialise, and wipe themselves.
#![deny(unsafe_code)]

mod digit;
mod locked;
mod pad;

pub use digit::Digit;
pub use pad::{Pad, SealedDigit};
