//! Internet checksums (RFC 1071) and their incremental update (RFC 1624).

use crate::frame::{self, Dissection, Udp};

/// The one's complement sum of `bytes` as big-endian 16-bit words, folded to 16 bits; an odd last byte counts as the
/// high half of a word. The region must start at an even offset of the checksummed data (RFC 1071 section 1).
pub fn sum(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut total: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    total += u64::from(u32::from_be_bytes(last));
    fold(total)
}

/// Adds the carries back in until 16 bits are left.
#[inline]
const fn fold(total: u64) -> u32 {
    let mut folded = total;
    while folded >> 16 != 0 {
        folded = (folded >> 16) + (folded & 0xffff);
    }
    folded as u32
}

/// The checksum after a region whose sum was `old_sum` has come to sum to `new_sum` (RFC 1624 equation 3). As UDP has
/// it (RFC 768): zero, no checksum, stays zero; a result of zero is sent as `0xffff`.
#[inline]
pub fn udp_update(checksum: [u8; 2], old_sum: u32, new_sum: u32) -> [u8; 2] {
    let before = u16::from_be_bytes(checksum);
    if before == 0 {
        return checksum;
    }
    let removed = !(fold(u64::from(old_sum)) as u16);
    let total = u64::from(!before) + u64::from(removed) + u64::from(new_sum);
    not_zero(!(fold(total) as u16)).to_be_bytes()
}

const fn not_zero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// Whether the UDP checksum is right, or absent. Over IPv6 with a routing header that has hops left, the pseudo-header
/// is not the sender's (RFC 8200 section 8.1) and this says no.
pub fn udp_verify(frame: &[u8], udp: &Udp) -> bool {
    let Some(datagram) = datagram(frame, udp) else { return false };
    matches!(datagram, [_, _, _, _, _, _, 0, 0, ..])
        || fold(pseudo_header(udp) + u64::from(sum(datagram))) == 0xffff
}

/// Computes the IPv4 header checksum and, in a whole datagram, the UDP checksum from scratch. For makers of frames.
pub fn udp_fill(frame: &mut [u8]) {
    if let Some(link) = frame::link(frame).filter(frame::Link::is_ipv4)
        && let Some(packet) = frame.get_mut(link.network_at..)
        && let Some(header_len) = packet.first().map(|first| usize::from(first & 0x0f) * 4)
        && let Some(header) = packet.get_mut(..header_len)
    {
        write(header, 10, [0, 0]);
        let checksum = !(sum(header) as u16);
        write(header, 10, checksum.to_be_bytes());
    }
    if let Dissection::Udp(udp) = frame::dissect(frame) {
        let at = usize::from(udp.checksum_at);
        write(frame, at, [0, 0]);
        let Some(datagram) = datagram(frame, &udp) else { return };
        let checksum = not_zero(!(fold(pseudo_header(&udp) + u64::from(sum(datagram))) as u16));
        write(frame, at, checksum.to_be_bytes());
    }
}

fn write(bytes: &mut [u8], at: usize, value: [u8; 2]) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&value);
    }
}

/// The datagram with its header.
fn datagram<'a>(frame: &'a [u8], udp: &Udp) -> Option<&'a [u8]> {
    let end = usize::from(udp.payload_at) + usize::from(udp.payload_len);
    frame.get(usize::from(udp.checksum_at).checked_sub(6)?..end)
}

/// RFC 768 and RFC 8200 section 8.1. The prefixes of two mapped IPv4 addresses add twice `0xffff`, which is nothing in
/// one's complement, so one formula serves both.
fn pseudo_header(udp: &Udp) -> u64 {
    let len = u64::from(udp.payload_len) + 8;
    u64::from(sum(&udp.source)) + u64::from(sum(&udp.destination)) + 17 + len
}
