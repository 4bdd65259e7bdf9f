//! Tests on DPDK itself. EAL starts once a process, so each test runs in a process of its own (`own_process.rs`), on memory
//! that needs no privileges, and on virtual devices.

#![allow(clippy::unwrap_used, reason = "a test's failure is its report")]

mod forwarding;
mod lifecycle;
mod links;
mod own_process;
mod pcap;
mod traffic;
mod wiping;
