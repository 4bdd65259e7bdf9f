//! Beginnings and ends.

use std::path::PathBuf;
use std::time::Duration;

use nic::{Burst, Clock, Eal, LcoreId, NicError, Pool, PortConfig};
use wire::buffer::Buffer as _;

use crate::own_process::{alone, eal, unprivileged};
use crate::traffic::burst_of;

#[test]
fn eal_starts_once_and_leaves_nothing_behind() {
    alone("lifecycle::eal_starts_once_and_leaves_nothing_behind", start_and_end);
}

#[test]
fn an_ordinary_user_may() {
    unprivileged("lifecycle::an_ordinary_user_may", start_and_end);
}

fn start_and_end() {
    let eal = eal(&["net_ring0", "net_null0"]).unwrap();
    assert_eq!(eal.port_names(), ["net_ring0", "net_null0"]);
    assert_eq!(crate::own_process::eal(&[]).err(), Some(NicError::AlreadyInitialised));
    let directory = eal.runtime_directory().to_owned();
    assert!(directory.join("config").exists(), "{directory:?}");

    let pool = Pool::new(&eal, "packets", 1_023, 32, 2_048, None).unwrap();
    assert!(matches!(Pool::new(&eal, "packets", 1_023, 32, 2_048, None), Err(NicError::Pool { .. })));
    assert!(Pool::new(&eal, "vast", 1_000_000, 0, 9_216, None).is_err());
    assert!(Pool::new(&eal, "wide", 15, 0, u16::MAX, None).is_err());

    let mut port = eal.port_named("net_ring0").unwrap().start(&PortConfig::default(), &pool).unwrap();
    let (mut rx, mut tx) = (port.take_rx_queues().remove(0), port.take_tx_queues().remove(0));
    assert_eq!(tx.transmit(&mut burst_of(&pool, &vec![vec![1; 60]; 8])), 8);
    let mut burst = Burst::new();
    assert_eq!(rx.receive(&mut burst), 8);
    drop((eal, port, rx, tx, burst));
    assert_eq!(pool.available(), pool.size());
    assert!(!directory.exists(), "{directory:?} was left behind");
}

/// The memory goes only where all packets are home, and nothing else holds it.
#[test]
fn the_memory_is_given_back_when_nothing_uses_it() {
    alone("lifecycle::the_memory_is_given_back_when_nothing_uses_it", || {
        let eal = eal(&["net_null0"]).unwrap();
        let before = mapped_by_eal();
        assert!(before > 0);
        let pool = Pool::new(&eal, "packets", 1_023, 32, 2_048, None).unwrap();
        let mut port = eal.port_named("net_null0").unwrap().start(&PortConfig::default(), &pool).unwrap();
        let (mut rx, mut tx) = (port.take_rx_queues().remove(0), port.take_tx_queues().remove(0));
        // The lcore's cache keeps packets; they count as home.
        let lcore = eal.lcores()[1].id;
        let forwarded = eal.launch(lcore, move || {
            let mut burst = Burst::new();
            (0..100).map(|_| rx.receive(&mut burst).min(tx.transmit(&mut burst))).sum::<usize>()
        });
        assert!(forwarded.unwrap().join().unwrap() > 0);
        drop((pool, port, eal));
        assert_eq!(mapped_by_eal(), 0);
    });
}

#[test]
fn a_packet_outlives_everything() {
    alone("lifecycle::a_packet_outlives_everything", || {
        let eal = eal(&[]).unwrap();
        let pool = Pool::new(&eal, "packets", 63, 0, 2_048, None).unwrap();
        let packet = pool.alloc(b"still here").unwrap();
        let directory = eal.runtime_directory().to_owned();
        drop((pool, eal));
        assert!(!directory.exists());
        assert_eq!(packet.bytes(), b"still here");
        std::thread::spawn(move || drop(packet)).join().unwrap();
    });
}

/// KiB of this process's mappings that come from EAL's plain memory (a sealed memory file or 256 MiB of anonymous pages).
fn mapped_by_eal() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let size = |line: &str| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        (end - start >= 256 << 20 && line.contains("rw")).then_some((end - start) >> 10)
    };
    maps.lines().filter_map(size).sum()
}

#[test]
fn an_unknown_option_is_refused() {
    alone("lifecycle::an_unknown_option_is_refused", || refused("--no-such-option"));
}

#[test]
fn an_unknown_device_is_refused() {
    alone("lifecycle::an_unknown_device_is_refused", || refused("--vdev=net_nonsense0"));
}

#[test]
fn a_stray_argument_is_refused() {
    alone("lifecycle::a_stray_argument_is_refused", || refused("stray"));
}

/// A start that fails leaves nothing behind, and is the process's only one.
fn refused(wrong: &str) {
    let prefix = format!("keyhush-nic-{}", std::process::id());
    let line = format!("--no-huge -m 64 --no-pci --file-prefix={prefix} --lcores 0@0 {wrong}");
    let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
    let refused = Eal::init(&args).err();
    assert!(matches!(refused, Some(NicError::Eal { .. } | NicError::Argument(_))), "{refused:?}");
    assert_eq!(Eal::init(&args).err(), Some(NicError::AlreadyInitialised));
    for base in ["/var/run", "/tmp"] {
        assert!(!PathBuf::from(base).join("dpdk").join(&prefix).exists());
    }
}

