//! The rows of ITU-T Q.24 and what lies beyond them, ours and spandsp's in one run.

use keyhush_tests::seed::Seed;

use crate::audio::{Codec, KEYS, Sound, add_key, add_noise, coded, root_mean_square};
use crate::receivers;

/// What is asked in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    /// Each key is heard once.
    Heard,
    /// No key is heard.
    Unheard,
    /// No limit of Q.24: shown, not judged.
    Shown,
}

/// What is done to a key.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: &'static str,
    asked: Asked,
    sound: Sound,
    /// The tone's power over the noise's, in dB.
    noise: Option<f64>,
    constant: f64,
    /// Samples of silence in the midst of the tone.
    gap: usize,
    /// Samples between keys.
    pause: usize,
}

fn row(name: &'static str, asked: Asked) -> Row {
    Row { name, asked, sound: Sound::default(), noise: None, constant: 0.0, gap: 0, pause: 480 }
}

fn rows() -> Vec<Row> {
    use Asked::{Heard, Shown, Unheard};
    let mut rows = Vec::new();
    let mut add = |name: &'static str, asked, change: &dyn Fn(&mut Row)| {
        let mut row = row(name, asked);
        change(&mut row);
        rows.push(row);
    };
    add("50 ms", Heard, &|_| {});
    add("40 ms, pauses of 40 ms", Heard, &|row| (row.sound.length, row.pause) = (320, 320));
    add("35 ms", Shown, &|row| row.sound.length = 280);
    add("30 ms", Shown, &|row| row.sound.length = 240);
    add("23 ms", Unheard, &|row| row.sound.length = 184);
    add("20 ms", Unheard, &|row| row.sound.length = 160);
    add("pauses of 30 ms", Heard, &|row| row.pause = 240);
    add("0 dBm0", Heard, &|row| row.sound.level = 0.0);
    add("-25 dBm0", Heard, &|row| row.sound.level = -25.0);
    add("-29 dBm0", Heard, &|row| row.sound.level = -29.0);
    add("-35 dBm0", Heard, &|row| row.sound.level = -35.0);
    add("-41 dBm0", Heard, &|row| row.sound.level = -41.0);
    add("-55 dBm0", Unheard, &|row| row.sound.level = -55.0);
    for (name, twist) in [("+4 dB", 4.0), ("+8 dB", 8.0), ("-8 dB", -8.0), ("-10 dB", -10.0)] {
        add(["twist ", name].concat().leak(), Heard, &|row| row.sound.twist = twist);
    }
    for (name, off) in [("+1.5 %", 0.015), ("-1.5 %", -0.015), ("+1.8 %", 0.018), ("-1.8 %", -0.018)] {
        add(["frequencies ", name].concat().leak(), Heard, &|row| row.sound.off = [off; 2]);
    }
    add("low +1.8 %, high -1.8 %", Heard, &|row| row.sound.off = [0.018, -0.018]);
    add("low -1.8 %, high +1.8 %", Heard, &|row| row.sound.off = [-0.018, 0.018]);
    add("1.8 %, 40 ms, twist -8 dB", Heard, &|row| {
        (row.sound.off, row.sound.length, row.sound.twist, row.pause) = ([0.018; 2], 320, -8.0, 320);
    });
    add("frequencies +2.5 %", Shown, &|row| row.sound.off = [0.025; 2]);
    for (name, off) in [
        ("frequencies +3.5 %", [0.035; 2]),
        ("frequencies -3.5 %", [-0.035; 2]),
        ("low +3.5 %", [0.035, 0.0]),
        ("low -3.5 %", [-0.035, 0.0]),
        ("high +3.5 %", [0.0, 0.035]),
        ("high -3.5 %", [0.0, -0.035]),
    ] {
        add(name, Unheard, &|row| row.sound.off = off);
    }
    add("noise 20 dB below", Heard, &|row| row.noise = Some(20.0));
    add("noise 15 dB below", Heard, &|row| row.noise = Some(15.0));
    add("noise 10 dB below", Heard, &|row| row.noise = Some(10.0));
    add("noise 10 dB below, 40 ms", Heard, &|row| (row.noise, row.sound.length) = (Some(10.0), 320));
    add("noise 15 dB below, 1.8 %, 40 ms", Heard, &|row| {
        (row.noise, row.sound.off, row.sound.length) = (Some(15.0), [0.018; 2], 320);
    });
    add("noise 10 dB below, 1.8 %", Shown, &|row| (row.noise, row.sound.off) = (Some(10.0), [0.018; 2]));
    add("noise 6 dB below", Shown, &|row| row.noise = Some(6.0));
    add("a gap of 10 ms", Heard, &|row| (row.gap, row.sound.length) = (80, 800));
    add("a gap of 20 ms", Shown, &|row| (row.gap, row.sound.length) = (160, 800));
    add("constant 1000", Heard, &|row| row.constant = 1000.0);
    add("constant 4000", Heard, &|row| row.constant = 4000.0);
    add("constant 1000, -25 dBm0", Heard, &|row| (row.constant, row.sound.level) = (1000.0, -25.0));
    rows
}

