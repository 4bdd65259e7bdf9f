//! Finished seconds: what the file holds, and the leaves of its proof.

use std::path::Path;

use crate::encoding::Encoding;
use crate::marks::Formats;
use crate::merkle::{Hash, leaf_hash};
use crate::sealed::Head;

/// What became of one channel's audio in one second, in samples of the file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Account {
    /// Samples that came and are in the file.
    pub kept: u32,
    /// Samples of silence for packets that never came, or too late.
    pub lost: u32,
    /// Samples of silence where nothing was sent: pauses, hold, events, comfort noise, before the first and after the last packet.
    pub quiet: u32,
}

/// A second of both channels; the last of a recording may be shorter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Second<'a> {
    /// Its number, from 0.
    pub index: u32,
    /// How the bytes are to be read.
    pub encoding: Encoding,
    /// Caller and agent: equally many bytes each, as they are in the file. [`Encoding::second_len`] but for the last.
    pub channels: [&'a [u8]; 2],
    /// What became of the audio, a channel each.
    pub accounts: [Account; 2],
    /// Whether the second could not be kept and is silence in its place: it is in one of the recording's [`Gap`]s.
    pub is_gap: bool,
}

impl<'a> Second<'a> {
    /// The leaves that it makes: the caller's, then the agent's.
    pub fn leaves(&self) -> [&'a [u8]; 2] {
        self.channels
    }
}

/// Why seconds are missing in a recording.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GapCause {
    /// The disk was full, failed or did not answer.
    Disk,
    /// The recorder did not keep up, and packets were lost on their way to it. What did come is in its place.
    Overrun,
}

/// Seconds that are missing or incomplete by our own fault, never the network's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Gap {
    /// The first second.
    pub from: u32,
    /// The second after the last.
    pub to: u32,
    /// Why.
    pub cause: GapCause,
}

/// Gaps that are told one by one; the last covers all after it.
pub const MOST_GAPS: usize = 256;

/// Notes a gap behind those that are there.
pub(crate) fn note_gap(gaps: &mut Vec<Gap>, gap: Gap) {
    let is_full = gaps.len() >= MOST_GAPS;
    match gaps.last_mut() {
        Some(last)
            if is_full || (last.cause == gap.cause && last.to >= gap.from && last.from <= gap.from) =>
        {
            last.to = last.to.max(gap.to);
        }
        _ => gaps.push(gap),
    }
}

/// What a stretch of a recording is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MarkKind {
    /// The call was in SecureMode: keys are masked.
    SecureMode = 0,
    /// The recording was suspended: it is silent there.
    Suspended = 1,
}

impl MarkKind {
    /// Both.
    pub const ALL: [MarkKind; 2] = [MarkKind::SecureMode, MarkKind::Suspended];
}

/// A marked stretch, in milliseconds from the recording's beginning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mark {
    /// Its first.
    pub from: u32,
    /// The first after it.
    pub to: u32,
    /// What it is.
    pub kind: MarkKind,
}

/// How a recording ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EndKind {
    /// As it should: at the call's end, or where its next part begins.
    Finished,
    /// Keyhush was stopped in the middle; it ends with the last whole second that was on the disk.
    Interrupted,
}

/// What is known at a recording's end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// How it ended.
    pub kind: EndKind,
    /// Samples of each channel.
    pub samples: u64,
    /// What is missing by our own fault, in order of time; where there would be too many, the last one covers the rest.
    pub gaps: Vec<Gap>,
    /// What is marked, in order of time.
    pub marks: Vec<Mark>,
    /// The formats in which audio came, a channel each.
    pub formats: [Formats; 2],
}

/// Who wants the seconds of a recording as they are finished, in order: the proof.
pub trait SecondSink {
    /// A second as it is in the file. Never called twice for one, nor for any that the file does not hold.
    fn second(&mut self, second: &Second<'_>);

    /// The recording has ended and is on the disk, at this path. Called once, by the thread that waits for the disk.
    fn closed(&mut self, path: &Path, head: &Head, end: &End) {
        let _ = (path, head, end);
    }
}

/// Hashes of seconds, a leaf for each channel: what a recording's tree is made of.
impl SecondSink for Vec<Hash> {
    fn second(&mut self, second: &Second<'_>) {
        self.extend(second.leaves().map(leaf_hash));
    }
}

impl<F: FnMut(&Second<'_>)> SecondSink for F {
    fn second(&mut self, second: &Second<'_>) {
        self(second);
    }
}
