//! What the payload of an RTP packet carries: event blocks, plainly or redundantly, or audio.

use core::ops::Range;

use handover::{Flow, Format, FormatKind};
use wire::redundancy;
use wire::rtp::Rtp;
use wire::telephone_event::{BLOCK_LEN, EventBlock};

use crate::events::{KEYS, MF_DIGITS, Sighting, TONES};

/// The longest payload that is taken for events where the SDP said that it is: sixteen blocks. Longer is audio of a
/// sender that uses its own numbers instead of those that it was told (RFC 3264 section 5.1).
const LONGEST: usize = 64;
/// The longest payload of an unknown type that is taken for events.
const LONGEST_LOOKALIKE: usize = 32;
/// The RTP clock where the SDP gave none.
const DEFAULT_CLOCK_KHZ: u8 = 8;

/// What of an RTP header is needed, so that the packet may be changed meanwhile.
pub(crate) struct Packet {
    pub(crate) payload_type: u8,
    marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Where the payload lies in the packet.
    pub(crate) range: Range<usize>,
}

impl Packet {
    pub(crate) fn of(rtp: &Rtp<'_>) -> Self {
        Packet {
            payload_type: rtp.payload_type(),
            marker: rtp.marker(),
            sequence: rtp.sequence(),
            timestamp: rtp.timestamp(),
            ssrc: rtp.ssrc(),
            range: rtp.payload_range(),
        }
    }

    pub(crate) fn sighting(&self, region: &Region, start: u32, block: &EventBlock) -> Sighting {
        Sighting {
            ssrc: self.ssrc,
            start,
            code: block.event,
            duration: block.duration,
            end: block.end,
            // The marker is about the primary's first block; the others tell of events that began before.
            marker: self.marker && start == self.timestamp,
            clock_khz: region.clock_khz,
        }
    }

    /// As [`wipe_padding`].
    pub(crate) fn wipe_padding(&self, payload: &mut [u8]) {
        wipe_padding(payload, &self.range);
    }
}

/// Wipes what may tell of audio that was replaced: padding, and header extensions, which may hold its level (RFC 6464).
pub(crate) fn wipe_beside(payload: &mut [u8], audio: &Range<usize>) {
    wipe_padding(payload, audio);
    if let [first, ..] = payload
        && *first & 0x10 != 0
    {
        let csrc = usize::from(*first & 0x0f) * 4;
        // Bytes of zero are padding in both forms of extension (RFC 8285 sections 4.2 and 4.3).
        if let Some(extension) = payload.get_mut(Rtp::HEADER_LEN + csrc + 4..audio.start) {
            extension.fill(0);
        }
    }
}

/// Padding is no payload, but who ignores the padding bit reads it as one. Its last byte is its length.
fn wipe_padding(payload: &mut [u8], range: &Range<usize>) {
    let len = payload.len();
    if let Some(padding) = payload.get_mut(range.end..len.saturating_sub(1)) {
        padding.fill(0);
    }
}

/// What a payload carries.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one call, on the stack; nothing here may allocate"
)]
pub(crate) enum Carries {
    /// Event blocks, in one or several regions.
    Events(Regions),
    /// Audio, or what is no concern.
    Audio(FormatKind),
    /// It may carry events, but cannot be read.
    Unreadable,
}

impl Carries {
    pub(crate) fn of(flow: &Flow, payload_type: u8, payload: &[u8]) -> Carries {
        match meaning(flow, payload_type, payload) {
            Meaning::Events(clock_khz) => Carries::Events(Regions::one(payload, clock_khz)),
            Meaning::Audio(FormatKind::Redundancy) => Self::of_redundant(flow, payload),
            Meaning::Audio(kind) => Carries::Audio(kind),
            Meaning::Unannounced => Self::of_unannounced(flow, payload),
            Meaning::Unreadable => Carries::Unreadable,
        }
    }

    fn of_redundant(flow: &Flow, payload: &[u8]) -> Carries {
        if payload.is_empty() {
            return Carries::Audio(FormatKind::Redundancy);
        }
        let Ok(blocks) = redundancy::blocks(payload) else { return Carries::Unreadable };
        let mut regions = Regions::default();
        for block in blocks {
            let bytes = payload.get(block.range.clone()).unwrap_or_default();
            match meaning(flow, block.payload_type, bytes) {
                Meaning::Events(clock_khz) => regions.push(&block, clock_khz),
                // Redundancy within redundancy is none that anybody sends.
                Meaning::Audio(FormatKind::Redundancy) | Meaning::Unreadable => return Carries::Unreadable,
                Meaning::Audio(_) | Meaning::Unannounced => regions.beside_audio |= !bytes.is_empty(),
            }
        }
        if regions.count == 0 { Carries::Audio(FormatKind::Redundancy) } else { Carries::Events(regions) }
    }

