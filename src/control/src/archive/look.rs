//! What is found out by reading a recording second by second: its waveform, and whether it is the one that was made. No more than a second
//! of it is in memory at a time.

use std::io::{Read, Seek};

use recording::keys::Trust;
use recording::merkle::leaf_hash;
use recording::proof::{Mark, Proof};
use recording::sealed::{Reader, SealError};
use recording::verify::{Finding, Header, Kind, Verdict, header_hash, refused};
use recording::wav;
use serde::Serialize;

/// Points of a waveform at most.
const MOST_POINTS: u64 = 2_000;
/// Points a second at most.
const POINTS_A_SECOND: u64 = 20;
/// A file is made of two channels.
const CHANNELS: usize = 2;

/// The loudest of each stretch of a recording.
#[derive(Serialize, Debug)]
pub(crate) struct Waveform {
    /// How long the recording is, in milliseconds.
    pub(crate) duration_ms: u64,
    /// How long a point is, in milliseconds.
    pub(crate) step_ms: f64,
    /// A channel each, as labelled; points are 0–255 of the largest magnitude there is.
    pub(crate) caller: Vec<u8>,
    /// As `caller`.
    pub(crate) agent: Vec<u8>,
}

/// Reads a whole recording for its picture.
///
/// # Errors
/// That a second was changed, or the system's own.
pub(crate) fn waveform<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Waveform, SealError> {
    let encoding = reader.head().encoding;
    let (rate, samples) = (u64::from(encoding.rate()), reader.end().samples);
    let step = samples.div_ceil(MOST_POINTS).max(rate / POINTS_A_SECOND).max(1);
    let points = usize::try_from(samples.div_ceil(step)).unwrap_or(0);
    let mut peaks = [vec![0_u16; points], vec![0_u16; points]];
    for index in 0..reader.seconds() {
        let second = reader.second(index)?;
        for (channel, peaks) in second.channels.iter().zip(&mut peaks) {
            let mut at = u64::from(index) * rate;
            let mut rest = *channel;
            while !rest.is_empty() {
                let here = (step - at % step) as usize * encoding.sample_len();
                let (now, later) = rest.split_at(here.min(rest.len()));
                if let Some(point) = peaks.get_mut((at / step) as usize) {
                    *point = (*point).max(encoding.peak(now));
                }
                at += (now.len() / encoding.sample_len()).max(1) as u64;
                rest = later;
            }
        }
    }
    let [caller, agent] =
        peaks.map(|peaks| peaks.into_iter().map(|peak| (peak >> 7).min(255) as u8).collect());
    let (duration_ms, step_ms) = (samples * 1_000 / rate, step as f64 * 1_000.0 / rate as f64);
    Ok(Waveform { duration_ms, step_ms, caller, agent })
}

/// Whether a recording is the one that its proof is of. The words are those of [`recording::verify::verify`], which is given a file; here
/// it is read as it would be exported.
///
/// # Errors
/// The system's own. A second that was changed is a finding.
pub(crate) fn verdict<R: Read + Seek>(
    reader: &mut Reader<R>,
    proof: &Proof,
    trust: &Trust,
) -> Result<Verdict, SealError> {
    if let Some(refused) = refused(proof, trust) {
        return Ok(refused);
    }
    let (statement, encoding, samples) = (proof.statement(), reader.head().encoding, reader.end().samples);
    let fits = (statement.rate, statement.channels.len(), statement.encoding.bytes())
        == (encoding.rate(), CHANNELS, encoding.sample_len());
    if !fits || !proof.is_whole() || statement.recording.as_str() != reader.head().name {
        return Ok(Verdict::NotOurs);
    }
    let mut findings: Vec<Finding> = Vec::new();
    for index in 0..reader.seconds() {
        let wanted = proof.second(u64::from(index)).unwrap_or_default();
        let changed: Vec<usize> = match reader.second(index) {
            Ok(second) => (0..CHANNELS)
                .filter(|at| {
                    second.channels.get(*at).map(|bytes| leaf_hash(bytes)).as_ref() != wanted.get(*at)
                })
                .collect(),
            Err(SealError::Io(error)) => return Err(error.into()),
            Err(_) => (0..CHANNELS).collect(),
        };
        let index = u64::from(index);
        match findings.last_mut() {
            _ if changed.is_empty() => (),
            Some(last) if last.to == index && last.channels == changed => last.to = index + 1,
            _ => findings.push(Finding {
                kind: Kind::Changed,
                from: index,
                to: index + 1,
                frames: 0,
                channels: changed,
            }),
        }
    }
    if samples < statement.frames {
        let from = samples / u64::from(encoding.rate());
        let (to, frames) = (statement.seconds(), statement.frames - samples);
        findings.retain(|finding| finding.to <= from);
        findings.push(Finding { kind: Kind::Missing, from, to, frames, channels: Vec::new() });
    }
    if !findings.is_empty() {
        return Ok(Verdict::Altered { findings });
    }
    let is_as_made = header_hash(&wav::header(encoding, samples), &[]) == statement.header;
    Ok(Verdict::Genuine { header: if is_as_made { Header::AsMade } else { Header::Other } })
}

/// A marked stretch, as pages and API tell it.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub(crate) struct Marked {
    /// `secure-mode`, `suspended`, `gap`.
    pub(crate) mark: Mark,
    /// From when, in milliseconds.
    pub(crate) from_ms: u64,
    /// To before when.
    pub(crate) to_ms: u64,
}

/// What is marked in a recording, by its proof.
pub(crate) fn marks(proof: &Proof) -> Vec<Marked> {
    let of = |interval: &recording::proof::Interval| Marked {
        mark: interval.mark,
        from_ms: interval.from,
        to_ms: interval.to,
    };
    proof.statement().intervals.iter().map(of).collect()
}

/// How often a recording was marked in each way, from the beginning of its proof: for lists, which tell it without checking anything.
pub(crate) fn marks_in_brief(proof: &[u8]) -> Vec<(Mark, usize)> {
    let mut counts: Vec<(Mark, usize)> = Vec::new();
    for line in proof.split(|byte| *byte == b'\n') {
        let word = line.strip_prefix(b"interval ").and_then(|rest| rest.split(|byte| *byte == b' ').next());
        let Some(mark) = word.and_then(|word| Mark::from_word(str::from_utf8(word).ok()?)) else { continue };
        match counts.iter_mut().find(|(own, _)| *own == mark) {
            Some((_, count)) => *count += 1,
            None => counts.push((mark, 1)),
        }
    }
    counts
}
