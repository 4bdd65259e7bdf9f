//! What a frame is, found in one pass: Ethernet, up to two VLAN tags, IPv4 or IPv6, UDP or a fragment.
//!
//! [`dissect`] runs for every packet, so it copies nothing but addresses, and lengths are checked once per header.
//! The IPv4 header checksum is not verified: whoever receives the frame judges it.

use crate::checksum;

/// What stands for an absent VLAN tag; no VLAN identifier has more than 12 bits.
pub const NO_VLAN: u16 = u16::MAX;

/// What was found in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dissection {
    /// A whole UDP datagram.
    Udp(Udp),
    /// A part of an IP datagram, first parts included.
    Fragment(Fragment),
    /// TCP: only its ports are of concern, to count SIP over TCP.
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// Anything else: not IP, tunnelled, more than two tags, another transport, or longer than 65 535 bytes.
    Other,
    /// Headers that contradict the frame's length or themselves; runts.
    Malformed,
}

/// Where a UDP datagram lies in its frame, and between whom it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Udp {
    /// VLAN identifiers, outer and inner; [`NO_VLAN`] where a tag is absent.
    pub vlan: [u16; 2],
    /// Source address; IPv4 as `::ffff:a.b.c.d`.
    pub source: [u8; 16],
    /// Source port.
    pub source_port: u16,
    /// Destination address; IPv4 as `::ffff:a.b.c.d`. With an IPv6 routing header, the next hop.
    pub destination: [u8; 16],
    /// Destination port.
    pub destination_port: u16,
    /// Offset of the UDP checksum in the frame.
    pub checksum_at: u16,
    /// Offset of the UDP payload in the frame. Its parity is that of `checksum_at`, so a sum may start at either.
    pub payload_at: u16,
    /// Length of the payload by the UDP length field.
    pub payload_len: u16,
}

impl Udp {
    /// The payload; empty if `frame` is shorter than the one that was dissected.
    #[inline]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        slice(frame, self.payload_at, self.payload_len)
    }

    /// The payload, to be changed in place; empty if `frame` is shorter than the one that was dissected.
    #[inline]
    pub fn payload_mut<'a>(&self, frame: &'a mut [u8]) -> &'a mut [u8] {
        let start = usize::from(self.payload_at);
        frame.get_mut(start..start + usize::from(self.payload_len)).unwrap_or_default()
    }

    /// Brings the checksum up to date after the payload's [`checksum::sum`] has gone from `before` to `after`.
    #[inline]
    pub fn update_checksum(&self, frame: &mut [u8], before: u32, after: u32) {
        if let Some(field) = frame.get_mut(usize::from(self.checksum_at)..)
            && let Some(field) = field.first_chunk_mut()
        {
            *field = checksum::udp_update(*field, before, after);
        }
    }
}

/// A part of an IP datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// VLAN identifiers, outer and inner; [`NO_VLAN`] where a tag is absent.
    pub vlan: [u16; 2],
    /// Source address; IPv4 as `::ffff:a.b.c.d`.
    pub source: [u8; 16],
    /// Destination address; IPv4 as `::ffff:a.b.c.d`.
    pub destination: [u8; 16],
    /// The datagram it is part of: 16 bits in IPv4, 32 in IPv6.
    pub identification: u32,
    /// IPv4's protocol, or the next header that the IPv6 fragment header names.
    pub protocol: u8,
    /// Where this part starts in the datagram's IP payload (IPv6: in its fragmentable part), in bytes.
    pub offset: u16,
    /// Whether more parts follow.
    pub more: bool,
    /// Offset of this part's bytes in the frame.
    pub payload_at: u16,
    /// How many they are.
    pub payload_len: u16,
}

impl Fragment {
    /// The bytes of this part; empty if `frame` is shorter than the one that was dissected.
    #[inline]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        slice(frame, self.payload_at, self.payload_len)
    }

    /// The bytes of this part, to be changed in place; empty if `frame` is shorter than the one that was dissected.
    #[inline]
    pub fn payload_mut<'a>(&self, frame: &'a mut [u8]) -> &'a mut [u8] {
        let start = usize::from(self.payload_at);
        frame.get_mut(start..start + usize::from(self.payload_len)).unwrap_or_default()
    }
}

