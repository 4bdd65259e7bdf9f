//! What the console asks and is answered: one JSON object a line, each way, in order.

use std::collections::BTreeMap;

use handover::{MaskKey, Refusal};
use serde::{Deserialize, Serialize};

/// A request. `{"request":"secure","call_id":"a84b4c76e66710","mask_key":"#"}`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// List the calls in progress.
    Calls {},
    /// Put a call into SecureMode; answered when every lcore has acknowledged.
    Secure {
        /// The Call-ID of one of its legs.
        call_id: String,
        /// `#`, `0` or `1`; the settings' own where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mask_key: Option<char>,
    },
    /// Take a call out of SecureMode; answered when every lcore has acknowledged.
    Release {
        /// The Call-ID of one of its legs.
        call_id: String,
        /// Whether it is done also where a payment holds the call in SecureMode; its page says STOP then.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forced: bool,
    },
    /// Show every counter and the depth of the rings.
    Stats {},
    /// Read the agents' certificate and its key again; answered when they are in use.
    Reload {},
    /// Make an lcore misbehave.
    #[cfg(feature = "test-hooks")]
    Hook {
        /// Its number.
        lcore: usize,
        /// What it shall do.
        action: HookAction,
    },
    /// Make the control core itself misbehave, once this is answered.
    #[cfg(feature = "test-hooks")]
    HookControl {
        /// What it shall do.
        action: ControlAction,
    },
}

/// What the control core can be made to do, once.
#[cfg(feature = "test-hooks")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlAction {
    /// Panic at the end of its turn.
    Panic,
    /// Sleep at the end of its turn, for so many milliseconds.
    Stall(u64),
}

/// What an lcore can be made to do.
#[cfg(feature = "test-hooks")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookAction {
    /// Nothing at all.
    Stall,
    /// Panic.
    Panic,
    /// Work again.
    Resume,
}

/// An answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Reply {
    /// To `calls`.
    Calls {
        /// The calls.
        calls: Vec<CallLine>,
        /// How many more there are.
        more: usize,
    },
    /// To `secure`, `release` and the hooks: it is in force, or ordered. To `reload`: it is in use.
    Done {},
    /// To `stats`.
    Stats {
        /// All counters, summed over the threads.
        counters: Vec<CounterLine>,
        /// The rings between threads.
        rings: Vec<RingLine>,
    },
    /// It was not done.
    Error {
        /// Which error it is, for programs.
        code: ErrorCode,
        /// What it is and what to do about it, for people.
        message: String,
    },
}

/// A call in progress.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallLine {
    /// The Call-IDs of its legs; what was not UTF-8 is replaced, and a long one is cut.
    pub call_ids: Vec<String>,
    /// Seconds since its first message.
    pub age_s: u64,
    /// How many legs it has.
    pub legs: u32,
    /// How many media flows are followed.
    pub flows: u32,
    /// Whether it has been answered.
    pub answered: bool,
    /// The mask key while in SecureMode.
    pub secured: Option<char>,
    /// Whether audio came in SecureMode whose tones cannot be masked.
    #[serde(default)]
    pub unmaskable: bool,
    /// Captured key presses.
    pub presses: PressCounts,
}

/// How many key presses were captured; never which.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PressCounts {
    /// Reports by the transport that carried them.
    pub by_transport: BTreeMap<String, u64>,
    /// Key presses, each counted once over all transports.
    pub merged: u64,
}

/// A counter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CounterLine {
    /// Its name.
    pub name: String,
    /// Its value, summed over the threads.
    pub value: u64,
    /// What it counts.
    pub help: String,
}

/// A ring.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RingLine {
    /// Its name.
    pub name: String,
    /// How many values wait in it.
    pub depth: usize,
    /// How many it can hold.
    pub capacity: usize,
}

/// Which error it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The client runs as another user.
    Forbidden,
    /// The line was no request.
    NotUnderstood,
    /// The line was too long.
    TooLong,
    /// No call has that Call-ID.
    NoSuchCall,
    /// The call's media is encrypted.
    Encrypted,
    /// An lcore did not acknowledge in time.
    NotAcknowledged,
    /// The signalling lcore has too much to do.
    Busy,
    /// The signalling lcore does not answer.
    NoAnswer,
    /// There is no lcore of that number.
    NoSuchLcore,
    /// No audio of the caller's crosses this box.
    MediaElsewhere,
    /// The tones of its codec cannot be masked.
    Codec,
    /// Another call claims the same audio.
    Contested,
    /// A payment is being taken in the call.
    Paired,
    /// What was to be read again is wrong; what was there before stays in use.
    NotReloaded,
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Reply {
        let (code, message) = match refusal {
            Refusal::NoSuchCall => {
                (ErrorCode::NoSuchCall, "no call in progress has this Call-ID; `keyhush calls` lists them")
            }
            Refusal::Encrypted => (
                ErrorCode::Encrypted,
                "the call's media is encrypted: its keys can be neither seen nor masked",
            ),
            Refusal::NotAcknowledged => (
                ErrorCode::NotAcknowledged,
                "an lcore did not acknowledge in time; the flows concerned are silenced: see lcores_lost in \
                 `keyhush stats`",
            ),
            Refusal::Busy => (ErrorCode::Busy, "the signalling lcore has too much to do; ask again"),
            Refusal::MediaElsewhere => (
                ErrorCode::MediaElsewhere,
                "no audio of the caller's crosses this box: its keys can be neither seen nor masked",
            ),
            Refusal::Codec => {
                (ErrorCode::Codec, "the caller's audio is of a codec whose tones cannot be masked")
            }
            Refusal::Contested => (
                ErrorCode::Contested,
                "another call in progress claims the same audio: whose keys are in it cannot be told",
            ),
            Refusal::Paired => (
                ErrorCode::Paired,
                "a payment is being taken in this call; --force ends SecureMode all the same, and its page says STOP",
            ),
        };
        Reply::error(code, message)
    }
}

impl Reply {
    pub(crate) fn error(code: ErrorCode, message: impl Into<String>) -> Reply {
        Reply::Error { code, message: message.into() }
    }
}

/// The mask key written as `key`.
pub(crate) fn mask_key(key: char) -> Option<MaskKey> {
    u8::try_from(key).ok().and_then(MaskKey::from_ascii)
}
