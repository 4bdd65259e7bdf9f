//! What of a tone would leave: the decision to mask, with one packet of 20 ms held.

use keyhush_tests::seed::Seed;
use mask::tones::{Audio, Detector, Vigilance};

use crate::attacker;
use crate::audio::{Codec, Sound, add_key, add_noise, coded, part, root_mean_square};
use crate::corpus::{Recording, speech};

const PACKET: usize = 160;

#[derive(Clone, Copy, Debug)]
struct Condition {
    name: &'static str,
    sound: Sound,
    noise: Option<f64>,
    /// The tone's level over that of speech behind it.
    speech: Option<f64>,
    vigilance: Vigilance,
    must: bool,
    /// The attacker must name the keys that are not masked.
    is_control: bool,
}

fn conditions() -> Vec<Condition> {
    let mut conditions = Vec::new();
    let plain = Condition {
        name: "clean",
        sound: Sound::default(),
        noise: None,
        speech: None,
        vigilance: Vigilance::Ordinary,
        must: true,
        is_control: false,
    };
    let mut add = |name: &'static str, change: &dyn Fn(&mut Condition)| {
        let mut condition = Condition { name, ..plain };
        change(&mut condition);
        conditions.push(condition);
    };
    add("clean", &|one| one.is_control = true);
    for (name, noise) in [
        ("noise 30 dB below", 30.0),
        ("noise 20 dB below", 20.0),
        ("noise 15 dB below", 15.0),
        ("noise 10 dB below", 10.0),
    ] {
        add(name, &|one| one.noise = Some(noise));
    }
    for (name, off) in
        [("+1.8 %", [0.018; 2]), ("-1.8 %", [-0.018; 2]), ("low +1.8 %, high -1.8 %", [0.018, -0.018])]
    {
        add(name, &|one| one.sound.off = off);
    }
    for (name, level) in [("0 dBm0", 0.0), ("-20 dBm0", -20.0), ("-35 dBm0", -35.0)] {
        add(name, &|one| one.sound.level = level);
    }
    for (name, twist) in [("twist +8 dB", 8.0), ("twist -8 dB", -8.0)] {
        add(name, &|one| one.sound.twist = twist);
    }
    add("+1.8 %, noise 10 dB below", &|one| {
        (one.sound.off, one.noise, one.must) = ([0.018; 2], Some(10.0), false)
    });
    add("+2.5 %", &|one| (one.sound.off, one.must) = ([0.025; 2], false));
    add("+3.5 %", &|one| (one.sound.off, one.must) = ([0.035; 2], false));
    add("noise 6 dB below", &|one| (one.noise, one.must) = (Some(6.0), false));
    add("speech 20 dB below", &|one| one.speech = Some(20.0));
    add("speech 10 dB below", &|one| (one.speech, one.must) = (Some(10.0), false));
    add("speech 10 dB below, raised", &|one| (one.speech, one.vigilance) = (Some(10.0), Vigilance::Raised));
    add("speech 6 dB below, raised", &|one| {
        (one.speech, one.vigilance, one.must) = (Some(6.0), Vigilance::Raised, false)
    });
    add("speech 0 dB below, raised", &|one| {
        (one.speech, one.vigilance, one.must) = (Some(0.0), Vigilance::Raised, false)
    });
    conditions
}

/// Speech without its pauses, each recording at a root mean square of one: the active level of ITU-T P.56, roughly.
struct Behind(Vec<f64>);