#[inline]
fn slice(frame: &[u8], at: u16, len: u16) -> &[u8] {
    let start = usize::from(at);
    frame.get(start..start + usize::from(len)).unwrap_or_default()
}

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;
const UDP_LEN: usize = 8;
const TCP_MIN_LEN: usize = 20;
const IPV4_MIN_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
/// No sender needs more; a frame with more is not read.
const MAX_EXTENSION_HEADERS: usize = 8;

#[inline]
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100)
}

/// The bytes before the network layer.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    pub(crate) vlan: [u16; 2],
    pub(crate) ethertype: u16,
    /// Where the network layer starts; within the frame or at its end.
    pub(crate) network_at: usize,
}

impl Link {
    pub(crate) const fn is_ipv4(&self) -> bool {
        self.ethertype == ETHERTYPE_IPV4
    }
}

/// Reads Ethernet and up to two tags; `None` where the frame ends before. A third tag's type is left as the ethertype.
#[inline]
pub(crate) fn link(frame: &[u8]) -> Option<Link> {
    let header: &[u8; ETHERNET_LEN] = frame.first_chunk()?;
    let mut found = Link {
        vlan: [NO_VLAN; 2],
        ethertype: u16::from_be_bytes([header[12], header[13]]),
        network_at: ETHERNET_LEN,
    };
    let mut slot = 0;
    for _ in 0..2 {
        if !is_tag(found.ethertype) {
            break;
        }
        let tag: &[u8; TAG_LEN] = frame.get(found.network_at..)?.first_chunk()?;
        let vlan = u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff;
        // Identifier 0 says a priority and names no VLAN (IEEE 802.1Q section 9.6).
        if vlan != 0 {
            found.vlan[slot] = vlan;
            slot += 1;
        }
        found.ethertype = u16::from_be_bytes([tag[2], tag[3]]);
        found.network_at += TAG_LEN;
    }
    Some(found)
}

/// What `frame` is. Never panics, whatever the bytes.
#[inline]
pub fn dissect(frame: &[u8]) -> Dissection {
    if frame.len() > usize::from(u16::MAX) {
        return Dissection::Other;
    }
    let Some(link) = link(frame) else { return Dissection::Malformed };
    match link.ethertype {
        ETHERTYPE_IPV4 => ipv4(frame, &link),
        ETHERTYPE_IPV6 => ipv6(frame, &link).unwrap_or(Dissection::Malformed),
        _ => Dissection::Other,
    }
}

/// VLAN identifiers and destination address of an IP packet of which only the first bytes can be read; `None` where even
/// these are missing or it is not IP.
pub fn destination(frame: &[u8]) -> Option<([u16; 2], [u8; 16])> {
    let link = link(frame)?;
    let packet = frame.get(link.network_at..)?;
    let address = match link.ethertype {
        ETHERTYPE_IPV4 => mapped(packet.get(16..)?.first_chunk().copied()?),
        ETHERTYPE_IPV6 => packet.get(24..)?.first_chunk().copied()?,
        _ => return None,
    };
    Some((link.vlan, address))
}

/// In registers, as one number: written byte by byte and read as a whole, it would wait for the store buffer.
#[inline]
const fn mapped(address: [u8; 4]) -> [u8; 16] {
    (0xffff_0000_0000 | u32::from_be_bytes(address) as u128).to_be_bytes()
}

/// An IP datagram's payload, its length checked against the frame.
#[derive(Clone, Copy)]
struct Payload<'a> {
    bytes: &'a [u8],
    /// Where it starts in the frame.
    at: usize,
}

impl Payload<'_> {
    fn skip(&mut self, len: usize) -> Option<()> {
        self.bytes = self.bytes.get(len..)?;
        self.at += len;
        Some(())
    }
}

