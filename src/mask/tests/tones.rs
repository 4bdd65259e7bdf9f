//! The detector's bookkeeping: positions, packets of any length, gaps. How well it hears is told by `tests/tones`.

#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

use std::f64::consts::TAU;

use lanes::g711;
use mask::tones::{Audio, Detector, Halver, Heard, Vigilance};

/// Keys as (frequencies, first sample, length), each frequency at −10 dBm0, at any rate.
fn signal(length: usize, rate: f64, keys: &[([f64; 2], usize, usize)]) -> Vec<i16> {
    let mut samples = vec![0.0; length];
    for (frequencies, start, length) in keys {
        for (at, sample) in samples[*start..start + length].iter_mut().enumerate() {
            *sample +=
                frequencies.map(|hertz| 7218.0 * (TAU * hertz * at as f64 / rate).sin()).iter().sum::<f64>();
        }
    }
    samples.into_iter().map(|sample: f64| sample.round() as i16).collect()
}

const FIVE: [f64; 2] = [770.0, 1336.0];
const POUND: [f64; 2] = [941.0, 1477.0];

/// What was heard, as text, and the stretches that may hold a tone, joined.
#[derive(Debug, Default, PartialEq)]
struct Found {
    keys: Vec<(char, u64)>,
    ends: Vec<u64>,
    stretches: Vec<(u64, u64)>,
}

impl Found {
    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Onset { digit, at, .. } => self.keys.push((char::from(digit.reveal()), at)),
            Heard::End { at } => self.ends.push(at),
        }
    }

    fn listen(&mut self, detector: &mut Detector, audio: Audio<'_>) {
        let suspects = detector.listen(audio, Vigilance::Ordinary, &mut |heard| self.hear(heard));
        assert_eq!(suspects.is_empty(), suspects.stretches().next().is_none());
        for (from, to) in suspects.stretches() {
            match self.stretches.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => self.stretches.push((from, to)),
            }
        }
    }
}

#[test]
fn it_is_small() {
    assert!(size_of::<Detector>() < 512, "{} bytes", size_of::<Detector>());
}

#[test]
fn the_length_of_packets_changes_nothing() {
    let samples = signal(4000, 8000.0, &[(FIVE, 1003, 400), (POUND, 2207, 800)]);
    let mut whole = Found::default();
    whole.listen(&mut Detector::new(), Audio::Linear(&samples));
    assert_eq!(whole.keys.iter().map(|(key, _)| *key).collect::<String>(), "5#");
    for packet in [1, 7, 80, 160, 240, 333, 480, 960] {
        let mut detector = Detector::new();
        let mut found = Found::default();
        for samples in samples.chunks(packet) {
            found.listen(&mut detector, Audio::Linear(samples));
        }
        assert_eq!(detector.position(), 4000);
        assert_eq!(found.keys, whole.keys, "packets of {packet}");
        assert_eq!(found.ends, whole.ends, "packets of {packet}");
        let all_in = |one: &Found, other: &Found| {
            one.stretches.iter().all(|(from, to)| other.stretches.iter().any(|(f, t)| f <= from && to <= t))
        };
        // A very long packet has fewer, larger stretches; none is less.
        assert!(all_in(&found, &whole), "packets of {packet}: {found:?}, {whole:?}");
    }
}

#[test]
fn onsets_ends_and_stretches_lie_where_the_tone_is() {
    let samples = signal(3000, 8000.0, &[(FIVE, 1003, 400)]);
    for audio in ["linear", "µ-law", "A-law"] {
        let ulaw: Vec<u8> = samples.iter().map(|sample| g711::to_ulaw(*sample)).collect();
        let alaw: Vec<u8> = samples.iter().map(|sample| g711::to_alaw(*sample)).collect();
        let mut found = Found::default();
        let mut detector = Detector::new();
        for number in 0..3000 / 160 {
            let range = number * 160..number * 160 + 160;
            let packet = match audio {
                "linear" => Audio::Linear(&samples[range]),
                "µ-law" => Audio::Ulaw(&ulaw[range]),
                _ => Audio::Alaw(&alaw[range]),
            };
            found.listen(&mut detector, packet);
        }
        let [(key, onset)] = found.keys[..] else { panic!("{audio}: {found:?}") };
        assert_eq!(key, '5');
        assert!(onset.abs_diff(1003) <= 40, "{audio}: onset at {onset}");
        assert!(found.ends[0].abs_diff(1403) <= 40, "{audio}: end at {}", found.ends[0]);
        let [(from, to)] = found.stretches[..] else { panic!("{audio}: {found:?}") };
        assert!((800..=1003).contains(&from) && (1403..=1700).contains(&to), "{audio}: {from} to {to}");
    }
}

