use proptest::prelude::*;

use super::*;

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

/// A report: when it comes, of whom, which key, and when it went down; in ms.
type Report = (u64, Transport, char, u64);

fn input(transport: Transport, key: char, onset: u64) -> MergeInput {
    let digit = Digit::from_ascii(key as u8).expect("a key");
    MergeInput { transport, digit, onset: at(onset) }
}

struct Out {
    at: u64,
    key: char,
    onset: u64,
    transports: Transports,
}

/// Plays reports against the merger, which is asked whenever its deadline has come.
fn run(mut reports: Vec<Report>) -> Vec<Out> {
    reports.sort_by_key(|report| report.0);
    let mut merger = Merger::new();
    let mut out = Vec::new();
    let mut drain = |merger: &mut Merger, now: Instant| {
        while let Some(press) = merger.poll(now) {
            let ms = |instant: Instant| instant.as_nanos() / 1_000_000;
            let key = char::from(press.digit.reveal());
            out.push(Out { at: ms(now), key, onset: ms(press.onset), transports: press.transports });
        }
    };
    for (now, transport, key, onset) in reports {
        while let Some(due) = merger.deadline().filter(|due| *due < at(now)) {
            drain(&mut merger, due);
        }
        merger.report(at(now), input(transport, key, onset));
        drain(&mut merger, at(now));
    }
    while let Some(due) = merger.deadline() {
        drain(&mut merger, due);
    }
    out
}

fn keys(out: &[Out]) -> String {
    out.iter().map(|press| press.key).collect()
}

use Transport::{Event, Info, Kpml, Tone};

#[test]
fn fifty_five_keyed_fast_over_three_transports_is_two_presses() {
    let out = run(vec![
        (20, Event, '5', 0),
        (140, Event, '5', 120),
        (300, Info, '5', 300),
        (420, Info, '5', 420),
        (800, Kpml, '5', 800),
        (800, Kpml, '5', 800),
    ]);
    assert_eq!(keys(&out), "55");
    assert_eq!(out.iter().map(|press| (press.onset, press.at)).collect::<Vec<_>>(), [(0, 60), (120, 180)]);
}

#[test]
fn one_notify_with_two_keys_is_two_presses_in_its_order() {
    assert_eq!(keys(&run(vec![(800, Kpml, '5', 800), (800, Kpml, '5', 800), (800, Kpml, '1', 800)])), "551");
}

#[test]
fn events_and_tones_pair_within_400_ms_and_signalling_within_2_s() {
    let pairs = |one: Transport, other: Transport, apart: u64| {
        run(vec![(1000, one, '5', 1000), (1000 + apart, other, '5', 1000 + apart)]).len() == 1
    };
    for (one, other) in [(Event, Tone), (Tone, Event)] {
        assert!(pairs(one, other, 400));
        assert!(!pairs(one, other, 401));
    }
    for (one, other) in [(Event, Info), (Info, Event), (Tone, Kpml), (Kpml, Info), (Info, Tone)] {
        assert!(pairs(one, other, 2000), "{one:?} {other:?}");
        assert!(!pairs(one, other, 2001), "{one:?} {other:?}");
    }
    for transport in Transport::ALL {
        assert!(!pairs(transport, transport, 50), "two reports of one transport are two presses");
    }
}

#[test]
fn a_tone_far_from_the_event_is_not_drawn_to_it_by_signalling() {
    let out = run(vec![(20, Event, '5', 0), (300, Info, '5', 300), (920, Tone, '5', 900)]);
    assert_eq!(keys(&out), "55");
}

#[test]
fn an_earlier_onset_reported_later_comes_first() {
    let out = run(vec![(1030, Tone, '2', 1020), (1040, Event, '1', 1000)]);
    assert_eq!(keys(&out), "12");
    assert_eq!(out.iter().map(|press| press.at).collect::<Vec<_>>(), [1060, 1080]);
    let out = run(vec![(1030, Tone, '2', 1020), (1090, Event, '1', 1000)]);
    assert_eq!(keys(&out), "21", "too late to come first");
    assert_eq!(out[1].at, 1090, "late, but at once");
}

#[test]
fn different_keys_never_merge() {
    assert_eq!(keys(&run(vec![(20, Event, '5', 0), (30, Tone, '6', 5), (40, Info, '7', 40)])), "567");
}

