//! The archive: who may listen searches the tenant's recordings, hears them, and sees what is known and proven of each. And the page on
//! which anybody checks a recording with nothing but its proof and a key.
//!
//! | module | does |
//! |---|---|
//! | [`api`] | `/api/recordings`: search, facts, audio by ranges, proof, waveform, verification |
//! | [`pages`] | `/archive` and `/verify` |
//! | [`asked`] | what a search asks, read from its address |
//! | [`range`] | which bytes of a file are wanted (RFC 9110 section 14) |
//! | [`shelf`] | the recordings' files, opened |
//! | [`look`] | what is found out by reading a recording: its waveform, whether it is genuine |
//! | [`when`] | times as people and machines write them |
//!
//! All that reads a disk is done on the pool. Nobody sees a recording of another tenant: it is answered as one that is not there.

pub(crate) mod api;
pub(crate) mod asked;
pub(crate) mod look;
pub(crate) mod pages;
pub(crate) mod range;
pub(crate) mod shelf;
pub(crate) mod when;

#[cfg(test)]
mod tests;
