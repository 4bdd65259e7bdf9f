//! A capture through the very same pipeline as the wire's: simulated ports, virtual time, one lcore and the signalling
//! in one thread.
//!
//! | module | holds |
//! |---|---|
//! | [`capture`] | pcap and pcapng in, pcap out |
//! | [`Cidr`] | the carrier's range of addresses |
//! | `ports` | on which side a captured frame arrived |
//! | `edge` | what DPDK's ports and rings are to the live wire |
//! | [`run`] | the loop: a frame, what is due, the next frame |
//! | [`Report`] | what came of it |
#![forbid(unsafe_code)]

pub mod capture;
mod cidr;
mod edge;
mod ports;
mod report;
mod simulation;

pub use cidr::{Cidr, CidrError};
pub use edge::CapturedFrame;
pub use report::{ReplayError, Report};
pub use simulation::{Options, run};