#[test]
fn the_press_says_who_reported_it() {
    let out = run(vec![(20, Event, '5', 0), (30, Tone, '5', 10), (500, Info, '5', 500)]);
    assert_eq!(out.len(), 1);
    assert_eq!(format!("{:?}", out[0].transports), r#"{"event", "tone"}"#);
}

#[test]
fn memory_is_bounded_and_what_does_not_fit_is_said() {
    let mut merger = Merger::new();
    for nth in 0..CAPACITY {
        assert_eq!(merger.report(at(0), input(Event, '5', 0)), Reported::New, "{nth}");
    }
    assert_eq!(merger.report(at(0), input(Event, '5', 0)), Reported::Full);
    assert_eq!(merger.report(at(0), input(Tone, '5', 0)), Reported::Known);
    assert!(merger.poll(at(60)).is_some());
    assert_eq!(merger.report(at(60), input(Event, '6', 60)), Reported::New, "in place of the one handed on");
    while merger.poll(at(200)).is_some() {}
    merger.report(at(2100), input(Event, '7', 2100));
    assert_eq!(merger.entries.iter().flatten().count(), 1, "forgotten after the window");
}

#[test]
fn a_press_that_nobody_fetched_is_not_forgotten() {
    let mut merger = Merger::new();
    merger.report(at(0), input(Event, '5', 0));
    merger.report(at(9000), input(Event, '6', 9000));
    assert_eq!(merger.poll(at(9000)).map(|press| press.digit.reveal()), Some(b'5'));
    assert!(merger.poll(at(9000)).is_none());
    assert_eq!(merger.deadline(), Some(at(9060)));
}

#[test]
fn nothing_prints_a_digit() {
    let mut merger = Merger::new();
    merger.report(at(0), input(Event, '5', 0));
    assert!(format!("{merger:?}").contains("Keyboard(_)"));
    assert!(format!("{:?}", merger.poll(at(60))).contains("Digit(_)"));
}

/// A train of presses, and what is heard of it.
#[derive(Clone, Debug)]
struct Train {
    presses: Vec<Keyed>,
}

/// Gap before the press in ms, the key, and for each transport whether the report comes and its jitter in ms.
type Keyed = (u64, char, [(bool, u64); 4]);

fn trains(complete: bool) -> impl Strategy<Value = Train> {
    let key = prop_oneof![3 => Just('5'), 1 => Just('6'), 1 => Just('#')];
    let heard = prop::array::uniform4((prop::bool::weighted(if complete { 1.0 } else { 0.7 }), 0u64..100));
    prop::collection::vec((90u64..900, key, heard), 1..40).prop_map(|presses| Train { presses })
}

impl Train {
    /// The reports of the transports in use. Each keeps its own order, as a sequence of packets or requests does.
    fn reports(&self, used: [bool; 4]) -> Vec<Report> {
        let mut reports = Vec::new();
        let mut onset = 10_000;
        let mut last = [0; 4];
        for (gap, key, heard) in &self.presses {
            onset += gap;
            for (transport, (comes, jitter)) in Transport::ALL.into_iter().zip(heard) {
                let nth = transport as usize;
                if !used[nth] || !comes {
                    continue;
                }
                let (delay, told) = match transport {
                    Event => (20 + jitter / 4, onset),
                    Tone => (30 + jitter / 4, onset + jitter / 8),
                    Info => (300 + jitter, onset + 300 + jitter),
                    Kpml => (800 + jitter, onset + 800 + jitter),
                };
                let now = last[nth].max(onset + delay);
                last[nth] = now;
                reports.push((now, transport, *key, if delay >= 300 { now } else { told }));
            }
        }
        reports
    }
}

fn count(keys: impl Iterator<Item = char>, key: char) -> usize {
    keys.filter(|found| *found == key).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// What every transport hears comes out once each and in order.
    #[test]
    fn without_loss_each_press_comes_once_and_in_order(train in trains(true), mut used in any::<[bool; 4]>()) {
        used[0] = true;
        let out = run(train.reports(used));
        let expected: String = train.presses.iter().map(|(_, key, _)| *key).collect();
        prop_assert_eq!(keys(&out), expected);
        prop_assert!(out.is_sorted_by_key(|press| press.onset));
    }

    /// Of each key never more presses than were made, never fewer than some transport reported.
    #[test]
    fn lost_reports_never_double_and_never_merge(train in trains(false), used in any::<[bool; 4]>()) {
        let reports = train.reports(used);
        let out = run(reports.clone());
        for key in ['5', '6', '#'] {
            let found = count(out.iter().map(|press| press.key), key);
            let heard_by_any = train
                .presses
                .iter()
                .filter(|(_, made, heard)| {
                    *made == key && heard.iter().zip(used).any(|((comes, _), used)| used && *comes)
                })
                .count();
            prop_assert!(found <= heard_by_any, "{} presses of {} became {}", heard_by_any, key, found);
            for transport in Transport::ALL {
                let told = reports.iter().filter(|report| report.1 == transport && report.2 == key).count();
                prop_assert!(found >= told, "{} reports of {} became {}", told, key, found);
            }
        }
    }
}

#[test]
fn keys_in_locked_memory_are_merged_alike_and_wiped() {
    let vault = Vault::new(8).expect("a page");
    let mut merger = Merger::locked(&vault).expect("room");
    assert_eq!(vault.free() + 2, vault.slots());
    merger.report(at(20), input(Event, '5', 0));
    assert_eq!(merger.report(at(40), input(Tone, '5', 10)), Reported::Known);
    let press = merger.poll(at(60)).expect("it is due");
    assert_eq!((press.digit.reveal(), press.onset), (b'5', at(0)));
    merger.report(at(5_000), input(Event, '6', 5_000));
    assert_eq!(merger.entries.iter().flatten().count(), 1, "the first is forgotten");
    drop(merger);
    assert_eq!(vault.free(), vault.slots());
}
