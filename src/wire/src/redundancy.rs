//! Several encodings of audio or events in one packet (RFC 2198 section 3).

use core::ops::Range;

/// How many blocks a packet may have here. Real senders use two or three (RFC 2198), Chromium at most ten.
pub const MAX_BLOCKS: usize = 16;

/// One block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// What it is encoded as: an RTP payload type.
    pub payload_type: u8,
    /// How far its timestamp is before that of the packet; 0 for the primary. 14 bits.
    pub timestamp_offset: u16,
    /// Where its bytes lie in the RTP payload.
    pub range: Range<usize>,
    /// Whether it is the primary encoding, always the last.
    pub primary: bool,
}

/// Why a payload is no set of redundant blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RedundancyError {
    /// The headers go beyond the end.
    HeaderBeyondEnd,
    /// The blocks' lengths go beyond the end.
    BlockBeyondEnd,
    /// More than [`MAX_BLOCKS`].
    TooManyBlocks,
}

#[derive(Clone, Copy, Default)]
struct Header {
    payload_type: u8,
    timestamp_offset: u16,
    len: u16,
}

/// The blocks of a payload, in their order. It borrows nothing, so that the payload may be changed meanwhile.
#[derive(Clone)]
pub struct Blocks {
    headers: [Header; MAX_BLOCKS],
    /// How many of `headers` hold something; the last of them is the primary.
    count: usize,
    next: usize,
    /// Where the next block starts.
    at: usize,
    end: usize,
}

/// Reads the headers of an RFC 2198 payload.
///
/// # Errors
/// Where headers or blocks do not fit, or are too many.
pub fn blocks(payload: &[u8]) -> Result<Blocks, RedundancyError> {
    let mut headers = [Header::default(); MAX_BLOCKS];
    let mut at = 0;
    let mut redundant_len = 0;
    for (nth, header) in headers.iter_mut().enumerate() {
        let rest = payload.get(at..).unwrap_or_default();
        let Some(first) = rest.first() else { return Err(RedundancyError::HeaderBeyondEnd) };
        header.payload_type = first & 0x7f;
        if first & 0x80 == 0 {
            at += 1;
            if redundant_len > payload.len() - at {
                return Err(RedundancyError::BlockBeyondEnd);
            }
            return Ok(Blocks { headers, count: nth + 1, next: 0, at, end: payload.len() });
        }
        let Some(&[_, high, middle, low]) = rest.first_chunk() else {
            return Err(RedundancyError::HeaderBeyondEnd);
        };
        // 14 bits of offset, 10 of length.
        header.timestamp_offset = u16::from_be_bytes([high, middle]) >> 2;
        header.len = u16::from_be_bytes([middle & 0x03, low]);
        redundant_len += usize::from(header.len);
        at += 4;
    }
    Err(RedundancyError::TooManyBlocks)
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let header = self.headers.get(self.next).filter(|_| self.next < self.count)?;
        self.next += 1;
        let primary = self.next == self.count;
        let start = self.at;
        self.at = if primary { self.end } else { start + usize::from(header.len) };
        Some(Block {
            payload_type: header.payload_type,
            timestamp_offset: header.timestamp_offset,
            range: start..self.at,
            primary,
        })
    }
}
