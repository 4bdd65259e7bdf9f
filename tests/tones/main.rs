//! Keys as tones: what is heard of them, side by side with other receivers, and what of them would leave.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod attacker;
mod audio;
mod chance;
mod conditions;
mod corpus;
mod extents;
#[cfg(spandsp)]
mod g722;
mod leaks;
mod line;
mod others;
mod q24;
mod receivers;
#[cfg(spandsp)]
mod spandsp;
mod speed;
mod talk_off;
mod together;
mod untouched;
