//! Streams that are listened to together, against each of them alone.

use keyhush_tests::seed::Seed;
use lanes::g711;
use mask::tones::{Audio, Detector, Heard, Suspects, Vigilance, listen_together};

use crate::audio::{KEYS, Sound, add_key, add_noise, part};

const LENGTH: usize = 8000;
const ROUNDS: u64 = if cfg!(debug_assertions) { 20 } else { 120 };

/// How a stream comes.
#[derive(Clone, Copy)]
enum Law {
    Linear,
    Ulaw,
    Alaw,
}

struct Line {
    law: Law,
    linear: Vec<i16>,
    codes: Vec<u8>,
    /// How far it was heard.
    at: usize,
}

impl Line {
    /// Silence, noise or a voice, and keys of any level, twist and length.
    fn any(seed: &mut Seed) -> Self {
        let mut signal = vec![0.0; LENGTH];
        let loudness = [0.0, 1.0, 30.0, 800.0, 6000.0][seed.below(5) as usize];
        add_noise(&mut signal, loudness * part(seed), seed);
        if seed.percent(40) {
            add_voice(&mut signal, seed);
        }
        if seed.percent(20) {
            let constant = 6000.0 * (part(seed) - 0.5);
            signal.iter_mut().for_each(|sample| *sample += constant);
        }
        for _ in 0..seed.below(8) {
            let sound = Sound {
                length: 100 + seed.below(900) as usize,
                level: -50.0 * part(seed),
                twist: 30.0 * (part(seed) - 0.5),
                off: [0.05 * (part(seed) - 0.5), 0.05 * (part(seed) - 0.5)],
            };
            let at = seed.below(LENGTH as u64) as usize;
            add_key(&mut signal, at, seed.below(KEYS.len() as u64) as usize, &sound, seed);
        }
        let linear: Vec<i16> = signal.iter().map(|sample| *sample as i16).collect();
        let (law, of): (_, fn(i16) -> u8) = match seed.below(3) {
            0 => (Law::Linear, g711::to_ulaw),
            1 => (Law::Ulaw, g711::to_ulaw),
            _ => (Law::Alaw, g711::to_alaw),
        };
        let codes = linear.iter().map(|sample| of(*sample)).collect();
        Line { law, linear, codes, at: 0 }
    }

    fn next(&mut self, samples: usize) -> Audio<'_> {
        let from = self.at;
        self.at = (from + samples).min(LENGTH);
        match self.law {
            Law::Linear => Audio::Linear(&self.linear[from..self.at]),
            Law::Ulaw => Audio::Ulaw(&self.codes[from..self.at]),
            Law::Alaw => Audio::Alaw(&self.codes[from..self.at]),
        }
    }
}

/// The harmonics of a voice that rises and falls, in which two are often where a key's frequencies are.
fn add_voice(signal: &mut [f64], seed: &mut Seed) {
    let (pitch, depth, loudness) = (80.0 + 200.0 * part(seed), 30.0 * part(seed), 4000.0 * part(seed));
    let shares: Vec<f64> = (0..16).map(|_| part(seed).powi(3)).collect();
    let mut phase = 0.0;
    for (at, sample) in signal.iter_mut().enumerate() {
        phase += (pitch + depth * (at as f64 / 900.0).sin()) * std::f64::consts::TAU / 8000.0;
        let harmonics = shares.iter().zip(1..).map(|(share, order)| share * (phase * f64::from(order)).sin());
        *sample += loudness * harmonics.sum::<f64>();
    }
}

/// Everything that a test may compare, the key included.
fn told(heard: &Heard) -> String {
    match heard {
        Heard::Onset { digit, at, levels } => format!("{} {at} {levels:?}", digit.reveal()),
        Heard::End { at } => format!("end {at}"),
    }
}

#[test]
fn streams_together_are_heard_as_each_alone() {
    let mut onsets = 0;
    let mut stretches = 0;
    for round in 0..ROUNDS {
        let mut seed = Seed::new(round);
        let streams = 1 + seed.below(40) as usize;
        let mut lines: Vec<Line> = (0..streams).map(|_| Line::any(&mut seed)).collect();
        let new = || (0..streams).map(|_| Detector::new()).collect::<Vec<_>>();
        let (mut together, mut alone) = (new(), new());
        let usual = [20, 80, 160, 160, 160, 240, 480][seed.below(7) as usize];
        // How often a stream is out of step, in percent.
        let uneven = [0, 1, 10, 60][seed.below(4) as usize];
        while lines.iter().any(|line| line.at < LENGTH) {
            let vigilance = if seed.percent(50) { Vigilance::Ordinary } else { Vigilance::Raised };
            for (together, alone) in together.iter_mut().zip(&mut alone) {
                if seed.percent(uneven) {
                    let lost = seed.below(1000);
                    let mut told_together = Vec::new();
                    together.skip(lost, &mut |heard| told_together.push(told(&heard)));
                    let mut told_alone = Vec::new();
                    alone.skip(lost, &mut |heard| told_alone.push(told(&heard)));
                    assert_eq!(told_together, told_alone);
                }
            }
            let audio: Vec<Audio<'_>> = lines
                .iter_mut()
                .map(|line| {
                    let samples = if seed.percent(uneven) { seed.below(1200) as usize } else { usual };
                    line.next(samples)
                })
                .collect();
            let mut heard_together = vec![Vec::new(); streams];
            let mut suspects = vec![Suspects::default(); streams];
            listen_together(
                &mut together.iter_mut().collect::<Vec<_>>(),
                &audio,
                vigilance,
                &mut |stream, heard| heard_together[stream].push(told(&heard)),
                &mut suspects,
            );
            for (stream, detector) in alone.iter_mut().enumerate() {
                let mut heard_alone = Vec::new();
                let suspects_alone =
                    detector.listen(audio[stream], vigilance, &mut |heard| heard_alone.push(told(&heard)));
                assert_eq!(heard_together[stream], heard_alone, "round {round}, stream {stream}");
                assert_eq!(suspects[stream], suspects_alone, "round {round}, stream {stream}");
                assert_eq!(together[stream].position(), detector.position());
                onsets += heard_alone.len();
                stretches += suspects_alone.stretches().count();
            }
        }
    }
    println!("{onsets} onsets and ends, {stretches} stretches");
    assert!(onsets > 100 && stretches > 1000, "so few say little");
}