    /// A payload of a type that nobody announced and that is no event as a whole: redundancy, if it has blocks that are.
    fn of_unannounced(flow: &Flow, payload: &[u8]) -> Carries {
        let mut regions = Regions::default();
        for block in redundancy::blocks(payload).into_iter().flatten() {
            let bytes = payload.get(block.range.clone()).unwrap_or_default();
            // A type below the dynamic ones may be an event's code: then it is no redundancy.
            if (block.payload_type >= FIRST_DYNAMIC || is_announced_for_events(flow, block.payload_type))
                && let Meaning::Events(clock_khz) = meaning(flow, block.payload_type, bytes)
                && looks_like_events(bytes)
            {
                regions.push(&block, clock_khz);
            } else {
                regions.beside_audio |= !bytes.is_empty();
            }
        }
        if regions.count == 0 { Carries::Audio(FormatKind::Other) } else { Carries::Events(regions) }
    }
}

/// Whether the SDP says that events come as this type, plainly or in redundancy.
fn is_announced_for_events(flow: &Flow, payload_type: u8) -> bool {
    let format = flow.formats.get(payload_type);
    format.is_some_and(|format| matches!(format.kind, FormatKind::TelephoneEvent | FormatKind::Redundancy))
}

/// What one payload, or one block of redundancy, is.
enum Meaning {
    /// Event blocks, on a clock of so many kHz; 0 where nobody said.
    Events(u8),
    /// A codec, or redundancy.
    Audio(FormatKind),
    /// Nobody said, and it reads as no event.
    Unannounced,
    /// Said to be events and none that can be read: encrypted, perhaps.
    Unreadable,
}

fn meaning(flow: &Flow, payload_type: u8, payload: &[u8]) -> Meaning {
    match format(flow, payload_type) {
        Some(Format { kind: FormatKind::TelephoneEvent, clock_khz, .. }) => {
            if payload.len() > LONGEST {
                Meaning::Audio(FormatKind::Other)
            } else if reads_as_events(payload) {
                Meaning::Events(clock_khz)
            } else {
                Meaning::Unreadable
            }
        }
        // A codec's frame of four bytes may be an event of a sender that uses its own numbers, or comfort noise of Opus or
        // AMR. Where the flow has a number for events, they come as that; where it has none, safety decides.
        Some(Format { kind: FormatKind::Other, clock_khz, .. })
            if payload_type >= FIRST_DYNAMIC
                && payload.len() == BLOCK_LEN
                && reads_as_key(payload)
                && !has_events(flow) =>
        {
            Meaning::Events(clock_khz)
        }
        Some(Format { kind, .. }) => Meaning::Audio(kind),
        None if looks_like_events(payload) => Meaning::Events(0),
        None => Meaning::Unannounced,
    }
}

fn has_events(flow: &Flow) -> bool {
    flow.formats.iter().any(|format| format.kind == FormatKind::TelephoneEvent)
}

/// The first dynamic payload type (RFC 3551 section 3).
const FIRST_DYNAMIC: u8 = 96;

/// The clock of a payload type in kHz.
pub(crate) fn clock_khz(flow: &Flow, payload_type: u8) -> u8 {
    format(flow, payload_type).map_or(DEFAULT_CLOCK_KHZ, |format| format.clock_khz)
}

/// What a payload type means: by the SDP, else by RFC 3551 section 6; `None` where neither says.
pub fn format(flow: &Flow, payload_type: u8) -> Option<Format> {
    if let Some(known) = flow.formats.get(payload_type) {
        return Some(known);
    }
    let kind = match payload_type {
        10 | 11 => {
            return Some(Format { payload_type, kind: FormatKind::L16, clock_khz: 44 });
        }
        0 => FormatKind::Pcmu,
        8 => FormatKind::Pcma,
        9 => FormatKind::G722,
        13 => FormatKind::ComfortNoise,
        3..=18 | 25 | 26 | 28 | 31..=34 => FormatKind::Other,
        // Dynamic, reserved or never assigned; those from 35 on are used as dynamic where 96–127 do not suffice.
        _ => return None,
    };
    Some(Format { payload_type, kind, clock_khz: DEFAULT_CLOCK_KHZ })
}

