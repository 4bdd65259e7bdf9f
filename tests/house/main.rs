//! The rules of the house, kept by tests: who may use whom, where `unsafe` may be, what a file may hold.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod doors;
mod manual;
mod sources;
mod text;
