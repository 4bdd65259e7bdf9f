//! Whoever wants the digits, and devices that behave as if they did: in SecureMode none leaves all the same.
//!
//! | module | who |
//! |---|---|
//! | [`types`] | payload types that mean something else than they say |
//! | [`sdp`] | session descriptions that are read in two ways |
//! | [`dialogs`] | dialogs that end, or seem to, and calls that claim another's media |
//! | [`media`] | media on other tags, from other sources, over the end of SecureMode |
//! | [`fragments`] | IP fragments twice, late and cut in odd places |
//! | [`bodies`] | SIP bodies with keys as nobody has written them down |
//! | [`attack`] | the call that is attacked, and the reader on the agent's side |
//!
//! An attacker on the customer side owns the agent's desk: software on it sends whatever SIP and RTP it likes from the
//! agent's addresses. The cardholder and the carrier are honest, but their devices are as they are.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod attack;
mod bodies;
mod dialogs;
mod fragments;
mod media;
mod sdp;
mod types;
