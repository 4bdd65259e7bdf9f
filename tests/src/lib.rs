//! What the tests have in common: telephony traffic as it is on real wires, faults of a wire, and two ways of reading what
//! came out, both independent of the rooms under test.
//!
//! | module | holds |
//! |---|---|
//! | [`seed`] | repeatable chance |
//! | [`frame`] | Ethernet, VLAN, IPv4, IPv6, UDP, fragments |
//! | [`seen`] | the same, read: addresses, payloads, checksums |
//! | [`sdp`] | offers and answers |
//! | [`rtp`] | RTP streams, telephone-events, redundancy |
//! | [`leg`] | a SIP dialog with its media |
//! | [`scene`] | frames with their times: what goes over the wire |
//! | [`faults`] | loss, duplication, reordering |
//! | [`played`] | a scene sent through `replay`, and what came of it |
//! | [`appliance`] | several lcores and a console, without DPDK |
//! | [`tshark`] | Wireshark's opinion |
//! | [`keyed_audio`] | a caller who speaks and keys in the audio |
//! | [`receivers`] | which keys somebody hears in audio |
//! | [`picture`], [`spectrogram`] | audio to look at |
//! | [`rest`] | card numbers in what is left of a payment |
//! | [`live`] | real telephones and SIP peers, and Keyhush between them |
//! | [`https`] | a small HTTPS server for those whom Keyhush asks |
//! | [`crowd`] | thousands of agents' pages, and clients that are slow |
//! | [`psp_peers`] | other people's idea of a PSP: localstripe, Adyen's description |
//! | [`psp_sandbox`] | a PSP that takes no money and does whatever can happen |
//! | [`corpus`] | captures and messages that nobody here made |
#![forbid(unsafe_code)]
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

pub mod appliance;
pub mod corpus;
pub mod crowd;
pub mod faults;
pub mod frame;
pub mod https;
pub mod keyed_audio;
pub mod leg;
pub mod live;
pub mod picture;
pub mod played;
pub mod psp_peers;
pub mod psp_sandbox;
pub mod receivers;
pub mod rest;
pub mod rtp;
pub mod scene;
pub mod sdp;
pub mod seed;
pub mod seen;
pub mod spectrogram;
pub mod tshark;
