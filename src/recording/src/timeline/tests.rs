use super::simulation::{Chance, rtp};
use super::*;
use crate::frame::Channel as Side;
use crate::resample::DELAY;
use crate::second::Account;

const BEGIN: u64 = 1_800_000_000 * SECOND;
const PACKET: u64 = 20_000_000;

#[derive(Default)]
struct Heard {
    channels: [Vec<u8>; 2],
    accounts: Vec<[Account; 2]>,
    encoding: Option<Encoding>,
}

impl SecondSink for Heard {
    fn second(&mut self, second: &Second<'_>) {
        for (channel, bytes) in self.channels.iter_mut().zip(second.channels) {
            channel.extend_from_slice(bytes);
        }
        self.accounts.push(second.accounts);
        assert!(self.encoding.is_none_or(|encoding| encoding == second.encoding));
        self.encoding = Some(second.encoding);
    }
}

impl Heard {
    fn linear(&self, side: Side) -> Vec<i16> {
        let bytes = &self.channels[side.index()];
        bytes.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
    }
}

/// The nth packet of 20 ms, on time.
fn give(timeline: &mut Timeline, side: Side, nth: u64, format: Format, payload: &[u8]) {
    let clock = u64::from(format.clock()) / 50;
    let packet = rtp(7 + side.index() as u32, nth as u16, (nth * clock) as u32, payload);
    timeline.frame(&Frame::invented(side, BEGIN + nth * PACKET, format, &packet));
}

fn finish(mut timeline: Timeline, at: u64) -> (Heard, u64) {
    let mut heard = Heard::default();
    let samples = timeline.finish(BEGIN + at, &mut heard);
    (heard, samples)
}

#[test]
fn the_encoding_is_what_keeps_the_first_second_as_it_came() {
    let settled = |caller: Option<Format>, agent: Option<Format>, announced| {
        let mut timeline = Timeline::new(BEGIN, announced);
        for (side, format) in Side::BOTH.into_iter().zip([caller, agent]) {
            if let Some(format) = format {
                give(&mut timeline, side, 3, format, &[0x55; 320]);
            }
        }
        finish(timeline, 1_500_000_000).0.encoding
    };
    let (mu, a, wide) = (Some(Format::Pcmu), Some(Format::Pcma), Some(Format::G722));
    assert_eq!(settled(mu, mu, None), Some(Encoding::MuLaw));
    assert_eq!(settled(a, None, Some(Encoding::MuLaw)), Some(Encoding::ALaw));
    assert_eq!(settled(mu, a, None), Some(Encoding::Linear8));
    assert_eq!(settled(mu, wide, None), Some(Encoding::Linear16));
    assert_eq!(settled(None, Some(Format::L16Wide), None), Some(Encoding::Linear16));
    assert_eq!(settled(None, None, Some(Encoding::MuLaw)), Some(Encoding::MuLaw));
    assert_eq!(settled(None, Some(Format::Event), None), Some(Encoding::Linear8));
}

#[test]
fn wideband_is_heard_as_it_was_spoken_and_where() {
    let speech: Vec<i16> = (0..32_000).map(|at| (9000.0 * (f64::from(at) * 0.19).sin()) as i16).collect();
    let mut encoder = g722::Encoder::new();
    let mut codes = vec![0; 16_000];
    encoder.encode(&speech, &mut codes);
    for announced_law in [false, true] {
        let mut timeline = Timeline::new(BEGIN, None);
        for nth in 0..200 {
            match (nth < 100, announced_law) {
                // The first second is of µ-law: what follows is transcoded into it.
                (true, true) => give(&mut timeline, Side::Caller, nth, Format::Pcmu, &[0xff; 160]),
                (true, false) => give(&mut timeline, Side::Agent, nth, Format::G722, &codes[..160]),
                (false, _) => {
                    let at = (nth as usize - 100) * 160;
                    give(&mut timeline, Side::Caller, nth, Format::G722, &codes[at..at + 160]);
                }
            }
        }
        let (heard, samples) = finish(timeline, 4 * SECOND);
        let (samples_of, rate, late) = match announced_law {
            true => {
                let codes = &heard.channels[0];
                let decoded = codes.iter().map(|code| crate::g711::sample(Law::Mu, *code)).collect();
                (decoded, 8_000, g722::DELAY + DELAY - 1)
            }
            false => (heard.linear(Side::Caller), 16_000, g722::DELAY),
        };
        assert_eq!(samples, 4 * rate as u64);
        let step = 16_000 / rate;
        for at in (rate * 2 + 2000..rate * 3).step_by(3) {
            let spoken = speech[(at - rate * 2) * step - late];
            assert!(samples_of[at].abs_diff(spoken) < 1200, "{announced_law} {at}");
        }
    }
}

