//! The ledger's documents. Each is checked from its bytes and trusted keys alone.

use core::fmt;
use std::fmt::Write as _;

use crate::document::{Lines, Malformed, Text, Word, bytes_from_hex, hex, number};
use crate::keys::{Distrust, KeyId, PublicKey, Signed, SigningKey, Trust};
use crate::merkle::{Hash, leaf_hash, verify_consistency, verify_inclusion};
use crate::proof::Proof;

const ENTRY: &str = "keyhush-ledger-entry 1";
pub(super) const HEAD: &str = "keyhush-ledger-head 1";
const RECEIPT: &str = "keyhush-ledger-receipt 1";
const CONSISTENCY: &str = "keyhush-ledger-consistency 1";

/// More steps than a path in a tree of 2^53 leaves has.
const LONGEST_PATH: usize = 128;

/// What is told to the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A recording was signed.
    Proof {
        /// The recording.
        recording: Word,
        /// [`Proof::name`].
        proof: Hash,
    },
    /// A recording's audio was deleted; its proof stays.
    Deleted {
        /// The recording.
        recording: Word,
        /// Why: the end of its time, or by whose order.
        reason: Text,
    },
    /// A recording must not be deleted.
    Held {
        /// The recording.
        recording: Word,
        /// By whose order.
        reason: Text,
    },
    /// It may be again.
    Released {
        /// The recording.
        recording: Word,
        /// By whose order.
        reason: Text,
    },
    /// A key was replaced ([`crate::keys::RollOver`]).
    RollOver {
        /// The old key.
        from: KeyId,
        /// The new one.
        to: PublicKey,
    },
}

/// A line of the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When, in microseconds since 1970; never before the entry before.
    pub at: u64,
    /// What.
    pub event: Event,
}

impl Entry {
    /// The entry's bytes: what the tree's leaf hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let event = match &self.event {
            Event::Proof { recording, proof } => format!("proof {} {proof}", recording.as_str()),
            Event::Deleted { recording, reason } => {
                format!("deleted {} {}", recording.as_str(), reason.as_str())
            }
            Event::Held { recording, reason } => format!("held {} {}", recording.as_str(), reason.as_str()),
            Event::Released { recording, reason } => {
                format!("released {} {}", recording.as_str(), reason.as_str())
            }
            Event::RollOver { from, to } => format!("roll-over {from} {}", hex(&to.to_bytes())),
        };
        format!("{ENTRY}\nat {}\n{event}\n", self.at).into_bytes()
    }

    /// Reads an entry's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        whole(bytes, Entry::read)
    }

    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        lines.exactly(ENTRY)?;
        let at = lines.field("at", number)?;
        let event = lines.bare("an event", |line| {
            let (kind, rest) = line.split_once(' ')?;
            let (subject, rest) = rest.split_once(' ')?;
            if kind == "roll-over" {
                let to = PublicKey::from_bytes(&bytes_from_hex(rest)?)?;
                return Some(Event::RollOver { from: KeyId::from_hex(subject)?, to });
            }
            let recording = Word::new(subject)?;
            match kind {
                "proof" => Some(Event::Proof { recording, proof: Hash::from_hex(rest)? }),
                "deleted" => Some(Event::Deleted { recording, reason: Text::new(rest)? }),
                "held" => Some(Event::Held { recording, reason: Text::new(rest)? }),
                "released" => Some(Event::Released { recording, reason: Text::new(rest)? }),
                _ => None,
            }
        })?;
        Ok(Entry { at, event })
    }
}

/// A signed head: how long the ledger was, and its root. Given to a witness, it fixes all entries before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The ledger's name.
    pub ledger: Word,
    /// Entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// When it was signed, in microseconds since 1970.
    pub at: u64,
    /// The key that signed.
    pub key: KeyId,
    signed: Signed,
}

impl Head {
    pub(super) fn sign(ledger: Word, size: u64, root: Hash, at: u64, key: &SigningKey) -> Self {
        let unsigned = Head { ledger, size, root, at, key: key.id(), signed: Signed([0; 64]) };
        let signed = key.sign(unsigned.signed_text().as_bytes());
        Head { signed, ..unsigned }
    }

    fn signed_text(&self) -> String {
        let Head { ledger, size, root, at, key, .. } = self;
        format!("{HEAD}\nledger {}\nsize {size}\nroot {root}\nat {at}\nkey {key}\n", ledger.as_str())
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.text().into_bytes()
    }

    fn text(&self) -> String {
        format!("{}signature {}\n", self.signed_text(), self.signed)
    }

