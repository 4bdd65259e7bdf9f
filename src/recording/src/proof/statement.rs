//! What a proof says of a recording, as the lines that are signed.

use core::fmt::{self, Write as _};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::document::{Lines, Malformed, Text, Word, number};
use crate::merkle::Hash;

/// The first line of a proof: its kind and version.
pub const FIRST_LINE: &str = "keyhush-proof 1";
/// The most channels of a recording.
pub const MOST_CHANNELS: usize = 8;
/// The most of what else may be told several times: facts of the call, codecs of a channel.
pub const MOST_FACTS: usize = 64;
/// The most intervals.
pub const MOST_INTERVALS: usize = 65_536;

/// An enum whose members are words in documents.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $member:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $member,)+
        }

        impl $name {
            /// The word in documents.
            pub const fn word(self) -> &'static str {
                match self { $($name::$member => $word,)+ }
            }

            /// From the word in documents.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$member),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// Where the audio came from.
    Origin {
        /// Recorded by Keyhush from the wire.
        Recorded = "recorded",
        /// A file that another system made, signed as it was then.
        Imported = "imported",
    }
}

words! {
    /// How a sample is written in the WAV file.
    Encoding {
        /// G.711 A-law, a byte (format tag 6).
        ALaw = "a-law",
        /// G.711 µ-law, a byte (format tag 7).
        MuLaw = "mu-law",
        /// Linear, unsigned, a byte (format tag 1, as all below).
        PcmU8 = "pcm-u8",
        /// Linear, signed, little-endian, 2 bytes.
        Pcm16 = "pcm-16",
        /// The same in 3 bytes.
        Pcm24 = "pcm-24",
        /// The same in 4 bytes.
        Pcm32 = "pcm-32",
    }
}

words! {
    /// What is marked by an interval.
    Mark {
        /// SecureMode: keys were masked.
        SecureMode = "secure-mode",
        /// The recording was suspended: silence in the file.
        Suspended = "suspended",
        /// What was said was lost to the recording: silence in the file.
        Gap = "gap",
    }
}

words! {
    /// How the recording ended.
    Ending {
        /// With the call.
        Finished = "finished",
        /// By a fault of the recorder; what was there up to its last whole second is signed.
        Interrupted = "interrupted",
    }
}

impl Encoding {
    /// Bytes of a sample of one channel.
    pub const fn bytes(self) -> usize {
        match self {
            Encoding::ALaw | Encoding::MuLaw | Encoding::PcmU8 => 1,
            Encoding::Pcm16 => 2,
            Encoding::Pcm24 => 3,
            Encoding::Pcm32 => 4,
        }
    }
}

/// A channel of the file, in the file's order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    /// Whose: `caller`, `agent`.
    pub label: Word,
    /// The codecs in which it came, in their order; `-` if none is known. 1–64.
    pub codecs: Vec<Word>,
}

/// A marked stretch, in milliseconds from the recording's beginning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Interval {
    /// Its first.
    pub from: u64,
    /// The first after it.
    pub to: u64,
    /// What is marked.
    pub mark: Mark,
}

/// What is signed of a recording, beside its audio.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The recording's name, which no other has.
    pub recording: Word,
    /// Where the audio came from.
    pub origin: Origin,
    /// The tenant.
    pub tenant: Text,
    /// What is known of the call: `call-id`, `caller`, `called`, `agent`, `order` and so on. At most 64.
    pub facts: BTreeMap<Word, Text>,
    /// How samples are written.
    pub encoding: Encoding,
    /// Frames a second, at least 1; a frame is a sample of each channel.
    pub rate: u32,
    /// 1–8 channels.
    pub channels: Vec<Channel>,
    /// The frames of the recording.
    pub frames: u64,
    /// When its first frame was heard, in microseconds since 1970.
    pub began: u64,
    /// When it was signed, in microseconds since 1970.
    pub signed: u64,
    /// What is marked, in order, each once.
    pub intervals: Vec<Interval>,
    /// How it ended.
    pub ending: Ending,
    /// SHA-256 of all bytes of the file that are not audio: those before it, then those after it.
    pub header: Hash,
}

