//! Finished seconds: what the file holds, and the leaves of its proof.

use crate::encoding::Encoding;

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
}

/// Who wants the seconds of a recording as they are finished, in order: the proof.
pub trait SecondSink {
    /// A second as it is in the file. Never called twice for one, nor for any that the file does not hold.
    fn second(&mut self, second: &Second<'_>);
}

impl<F: FnMut(&Second<'_>)> SecondSink for F {
    fn second(&mut self, second: &Second<'_>) {
        self(second);
    }
}
