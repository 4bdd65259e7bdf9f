//! The proof: a small text file beside a recording that shows, with a public key and nothing else, that the recording is the
//! one that was made. docs/specification.md says every byte of it.
//!
//! The signed part is the [`Statement`], the root of the tree over the audio's seconds, and the key's name. After the
//! signature stand the hashes of the seconds, which the root vouches for: with all of them a verifier names the seconds that
//! were changed; with some of them and a path the same signature proves an excerpt.

use core::fmt::{self, Write as _};

use crate::document::{Lines, Malformed, number};
use crate::keys::{Distrust, KeyId, Signed, SigningKey, Trust};
use crate::merkle::{Hash, Tree, root_of_range};

mod statement;
#[cfg(test)]
pub(crate) mod tests;

pub use statement::{
    Channel, Encoding, Ending, FIRST_LINE, Interval, MOST_CHANNELS, MOST_FACTS, MOST_INTERVALS, Mark, Origin,
    Statement,
};

/// More subtrees than lie beside a range of leaves in any tree.
const LONGEST_PATH: usize = 128;

/// A signed proof of a recording, or of an excerpt of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    statement: Statement,
    root: Hash,
    key: KeyId,
    signed: Signed,
    /// The seconds that are proven, from the first to before the end.
    first: u64,
    end: u64,
    /// Their hashes, second by second, each by channel.
    leaves: Vec<Hash>,
    path: Vec<Hash>,
}

/// A statement that no proof can carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsignable {
    /// The tree's leaves are not those of the statement's frames and channels.
    OtherAudio {
        /// The leaves by the statement.
        wanted: u64,
        /// The leaves of the tree.
        found: u64,
    },
    /// Something is out of its bounds (too many facts, an interval that ends before it begins).
    OutOfBounds(Malformed),
}

impl fmt::Display for Unsignable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsignable::OtherAudio { wanted, found } => {
                write!(f, "{found} seconds of channels were hashed where the statement has {wanted}")
            }
            Unsignable::OutOfBounds(fault) => write!(f, "the statement cannot be signed: {fault}"),
        }
    }
}

impl std::error::Error for Unsignable {}

/// A proof proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Its signature is not to be trusted.
    Distrust(Distrust),
    /// The hashes of the seconds do not lead to the signed root.
    OtherSeconds,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Distrust(distrust) => write!(f, "{distrust}"),
            Refusal::OtherSeconds => write!(f, "the hashes of the seconds do not lead to the signed root"),
        }
    }
}

impl std::error::Error for Refusal {}

impl Proof {
    /// Signs a recording: its statement, whose intervals may come in any order, and the tree over its seconds, channel by
    /// channel within each second.
    pub fn sign(mut statement: Statement, audio: &Tree, key: &SigningKey) -> Result<Self, Unsignable> {
        statement.intervals.sort_unstable();
        statement.intervals.dedup();
        let (wanted, found) = (statement.leaves(), audio.size());
        if wanted != found {
            return Err(Unsignable::OtherAudio { wanted, found });
        }
        let (root, key_id) = (audio.root(), key.id());
        let text = signed_text(&statement, &root, key_id);
        // The reader is the judge of what is in bounds, so what is signed can be read.
        let mut lines = Lines::new(text.as_bytes()).map_err(Unsignable::OutOfBounds)?;
        let read = Statement::read(&mut lines).map_err(Unsignable::OutOfBounds)?;
        debug_assert_eq!(read, statement);
        let end = statement.seconds();
        let signed = key.sign(text.as_bytes());
        let leaves = audio.leaves().to_vec();
        Ok(Proof { statement, root, key: key_id, signed, first: 0, end, leaves, path: Vec::new() })
    }

    /// What was signed.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The root of the tree over the whole recording.
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// The key that signed.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The seconds that are proven: the first, and the first after them.
    pub fn seconds(&self) -> (u64, u64) {
        (self.first, self.end)
    }

    /// Whether the whole recording is proven.
    pub fn is_whole(&self) -> bool {
        (self.first, self.end) == (0, self.statement.seconds())
    }

