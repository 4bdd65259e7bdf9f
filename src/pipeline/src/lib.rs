//! The data path: classify → follow → mask → tap → verdict, generic over what holds a frame and where it goes.
//!
//! | module | holds |
//! |---|---|
//! | [`outputs`] | [`Outputs`]: what the edge (DPDK, a replay, a test) does for the data path |
//! | [`flow_table`] | the flows of one lcore, by open addressing |
//! | [`secured`] | which flows are in SecureMode, for what cannot be looked up by port |
//! | `streams` | the masker's state of the secured streams that an lcore sees, and the frames that it holds |
//! | `listeners` | the streams whose keys are heard, and which pass |
//! | [`lcore`] | [`Lcore`]: what one poll-mode core does with a burst |
//! | [`signalling`] | [`Signalling`]: the owner of the call table; holds SIP until every lcore knows |
//! | [`mirror`] | what a process leaves behind of its flows in SecureMode, in case it is killed |
//! | [`peers`] | the signalling lcore's view of the lcores: numbers, acknowledgements, heartbeats |
//! | [`reassembly`] | SIP in IP fragments, bounded |
//! | [`sip_peers`] | whose fragments are SIP |
#![forbid(unsafe_code)]

pub mod flow_table;
pub mod lcore;
mod listeners;
pub mod mirror;
pub mod outputs;
pub mod peers;
pub mod reassembly;
pub mod secured;
pub mod signalling;
pub mod sip_peers;
mod streams;

pub use lcore::{Lcore, LcoreLimits};
pub use mirror::{Mirror, MirrorError, Mirrored};
pub use outputs::{Arrival, ArrivalKind, Outputs, Report, TapFull, Tapped};
pub use signalling::{Signalling, SignallingLimits};
