//! Real telephones and SIP peers in network namespaces of their own, joined only by Keyhush.
//!
//! ```text
//!   sandbox      everything below lives in namespaces that the kernel removes with the process
//!   network      two hosts, caller and agent, each on a veth pair whose other half Keyhush takes
//!   process      a program with a log and an end
//!   keyhush      `keyhush run` and its console
//!   contact_centre  tenants, agents, certificate and store for it
//!   provider     who takes the money
//!   door         from the machine's own loopback into the sandbox
//!   agent        somebody at the page: signs in, takes payments, reads what is said
//!   plain_agent  the same without a page: requests alone, for many at once
//!   phone        baresip, driven over its `ctrl_tcp` module
//!   small_call   a call without telephones, of which one process carries many: voice, keys of every kind
//!   sipp         many calls at once, and one whose keys are INFO requests
//!   memory       what a process holds in its memory
//!   browser      headless Chromium, and axe-core in it
//!   certificate  made by itself, for what is served in the sandbox
//!   elsewhere    a call whose voice does not cross the wire
//!   capture      tshark on a host's own interface: what really arrived there
//!   card_call    the demo's story: a card number keyed without and with SecureMode
//!   tone_call    its second story: the same as tones in the audio, with files to hear and to see
//!   payment_call its third story: a payment, with a picture of each step
//! ```
//!
//! The demo (`live/demo.rs`) tells [`card_call`], [`tone_call`] and [`payment_call`], the tests (`live/main.rs`) assert them and more.
#![allow(clippy::disallowed_methods, reason = "an edge: real processes live in real time")]

pub mod agent;
pub mod browser;
pub mod capture;
pub mod card_call;
pub mod certificate;
pub mod contact_centre;
pub mod door;
pub mod elsewhere;
pub mod http;
pub mod keyhush;
pub mod memory;
pub mod network;
pub mod payment_call;
pub mod phone;
pub mod plain_agent;
pub mod process;
pub mod provider;
pub mod recordings;
pub mod sandbox;
pub mod sipp;
pub mod small_call;
pub mod tone_call;
pub mod trouble;

pub use trouble::{During, Trouble};

/// What everything here answers.
pub type Outcome<T> = Result<T, Trouble>;
