//! What the desk tells the recorder of calls, over a ring of its own.

use handover::{CallHandle, Instant, Side};

/// An order to the recorder. Times are the lcores' own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingOrder {
    /// A call is to be recorded. Told again of one that is recorded already, it changes nothing.
    Begin(Box<ToRecord>),
    /// Something has become known of the call.
    Fact {
        /// The call.
        call: CallHandle,
        /// What.
        fact: Fact,
    },
    /// From here on nothing of the call is to be in its recording: silence in its place.
    Suspend {
        /// The call.
        call: CallHandle,
        /// Since when.
        at: Instant,
    },
    /// The recording goes on.
    Resume {
        /// The call.
        call: CallHandle,
        /// From when.
        at: Instant,
    },
    /// The call is over, or is not to be recorded any more.
    End {
        /// The call.
        call: CallHandle,
        /// When.
        at: Instant,
    },
    /// All calls that are up have been told since the desk was made: recordings of others are over.
    AllTold,
}

/// A call that is to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToRecord {
    /// The call.
    pub call: CallHandle,
    /// Whose it is.
    pub tenant: String,
    /// Since when.
    pub at: Instant,
    /// The Call-ID of its first INVITE.
    pub call_id: String,
    /// The side that dialled.
    pub from: Side,
    /// The number of who calls; empty where it is not known.
    pub caller: String,
    /// The number that was called; empty where it is not known.
    pub called: String,
    /// Days for which it is kept.
    pub keep_days: u32,
}

/// What may become known of a call while it lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The user name of an agent who took a payment in it, or suspended its recording.
    Agent(String),
    /// The order reference of a payment.
    Order(String),
    /// Nobody resumed the recording for as long as it may be suspended: it went on by itself.
    SuspensionRanOut {
        /// When.
        at: Instant,
    },
}