#[test]
fn help_does_not_end_the_process() {
    for help in ["-h", "--help", "--"] {
        assert_eq!(Eal::init(&[help.to_owned()]).err(), Some(NicError::Argument(help.to_owned())));
    }
    assert!(matches!(Eal::init(&["a\0b".to_owned()]), Err(NicError::Argument(_))));
}

#[test]
fn lcores_run_one_closure_after_another() {
    alone("lifecycle::lcores_run_one_closure_after_another", || {
        let before = processors();
        let eal = eal(&[]).unwrap();
        assert_eq!(processors(), before, "the caller is not pinned");
        let lcores: Vec<_> = eal.lcores().iter().map(|lcore| (lcore.id.0, lcore.main)).collect();
        assert_eq!(lcores, [(0, true), (1, false)]);
        assert_eq!(eal.launch(LcoreId(7), || ()).err(), Some(NicError::NoSuchLcore(7)));
        for lcore in [LcoreId(0), LcoreId(1)] {
            let (release, held) = std::sync::mpsc::channel::<()>();
            let at_work = eal.launch(lcore, move || held.recv().is_ok()).unwrap();
            assert_eq!(eal.launch(lcore, || ()).err(), Some(NicError::LcoreBusy(lcore.0)));
            let at_work = at_work.try_join().expect_err("it waits");
            release.send(()).unwrap();
            assert!(at_work.join().unwrap());

            let panicked = eal.launch(lcore, || assert_eq!(1 + 1, 3)).unwrap().join();
            assert!(panicked.is_err());
            let processors = eal.launch(lcore, processors).unwrap().join().unwrap();
            assert_eq!(processors, "0", "pinned, and well after the panic");
        }
    });
}

fn processors() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap().trim().to_owned()
}

#[test]
fn packets_cross_threads() {
    alone("lifecycle::packets_cross_threads", || {
        let eal = eal(&["net_null0,size=64"]).unwrap();
        let pool = Pool::new(&eal, "packets", 4_095, 256, 2_048, None).unwrap();
        let mut port = eal.port_named("net_null0").unwrap().start(&PortConfig::default(), &pool).unwrap();
        let mut rx = port.take_rx_queues().remove(0);
        let (sender, packets) = std::sync::mpsc::sync_channel(512);
        let receiving = eal.launch(LcoreId(1), move || {
            let mut burst = Burst::new();
            for _ in 0..500 {
                rx.receive(&mut burst);
                for packet in burst.drain() {
                    sender.send(packet).unwrap();
                }
            }
        });
        // Half are dropped on the other lcore, half on a thread that EAL does not know.
        let (other, rest) = std::sync::mpsc::sync_channel(512);
        let dropping = eal.launch(LcoreId(0), move || rest.iter().count());
        let mut here = 0;
        for (number, packet) in packets.iter().enumerate() {
            if number % 2 == 0 { other.send(packet).unwrap() } else { here += packet.bytes().len() }
        }
        drop(other);
        receiving.unwrap().join().unwrap();
        assert_eq!(dropping.unwrap().join().unwrap(), 500 * 32);
        assert_eq!(here, 500 * 32 * 64);
        drop(port);
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn a_port_stops_when_its_queues_are_gone() {
    alone("lifecycle::a_port_stops_when_its_queues_are_gone", || {
        let eal = eal(&["net_null0"]).unwrap();
        let pool = Pool::new(&eal, "packets", 1_023, 0, 2_048, None).unwrap();
        let stopped = eal.port_named("net_null0").unwrap();
        assert_eq!(eal.port_named("net_null0").err(), Some(NicError::PortInUse("net_null0".to_owned())));
        assert_eq!(eal.port_named("net_null1").err(), Some(NicError::NoSuchPort("net_null1".to_owned())));
        assert_eq!(stopped.driver(), "net_null");
        let mut port = stopped.start(&PortConfig::default(), &pool).unwrap();
        let rx = port.take_rx_queues();
        assert!(port.take_rx_queues().is_empty());
        let refused = port.stop().err().unwrap();
        assert_eq!(refused.queues, 1);
        drop(rx);
        let stopped = refused.port.stop().unwrap();

        // Started anew, and dropped while a queue is in use: that one goes on.
        let mut port = stopped.start(&PortConfig::default(), &pool).unwrap();
        let mut rx = port.take_rx_queues().remove(0);
        drop(port);
        assert!(eal.port_named("net_null0").is_err());
        assert!(rx.receive(&mut Burst::new()) > 0);
        drop(rx);
        assert!(eal.port_named("net_null0").is_ok());
    });
}

#[test]
fn the_clock_keeps_time() {
    alone("lifecycle::the_clock_keeps_time", || {
        let eal = eal(&[]).unwrap();
        let clock = Clock::new(&eal);
        #[allow(clippy::disallowed_methods, reason = "the clock is held against another")]
        let (start, began) = (std::time::Instant::now(), clock.now_nanos());
        #[allow(clippy::disallowed_methods, reason = "time must pass")]
        std::thread::sleep(Duration::from_millis(300));
        let (passed, other) = (clock.now_nanos() - began, start.elapsed().as_nanos() as u64);
        assert!(passed.abs_diff(other) < other / 50, "{passed} ns instead of {other}");
        assert!(began < 1_000_000_000);
    });
}