    /// Reads the document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        whole(bytes, Head::read)
    }

    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        lines.exactly(HEAD)?;
        Ok(Head {
            ledger: lines.field("ledger", Word::new)?,
            size: lines.field("size", number)?,
            root: lines.field("root", Hash::from_hex)?,
            at: lines.field("at", number)?,
            key: lines.field("key", KeyId::from_hex)?,
            signed: lines.field("signature", Signed::from_hex)?,
        })
    }

    /// Whether a trusted key signed it.
    pub fn verify(&self, trust: &Trust) -> Result<(), Disproof> {
        let text = self.signed_text();
        trust.check(self.key, self.at, text.as_bytes(), &self.signed).map_err(Disproof::Distrust)
    }
}

/// A document of the ledger shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disproof {
    /// A head's signature is not to be trusted.
    Distrust(Distrust),
    /// The entry is not in the ledger of the head.
    NotIncluded,
    /// The older ledger is not the beginning of the newer: entries were removed or exchanged.
    NotConsistent,
}

impl fmt::Display for Disproof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disproof::Distrust(distrust) => write!(f, "{distrust}"),
            Disproof::NotIncluded => write!(f, "the entry is not in the ledger"),
            Disproof::NotConsistent => write!(f, "entries of the ledger were removed or exchanged"),
        }
    }
}

impl std::error::Error for Disproof {}

/// Shows that an entry is in the ledger of a head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The entry's place, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// From the entry to the root.
    pub path: Vec<Hash>,
    /// The head.
    pub head: Head,
}

impl Receipt {
    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{RECEIPT}\nindex {}\n", self.index).into_bytes();
        text.extend(self.entry.to_bytes());
        text.extend(path_lines(&self.path).bytes());
        text.extend(self.head.to_bytes());
        text
    }

    /// Reads the document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        whole(bytes, |lines| {
            lines.exactly(RECEIPT)?;
            let index = lines.field("index", number)?;
            let entry = Entry::read(lines)?;
            let path = lines.fields("path", LONGEST_PATH, Hash::from_hex)?;
            let head = Head::read(lines)?;
            Ok(Receipt { index, entry, path, head })
        })
    }

    /// Whether a trusted key signed the head, and the entry is in its ledger.
    pub fn verify(&self, trust: &Trust) -> Result<(), Disproof> {
        self.head.verify(trust)?;
        let leaf = leaf_hash(&self.entry.to_bytes());
        let is_in = verify_inclusion(&leaf, self.index, self.head.size, &self.path, &self.head.root);
        if is_in { Ok(()) } else { Err(Disproof::NotIncluded) }
    }

    /// Whether it is the receipt of this proof, or of the whole that it is an excerpt of.
    pub fn is_of(&self, proof: &Proof) -> bool {
        matches!(&self.entry.event, Event::Proof { recording, proof: name }
            if *recording == proof.statement().recording && *name == proof.name())
    }
}

/// Shows that one head's ledger is the beginning of another's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consistency {
    /// The older head.
    pub old: Head,
    /// From the one root to the other.
    pub path: Vec<Hash>,
    /// The newer head.
    pub new: Head,
}

impl Consistency {
    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (old, path, new) = (self.old.text(), path_lines(&self.path), self.new.text());
        format!("{CONSISTENCY}\n{old}{path}{new}").into_bytes()
    }

    /// Reads the document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        whole(bytes, |lines| {
            lines.exactly(CONSISTENCY)?;
            let old = Head::read(lines)?;
            let path = lines.fields("path", LONGEST_PATH, Hash::from_hex)?;
            let new = Head::read(lines)?;
            Ok(Consistency { old, path, new })
        })
    }

    /// Whether trusted keys signed both heads of one ledger, and the newer only adds to the older. A witness also compares
    /// `old` with the head that it keeps.
    pub fn verify(&self, trust: &Trust) -> Result<(), Disproof> {
        self.old.verify(trust)?;
        self.new.verify(trust)?;
        let (old, new) = (&self.old, &self.new);
        let only_adds = old.ledger == new.ledger
            && old.at <= new.at
            && verify_consistency(old.size, &old.root, new.size, &new.root, &self.path);
        if only_adds { Ok(()) } else { Err(Disproof::NotConsistent) }
    }
}

fn path_lines(path: &[Hash]) -> String {
    path.iter().fold(String::new(), |mut text, hash| {
        let _infallible = writeln!(text, "path {hash}");
        text
    })
}

/// Reads a document that ends where it should.
fn whole<T>(bytes: &[u8], read: impl FnOnce(&mut Lines<'_>) -> Result<T, Malformed>) -> Result<T, Malformed> {
    let mut lines = Lines::new(bytes)?;
    let value = read(&mut lines)?;
    lines.end()?;
    Ok(value)
}
