//! Hears the keys of a stream that passes as it comes: events, and tones in the audio.

use core::time::Duration;

use arrayvec::ArrayVec;
use handover::{Flow, Instant, Transport};
use wire::rtp::Rtp;

use crate::carries::{Carries, Packet, clock_khz};
use crate::secured::Codec;
use crate::secured::ear::Ear;
use crate::stream::is_control;
use crate::tones::{Audio, Detector, Heard, Suspects, Vigilance, listen_together};
use crate::{Captured, MediaStream};

/// Packets that come so much too late, or so far ahead, are of a source that numbers anew.
const FURTHEST: i16 = 128;

/// Listens to one stream. Of fixed size, without heap.
#[derive(Debug, Default)]
pub struct Listener {
    events: MediaStream,
    ear: Ear,
    /// Source, number and timestamp of the packet that is next.
    next: Option<(u32, u16, u32)>,
}

impl Listener {
    /// One who has heard nothing.
    pub fn new() -> Self {
        Listener::default()
    }

    /// Takes a packet, whose whole UDP payload is `payload`, and reports its events. Its audio, and where in the stream that
    /// ends, if there is any to be heard; what comes too late is not.
    fn take<'a>(
        &mut self,
        now: Instant,
        flow: &Flow,
        payload: &'a [u8],
        capture: &mut dyn FnMut(Captured),
    ) -> Option<(Codec, &'a [u8], u64)> {
        if flow.encrypted || is_control(flow, payload) {
            return None;
        }
        let rtp = Rtp::new_checked(payload).ok()?;
        let packet = Packet::of(&rtp);
        let kind = match Carries::of(flow, packet.payload_type, rtp.payload()) {
            Carries::Audio(kind) => kind,
            // Of a call in SecureMode only tones are asked for: they may come back.
            Carries::Events(_) if flow.rules.hears_reference() => {
                self.events.observe(now, flow, payload, capture);
                return None;
            }
            Carries::Events(_) | Carries::Unreadable => return None,
        };
        let codec = Codec::of(kind, clock_khz(flow, packet.payload_type))?;
        let samples = codec.samples(packet.range.len())?;
        if let Some((ssrc, sequence, timestamp)) = self.next {
            let ahead = packet.sequence.wrapping_sub(sequence) as i16;
            let is_same = ssrc == packet.ssrc && ahead.abs() <= FURTHEST;
            if is_same && ahead < 0 {
                return None;
            }
            let gap = if is_same { packet.timestamp.wrapping_sub(timestamp) as i32 } else { i32::MAX };
            if gap != 0 {
                self.ear.skip(u64::from(gap.max(0) as u32 / codec.ticks()), &mut |_| {});
            }
        }
        let ticks = u32::from(samples) * codec.ticks();
        self.next =
            Some((packet.ssrc, packet.sequence.wrapping_add(1), packet.timestamp.wrapping_add(ticks)));
        Some((codec, rtp.payload(), self.ear.position() + u64::from(samples)))
    }
}

/// What was heard of a key at the end of a packet that came `now`, whose last sample is that before `end`.
pub(crate) fn captured(heard: Heard, now: Instant, end: u64) -> Option<Captured> {
    let Heard::Onset { digit, at, levels } = heard else { return None };
    let onset = now - Duration::from_micros(end.saturating_sub(at) * 125);
    Some(Captured { digit, transport: Transport::Tone, onset, level: Some(both(levels)) })
}

/// The longest piece that waits for others: 57.5 ms, as much as is taken at once.
const LONGEST: usize = 460;
/// As many are heard together.
const TOGETHER: usize = 16;

/// Audio that waits to be heard with that of other streams.
struct Piece {
    listener: u32,
    flow: Flow,
    now: Instant,
    end: u64,
    is_alaw: bool,
    len: u16,
    codes: [u8; LONGEST],
}

impl Piece {
    fn audio(&self) -> Audio<'_> {
        let codes = self.codes.get(..usize::from(self.len)).unwrap_or_default();
        if self.is_alaw { Audio::Alaw(codes) } else { Audio::Ulaw(codes) }
    }
}

/// The packets of a burst, heard together: G.711 of different streams side by side, all else at once.
#[derive(Default)]
pub struct Together(ArrayVec<Piece, TOGETHER>);

impl Together {
    /// No packets.
    pub fn new() -> Self {
        Together::default()
    }

    /// A packet of a flow comes, which that one of `listeners` listens to; `payload` is its whole UDP payload. What is heard
    /// meanwhile, of whichever flow, goes to `capture`.
    pub fn take(
        &mut self,
        listeners: &mut [Listener],
        listener: u32,
        now: Instant,
        flow: &Flow,
        payload: &[u8],
        capture: &mut dyn FnMut(&Flow, Captured),
    ) {
        // A stream's packets are heard one after the other.
        if self.0.is_full() || self.0.iter().any(|piece| piece.listener == listener) {
            self.hear(listeners, capture);
        }
        let Some(own) = listeners.get_mut(listener as usize) else { return };
        let Some((codec, audio, end)) = own.take(now, flow, payload, &mut |key| capture(flow, key)) else {
            return;
        };
        let mut codes = [0; LONGEST];
        if let (Codec::Ulaw | Codec::Alaw, Some(place)) = (codec, codes.get_mut(..audio.len())) {
            place.copy_from_slice(audio);
            let (is_alaw, len) = (codec == Codec::Alaw, audio.len() as u16);
            let _there_is_room =
                self.0.try_push(Piece { listener, flow: *flow, now, end, is_alaw, len, codes });
            return;
        }
        let mut heard = |heard| {
            if let Some(key) = captured(heard, now, end) {
                capture(flow, key);
            }
        };
        own.ear.listen(codec, audio, Vigilance::Ordinary, &mut heard, &mut |_| {});
    }

    /// Hears all that waits.
    pub fn hear(&mut self, listeners: &mut [Listener], capture: &mut dyn FnMut(&Flow, Captured)) {
        if self.0.is_empty() {
            return;
        }
        let mut pieces: ArrayVec<&Piece, TOGETHER> = self.0.iter().collect();
        pieces.sort_unstable_by_key(|piece| piece.listener);
        let mut detectors: ArrayVec<&mut Detector, TOGETHER> = ArrayVec::new();
        let (mut rest, mut passed) = (listeners, 0);
        for piece in &pieces {
            let place = piece.listener as usize - passed;
            let Some((own, others)) = rest.get_mut(place..).and_then(<[Listener]>::split_first_mut) else {
                break;
            };
            let _there_is_room = detectors.try_push(own.ear.detector());
            (rest, passed) = (others, passed + place + 1);
        }
        let audio: ArrayVec<Audio<'_>, TOGETHER> = pieces.iter().map(|piece| piece.audio()).collect();
        let mut suspects = [Suspects::default(); TOGETHER];
        let mut heard = |number: usize, heard| {
            if let Some(piece) = pieces.get(number)
                && let Some(key) = captured(heard, piece.now, piece.end)
            {
                capture(&piece.flow, key);
            }
        };
        listen_together(&mut detectors, &audio, Vigilance::Ordinary, &mut heard, &mut suspects);
        drop((pieces, audio));
        self.0.clear();
    }
}

/// The level of two frequencies together, in dBm0.
fn both(levels: [f32; 2]) -> i8 {
    let power: f32 = levels.iter().map(|level| 10f32.powf(level / 10.0)).sum();
    (10.0 * power.log10()) as i8
}
