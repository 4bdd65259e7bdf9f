//! What packets leave in their pool, and what a core image would hold of it.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;

use nic::{Burst, Mbuf, Pool, PortConfig};
use wire::buffer::Buffer as _;

use crate::own_process::{alone, eal};

const KEYS: [u8; 8] = *b"49927398";

fn packet(pool: &Pool, len: usize) -> Mbuf {
    pool.alloc(&KEYS.repeat(len / KEYS.len())).unwrap()
}

/// Where its bytes lie.
fn places(packet: &Mbuf) -> Vec<(usize, usize)> {
    packet.segments().map(|segment| (segment.as_ptr() as usize, segment.len())).collect()
}

/// How many of the places hold something, whoever owns them now.
fn filled(places: &[(usize, usize)]) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let is_filled = |&(address, len): &(usize, usize)| {
        let mut bytes = vec![0; len];
        memory.read_exact_at(&mut bytes, address as u64).unwrap();
        bytes.iter().any(|&byte| byte != 0)
    };
    places.iter().filter(|place| is_filled(place)).count()
}

#[test]
fn packets_that_are_dropped_leave_nothing_in_their_pool() {
    alone("wiping::packets_that_are_dropped_leave_nothing_in_their_pool", || {
        let eal = eal(&[]).unwrap();
        let pool = Pool::new(&eal, "packets", 255, 0, 512, None).unwrap();
        for len in [64, 512, 2_000] {
            let one = packet(&pool, len);
            let where_it_was = places(&one);
            assert_eq!((filled(&where_it_was), one.is_chained()), (where_it_was.len(), len > 512));
            drop(one);
            assert_eq!(filled(&where_it_was), 0, "{len} bytes");
        }
        let mut burst = Burst::new();
        let mut where_they_were = Vec::new();
        for _ in 0..32 {
            let one = packet(&pool, 1_000);
            where_they_were.extend(places(&one));
            burst.push(one).unwrap();
        }
        assert_eq!(filled(&where_they_were), where_they_were.len());
        burst.drain().next();
        assert_eq!(filled(&where_they_were), 0, "the rest of a burst that was taken from");
        let one = packet(&pool, 1_000);
        let where_it_was = places(&one);
        burst.push(one).unwrap();
        burst.clear();
        assert_eq!(filled(&where_it_was), 0, "a burst that was cleared");
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn packets_in_the_midst_of_a_panic_leave_nothing_either() {
    alone("wiping::packets_in_the_midst_of_a_panic_leave_nothing_either", || {
        let eal = eal(&[]).unwrap();
        let pool = Pool::new(&eal, "packets", 255, 0, 512, None).unwrap();
        let mut burst = Burst::new();
        let mut where_they_were = Vec::new();
        for _ in 0..4 {
            let one = packet(&pool, 200);
            where_they_were.extend(places(&one));
            burst.push(one).unwrap();
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let in_hand: Vec<Mbuf> = burst.drain().take(2).collect();
            assert!(in_hand.is_empty(), "as a bug would");
        }));
        assert!(outcome.is_err() && filled(&where_they_were) == 0);
    });
}

#[test]
fn packet_memory_is_left_out_of_core_images() {
    alone("wiping::packet_memory_is_left_out_of_core_images", || {
        let eal = eal(&["net_ring0"]).unwrap();
        let pool = Pool::new(&eal, "packets", 2_047, 0, 2_048, None).unwrap();
        let _port = eal.port_named("net_ring0").unwrap().start(&PortConfig::default(), &pool).unwrap();
        let one = packet(&pool, 64);
        let (address, _) = places(&one)[0];
        assert!(!is_left_out(address), "not before it is asked for");
        eal.leave_out_of_core_images().unwrap();
        assert!(is_left_out(address));
    });
}

/// What the kernel says of the mapping.
fn is_left_out(address: usize) -> bool {
    let smaps = read_to_string("/proc/self/smaps").unwrap();
    let holds = |line: &str| {
        let bounds = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
        bounds.is_some_and(|(start, end)| {
            let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16));
            start.is_ok_and(|start| start <= address) && end.is_ok_and(|end| address < end)
        })
    };
    let mapping = smaps.lines().skip_while(|line| !holds(line)).skip(1);
    let flags = mapping.clone().find(|line| line.starts_with("VmFlags:")).expect("the mapping is listed");
    format!("{flags} ").contains(" dd ")
}
