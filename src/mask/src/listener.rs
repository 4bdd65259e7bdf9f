//! Hears the keys of a stream that passes as it comes: events, and tones in the audio.

use core::time::Duration;

use handover::{Flow, Instant, Transport};
use wire::rtp::Rtp;

use crate::carries::{Carries, Packet, clock_khz};
use crate::secured::Codec;
use crate::secured::ear::Ear;
use crate::stream::is_control;
use crate::tones::{Heard, Vigilance};
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

    /// Hears a packet: `payload` is the whole UDP payload. What comes too late is not heard.
    pub fn hear(&mut self, now: Instant, flow: &Flow, payload: &[u8], capture: &mut dyn FnMut(Captured)) {
        if flow.encrypted || is_control(flow, payload) {
            return;
        }
        let Ok(rtp) = Rtp::new_checked(payload) else { return };
        let packet = Packet::of(&rtp);
        let kind = match Carries::of(flow, packet.payload_type, rtp.payload()) {
            Carries::Audio(kind) => kind,
            // Of a call in SecureMode only tones are asked for: they may come back.
            Carries::Events(_) if flow.rules.hears_reference() => {
                return self.events.observe(now, flow, payload, capture);
            }
            Carries::Events(_) | Carries::Unreadable => return,
        };
        let Some(codec) = Codec::of(kind, clock_khz(flow, packet.payload_type)) else { return };
        let Some(samples) = codec.samples(packet.range.len()) else { return };
        if let Some((ssrc, sequence, timestamp)) = self.next {
            let ahead = packet.sequence.wrapping_sub(sequence) as i16;
            let is_same = ssrc == packet.ssrc && ahead.abs() <= FURTHEST;
            if is_same && ahead < 0 {
                return;
            }
            let gap = if is_same { packet.timestamp.wrapping_sub(timestamp) as i32 } else { i32::MAX };
            if gap != 0 {
                self.ear.skip(u64::from(gap.max(0) as u32 / codec.ticks()), &mut |_| {});
            }
        }
        let ticks = u32::from(samples) * codec.ticks();
        self.next =
            Some((packet.ssrc, packet.sequence.wrapping_add(1), packet.timestamp.wrapping_add(ticks)));
        let end = self.ear.position() + u64::from(samples);
        let mut heard = |heard: Heard| {
            let Heard::Onset { digit, at, levels } = heard else { return };
            let onset = now - Duration::from_micros(end.saturating_sub(at) * 125);
            capture(Captured { digit, transport: Transport::Tone, onset, level: Some(both(levels)) });
        };
        self.ear.listen(codec, rtp.payload(), Vigilance::Ordinary, &mut heard, &mut |_| {});
    }
}

/// The level of two frequencies together, in dBm0.
pub(crate) fn both(levels: [f32; 2]) -> i8 {
    let power: f32 = levels.iter().map(|level| 10f32.powf(level / 10.0)).sum();
    (10.0 * power.log10()) as i8
}
