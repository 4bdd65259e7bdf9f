//! Whether an audio file is the recording that was made, from the file, its proof and public keys alone.

use core::fmt;

use serde::Serialize;

use crate::keys::{Distrust, Trust};
use crate::proof::{Proof, Refusal, Statement};

mod align;
mod audio_file;
#[cfg(test)]
mod tests;

use align::Alignment;
pub use align::{Finding, Kind};
pub use audio_file::{AudioFile, Unreadable, header_hash, wave};

/// What is not audio in a file, beside what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Header {
    /// The file is the one that was made, byte for byte.
    AsMade,
    /// The audio is the one that was made, in another file: other software has saved it.
    Other,
}

/// In what the audio's format is another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// How samples are written.
    Encoding,
    /// How many frames make a second.
    Rate,
    /// How many channels there are.
    Channels,
}

/// What a verifier found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole recording, unaltered.
    Genuine {
        /// What surrounds the audio.
        header: Header,
    },
    /// An excerpt, unaltered.
    Excerpt {
        /// The first second.
        from: u64,
        /// The first that is not in it.
        to: u64,
    },
    /// Not as it was made.
    Altered {
        /// What was done to which seconds, in their order.
        findings: Vec<Finding>,
    },
    /// The channels have changed places, and are otherwise unaltered.
    ChannelsSwapped,
    /// The file calls its audio something else than it was made as.
    OtherFormat {
        /// What.
        difference: Difference,
    },
    /// Nothing of the recording was recognised in the file.
    NotOurs,
    /// The proof is none: not of the form, or its seconds are not those that were signed.
    BadProof {
        /// Why.
        reason: String,
    },
    /// The proof was not signed by the key that it names.
    BadSignature,
    /// The proof was signed by a key that is not trusted.
    UnknownKey {
        /// Its name.
        key: String,
    },
    /// The proof was signed after its key's last moment.
    RetiredKey {
        /// Its name.
        key: String,
    },
    /// The file is no audio file that can be checked.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// Checks a file (the bytes of a WAV) against a proof (the bytes of its file), trusting these keys.
pub fn verify(file: &[u8], proof: &[u8], trust: &Trust) -> Verdict {
    match Proof::from_bytes(proof) {
        Ok(proof) => verify_with(file, &proof, trust),
        Err(fault) => Verdict::BadProof { reason: fault.to_string() },
    }
}

/// The same with a proof that was read.
pub fn verify_with(file: &[u8], proof: &Proof, trust: &Trust) -> Verdict {
    if let Some(refused) = refused(proof, trust) {
        return refused;
    }
    let file = match AudioFile::new(file) {
        Ok(file) => file,
        Err(fault) => return Verdict::Unreadable { reason: fault.to_string() },
    };
    if let Some(difference) = difference(&file, proof.statement()) {
        return Verdict::OtherFormat { difference };
    }
    let channels = file.separate();
    let mut aligned = Alignment::new(proof, &channels, file.encoding.bytes());
    if aligned.is_as_made() {
        let (from, to) = proof.seconds();
        let is_as_made = file.header() == proof.statement().header;
        let header = if is_as_made { Header::AsMade } else { Header::Other };
        return if proof.is_whole() { Verdict::Genuine { header } } else { Verdict::Excerpt { from, to } };
    }
    if aligned.is_swapped() {
        return Verdict::ChannelsSwapped;
    }
    match aligned.run() {
        (findings, true) => Verdict::Altered { findings },
        (_, false) => Verdict::NotOurs,
    }
}

/// The verdict on a proof that proves nothing, whatever the file; `None` where it is in order.
pub fn refused(proof: &Proof, trust: &Trust) -> Option<Verdict> {
    Some(match proof.verify(trust) {
        Ok(()) => return None,
        Err(Refusal::Distrust(Distrust::UnknownKey(key))) => Verdict::UnknownKey { key: key.to_string() },
        Err(Refusal::Distrust(Distrust::RetiredKey(key))) => Verdict::RetiredKey { key: key.to_string() },
        Err(Refusal::Distrust(Distrust::BadSignature)) => Verdict::BadSignature,
        Err(refusal @ Refusal::OtherSeconds) => Verdict::BadProof { reason: refusal.to_string() },
    })
}

