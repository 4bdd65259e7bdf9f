//! The codecs whose tones can be masked.

use handover::FormatKind;

/// How the samples of a payload are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codec {
    /// G.711 µ-law.
    Ulaw,
    /// G.711 A-law.
    Alaw,
    /// G.722 at 64 kbit/s: a byte is two samples at 16 kHz.
    G722,
    /// 16-bit linear at 8 kHz, big-endian (RFC 3551 section 4.5.11).
    Linear8,
    /// The same at 16 kHz.
    Linear16,
}

/// The longest payload that is listened to, in samples at 8 kHz: 320 ms. Beyond, a packet has more cells than are kept.
pub(crate) const LONGEST: usize = 2560;

impl Codec {
    /// The codec of a format; `None` where its tones cannot be masked.
    pub(crate) const fn of(kind: FormatKind, clock_khz: u8) -> Option<Codec> {
        match (kind, clock_khz) {
            (FormatKind::Pcmu, 8) => Some(Codec::Ulaw),
            (FormatKind::Pcma, 8) => Some(Codec::Alaw),
            (FormatKind::G722, _) => Some(Codec::G722),
            (FormatKind::L16, 8) => Some(Codec::Linear8),
            (FormatKind::L16, 16) => Some(Codec::Linear16),
            _ => None,
        }
    }

    /// What the SDP calls it.
    pub(crate) const fn kind(self) -> FormatKind {
        match self {
            Codec::Ulaw => FormatKind::Pcmu,
            Codec::Alaw => FormatKind::Pcma,
            Codec::G722 => FormatKind::G722,
            Codec::Linear8 | Codec::Linear16 => FormatKind::L16,
        }
    }

    /// Bytes that last as long as a sample at 8 kHz.
    pub(crate) const fn width(self) -> usize {
        match self {
            Codec::Ulaw | Codec::Alaw | Codec::G722 => 1,
            Codec::Linear8 => 2,
            Codec::Linear16 => 4,
        }
    }

    /// Ticks of the RTP clock that last as long as a sample at 8 kHz. G.722's runs at half its rate (RFC 3551 section 4.5.2).
    pub(crate) const fn ticks(self) -> u32 {
        match self {
            Codec::Ulaw | Codec::Alaw | Codec::G722 | Codec::Linear8 => 1,
            Codec::Linear16 => 2,
        }
    }

    /// By how many samples at 8 kHz what is heard lags behind what is in the payload.
    pub(crate) const fn lag(self) -> u64 {
        match self {
            Codec::Ulaw | Codec::Alaw | Codec::Linear8 => 0,
            Codec::G722 | Codec::Linear16 => 8,
        }
    }

    /// How long a payload lasts, in samples at 8 kHz; `None` where it is empty, too long, or ends in half a sample.
    pub(crate) fn samples(self, length: usize) -> Option<u16> {
        let samples = length / self.width();
        let fits = length.is_multiple_of(self.width()) && (1..=LONGEST).contains(&samples);
        u16::try_from(samples).ok().filter(|_| fits)
    }
}
