//! One media flow: which of its packets carry keys, and what becomes of each packet.

use core::time::Duration;

use handover::{Counter, Flow, FlowMode, Instant, MaskKey, Transport};
use tap::Released;
use wire::rtp::{Rtp, holds_rtcp, is_rtcp};
use wire::telephone_event::{BLOCK_LEN, EventBlock, write_block};

use crate::carries::{Carries, Packet, Regions, wipe_beside};
use crate::events::{KEYS, MASKED_VOLUME, MF_DIGITS, Sighting, Tracker};
use crate::{Captured, ChangeKind, Masked, silence};

/// What a packet told of keys sent as events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Told {
    /// There was an event of a key in it.
    pub(crate) key: bool,
    /// The last one has ended.
    pub(crate) ended: bool,
}

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
        self.mask_telling(now, flow, payload, &mut Told::default(), capture)
    }

    /// As [`MediaStream::mask`], and says what the packet told of keys.
    pub(crate) fn mask_telling<'a>(
        &mut self,
        now: Instant,
        flow: &Flow,
        payload: &'a mut [u8],
        told: &mut Told,
        capture: &mut dyn FnMut(Captured),
    ) -> Masked<'a> {
        apply(flow, payload, &mut |sighting, elapsed| {
            *told = Told { key: true, ended: sighting.end };
            report(&mut self.tracker, now, &sighting, elapsed, capture);
            true
        })
    }

    /// Whether an event that began may still go on: its last packet came at most a second ago.
    pub fn is_open(&self, now: Instant) -> bool {
        self.tracker.is_open(now)
    }

    /// For a packet of a flow that has left SecureMode: masks what it tells of events that began in SecureMode, until
    /// they have ended, and their end packets sent again. Nothing is captured; other events in it stay.
    ///
    /// `None` where there is nothing of the kind in it: it leaves as it came. `flow` gives the formats, whatever its
    /// mode; `payload` is as for [`MediaStream::mask`].
    pub fn finish<'a>(
        &mut self,
        now: Instant,
        flow: &Flow,
        mask_key: MaskKey,
        payload: &'a mut [u8],
    ) -> Option<Masked<'a>> {
        if flow.encrypted || !self.is_open(now) || is_control(flow, payload) {
            return None;
        }
        let rtp = Rtp::new_checked(payload).ok()?;
        let packet = Packet::of(&rtp);
        let Carries::Events(regions) = Carries::of(flow, packet.payload_type, rtp.payload()) else {
            return None;
        };
        let mut is_ours = |sighting: Sighting, _| self.tracker.continues(now, &sighting);
        let changed = mask_blocks(&packet, payload, regions, mask_key, &mut is_ours);
        changed.then(|| Masked::Changed(Released::by_masker(payload), ChangeKind::Event))
    }

    /// Reports the presses that are first seen in a packet that is not to be changed, whatever the flow's mode.
    pub fn observe(&mut self, now: Instant, flow: &Flow, payload: &[u8], capture: &mut dyn FnMut(Captured)) {
        if flow.encrypted || is_control(flow, payload) {
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

/// As [`MediaStream::mask`] where no state is free: events are masked all the same, nothing is captured. Nobody hears
/// whether there are tones in the audio, so it is silenced.
pub fn mask_stateless<'a>(flow: &Flow, payload: &'a mut [u8]) -> Masked<'a> {
    let mut flow = *flow;
    if let FlowMode::Mask(mask_key) = flow.mode
        && Rtp::new_checked(payload).is_ok_and(|rtp| {
            match Carries::of(&flow, rtp.payload_type(), rtp.payload()) {
                Carries::Audio(_) => true,
                Carries::Events(regions) => regions.beside_audio,
                Carries::Unreadable => false,
            }
        })
    {
        flow.mode = FlowMode::Silence(mask_key);
    }
    apply(&flow, payload, &mut |_, _| true)
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
    capture(Captured { digit, transport: Transport::Event, onset: now - elapsed, level: None });
}

/// What is done with each key's block: whether it is masked.
type Sight<'a> = &'a mut dyn FnMut(Sighting, u32) -> bool;