/// The nth packet of a source, some milliseconds late; its bytes tell which.
fn come(timeline: &mut Timeline, ssrc: u32, nth: u64, late: u64) {
    let packet = rtp(ssrc, (nth + u64::from(ssrc) * 9_000) as u16, nth as u32 * 160, &[ssrc as u8; 160]);
    let arrived = BEGIN + nth * PACKET + late * 1_000_000;
    timeline.frame(&Frame::invented(Side::Caller, arrived, Format::Pcma, &packet));
}

#[test]
fn a_call_that_is_seen_twice_is_recorded_once() {
    // With the same numbers, as by two VLANs; and by a controller that makes packets of its own, some milliseconds later.
    for (other, late) in [(1, 0), (1, 3), (2, 0), (2, 3), (2, 12), (2, 35)] {
        let mut timeline = Timeline::new(BEGIN, None);
        for nth in 0..250 {
            // Of each source a packet is lost now and then, and all of them stop for a while.
            if nth % 50 != 13 && !(100..120).contains(&nth) {
                come(&mut timeline, 1, nth, 0);
            }
            if nth % 50 != 27 && !(100..120).contains(&nth) {
                come(&mut timeline, other, nth, late);
            }
        }
        let (heard, _) = finish(timeline, 5 * SECOND);
        let audio: Vec<u8> = heard.channels[0].iter().copied().filter(|code| matches!(code, 1 | 2)).collect();
        let packets = if other == 1 { 230 } else { 225 };
        // What is kept changes where both stop, once, and not with every packet.
        let changes = audio.windows(2).filter(|two| two[0] != two[1]).count();
        assert!(changes <= 1, "{other} {late}: {changes}");
        let missing = (packets * 160_usize).saturating_sub(audio.len());
        assert!(missing <= 160 && audio.len() <= 232 * 160, "{other} {late}: {} samples", audio.len());
    }
}

/// A controller that numbers packets anew and leaves the source's name as it is.
#[test]
fn two_sources_under_one_name_are_told_apart_by_their_numbers() {
    for ahead in [5_000, 60_000_u16] {
        let mut timeline = Timeline::new(BEGIN, None);
        for nth in 0..250_u64 {
            for (number, time, late, code) in [(0, 0, 0, 1), (ahead, 700_000, 5, 2)] {
                let sequence = (nth as u16).wrapping_add(number);
                let packet = rtp(7, sequence, nth as u32 * 160 + time, &[code; 160]);
                let arrived = BEGIN + nth * PACKET + late * 1_000_000;
                timeline.frame(&Frame::invented(Side::Caller, arrived, Format::Pcma, &packet));
            }
        }
        let (heard, _) = finish(timeline, 5 * SECOND);
        let audio: Vec<u8> = heard.channels[0].iter().copied().filter(|code| matches!(code, 1 | 2)).collect();
        let changes = audio.windows(2).filter(|two| two[0] != two[1]).count();
        assert!(changes <= 2 && audio.len() >= 245 * 160, "{ahead}: {changes}, {} samples", audio.len());
    }
}

#[test]
fn another_source_follows_at_once_where_the_one_before_it_ends() {
    let mut timeline = Timeline::new(BEGIN, None);
    (0..100).for_each(|nth| come(&mut timeline, 1, nth, 0));
    // It had begun beside the first, of early media.
    (40..200).for_each(|nth| come(&mut timeline, 2, nth, 4));
    let (heard, _) = finish(timeline, 4 * SECOND);
    let of = |source: u8| heard.channels[0].iter().filter(|code| **code == source).count();
    assert_eq!(of(1), 100 * 160);
    assert_eq!(of(2), 100 * 160, "from where the other ends");
}

