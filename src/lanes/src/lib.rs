//! Arithmetic on many samples at once, behind safe functions.
//!
//! | module | does |
//! |---|---|
//! | [`dtmf`] | fits the sixteen pairs of DTMF frequencies to overlapping windows of a signal |
//! | [`g711`] | µ-law and A-law, both ways |
//! | [`level`] | what the processor has, found once at start |
//!
//! Each kernel exists for AVX-512 (with and without VNNI), AVX2, SSE2 and in plain Rust, which on AArch64 the compiler turns
//! into NEON. All of them give the same bits: sums of products are of integers, and what is in floating point is added in
//! one order without fused operations. So what is decided does not depend on the machine. Where streams are fitted together,
//! a bound that may differ in its last bits chooses what is fitted; it has room for that, and what is found is the same.
#![allow(
    unsafe_code,
    reason = "this room exists to keep the processor's vector instructions behind safe functions"
)]

pub mod dtmf;
pub mod g711;
pub mod level;

pub use level::Level;
