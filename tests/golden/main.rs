//! Whole calls through `replay`: what was keyed, what left, what was reported.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod bad_wire;
mod corpora;
mod killed;
mod merged;
mod payments;
mod reference;
mod switched;
mod timing;
mod topology;
mod transports;
mod ways;
