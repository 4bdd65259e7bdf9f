//! One media flow: which of its packets carry keys, and what becomes of each packet.

use core::ops::Range;
use core::time::Duration;

use handover::{Counter, Flow, FlowMode, Instant, MaskKey, Transport};
use tap::Released;
use wire::rtp::{Rtp, is_rtcp};
use wire::telephone_event::{BLOCK_LEN, EventBlock, write_block};

use crate::carries::{Carries, Packet, Regions};
use crate::events::{KEYS, MASKED_VOLUME, Sighting, Tracker};
use crate::{Captured, ChangeKind, Masked, silence};

/// MF digits 0–9 on trunks (RFC 5244 section 2.3): no key of a telephone, but a digit for whoever reads it.
const MF_DIGITS: Range<u8> = 128..138;

/// The state of one media flow: the events of its last few sources. Of fixed size, without heap.
#[derive(Debug, Default)]
pub struct MediaStream {
    tracker: Tracker,
}

impl MediaStream {
    /// A stream of which nothing was seen.
    pub fn new() -> Self {
        MediaStream::default()
    }

    /// Does to a packet what the flow's mode asks, and reports the presses that are first seen in it.
    ///
    /// `payload` is the whole UDP payload, changed in place at the same length.
    #[inline]
    pub fn mask<'a>(
        &mut self,
        now: Instant,
        flow: &Flow,
        payload: &'a mut [u8],
        capture: &mut dyn FnMut(Captured),
    ) -> Masked<'a> {
        apply(flow, payload, &mut |sighting, elapsed| {
            report(&mut self.tracker, now, &sighting, elapsed, capture);
        })
    }

    /// Reports the presses that are first seen in a packet that is not to be changed, whatever the flow's mode.
    pub fn observe(&mut self, now: Instant, flow: &Flow, payload: &[u8], capture: &mut dyn FnMut(Captured)) {
        if flow.encrypted || is_rtcp(payload) {
            return;
        }
        let Ok(rtp) = Rtp::new_checked(payload) else { return };
        let packet = Packet::of(&rtp);
        let Carries::Events(regions) = Carries::of(flow, packet.payload_type, rtp.payload()) else { return };
        let end = regions.end_of_primary(&packet, rtp.payload());
        for region in regions {
            let Some(bytes) = rtp.payload().get(region.range.clone()) else { continue };
            let mut start = region.start(&packet);
            for block in bytes.as_chunks::<BLOCK_LEN>().0 {
                let block = EventBlock::read(*block);
                if KEYS.contains(&block.event) {
                    let sighting = packet.sighting(&region, start, &block);
                    report(&mut self.tracker, now, &sighting, end.wrapping_sub(start), capture);
                }
                start = start.wrapping_add(u32::from(block.duration));
            }
        }
    }
}

/// As [`MediaStream::mask`] where no state is free: masked all the same, nothing captured.
pub fn mask_stateless<'a>(flow: &Flow, payload: &'a mut [u8]) -> Masked<'a> {
    apply(flow, payload, &mut |_, _| {})
}

/// Tells the tracker, and whoever captures, of one event block. `elapsed` is the time on the RTP clock between the
/// event's start and what the packet tells last.
fn report(
    tracker: &mut Tracker,
    now: Instant,
    sighting: &Sighting,
    elapsed: u32,
    capture: &mut dyn FnMut(Captured),
) {
    let Some(digit) = tracker.sight(now, sighting) else { return };
    // The packet says how long the key has been down, so that lost first packets do not move the onset.
    // An event that began after what the packet tells last is a contradiction, and its own duration is all there is.
    let elapsed = if elapsed < 1 << 31 { elapsed } else { 0 };
    let ticks = u64::from(elapsed.max(u32::from(sighting.duration)));
    let elapsed = Duration::from_micros(ticks * 1000 / u64::from(sighting.clock_khz.max(1)));
    capture(Captured { digit, transport: Transport::Event, onset: now - elapsed });
}