fn difference(file: &AudioFile<'_>, statement: &Statement) -> Option<Difference> {
    match () {
        () if file.encoding != statement.encoding => Some(Difference::Encoding),
        () if file.rate != statement.rate => Some(Difference::Rate),
        () if file.channels != statement.channels.len() => Some(Difference::Channels),
        () => None,
    }
}

impl Verdict {
    /// Whether the audio is what was recorded: all of it, or the excerpt that the proof names.
    pub fn is_genuine(&self) -> bool {
        matches!(self, Verdict::Genuine { .. } | Verdict::Excerpt { .. })
    }

    /// In plain words, a line a finding. With the statement, cuts are told in time.
    pub fn words<'a>(&'a self, statement: Option<&'a Statement>) -> impl fmt::Display + 'a {
        Words { verdict: self, statement }
    }
}

struct Words<'a> {
    verdict: &'a Verdict,
    statement: Option<&'a Statement>,
}

/// A second as a clock shows it.
struct Clock(u64);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.0 / 3_600, self.0 / 60 % 60, self.0 % 60)
    }
}

impl Words<'_> {
    fn length(&self, frames: u64) -> String {
        match self.statement {
            Some(statement) => {
                let milliseconds = frames.saturating_mul(1_000) / u64::from(statement.rate).max(1);
                format!("{}.{:03} s", milliseconds / 1_000, milliseconds % 1_000)
            }
            None => format!("{frames} frames"),
        }
    }

    fn finding(&self, finding: &Finding, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (Clock(finding.from), Clock(finding.to));
        let length = self.length(finding.frames);
        let is_to_end = self.statement.is_some_and(|statement| finding.to == statement.seconds());
        match finding.kind {
            Kind::Changed => {
                write!(f, "changed at {from}–{to}")?;
                let labels = finding.channels.iter().map(|channel| self.label(*channel));
                write!(f, " ({})", labels.collect::<Vec<_>>().join(", "))
            }
            Kind::Missing if is_to_end => write!(f, "cut after {from}: {length} are missing"),
            Kind::Missing => write!(f, "cut at {from}–{to}: {length} are missing"),
            Kind::Inserted => write!(f, "put in at {from}–{to}: {length} that were not recorded"),
        }
    }

    fn label(&self, channel: usize) -> String {
        let label = self.statement.and_then(|statement| statement.channels.get(channel));
        label.map_or_else(|| format!("channel {channel}"), |channel| channel.label.as_str().to_owned())
    }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::Genuine { header: Header::AsMade } => write!(f, "genuine: the file as it was made"),
            Verdict::Genuine { header: Header::Other } => {
                write!(f, "genuine audio, in a file that other software has saved")
            }
            Verdict::Excerpt { from, to } => {
                write!(f, "genuine excerpt, {}–{} of the recording", Clock(*from), Clock(*to))
            }
            Verdict::Altered { findings } => {
                for (index, finding) in findings.iter().enumerate() {
                    if index > 0 {
                        writeln!(f)?;
                    }
                    self.finding(finding, f)?;
                }
                Ok(())
            }
            Verdict::ChannelsSwapped => write!(f, "altered: the channels have changed places"),
            Verdict::OtherFormat { difference } => write!(
                f,
                "altered: the file's {} is not the recording's",
                match difference {
                    Difference::Encoding => "encoding",
                    Difference::Rate => "sampling rate",
                    Difference::Channels => "number of channels",
                }
            ),
            Verdict::NotOurs => write!(f, "not ours: nothing of the recording is in this file"),
            Verdict::BadProof { reason } => write!(f, "the proof is damaged or forged: {reason}"),
            Verdict::BadSignature => write!(f, "the proof is forged: its key did not sign it"),
            Verdict::UnknownKey { key } => {
                write!(f, "the proof is signed by the key {key}, which is not known")
            }
            Verdict::RetiredKey { key } => {
                write!(f, "the proof was signed with the key {key} after its last moment")
            }
            Verdict::Unreadable { reason } => write!(f, "not checked: {reason}"),
        }
    }
}