impl Statement {
    /// The seconds of the recording, the last perhaps begun only: each is a leaf in each channel.
    pub fn seconds(&self) -> u64 {
        self.frames.div_ceil(u64::from(self.rate).max(1))
    }

    /// The leaves of the tree.
    pub fn leaves(&self) -> u64 {
        self.seconds() * self.channels.len() as u64
    }

    /// The frames of the seconds from `first` to `end`.
    pub fn frames_of(&self, first: u64, end: u64) -> u64 {
        let at = |second: u64| second.saturating_mul(u64::from(self.rate)).min(self.frames);
        at(end).saturating_sub(at(first))
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "{FIRST_LINE}")?;
        writeln!(out, "recording {}", self.recording.as_str())?;
        writeln!(out, "origin {}", self.origin)?;
        writeln!(out, "tenant {}", self.tenant.as_str())?;
        for (name, text) in &self.facts {
            writeln!(out, "fact {} {}", name.as_str(), text.as_str())?;
        }
        writeln!(out, "encoding {}", self.encoding)?;
        writeln!(out, "rate {}", self.rate)?;
        for channel in &self.channels {
            write!(out, "channel {}", channel.label.as_str())?;
            channel.codecs.iter().try_for_each(|codec| write!(out, " {}", codec.as_str()))?;
            writeln!(out)?;
        }
        writeln!(out, "frames {}", self.frames)?;
        writeln!(out, "began {}", self.began)?;
        writeln!(out, "signed {}", self.signed)?;
        for interval in &self.intervals {
            writeln!(out, "interval {} {} {}", interval.mark, interval.from, interval.to)?;
        }
        writeln!(out, "ending {}", self.ending)?;
        writeln!(out, "header {}", self.header)
    }

    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        lines.exactly(FIRST_LINE)?;
        let recording = lines.field("recording", Word::new)?;
        let origin = lines.field("origin", Origin::from_word)?;
        let tenant = lines.field("tenant", Text::new)?;
        let facts = lines.fields("fact", MOST_FACTS, |line| {
            let (name, text) = line.split_once(' ')?;
            Some((Word::new(name)?, Text::new(text)?))
        })?;
        if !facts.is_sorted_by(|one, next| one.0 < next.0) {
            return Err(lines.wrong("facts in the order of their names, each once"));
        }
        let encoding = lines.field("encoding", Encoding::from_word)?;
        let rate = |text| u32::try_from(number(text)?).ok().filter(|rate| *rate > 0);
        let rate = lines.field("rate", rate)?;
        let channels = lines.fields("channel", MOST_CHANNELS, |line| {
            let mut words = line.split(' ').map(Word::new);
            let label = words.next()??;
            let codecs: Vec<Word> = words.collect::<Option<_>>()?;
            (1..=MOST_FACTS).contains(&codecs.len()).then_some(Channel { label, codecs })
        })?;
        if channels.is_empty() {
            return Err(lines.wrong("channel"));
        }
        let frames = lines.field("frames", number)?;
        let began = lines.field("began", number)?;
        let signed = lines.field("signed", number)?;
        let intervals = lines.fields("interval", MOST_INTERVALS, |line| {
            let (mark, times) = line.split_once(' ')?;
            let (from, to) = times.split_once(' ')?;
            let interval = Interval { from: number(from)?, to: number(to)?, mark: Mark::from_word(mark)? };
            (interval.from < interval.to).then_some(interval)
        })?;
        if !intervals.is_sorted_by(|one, next| one < next) {
            return Err(lines.wrong("intervals in order, each once"));
        }
        let ending = lines.field("ending", Ending::from_word)?;
        let header = lines.field("header", Hash::from_hex)?;
        let facts = facts.into_iter().collect();
        Ok(Statement {
            recording,
            origin,
            tenant,
            facts,
            encoding,
            rate,
            channels,
            frames,
            began,
            signed,
            intervals,
            ending,
            header,
        })
    }
}
