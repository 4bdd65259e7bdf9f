//! The kernels against each other, and against the definition.

use std::f64::consts::TAU;

use lanes::Level;
use lanes::dtmf::{
    COLUMNS, Fit, Fits, HOP, Least, MAX_FITS, MAX_SAMPLES, MAX_STREAMS, ROWS, Signal, WINDOW, fit,
    fit_together_with, fit_with,
};
use lanes::g711;

/// Numbers that look like chance, the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // Steele, Lea and Flood's SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn noise(chance: &mut Chance, length: usize, shift: u32) -> Vec<i16> {
    (0..length).map(|_| (chance.next() as i16) >> shift).collect()
}

fn tone(length: usize, pair: usize, amplitude: f64, constant: f64) -> Vec<i16> {
    let [row, column] = [ROWS[pair / 4], COLUMNS[pair % 4]].map(f64::from);
    let wave = |hertz: f64, at: usize| (TAU * hertz * at as f64 / 8000.0 + hertz).sin();
    (0..length).map(|at| (constant + amplitude * (wave(row, at) + wave(column, at))).round() as i16).collect()
}

fn fits(level: Level, samples: &[i16]) -> Vec<Fit> {
    let mut signal = Signal::starting_with(&[]);
    signal.push_linear(samples);
    let mut fits = Fits::new();
    fit_with(level, &signal, &mut fits);
    fits.as_slice().to_vec()
}

#[test]
fn every_level_gives_the_same_bits() {
    let mut chance = Chance(1);
    let mut signals: Vec<Vec<i16>> =
        (0..200).map(|number| noise(&mut chance, MAX_SAMPLES - number, number as u32 % 14)).collect();
    signals.extend((0..16).map(|pair| tone(MAX_SAMPLES, pair, 900.0 * (pair + 1) as f64, 77.0)));
    signals.extend([vec![i16::MIN; MAX_SAMPLES], vec![i16::MAX; MAX_SAMPLES], vec![0; MAX_SAMPLES], vec![]]);
    let available: Vec<Level> = Level::ALL.into_iter().filter(|level| level.is_available()).collect();
    println!("compared: {}", available.iter().map(|level| level.name()).collect::<Vec<_>>().join(", "));
    for samples in &signals {
        let portable = fits(Level::Portable, samples);
        assert_eq!(portable.len(), (samples.len() / HOP).saturating_sub(3));
        for level in &available {
            assert_eq!(fits(*level, samples), portable, "{}", level.name());
        }
    }
}

#[test]
fn a_pair_is_named_with_its_levels_and_explains_all() {
    for pair in 0..16 {
        for constant in [0.0, 3000.0] {
            for fit in fits(Level::of_this_processor(), &tone(MAX_SAMPLES, pair, 4000.0, constant)) {
                assert_eq!(usize::from(fit.pair), pair);
                let residual = 1.0 - fit.explained / fit.energy;
                assert!(residual.abs() < 1e-4, "pair {pair}: residual {residual}");
                for tone in fit.tones() {
                    let amplitude = tone.power().sqrt() * 4.0;
                    assert!((amplitude - 4000.0).abs() < 10.0, "pair {pair}: amplitude {amplitude}");
                }
            }
        }
    }
}

#[test]
fn phasors_tell_the_phase_in_the_windows_middle() {
    let samples = tone(MAX_SAMPLES, 6, 5000.0, 0.0);
    for (number, fit) in fits(Level::of_this_processor(), &samples).iter().enumerate() {
        let middle = (number * HOP) as f64 + (WINDOW as f64 - 1.0) / 2.0;
        for (tone, hertz) in fit.tones().iter().zip([770.0, 1477.0]) {
            let sine_phase = TAU * hertz * middle / 8000.0 + hertz;
            let (re, im) = (f64::from(tone.re), f64::from(tone.im));
            let off = (im.atan2(re) - (sine_phase - TAU / 4.0)).rem_euclid(TAU);
            assert!(off.min(TAU - off) < 0.01, "window {number}: {off}");
        }
    }
}