/// RFC 791 section 3.1.
#[inline(always)]
fn ipv4(frame: &[u8], link: &Link) -> Dissection {
    let packet = frame.get(link.network_at..).unwrap_or_default();
    let Some(header) = packet.first_chunk::<IPV4_MIN_LEN>() else { return Dissection::Malformed };
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] >> 4 != 4 || header_len < IPV4_MIN_LEN {
        return Dissection::Malformed;
    }
    // Bytes after the total length are Ethernet's padding.
    let Some(bytes) = packet.get(header_len..total_len) else { return Dissection::Malformed };
    let payload = Payload { bytes, at: link.network_at + header_len };
    let source = mapped([header[12], header[13], header[14], header[15]]);
    let destination = mapped([header[16], header[17], header[18], header[19]]);
    let protocol = header[9];
    let fragmentation = u16::from_be_bytes([header[6], header[7]]);
    // More-fragments flag and offset; neither the reserved bit nor don't-fragment makes a fragment.
    if fragmentation & 0x3fff != 0 {
        return Dissection::Fragment(Fragment {
            vlan: link.vlan,
            source,
            destination,
            identification: u32::from(u16::from_be_bytes([header[4], header[5]])),
            protocol,
            offset: (fragmentation & 0x1fff) << 3,
            more: fragmentation & 0x2000 != 0,
            payload_at: payload.at as u16,
            payload_len: payload.bytes.len() as u16,
        });
    }
    transport(link, source, destination, payload, protocol)
}

/// RFC 8200 sections 3 and 4. `None`: lengths that do not fit.
fn ipv6(frame: &[u8], link: &Link) -> Option<Dissection> {
    let packet = frame.get(link.network_at..)?;
    let header: &[u8; IPV6_LEN] = packet.first_chunk()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let bytes = packet.get(IPV6_LEN..IPV6_LEN + payload_len)?;
    let mut payload = Payload { bytes, at: link.network_at + IPV6_LEN };
    let source = header[8..].first_chunk().copied()?;
    let destination = header[24..].first_chunk().copied()?;
    let mut next_header = header[6];
    for _ in 0..MAX_EXTENSION_HEADERS {
        let extension_len = match next_header {
            // Hop-by-hop, routing, destination options: length in units of 8 bytes, the first not counted.
            0 | 43 | 60 => {
                let extension: &[u8; 8] = payload.bytes.first_chunk()?;
                next_header = extension[0];
                8 + usize::from(extension[1]) * 8
            }
            44 => {
                let extension: &[u8; 8] = payload.bytes.first_chunk()?;
                next_header = extension[0];
                let field = u16::from_be_bytes([extension[2], extension[3]]);
                let (offset, more) = (field & 0xfff8, field & 1 != 0);
                // RFC 6946: an atomic fragment is a whole datagram.
                if offset != 0 || more {
                    payload.skip(8)?;
                    return Some(Dissection::Fragment(Fragment {
                        vlan: link.vlan,
                        source,
                        destination,
                        identification: u32::from_be_bytes([
                            extension[4],
                            extension[5],
                            extension[6],
                            extension[7],
                        ]),
                        protocol: next_header,
                        offset,
                        more,
                        payload_at: payload.at as u16,
                        payload_len: payload.bytes.len() as u16,
                    }));
                }
                8
            }
            _ => return Some(transport(link, source, destination, payload, next_header)),
        };
        payload.skip(extension_len)?;
    }
    Some(Dissection::Other)
}

#[inline(always)]
fn transport(
    link: &Link,
    source: [u8; 16],
    destination: [u8; 16],
    payload: Payload<'_>,
    protocol: u8,
) -> Dissection {
    match protocol {
        PROTOCOL_UDP => {
            let Some(header) = payload.bytes.first_chunk::<UDP_LEN>() else { return Dissection::Malformed };
            let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
            // RFC 768: the length counts the header; what IP carries beyond it is no payload.
            if len < UDP_LEN || len > payload.bytes.len() {
                return Dissection::Malformed;
            }
            Dissection::Udp(Udp {
                vlan: link.vlan,
                source,
                source_port: u16::from_be_bytes([header[0], header[1]]),
                destination,
                destination_port: u16::from_be_bytes([header[2], header[3]]),
                checksum_at: (payload.at + 6) as u16,
                payload_at: (payload.at + UDP_LEN) as u16,
                payload_len: (len - UDP_LEN) as u16,
            })
        }
        PROTOCOL_TCP => match payload.bytes.first_chunk::<TCP_MIN_LEN>() {
            Some(header) => Dissection::Tcp {
                src_port: u16::from_be_bytes([header[0], header[1]]),
                dst_port: u16::from_be_bytes([header[2], header[3]]),
            },
            None => Dissection::Malformed,
        },
        _ => Dissection::Other,
    }
}
