//! Calls followed over a simulated wire, message by message.
#![allow(clippy::panic)]

mod ends;
mod media;
mod network;
mod repeats;
mod secure;
mod setup;
mod simulation;
mod tables;