fn signal_of(samples: &[i16]) -> Signal {
    let mut signal = Signal::starting_with(&[]);
    signal.push_linear(samples);
    signal
}

/// What is found of each stream, beside what it is asked to be: all fits that explain enough, to the bit.
fn found_and_asked(level: Level, streams: &[Vec<i16>], least: Least) -> [Vec<Vec<(usize, Fit)>>; 2] {
    let signals: Vec<Signal> = streams.iter().map(|samples| signal_of(samples)).collect();
    let mut found = vec![Vec::new(); streams.len()];
    let is_done =
        fit_together_with(level, &signals.iter().collect::<Vec<_>>(), least, &mut |stream, window, fit| {
            found[stream].push((window, *fit));
        });
    assert!(is_done);
    let asked = |samples: &Vec<i16>| {
        let fits = fits(Level::Portable, samples).into_iter().enumerate();
        fits.filter(|(_, fit)| fit.explained >= least.part * fit.energy && fit.explained >= least.explained)
            .collect()
    };
    [found, streams.iter().map(asked).collect()]
}

/// Noise, tones, tones in noise, steps and constants: near to every limit there is.
fn any_samples(chance: &mut Chance, length: usize) -> Vec<i16> {
    let shift = (chance.next() % 14) as u32;
    let constant = if chance.next().is_multiple_of(4) { chance.next() as i16 } else { 0 };
    let amplitude = (chance.next() % 16000) as f64;
    let pair = (chance.next() % 16) as usize;
    let start = chance.next() as usize % (length + 1);
    let is_tone = !chance.next().is_multiple_of(3);
    let mut samples = noise(chance, length, shift);
    let tone = tone(length - start, pair, if is_tone { amplitude } else { 0.0 }, f64::from(constant));
    for (sample, tone) in samples.iter_mut().skip(start).zip(tone) {
        *sample = sample.saturating_add(tone);
    }
    samples
}

#[test]
fn streams_together_are_fitted_as_each_alone() {
    let mut chance = Chance(3);
    let available: Vec<Level> = Level::ALL.into_iter().filter(|level| level.is_available()).collect();
    let mut count = 0;
    for round in 0..300 {
        let streams = 1 + chance.next() as usize % MAX_STREAMS;
        let length = chance.next() as usize % (MAX_SAMPLES + 1);
        let part = [0.0, 0.05, 0.2, 0.4, 0.8, 0.99][round % 6];
        let least = Least { part, explained: [0.0, 1.0, 1e4, 1e8][round % 4] };
        let streams: Vec<Vec<i16>> = (0..streams).map(|_| any_samples(&mut chance, length)).collect();
        for level in &available {
            let [found, asked] = found_and_asked(*level, &streams, least);
            assert_eq!(found, asked, "round {round}, {}", level.name());
            count += asked.iter().flatten().count();
        }
    }
    assert!(count > 1000, "{count} fits say little");
}

#[test]
fn a_fit_that_explains_just_enough_is_found() {
    let mut chance = Chance(4);
    for round in 0..400 {
        let length = WINDOW + HOP * (round % 3);
        let streams: Vec<Vec<i16>> = (0..MAX_STREAMS).map(|_| any_samples(&mut chance, length)).collect();
        for (stream, samples) in streams.iter().enumerate() {
            for fit in fits(Level::of_this_processor(), samples).iter().filter(|fit| fit.energy > 0.0) {
                let least = Least { part: fit.explained / fit.energy, explained: fit.explained };
                let [found, asked] = found_and_asked(Level::of_this_processor(), &streams, least);
                assert_eq!(found[stream], asked[stream], "round {round}");
            }
        }
    }
}

