//! Receivers that are asked the same.

use std::io::Write;
use std::process::{Command, Stdio};

use mask::tones::{Audio, Detector, Heard, Vigilance};

use crate::corpus::at_speed;
#[cfg(spandsp)]
use crate::spandsp::Spandsp;

/// The keys that ours hears, in packets of 20 ms.
pub(crate) fn ours(samples: &[i16]) -> String {
    let mut detector = Detector::new();
    let mut keys = String::new();
    for packet in samples.chunks(160) {
        detector.listen(Audio::Linear(packet), Vigilance::Ordinary, &mut |heard| {
            if let Heard::Onset { digit, .. } = heard {
                keys.push(char::from(digit.reveal()));
            }
        });
    }
    keys
}

/// The keys that spandsp hears; `None` where it is not installed.
#[cfg(spandsp)]
pub(crate) fn spandsp(samples: &[i16]) -> Option<String> {
    let mut receiver = Spandsp::new();
    let mut keys = String::new();
    for packet in samples.chunks(160) {
        receiver.listen(packet);
        keys += &receiver.keys();
    }
    Some(keys)
}

/// The keys that spandsp hears; `None` where it is not installed.
#[cfg(not(spandsp))]
pub(crate) fn spandsp(_: &[i16]) -> Option<String> {
    None
}

/// The keys that multimon-ng hears (Debian package `multimon-ng`); `None` where it is not installed.
pub(crate) fn multimon(samples: &[i16]) -> Option<String> {
    let mut command = Command::new("multimon-ng");
    command.args(["-q", "-t", "raw", "-a", "DTMF", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let raw: Vec<u8> =
        at_speed(samples, 8000.0 / 22_050.0).iter().flat_map(|sample| sample.to_ne_bytes()).collect();
    let mut input = child.stdin.take().expect("its input is a pipe");
    // It writes while it reads.
    let writer = std::thread::spawn(move || input.write_all(&raw));
    let output = child.wait_with_output().expect("its output is a pipe");
    writer.join().expect("nothing there panics").expect("it reads to the end");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    Some(text.lines().filter_map(|line| line.strip_prefix("DTMF: ")).collect())
}