    /// The hashes of a second, by channel; `second` counts in the whole recording.
    pub fn second(&self, second: u64) -> Option<&[Hash]> {
        let channels = self.statement.channels.len();
        let row = usize::try_from(second.checked_sub(self.first)?).ok()?.checked_mul(channels)?;
        self.leaves.get(row..row.checked_add(channels)?)
    }

    /// The name of the signature in the ledger: SHA-256 of the signed lines and the signature's line. An excerpt's proof has
    /// the same.
    pub fn name(&self) -> Hash {
        Hash::of(self.head().as_bytes())
    }

    /// The proof of the seconds from `first` to before `end` alone; `None` if it does not prove the whole, or they are not
    /// in it.
    pub fn excerpt(&self, first: u64, end: u64) -> Option<Proof> {
        if !self.is_whole() || first >= end || end > self.end {
            return None;
        }
        let channels = self.statement.channels.len() as u64;
        let (from, to) = (first * channels, end * channels);
        let tree: Tree = self.leaves.iter().copied().collect();
        let path = tree.range(from, to)?;
        let leaves = self.leaves.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)?.to_vec();
        Some(Proof { first, end, leaves, path, ..self.clone() })
    }

    /// Whether a trusted key signed it and the seconds are those of the signed root.
    pub fn verify(&self, trust: &Trust) -> Result<(), Refusal> {
        let text = signed_text(&self.statement, &self.root, self.key);
        trust
            .check(self.key, self.statement.signed, text.as_bytes(), &self.signed)
            .map_err(Refusal::Distrust)?;
        let channels = self.statement.channels.len() as u64;
        let root = root_of_range(&self.leaves, self.first * channels, self.statement.leaves(), &self.path);
        if root == Some(self.root) { Ok(()) } else { Err(Refusal::OtherSeconds) }
    }

    /// The signed lines and the signature's.
    fn head(&self) -> String {
        let text = signed_text(&self.statement, &self.root, self.key);
        format!("{text}signature {}\n", self.signed)
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = self.head();
        let _infallible = self.write_seconds(&mut text);
        text.into_bytes()
    }

    fn write_seconds(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "seconds {} {}", self.first, self.end)?;
        for row in self.leaves.chunks(self.statement.channels.len()) {
            for (channel, hash) in row.iter().enumerate() {
                write!(text, "{}{hash}", if channel == 0 { "" } else { " " })?;
            }
            writeln!(text)?;
        }
        self.path.iter().try_for_each(|hash| writeln!(text, "path {hash}"))
    }

    /// Reads a file. What is read is what it says, and nothing is proven before [`Proof::verify`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut lines = Lines::new(bytes)?;
        let statement = Statement::read(&mut lines)?;
        let root = lines.field("root", Hash::from_hex)?;
        let key = lines.field("key", KeyId::from_hex)?;
        let signed = lines.field("signature", Signed::from_hex)?;
        let total = statement.seconds();
        let (first, end) = lines.field("seconds", |text| {
            let (first, end) = text.split_once(' ')?;
            let (first, end) = (number(first)?, number(end)?);
            let some = first < end || (first, end, total) == (0, 0, 0);
            (some && end <= total).then_some((first, end))
        })?;
        let channels = statement.channels.len();
        let mut leaves = Vec::new();
        for _ in first..end {
            lines.bare("the hashes of a second, by channel", |line| {
                let before = leaves.len();
                for hash in line.split(' ') {
                    leaves.push(Hash::from_hex(hash)?);
                }
                (leaves.len() - before == channels).then_some(())
            })?;
        }
        let path = lines.fields("path", LONGEST_PATH, Hash::from_hex)?;
        lines.end()?;
        Ok(Proof { statement, root, key, signed, first, end, leaves, path })
    }
}

fn signed_text(statement: &Statement, root: &Hash, key: KeyId) -> String {
    let mut text = String::new();
    let _infallible = statement.write(&mut text);
    let _infallible = write!(text, "root {root}\nkey {key}\n");
    text
}
