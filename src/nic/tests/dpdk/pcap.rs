//! Captures as ports.

use std::path::Path;

use nic::{Burst, Pool, PortConfig};
use wire::buffer::Buffer as _;

use crate::own_process::{Scratch, alone, eal};
use crate::traffic::frames;

/// A classic capture file, little-endian, microseconds, Ethernet.
fn write(path: &Path, frames: &[Vec<u8>]) {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        let length = frame.len() as u32;
        for word in [1, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    std::fs::write(path, file).unwrap();
}

fn read(path: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::read(path).unwrap();
    let mut rest = &file[24..];
    let mut frames = Vec::new();
    while let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *rest {
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        frames.push(rest[16..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    frames
}

#[test]
fn a_capture_goes_through_unchanged() {
    alone("pcap::a_capture_goes_through_unchanged", || {
        let scratch = Scratch::new("capture");
        let (input, output) = (scratch.path().join("in.pcap"), scratch.path().join("out.pcap"));
        let sent = frames();
        write(&input, &sent);
        let eal =
            eal(&[&format!("net_pcap0,rx_pcap={},tx_pcap={}", input.display(), output.display())]).unwrap();
        // So small that most frames are chained.
        let pool = Pool::new(&eal, "packets", 8_191, 0, 256, None).unwrap();
        let config = PortConfig { mtu: 9_000, ..PortConfig::default() };
        let mut port = eal.port_named("net_pcap0").unwrap().start(&config, &pool).unwrap();
        assert_eq!(port.driver(), "net_pcap");
        let (mut rx, mut tx) = (port.take_rx_queues().remove(0), port.take_tx_queues().remove(0));
        let (mut burst, mut chained) = (Burst::new(), 0);
        while rx.receive(&mut burst) > 0 {
            chained += burst.iter().filter(|packet| packet.is_chained()).count();
            tx.transmit(&mut burst);
            assert!(burst.is_empty());
        }
        assert_eq!(chained, sent.iter().filter(|frame| frame.len() > 256).count());
        assert_eq!(pool.available(), pool.size());
        drop((rx, tx, port, pool, eal));
        assert!(read(&output) == sent);
    });
}

/// Benchmarks run on it: the capture repeats for ever, and its packets go home at the end.
#[test]
fn a_capture_repeats_without_end() {
    alone("pcap::a_capture_repeats_without_end", || {
        let scratch = Scratch::new("endless");
        let input = scratch.path().join("in.pcap");
        write(&input, &(0..100).map(|n| vec![n; 214]).collect::<Vec<_>>());
        let eal = eal(&[&format!("net_pcap0,rx_pcap={},infinite_rx=1", input.display())]).unwrap();
        let pool = Pool::new(&eal, "packets", 1_023, 64, 2_048, None).unwrap();
        let mut port = eal.port_named("net_pcap0").unwrap().start(&PortConfig::default(), &pool).unwrap();
        let (mut rx, mut tx) = (port.take_rx_queues().remove(0), port.take_tx_queues().remove(0));
        let (mut burst, mut count) = (Burst::new(), 0);
        for _ in 0..100 {
            count += rx.receive(&mut burst);
            assert!(burst.iter().all(|packet| packet.bytes().len() == 214));
            tx.transmit(&mut burst);
        }
        assert!(count > 1_000, "{count}");
        drop((rx, tx, port));
    });
}
