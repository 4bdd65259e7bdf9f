//! A caller whose telephone knows no telephone-events: speech, and keys as tones in the audio.
//!
//! Nobody spoke this: pulses at the pitch of a man's voice through the resonances of vowels, so that a picture and an ear tell
//! it from tones.

use std::f64::consts::TAU;
use std::ops::Range;

use lanes::dtmf::{COLUMNS, ROWS};

use crate::seed::Seed;

/// Samples a second.
pub const RATE: usize = 8000;

/// The level of the largest sinusoid, in dBm0 (ITU-T G.711 section 4).
#[allow(clippy::approx_constant, reason = "it is not π")]
pub const LARGEST: f64 = 3.14;

/// How long a key sounds, and how long it is silent after, in samples: 80 ms each.
const KEY: usize = RATE * 80 / 1000;

/// The level of each of a key's two frequencies, in dBm0.
const LEVEL: f64 = -10.0;

/// Keys, row by row (ITU-T Q.23).
const KEYS: &str = "123A456B789C*0#D";

/// The first three resonances of vowels of men's voices, in hertz (Peterson and Barney, 1952): ah, ee, oo, eh, aw, uh.
const VOWELS: [[f64; 3]; 6] = [
    [730.0, 1090.0, 2440.0],
    [270.0, 2290.0, 3010.0],
    [300.0, 870.0, 2240.0],
    [530.0, 1840.0, 2480.0],
    [570.0, 840.0, 2410.0],
    [640.0, 1190.0, 2390.0],
];

/// The widths of these resonances, in hertz: much narrower ones ring like tones, as nobody's mouth does.
const WIDTHS: [f64; 3] = [95.0, 130.0, 200.0];

/// Audio that grows.
#[derive(Clone, Debug)]
pub struct KeyedAudio {
    samples: Vec<f64>,
    seed: Seed,
}

impl KeyedAudio {
    /// Silence of so many seconds with a little noise in it, as of a quiet room.
    pub fn quiet(seconds: f64) -> KeyedAudio {
        let mut seed = Seed::new(0x0ca1);
        let root_mean_square = amplitude(-62.0) / 2f64.sqrt();
        // Uniform chance between -1 and 1 has a root mean square of 1/√3.
        let noise = (0..samples(seconds)).map(|_| chance(&mut seed) * root_mean_square * 3f64.sqrt());
        KeyedAudio { samples: noise.collect(), seed }
    }

    /// Somebody speaks `within` these seconds, at about -19 dBm0.
    #[must_use]
    pub fn speak(mut self, within: Range<f64>) -> KeyedAudio {
        let count = samples(within.end - within.start);
        let mut voice = self.voice(count);
        let power: f64 = voice.iter().map(|sample| sample * sample).sum::<f64>() / count.max(1) as f64;
        let gain = amplitude(-19.0) / 2f64.sqrt() / power.sqrt().max(f64::MIN_POSITIVE);
        voice.iter_mut().for_each(|sample| *sample *= gain);
        self.add(within.start, &voice);
        self
    }

    /// Somebody presses `keys` from this second on, 80 ms each and 80 ms between them.
    #[must_use]
    pub fn key(mut self, from: f64, keys: &str) -> KeyedAudio {
        let mut signal = Vec::new();
        for place in keys.chars().filter_map(|key| KEYS.find(key)) {
            let frequencies = [ROWS[place / 4], COLUMNS[place % 4]].map(f64::from);
            let sample = |at: usize| -> f64 {
                let phase = TAU * at as f64 / RATE as f64;
                frequencies.iter().map(|frequency| (frequency * phase).sin()).sum()
            };
            signal.extend((0..KEY).map(|at| sample(at) * amplitude(LEVEL)));
            signal.extend([0.0; KEY]);
        }
        self.add(from, &signal);
        self
    }

    /// The linear samples.
    pub fn samples(&self) -> Vec<i16> {
        self.samples.iter().map(|sample| sample.round().clamp(-32768.0, 32767.0) as i16).collect()
    }

    fn add(&mut self, from: f64, signal: &[f64]) {
        let places = self.samples.iter_mut().skip(samples(from));
        places.zip(signal).for_each(|(place, sample)| *place += sample);
    }

    /// Syllables, each with a vowel and a pitch; the pitch falls as in a sentence, and the resonances glide.
    fn voice(&mut self, count: usize) -> Vec<f64> {
        let mut voice = Vec::with_capacity(count);
        let mut filters = WIDTHS.map(Resonance::new);
        let mut resonances = VOWELS[0];
        let (mut turn, mut fold) = (0.0, 0.0);
        while voice.len() < count {
            let length = samples(0.16) + self.seed.below(samples(0.12) as u64) as usize;
            let vowel = VOWELS[self.seed.below(VOWELS.len() as u64) as usize];
            let accent = 1.0 + 0.08 * chance(&mut self.seed);
            for at in 0..length {
                let through = at as f64 / length as f64;
                let sentence = voice.len() as f64 / count as f64;
                let pitch = (132.0 - 34.0 * sentence) * accent * (1.0 + 0.04 * (through * TAU / 2.0).sin());
                turn += pitch / RATE as f64;
                // A pulse where the vocal folds close, never twice the same and never quite in time, and breath.
                let closed = turn >= 1.0;
                if closed {
                    turn -= 1.0 + 0.03 * chance(&mut self.seed);
                }
                let pulse = if closed { 1.0 + 0.15 * chance(&mut self.seed) } else { 0.0 };
                // The folds' pulse is round: its spectrum falls by 6 dB an octave once the lips have sent it out.
                fold += (pulse + 0.03 * chance(&mut self.seed) - fold) * 0.12;
                let mut sound = fold;
                for ((filter, now), to) in filters.iter_mut().zip(&mut resonances).zip(vowel) {
                    *now += (to - *now) * 0.004;
                    sound = filter.pass(sound, *now);
                }
                let loudness = (through * TAU / 2.0).sin().powf(0.7) * (1.0 - 0.4 * sentence);
                voice.push(sound * loudness);
            }
            voice.extend(vec![0.0; samples(0.025)]);
        }
        voice.truncate(count);
        voice
    }
}

/// A resonance of two poles, of gain one at zero hertz.
#[derive(Debug)]
struct Resonance {
    radius: f64,
    last: [f64; 2],
}

impl Resonance {
    fn new(width: f64) -> Resonance {
        Resonance { radius: (-TAU / 2.0 * width / RATE as f64).exp(), last: [0.0; 2] }
    }

    fn pass(&mut self, sound: f64, frequency: f64) -> f64 {
        let (turn, radius) = (2.0 * self.radius * (TAU * frequency / RATE as f64).cos(), self.radius.powi(2));
        let out = (1.0 - turn + radius) * sound + turn * self.last[0] - radius * self.last[1];
        self.last = [out, self.last[0]];
        out
    }
}

/// The amplitude of a sinusoid.
fn amplitude(dbm0: f64) -> f64 {
    32768.0 * 10f64.powf((dbm0 - LARGEST) / 20.0)
}

fn samples(seconds: f64) -> usize {
    (seconds.max(0.0) * RATE as f64).round() as usize
}

/// Between -1 and 1.
fn chance(seed: &mut Seed) -> f64 {
    seed.below(1 << 32) as f64 / f64::from(1u32 << 31) - 1.0
}
