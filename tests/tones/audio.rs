//! Tones, noise and codecs: what a telephone line makes of a key.

use std::f64::consts::TAU;

use keyhush_tests::seed::Seed;
use lanes::g711;

/// The keys, row by row (ITU-T Q.23).
pub(crate) const KEYS: [char; 16] =
    ['1', '2', '3', 'A', '4', '5', '6', 'B', '7', '8', '9', 'C', '*', '0', '#', 'D'];
pub(crate) const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
pub(crate) const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// How a key is sounded.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Sound {
    /// Samples at 8 kHz.
    pub(crate) length: usize,
    /// The level of the stronger frequency, in dBm0.
    pub(crate) level: f64,
    /// The high frequency over the low one, in dB.
    pub(crate) twist: f64,
    /// By how much the frequencies are off, as parts of them.
    pub(crate) off: [f64; 2],
}

impl Default for Sound {
    fn default() -> Self {
        Sound { length: 400, level: -10.0, twist: 0.0, off: [0.0; 2] }
    }
}

/// The level of the largest sinusoid, in dBm0 (ITU-T G.711 section 4).
#[allow(clippy::approx_constant, reason = "it is not π")]
const LARGEST: f64 = 3.14;

/// The amplitude of a sinusoid.
pub(crate) fn amplitude(dbm0: f64) -> f64 {
    32768.0 * 10f64.powf((dbm0 - LARGEST) / 20.0)
}

/// The root mean square of a signal whose power is that of a sinusoid of this level.
pub(crate) fn root_mean_square(dbm0: f64) -> f64 {
    amplitude(dbm0) / 2f64.sqrt()
}

/// A number between zero and one.
pub(crate) fn part(seed: &mut Seed) -> f64 {
    (seed.bits() >> 11) as f64 / (1u64 << 53) as f64
}

/// Adds a key to a signal at 8 kHz, each frequency with a phase of its own.
pub(crate) fn add_key(signal: &mut [f64], at: usize, key: usize, sound: &Sound, seed: &mut Seed) {
    add_key_at(8, signal, at, key, sound, seed);
}

/// The same at another rate; `at` counts its samples.
pub(crate) fn add_key_at(
    khz: usize,
    signal: &mut [f64],
    at: usize,
    key: usize,
    sound: &Sound,
    seed: &mut Seed,
) {
    let levels = [sound.level - sound.twist.max(0.0), sound.level + sound.twist.min(0.0)];
    for (frequency, (level, off)) in
        [ROWS[key / 4], COLUMNS[key % 4]].into_iter().zip(levels.iter().zip(sound.off))
    {
        let (amplitude, phase) = (amplitude(*level), TAU * part(seed));
        let step = TAU * frequency * (1.0 + off) / (1000 * khz) as f64;
        for (number, sample) in signal.iter_mut().skip(at).take(sound.length * khz / 8).enumerate() {
            *sample += amplitude * (step * number as f64 + phase).sin();
        }
    }
}

/// Adds noise whose samples are normally distributed.
pub(crate) fn add_noise(signal: &mut [f64], root_mean_square: f64, seed: &mut Seed) {
    for sample in signal {
        let (radius, angle) = ((-2.0 * (1.0 - part(seed)).ln()).sqrt(), TAU * part(seed));
        *sample += root_mean_square * radius * angle.cos();
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codec {
    Ulaw,
    Alaw,
}

/// The signal behind a codec.
pub(crate) fn coded(signal: &[f64], codec: Codec) -> Vec<i16> {
    let linear = signal.iter().map(|sample| sample.round().clamp(-32768.0, 32767.0) as i16);
    match codec {
        Codec::Ulaw => linear.map(|sample| g711::ULAW[usize::from(g711::to_ulaw(sample))]).collect(),
        Codec::Alaw => linear.map(|sample| g711::ALAW[usize::from(g711::to_alaw(sample))]).collect(),
    }
}