fn apply<'a>(flow: &Flow, payload: &'a mut [u8], sight: Sight<'_>) -> Masked<'a> {
    if is_control(flow, payload) {
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

/// Whether it is RTCP. With the marker bit, the types 64–95 look the same (RFC 5761 section 4): announced,
/// they are what was announced; and if not, RTCP has a length that the datagram holds.
pub(crate) fn is_control(flow: &Flow, payload: &[u8]) -> bool {
    let [_, second, ..] = payload else { return false };
    if !is_rtcp(payload) || flow.formats.get(*second & 0x7f).is_some() {
        return false;
    }
    holds_rtcp(payload)
        || !Rtp::new_checked(payload).is_ok_and(|rtp| {
            matches!(Carries::of(flow, rtp.payload_type(), rtp.payload()), Carries::Events(_))
        })
}

/// What shares a port with RTP and can carry no key (RFC 7983 section 7): STUN, DTLS, and the keep-alives of phones
/// behind NAT, which are empty, line ends or zeros.
fn is_harmless(payload: &[u8]) -> bool {
    match payload {
        [0..=3, ..] if is_stun(payload) => true,
        // A record of DTLS (RFC 6347 section 4.1): its type, and its version, which is written as one's complement.
        [20..=25, 0xfe, 0xfc..=0xff, ..] => true,
        _ => payload.len() <= 4 && payload.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b'\0')),
    }
}

/// Whether it is STUN: the length fits (RFC 3489 section 11.1), and exactly if it has no magic cookie
/// (RFC 5389 section 6).
fn is_stun(payload: &[u8]) -> bool {
    const HEADER_LEN: usize = 20;
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    let Some([_, _, high, low, cookie @ ..]) = payload.first_chunk::<8>() else { return false };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let is_exact = payload.len() == HEADER_LEN + length;
    length.is_multiple_of(4) && (is_exact || (*cookie == COOKIE && payload.len() > HEADER_LEN + length))
}

pub(crate) fn silenced<'a>(packet: &Packet, payload: &'a mut [u8], carries: Carries) -> Masked<'a> {
    let silence = match carries {
        Carries::Audio(kind) => silence::byte_of(kind),
        Carries::Events(_) | Carries::Unreadable => None,
    };
    let Some(silence) = silence else { return Masked::Drop(Counter::DropSilenced) };
    if let Some(audio) = payload.get_mut(packet.range.clone()) {
        audio.fill(silence);
    }
    wipe_beside(payload, &packet.range);
    Masked::Changed(Released::by_masker(payload), ChangeKind::Silence)
}

fn masked<'a>(
    packet: &Packet,
    payload: &'a mut [u8],
    regions: Regions,
    mask_key: MaskKey,
    sight: Sight<'_>,
) -> Masked<'a> {
    if mask_blocks(packet, payload, regions, mask_key, sight) {
        Masked::Changed(Released::by_masker(payload), ChangeKind::Event)
    } else {
        Masked::Unchanged(Released::by_masker(payload))
    }
}

/// Masks the blocks of keys that `sight` says are to be masked, and those of other digits. Says whether there were any.
fn mask_blocks(
    packet: &Packet,
    payload: &mut [u8],
    regions: Regions,
    mask_key: MaskKey,
    sight: Sight<'_>,
) -> bool {
    let bytes = payload.get_mut(packet.range.clone()).unwrap_or_default();
    let end = regions.end_of_primary(packet, bytes);
    let mut changed = false;
    for region in regions {
        let Some(bytes) = bytes.get_mut(region.range.clone()) else { continue };
        let mut start = region.start(packet);
        let (blocks, rest) = bytes.as_chunks_mut::<BLOCK_LEN>();
        // Half a block is of no use to anyone but who reads past the end.
        let mut wipes_rest = blocks.is_empty() && !rest.is_empty();
        for bytes in blocks {
            let block = EventBlock::read(*bytes);
            if KEYS.contains(&block.event) {
                if sight(packet.sighting(&region, start, &block), end.wrapping_sub(start)) {
                    write_block(bytes, 0, mask_key.event_code(), MASKED_VOLUME);
                    wipes_rest = true;
                }
            } else if MF_DIGITS.contains(&block.event) {
                write_block(bytes, 0, MF_DIGITS.start, MASKED_VOLUME);
                wipes_rest = true;
            }
            start = start.wrapping_add(u32::from(block.duration));
        }
        changed |= wipes_rest;
        if wipes_rest {
            rest.fill(0);
        }
    }
    if changed {
        packet.wipe_padding(payload);
    }
    changed
}
