//! From windows to presses.

use lanes::dtmf::{HOP, Phasor, WINDOW, radians_a_hop, turned};
use secret::Digit;
use zeroize::Zeroize;

use super::Heard;
use super::limits::{CAPTURE, dbm0, press};
use super::window::Likeness;

/// The keys, row by row (ITU-T Q.23 section 2).
const KEYS: [u8; 16] = *b"123A456B789C*0#D";

/// The first windows of a press, which are not yet full of its tone.
const FILLING: u16 = 2;

/// Samples of a window that its tone fills, when there is nothing beside it.
fn held(window: &Likeness) -> u64 {
    (window.explained * WINDOW as f32) as u64
}

/// A run of windows that hold the same key.
#[derive(Debug, Default)]
pub(super) struct Capture {
    run: Run,
    /// A key that is heard while another one is thought to be down.
    other: u8,
    others: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// Windows with the key; none: no key is down.
    windows: u16,
    /// Windows without it since the last one with it.
    missed: u8,
    is_reported: bool,
    pair: u8,
    onset: u64,
    end: u64,
    /// Where the first window with the key begins.
    start: u64,
    /// Where the window beside the last one with the key begins.
    next: u64,
    last: [Phasor; 2],
    /// The tones' turning from window to window beyond that of their nominal frequencies, added up.
    turn: [Phasor; 2],
    /// The lengths of what was added up.
    length: [f32; 2],
    /// The squares of their amplitudes, added up.
    power: [f32; 2],
    /// The explained parts of the windows, added up.
    explained: f32,
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.forget();
        self.other.zeroize();
    }
}

impl Capture {
    /// Whether no key is thought to be down.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.run.windows == 0
    }

    pub(super) fn take(&mut self, position: u64, key: &Likeness, heard: &mut dyn FnMut(Heard)) {
        if !key.is_within(&CAPTURE) {
            return self.miss(heard);
        }
        if self.run.windows == 0 {
            self.run = Run::starting(position, key);
        } else if key.pair == self.run.pair {
            self.others = 0;
            self.run.add(position, key);
        } else {
            let others = if self.other == key.pair { self.others + 1 } else { 1 };
            (self.other, self.others) = (key.pair, others);
            if others < press::OTHER && self.run.is_reported {
                return self.miss(heard);
            }
            self.finish(heard);
            self.run = Run::starting(position, key);
        }
        if let Some(onset) = self.run.report() {
            heard(onset);
        }
    }

    fn miss(&mut self, heard: &mut dyn FnMut(Heard)) {
        if self.run.windows == 0 {
            return;
        }
        self.run.missed += 1;
        if self.run.missed >= press::GAP {
            self.finish(heard);
        }
    }

    pub(super) fn skip(&mut self, samples: u64, heard: &mut dyn FnMut(Heard)) {
        if self.run.windows == 0 {
            return;
        }
        // What was lost may have been the tone, so that a short gap says nothing; but after a long one this is another press.
        if samples > 480 {
            self.finish(heard);
        }
    }

    fn finish(&mut self, heard: &mut dyn FnMut(Heard)) {
        if self.run.is_reported {
            heard(Heard::End { at: self.run.end });
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.others = 0;
        self.run.pair.zeroize();
        self.run = Run::default();
    }
}

impl Run {
    fn starting(position: u64, key: &Likeness) -> Self {
        // The tone begins where what it explains of the window has room.
        let absent = WINDOW as u64 - held(key);
        Run {
            windows: 1,
            pair: key.pair,
            onset: position + absent,
            start: position,
            next: position + HOP as u64,
            end: position + held(key),
            last: key.tones,
            ..Run::default()
        }
    }

    fn add(&mut self, position: u64, key: &Likeness) {
        if self.next == position {
            for (tone, turned) in turned(self.pair, self.last, key.tones).into_iter().enumerate() {
                self.turn[tone].re += turned.re;
                self.turn[tone].im += turned.im;
                self.length[tone] += turned.power().sqrt();
            }
        }
        self.windows = self.windows.saturating_add(1);
        self.missed = 0;
        self.end = position + held(key);
        self.next = position + HOP as u64;
        self.last = key.tones;
        if self.windows > FILLING {
            self.explained += key.explained;
            for (sum, power) in self.power.iter_mut().zip(key.powers) {
                *sum += power;
            }
        }
    }

    /// Windows from the first with the key to the last, those between them in which it was drowned included.
    fn length(&self) -> u64 {
        self.next.saturating_sub(self.start) / HOP as u64
    }

    /// The press, once the run is long, clean and steady enough to be one.
    fn report(&mut self) -> Option<Heard> {
        if self.is_reported || self.windows < press::WINDOWS || self.length() < press::LENGTH {
            return None;
        }
        let off = self.off()?;
        let purity = self.explained / f32::from(self.windows - FILLING) / self.expected(off);
        let is_enough = purity >= press::PURE || self.windows >= press::WINDOWS_IN_NOISE;
        if purity < press::LEAST_PURE || !is_enough {
            return None;
        }
        self.is_reported = true;
        let levels = self.power.map(|power| dbm0(power / f32::from(self.windows - FILLING)));
        let digit = Digit::from_ascii(KEYS[usize::from(self.pair & 15)])?;
        Some(Heard::Onset { digit, at: self.onset, levels })
    }

    /// By how much both frequencies are off, in radians a hop: from the phases, which turn steadily in a tone.
    /// `None` where they do not, or where a frequency is too far off.
    fn off(&self) -> Option<[f32; 2]> {
        let mut off = [0.0; 2];
        for (tone, (off, nominal)) in off.iter_mut().zip(radians_a_hop(self.pair)).enumerate() {
            let turn = self.turn[tone];
            *off = turn.im.atan2(turn.re);
            let is_steady = turn.power() >= (press::COHERENCE * self.length[tone]).powi(2);
            if !is_steady || off.abs() > press::OFF * nominal {
                return None;
            }
        }
        Some(off)
    }

    /// What a fit of the nominal frequencies explains of a pure tone that is off by this.
    fn expected(&self, off: [f32; 2]) -> f32 {
        let of = |off: f32| {
            // Half the angle that the frequencies come apart by over a window.
            let angle = off * (WINDOW / HOP) as f32 / 2.0;
            // The first terms of (sin x / x)².
            1.0 - angle * angle / 3.0 + angle.powi(4) * (2.0 / 45.0)
        };
        let [low, high] = self.power;
        (low * of(off[0]) + high * of(off[1])) / (low + high)
    }
}
