//! From windows to stretches that may hold a tone.

use lanes::dtmf::{HOP, Phasor, WINDOW, turned};
use zeroize::Zeroize;

use super::Vigilance;
use super::limits::dbm0;
use super::window::Likeness;

/// Windows without suspicion after which masking is at ease again.
const EASE: u8 = 8;

/// Whether something that may be a tone has just been heard.
#[derive(Debug)]
pub(super) struct Suspicion {
    clean: u8,
    last: Likeness,
}

impl Default for Suspicion {
    fn default() -> Self {
        Suspicion { clean: EASE, last: Likeness::default() }
    }
}

impl Suspicion {
    /// Whether a window may hold a tone, as it and the one before it look.
    #[inline]
    pub(super) fn weigh(&mut self, now: &Likeness, vigilance: Vigilance) -> bool {
        let is_suspect = !now.is_none() && self.is_like_before(now, vigilance);
        self.clean = if is_suspect { 0 } else { self.clean.saturating_add(1).min(EASE) };
        self.last = *now;
        is_suspect
    }

    /// As many windows, at least one, are nothing at all.
    #[inline]
    pub(super) fn rest(&mut self, windows: u8) {
        self.clean = self.clean.saturating_add(windows).min(EASE);
        if !self.last.is_none() {
            self.last = Likeness::default();
        }
    }

    fn is_like_before(&self, now: &Likeness, vigilance: Vigilance) -> bool {
        let limits = vigilance.limits();
        let window = if self.clean < EASE { &limits.again } else { &limits.window };
        if self.last.is_none() || now.pair != self.last.pair {
            return false;
        }
        // The first of two windows is often not yet full of the tone.
        let is_within = now.is_within(window) && self.last.is_within(&limits.again);
        let keeps_its_level =
            |(now, before): (&f32, &f32)| *now <= limits.change * before && *before <= limits.change * now;
        let turned = turned(now.pair, self.last.tones, now.tones);
        let keeps_its_frequency =
            |(turned, tangent): (&Phasor, f32)| turned.re > 0.0 && turned.im.abs() <= tangent * turned.re;
        is_within
            && now.powers.iter().zip(&self.last.powers).all(keeps_its_level)
            && turned.iter().zip(vigilance.tangents(now.pair)).all(keeps_its_frequency)
    }

    /// The next window is not beside the last one.
    pub(super) fn skip(&mut self) {
        self.last = Likeness::default();
    }
}

impl Drop for Suspicion {
    fn drop(&mut self) {
        self.last.pair.zeroize();
    }
}

/// Windows that may hold a tone: 80 samples each, one every 20.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Suspects {
    first: u64,
    /// Samples before and after a suspect window that are suspect too.
    guard: u64,
    count: u32,
    bits: u64,
    /// There were more windows than can be told apart, and one of them is suspect.
    beyond: bool,
    /// The power of both frequencies in the loudest suspect window.
    power: f32,
}

impl Suspects {
    pub(super) fn starting_at(first: u64, vigilance: Vigilance) -> Self {
        Suspects { first, guard: vigilance.guard(), count: 0, bits: 0, beyond: false, power: 0.0 }
    }

    /// Takes in how loud a suspect window is.
    pub(super) fn hear(&mut self, window: &Likeness) {
        self.power = self.power.max(window.powers.iter().sum());
    }

    pub(super) fn add(&mut self, is_suspect: bool) {
        match self.count {
            at @ 0..64 => self.bits |= u64::from(is_suspect) << at,
            _ => self.beyond |= is_suspect,
        }
        self.count += 1;
    }

    /// As many windows are nothing.
    #[inline]
    pub(super) fn add_none(&mut self, windows: u8) {
        self.count += u32::from(windows);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bits == 0 && !self.beyond
    }

    /// The level of the loudest suspect window, in dBm0.
    pub fn level(&self) -> f32 {
        dbm0(self.power)
    }

    /// Where the second of two windows beside each other ends that hold nothing. `run` is how many such windows there were
    /// just before, and becomes how many there are at the end.
    pub fn two_clean(&self, run: &mut u8) -> Option<u64> {
        for at in 0..self.count {
            let is_suspect = if at < 64 { self.bits >> at & 1 == 1 } else { self.beyond };
            *run = if is_suspect { 0 } else { run.saturating_add(1) };
            if *run >= 2 {
                return Some(self.first + u64::from(at) * HOP as u64 + WINDOW as u64);
            }
        }
        None
    }

    /// The stretches that may hold a tone, from sample to sample, in order; guards included, so that neighbours may overlap.
    pub fn stretches(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let window = |at: u32| self.first + u64::from(at) * HOP as u64;
        let end = window(self.count) + (WINDOW - HOP) as u64 + self.guard;
        let single = (0..64).filter(|at| self.bits >> at & 1 == 1).map(move |at| {
            let start = window(at);
            (start.saturating_sub(self.guard), start + WINDOW as u64 + self.guard)
        });
        single.chain(self.beyond.then_some((window(64).saturating_sub(self.guard), end)))
    }
}
