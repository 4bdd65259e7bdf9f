//! Frames of all sorts, and what to do with them.

use nic::{Burst, Mbuf, Pool, RxQueue, TxQueue};
use wire::buffer::Buffer as _;

/// Bytes that look random, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Runts, ordinary frames, VLAN, QinQ (both kinds of outer tag), jumbo, and oddities of the link.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let mut frames: Vec<_> = (1..=70)
        .chain([214, 1_513, 1_514, 1_518, 1_522, 4_000, 9_014, 9_022])
        .map(|n| noise(n, n as usize))
        .collect();
    for (kind, tags) in [
        ("vlan", vec![0x8100]),
        ("qinq", vec![0x88a8, 0x8100]),
        ("old qinq", vec![0x9100, 0x8100]),
        ("three", vec![0x88a8, 0x8100, 0x8100]),
    ] {
        for length in [60, 214, 1_522, 9_022] {
            let mut frame = noise(length as u64 + kind.len() as u64, length);
            for (tag, at) in tags.iter().zip((12..).step_by(4)) {
                frame[at..at + 2].copy_from_slice(&u16::to_be_bytes(*tag));
            }
            frames.push(frame);
        }
    }
    for ethertype in [0x0806u16, 0x88cc, 0x86dd, 0x0800, 0x8847, 0x0026] {
        let mut frame = noise(ethertype.into(), 60);
        frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
        frames.push(frame);
    }
    frames
}

/// The bytes of a frame, all its segments together.
pub(crate) fn whole(packet: &Mbuf) -> Vec<u8> {
    let bytes: Vec<u8> = packet.segments().flatten().copied().collect();
    assert_eq!(bytes.len(), packet.frame_len() as usize);
    bytes
}

pub(crate) fn burst_of(pool: &Pool, frames: &[Vec<u8>]) -> Burst {
    let mut burst = Burst::new();
    for frame in frames {
        let packet = pool.alloc(frame).unwrap();
        assert_eq!(packet.is_chained(), frame.len() > pool.data_room().into());
        burst.push(packet).unwrap();
    }
    burst
}

/// Sends everything and receives it again, burst by burst.
pub(crate) fn loop_through(
    pool: &Pool,
    tx: &mut TxQueue,
    rx: &mut RxQueue,
    frames: &[Vec<u8>],
) -> Vec<Vec<u8>> {
    let mut back = Vec::new();
    let mut received = Burst::new();
    for some in frames.chunks(Burst::CAPACITY) {
        let mut burst = burst_of(pool, some);
        assert_eq!(tx.transmit(&mut burst), some.len());
        assert!(burst.is_empty());
        while rx.receive(&mut received) > 0 {
            back.extend(received.drain().map(|packet| whole(&packet)));
        }
    }
    back
}
