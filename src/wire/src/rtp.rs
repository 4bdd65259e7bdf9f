//! RTP (RFC 3550 section 5.1), and what tells RTCP from it (RFC 5761 section 4).

use core::ops::Range;

/// An RTP packet whose lengths were checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rtp<'a> {
    bytes: &'a [u8],
    header: &'a [u8; Rtp::HEADER_LEN],
    payload_at: usize,
    payload_end: usize,
}

/// Why a datagram is no RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RtpError {
    /// Shorter than the fixed header.
    TooShort,
    /// The version is not 2.
    NotVersion2,
    /// The contributing sources go beyond the end.
    CsrcBeyondEnd,
    /// The header extension goes beyond the end.
    ExtensionBeyondEnd,
    /// The padding is said to be of no length, or longer than what is there.
    BadPadding,
}

impl<'a> Rtp<'a> {
    /// Length of the fixed header.
    pub const HEADER_LEN: usize = 12;

    /// Reads `bytes`, the whole payload of a UDP datagram.
    ///
    /// # Errors
    /// The first contradiction found.
    #[inline]
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let Some(header) = bytes.first_chunk::<{ Rtp::HEADER_LEN }>() else { return Err(RtpError::TooShort) };
        if header[0] >> 6 != 2 {
            return Err(RtpError::NotVersion2);
        }
        let mut payload_at = Rtp::HEADER_LEN + usize::from(header[0] & 0x0f) * 4;
        if payload_at > bytes.len() {
            return Err(RtpError::CsrcBeyondEnd);
        }
        if header[0] & 0x10 != 0 {
            // Section 5.3.1: 16 bits of the profile's own, then the length in words.
            let extension = bytes.get(payload_at..).and_then(|rest| rest.first_chunk::<4>());
            let Some(extension) = extension else { return Err(RtpError::ExtensionBeyondEnd) };
            payload_at += 4 + usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4;
            if payload_at > bytes.len() {
                return Err(RtpError::ExtensionBeyondEnd);
            }
        }
        let mut payload_end = bytes.len();
        if header[0] & 0x20 != 0 {
            let padding = bytes.last().map_or(0, |last| usize::from(*last));
            if padding == 0 || padding > payload_end - payload_at {
                return Err(RtpError::BadPadding);
            }
            payload_end -= padding;
        }
        Ok(Rtp { bytes, header, payload_at, payload_end })
    }

    /// The payload type, 0–127.
    #[inline]
    pub fn payload_type(&self) -> u8 {
        self.header[1] & 0x7f
    }

    /// The marker bit.
    #[inline]
    pub fn marker(&self) -> bool {
        self.header[1] & 0x80 != 0
    }

    /// The sequence number.
    #[inline]
    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// The timestamp, in units of the payload type's clock.
    #[inline]
    pub fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The synchronisation source.
    #[inline]
    pub fn ssrc(&self) -> u32 {
        let [_, _, _, _, _, _, _, _, a, b, c, d] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Where the payload lies in the packet: after contributing sources and extension, before padding.
    #[inline]
    pub fn payload_range(&self) -> Range<usize> {
        self.payload_at..self.payload_end
    }

    /// The payload.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.payload_range()).unwrap_or_default()
    }
}

/// Whether a UDP payload may be RTP: version 2, a whole header, and not RTCP (RFC 5761 section 4).
#[inline]
pub fn is_rtp(payload: &[u8]) -> bool {
    payload.len() >= 12 && payload.first().is_some_and(|first| first >> 6 == 2) && !is_rtcp(payload)
}

/// Whether a datagram on an RTP port is RTCP: version 2, and a second byte of 192–223, which as RTP would be the marker
/// with a payload type of 64–95, kept free for this (RFC 5761 section 4).
#[inline]
pub fn is_rtcp(payload: &[u8]) -> bool {
    matches!(payload, [first, 192..=223, ..] if first >> 6 == 2)
}

/// Whether a datagram that [`is_rtcp`] says may be RTCP is long enough for its first packet (RFC 3550 appendix A.2). An
/// RTP packet of a few bytes is not, by chance: its sequence number stands where RTCP has the length.
#[inline]
pub fn holds_rtcp(payload: &[u8]) -> bool {
    match payload {
        [_, _, high, low, ..] => {
            payload.len() / 4 > usize::from(u16::from_be_bytes([*high, *low])) && is_rtcp(payload)
        }
        _ => false,
    }
}
