//! Key presses on their way to the control core.

use secret::SealedDigit;

use crate::{CallHandle, Instant, Side};

/// How a key press reached us.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Transport {
    /// telephone-event, RFC 4733.
    Event = 0,
    /// A tone in the audio.
    Tone = 1,
    /// SIP INFO.
    Info = 2,
    /// KPML, RFC 4730.
    Kpml = 3,
}

impl Transport {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Transport; 4] = [Transport::Event, Transport::Tone, Transport::Info, Transport::Kpml];

    /// The name in reports and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Event => "event",
            Transport::Tone => "tone",
            Transport::Info => "info",
            Transport::Kpml => "kpml",
        }
    }
}

/// One key pressed once, as one lcore saw it on one transport. The same press seen on another transport is
/// another `Press`; only `payment` merges them.
#[derive(Debug)]
pub struct Press {
    /// The call.
    pub call: CallHandle,
    /// How it came.
    pub transport: Transport,
    /// The side of the one who pressed.
    pub from: Side,
    /// The key, sealed: it crosses rings whose slots are never wiped.
    pub digit: SealedDigit,
    /// When the key went down, as far as it can be told.
    pub onset: Instant,
    /// How loud a tone was, both its frequencies together, in dBm0; `None` for what is no tone.
    pub level: Option<i8>,
}
