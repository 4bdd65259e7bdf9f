//! What comes to a session, and what it wants done.

use handover::{CallHandle, Instant};
use secret::Digit;

use super::stages::Unmaskable;
use super::view::View;
use crate::capture::FieldKind;
use crate::details::Details;
use crate::pairing::NotIssued;
use crate::psp::{Attempt, Found, Outcome};

/// What happens to a session.
#[derive(Debug)]
pub enum Input {
    /// The answer to [`Output::AskReference`].
    Reference(Result<Instant, NotIssued>),
    /// Its reference was heard on a call, which began at `since`.
    Paired {
        /// The call.
        call: CallHandle,
        /// When it began.
        since: Instant,
    },
    /// A key of the caller's, merged over its transports.
    Press {
        /// The call.
        call: CallHandle,
        /// The key.
        digit: Digit,
    },
    /// The agent clicked.
    Click(Click),
    /// Every lcore has SecureMode in force for a call.
    Acknowledged {
        /// The call.
        call: CallHandle,
        /// That of [`Output::SecureOn`].
        token: u64,
    },
    /// SecureMode cannot be had for a call.
    Unmaskable {
        /// The call.
        call: CallHandle,
        /// That of [`Output::SecureOn`].
        token: u64,
        /// Why.
        why: Unmaskable,
    },
    /// SecureMode of a call was ended by somebody else.
    ForcedOff {
        /// The call.
        call: CallHandle,
    },
    /// The data path's heartbeat is lost.
    HeartbeatLost,
    /// The media of a call's secured flow is lost.
    MediaLost {
        /// The call.
        call: CallHandle,
    },
    /// A call has ended.
    HungUp {
        /// The call.
        call: CallHandle,
    },
    /// What became of an attempt, as its answer says. [`Outcome::Unknown`] where it was sent and none came.
    Answered {
        /// [`Attempt::number`].
        attempt: u32,
        /// What.
        outcome: Outcome,
    },
    /// The answer to [`Output::AskOutcome`].
    Found {
        /// [`Attempt::number`].
        attempt: u32,
        /// What.
        found: Found,
    },
    /// Time has passed.
    Tick,
}

/// What an agent may click.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Click {
    /// The open field ends here.
    Next,
    /// This field again.
    Reset(FieldKind),
    /// All of it again.
    StartAgain,
    /// Pay, with what was typed.
    Pay(Box<Details>),
    /// Ask the provider again what became of it.
    AskAgain,
    /// Away with it; of a result, close it.
    Cancel,
}

/// Whether an input meant something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Handled {
    /// It did.
    Done,
    /// Not in this state: late, stale, or not for us.
    Ignored,
    /// A payment without an expiry: it was neither keyed nor typed.
    NoExpiry,
}

/// What a session wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Issue a call reference, and answer by [`Input::Reference`].
    AskReference,
    /// The reference is needed no more.
    WithdrawReference,
    /// Put a call into SecureMode, and answer with the token.
    SecureOn {
        /// The call.
        call: CallHandle,
        /// What the answer carries: an answer to an older order means nothing.
        token: u64,
    },
    /// End SecureMode of a call.
    SecureOff {
        /// The call.
        call: CallHandle,
    },
    /// Another field takes keys, or none does.
    Field(Option<FieldKind>),
    /// Send the payment, now and once: [`super::Session::submission`] has the card.
    Send(Attempt),
    /// Ask the provider what became of an attempt, by our own reference.
    AskOutcome(Attempt),
    /// Number and code are wiped: what the edge still holds of them must go, its connection to the provider too.
    Wiped,
    /// The page looks different.
    View(Box<View>),
}
