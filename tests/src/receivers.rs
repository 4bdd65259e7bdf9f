//! Which keys receivers hear in audio: ours, and one of somebody else.

use std::f64::consts::PI;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use mask::tones::{Audio, Detector, Heard, Vigilance};

/// A key that was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Press {
    /// Which one.
    pub key: char,
    /// Where its tone began, in samples.
    pub at: usize,
}

/// The keys that our own detector hears in samples at 8 kHz.
pub fn ours(samples: &[i16]) -> Vec<Press> {
    let mut detector = Detector::new();
    let mut presses = Vec::new();
    for packet in samples.chunks(160) {
        detector.listen(Audio::Linear(packet), Vigilance::Ordinary, &mut |heard| {
            if let Heard::Onset { digit, at, .. } = heard {
                presses.push(Press { key: char::from(digit.reveal()), at: at as usize });
            }
        });
    }
    presses
}

/// Their keys alone.
pub fn keys(presses: &[Press]) -> String {
    presses.iter().map(|press| press.key).collect()
}

/// The keys that multimon-ng (Debian package `multimon-ng`) hears in samples at 8 kHz; `None` where it is not installed.
///
/// # Panics
/// When it is there and fails.
pub fn multimon(samples: &[i16]) -> Option<String> {
    let mut command = Command::new("multimon-ng");
    command.args(["-q", "-c", "-a", "DTMF", "-t", "raw", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut receiver = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        spawned => spawned.expect("multimon-ng starts"),
    };
    let bytes: Vec<u8> = at_22050(samples).into_iter().flat_map(|sample| sample.to_ne_bytes()).collect();
    // What it says of some dozens of keys fits into a pipe: it never waits for us to read.
    let mut input = receiver.stdin.take().expect("a pipe");
    input.write_all(&bytes).expect("multimon-ng listens");
    drop(input);
    let output = receiver.wait_with_output().expect("multimon-ng ends");
    assert!(output.status.success(), "multimon-ng: {}", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    Some(said.lines().filter_map(|line| line.strip_prefix("DTMF: ")?.chars().next()).collect())
}

/// Samples at 8 kHz as samples at 22.05 kHz, the only rate that multimon-ng takes: a windowed sinc of 16 samples either side.
fn at_22050(samples: &[i16]) -> Vec<i16> {
    const REACH: i64 = 16;
    let at = |place: f64| {
        let middle = place.floor() as i64;
        let weigh = |number: i64| {
            let sample = samples.get(usize::try_from(number).ok()?)?;
            let off = place - number as f64;
            let sinc = if off == 0.0 { 1.0 } else { (PI * off).sin() / (PI * off) };
            let window = 0.5 + 0.5 * (PI * off / (REACH + 1) as f64).cos();
            Some(f64::from(*sample) * sinc * window)
        };
        (middle - REACH + 1..=middle + REACH).filter_map(weigh).sum::<f64>()
    };
    let count = samples.len() * 22_050 / 8_000;
    (0..count)
        .map(|number| at(number as f64 * 8_000.0 / 22_050.0).round().clamp(-32768.0, 32767.0) as i16)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed_audio::KeyedAudio;

    #[test]
    fn keys_between_speech_are_heard_and_nothing_else() {
        const ALL: &str = "4111111111111111258369*0#ABCD";
        let audio = KeyedAudio::quiet(10.0).speak(0.2..2.0).key(2.4, ALL).speak(7.4..9.8).samples();
        let presses = ours(&audio);
        assert_eq!(keys(&presses), ALL);
        assert!(presses[0].at.abs_diff(19_200) <= 80, "{:?}", presses[0]);
        if let Some(other) = multimon(&audio) {
            assert_eq!(other, ALL, "multimon-ng");
        }
    }
}