fn signal(row: &Row, keys: &[usize], codec: Codec, seed: &mut Seed) -> Vec<i16> {
    let each = row.sound.length + row.pause;
    let mut tones = vec![0.0; 800 + keys.len() * each];
    for (number, key) in keys.iter().enumerate() {
        // No multiple of anyone's block.
        let at = 400 + number * each + seed.below(97) as usize % (row.pause / 8);
        add_key(&mut tones, at, *key, &row.sound, seed);
        let middle = at + (row.sound.length - row.gap) / 2;
        tones[middle..middle + row.gap].fill(0.0);
    }
    if let Some(below) = row.noise {
        let weaker = row.sound.level - row.sound.twist.abs();
        let power = root_mean_square(row.sound.level).powi(2) + root_mean_square(weaker).powi(2);
        add_noise(&mut tones, (power / 10f64.powf(below / 10.0)).sqrt(), seed);
    }
    tones.iter_mut().for_each(|sample| *sample += row.constant);
    coded(&tones, codec)
}

/// How many of the keys that were sent were heard, in order, and how many others.
pub(crate) fn compare(sent: &str, heard: &str) -> (usize, usize) {
    // The longest common subsequence.
    let heard: Vec<char> = heard.chars().collect();
    let mut best = vec![0usize; heard.len() + 1];
    for key in sent.chars() {
        let mut diagonal = 0;
        for (at, other) in heard.iter().enumerate() {
            let above = best[at + 1];
            best[at + 1] = if *other == key { diagonal + 1 } else { above.max(best[at]) };
            diagonal = above;
        }
    }
    let right = best[heard.len()];
    (right, heard.len() - right)
}

/// In a hundred, of as many as were sent: keys heard, and keys that were not there.
#[derive(Clone, Copy, Default, Debug)]
struct Score {
    right: usize,
    wrong: usize,
}

#[test]
fn at_least_as_good_as_spandsp_in_every_row() {
    let per_row = if std::env::var_os("KEYHUSH_LONG").is_some() { 8000 } else { 800 };
    let mut faults = Vec::new();
    println!("| {:32} | asked | ours % | extra % | spandsp % | extra % |", "row");
    println!("|{:-<34}|-------|-------:|-------:|-------:|-------:|", "");
    for (number, row) in rows().iter().enumerate() {
        let mut seed = Seed::new(0x9024 + number as u64);
        let (mut ours, mut theirs) = (Score::default(), Some(Score::default()));
        for line in 0..per_row / 16 {
            let keys: Vec<usize> = (0..16).map(|_| seed.below(16) as usize).collect();
            let sent: String = keys.iter().map(|key| KEYS[*key]).collect();
            let codec = if line % 2 == 0 { Codec::Ulaw } else { Codec::Alaw };
            let samples = signal(row, &keys, codec, &mut seed);
            let add = |score: &mut Score, heard: &str| {
                let (right, wrong) = compare(&sent, heard);
                score.right += right;
                score.wrong += wrong;
            };
            add(&mut ours, &receivers::ours(&samples));
            match (&mut theirs, receivers::spandsp(&samples)) {
                (Some(score), Some(heard)) => add(score, &heard),
                _ => theirs = None,
            }
        }
        let percent = |count: usize| 100.0 * count as f64 / per_row as f64;
        let told = |score: Option<Score>| {
            score.map_or("    – |     –".to_owned(), |score| {
                format!("{:6.2} | {:6.2}", percent(score.right), percent(score.wrong))
            })
        };
        let asked = format!("{:?}", row.asked).to_lowercase();
        println!("| {:32} | {asked} | {} | {} |", row.name, told(Some(ours)), told(theirs));
        let theirs = theirs.unwrap_or_default();
        let least = per_row * 995 / 1000;
        let is_good = match row.asked {
            Asked::Heard => {
                ours.right >= theirs.right.max(least) && ours.wrong <= theirs.wrong.max(per_row / 500)
            }
            Asked::Unheard => ours.right + ours.wrong <= (theirs.right + theirs.wrong).min(per_row / 200),
            Asked::Shown => true,
        };
        if !is_good {
            faults.push(row.name);
        }
    }
    assert!(faults.is_empty(), "not as good as asked: {faults:?}");
}