#[test]
fn loss_and_pauses_are_told_apart() {
    let mut timeline = Timeline::new(BEGIN, None);
    for nth in (0..50).filter(|nth| !(10..15).contains(nth)) {
        give(&mut timeline, Side::Caller, nth, Format::Pcma, &[1; 160]);
    }
    for nth in 0..40 {
        // A pause of ten packets, in which nothing is sent: sequence numbers go on without a hole.
        let (sequence, at) = if nth < 20 { (nth, nth) } else { (nth, nth + 10) };
        let packet = rtp(9, sequence as u16, at as u32 * 160, &[2; 160]);
        timeline.frame(&Frame::invented(Side::Agent, BEGIN + at * PACKET, Format::Pcma, &packet));
    }
    let (heard, _) = finish(timeline, SECOND);
    let [caller, agent] = heard.accounts[0];
    assert_eq!(caller, Account { kept: 7200, lost: 800, quiet: 0 });
    assert_eq!(agent, Account { kept: 6400, lost: 0, quiet: 1600 });
}

#[test]
fn events_and_comfort_noise_are_silence_and_nothing_is_lost_by_them() {
    let mut timeline = Timeline::new(BEGIN, None);
    for nth in 0..50 {
        match nth {
            10..20 => give(&mut timeline, Side::Caller, nth, Format::Event, &[5, 10, 0, 160]),
            20..30 => give(&mut timeline, Side::Caller, nth, Format::ComfortNoise, &[40]),
            _ => give(&mut timeline, Side::Caller, nth, Format::Pcmu, &[1; 160]),
        }
    }
    let (heard, _) = finish(timeline, SECOND);
    assert_eq!(heard.accounts[0][0], Account { kept: 4800, lost: 0, quiet: 3200 });
    assert!(heard.channels[0][1600..4800].iter().all(|code| *code == 0xff));
}

#[test]
fn a_source_that_begins_again_is_followed() {
    let mut timeline = Timeline::new(BEGIN, None);
    for nth in 0..200u64 {
        // The same source, with other numbers from the second second on.
        let (sequence, timestamp) = match nth {
            0..50 => (40_000 + nth, nth * 160),
            _ => (nth, 3_000_000_000 + nth * 160),
        };
        let packet = rtp(9, sequence as u16, timestamp as u32, &[1; 160]);
        timeline.frame(&Frame::invented(Side::Caller, BEGIN + nth * PACKET, Format::Pcmu, &packet));
        timeline.advance(BEGIN + nth * PACKET, &mut |_: &Second<'_>| ());
    }
    let [counters, _] = timeline.counters();
    assert!(counters.late + counters.strays <= 2, "{counters:?}");
}

#[test]
fn the_length_is_the_calls_to_the_sample_whenever_it_ends() {
    for (nanoseconds, samples) in [(0, 0), (124_999, 0), (125_000, 1), (999_999_999, 7999), (SECOND, 8000)] {
        let (heard, told) = finish(Timeline::new(BEGIN, Some(Encoding::ALaw)), nanoseconds);
        assert_eq!((told, heard.channels[1].len() as u64), (samples, samples));
    }
    // In the middle of a packet.
    let mut timeline = Timeline::new(BEGIN, None);
    give(&mut timeline, Side::Agent, 2, Format::Pcma, &[1; 160]);
    let (heard, samples) = finish(timeline, 50_000_000);
    assert_eq!((samples, heard.accounts[0][1]), (400, Account { kept: 80, lost: 0, quiet: 320 }));
}

#[test]
fn whatever_bytes_come_nothing_panics_and_memory_is_bounded() {
    let mut chance = Chance(1);
    let formats =
        [Format::Pcmu, Format::G722, Format::L16Narrow, Format::L16Wide, Format::Event, Format::Other];
    let mut timeline = Timeline::new(BEGIN, None);
    let mut heard = 0;
    let mut now = BEGIN;
    for _ in 0..100_000 {
        let len = chance.below(60) as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| chance.number() as u8).collect();
        if let Some(first) = bytes.first_mut().filter(|_| chance.in_hundred(90)) {
            *first = 0x80;
        }
        if bytes.len() > 12 && chance.in_hundred(80) {
            bytes[8..12].fill(chance.below(3) as u8);
        }
        now += chance.below(3_000_000);
        let arrived = if chance.in_hundred(1) { chance.number() } else { now };
        let format = formats[chance.below(6) as usize];
        let side = Side::BOTH[chance.below(2) as usize];
        timeline.frame(&Frame::invented(side, arrived, format, &bytes));
        timeline.advance(now, &mut |second: &Second<'_>| {
            assert_eq!(second.channels[0].len(), second.encoding.second_len());
            heard += 1;
        });
    }
    assert_eq!(heard, (now - BEGIN - WINDOW_NANOSECONDS) / SECOND);
}
