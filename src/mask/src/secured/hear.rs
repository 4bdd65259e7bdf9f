//! Listens to what is held, in order, and marks what may be a tone.

use core::time::Duration;

use handover::Instant;

use super::codec::Codec;
use super::{Captured, Frames, Held, Kind, Last, PATIENCE, Run, SecuredStream, TAIL};
use crate::listener::captured;
use crate::synthesis::TONE_LEVEL;
use crate::tones::{Heard, Suspects, Vigilance};

/// How long after a mask tone its echo comes back: 400 ms on the way, and the hold.
const ECHO: Duration = Duration::from_millis(460);
/// An echo is at least so much weaker than the mask tone.
const ECHO_LOSS: f32 = 10.0;
/// And than the caller's own keys, which differ by less from each other.
const WEAKER: f32 = 9.0;
/// Where the caller's keys are as weak as an echo may be, level tells nothing.
const QUIET: f32 = TONE_LEVEL - 6.0;

impl SecuredStream {
    /// Hears all whose turn has come; at the time that the first one is due, what is missing counts as lost.
    pub(super) fn hear(&mut self, now: Instant, frames: &dyn Frames, capture: &mut dyn FnMut(Captured)) {
        while let Some(at) = self.held.iter().position(|held| !held.is_heard) {
            let Some(next) = self.held.get(at).copied() else { return };
            let is_lost = next.sequence != self.order.next();
            let may_wait = at > 0 && self.held.first().is_some_and(|head| now < head.due);
            if is_lost && may_wait {
                return;
            }
            if is_lost && self.departure.is_none() {
                self.unsure = Some(0);
            }
            match next.kind {
                // SecureMode has ended, and no key that was down then is down any more.
                _ if self.departure.is_some_and(|departure| !departure.is_sounding) => {}
                Kind::Audio(codec) => self.hear_audio(at, codec, is_lost, now, frames, capture),
                Kind::Other(_) => self.settle_before(at),
            }
            self.order.heard(next.sequence);
            if let Some(held) = self.held.get_mut(at) {
                held.is_heard = true;
            }
        }
    }

    /// What is before a place has no audio behind it.
    pub(super) fn settle_before(&mut self, at: usize) {
        if self.departure.is_some() {
            return;
        }
        let mut tail = TAIL;
        let before = self.held.iter_mut().take(at).rev().filter(|held| held.is_audio());
        // Of short packets, more than the last one.
        for held in before.take_while(|held| !held.is_settled) {
            if tail == 0 {
                return;
            }
            held.silence_tail(tail);
            tail = tail.saturating_sub(held.samples.into());
        }
    }

