//! From key presses to a payment. Sans-IO: time is an argument, and deadlines are answers.
//!
//! | module | does |
//! |---|---|
//! | [`merger`] | what several transports told of one key press becomes one press, in order |
#![forbid(unsafe_code)]

pub mod merger;

pub use merger::{MergeInput, MergedPress, Merger, Reported, Transports};
