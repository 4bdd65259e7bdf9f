//! Recordings that nobody here made, as samples at 8 kHz.

use std::fs;
use std::path::{Path, PathBuf};

use keyhush_tests::corpus::files;
use lanes::g711;

use crate::q24::compare;
use crate::receivers;

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

/// A line of the corpus's list: a file, and the keys that are in it.
struct Labelled {
    path: PathBuf,
    keys: String,
}

fn labelled(folder: &str) -> Option<Vec<Labelled>> {
    let files = files(folder)?;
    let corpus = files.first()?.parent()?.parent()?;
    let list = fs::read_to_string(corpus.join("manifest.tsv")).expect("the corpus has a list");
    let read = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let (file, keys) = (*fields.first()?, *fields.get(5)?);
        let is_key = |key: char| "0123456789*#ABCD".contains(key);
        let is_told = file.starts_with(&format!("{folder}/")) && !keys.is_empty() && keys.chars().all(is_key);
        is_told.then(|| Labelled { path: corpus.join(file), keys: keys.to_owned() })
    };
    Some(list.lines().filter_map(read).collect())
}

#[test]
fn labelled_recordings_hold_the_keys_they_are_said_to_hold() {
    // The random ones have clicks, louder than the tone, in the midst of tones of some 45 ms.
    for (folder, least) in [("dtmf", 100.0), ("dtmf_labelled", 90.0)] {
        let Some(recordings) = labelled(folder) else { return };
        let (mut keys, mut read, mut ours, mut theirs) = (0, 0, (0, 0), (0, 0));
        for labelled in &recordings {
            let Some(samples) = wav(&labelled.path) else { continue };
            let samples = [&samples[..], &[0; 800]].concat();
            let add = |sum: &mut (usize, usize), heard: &str| {
                let (right, wrong) = compare(&labelled.keys, heard);
                *sum = (sum.0 + right, sum.1 + wrong);
            };
            add(&mut ours, &receivers::ours(&samples));
            add(&mut theirs, &receivers::spandsp(&samples).unwrap_or_default());
            keys += labelled.keys.len();
            read += 1;
        }
        let percent = |count: usize| 100.0 * count as f64 / keys as f64;
        println!(
            "{folder}: {read} recordings, {keys} keys: ours {:.1} % and {} wrong, spandsp {:.1} % and {} wrong",
            percent(ours.0),
            ours.1,
            percent(theirs.0),
            theirs.1
        );
        assert!(read > 1 && percent(ours.0) >= least && ours.0 >= theirs.0, "{folder}: {ours:?} of {keys}");
        assert!(ours.1 <= keys / 200, "{folder}: {} wrong", ours.1);
    }
}
