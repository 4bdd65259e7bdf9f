//! The tones of the mask keys: what the agent hears in place of a key.
//!
//! A tone is a function of the RTP timestamp alone. So it has one level, goes on in phase over packets, losses and pauses, and
//! nothing of what it replaces is in it.

use core::f64::consts::TAU;
use std::sync::LazyLock;

use handover::MaskKey;
use lanes::g711;

/// The level of each of the two frequencies, in dBm0; both together have 3 dB more, the level of a masked event.
const LEVEL: f64 = -13.0;
/// The level of the largest sinusoid of A-law, in dBm0 (ITU-T G.711 section 4).
#[expect(clippy::approx_constant, reason = "it is not π")]
const LARGEST: f64 = 3.14;
/// Samples after which a tone is where it began: its frequencies are whole numbers of hertz.
const PERIOD: usize = 8000;

/// The level of a whole mask tone, in dBm0.
pub(crate) const TONE_LEVEL: f32 = -10.0;

/// The frequencies of a mask key (ITU-T Q.23 section 2).
const fn frequencies(mask_key: MaskKey) -> [u16; 2] {
    match mask_key {
        MaskKey::Pound => [941, 1477],
        MaskKey::Zero => [941, 1336],
        MaskKey::One => [697, 1209],
    }
}

/// A second of a tone in every form in which it is sent.
pub(crate) struct Tone {
    ulaw: Box<[u8]>,
    alaw: Box<[u8]>,
    linear: Box<[i16]>,
    /// At 16 kHz.
    wide: Box<[i16]>,
}

impl Tone {
    fn new(mask_key: MaskKey) -> Self {
        let samples = |rate: usize| -> Box<[i16]> {
            let amplitude = 32768.0 * 10f64.powf((LEVEL - LARGEST) / 20.0);
            let wave = |number: usize, hertz: u16| {
                (TAU * f64::from(hertz) * number as f64 / rate as f64).sin() * amplitude
            };
            (0..rate)
                .map(|number| {
                    frequencies(mask_key).map(|hertz| wave(number, hertz)).iter().sum::<f64>().round() as i16
                })
                .collect()
        };
        let linear = samples(PERIOD);
        Tone {
            ulaw: linear.iter().map(|sample| g711::to_ulaw(*sample)).collect(),
            alaw: linear.iter().map(|sample| g711::to_alaw(*sample)).collect(),
            wide: samples(2 * PERIOD),
            linear,
        }
    }

    /// The tone of a mask key.
    pub(crate) fn of(mask_key: MaskKey) -> &'static Tone {
        let [pound, zero, one] = &*TONES;
        match mask_key {
            MaskKey::Pound => pound,
            MaskKey::Zero => zero,
            MaskKey::One => one,
        }
    }

    /// Codes from a time on, in samples at 8 kHz.
    pub(crate) fn ulaw(&self, from: u32) -> impl Iterator<Item = u8> + '_ {
        endless(&self.ulaw, from as usize % PERIOD)
    }

    /// The same in A-law.
    pub(crate) fn alaw(&self, from: u32) -> impl Iterator<Item = u8> + '_ {
        endless(&self.alaw, from as usize % PERIOD)
    }

    /// Linear samples at 8 kHz.
    pub(crate) fn linear(&self, from: u32) -> impl Iterator<Item = i16> + '_ {
        endless(&self.linear, from as usize % PERIOD)
    }

    /// Linear samples at 16 kHz; `from` counts those at 8 kHz.
    pub(crate) fn wide(&self, from: u32) -> impl Iterator<Item = i16> + '_ {
        endless(&self.wide, from as usize % PERIOD * 2)
    }
}

fn endless<T: Copy>(period: &[T], from: usize) -> impl Iterator<Item = T> + '_ {
    // `cycle().skip()` would go through all that it skips.
    period.get(from..).unwrap_or_default().iter().chain(period.iter().cycle()).copied()
}

static TONES: LazyLock<[Tone; 3]> =
    LazyLock::new(|| [MaskKey::Pound, MaskKey::Zero, MaskKey::One].map(Tone::new));

/// Makes the tones, so that no packet has to wait for them.
pub(crate) fn prepare() {
    LazyLock::force(&TONES);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tones::{Audio, Detector, Heard, Vigilance};

    #[test]
    fn every_form_of_every_tone_is_heard_as_its_key() {
        for mask_key in [MaskKey::Pound, MaskKey::Zero, MaskKey::One] {
            let tone = Tone::of(mask_key);
            let wide: Vec<i16> = tone.wide(7).step_by(2).take(800).collect();
            let ulaw: Vec<u8> = tone.ulaw(7).take(800).collect();
            let alaw: Vec<u8> = tone.alaw(7_999).take(800).collect();
            let linear: Vec<i16> = tone.linear(7).take(800).collect();
            assert_eq!(wide, linear);
            for audio in [Audio::Ulaw(&ulaw), Audio::Alaw(&alaw), Audio::Linear(&linear)] {
                let mut keys = Vec::new();
                Detector::new().listen(audio, Vigilance::Ordinary, &mut |heard| {
                    if let Heard::Onset { digit, levels, .. } = heard {
                        assert!(levels.iter().all(|level| (level - LEVEL as f32).abs() < 0.3), "{levels:?}");
                        keys.push(digit.reveal());
                    }
                });
                assert_eq!(keys, [mask_key.ascii()]);
            }
        }
    }

    #[test]
    fn a_tone_goes_on_in_phase_after_a_second() {
        let tone = Tone::of(MaskKey::Pound);
        let whole: Vec<u8> = tone.ulaw(7_990).take(20).collect();
        let rest: Vec<u8> = tone.ulaw(8_000).take(10).collect();
        assert_eq!(whole[10..], rest);
    }
}
