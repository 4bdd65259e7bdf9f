//! One who knows exactly when a key went down, and fits all sixteen pairs to what left.
//!
//! The fit is by least squares. All that does not depend on what left is made once: the sinusoids, and the inverse of the
//! normal equations of each pair, length and offset.

use std::f64::consts::TAU;

use crate::audio::{COLUMNS, ROWS};

/// Lengths of the windows that are tried, in ms from the onset.
const WINDOWS: [usize; 4] = [10, 20, 40, 60];
/// By how much the frequencies may be off, as parts of them.
const GRID: [f64; 5] = [-0.02, -0.01, 0.0, 0.01, 0.02];
/// Where the grid is not off.
const ON: usize = 2;

/// A cosine and a sine of each of the eight frequencies, at one sample.
type Sinusoids = [f64; 16];
type Square = [[f64; 4]; 4];

/// Which of the sinusoids a key has.
fn of_key(key: usize) -> [usize; 4] {
    let (row, column) = (2 * (key / 4), 8 + 2 * (key % 4));
    [row, row + 1, column, column + 1]
}

/// The sinusoids of one offset, and for each window and key the inverse of its normal equations.
struct Off {
    sinusoids: Vec<Sinusoids>,
    inverses: Vec<[Square; 16]>,
}

impl Off {
    fn new(off: f64, khz: usize) -> Self {
        let steps = [ROWS, COLUMNS].concat();
        let at = |number: usize| -> Sinusoids {
            core::array::from_fn(|which| {
                let step = TAU * steps[which / 2] * (1.0 + off) / (1000 * khz) as f64;
                let angle = step * number as f64;
                if which % 2 == 0 { angle.cos() } else { angle.sin() }
            })
        };
        let sinusoids: Vec<Sinusoids> = (0..WINDOWS[3] * khz).map(at).collect();
        let inverse = |length: usize, key: usize| {
            let mut sums = [[0.0; 4]; 4];
            for sample in &sinusoids[..length] {
                let mine = of_key(key).map(|which| sample[which]);
                for (line, one) in sums.iter_mut().zip(mine) {
                    line.iter_mut().zip(mine).for_each(|(sum, other)| *sum += one * other);
                }
            }
            inverse(sums)
        };
        let inverses =
            WINDOWS.iter().map(|length| core::array::from_fn(|key| inverse(length * khz, key))).collect();
        Off { sinusoids, inverses }
    }

    /// The sums of products of a signal with each sinusoid.
    fn correlate(&self, signal: &[f64]) -> Sinusoids {
        let mut sums = [0.0; 16];
        for (sample, sinusoids) in signal.iter().zip(&self.sinusoids) {
            sums.iter_mut().zip(sinusoids).for_each(|(sum, one)| *sum += sample * one);
        }
        sums
    }
}

/// The inverse of a matrix that is positive definite, by elimination.
fn inverse(mut matrix: Square) -> Square {
    let mut inverse = [[0.0; 4]; 4];
    (0..4).for_each(|at| inverse[at][at] = 1.0);
    for pivot in 0..4 {
        let by = matrix[pivot][pivot];
        for line in [&mut matrix[pivot], &mut inverse[pivot]] {
            line.iter_mut().for_each(|place| *place /= by);
        }
        let (above, beside) = (matrix[pivot], inverse[pivot]);
        for line in (0..4).filter(|line| *line != pivot) {
            let factor = matrix[line][pivot];
            matrix[line].iter_mut().zip(above).for_each(|(place, above)| *place -= factor * above);
            inverse[line].iter_mut().zip(beside).for_each(|(place, above)| *place -= factor * above);
        }
    }
    inverse
}

fn solve(inverse: &Square, right: [f64; 4]) -> [f64; 4] {
    inverse.map(|line| line.iter().zip(right).map(|(place, right)| place * right).sum())
}

/// The attacker of signals of one rate.
pub(crate) struct Attacker {
    khz: usize,
    offs: Vec<Off>,
}

impl Attacker {
    pub(crate) fn new(khz: usize) -> Self {
        Attacker { khz, offs: GRID.iter().map(|off| Off::new(*off, khz)).collect() }
    }

    /// Samples from the onset on that an attack looks at.
    pub(crate) fn reach(&self) -> usize {
        WINDOWS[3] * self.khz
    }

    /// The key that fits best, as four times its row and its column. `after` is what left from the onset on.
    pub(crate) fn name(&self, after: &[f64]) -> usize {
        self.best(after, |_, signal| signal.to_vec())
    }

    /// The key that fits best to what is left when the tone of `mask` has been taken out: a key that is still there beneath
    /// its mask.
    pub(crate) fn name_beneath(&self, after: &[f64], mask: usize) -> usize {
        let on = &self.offs[ON];
        self.best(after, |window, signal| {
            let sums = on.correlate(signal);
            let mine = of_key(mask);
            let amplitudes = solve(&on.inverses[window][mask], mine.map(|which| sums[which]));
            let fitted = |sinusoids: &Sinusoids| -> f64 {
                mine.iter().zip(amplitudes).map(|(which, amplitude)| sinusoids[*which] * amplitude).sum()
            };
            signal.iter().zip(&on.sinusoids).map(|(sample, one)| sample - fitted(one)).collect()
        })
    }

    fn best(&self, after: &[f64], prepare: impl Fn(usize, &[f64]) -> Vec<f64>) -> usize {
        let mut best = (f64::MIN, 0);
        for (window, length) in WINDOWS.iter().map(|length| length * self.khz).enumerate() {
            let Some(signal) = after.get(..length) else { break };
            let signal = prepare(window, signal);
            let energy: f64 = signal.iter().map(|sample| sample * sample).sum();
            for off in &self.offs {
                let sums = off.correlate(&signal);
                for (key, inverse) in off.inverses[window].iter().enumerate() {
                    let right = of_key(key).map(|which| sums[which]);
                    let explained: f64 =
                        solve(inverse, right).iter().zip(right).map(|(one, other)| one * other).sum();
                    // What is silent throughout tells nothing.
                    let part = if energy > 0.0 { explained / energy } else { 0.0 };
                    if part > best.0 {
                        best = (part, key);
                    }
                }
            }
        }
        best.1
    }
}

#[test]
fn a_clean_key_is_named_from_its_first_ten_milliseconds() {
    let mut seed = keyhush_tests::seed::Seed::new(5);
    for khz in [8, 16] {
        let attacker = Attacker::new(khz);
        for key in 0..16 {
            let mut signal = vec![0.0; 10 * khz];
            crate::audio::add_key_at(khz, &mut signal, 0, key, &crate::audio::Sound::default(), &mut seed);
            assert_eq!(attacker.name(&signal), key, "at {khz} kHz");
        }
    }
}

#[test]
fn a_key_far_beneath_its_mask_is_named() {
    const MASK: usize = 14;
    let mut seed = keyhush_tests::seed::Seed::new(6);
    let attacker = Attacker::new(8);
    // A key that shares a frequency with the mask has that taken out too.
    for key in (0..12).filter(|key| key % 4 != MASK % 4) {
        let mut signal = vec![0.0; attacker.reach()];
        for (key, level) in [(MASK, -13.0), (key, -45.0)] {
            let sound = crate::audio::Sound { length: 480, level, ..Default::default() };
            crate::audio::add_key(&mut signal, 0, key, &sound, &mut seed);
        }
        assert_eq!(attacker.name_beneath(&signal, MASK), key);
        assert_eq!(attacker.name(&signal), MASK);
    }
}
