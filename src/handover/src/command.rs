//! What the console and the payments ask of the signalling lcore.

use crate::{CallHandle, Instant, MaskKey, Rules};

/// A question or an order, with the token that its answer carries back.
#[derive(Debug)]
pub struct Request {
    /// Chosen by the asker.
    pub token: u64,
    /// What is asked.
    pub command: Command,
}

/// What can be asked.
#[derive(Debug)]
pub enum Command {
    /// List the calls in progress.
    Calls,
    /// Enter SecureMode; answered when every lcore has acknowledged.
    Secure {
        /// The call's Call-ID.
        call_id: Vec<u8>,
        /// What replaces the keys; the settings' own where none is given.
        mask_key: Option<MaskKey>,
    },
    /// Leave SecureMode; answered when every lcore has acknowledged. A call that a payment has put into it stays unless
    /// forced, and the payment is told then.
    Release {
        /// The call's Call-ID.
        call_id: Vec<u8>,
        /// Whether a payment does not hinder it.
        forced: bool,
    },
    /// A payment puts a call into SecureMode, or wants it there by other rules; answered when every lcore has acknowledged, and
    /// refused where the caller's audio is not seen or cannot be masked.
    Enter {
        /// The call.
        call: CallHandle,
        /// What replaces the keys.
        mask_key: MaskKey,
        /// How the call's flows are masked, those that come later too.
        rules: Rules,
    },
    /// Another field is open, or none is: other rules for a call that a payment has put into SecureMode.
    Rule {
        /// The call.
        call: CallHandle,
        /// How the call's flows are masked.
        rules: Rules,
    },
    /// A payment ends a call's SecureMode; answered when every lcore has acknowledged.
    Leave {
        /// The call.
        call: CallHandle,
    },
    /// What leaves of a call is to be shown to the recorder, or not any more. It holds for flows that come later too, whatever
    /// becomes of the call's SecureMode. Ordered again it changes nothing.
    Record {
        /// The call.
        call: CallHandle,
        /// Whether it is to be.
        on: bool,
    },
    /// Tell of every call again, as if it had just begun: whoever asks has forgotten what was told. Answered by `Done` of no
    /// call in particular.
    Announce,
}

/// What is answered.
#[derive(Debug)]
pub enum Answer {
    /// The calls, at most as many as the answer's bound; `more` says how many were left out.
    Calls {
        /// The calls.
        calls: Vec<CallSummary>,
        /// How many were left out.
        more: usize,
    },
    /// The order is in force on every lcore that is alive.
    Done {
        /// The call.
        call: CallHandle,
    },
    /// It was not done.
    Refused(Refusal),
}

/// Why SecureMode was not entered or left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No call has that Call-ID.
    NoSuchCall,
    /// The call's media is encrypted and its keys are not ours.
    Encrypted,
    /// It was done, but an lcore did not acknowledge in time, or too many orders wait to be acknowledged. The call is secured as far as the others go, its flows silenced.
    NotAcknowledged,
    /// The signalling lcore has too much to do.
    Busy,
    /// No audio of the caller's has been seen since the last SDP, or not lately: it goes elsewhere.
    MediaElsewhere,
    /// The caller's audio is of a codec whose tones cannot be masked.
    Codec,
    /// A payment holds the call in SecureMode.
    Paired,
    /// Another call in progress claims the same audio: whose keys are in it cannot be told.
    Contested,
}

/// A call for the console. No digit, and nothing that could be one.
#[derive(Clone, Debug)]
pub struct CallSummary {
    /// The handle.
    pub call: CallHandle,
    /// The Call-IDs of its legs, lossily as UTF-8.
    pub call_ids: Vec<String>,
    /// When its first message was seen.
    pub since: Instant,
    /// How many legs it has.
    pub legs: u32,
    /// How many media flows are followed for it.
    pub flows: u32,
    /// Whether it has been answered.
    pub answered: bool,
    /// The mask key while in SecureMode.
    pub secured: Option<MaskKey>,
    /// Whether audio came in SecureMode whose tones cannot be masked: of another codec.
    pub unmaskable: bool,
}
