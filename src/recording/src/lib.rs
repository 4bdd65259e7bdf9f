//! Recordings of calls: whole, downstream of the masker, and provable.
//!
//! | module | does |
//! |---|---|
//! | [`frame`] | what the recorder is given: a packet that the masker released |
//! | [`feed`] | packets from the lcores to the recorder, in boxes that go round |
//! | [`encoding`] | the one encoding of a file |
//! | [`timeline`] | packets of both directions → two channels of samples, true to the wall clock |
//! | [`marks`] | where a call was in SecureMode or suspended |
//! | [`second`] | finished seconds, which are also the proof's leaves |
//! | [`wav`] | WAV files, written and read |
//! | [`sealed`] | keys, and a recording's file as it rests: encrypted second by second |
//! | [`writer`] | one recording while it runs, and what is made of one that was interrupted |
//! | [`store`] | where recordings lie; many at once |
//! | [`document`] | the text that is signed: one way to write each thing |
//! | [`keys`] | signing keys, their files and their successors |
//! | [`trusted`] | the keys that a verifier trusts, from files |
//! | [`merkle`] | RFC 9162's trees over seconds of audio, and over proofs |
//! | [`proof`] | what is signed of a recording, whole or an excerpt |
//! | [`ledger`] | the append-only log of proofs, deletions, holds and keys |
//! | [`imported`] | audio that other systems made, signed as it is |
//! | [`time_stamp`] | an authority's time stamp over a head (RFC 3161) |
//! | [`witness`] | a directory that keeps the ledger's heads |
//! | [`verify`] | a file, a proof and keys: genuine, or which seconds are not |
//! | `g711`, `resample` | what decoding needs |
#![forbid(unsafe_code)]

pub mod document;
pub mod encoding;
pub mod feed;
pub mod frame;
mod g711;
pub mod imported;
pub mod keys;
pub mod ledger;
pub mod marks;
pub mod merkle;
pub mod proof;
mod resample;
pub mod sealed;
pub mod second;
pub mod store;
pub mod time_stamp;
pub mod timeline;
pub mod trusted;
pub mod verify;
pub mod wav;
pub mod witness;
pub mod writer;