fn apply<'a>(flow: &Flow, payload: &'a mut [u8], sight: &mut dyn FnMut(Sighting, u32)) -> Masked<'a> {
    if is_rtcp(payload) {
        return Masked::NotRtp;
    }
    let (packet, carries) = match Rtp::new_checked(payload) {
        Ok(rtp) => {
            if flow.mode == FlowMode::Pass {
                return Masked::Unchanged(Released::by_masker(payload));
            }
            let packet = Packet::of(&rtp);
            let carries = Carries::of(flow, packet.payload_type, rtp.payload());
            (packet, carries)
        }
        Err(_) if flow.mode == FlowMode::Pass || is_harmless(payload) => return Masked::NotRtp,
        Err(_) => return Masked::Drop(Counter::DropSecuredUnreadable),
    };
    if flow.encrypted {
        return Masked::Drop(Counter::DropSilenced);
    }
    match (flow.mode, carries) {
        (FlowMode::Silence(_), carries) => silenced(&packet, payload, carries),
        (_, Carries::Unreadable) => Masked::Drop(Counter::DropSecuredUnreadable),
        (FlowMode::Mask(mask_key), Carries::Events(regions)) => {
            masked(&packet, payload, regions, mask_key, sight)
        }
        (FlowMode::Mask(_) | FlowMode::Pass, _) => Masked::Unchanged(Released::by_masker(payload)),
    }
}

/// What shares a port with RTP and can carry no key (RFC 7983 section 7): STUN, DTLS, and the keep-alives of phones
/// behind NAT, which are empty or line ends.
fn is_harmless(payload: &[u8]) -> bool {
    match payload {
        [] | [0..=3, ..] | [20..=63, ..] => true,
        _ => payload.len() <= 4 && payload.iter().all(|byte| matches!(byte, b'\r' | b'\n')),
    }
}

fn silenced<'a>(packet: &Packet, payload: &'a mut [u8], carries: Carries) -> Masked<'a> {
    let silence = match carries {
        Carries::Audio(kind) => silence::byte_of(kind),
        Carries::Events(_) | Carries::Unreadable => None,
    };
    let Some(silence) = silence else { return Masked::Drop(Counter::DropSilenced) };
    if let Some(audio) = payload.get_mut(packet.range.clone()) {
        audio.fill(silence);
    }
    packet.wipe_padding(payload);
    Masked::Changed(Released::by_masker(payload), ChangeKind::Silence)
}

fn masked<'a>(
    packet: &Packet,
    payload: &'a mut [u8],
    regions: Regions,
    mask_key: MaskKey,
    sight: &mut dyn FnMut(Sighting, u32),
) -> Masked<'a> {
    let bytes = payload.get_mut(packet.range.clone()).unwrap_or_default();
    let end = regions.end_of_primary(packet, bytes);
    let mut changed = false;
    for region in regions {
        let Some(bytes) = bytes.get_mut(region.range.clone()) else { continue };
        let mut start = region.start(packet);
        let (blocks, rest) = bytes.as_chunks_mut::<BLOCK_LEN>();
        for bytes in blocks {
            let block = EventBlock::read(*bytes);
            if KEYS.contains(&block.event) {
                sight(packet.sighting(&region, start, &block), end.wrapping_sub(start));
                write_block(bytes, 0, mask_key.event_code(), MASKED_VOLUME);
                changed = true;
            } else if MF_DIGITS.contains(&block.event) {
                write_block(bytes, 0, MF_DIGITS.start, MASKED_VOLUME);
                changed = true;
            }
            start = start.wrapping_add(u32::from(block.duration));
        }
        // Half a block is of no use to anyone but who reads past the end.
        changed |= !rest.is_empty();
        rest.fill(0);
    }
    if changed {
        packet.wipe_padding(payload);
        Masked::Changed(Released::by_masker(payload), ChangeKind::Event)
    } else {
        Masked::Unchanged(Released::by_masker(payload))
    }
}
