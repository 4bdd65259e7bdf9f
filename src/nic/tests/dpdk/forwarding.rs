//! What goes through the ports, bit for bit.

use nic::{Burst, Pool, PortConfig};
use wire::buffer::Buffer as _;

use crate::own_process::{alone, eal};
use crate::traffic::{burst_of, frames, loop_through, noise, whole};

#[test]
fn every_frame_comes_back_bit_for_bit() {
    alone("forwarding::every_frame_comes_back_bit_for_bit", || {
        let eal = eal(&["net_ring0"]).unwrap();
        for (name, data_room) in [("roomy", 9_216), ("chained", 512)] {
            let pool = Pool::new(&eal, name, 2_047, 64, data_room, None).unwrap();
            let config = PortConfig { mtu: 9_000, ..PortConfig::default() };
            let mut port = eal.port_named("net_ring0").unwrap().start(&config, &pool).unwrap();
            let (mut rx, mut tx) = (port.take_rx_queues().remove(0), port.take_tx_queues().remove(0));
            let sent = frames();
            let back = loop_through(&pool, &mut tx, &mut rx, &sent);
            assert!(back == sent, "{name}: {} of {} frames, or not the same", back.len(), sent.len());
            assert_eq!(pool.available(), pool.size(), "{name}");
            let stats = port.stats().unwrap();
            assert!(stats.ipackets >= sent.len() as u64 && stats.opackets >= sent.len() as u64, "{stats:?}");
        }
    });
}

#[test]
fn what_could_not_be_sent_stays_in_order() {
    alone("forwarding::what_could_not_be_sent_stays_in_order", || {
        let eal = eal(&["net_ring0"]).unwrap();
        let pool = Pool::new(&eal, "packets", 2_047, 0, 2_048, None).unwrap();
        let mut port = eal.port_named("net_ring0").unwrap().start(&PortConfig::default(), &pool).unwrap();
        let (mut rx, mut tx) = (port.take_rx_queues().remove(0), port.take_tx_queues().remove(0));
        let frame = |n: u32| n.to_be_bytes().repeat(16);
        // The device's ring holds 1023 packets.
        let mut numbers = 0..;
        for _ in 0..20 {
            let some: Vec<_> = numbers.by_ref().take(50).map(frame).collect();
            assert_eq!(tx.transmit(&mut burst_of(&pool, &some)), 50);
        }
        let some: Vec<_> = numbers.by_ref().take(60).map(frame).collect();
        let mut burst = burst_of(&pool, &some);
        assert_eq!(tx.transmit(&mut burst), 23);
        assert_eq!(burst.iter().map(whole).collect::<Vec<_>>(), some[23..]);
        assert_eq!(tx.transmit(&mut burst), 0);
        assert_eq!(burst.len(), 37);

        let mut back = Vec::new();
        let mut received = Burst::new();
        while rx.receive(&mut received) > 0 {
            back.extend(received.drain().map(|packet| whole(&packet)));
        }
        assert_eq!(tx.transmit(&mut burst), 37);
        while rx.receive(&mut received) > 0 {
            back.extend(received.drain().map(|packet| whole(&packet)));
        }
        assert_eq!(back, (0..1_060).map(frame).collect::<Vec<_>>());
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn a_burst_takes_what_fits_and_keeps_what_it_had() {
    alone("forwarding::a_burst_takes_what_fits_and_keeps_what_it_had", || {
        let eal = eal(&["net_ring0"]).unwrap();
        let pool = Pool::new(&eal, "packets", 511, 0, 2_048, None).unwrap();
        let mut port = eal.port_named("net_ring0").unwrap().start(&PortConfig::default(), &pool).unwrap();
        let (mut rx, mut tx) = (port.take_rx_queues().remove(0), port.take_tx_queues().remove(0));
        let sent: Vec<_> = (0..64).map(|n| noise(n, 100)).collect();
        assert_eq!(tx.transmit(&mut burst_of(&pool, &sent)), 64);

        let before: Vec<_> = (0..40).map(|n| noise(1_000 + n, 64)).collect();
        let mut burst = burst_of(&pool, &before);
        assert_eq!(rx.receive(&mut burst), 24);
        assert!(burst.is_full());
        assert_eq!(rx.receive(&mut burst), 0);
        let refused = burst.push(pool.alloc(b"one more").unwrap()).unwrap_err();
        assert_eq!(refused.bytes(), b"one more");
        let all: Vec<_> = burst.iter().map(whole).collect();
        assert_eq!((&all[..40], &all[40..]), (&before[..], &sent[..24]));

        // A drain that is given up drops the rest; so does a burst.
        assert!(burst.drain().next().is_some());
        assert!(burst.is_empty());
        assert_eq!(rx.receive(&mut burst), 40);
        drop((burst, refused));
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn a_packet_is_changed_in_place() {
    alone("forwarding::a_packet_is_changed_in_place", || {
        let eal = eal(&[]).unwrap();
        let pool = Pool::new(&eal, "packets", 15, 0, 256, None).unwrap();
        let mut packet = pool.alloc(&[7; 300]).unwrap();
        assert!(packet.is_chained());
        assert_eq!(packet.bytes(), [7; 256]);
        packet.bytes_mut()[255] = 8;
        assert_eq!(whole(&packet)[254..258], [7, 8, 7, 7]);
        assert!(!format!("{packet:?}").contains('7'));
        assert_eq!(pool.alloc(&[]).unwrap().bytes(), b"");

        let held: Vec<_> = std::iter::from_fn(|| pool.alloc(b"held").ok()).collect();
        assert_eq!((held.len(), pool.available()), (13, 0));
        assert_eq!(pool.alloc(b"none left").unwrap_err(), nic::NicError::PoolEmpty);
        // A frame that runs out of packets halfway leaves none behind.
        drop(held);
        assert!(pool.alloc(&[0; 16 * 256]).is_err());
        drop(packet);
        assert_eq!(pool.available(), 15);
    });
}
