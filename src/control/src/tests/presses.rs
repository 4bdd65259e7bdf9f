//! Captured presses: counted, merged, never shown.

use core::time::Duration;

use handover::{CallHandle, Counters, Instant, Press, Side, Transport};
use secret::{Digit, Vault};

use super::{CALL, House, eventually, pad};
use crate::presses::Presses;
use crate::protocol::{Ask, PressCounts, Reply};
use handover::rings::Ring;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn press(pad: &secret::Pad, call: CallHandle, transport: Transport, key: u8, millis: u64) -> Press {
    let digit = pad.seal(&Digit::from_ascii(key).expect("a key"));
    Press { call, transport, from: Side::Carrier, digit, onset: at(millis), level: None }
}

fn presses_of(calls: usize) -> Presses {
    let vault = Vault::new(1_024).expect("memory may be locked");
    Presses::new(calls, vault, Counters::default())
}

fn call(slot: u32) -> CallHandle {
    CallHandle { slot, generation: 0 }
}

#[test]
fn a_card_number_over_three_transports_is_sixteen_presses() {
    let house = House::new();
    let _signalling = house.signalling();
    for (nth, key) in b"4111111111111111".iter().enumerate() {
        let onset = 60_000 + nth as u64 * 250;
        house.pass(Duration::from_millis(250));
        for transport in [Transport::Event, Transport::Info, Transport::Kpml] {
            house.presses.push(press(&house.pad, CALL, transport, *key, onset)).expect("room");
        }
        eventually("the ring is emptied", || house.presses.is_empty());
    }
    house.pass(Duration::from_secs(1));
    let counts = || match house.ask(&Ask::Calls {}) {
        Reply::Calls { calls, .. } => calls[0].presses.clone(),
        _ => PressCounts::default(),
    };
    eventually("all are counted", || counts().merged == 16);
    let by_transport = [("event", 16), ("info", 16), ("kpml", 16), ("tone", 0)];
    assert_eq!(counts().by_transport, by_transport.map(|(name, many)| (name.to_owned(), many)).into());
}

/// Full-size PANs must not be anywhere in what the console is sent.
#[test]
fn no_answer_shows_a_digit() {
    let house = House::new();
    let _signalling = house.signalling();
    for (nth, key) in b"5105105105105100".iter().enumerate() {
        house
            .presses
            .push(press(&house.pad, CALL, Transport::Event, *key, 60_000 + nth as u64))
            .expect("room");
    }
    eventually("the ring is emptied", || house.presses.is_empty());
    house.pass(Duration::from_secs(1));
    for ask in [Ask::Calls {}, Ask::Stats {}] {
        let text = serde_json::to_string(&house.ask(&ask)).expect("JSON");
        assert!(!text.contains("5105105105105100") && !text.contains("51051"), "{text}");
    }
}

#[test]
fn what_another_pad_sealed_may_open_as_another_key_but_never_panics() {
    let (ours, ring) = (pad(), Ring::new(8));
    let theirs = secret::Pad::new(|page| {
        page.fill(0xa5);
        Ok(())
    })
    .expect("one page may be locked");
    ring.push(press(&theirs, CALL, Transport::Event, b'5', 0)).expect("room");
    let mut presses = presses_of(8);
    presses.empty(at(0), &ring, &ours, &mut |_, _, _| {});
    assert!(ring.is_empty());
}

#[test]
fn only_so_many_calls_are_remembered_and_the_oldest_goes() {
    let (pad, ring) = (pad(), Ring::new(64));
    let mut presses = presses_of(2);
    for (slot, millis) in [(1, 0), (2, 1_000), (1, 2_000), (3, 3_000)] {
        ring.push(press(&pad, call(slot), Transport::Event, b'7', millis)).expect("room");
        presses.empty(at(millis), &ring, &pad, &mut |_, _, _| {});
    }
    presses.empty(at(9_000), &ring, &pad, &mut |_, _, _| {});
    assert_eq!(presses.counts(call(1)).merged, 2);
    assert_eq!(presses.counts(call(2)).merged, 0);
    assert_eq!(presses.counts(call(3)).merged, 1);
}

/// A handle that is used again is another call.
#[test]
fn the_next_call_in_the_same_slot_starts_at_nothing() {
    let (pad, ring) = (pad(), Ring::new(64));
    let mut presses = presses_of(2);
    ring.push(press(&pad, call(1), Transport::Tone, b'7', 0)).expect("room");
    presses.empty(at(0), &ring, &pad, &mut |_, _, _| {});
    let next = CallHandle { slot: 1, generation: 1 };
    assert_eq!(presses.counts(next).by_transport.values().sum::<u64>(), 0);
}

/// Both parties may press; only the caller's keys count, and what comes back of the agent's is not the caller's.
#[test]
fn the_agents_keys_do_not_count_nor_do_their_echoes() {
    let (pad, ring) = (pad(), Ring::new(64));
    let mut presses = presses_of(2);
    ring.push(press(&pad, CALL, Transport::Event, b'7', 0)).expect("room");
    let agent = Press { from: Side::Customer, ..press(&pad, CALL, Transport::Info, b'7', 100) };
    ring.push(agent).expect("room");
    let tone = |from, millis, level| Press {
        from,
        level: Some(level),
        ..press(&pad, CALL, Transport::Tone, b'#', millis)
    };
    ring.push(tone(Side::Customer, 200, -20)).expect("room");
    ring.push(tone(Side::Carrier, 320, -34)).expect("room");
    presses.empty(at(400), &ring, &pad, &mut |_, _, _| {});
    presses.empty(at(1_000), &ring, &pad, &mut |_, _, _| {});
    assert_eq!(presses.counts(CALL).merged, 1);
    ring.push(tone(Side::Carrier, 1_400, -10)).expect("room");
    presses.empty(at(1_500), &ring, &pad, &mut |_, _, _| {});
    presses.empty(at(2_000), &ring, &pad, &mut |_, _, _| {});
    assert_eq!(presses.counts(CALL).merged, 2);
}
