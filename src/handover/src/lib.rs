//! What crosses threads, and nothing else.
//!
//! | module | holds |
//! |---|---|
//! | [`time`] | [`Instant`]: time as an argument |
//! | [`flow`] | [`Flow`] and its key: the 64 bytes that every lcore keeps of a media flow |
//! | [`press`] | [`Press`]: one report of a key press by one lcore |
//! | [`counters`] | every reason for which a packet passed, was changed or was dropped |
//! | [`command`] | what the console and the payments ask of the signalling lcore, and its answers |
//! | [`call_event`] | what the signalling lcore tells the control core of calls |
//! | [`lcore`] | the mailbox of one lcore: flow updates down, acknowledgements and heartbeat up |
//! | [`rings`] | the bounded queues, each with its policy for "full" |
#![forbid(unsafe_code)]

pub mod call_event;
pub mod command;
pub mod counters;
pub mod flow;
pub mod lcore;
pub mod press;
pub mod rings;
pub mod time;

pub use call_event::{CallBegun, CallEvent};
pub use command::{Answer, CallSummary, Command, Refusal, Request};
pub use counters::{Counter, Counters};
pub use flow::{
    CallHandle, Content, Endpoint, Flow, FlowKey, FlowMode, FlowUpdate, Format, FormatKind, Formats, MaskKey,
    Rules, Side, VlanStack, WireId,
};
pub use lcore::{LcoreLink, NumberedUpdate};
pub use press::{Press, Transport};
pub use time::Instant;
