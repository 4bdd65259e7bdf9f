//! Views over packets: what a frame, an RTP packet or a SIP message is, read in place.
//!
//! The guarantee of every view here: whatever the bytes are, making it yields a value or a typed error, and once it is
//! made no accessor panics, allocates or copies a payload. Nothing here keeps state, knows the time or judges.
//!
//! | module | reads | source |
//! |---|---|---|
//! | [`buffer`] | what holds a frame | |
//! | [`frame`] | Ethernet, VLAN tags, IPv4, IPv6, UDP, fragments: one pass | IEEE 802.3, 802.1Q, RFC 791, 8200, 768 |
//! | [`checksum`] | Internet checksums, and their incremental update | RFC 1071, 1624 |
//! | [`rtp`] | RTP, and what tells RTCP from it | RFC 3550, 5761 |
//! | [`telephone_event`] | event blocks | RFC 4733 |
//! | [`redundancy`] | redundant audio and events | RFC 2198 |
//! | [`sip`] | SIP messages over UDP | RFC 3261, 3265, 3891, 4028 |
//! | [`sdp`] | session descriptions | RFC 8866, 3264 |
#![forbid(unsafe_code)]

pub mod buffer;
pub mod checksum;
pub mod frame;
pub mod redundancy;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod telephone_event;
