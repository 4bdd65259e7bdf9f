//! Keys as named events (RFC 4733 section 2.3).

/// One block of four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EventBlock {
    /// The event: 0–9, 10 `*`, 11 `#`, 12–15 `A`–`D`, 16 flash, above it tones and signals.
    pub event: u8,
    /// The E bit: the event has ended.
    pub end: bool,
    /// The R bit, zero by section 2.3.3.
    pub reserved: bool,
    /// The level in −dBm0, 0–63.
    pub volume: u8,
    /// How long the event has lasted, in units of the RTP clock.
    pub duration: u16,
}

/// Length of a block.
pub const BLOCK_LEN: usize = 4;

impl EventBlock {
    /// The block that `bytes` are.
    #[inline]
    pub const fn read(bytes: [u8; BLOCK_LEN]) -> Self {
        let [event, flags, high, low] = bytes;
        EventBlock {
            event,
            end: flags & 0x80 != 0,
            reserved: flags & 0x40 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        }
    }
}

/// The blocks of an event payload with their offsets in it; one to three bytes after the last whole block are passed
/// over.
#[inline]
pub fn blocks(payload: &[u8]) -> impl Iterator<Item = (usize, EventBlock)> {
    let (blocks, _) = payload.as_chunks::<BLOCK_LEN>();
    blocks.iter().enumerate().map(|(nth, bytes)| (nth * BLOCK_LEN, EventBlock::read(*bytes)))
}

/// Replaces event and volume (its low six bits) of the block at `offset`; E, R and duration stay. Beyond the end of
/// `payload` it does nothing.
#[inline]
pub fn write_block(payload: &mut [u8], offset: usize, event: u8, volume: u8) {
    if let Some([event_byte, flags, ..]) = payload.get_mut(offset..) {
        *event_byte = event;
        *flags = (*flags & 0xc0) | (volume & 0x3f);
    }
}
