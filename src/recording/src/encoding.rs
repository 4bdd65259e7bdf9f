//! How a recording's audio is stored: one encoding from its first second to its last.

use core::fmt;

use crate::g711::{self, Law};

/// The one encoding of a file. Both channels have it, from the first second to the last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Encoding {
    /// ITU-T G.711 µ-law, 8000 samples a second of 8 bits.
    MuLaw,
    /// ITU-T G.711 A-law, 8000 samples a second of 8 bits.
    ALaw,
    /// Linear, 8000 samples a second of 16 bits, little-endian.
    Linear8,
    /// Linear, 16 000 samples a second of 16 bits, little-endian.
    Linear16,
}

impl Encoding {
    /// All of them, in the order of [`Encoding::number`].
    pub const ALL: [Encoding; 4] = [Encoding::MuLaw, Encoding::ALaw, Encoding::Linear8, Encoding::Linear16];

    /// Its number in files.
    pub const fn number(self) -> u8 {
        match self {
            Encoding::MuLaw => 0,
            Encoding::ALaw => 1,
            Encoding::Linear8 => 2,
            Encoding::Linear16 => 3,
        }
    }

    /// The encoding of a number in a file.
    pub fn of_number(number: u8) -> Option<Encoding> {
        Encoding::ALL.get(usize::from(number)).copied()
    }

    /// Samples a second.
    pub const fn rate(self) -> u32 {
        match self {
            Encoding::MuLaw | Encoding::ALaw | Encoding::Linear8 => 8_000,
            Encoding::Linear16 => 16_000,
        }
    }

    /// Bytes a sample of one channel.
    pub const fn sample_len(self) -> usize {
        match self {
            Encoding::MuLaw | Encoding::ALaw => 1,
            Encoding::Linear8 | Encoding::Linear16 => 2,
        }
    }

    /// Bytes of a whole second of one channel: the length of a leaf.
    pub const fn second_len(self) -> usize {
        self.rate() as usize * self.sample_len()
    }

    /// The byte that silence is made of.
    pub const fn silence(self) -> u8 {
        match self {
            Encoding::MuLaw => 0xff,
            Encoding::ALaw => 0xd5,
            Encoding::Linear8 | Encoding::Linear16 => 0,
        }
    }

    /// The largest magnitude of linear samples of 16 bits among these, as they are in the file: for pictures of a recording.
    pub fn peak(self, samples: &[u8]) -> u16 {
        let peak = match self.law() {
            Some(law) => samples.iter().map(|code| g711::sample(law, *code).unsigned_abs()).max(),
            None => {
                let (pairs, _) = samples.as_chunks::<2>();
                pairs.iter().map(|pair| i16::from_le_bytes(*pair).unsigned_abs()).max()
            }
        };
        peak.unwrap_or(0)
    }

    /// The law whose codes are stored as they came, if it is one of G.711's.
    pub(crate) const fn law(self) -> Option<Law> {
        match self {
            Encoding::MuLaw => Some(Law::Mu),
            Encoding::ALaw => Some(Law::A),
            Encoding::Linear8 | Encoding::Linear16 => None,
        }
    }

    /// Appends linear samples, which have this encoding's rate.
    pub(crate) fn append(self, samples: &[i16], to: &mut Vec<u8>) {
        match self.law() {
            Some(law) => to.extend(samples.iter().map(|sample| g711::code(law, *sample))),
            None => to.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::MuLaw => "G.711 µ-law",
            Encoding::ALaw => "G.711 A-law",
            Encoding::Linear8 => "PCM of 16 bits at 8 kHz",
            Encoding::Linear16 => "PCM of 16 bits at 16 kHz",
        })
    }
}
