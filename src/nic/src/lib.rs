//! Safe DPDK: ports, queues and packet buffers whose types own what they hold.
//!
//! | file | what |
//! |---|---|
//! | `eal.rs` | [`Eal`]: DPDK's environment, once a process, ended on drop |
//! | `lcore.rs` | closures on EAL's pinned threads |
//! | `runtime_directory.rs` | the directory that EAL makes and leaves behind |
//! | `pool.rs`, `mbuf.rs`, `burst.rs` | [`Pool`], [`Mbuf`], [`Burst`]: packets, each with one owner |
//! | `port.rs` | [`Port`], stopped and started: set-up, link, statistics |
//! | `queue.rs` | [`RxQueue`], [`TxQueue`]: each used by one thread at a time |
//! | `core_image.rs` | leaving all this memory out of core images |
//! | `clock.rs` | [`Clock`]: time from the processor's time-stamp counter |
//!
//! # What keeps it sound
//! - Every pool, port and queue holds the environment ([`Eal`]) open; a packet cannot, at one pointer's size. So pools are
//!   never freed singly, and the environment is taken down only when all lcores have ended, nothing else holds it and every
//!   packet is back in its pool. Else its memory stays mapped until the process ends.
//! - Pools use the ring that any number of threads may use at once, and a cache belongs to one EAL thread; other threads
//!   have none. So a packet may be dropped anywhere.
//! - A queue is not `Clone`, and its calls need `&mut`. A port stops when its last queue is gone, not before.

#![allow(unsafe_code, reason = "the room where DPDK's contract is upheld; every block says how")]

mod burst;
mod clock;
mod core_image;
mod eal;
mod error;
mod lcore;
mod mbuf;
mod pool;
mod port;
mod queue;
mod runtime_directory;

pub use burst::Burst;
pub use clock::Clock;
pub use eal::Eal;
pub use error::NicError;
pub use lcore::{Lcore, LcoreHandle, LcoreId};
pub use mbuf::Mbuf;
pub use pool::Pool;
pub use port::config::{Applied, PortConfig, Warning};
pub use port::{Link, Port, PortStats, Started, StopRefused, Stopped};
pub use queue::{RxQueue, TxQueue};
