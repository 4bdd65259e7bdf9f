//! A WAV file as bytes that nobody vouches for: read strictly, since what two readers could understand differently cannot be
//! proven.

use core::fmt;
use core::ops::Range;

use crate::merkle::{Hash, Tree, leaf_hash};
use crate::proof::{Encoding, MOST_CHANNELS};

/// Bytes of a chunk's head: its name and its size.
const CHUNK_HEAD: usize = 8;

/// Why a file is no recording that can be checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// It does not begin as RIFF and WAVE do.
    NoWave,
    /// A size in it is not that of what is there.
    OtherSize,
    /// The chunk of the format, or that of the audio, is missing, doubled or before its turn.
    Chunks,
    /// The format is none of those that a proof knows, or contradicts itself.
    Format,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unreadable::NoWave => "no WAV file",
            Unreadable::OtherSize => "a size in the file's header is not that of what is there",
            Unreadable::Chunks => "the file has not one format and then one stretch of audio",
            Unreadable::Format => "the audio's format is not known, or contradicts itself",
        })
    }
}

impl std::error::Error for Unreadable {}

/// The audio of a WAV file.
#[derive(Clone, Debug)]
pub struct AudioFile<'a> {
    bytes: &'a [u8],
    data: Range<usize>,
    /// How samples are written.
    pub encoding: Encoding,
    /// Frames a second.
    pub rate: u32,
    /// 1–8.
    pub channels: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

impl<'a> AudioFile<'a> {
    /// Reads a whole file. Every size must be that of what is there; docs/specification.md, "The audio file".
    pub fn new(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            return Err(Unreadable::NoWave);
        }
        if u32_at(bytes, 4).map(|size| size as usize) != bytes.len().checked_sub(CHUNK_HEAD) {
            return Err(Unreadable::OtherSize);
        }
        let (mut format, mut data) = (None, None);
        let mut at = 12;
        while at < bytes.len() {
            let name = bytes.get(at..at + 4).ok_or(Unreadable::OtherSize)?;
            let size = u32_at(bytes, at + 4).ok_or(Unreadable::OtherSize)? as usize;
            let begin = at + CHUNK_HEAD;
            let body = bytes.get(begin..begin + size).ok_or(Unreadable::OtherSize)?;
            match name {
                b"fmt " if format.is_none() && data.is_none() => format = Some(read_format(body)?),
                b"data" if format.is_some() && data.is_none() => data = Some(begin..begin + size),
                b"fmt " | b"data" => return Err(Unreadable::Chunks),
                _ => {}
            }
            at = begin + size + size % 2;
        }
        if at != bytes.len() {
            return Err(Unreadable::OtherSize);
        }
        let (Some((encoding, rate, channels)), Some(data)) = (format, data) else {
            return Err(Unreadable::Chunks);
        };
        if data.len() % (encoding.bytes() * channels) != 0 {
            return Err(Unreadable::OtherSize);
        }
        Ok(AudioFile { bytes, data, encoding, rate, channels })
    }

    /// The interleaved samples.
    pub fn data(&self) -> &'a [u8] {
        &self.bytes[self.data.clone()]
    }

    /// Frames: a sample of each channel.
    pub fn frames(&self) -> u64 {
        (self.data.len() / (self.encoding.bytes() * self.channels)) as u64
    }

    /// [`crate::proof::Statement::header`]: the hash of what is not audio.
    pub fn header(&self) -> Hash {
        header_hash(&self.bytes[..self.data.start], &self.bytes[self.data.end..])
    }

    /// The samples of each channel on their own.
    pub fn separate(&self) -> Vec<Vec<u8>> {
        let sample = self.encoding.bytes();
        let mut separate = vec![Vec::with_capacity(self.data.len() / self.channels); self.channels];
        for frame in self.data().chunks_exact(sample * self.channels) {
            for (channel, bytes) in separate.iter_mut().zip(frame.chunks_exact(sample)) {
                channel.extend_from_slice(bytes);
            }
        }
        separate
    }

    /// The tree over the file's seconds, for a file that is to be signed as it is.
    pub fn tree(&self) -> Tree {
        let separate = self.separate();
        let second = self.rate as usize * self.encoding.bytes();
        let mut seconds: Vec<_> = separate.iter().map(|channel| channel.chunks(second)).collect();
        let mut tree = Tree::new();
        while let Some(leaves) = seconds.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>() {
            leaves.into_iter().for_each(|leaf| tree.push(leaf_hash(leaf)));
        }
        tree
    }

    /// The WAV file of the seconds from `first` to before `end`; `None` if they are not in it.
    pub fn excerpt(&self, first: u64, end: u64) -> Option<Vec<u8>> {
        let frame = self.encoding.bytes() * self.channels;
        let second = usize::try_from(self.rate).ok()?.checked_mul(frame)?;
        let from = usize::try_from(first).ok()?.checked_mul(second)?;
        let to = usize::try_from(end).ok()?.checked_mul(second)?;
        let data = self.data();
        if first >= end || to >= data.len() + second {
            return None;
        }
        Some(wave(self.encoding, self.rate, self.channels, data.get(from..to.min(data.len()))?))
    }
}

/// [`crate::proof::Statement::header`] of a file that is still in pieces: the bytes before its audio and those after it.
pub fn header_hash(before: &[u8], after: &[u8]) -> Hash {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(before);
    hasher.update(after);
    Hash(hasher.finalize().into())
}

/// Tag, encoding and bits a sample.
const FORMATS: [(u16, Encoding); 6] = [
    (1, Encoding::PcmU8),
    (1, Encoding::Pcm16),
    (1, Encoding::Pcm24),
    (1, Encoding::Pcm32),
    (6, Encoding::ALaw),
    (7, Encoding::MuLaw),
];

fn read_format(body: &[u8]) -> Result<(Encoding, u32, usize), Unreadable> {
    let read = || {
        let (tag, bits) = (u16_at(body, 0)?, u16_at(body, 14)?);
        let channels = usize::from(u16_at(body, 2)?);
        let (rate, a_second, frame) = (u32_at(body, 4)?, u32_at(body, 8)?, u16_at(body, 12)?);
        let is_it = |(of_tag, encoding): &&(u16, Encoding)| {
            *of_tag == tag && encoding.bytes() * 8 == usize::from(bits)
        };
        let (_, encoding) = FORMATS.iter().find(is_it)?;
        let fits = (1..=MOST_CHANNELS).contains(&channels)
            && rate > 0
            && usize::from(frame) == encoding.bytes() * channels
            && u64::from(a_second) == u64::from(rate) * u64::from(frame);
        fits.then_some((*encoding, rate, channels))
    };
    read().ok_or(Unreadable::Format)
}

/// The plainest WAV file of interleaved samples.
pub fn wave(encoding: Encoding, rate: u32, channels: usize, data: &[u8]) -> Vec<u8> {
    let tag = FORMATS.iter().find(|(_, of)| *of == encoding).map_or(1, |(tag, _)| *tag);
    let frame = (encoding.bytes() * channels) as u32;
    let pad = data.len() % 2;
    let mut file = Vec::with_capacity(44 + data.len() + pad);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&((36 + data.len() + pad) as u32).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0");
    file.extend_from_slice(&tag.to_le_bytes());
    file.extend_from_slice(&(channels as u16).to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&(rate * frame).to_le_bytes());
    file.extend_from_slice(&(frame as u16).to_le_bytes());
    file.extend_from_slice(&(encoding.bytes() as u16 * 8).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&(data.len() as u32).to_le_bytes());
    file.extend_from_slice(data);
    file.extend_from_slice(&[0][..pad]);
    file
}
