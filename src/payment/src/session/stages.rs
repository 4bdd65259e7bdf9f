//! How far a payment has come. One struct a stage; each consumes the one before, so that what it held is moved on or wiped.

use handover::Instant;

use super::Lost;
use crate::capture::{Capture, Card, FieldView};
use crate::details::Details;
use crate::pairing::NotIssued;
use crate::psp::{Attempt, Outcome};

#[derive(Debug)]
pub(super) enum Stage {
    Referring(Referring),
    Keying(Keying),
    Detailing(Detailing),
    Sending(Sending),
    Resolving(Resolving),
    Finished(Finished),
    Stopped(Stopped),
    Ended(Ended),
}

/// A reference is asked for, or shown.
#[derive(Debug)]
pub(super) struct Referring {
    pub(super) until: Instant,
    pub(super) is_shown: bool,
}

/// Fields are keyed, as soon as SecureMode is in force.
#[derive(Debug)]
pub(super) struct Keying {
    pub(super) capture: Capture,
}

/// All is keyed; the agent types the rest.
#[derive(Debug)]
pub(super) struct Detailing {
    pub(super) card: Card,
    pub(super) until: Instant,
}

/// The request was given out, once.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) card: Card,
    pub(super) details: Details,
    pub(super) attempt: Attempt,
    pub(super) until: Instant,
}

/// The answer was lost: the provider is asked what became of it.
#[derive(Debug)]
pub(super) struct Resolving {
    pub(super) attempt: Attempt,
    pub(super) kept: Vec<FieldView>,
    /// When it is asked next.
    pub(super) next: Instant,
    pub(super) asked: u32,
    /// How often it knew of none, one time after the other.
    pub(super) nothing: u32,
    pub(super) since: Instant,
    pub(super) until: Instant,
}

/// It is known what became of it, or that nobody knows.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) outcome: Outcome,
    pub(super) attempt: Attempt,
    pub(super) kept: Vec<FieldView>,
    pub(super) until: Instant,
}

/// Something came between. The agent may start again.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) why: Stop,
    pub(super) until: Instant,
}

/// Nothing more comes of it.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) why: End,
}

/// Why a payment does not go on before the agent starts it again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stop {
    /// There is no call reference.
    NoReference(NotIssued),
    /// Nobody answered for a reference.
    NoAnswer,
    /// The reference was not keyed in time.
    Lapsed,
    /// The call cannot be masked.
    Refused(Unmaskable),
    /// Not every lcore acknowledged in time.
    NotAcknowledged,
    /// SecureMode was lost: the page says so loudly.
    Lost(Lost),
    /// SecureMode was in force for its longest time.
    TooLong,
    /// The caller or the agent hung up.
    HungUp,
    /// There is no locked memory left.
    NoRoom,
}

/// Why a call cannot be masked (DESIGN section 3.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unmaskable {
    /// No media was seen since the last SDP: it goes elsewhere.
    MediaElsewhere,
    /// It is encrypted, and its keys are not ours.
    Encrypted,
    /// Its codec's tones cannot be masked.
    Codec,
    /// Its call is not known any more.
    NoSuchCall,
    /// The data path has too much to do.
    Busy,
    /// Another call in progress claims the same audio.
    Contested,
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum End {
    /// The agent cancelled it.
    Cancelled,
    /// The agent closed the page's result.
    Closed,
    /// Nobody did anything for too long.
    Idle,
}

impl From<NotIssued> for Stop {
    fn from(why: NotIssued) -> Self {
        Stop::NoReference(why)
    }
}

impl Stop {
    /// Whether the page says STOP.
    pub const fn is_loud(self) -> bool {
        matches!(self, Stop::Lost(_) | Stop::NotAcknowledged)
    }
}

impl Stage {
    /// Whether digits of a card are held.
    pub(super) fn holds_card(&self) -> bool {
        matches!(self, Stage::Keying(_) | Stage::Detailing(_) | Stage::Sending(_))
    }

    /// When its time is over. Keying has none of its own: SecureMode has.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Stage::Referring(stage) => Some(stage.until),
            Stage::Keying(_) | Stage::Ended(_) => None,
            Stage::Detailing(stage) => Some(stage.until),
            Stage::Sending(stage) => Some(stage.until),
            Stage::Resolving(stage) => Some(stage.next.min(stage.until)),
            Stage::Finished(stage) => Some(stage.until),
            Stage::Stopped(stage) => Some(stage.until),
        }
    }
}
