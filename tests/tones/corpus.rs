//! Recordings that nobody here made, as samples at 8 kHz.

use std::fs;
use std::path::{Path, PathBuf};

use keyhush_tests::corpus::files;
use lanes::g711;

/// A recording.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) samples: Vec<i16>,
}

impl Recording {
    /// Whether it is music: loud for two minutes without a pause, and full of steady pairs of frequencies.
    pub(crate) fn is_music(&self) -> bool {
        self.name.starts_with("rtpengine_")
    }
}

fn wav(path: &Path) -> Option<Vec<i16>> {
    let mut file = hound::WavReader::open(path).ok()?;
    let form = file.spec();
    let is_telephony = (form.sample_rate, form.bits_per_sample, form.channels) == (8000, 16, 1);
    is_telephony.then(|| file.samples().map_while(Result::ok).collect())
}

fn g711(path: &Path, table: &[i16; 256]) -> Option<Vec<i16>> {
    let codes = fs::read(path).ok()?;
    Some(codes.iter().map(|code| table[usize::from(*code)]).collect())
}

/// The speech of the corpus that is at 8 kHz; `None`, with a word to the reader, where there is no corpus.
pub(crate) fn speech() -> Option<Vec<Recording>> {
    let read = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        let samples = match () {
            () if name.ends_with(".wav") => wav(&path)?,
            () if name.contains("pcma") => g711(&path, &g711::ALAW)?,
            () if name.contains("pcmu") || name.ends_with(".ulaw") => g711(&path, &g711::ULAW)?,
            () => return None,
        };
        Some(Recording { name, samples })
    };
    Some(files("speech")?.into_iter().filter_map(read).collect())
}

/// A recording played faster or slower: voices that are higher or lower.
pub(crate) fn at_speed(samples: &[i16], speed: f64) -> Vec<i16> {
    let count = (samples.len() as f64 / speed) as usize;
    (0..count.saturating_sub(1))
        .map(|number| {
            let at = number as f64 * speed;
            let (whole, part) = (at as usize, at.fract());
            let [one, next] = [whole, whole + 1].map(|at| f64::from(samples.get(at).copied().unwrap_or(0)));
            (one + (next - one) * part).round() as i16
        })
        .collect()
}
