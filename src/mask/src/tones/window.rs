//! What a window is like.

use lanes::dtmf::{Fit, Least, Phasor, WINDOW};

use super::limits::{self, WindowLimits};

/// What a fit must explain to be anything. Two sinusoids have half the sum of their squared amplitudes in each sample.
pub(super) const LEAST: Least =
    Least { part: limits::LEAST.explained, explained: limits::LEAST.level * WINDOW as f32 };

/// How like a tone a window is. Nothing at all, in most windows: they are speech or silence and leave at the first question.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Likeness {
    /// The part of the window's energy that the best pair explains; zero for nothing at all.
    pub(super) explained: f32,
    /// Four times the row and the column.
    pub(super) pair: u8,
    pub(super) tones: [Phasor; 2],
    /// The squares of the tones' amplitudes.
    pub(super) powers: [f32; 2],
}

impl Likeness {
    #[inline]
    pub(super) fn of(fit: &Fit) -> Self {
        if LEAST.is_reached_by(fit) { Likeness::of_tones(fit) } else { Likeness::default() }
    }

    fn of_tones(fit: &Fit) -> Self {
        let tones = fit.tones();
        let explained = fit.explained / fit.energy;
        Likeness { explained, pair: fit.pair, tones, powers: tones.map(Phasor::power) }
    }

    /// Whether it is nothing at all.
    pub(super) fn is_none(&self) -> bool {
        self.explained == 0.0
    }

    /// Whether it is within limits.
    pub(super) fn is_within(&self, limits: &WindowLimits) -> bool {
        let [low, high] = self.powers;
        self.explained >= limits.explained
            && low.min(high) >= limits.level
            && high <= limits.high_over_low * low
            && low <= limits.low_over_high * high
    }
}
