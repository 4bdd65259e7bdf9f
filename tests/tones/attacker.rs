//! One who knows exactly when a key went down, and fits all sixteen pairs to what left.

use crate::audio::{COLUMNS, ROWS};

/// Lengths of the windows that are tried, in samples: 10, 20, 40 and 60 ms from the onset.
const WINDOWS: [usize; 4] = [80, 160, 320, 480];
/// By how much the frequencies may be off, as parts of them.
const GRID: [f64; 5] = [-0.02, -0.01, 0.0, 0.01, 0.02];

/// The sums of products of a signal with a sinusoid's cosine and sine.
fn correlate(signal: &[f64], step: f64) -> [f64; 2] {
    let (mut cosine, mut sine) = (0.0, 0.0);
    // The sinusoid by turning, which over these lengths is exact enough.
    let (turn_cosine, turn_sine) = (step.cos(), step.sin());
    let (mut re, mut im) = (1.0, 0.0);
    for sample in signal {
        cosine += sample * re;
        sine += sample * im;
        (re, im) = (re * turn_cosine - im * turn_sine, re * turn_sine + im * turn_cosine);
    }
    [cosine, sine]
}

/// What a least-squares fit of some sinusoids explains of a signal: the normal equations, solved by elimination.
fn explained(correlations: [f64; 4], steps: [f64; 2], length: usize) -> f64 {
    let half_sum = |step: f64| -> [f64; 2] {
        // The sums of the cosines and sines of `step` times the sample's number.
        let middle = step * (length as f64 - 1.0) / 2.0;
        let size = if (step / 2.0).sin().abs() < 1e-12 {
            length as f64
        } else {
            (step * length as f64 / 2.0).sin() / (step / 2.0).sin()
        };
        [size * middle.cos() / 2.0, size * middle.sin() / 2.0]
    };
    let mut matrix = [[0.0; 5]; 4];
    for (one, first) in steps.iter().enumerate() {
        for (other, second) in steps.iter().enumerate() {
            let ([less_cos, less_sin], [more_cos, more_sin]) =
                (half_sum(first - second), half_sum(first + second));
            matrix[2 * one][2 * other] = less_cos + more_cos;
            matrix[2 * one + 1][2 * other + 1] = less_cos - more_cos;
            matrix[2 * one][2 * other + 1] = more_sin - less_sin;
            matrix[2 * one + 1][2 * other] = more_sin + less_sin;
        }
    }
    for (line, correlation) in matrix.iter_mut().zip(correlations) {
        line[4] = correlation;
    }
    for pivot in 0..4 {
        let above = matrix[pivot];
        for (number, line) in matrix.iter_mut().enumerate() {
            if number != pivot {
                let factor = line[pivot] / above[pivot];
                line.iter_mut().zip(above).for_each(|(place, above)| *place -= factor * above);
            }
        }
    }
    (0..4).map(|line| matrix[line][4] / matrix[line][line] * correlations[line]).sum()
}

/// The key that fits best, as four times its row and its column. `after` is what left from the onset on.
pub(crate) fn name(after: &[f64]) -> usize {
    let mut best = (f64::MIN, 0);
    for length in WINDOWS.into_iter().filter(|length| *length <= after.len()) {
        let signal = &after[..length];
        let energy: f64 = signal.iter().map(|sample| sample * sample).sum();
        for off in GRID {
            let step = |hertz: f64| std::f64::consts::TAU * hertz * (1.0 + off) / 8000.0;
            let rows = ROWS.map(|hertz| correlate(signal, step(hertz)));
            let columns = COLUMNS.map(|hertz| correlate(signal, step(hertz)));
            for key in 0..16 {
                let (row, column) = (key / 4, key % 4);
                let correlations = [rows[row][0], rows[row][1], columns[column][0], columns[column][1]];
                let explained = explained(correlations, [step(ROWS[row]), step(COLUMNS[column])], length);
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

#[test]
fn a_clean_key_is_named_from_its_first_ten_milliseconds() {
    let mut seed = keyhush_tests::seed::Seed::new(5);
    for key in 0..16 {
        let mut signal = vec![0.0; 80];
        crate::audio::add_key(&mut signal, 0, key, &crate::audio::Sound::default(), &mut seed);
        assert_eq!(name(&signal), key);
    }
}
