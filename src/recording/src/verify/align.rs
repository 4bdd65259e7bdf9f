//! Which seconds of a file are which of the recording: what was changed in its place, cut out, or put in. The steps are those
//! of docs/specification.md, "Naming the seconds", and another verifier that takes them comes to the same findings.

use std::collections::HashMap;

use serde::Serialize;

use crate::merkle::{Hash, leaf_hash};
use crate::proof::Proof;

/// How many seconds in a row may be changed before what follows is sought elsewhere.
const CHANGED_IN_A_ROW: u64 = 10;
/// How many bytes are hashed at most to find where the recording goes on after a cut between samples.
const SEEK_BYTES: u64 = 1 << 29;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// These seconds are other than they were.
    Changed,
    /// Frames are missing from these seconds.
    Missing,
    /// Frames were put in: into these seconds, or where `from` is `to`, before that second.
    Inserted,
}

/// What is wrong, and in which seconds of the recording.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What happened.
    pub kind: Kind,
    /// The first second concerned, counted in the whole recording.
    pub from: u64,
    /// The first that is not.
    pub to: u64,
    /// Frames that are missing, or were put in; 0 where seconds were changed.
    pub frames: u64,
    /// The channels that were changed; empty where frames are missing or were put in, which is in all of them.
    pub channels: Vec<usize>,
}

/// The file's audio beside the proof's seconds. Seconds count from the proof's first, positions in frames of the file.
pub(super) struct Alignment<'a> {
    proof: &'a Proof,
    first: u64,
    /// Seconds that are proven.
    seconds: u64,
    /// Frames a second, bytes a sample.
    rate: u64,
    sample: u64,
    channels: &'a [Vec<u8>],
    /// Frames in the file, and in the seconds that are proven.
    found: u64,
    wanted: u64,
    /// The seconds, in order, in which a channel has a hash.
    known: HashMap<(usize, Hash), Vec<u64>>,
    /// Hashes of whole seconds of the file that were needed already.
    hashed: HashMap<(usize, u64, u64), Hash>,
    /// Positions that may still be tried frame by frame.
    budget: u64,
    findings: Vec<Finding>,
    is_recognised: bool,
}

impl<'a> Alignment<'a> {
    /// The proof's seconds beside the samples of each channel, which are as many as the proof's, of `sample` bytes.
    pub(super) fn new(proof: &'a Proof, channels: &'a [Vec<u8>], sample: usize) -> Self {
        let (first, end) = proof.seconds();
        let statement = proof.statement();
        let (rate, sample) = (u64::from(statement.rate), sample as u64);
        let mut known: HashMap<(usize, Hash), Vec<u64>> = HashMap::new();
        for second in 0..end - first {
            for (channel, hash) in proof.second(first + second).unwrap_or_default().iter().enumerate() {
                known.entry((channel, *hash)).or_default().push(second);
            }
        }
        Alignment {
            proof,
            first,
            seconds: end - first,
            rate,
            sample,
            channels,
            found: channels.first().map_or(0, |channel| channel.len() as u64 / sample),
            wanted: statement.frames_of(first, end),
            known,
            hashed: HashMap::new(),
            budget: SEEK_BYTES / (rate * sample * channels.len() as u64),
            findings: Vec::new(),
            is_recognised: false,
        }
    }

    /// The findings, and whether anything but silence was recognised.
    pub(super) fn run(mut self) -> (Vec<Finding>, bool) {
        let (mut second, mut at) = (0, 0);
        while second < self.seconds {
            if self.is_in_step(second, at) {
                self.compared(second, at);
                at += self.length(second);
                second += 1;
            } else if let Some((next, next_at)) = self.seek(second, at) {
                self.replaced(second, next, at, next_at);
                (second, at) = (next, next_at);
            } else {
                break;
            }
        }
        self.replaced(second, self.seconds, at, self.found);
        (self.findings, self.is_recognised)
    }

    /// Whether every second is in its place and as it was.
    pub(super) fn is_as_made(&mut self) -> bool {
        self.is_in_place(|channel| channel)
    }

    /// Whether the two channels of the recording are each other's.
    pub(super) fn is_swapped(&mut self) -> bool {
        self.channels.len() == 2 && self.is_in_place(|channel| 1 - channel)
    }

    fn is_in_place(&mut self, channel_of: fn(usize) -> usize) -> bool {
        let channels = self.channels.len();
        self.found == self.wanted
            && (0..self.seconds).all(|second| {
                let (at, length) = (second * self.rate, self.length(second));
                (0..channels).all(|channel| {
                    self.hash(channel, at, length) == self.original(second, channel_of(channel))
                })
            })
    }

    /// The stretch from one second to before another became the one from one position to another.
    fn replaced(&mut self, second: u64, next: u64, at: u64, next_at: u64) {
        let frames_before = |second: u64| (second * self.rate).min(self.wanted);
        let (was, is) = (frames_before(next) - frames_before(second), next_at - at);
        match () {
            () if was > is => self.note(Kind::Missing, second, next, was - is, Vec::new()),
            () if was < is => self.note(Kind::Inserted, second, next, is - was, Vec::new()),
            () => (second..next).for_each(|each| self.compared(each, at + (each - second) * self.rate)),
        }
    }

