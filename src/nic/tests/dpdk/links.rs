//! Virtual devices that reach the kernel, in a network namespace.

use std::process::Command;

use nic::{Burst, NicError, Pool, PortConfig, Warning};

use crate::own_process::{eal, in_namespace};
use crate::traffic::{burst_of, noise};

fn ip(line: &str) -> String {
    let run = Command::new("ip").args(line.split(' ')).output().unwrap();
    assert!(run.status.success(), "ip {line}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn a_link_is_seen_and_set() {
    in_namespace("links::a_link_is_seen_and_set", || {
        if !std::path::Path::new("/dev/net/tun").exists() {
            return eprintln!("skipped, this machine has no /dev/net/tun");
        }
        let eal = eal(&["net_tap0,iface=keyhush0", "net_null0"]).unwrap();
        let pool = Pool::new(&eal, "packets", 8_191, 0, 2_048, None).unwrap();
        let port = eal.port_named("net_tap0").unwrap().start(&PortConfig::default(), &pool).unwrap();
        assert_eq!(port.driver(), "net_tap");
        assert_ne!(port.mac_address().unwrap(), [0; 6]);
        assert!(port.link().unwrap().up);
        assert!(ip("-o link show keyhush0").contains(",UP"));

        port.set_link(false).unwrap();
        assert!(!port.link().unwrap().up);
        assert!(!ip("-o link show keyhush0").contains(",UP"));
        port.set_link(true).unwrap();
        assert!(port.link().unwrap().up);
        assert!(ip("-o link show keyhush0").contains(",UP"));

        ip("link set keyhush0 down");
        assert!(!port.link().unwrap().up);
        drop(port);
    });
}

#[test]
fn frames_cross_an_interface() {
    in_namespace("links::frames_cross_an_interface", || {
        ip("link add left type veth peer name right");
        for end in ["left", "right"] {
            ip(&format!("link set {end} mtu 9000"));
            ip(&format!("link set {end} arp off up"));
        }
        // The frames of a block must fill it, or the driver looks for them in the wrong places.
        let framesz = "framesz=9216,blocksz=36864,framecnt=64";
        let eal = eal(&[
            &format!("net_af_packet0,iface=left,{framesz}"),
            &format!("net_af_packet1,iface=right,{framesz}"),
        ])
        .unwrap();
        let pool = Pool::new(&eal, "packets", 2_047, 0, 9_216, None).unwrap();
        let config = PortConfig { mtu: 9_000, rx_queues: 4, ..PortConfig::default() };
        let start = |name| eal.port_named(name).unwrap().start(&config, &pool).unwrap();
        let (mut left, mut right) = (start("net_af_packet0"), start("net_af_packet1"));
        let applied = left.applied().clone();
        assert_eq!((applied.rx_queues, applied.mtu), (1, None));
        assert!(applied.warnings.contains(&Warning::MtuNotSet { wanted: 9_000, errno: 0 }), "{applied:?}");
        assert!(matches!(left.set_link(false), Err(NicError::Unsupported { .. })));

        let (mut tx, mut rx) = (left.take_tx_queues().remove(0), right.take_rx_queues().remove(0));
        let mut sent: Vec<_> = [60, 214, 1_514, 9_014].map(|length| noise(length as u64, length)).into();
        for frame in &mut sent {
            // To all, from no multicast address, of an experimental type.
            frame[..6].fill(0xff);
            frame[6] = 2;
            frame[12..14].copy_from_slice(&[0x88, 0xb5]);
        }
        assert_eq!(tx.transmit(&mut burst_of(&pool, &sent)), sent.len());
        let mut burst = Burst::new();
        let mut back = Vec::new();
        for _ in 0..1_000_000 {
            rx.receive(&mut burst);
            let ours = |frame: &Vec<u8>| frame[12..14] == [0x88, 0xb5];
            back.extend(burst.drain().map(|packet| crate::traffic::whole(&packet)).filter(ours));
            if back.len() == sent.len() {
                break;
            }
        }
        assert!(back == sent, "{} of {} frames, or not the same", back.len(), sent.len());
    });
}
