//! What the signalling lcore tells the control core of calls.

use crate::{CallHandle, Instant, Side, WireId};

/// What happened to a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallEvent {
    /// It began, or is told of again. Of a call that is known already, this is what holds now.
    Begun(Box<CallBegun>),
    /// It has ended. Nothing more is told of it.
    Ended {
        /// The call.
        call: CallHandle,
        /// When the message came that ended it; `None` where none did and it was given up.
        at: Option<Instant>,
    },
    /// It is in SecureMode and its caller's audio has stopped coming, discontinuous transmission aside.
    MediaLost {
        /// The call.
        call: CallHandle,
    },
    /// Its SecureMode, which a payment had asked for, was ended by the console.
    ForcedOff {
        /// The call.
        call: CallHandle,
    },
}

/// A call as its first INVITE tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallBegun {
    /// The call.
    pub call: CallHandle,
    /// When its first message was seen.
    pub since: Instant,
    /// The wire on which that was.
    pub wire: WireId,
    /// The side that dialled.
    pub from: Side,
    /// Who was called, by the Request-URI and by the To header; whole addresses such as `sip:+442079460123@example.com`.
    pub called: [Option<Box<str>>; 2],
    /// Who calls, by P-Asserted-Identity (RFC 3325 section 9.1) and by the From header.
    pub calling: [Option<Box<str>>; 2],
    /// The Call-ID of that INVITE, or its beginning, lossily as UTF-8; at most [`ADDRESS_LONGEST`] bytes.
    pub call_id: Box<str>,
    /// Whether a payment has put it into SecureMode.
    pub held: bool,
}

/// Most bytes of an address that is told; a longer one is left out. Of a Call-ID, which is known by its beginning as well, no more are
/// told.
pub const ADDRESS_LONGEST: usize = 256;
