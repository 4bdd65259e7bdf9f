//! A caller's stream through the masker, with the frames that it holds.
#![allow(dead_code, reason = "each test uses some of it")]

use core::f64::consts::TAU;
use core::time::Duration;

use handover::{Counter, Flow, FlowMode, Format, FormatKind, Instant, MaskKey, Rules, Transport};
use lanes::g711;
use mask::secured::MOST_HELD;
use mask::{Admission, Captured, Frames, Masked, SecuredStream};

use crate::packets::{SSRC, flow};

/// The amplitude of each frequency of a key that is pressed.
pub(crate) const LOUD: f64 = 6000.0;

/// What left: when, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Left {
    pub(crate) at: Instant,
    pub(crate) packet: Vec<u8>,
    pub(crate) changed: bool,
}

impl Left {
    pub(crate) fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.packet[2], self.packet[3]])
    }

    pub(crate) fn audio(&self) -> &[u8] {
        &self.packet[12..]
    }
}

struct Places([Option<Vec<u8>>; MOST_HELD]);

impl Frames for Places {
    fn payload(&self, place: u8) -> &[u8] {
        self.0[usize::from(place)].as_deref().unwrap_or_default()
    }
}

/// A masker, its frames, and what came of them.
pub(crate) struct Line {
    pub(crate) stream: SecuredStream,
    pub(crate) flow: Flow,
    places: Places,
    pub(crate) left: Vec<Left>,
    pub(crate) dropped: Vec<Counter>,
    pub(crate) keys: Vec<(char, Transport, Instant)>,
    pub(crate) early: usize,
    pub(crate) room: bool,
}

impl Line {
    pub(crate) fn new() -> Self {
        Line::with(Rules::default())
    }

    pub(crate) fn with(rules: Rules) -> Self {
        let mut flow = flow(FlowMode::Mask(MaskKey::Pound));
        // Redundancy and events at other clocks make room for what carries tones.
        flow.formats = Default::default();
        for (payload_type, kind, clock_khz) in [
            (101, FormatKind::TelephoneEvent, 8),
            (0, FormatKind::Pcmu, 8),
            (8, FormatKind::Pcma, 8),
            (9, FormatKind::G722, 8),
            (13, FormatKind::ComfortNoise, 8),
            (96, FormatKind::L16, 8),
            (97, FormatKind::L16, 16),
            (111, FormatKind::Other, 48),
        ] {
            assert!(flow.formats.push(Format { payload_type, kind, clock_khz }));
        }
        flow.rules = rules;
        Line {
            stream: SecuredStream::new(),
            flow,
            places: Places([const { None }; MOST_HELD]),
            left: Vec::new(),
            dropped: Vec::new(),
            keys: Vec::new(),
            early: 0,
            room: true,
        }
    }

    /// A packet arrives.
    pub(crate) fn arrive(&mut self, now: Instant, packet: &[u8]) {
        self.serve(now);
        if self.stream.is_full() {
            self.stream.hurry(now);
            self.let_leave(now);
        }
        let mut packet = packet.to_vec();
        let mut captured = Vec::new();
        let admission =
            self.stream.admit(now, &self.flow, &mut packet, self.room, &mut |key| captured.push(open(&key)));
        self.keys.extend(captured);
        let leaves = match admission {
            Admission::Hold { place } => Err(place),
            Admission::Leave(Masked::Drop(reason)) => {
                self.dropped.push(reason);
                Ok(None)
            }
            Admission::Leave(Masked::Changed(..)) => Ok(Some(true)),
            Admission::Leave(Masked::Unchanged(_) | Masked::NotRtp) => Ok(Some(false)),
        };
        match leaves {
            Err(place) => {
                let taken = self.places.0[usize::from(place)].replace(packet);
                assert!(taken.is_none(), "a place is used twice");
                self.let_leave(now);
            }
            Ok(changed) => {
                self.let_leave(now);
                if let Some(changed) = changed {
                    self.left.push(Left { at: now, packet, changed });
                }
            }
        }
    }