#[test]
fn streams_of_different_lengths_are_not_fitted_together() {
    let [short, long] = [WINDOW, WINDOW + HOP].map(|length| signal_of(&vec![1; length]));
    let least = Least { part: 0.0, explained: 0.0 };
    assert!(!fit_together_with(Level::of_this_processor(), &[&short, &long], least, &mut |_, _, _| {}));
    assert!(fit_together_with(Level::of_this_processor(), &[], least, &mut |_, _, _| {}));
}

/// Least squares by the normal equations, in double precision, of a constant and two sinusoids.
fn by_definition(samples: &[i16], pair: usize) -> (f64, f64) {
    let [row, column] = [ROWS[pair / 4], COLUMNS[pair % 4]].map(|hertz| TAU * f64::from(hertz) / 8000.0);
    let basis = |at: usize| {
        let at = at as f64;
        [1.0, (row * at).cos(), (row * at).sin(), (column * at).cos(), (column * at).sin()]
    };
    let mut matrix = [[0.0; 6]; 5];
    let values: Vec<f64> = samples.iter().map(|sample| f64::from(sample >> 2)).collect();
    for (at, value) in values.iter().enumerate() {
        let basis = basis(at);
        for (line, one) in matrix.iter_mut().zip(basis) {
            for (place, other) in line.iter_mut().zip(basis) {
                *place += one * other;
            }
            line[5] += one * value;
        }
    }
    for pivot in 0..5 {
        for line in 0..5 {
            let factor = matrix[line][pivot] / matrix[pivot][pivot];
            let above = matrix[pivot];
            if line != pivot {
                matrix[line].iter_mut().zip(above).for_each(|(place, above)| *place -= factor * above);
            }
        }
    }
    let solution: Vec<f64> = (0..5).map(|line| matrix[line][5] / matrix[line][line]).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let energy: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let residual: f64 = values
        .iter()
        .enumerate()
        .map(|(at, value)| {
            let fitted: f64 = basis(at).iter().zip(&solution).map(|(wave, part)| wave * part).sum();
            (value - fitted).powi(2)
        })
        .sum();
    (energy, energy - residual)
}

#[test]
fn a_fit_is_the_least_squares_fit_of_the_best_pair() {
    let mut chance = Chance(2);
    for _ in 0..20 {
        let samples = noise(&mut chance, 300, 2);
        for (number, fit) in fits(Level::of_this_processor(), &samples).iter().enumerate() {
            let window = &samples[number * HOP..number * HOP + WINDOW];
            let all: Vec<(f64, f64)> = (0..16).map(|pair| by_definition(window, pair)).collect();
            let (energy, explained) = all[usize::from(fit.pair)];
            assert!((f64::from(fit.energy) / energy - 1.0).abs() < 1e-5);
            assert!((f64::from(fit.explained) - explained).abs() < 2e-4 * energy, "{fit:?} {explained}");
            assert!(all.iter().all(|(_, other)| *other < explained + 2e-4 * energy));
        }
    }
}

#[test]
fn what_does_not_fit_is_left_to_the_caller() {
    let mut signal = Signal::starting_with(&[1; 60]);
    assert_eq!(signal.push_ulaw(&[0x12; 1000]), MAX_SAMPLES - 60);
    assert_eq!(signal.push_alaw(&[0x12; 1000]), 0);
    let mut fits = Fits::new();
    fit(&signal, &mut fits);
    assert_eq!(fits.as_slice().len(), MAX_FITS);
}

#[test]
fn codes_are_decoded_as_the_tables_say() {
    let codes: Vec<u8> = (0..=255).collect();
    let mut ulaw = Signal::starting_with(&[]);
    ulaw.push_ulaw(&codes);
    let mut alaw = Signal::starting_with(&[]);
    alaw.push_alaw(&codes);
    assert_eq!(ulaw.samples(), g711::ULAW.map(|sample| sample >> 2));
    assert_eq!(alaw.samples(), g711::ALAW.map(|sample| sample >> 2));
}
