//! Receivers that are asked the same.

use mask::tones::{Audio, Detector, Heard, Vigilance};

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