    /// Time passes: what is due leaves, each at its own time.
    pub(crate) fn serve(&mut self, until: Instant) {
        while let Some(due) = self.stream.due().filter(|due| *due <= until) {
            self.let_leave(due);
        }
    }

    fn let_leave(&mut self, now: Instant) {
        loop {
            let mut captured = Vec::new();
            let leaving = self.stream.next_leaving(now, &self.places, &mut |key| captured.push(open(&key)));
            self.keys.extend(captured);
            let Some(leaving) = leaving else { return };
            self.early += usize::from(leaving.is_early());
            let mut packet =
                self.places.0[usize::from(leaving.place())].take().expect("its frame is where it was put");
            let changed = matches!(self.stream.release(now, &leaving, &mut packet), Masked::Changed(..));
            self.left.push(Left { at: now, packet, changed });
        }
    }

    /// The keys captured, by any transport.
    pub(crate) fn captured(&self) -> String {
        self.keys.iter().map(|(key, ..)| *key).collect()
    }
}

fn open(captured: &Captured) -> (char, Transport, Instant) {
    (char::from(captured.digit.reveal()), captured.transport, captured.onset)
}

/// A sender of G.711 µ-law in packets of 20 ms.
pub(crate) struct Sender {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    noise: u64,
}

impl Sender {
    pub(crate) fn new() -> Self {
        Sender { sequence: 65_530, timestamp: 0xffff_f000, ssrc: SSRC, noise: 1 }
    }

    pub(crate) fn packet(&mut self, payload_type: u8, ticks: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(ticks);
        packet
    }

    /// A packet of these samples.
    pub(crate) fn audio(&mut self, samples: &[f64]) -> Vec<u8> {
        let codes: Vec<u8> = samples.iter().map(|sample| g711::to_ulaw(*sample as i16)).collect();
        self.packet(0, samples.len() as u32, &codes)
    }

    /// Noise of so many samples, as quiet as a line.
    pub(crate) fn noise(&mut self, count: usize) -> Vec<f64> {
        let mut next = || {
            self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.noise >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        (0..count).map(|_| 600.0 * (next() + next() + next())).collect()
    }
}

/// A key's tone of so many samples, each frequency with this amplitude.
pub(crate) fn tone(key: char, count: usize, amplitude: f64) -> Vec<f64> {
    let place = "123A456B789C*0#D".find(key).expect("a key");
    let frequencies = [[697.0, 770.0, 852.0, 941.0][place / 4], [1209.0, 1336.0, 1477.0, 1633.0][place % 4]];
    (0..count)
        .map(|number| {
            frequencies.iter().map(|hertz| (TAU * hertz * number as f64 / 8000.0).sin() * amplitude).sum()
        })
        .collect()
}

/// A time in milliseconds.
pub(crate) fn at(milliseconds: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(milliseconds)
}

/// Packets of 20 ms of a signal, from a time on.
pub(crate) fn play(line: &mut Line, sender: &mut Sender, from: u64, signal: &[f64]) -> u64 {
    let mut now = from;
    for samples in signal.chunks(160) {
        let packet = sender.audio(samples);
        line.arrive(at(now), &packet);
        now += 20;
    }
    now
}

/// Noise with a key in it.
pub(crate) fn with_key(
    sender: &mut Sender,
    key: char,
    before: usize,
    length: usize,
    after: usize,
) -> Vec<f64> {
    let mut signal = sender.noise(before + length + after);
    for (sample, of_tone) in signal[before..].iter_mut().zip(tone(key, length, LOUD)) {
        *sample += of_tone;
    }
    signal
}

pub(crate) fn audio(left: &[Left]) -> Vec<u8> {
    left.iter().flat_map(|left| left.audio().to_vec()).collect()
}

/// Whether four samples beside each other left as they were sent.
pub(crate) fn leaks(left: &[u8], sent: &[u8], mut range: core::ops::Range<usize>) -> bool {
    range.any(|at| left[at..at + 4] == sent[at..at + 4])
}

pub(crate) fn codes(samples: &[f64]) -> Vec<u8> {
    samples.iter().map(|sample| lanes::g711::to_ulaw(*sample as i16)).collect()
}