    /// A second is in its place; the channels in which it is another.
    fn compared(&mut self, second: u64, at: u64) {
        let length = self.length(second);
        let mut changed = Vec::new();
        for channel in 0..self.channels.len() {
            if self.hash(channel, at, length) != self.original(second, channel) {
                changed.push(channel);
            }
        }
        if !changed.is_empty() {
            self.note(Kind::Changed, second, second + 1, 0, changed);
        }
    }

    /// Adds a finding; a stretch of seconds that were changed in the same channels is one.
    fn note(&mut self, kind: Kind, from: u64, to: u64, frames: u64, channels: Vec<usize>) {
        let (from, to) = (self.first + from, self.first + to);
        if let Some(last) = self.findings.last_mut()
            && (kind, last.kind) == (Kind::Changed, Kind::Changed)
            && last.to == from
            && last.channels == channels
        {
            last.to = to;
            return;
        }
        self.findings.push(Finding { kind, from, to, frames, channels });
    }

    /// The frames of a second.
    fn length(&self, second: u64) -> u64 {
        self.rate.min(self.wanted - second * self.rate)
    }

    fn original(&self, second: u64, channel: usize) -> Option<Hash> {
        self.proof.second(self.first + second)?.get(channel).copied()
    }

    fn window(&self, channel: usize, at: u64, length: u64) -> Option<&'a [u8]> {
        let (from, to) = (at.checked_mul(self.sample)?, at.checked_add(length)?.checked_mul(self.sample)?);
        self.channels.get(channel)?.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }

    /// The hash of a stretch of a channel, if it lies in the file.
    fn hash(&mut self, channel: usize, at: u64, length: u64) -> Option<Hash> {
        let bytes = self.window(channel, at, length)?;
        Some(*self.hashed.entry((channel, at, length)).or_insert_with(|| leaf_hash(bytes)))
    }

    /// Whether all samples of a stretch are the same: silence, of which one second is like any other.
    fn is_flat(&self, channel: usize, at: u64, length: u64) -> bool {
        let sample = self.sample as usize;
        self.window(channel, at, length).is_some_and(|bytes| {
            bytes[sample.min(bytes.len())..] == bytes[..bytes.len().saturating_sub(sample)]
        })
    }

    /// Whether a second is at a position by the sound of at least one channel.
    fn is_surely(&mut self, second: u64, at: u64) -> bool {
        let length = self.length(second);
        (0..self.channels.len()).any(|channel| {
            let hash = self.hash(channel, at, length);
            hash.is_some() && hash == self.original(second, channel) && !self.is_flat(channel, at, length)
        })
    }

    /// Whether a second is at a position: surely, or all of it, silence too.
    fn is_in_step(&mut self, second: u64, at: u64) -> bool {
        let length = self.length(second);
        let surely = self.is_surely(second, at);
        self.is_recognised |= surely;
        surely
            || (0..self.channels.len()).all(|channel| {
                let hash = self.hash(channel, at, length);
                hash.is_some() && hash == self.original(second, channel)
            })
    }

    /// Where the recording goes on, after what is at `at` is not `second`: a second not before it, and a position not before.
    fn seek(&mut self, second: u64, at: u64) -> Option<(u64, u64)> {
        // Seconds that were changed in their place.
        let in_place = |count: u64| (second + count, at + count * self.rate);
        let in_place: Vec<(u64, u64)> =
            (1..=CHANGED_IN_A_ROW).map(in_place).filter(|(next, _)| *next < self.seconds).collect();
        if let Some(place) = in_place.iter().find(|(next, next_at)| self.is_surely(*next, *next_at)) {
            return Some(*place);
        }
        // Whole seconds that are missing, or were put in.
        let most = self.seconds.max(self.found / self.rate);
        for count in 1..=most {
            if second + count < self.seconds && self.is_surely(second + count, at) {
                return Some((second + count, at));
            }
            if self.is_surely(second, at + count * self.rate) {
                return Some((second, at + count * self.rate));
            }
        }
        // As far from the end as it was.
        let by_end = (second..self.seconds).find_map(|next| {
            let next_at = (next * self.rate + self.found).checked_sub(self.wanted)?;
            (next_at >= at && self.is_surely(next, next_at)).then_some((next, next_at))
        });
        if let Some((next, next_at)) = by_end
            && (next_at - at).min((next - second) * self.rate) <= CHANGED_IN_A_ROW * self.rate
        {
            return by_end;
        }
        // In their place, by silence alone: only now, since it would step over what can be heard.
        if let Some(place) = in_place.iter().find(|(next, next_at)| self.is_in_step(*next, *next_at)) {
            return Some(*place);
        }
        self.seek_by_frames(second, at).or(by_end)
    }

    /// The first position after `at` at which a whole second is one not before `second`.
    fn seek_by_frames(&mut self, second: u64, at: u64) -> Option<(u64, u64)> {
        for next_at in at + 1..(self.found + 1).saturating_sub(self.rate) {
            self.budget = self.budget.checked_sub(1)?;
            let next = (0..self.channels.len())
                .filter(|channel| !self.is_flat(*channel, next_at, self.rate))
                .filter_map(|channel| {
                    let hash = leaf_hash(self.window(channel, next_at, self.rate)?);
                    let seconds = self.known.get(&(channel, hash))?;
                    seconds.iter().copied().find(|next| *next >= second && self.length(*next) == self.rate)
                })
                .min();
            if let Some(next) = next {
                return Some((next, next_at));
            }
        }
        None
    }
}
