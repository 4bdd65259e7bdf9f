//! What befalls keys on their way, and calls full of keys that it befalls.

use keyhush_tests::faults::{BAD_WIRE, Faults};
use keyhush_tests::seed::Seed;

use crate::audio::{KEYS, Sound, add_key_at, add_noise, part, root_mean_square};
use crate::corpus::{Recording, speech};
use crate::line::{Format, Line, Mode};

/// What is asked of a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// Nothing leaves; and unmasked, each key can be named; each is captured.
    Clean,
    /// Nothing leaves.
    Hard,
    /// Beyond what can be asked: shown.
    Shown,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    pub(crate) asked: Asked,
    pub(crate) mode: Mode,
    sound: Sound,
    /// The tones' power over the noise's, in dB.
    noise: Option<f64>,
    /// The same over that of speech.
    speech: Option<f64>,
    format: Format,
    ptime: usize,
    faults: Option<Faults>,
}

const NO_FAULTS: Faults =
    Faults { loss: 0, duplication: 0, reordering: 0, reordered_by: 0, jitter_micros: 900 };

/// All conditions; those with speech only where there is a corpus.
pub(crate) fn conditions(has_speech: bool) -> Vec<Condition> {
    use Asked::{Clean, Hard, Shown};
    let mut conditions = Vec::new();
    let plain = Condition {
        name: "µ-law",
        asked: Clean,
        mode: Mode::Secured,
        sound: Sound::default(),
        noise: None,
        speech: None,
        format: Format::Ulaw,
        ptime: 20,
        faults: None,
    };
    let mut add = |name: &'static str, asked: Asked, change: &dyn Fn(&mut Condition)| {
        let mut condition = Condition { name, asked, ..plain };
        change(&mut condition);
        if condition.format.is_known() && (has_speech || condition.speech.is_none()) {
            conditions.push(condition);
        } else {
            eprintln!("skipped: {name}");
        }
    };
    add("µ-law", Clean, &|_| {});
    add("µ-law, field open", Clean, &|one| one.mode = Mode::FieldOpen);
    add("A-law", Clean, &|one| one.format = Format::Alaw);
    add("L16, 8 kHz", Clean, &|one| one.format = Format::Linear8);
    add("L16, 16 kHz", Clean, &|one| one.format = Format::Linear16);
    add("G.722", Clean, &|one| one.format = Format::G722);
    for (name, ptime) in [("packets of 10 ms", 10), ("packets of 30 ms", 30), ("packets of 60 ms", 60)] {
        add(name, Clean, &|one| one.ptime = ptime);
    }
    for (name, off) in
        [("+1.8 %", [0.018; 2]), ("-1.8 %", [-0.018; 2]), ("low +1.8 %, high -1.8 %", [0.018, -0.018])]
    {
        add(name, Clean, &|one| one.sound.off = off);
    }
    for (name, level) in [("0 dBm0", 0.0), ("-20 dBm0", -20.0), ("-35 dBm0", -35.0)] {
        add(name, Clean, &|one| one.sound.level = level);
    }
    for (name, twist) in [("twist +8 dB", 8.0), ("twist -8 dB", -8.0)] {
        add(name, Clean, &|one| one.sound.twist = twist);
    }
    for (name, noise) in [
        ("noise 30 dB below", 30.0),
        ("noise 20 dB below", 20.0),
        ("noise 15 dB below", 15.0),
        ("noise 10 dB below", 10.0),
    ] {
        add(name, Hard, &|one| one.noise = Some(noise));
    }
    let loss = Faults { loss: 5, ..NO_FAULTS };
    let disorder = Faults { loss: 0, ..BAD_WIRE };
    add("loss 5 %", Hard, &|one| one.faults = Some(loss));
    add("loss 5 %, packets of 10 ms", Hard, &|one| (one.faults, one.ptime) = (Some(loss), 10));
    add("twice or out of order", Hard, &|one| one.faults = Some(disorder));
    add("lost, twice, out of order", Hard, &|one| one.faults = Some(BAD_WIRE));
    add("G.722: lost, twice, out of order", Hard, &|one| {
        (one.faults, one.format) = (Some(BAD_WIRE), Format::G722)
    });
    let spoken =
        |below: f64| move |one: &mut Condition| (one.speech, one.mode) = (Some(below), Mode::FieldOpen);
    add("speech 20 dB below", Hard, &spoken(20.0));
    add("speech 10 dB below", Hard, &spoken(10.0));
    add("speech 6 dB below", Shown, &spoken(6.0));
    add("speech 0 dB below", Shown, &spoken(0.0));
    add("+1.8 %, noise 10 dB below", Shown, &|one| (one.sound.off, one.noise) = ([0.018; 2], Some(10.0)));
    add("+2.5 %", Shown, &|one| one.sound.off = [0.025; 2]);
    add("+3.5 %", Shown, &|one| one.sound.off = [0.035; 2]);
    add("noise 6 dB below", Shown, &|one| one.noise = Some(6.0));
    conditions
}

