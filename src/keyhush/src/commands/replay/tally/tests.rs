use handover::{CallHandle, Instant, Press, Side, Transport};
use secret::{Digit, Pad};

use super::Tally;

fn pad() -> Pad {
    Pad::new(|page| {
        page.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 31 % 241) as u8);
        Ok(())
    })
    .expect("one page may be locked")
}

fn press(pad: &Pad, slot: u32, transport: Transport, key: u8, millis: u64) -> Press {
    Press {
        call: CallHandle { slot, generation: 0 },
        transport,
        from: Side::Carrier,
        digit: pad.seal(&Digit::from_ascii(key).expect("a key")),
        onset: Instant::from_nanos(millis * 1_000_000),
        level: None,
    }
}

#[test]
fn presses_are_counted_by_call_and_transport_and_merged() {
    let pad = pad();
    let mut tally = Tally::new(pad.clone(), true);
    for (nth, key) in b"4242".iter().enumerate() {
        let millis = nth as u64 * 300;
        tally.take(press(&pad, 1, Transport::Event, *key, millis));
        tally.take(press(&pad, 1, Transport::Info, *key, millis + 20));
        tally.take(press(&pad, 2, Transport::Kpml, b'#', millis));
    }
    let calls = tally.finish();
    let seen: Vec<_> = calls.iter().map(|own| (own.call.slot, own.merged, own.by_transport)).collect();
    assert_eq!(seen, [(1, 4, [4, 0, 4, 0]), (2, 4, [0, 0, 0, 4])]);
    let digits = if cfg!(feature = "reveal-digits") { "4242" } else { "" };
    assert_eq!(calls[0].revealed(), Some(digits));
}

#[test]
fn digits_are_kept_only_when_they_shall_be_revealed() {
    let pad = pad();
    let mut tally = Tally::new(pad.clone(), false);
    tally.take(press(&pad, 1, Transport::Event, b'4', 0));
    assert_eq!(tally.finish()[0].revealed(), None);
}

/// More calls than mergers are kept for: nothing is lost and nothing grows without bound.
#[test]
fn quiet_calls_give_their_mergers_back() {
    let pad = pad();
    let mut tally = Tally::new(pad.clone(), false);
    for slot in 0..5_000 {
        tally.take(press(&pad, slot, Transport::Event, b'4', u64::from(slot) * 10));
        assert!(tally.mergers.len() <= super::MERGERS);
    }
    let calls = tally.finish();
    assert_eq!(calls.len(), 5_000);
    assert!(calls.iter().all(|own| own.merged == 1));
}

/// Clocks of capturing machines go back; the far future is a time as well.
#[test]
fn any_time_at_all_is_taken() {
    let pad = pad();
    let mut tally = Tally::new(pad.clone(), false);
    for nanos in [u64::MAX, 0, 5, u64::MAX - 1] {
        let onset = Instant::from_nanos(nanos);
        tally.take(Press { onset, ..press(&pad, 1, Transport::Event, b'4', 0) });
    }
    assert_eq!(tally.finish()[0].merged, 4);
}
