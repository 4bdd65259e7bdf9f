//! A frame read plainly: what a receiver would make of it. Shares nothing with the room `wire`.

use core::net::{IpAddr, SocketAddr};
use core::ops::Range;

use crate::frame::{ones_complement, udp_checksum};

/// A UDP datagram in a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The VLAN identifiers, outermost first.
    pub vlans: Vec<u16>,
    /// Where it came from.
    pub source: SocketAddr,
    /// Where it goes.
    pub destination: SocketAddr,
    /// Where its payload is in the frame.
    pub payload: Range<usize>,
    /// Whether the IPv4 header checksum and the UDP checksum are right.
    pub checksums_verify: bool,
}

impl Seen {
    /// The datagram of a frame; `None` for anything else, fragments included.
    pub fn of(frame: &[u8]) -> Option<Seen> {
        let mut at = 12;
        let mut vlans = Vec::new();
        while matches!(frame.get(at..at + 2)?, [0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00]) {
            vlans.push(u16::from_be_bytes([frame[at + 2], *frame.get(at + 3)?]) & 0xfff);
            at += 4;
        }
        let ip_at = at + 2;
        let (source, destination, udp, header_verifies): (IpAddr, IpAddr, Range<usize>, bool) =
            match frame.get(at..ip_at)? {
                [0x08, 0x00] => {
                    let header_length = usize::from(frame.get(ip_at)? & 15) * 4;
                    let header = frame.get(ip_at..ip_at + header_length)?;
                    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
                    if header[9] != 17 || (header[6] & 0x3f) != 0 || header[7] != 0 {
                        return None;
                    }
                    let source: [u8; 4] = header[12..16].try_into().ok()?;
                    let destination: [u8; 4] = header[16..20].try_into().ok()?;
                    let udp = ip_at + header_length..ip_at + length;
                    (source.into(), destination.into(), udp, ones_complement(&[header]) == 0)
                }
                [0x86, 0xdd] => {
                    let header = frame.get(ip_at..ip_at + 40)?;
                    if header[6] != 17 {
                        return None;
                    }
                    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                    let source: [u8; 16] = header[8..24].try_into().ok()?;
                    let destination: [u8; 16] = header[24..40].try_into().ok()?;
                    (source.into(), destination.into(), ip_at + 40..ip_at + 40 + length, true)
                }
                _ => return None,
            };
        let datagram = frame.get(udp.clone()).filter(|datagram| datagram.len() >= 8)?;
        let port = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
        let summed = datagram[6..8] == [0, 0] || udp_checksum(source, destination, datagram) == 0;
        Some(Seen {
            vlans,
            source: SocketAddr::new(source, port(0)),
            destination: SocketAddr::new(destination, port(2)),
            payload: udp.start + 8..udp.end,
            checksums_verify: summed && header_verifies,
        })
    }
}

/// The telephone-event blocks of an RTP payload of the event format: event, end and volume, duration.
pub fn event_blocks(payload: &[u8]) -> impl Iterator<Item = (u8, u8, u16)> {
    payload.chunks_exact(4).map(|block| (block[0], block[1], u16::from_be_bytes([block[2], block[3]])))
}

/// Payload type and payload of an RTP packet without CSRC, extension and padding, as the tests' streams send it.
pub fn rtp(datagram: &[u8]) -> Option<(u8, &[u8])> {
    match datagram {
        [0x80, second, ..] if !(192..=223).contains(second) => Some((second & 0x7f, datagram.get(12..)?)),
        _ => None,
    }
}

/// The blocks of a redundancy payload (RFC 2198 section 3), oldest first, the primary last.
pub fn redundancy(payload: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut headers = Vec::new();
    let mut at = 0;
    while payload.get(at)? & 0x80 != 0 {
        let length = usize::from(u16::from_be_bytes([*payload.get(at + 2)?, *payload.get(at + 3)?]) & 0x3ff);
        headers.push((payload[at] & 0x7f, Some(length)));
        at += 4;
    }
    headers.push((payload[at], None));
    at += 1;
    let mut blocks = Vec::new();
    for (payload_type, length) in headers {
        let end = length.map_or(payload.len(), |length| at + length);
        blocks.push((payload_type, payload.get(at..end)?));
        at = end;
    }
    Some(blocks)
}
