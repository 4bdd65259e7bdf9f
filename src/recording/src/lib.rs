//! Recordings of calls: whole, downstream of the masker, and provable.
#![forbid(unsafe_code)]