    fn hear_audio(
        &mut self,
        at: usize,
        codec: Codec,
        is_lost: bool,
        now: Instant,
        frames: &dyn Frames,
        capture: &mut dyn FnMut(Captured),
    ) {
        let Some(next) = self.held.get(at).copied() else { return };
        if let Some(last) = self.last {
            if last.codec != codec {
                // Nothing of another codec's state means anything here.
                self.ear.change();
                self.unsure = self.departure.is_none().then_some(0);
            }
            let gap = last.gap(&next, codec);
            if is_lost || gap.is_some() || last.codec != codec {
                self.settle_before(at);
                let gap = gap.unwrap_or(0);
                if self.run.until >= self.ear.position() {
                    // A key that was down may be down beyond the gap.
                    self.run.until += gap;
                }
                self.ear.skip(gap, &mut |_| {});
            }
        }
        let start = self.ear.position();
        let end = start + u64::from(next.samples);
        if let Some(held) = self.held.get_mut(at) {
            held.start = start;
            held.mark(start..self.run.until, self.run.is_echo(self.caller_level));
            if now < self.event_until {
                held.cells.sound(0..u64::from(held.samples));
            }
        }
        let vigilance = if self.rules.is_field_open() || now < self.raised_until {
            Vigilance::Raised
        } else {
            Vigilance::Ordinary
        };
        let payload = frames.payload(next.place);
        let audio = payload.get(usize::from(next.at)..).and_then(|rest| rest.get(..usize::from(next.len)));
        let after_tone = self.sounded.is_some_and(|sounded| now.since(sounded) <= ECHO);
        let mut is_pressed = false;
        let SecuredStream { ear, held, unsure, run, caller_level, departure, .. } = self;
        let is_secured = departure.is_none();
        let captures = is_secured;
        let mut heard = |heard: Heard| {
            if let Some(key) = captured(heard, next.arrived, end).filter(|_| captures) {
                is_pressed = true;
                capture(key);
            }
        };
        let mut suspected = |suspects: Suspects| {
            for (from, to) in suspects.stretches() {
                let from = from.saturating_sub(codec.lag());
                let is_weaker = suspects.level() <= (TONE_LEVEL - ECHO_LOSS).min(run.level - WEAKER);
                if from > run.until || (after_tone && is_weaker) {
                    if !is_secured {
                        // Another key, pressed after SecureMode.
                        continue;
                    }
                    *run = Run { from, until: to, level: f32::MIN, after_tone };
                }
                run.until = run.until.max(to);
                run.level = run.level.max(suspects.level());
                if !run.after_tone {
                    *caller_level = Some(caller_level.map_or(run.level, |level| level.max(run.level)));
                }
                let is_echo = run.is_echo(*caller_level);
                held.iter_mut().take(at + 1).for_each(|held| held.mark(run.from..run.until, is_echo));
            }
            if let Some(run) = unsure {
                let clean = suspects.two_clean(run);
                if let Some(held) = held.get_mut(at) {
                    held.cells.silence(0..clean.unwrap_or(end).saturating_sub(start));
                }
                if clean.is_some() {
                    *unsure = None;
                }
            }
        };
        ear.listen(codec, audio.unwrap_or_default(), vigilance, &mut heard, &mut suspected);
        if let Some(departure) = departure
            && run.until < end
            && now >= self.event_until
        {
            departure.is_sounding = false;
        }
        let ticks = u32::from(next.samples) * codec.ticks();
        self.last = Some(Last { codec, arrived: next.arrived, next: next.timestamp.wrapping_add(ticks) });
        if is_pressed {
            self.key_pressed();
        }
        if self.keying
            && let Some(held) = self.held.get_mut(at)
        {
            held.cells.mute();
        }
    }
}

impl Last {
    /// The samples at 8 kHz between it and the next packet in order; `None` where there are none.
    ///
    /// Some senders count G.722 in samples of 16 kHz, or wrongly altogether. Where a packet comes as soon as it should, nothing
    /// was left out, whatever the timestamps say; and never more than the time that it was awaited.
    fn gap(&self, next: &Held, codec: Codec) -> Option<u64> {
        let ticks = next.timestamp.wrapping_sub(self.next) as i32;
        let length = Duration::from_micros(u64::from(next.samples) * 125);
        let awaited = next.arrived.since(self.arrived).saturating_sub(length);
        let most = u64::try_from(awaited.as_micros() / 125).unwrap_or(u64::MAX);
        // A timestamp that goes back is a break of unknown length.
        (ticks != 0 && awaited > PATIENCE).then(|| u64::from(ticks.max(0) as u32 / codec.ticks()).min(most))
    }
}

impl Run {
    /// Whether it is to be replaced by silence: it may be the echo of a mask tone, which by a tone would have an echo again,
    /// without end. Which key it is has no part in it, nor has how loud one key is beside another: else the agent would hear
    /// which keys are which.
    fn is_echo(&self, caller_level: Option<f32>) -> bool {
        let weak = self.level <= TONE_LEVEL - ECHO_LOSS;
        self.after_tone
            && match caller_level {
                Some(level) if level > QUIET => weak && self.level <= level - WEAKER,
                Some(_) => true,
                None => weak,
            }
    }
}

impl Held {
    /// Marks what it holds of the stream's samples `range`.
    fn mark(&mut self, range: core::ops::Range<u64>, is_echo: bool) {
        let (from, to) = (range.start.max(self.start), range.end.min(self.end()));
        if !self.is_audio() || from >= to {
            return;
        }
        let own = from - self.start..to - self.start;
        if is_echo {
            self.cells.silence(own);
        } else {
            self.cells.sound(own);
        }
    }
}