#[test]
fn a_lost_packet_in_a_press_makes_no_second_press() {
    let samples = signal(4000, 8000.0, &[(FIVE, 800, 1600)]);
    let mut detector = Detector::new();
    let mut found = Found::default();
    for (number, packet) in samples.chunks(160).enumerate() {
        if number == 10 {
            detector.skip(160, &mut |heard| found.hear(heard));
        } else {
            found.listen(&mut detector, Audio::Linear(packet));
        }
    }
    assert_eq!(found.keys.len(), 1, "{found:?}");
    assert!(found.ends[0].abs_diff(2400) <= 40, "{found:?}");
}

#[test]
fn after_a_long_gap_the_same_key_is_pressed_again() {
    let samples = signal(1600, 8000.0, &[(FIVE, 0, 1600)]);
    let mut detector = Detector::new();
    let mut found = Found::default();
    found.listen(&mut detector, Audio::Linear(&samples));
    detector.skip(8000, &mut |heard| found.hear(heard));
    found.listen(&mut detector, Audio::Linear(&samples));
    assert_eq!(found.keys.len(), 2, "{found:?}");
    assert!(found.keys[1].1.abs_diff(9600) <= 20, "{found:?}");
}

#[test]
fn another_key_without_a_pause_is_another_press() {
    let samples = signal(3000, 8000.0, &[(FIVE, 400, 800), (POUND, 1200, 800)]);
    let mut found = Found::default();
    found.listen(&mut Detector::new(), Audio::Linear(&samples));
    assert_eq!(found.keys.iter().map(|(key, _)| *key).collect::<String>(), "5#");
}

#[test]
fn a_block_of_any_length_is_suspect_where_it_holds_a_tone() {
    let samples = signal(20_000, 8000.0, &[(FIVE, 15_000, 400)]);
    let mut found = Found::default();
    found.listen(&mut Detector::new(), Audio::Linear(&samples));
    assert!(found.stretches.iter().any(|(from, to)| *from <= 15_000 && *to >= 15_400), "{found:?}");
}

#[test]
fn wideband_audio_is_halved_and_heard() {
    let samples = signal(8000, 16_000.0, &[(FIVE, 1600, 1600), (POUND, 4800, 1600)]);
    let mut halver = Halver::new();
    let mut detector = Detector::new();
    let mut found = Found::default();
    let mut room = [0; 480];
    // Packets of any length, odd ones too.
    for packet in samples.chunks(333) {
        let halved = halver.halve(packet, &mut room);
        found.listen(&mut detector, Audio::Linear(halved));
    }
    assert_eq!(detector.position(), 4000);
    assert_eq!(found.keys.iter().map(|(key, _)| *key).collect::<String>(), "5#");
    assert!(found.keys[0].1.abs_diff(800) <= 40, "{found:?}");
}

#[test]
fn what_lies_above_four_kilohertz_is_no_tone() {
    // Images of 770 and 1336 Hz, that halving without a filter would fold onto them.
    let samples = signal(8000, 16_000.0, &[([8000.0 - 770.0, 8000.0 - 1336.0], 800, 6000)]);
    let mut room = [0; 4000];
    let mut found = Found::default();
    let mut halver = Halver::new();
    found.listen(&mut Detector::new(), Audio::Linear(halver.halve(&samples, &mut room)));
    assert_eq!(found.keys, []);
}