/// Speech without its pauses, each recording at a root mean square of one: the active level of ITU-T P.56, roughly.
pub(crate) struct Behind(Vec<f64>);

impl Behind {
    pub(crate) fn new() -> Option<Self> {
        let power =
            |block: &[f64]| block.iter().map(|sample| sample * sample).sum::<f64>() / block.len() as f64;
        let level = |recording: Recording| {
            let samples: Vec<f64> = recording.samples.iter().map(|sample| f64::from(*sample)).collect();
            let least = power(&samples) / 40.0;
            // Blocks of 100 ms that somebody speaks in.
            let spoken: Vec<f64> =
                samples.chunks_exact(800).filter(|block| power(block) > least).flatten().copied().collect();
            let root_mean_square = power(&spoken).sqrt();
            spoken.into_iter().map(move |sample| sample / root_mean_square)
        };
        let recordings = speech()?.into_iter().filter(|recording| !recording.is_music());
        Some(Behind(recordings.flat_map(level).collect()))
    }
}

/// Where a tone truly is, in samples of its script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tone {
    pub(crate) start: usize,
    pub(crate) length: usize,
    pub(crate) key: usize,
}

/// A caller's audio, and the keys in it.
pub(crate) struct Script {
    pub(crate) audio: Vec<i16>,
    pub(crate) tones: Vec<Tone>,
}

impl Script {
    pub(crate) fn keys(&self) -> String {
        self.tones.iter().map(|tone| KEYS[tone.key]).collect()
    }
}

impl Condition {
    /// Tones of 40 to 120 ms with pauses of 60 to 160 ms, each beginning at any sample.
    pub(crate) fn script(&self, tones: usize, behind: Option<&Behind>, seed: &mut Seed) -> Script {
        let khz = self.format.khz();
        let mut at = 200 * khz;
        let mut placed = Vec::new();
        for _ in 0..tones {
            let length = 40 * khz + seed.below(80 * khz as u64) as usize;
            placed.push(Tone { start: at, length, key: seed.below(16) as usize });
            at += length + 60 * khz + seed.below(100 * khz as u64) as usize;
        }
        let mut signal = vec![0.0; at + 200 * khz];
        for tone in &placed {
            let sound = Sound { length: tone.length * 8 / khz, ..self.sound };
            add_key_at(khz, &mut signal, tone.start, tone.key, &sound, seed);
        }
        let weaker = self.sound.level - self.sound.twist.abs();
        let power = root_mean_square(self.sound.level).powi(2) + root_mean_square(weaker).powi(2);
        if let Some(below) = self.noise {
            add_noise(&mut signal, (power / 10f64.powf(below / 10.0)).sqrt(), seed);
        }
        if let (Some(below), Some(Behind(behind))) = (self.speech, behind) {
            let gain = (power / 10f64.powf(below / 10.0)).sqrt();
            let from = (part(seed) * behind.len() as f64) as usize;
            let speech = behind.iter().cycle().skip(from);
            signal.iter_mut().zip(speech).for_each(|(sample, speech)| *sample += gain * speech);
        }
        let audio = signal.iter().map(|sample| sample.round().clamp(-32768.0, 32767.0) as i16).collect();
        Script { audio, tones: placed }
    }

    /// Whether it asks no more of a receiver than every receiver can: the tones are as they should be, and all come.
    pub(crate) fn is_plain(&self) -> bool {
        self.asked == Asked::Clean && self.sound == Sound::default()
    }

    /// The line that the script is said on.
    pub(crate) fn line(&self, seed: u64) -> Line {
        let Condition { format, ptime, faults, .. } = *self;
        Line { format, ptime, faults, seed }
    }
}
