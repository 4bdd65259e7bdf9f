//! Takes the keys out of what leaves towards the agent, and reports them.
//!
//! | module | does |
//! |---|---|
//! | [`stream`] | one media flow: what becomes of each packet |
//! | [`secured`] | the caller's stream in SecureMode: its audio is held by a packet, and tones in it are replaced |
//! | [`listener`] | the keys of a stream that passes |
//! | `passing` | what leaves of a flow that is not in SecureMode, to be recorded |
//! | `synthesis` | the mask keys' tones |
//! | [`g722`] | ITU-T G.722, whose audio is decoded to be heard and encoded again where it was masked |
//! | `carries` | what a payload carries: event blocks, plainly or redundantly, or audio |
//! | `content` | whether it can be masked |
//! | `events` | tells key presses from packets: retransmissions, segments, reordering (RFC 4733) |
//! | [`silence`] | what a codec sends when nobody speaks (fail closed) |
//! | [`tones`] | keys as tones in audio: which were pressed, and what may be one |
//! | [`sip`] | the keys in SIP bodies: INFO and KPML |
//!
//! Nothing here allocates, has a clock or keeps a digit longer than it must. What leaves never depends on the digit, and
//! neither does what is returned.
#![forbid(unsafe_code)]

mod carries;
mod content;
mod events;
pub mod listener;
mod passing;
pub mod secured;
pub mod silence;
pub mod sip;
pub mod stream;
mod synthesis;
pub mod tones;

use core::fmt;

use handover::{Counter, Instant, Transport};
use secret::Digit;
use tap::Released;

pub use ::g722;
pub use carries::format;
pub use content::content;
pub use listener::{Listener, Together};
pub use passing::passing;
pub use secured::{Admission, Frames, SecuredStream};
pub use stream::{MediaStream, mask_stateless};

/// One key press, as one transport told it. It goes out of scope sealed or wiped.
pub struct Captured {
    /// The key.
    pub digit: Digit,
    /// How it came.
    pub transport: Transport,
    /// When the key went down, as far as it can be told.
    pub onset: Instant,
    /// How loud a tone was, in dBm0; `None` for what is no tone.
    pub level: Option<i8>,
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("transport", &self.transport).field("onset", &self.onset).finish()
    }
}

/// What becomes of a packet of a media flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Masked<'a> {
    /// It leaves as it came.
    Unchanged(Released<'a>),
    /// It leaves changed, at the same length; the UDP checksum is the caller's to mend.
    Changed(Released<'a>, ChangeKind),
    /// RTCP, STUN, DTLS or a keep-alive: it leaves as it came and is nothing to record.
    NotRtp,
    /// It does not leave.
    Drop(Counter),
}

/// How a packet was changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChangeKind {
    /// Its telephone-events were replaced.
    Event,
    /// Its audio was replaced by silence.
    Silence,
    /// What may be a key's tone in its audio was replaced.
    Tone,
    /// Its audio, which came too late to be heard in its turn, was replaced by silence.
    Late,
}
