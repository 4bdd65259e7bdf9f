//! Audio that other systems made, signed as it is now: voicemails, recordings of other recorders.
//!
//! The proof shows that a file is the one that was signed, not that it tells what was said: its origin is `imported`.

use core::fmt;
use std::collections::BTreeMap;

use crate::document::{Text, Word};
use crate::keys::SigningKey;
use crate::proof::{Channel, Ending, MOST_FACTS, Origin, Proof, Statement, Unsignable};
use crate::store::day;
use crate::verify::{AudioFile, Unreadable};

/// What is told of a file that is signed, beside its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// The recording's name, which no other has: [`name`].
    pub recording: Word,
    /// Whose it is.
    pub tenant: Text,
    /// What is known of it: `file`, `caller`, `order` and so on; at most 64.
    pub facts: BTreeMap<Word, Text>,
    /// When its first frame was heard, in microseconds since 1970; [`began`] where only its end is known.
    pub began: u64,
    /// Now, in microseconds since 1970.
    pub signed: u64,
}

/// A file that is not signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotSigned {
    /// It is no audio file that could be checked later.
    Unreadable(Unreadable),
    /// What is told of it cannot be written.
    Unsignable(Unsignable),
    /// There are more facts than a proof carries.
    TooManyFacts,
}

impl fmt::Display for NotSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotSigned::Unreadable(fault) => write!(f, "{fault}"),
            NotSigned::Unsignable(fault) => write!(f, "{fault}"),
            NotSigned::TooManyFacts => write!(f, "more than {MOST_FACTS} facts"),
        }
    }
}

impl std::error::Error for NotSigned {}

/// Signs a whole file, its header too.
pub fn sign(file: &[u8], import: Import, key: &SigningKey) -> Result<Proof, NotSigned> {
    if import.facts.len() > MOST_FACTS {
        return Err(NotSigned::TooManyFacts);
    }
    let audio = AudioFile::new(file).map_err(NotSigned::Unreadable)?;
    let statement = Statement {
        recording: import.recording,
        origin: Origin::Imported,
        tenant: import.tenant,
        facts: import.facts,
        encoding: audio.encoding,
        rate: audio.rate,
        channels: (0..audio.channels).map(|number| channel(number, audio.channels)).collect(),
        frames: audio.frames(),
        began: import.began,
        signed: import.signed,
        intervals: Vec::new(),
        ending: Ending::Finished,
        header: audio.header(),
    };
    Proof::sign(statement, &audio.tree(), key).map_err(NotSigned::Unsignable)
}

/// Nobody says who speaks where: channels are called as sound editors do.
fn channel(number: usize, of: usize) -> Channel {
    let label = match (number, of) {
        (0, 1) => "mono".to_owned(),
        (0, 2) => "left".to_owned(),
        (1, 2) => "right".to_owned(),
        _ => format!("channel-{}", number + 1),
    };
    Channel { label: Word::new(&label).unwrap_or_else(Word::unknown), codecs: vec![Word::unknown()] }
}

/// When a file began that ended (was last written) at `ended`, in microseconds since 1970; `None` if it is no audio file.
pub fn began(file: &[u8], ended: u64) -> Option<u64> {
    let audio = AudioFile::new(file).ok()?;
    let lasted = audio.frames().saturating_mul(1_000_000) / u64::from(audio.rate).max(1);
    Some(ended.saturating_sub(lasted))
}

/// A recording's name, such as `20260131T101502Z-4f1e9a0c77`: when it began (microseconds since 1970), and 5 random bytes, which come
/// from the edge.
pub fn name(began: u64, random: [u8; 5]) -> Word {
    let seconds = began / 1_000_000;
    let day = day(seconds / 86_400).replace('-', "");
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let random = crate::document::hex(&random);
    let name = format!("{day}T{hour:02}{minute:02}{second:02}Z-{random}");
    Word::new(&name).unwrap_or_else(Word::unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Trust;
    use crate::proof::Encoding;
    use crate::verify::{Header, Verdict, verify, wave};

    fn import() -> Import {
        Import {
            recording: name(1_769_854_502_000_000, [0x4f, 0x1e, 0x9a, 0x0c, 0x77]),
            tenant: Text::new("acme").unwrap(),
            facts: BTreeMap::from([(Word::new("file").unwrap(), Text::new("voicemail 7.wav").unwrap())]),
            began: 1_769_854_502_000_000,
            signed: 1_769_854_600_000_000,
        }
    }

    #[test]
    fn what_was_signed_is_genuine_and_what_is_changed_is_named() {
        let key = SigningKey::from_seed(&[7; 32]);
        let trust = Trust::in_key(key.public());
        for (encoding, channels) in [(Encoding::Pcm16, 1), (Encoding::ALaw, 2), (Encoding::Pcm24, 3)] {
            let samples: Vec<u8> =
                (0..3 * 8_000 * encoding.bytes() * channels).map(|at| (at % 251) as u8).collect();
            let mut file = wave(encoding, 8_000, channels, &samples);
            let proof = sign(&file, import(), &key).unwrap();
            assert_eq!(proof.statement().origin, Origin::Imported);
            let proof = proof.to_bytes();
            assert_eq!(verify(&file, &proof, &trust), Verdict::Genuine { header: Header::AsMade });
            let at = file.len() - 10;
            file[at] ^= 1;
            let Verdict::Altered { findings } = verify(&file, &proof, &trust) else {
                unreachable!("altered");
            };
            assert_eq!((findings.len(), findings[0].from, findings[0].to), (1, 2, 3));
        }
    }

    #[test]
    fn a_name_tells_when_it_began() {
        assert_eq!(import().recording.as_str(), "20260131T101502Z-4f1e9a0c77");
        assert_eq!(name(u64::MAX, [0; 5]).as_str().len(), name(u64::MAX, [9; 5]).as_str().len());
    }

    #[test]
    fn what_is_no_audio_is_not_signed() {
        let key = SigningKey::from_seed(&[7; 32]);
        let refused = sign(b"RIFF, not quite", import(), &key);
        assert_eq!(refused, Err(NotSigned::Unreadable(Unreadable::NoWave)));
    }
}
