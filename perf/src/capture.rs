//! The traffic: two captures of G.711 RTP, one a side of the wire.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use handover::{Endpoint, Side};
use wire::checksum;

use crate::aftermath::Aftermath;
use crate::failure::Failure;

/// Packets of each flow in the capture, one after another in time with those of the other flows between.
pub(crate) const PACKETS_A_FLOW: u16 = 4;
/// 20 ms at 8 kHz.
pub(crate) const SAMPLES: usize = 160;
/// The frames' length: Ethernet, IPv4, UDP, RTP, samples.
pub(crate) const FRAME: usize = 14 + 20 + 8 + 12 + SAMPLES;

/// The captures, in a directory that is removed at the end.
pub(crate) struct Capture {
    /// Also given to EAL for its files, which testpmd would leave behind.
    pub(crate) directory: PathBuf,
    /// What arrives on the carrier side, and on the customer side.
    pub(crate) files: [PathBuf; 2],
    /// Removes the directory.
    _removal: Aftermath,
}

impl Capture {
    pub(crate) fn new(calls: u16) -> Result<Capture, Failure> {
        let directory = std::env::temp_dir().join(format!("keyhush-perf-{}", std::process::id()));
        fs::create_dir_all(&directory).map_err(Failure::io(directory.display().to_string()))?;
        let files = ["carrier.pcap", "customer.pcap"].map(|name| directory.join(name));
        let removal =
            Aftermath::new("rm -rf -- \"$1\"", &directory.to_string_lossy()).map_err(Failure::io("sh"))?;
        let capture = Capture { directory, files, _removal: removal };
        for (file, from) in capture.files.iter().zip([Side::Carrier, Side::Customer]) {
            fs::write(file, packets(calls, from)).map_err(Failure::io(file.display().to_string()))?;
        }
        Ok(capture)
    }

    /// Packets in both files together; `net_pcap` keeps them all in memory.
    pub(crate) fn packets(calls: u16) -> u32 {
        2 * u32::from(calls) * u32::from(PACKETS_A_FLOW)
    }
}

/// Numbers the frames of an endless capture on: in each lap it comes with the numbers and times of the first one, which in
/// SecureMode would be packets that come twice. Their checksums are left as they were; nobody looks at them.
#[derive(Default)]
pub(crate) struct Renumbering {
    received: u64,
}

impl Renumbering {
    /// The next frame of a capture of so many calls.
    pub(crate) fn number(&mut self, calls: u16, frame: &mut [u8]) {
        const RTP: usize = FRAME - SAMPLES - 12;
        let lap = self.received / (u64::from(calls) * u64::from(PACKETS_A_FLOW));
        self.received += 1;
        let packets = lap.wrapping_mul(PACKETS_A_FLOW.into());
        let Some(header) = frame.get_mut(RTP..).and_then(|rtp| rtp.first_chunk_mut::<12>()) else { return };
        let [_, _, high, low, a, b, c, d, ..] = header;
        let sequence = u16::from_be_bytes([*high, *low]).wrapping_add(packets as u16);
        let samples = packets.wrapping_mul(SAMPLES as u64) as u32;
        let timestamp = u32::from_be_bytes([*a, *b, *c, *d]).wrapping_add(samples);
        [*high, *low] = sequence.to_be_bytes();
        [*a, *b, *c, *d] = timestamp.to_be_bytes();
    }
}

/// Where a call's RTP from the other side is received on this one.
pub(crate) fn endpoint(call: u16, side: Side) -> Endpoint {
    let [high, low] = call.to_be_bytes();
    let host = Ipv4Addr::new(10, 1 + side as u8, high, low);
    Endpoint::new(host.into(), 16_384 + 2 * (call % 8_192))
}

fn packets(calls: u16, from: Side) -> Vec<u8> {
    let mut file = Vec::new();
    // A classic capture: little-endian, microseconds, version 2.4, Ethernet.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for packet in 0..PACKETS_A_FLOW {
        for call in 0..calls {
            for word in [u32::from(packet), u32::from(call), FRAME as u32, FRAME as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame(call, packet, from));
        }
    }
    file
}

fn frame(call: u16, packet: u16, from: Side) -> Vec<u8> {
    let (source, destination) = (endpoint(call, from), endpoint(call, from.opposite()));
    let mut frame = Vec::with_capacity(FRAME);
    frame.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00]);
    let ip_length = (FRAME - 14) as u16;
    frame.extend([0x45, 0]);
    frame.extend(ip_length.to_be_bytes());
    // Identification, no fragment, 64 hops, UDP, checksum to be filled in.
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    for end in [source, destination] {
        frame.extend(&end.address[12..]);
    }
    for end in [source, destination] {
        frame.extend(end.port.to_be_bytes());
    }
    frame.extend((ip_length - 20).to_be_bytes());
    frame.extend([0, 0]);
    // RTP version 2, payload type 0 (PCMU).
    frame.extend([0x80, 0]);
    frame.extend(packet.to_be_bytes());
    frame.extend((u32::from(packet) * SAMPLES as u32).to_be_bytes());
    frame.extend(((u32::from(call) << 1) | from as u32).to_be_bytes());
    frame.extend(samples(u32::from(call) * 31 + u32::from(packet) * 7 + from as u32));
    checksum::udp_fill(&mut frame);
    frame
}

/// µ-law noise.
fn samples(seed: u32) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    (0..SAMPLES).map(move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::frame::{Dissection, dissect};

    #[test]
    fn frames_are_rtp_between_the_calls_endpoints() {
        for (call, packet, from) in [(0, 0, Side::Carrier), (19_999, 3, Side::Customer)] {
            let frame = frame(call, packet, from);
            assert_eq!(frame.len(), 214);
            let Dissection::Udp(udp) = dissect(&frame) else { unreachable!("UDP was written") };
            assert_eq!(
                Endpoint { address: udp.destination, port: udp.destination_port },
                endpoint(call, from.opposite())
            );
            assert!(checksum::udp_verify(&frame, &udp));
            assert!(wire::rtp::is_rtp(udp.payload(&frame)));
        }
    }

    #[test]
    fn flows_differ() {
        let ends: std::collections::BTreeSet<_> =
            (0..20_000).map(|call| endpoint(call, Side::Carrier)).collect();
        assert_eq!(ends.len(), 20_000);
    }
}