/// Whether a payload said to be events is: blocks of keys and of the tones that come beside them. It does not depend on
/// which key; and what has no key in it must be whole, so that an encrypted event is not taken for a fax tone.
fn reads_as_events(payload: &[u8]) -> bool {
    let (blocks, rest) = payload.as_chunks::<BLOCK_LEN>();
    let is_masked = |event: u8| KEYS.contains(&event) || MF_DIGITS.contains(&event);
    // Nothing of half a block stays.
    let mut has_masked = blocks.is_empty();
    let mut has_reserved = false;
    for bytes in blocks {
        let block = EventBlock::read(*bytes);
        if !is_masked(block.event) && !TONES.contains(&block.event) {
            return false;
        }
        has_masked |= is_masked(block.event);
        has_reserved |= block.reserved;
    }
    has_masked || (rest.is_empty() && !has_reserved)
}

/// Whether a payload begins with the block of a key.
fn reads_as_key(payload: &[u8]) -> bool {
    let first = payload.first_chunk().map(|bytes| EventBlock::read(*bytes));
    first.is_some_and(|block| KEYS.contains(&block.event) && !block.reserved)
}

/// Whether a payload of an unannounced type reads as keys, whatever else a careless sender puts into its blocks and
/// behind them. It is masked then: better a spoilt packet of a codec that nobody agreed on than a digit that nobody
/// announced.
fn looks_like_events(payload: &[u8]) -> bool {
    let (blocks, _) = payload.as_chunks::<BLOCK_LEN>();
    (BLOCK_LEN..=LONGEST_LOOKALIKE).contains(&payload.len())
        && payload.first().is_some_and(|first| KEYS.contains(first))
        && blocks.iter().all(|[event, ..]| *event <= TONES.start)
}

/// Event blocks that follow one another.
#[derive(Clone, Default)]
pub(crate) struct Region {
    /// Where they lie in the RTP payload.
    pub(crate) range: Range<usize>,
    /// How far before the packet's timestamp the first of them began (RFC 2198).
    timestamp_offset: u16,
    clock_khz: u8,
}

impl Region {
    pub(crate) fn start(&self, packet: &Packet) -> u32 {
        packet.timestamp.wrapping_sub(u32::from(self.timestamp_offset))
    }
}

/// The regions of a packet, oldest first.
#[derive(Default)]
pub(crate) struct Regions {
    regions: [Region; redundancy::MAX_BLOCKS],
    count: usize,
    next: usize,
    /// There is audio in the packet, too.
    pub(crate) beside_audio: bool,
}

impl Regions {
    fn one(payload: &[u8], clock_khz: u8) -> Self {
        let mut regions = Regions::default();
        let whole = redundancy::Block {
            payload_type: 0,
            timestamp_offset: 0,
            range: 0..payload.len(),
            primary: true,
        };
        regions.push(&whole, clock_khz);
        regions
    }

    fn push(&mut self, block: &redundancy::Block, clock_khz: u8) {
        if let Some(slot) = self.regions.get_mut(self.count) {
            let clock_khz = if clock_khz == 0 { DEFAULT_CLOCK_KHZ } else { clock_khz };
            *slot =
                Region { range: block.range.clone(), timestamp_offset: block.timestamp_offset, clock_khz };
            self.count += 1;
        }
    }

    /// The last moment, on the RTP clock, that the packet tells of: the end of its primary's last event.
    pub(crate) fn end_of_primary(&self, packet: &Packet, payload: &[u8]) -> u32 {
        let last = self.regions.get(self.count.saturating_sub(1));
        let Some(primary) = last.filter(|region| region.timestamp_offset == 0) else {
            return packet.timestamp;
        };
        let blocks = payload.get(primary.range.clone()).unwrap_or_default().as_chunks::<BLOCK_LEN>().0;
        blocks.iter().fold(packet.timestamp, |end, block| {
            end.wrapping_add(u32::from(EventBlock::read(*block).duration))
        })
    }
}

impl Iterator for Regions {
    type Item = Region;

    fn next(&mut self) -> Option<Region> {
        let region = self.regions.get(self.next).filter(|_| self.next < self.count)?;
        self.next += 1;
        Some(region.clone())
    }
}
