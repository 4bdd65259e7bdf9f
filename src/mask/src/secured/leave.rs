//! What may leave, and what it leaves as.

use handover::Instant;
use tap::Released;

use super::cells::Fill;
use super::codec::Codec;
use super::{Captured, Frames, Held, Kind, LOOK_AHEAD, SecuredStream, TAIL};
use crate::carries::wipe_beside;
use crate::synthesis::Tone;
use crate::{ChangeKind, Masked, silence};

/// A packet whose time has come: its frame is to be taken from its place, given to [`SecuredStream::release`], and sent.
#[derive(Debug)]
pub struct Leaving {
    held: Held,
    /// It leaves before what follows it was heard.
    is_early: bool,
}

impl Leaving {
    /// Where its frame was kept.
    pub fn place(&self) -> u8 {
        self.held.place
    }

    /// When it came.
    pub fn arrived(&self) -> Instant {
        self.held.arrived
    }

    /// Whether it leaves before what follows it was heard, its end replaced.
    pub fn is_early(&self) -> bool {
        self.is_early
    }
}

impl SecuredStream {
    /// The next packet whose time has come, in order. To be asked until there is none: after each packet that was admitted,
    /// and when [`SecuredStream::due`] is over. Presses that are heard meanwhile are reported.
    pub fn next_leaving(
        &mut self,
        now: Instant,
        frames: &dyn Frames,
        capture: &mut dyn FnMut(Captured),
    ) -> Option<Leaving> {
        self.hear(now, frames, capture);
        let head = self.held.first()?;
        let is_known = match head.kind {
            Kind::Other(_) => self.held.len() > 1,
            Kind::Audio(codec) => {
                head.is_settled || self.ear.position() >= head.end() + LOOK_AHEAD + codec.lag()
            }
        };
        let is_due = now >= head.due;
        if !is_due && (!is_known || self.departure.is_some()) {
            return None;
        }
        let mut held = self.held.remove(0);
        let is_early = !is_known && held.is_audio() && self.departure.is_none();
        if is_early {
            held.silence_tail(TAIL);
        }
        Some(Leaving { held, is_early })
    }

    /// Writes into a packet what it leaves as. `payload` is the whole UDP payload, changed in place at the same length.
    pub fn release<'a>(&mut self, now: Instant, leaving: &Leaving, payload: &'a mut [u8]) -> Masked<'a> {
        let held = &leaving.held;
        let codec = match held.kind {
            Kind::Audio(codec) => codec,
            Kind::Other(outcome) => return outcome.masked(payload),
        };
        if !self.replace(codec, held, payload) {
            return Masked::Unchanged(Released::by_masker(payload));
        }
        let range = usize::from(held.at)..usize::from(held.at) + usize::from(held.len);
        wipe_beside(payload, &range);
        let sounds = held.cells.has_tone() && !self.rules.is_silent();
        if sounds {
            self.sounded = Some(now);
        }
        let kind = if held.cells.has_tone() { ChangeKind::Tone } else { ChangeKind::Silence };
        Masked::Changed(Released::by_masker(payload), kind)
    }

    /// Whether anything was replaced.
    fn replace(&mut self, codec: Codec, held: &Held, payload: &mut [u8]) -> bool {
        let Some(audio) =
            payload.get_mut(usize::from(held.at)..).and_then(|rest| rest.get_mut(..usize::from(held.len)))
        else {
            return false;
        };
        let tone = (!self.rules.is_silent()).then(|| Tone::of(self.mask_key));
        let from = held.timestamp / codec.ticks();
        if codec == Codec::G722 {
            return self.far_end.replace(audio, held.cells, tone, from);
        }
        for (range, fill) in held.cells.stretches(usize::from(held.samples)) {
            let (width, from) = (codec.width(), from.wrapping_add(range.start as u32));
            let Some(audio) = audio.get_mut(range.start * width..range.end * width) else { continue };
            let (Fill::Tone, Some(tone)) = (fill, tone) else {
                audio.fill(silence::byte_of(codec.kind()).unwrap_or_default());
                continue;
            };
            match codec {
                Codec::Ulaw => audio.iter_mut().zip(tone.ulaw(from)).for_each(|(to, code)| *to = code),
                Codec::Alaw => audio.iter_mut().zip(tone.alaw(from)).for_each(|(to, code)| *to = code),
                Codec::Linear8 => write_linear(audio, tone.linear(from)),
                Codec::Linear16 => write_linear(audio, tone.wide(from)),
                Codec::G722 => {}
            }
        }
        !held.cells.is_empty()
    }
}

fn write_linear(audio: &mut [u8], samples: impl Iterator<Item = i16>) {
    let (places, _) = audio.as_chunks_mut::<2>();
    for (place, sample) in places.iter_mut().zip(samples) {
        *place = sample.to_be_bytes();
    }
}
