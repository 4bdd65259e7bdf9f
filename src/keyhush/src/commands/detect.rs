//! `keyhush detect`

use std::fs::File;
use std::io::{self, BufReader, Write, stdout};

use hound::{Error, SampleFormat, WavReader, WavSpec};
use mask::tones::{Audio, Detector, Heard, Vigilance};

use crate::cli::DetectArgs;
use crate::exit::Failure;

mod resample;

use resample::{RATE, Resampler};

/// Frames that are taken at once.
const BLOCK: usize = 4800;
/// Silence behind the recording, in samples at 8 kHz, so that the last key is known to have ended.
const SILENCE: usize = 800;

/// Prints the keys in a recording with times and levels.
pub(crate) fn run(given: &DetectArgs) -> Result<(), Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", given.input.display()));
    let file = File::open(&given.input).map_err(|error| Failure::file(&given.input, &error))?;
    let mut recording = WavReader::new(BufReader::new(file)).map_err(|error| fail(&error))?;
    let form = recording.spec();
    if form.sample_rate < RATE || form.channels == 0 {
        return Err(fail(&format!("{} Hz: 8000 Hz or more are needed", form.sample_rate)));
    }
    let mut channels: Vec<Channel> = (0..form.channels).map(|_| Channel::new(form.sample_rate)).collect();
    // A recording may be cut off: what was before counts.
    let cut = match form.sample_format {
        SampleFormat::Float => listen(recording.samples::<f32>(), 1.0, &mut channels),
        SampleFormat::Int => {
            let largest = 1u64 << (form.bits_per_sample.clamp(1, 32) - 1);
            let samples = recording.samples::<i32>().map(|sample| sample.map(|sample| sample as f32));
            listen(samples, 1.0 / largest as f32, &mut channels)
        }
    };
    channels.iter_mut().for_each(Channel::finish);
    print(&mut stdout().lock(), &form, &channels).or_else(Failure::output)?;
    cut.map_err(|error| fail(&format!("cut off: {error}")))
}

/// Deals the samples out to the channels; `scale` makes the largest one.
fn listen(
    samples: impl Iterator<Item = Result<f32, Error>>,
    scale: f32,
    channels: &mut [Channel],
) -> Result<(), Error> {
    let count = channels.len();
    for (number, sample) in samples.enumerate() {
        if let Some(channel) = channels.get_mut(number % count) {
            channel.push(sample? * scale);
        }
    }
    Ok(())
}

/// A key in a recording.
struct Key {
    key: char,
    /// Samples at 8 kHz.
    start: u64,
    end: u64,
    levels: [f32; 2],
}

struct Channel {
    block: Vec<f32>,
    resampler: Resampler,
    detector: Detector,
    frames: u64,
    keys: Vec<Key>,
}

impl Channel {
    fn new(rate: u32) -> Self {
        Channel {
            block: Vec::with_capacity(BLOCK),
            resampler: Resampler::new(rate),
            detector: Detector::new(),
            frames: 0,
            keys: Vec::new(),
        }
    }

    fn push(&mut self, sample: f32) {
        self.block.push(sample);
        self.frames += 1;
        if self.block.len() >= BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let samples = self.resampler.resample(&self.block);
        self.block.clear();
        let keys = &mut self.keys;
        self.detector.listen(Audio::Linear(&samples), Vigilance::Ordinary, &mut |heard| match heard {
            Heard::Onset { digit, at, levels } => {
                keys.push(Key { key: char::from(digit.reveal()), start: at, end: at, levels });
            }
            Heard::End { at } => {
                if let Some(key) = keys.last_mut() {
                    key.end = at;
                }
            }
        });
    }

    fn finish(&mut self) {
        let frames = self.frames;
        let silence = SILENCE * self.resampler.rate() as usize / RATE as usize;
        (0..silence).for_each(|_| self.push(0.0));
        self.flush();
        self.frames = frames;
        let length = frames * u64::from(RATE) / u64::from(self.resampler.rate());
        for key in &mut self.keys {
            key.end = key.end.min(length);
        }
    }
}

fn print(out: &mut impl Write, form: &WavSpec, channels: &[Channel]) -> io::Result<()> {
    let frames = channels.first().map_or(0, |channel| channel.frames);
    let kind = match form.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        many => format!("{many} channels"),
    };
    let seconds = frames as f64 / f64::from(form.sample_rate);
    writeln!(out, "{} Hz, {kind}, {seconds:.3} s", form.sample_rate)?;
    for (number, channel) in channels.iter().enumerate() {
        match (form.channels, number) {
            (1, _) => {}
            (2, 0) => writeln!(out, "\nleft")?,
            (2, _) => writeln!(out, "\nright")?,
            (_, number) => writeln!(out, "\nchannel {}", number + 1)?,
        }
        if channel.keys.is_empty() {
            writeln!(out, "no keys")?;
            continue;
        }
        writeln!(out, "key  start s    end s     ms   low dBm0  high dBm0")?;
        for Key { key, start, end, levels: [low, high] } in &channel.keys {
            let [start, end] = [*start, *end].map(|at| at as f64 / f64::from(RATE));
            let length = 1000.0 * (end - start);
            writeln!(out, "{key:3} {start:8.3} {end:8.3} {length:6.0} {low:10.1} {high:10.1}")?;
        }
        let keys: String = channel.keys.iter().map(|key| key.key).collect();
        writeln!(out, "keys: {keys}")?;
    }
    Ok(())
}
