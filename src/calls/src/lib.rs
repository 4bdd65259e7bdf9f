//! Which calls are up, where their media goes, and which of them are in SecureMode: SIP and SDP in, changes of the
//! lcores' flow tables out.
//!
//! Nothing here reads a clock, opens a socket or waits; every table is bounded. `LIFECYCLE.md` beside the sources
//! tells how calls, legs and flows begin and end.
//!
//! | module | holds |
//! |---|---|
//! | [`limits`] | the bounds of every table, and the times after which things are forgotten |
//! | `calls` | [`Calls`]: what is asked and ordered |
//! | `follow` | what a message does to calls and legs |
//! | `announce` | what SDP, and RTP from elsewhere, do to destinations |
//! | `expiry` | the one order of deadlines, and the one of idleness |
//! | `table` | the slots of the calls, and their generations |
//! | `call`, `leg` | the state of a call, and of a dialog on one wire and VLAN stack |
//! | `news` | what is told of calls: that they began and ended |
//! | `watch` | whether the caller is heard on this wire |
//! | `claims` | the flow table as the lcores have it, and who claims what of it |
//! | `media` | SDP as formats and destinations |
//! | `recent` | what tells a repeated request from a new one |
//! | `fingerprint` | names of any length as values of one size |
#![forbid(unsafe_code)]

mod announce;
mod call;
mod calls;
mod claims;
mod expiry;
mod fingerprint;
mod follow;
mod leg;
pub mod limits;
mod media;
mod news;
mod recent;
mod table;
mod watch;

pub use calls::Calls;
pub use follow::{Arrival, Followed};
pub use limits::{Limits, SecureDefault};
