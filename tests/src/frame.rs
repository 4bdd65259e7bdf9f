//! Frames from the inside out, with right checksums.

use core::net::{IpAddr, SocketAddr};

use handover::Side;

/// A VLAN tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// `0x8100`, `0x88a8` or `0x9100`.
    pub ether_type: u16,
    /// The identifier, 1–4094.
    pub vlan: u16,
}

impl Tag {
    /// An 802.1Q tag.
    pub const fn dot1q(vlan: u16) -> Tag {
        Tag { ether_type: 0x8100, vlan }
    }

    /// An 802.1ad service tag.
    pub const fn service(vlan: u16) -> Tag {
        Tag { ether_type: 0x88a8, vlan }
    }
}

/// The station on a side: the router there.
pub const fn station(side: Side) -> [u8; 6] {
    match side {
        Side::Carrier => [2, 0, 0, 0, 0, 0x0c],
        Side::Customer => [2, 0, 0, 0, 0, 0x0a],
    }
}

/// An Ethernet frame that came from the station on `from`.
pub fn ethernet(from: Side, tags: &[Tag], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 22);
    frame.extend(station(from.opposite()));
    frame.extend(station(from));
    for tag in tags {
        frame.extend(tag.ether_type.to_be_bytes());
        frame.extend((tag.vlan | 0xa000).to_be_bytes());
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A UDP datagram in a frame. IPv4's `identification` only matters for fragments.
pub fn udp(
    from: Side,
    tags: &[Tag],
    source: SocketAddr,
    destination: SocketAddr,
    identification: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(payload.len() + 8);
    datagram.extend(source.port().to_be_bytes());
    datagram.extend(destination.port().to_be_bytes());
    datagram.extend(u16::try_from(payload.len() + 8).expect("a datagram").to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let checksum = match udp_checksum(source.ip(), destination.ip(), &datagram) {
        0 => 0xffff,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
    ip(from, tags, source.ip(), destination.ip(), 17, identification, &datagram)
}

/// An IP packet in a frame.
pub fn ip(
    from: Side,
    tags: &[Tag],
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u16,
    payload: &[u8],
) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut packet = vec![0x45, 0xb8];
            packet.extend(u16::try_from(payload.len() + 20).expect("a packet").to_be_bytes());
            packet.extend(identification.to_be_bytes());
            packet.extend([0, 0, 57, protocol, 0, 0]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            fill_header_checksum(&mut packet);
            packet.extend(payload);
            ethernet(from, tags, 0x0800, &packet)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut packet = vec![0x6b, 0x80, 0x12, 0x34];
            packet.extend(u16::try_from(payload.len()).expect("a packet").to_be_bytes());
            packet.extend([protocol, 57]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            packet.extend(payload);
            ethernet(from, tags, 0x86dd, &packet)
        }
        _ => panic!("both addresses are of one version"),
    }
}

fn fill_header_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let sum = ones_complement(&[header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// The frame's IP packet in fragments that carry at most `most` bytes each (a multiple of eight).
pub fn fragments(frame: &[u8], most: usize) -> Vec<Vec<u8>> {
    assert!(most >= 8 && most.is_multiple_of(8), "offsets count in units of eight bytes");
    let mut at = 12;
    while matches!(frame[at..at + 2], [0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00]) {
        at += 4;
    }
    let is_v4 = frame[at..at + 2] == [0x08, 0x00];
    let header_end = at + 2 + if is_v4 { 20 } else { 40 };
    let (head, payload) = frame.split_at(header_end);
    let count = payload.len().div_ceil(most);
    payload
        .chunks(most)
        .enumerate()
        .map(|(number, chunk)| {
            let more = number + 1 < count;
            let offset = u16::try_from(number * most).expect("below 64 KiB");
            let mut fragment = head.to_vec();
            if is_v4 {
                let ip = &mut fragment[at + 2..];
                ip[2..4].copy_from_slice(&(chunk.len() as u16 + 20).to_be_bytes());
                ip[6..8].copy_from_slice(&((offset / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
                fill_header_checksum(ip);
            } else {
                // RFC 8200 section 4.5: the identification must differ between datagrams; the flow's bytes are taken.
                let next = fragment[at + 2 + 6];
                fragment[at + 2 + 6] = 44;
                fragment[at + 2 + 4..at + 2 + 6].copy_from_slice(&(chunk.len() as u16 + 8).to_be_bytes());
                fragment.extend([next, 0]);
                fragment.extend((offset | u16::from(more)).to_be_bytes());
                fragment.extend(ones_complement(&[payload]).to_be_bytes());
                fragment.extend((payload.len() as u16).to_be_bytes());
            }
            fragment.extend(chunk);
            fragment
        })
        .collect()
}

/// The UDP checksum of a datagram, as a receiver sums it: 0 where the datagram's own field is right.
pub fn udp_checksum(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> u16 {
    let length = (datagram.len() as u32).to_be_bytes();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ones_complement(&[&source.octets(), &destination.octets(), &[0, 17], &length, datagram])
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            ones_complement(&[&source.octets(), &destination.octets(), &[0, 0, 0, 17], &length, datagram])
        }
        _ => panic!("both addresses are of one version"),
    }
}

/// RFC 1071, the slow and plain way. All parts but the last have an even length.
pub fn ones_complement(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
    }
    !(sum as u16)
}