impl Behind {
    fn new() -> Option<Self> {
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

/// Which samples leave unreplaced.
fn leaves(samples: &[i16], vigilance: Vigilance) -> Vec<bool> {
    let mut detector = Detector::new();
    let mut leaves = vec![true; samples.len()];
    let mut released = 0;
    for packet in samples.chunks(PACKET) {
        let known = detector.position() as usize;
        let suspects = detector.listen(Audio::Linear(packet), vigilance, &mut |_| {});
        for (from, to) in suspects.stretches() {
            let from = (from as usize).max(released);
            leaves.iter_mut().take(to as usize).skip(from).for_each(|leaves| *leaves = false);
        }
        // The packet before this one.
        released = known;
    }
    leaves
}

#[test]
fn no_sample_of_a_tone_leaves() {
    let tries = if std::env::var_os("KEYHUSH_LONG").is_some() { 20_000 } else { 2_000 };
    let behind = Behind::new();
    let mut faults = Vec::new();
    println!(
        "| {:28} | tones  | samples   | left     | tones that left a piece | named % | unmasked % |",
        "condition"
    );
    for (number, condition) in conditions().iter().enumerate() {
        let mut seed = Seed::new(0x1eaf + number as u64);
        let (mut sounded, mut left, mut pieces, mut longest) = (0, 0, 0, 0);
        let (mut attacked, mut named, mut named_unmasked) = (0usize, 0usize, 0usize);
        if condition.speech.is_some() && behind.is_none() {
            println!("| {:28} | skipped: no corpus", condition.name);
            continue;
        }
        for turn in 0..tries {
            let mut sound = condition.sound;
            sound.length = 320 + seed.below(640) as usize;
            let start = 800 + seed.below(160) as usize;
            let mut signal = vec![0.0; start + sound.length + 800];
            let key = seed.below(16) as usize;
            add_key(&mut signal, start, key, &sound, &mut seed);
            let weaker = sound.level - sound.twist.abs();
            let power = root_mean_square(sound.level).powi(2) + root_mean_square(weaker).powi(2);
            if let Some(below) = condition.noise {
                add_noise(&mut signal, (power / 10f64.powf(below / 10.0)).sqrt(), &mut seed);
            }
            if let (Some(below), Some(behind)) = (condition.speech, &behind) {
                let gain = (power / 10f64.powf(below / 10.0)).sqrt();
                let from = (part(&mut seed) * (behind.0.len() - signal.len()) as f64) as usize;
                signal
                    .iter_mut()
                    .zip(&behind.0[from..])
                    .for_each(|(sample, speech)| *sample += gain * speech);
            }
            let codec = if turn % 2 == 0 { Codec::Ulaw } else { Codec::Alaw };
            let coded = coded(&signal, codec);
            let leaves = leaves(&coded, condition.vigilance);
            let here = leaves[start..start + sound.length].iter().filter(|leaves| **leaves).count();
            if turn % 8 == 0 {
                let replaced: Vec<f64> = (start..start + 480)
                    .map(|at| if leaves.get(at) == Some(&true) { f64::from(coded[at]) } else { 0.0 })
                    .collect();
                let unmasked: Vec<f64> =
                    coded[start..start + 480].iter().map(|sample| f64::from(*sample)).collect();
                named += usize::from(attacker::name(&replaced) == key);
                named_unmasked += usize::from(attacker::name(&unmasked[..sound.length.min(480)]) == key);
                attacked += 1;
            }
            sounded += sound.length;
            left += here;
            pieces += usize::from(here > 0);
            longest = longest.max(here);
        }
        let percent = |count: usize| 100.0 * count as f64 / attacked as f64;
        println!(
            "| {:28} | {tries:6} | {sounded:9} | {left:8} | {pieces:5} (most {longest:3}) | {:6.2} | {:6.2} |",
            condition.name,
            percent(named),
            percent(named_unmasked)
        );
        // One in sixteen is chance; so is three and a half times the spread of as many guesses.
        let chance = attacked as f64 / 16.0;
        if condition.must && named as f64 > chance + 3.5 * chance.sqrt() {
            faults.push(condition.name);
        }
        if condition.is_control && percent(named_unmasked) < 99.0 {
            faults.push("the control");
        }
        if condition.must && left > 0 {
            faults.push(condition.name);
        }
    }
    assert!(faults.is_empty(), "something of a tone leaves: {faults:?}");
}
