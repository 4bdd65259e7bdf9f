//! The ledger: a Merkle log of what was signed, so that no recording can be removed or exchanged in silence.
//!
//! | item | is |
//! |---|---|
//! | [`Entry`], [`Event`] | a line of the ledger: a proof, a deletion, a legal hold, a new key |
//! | [`Ledger`] | the log: grows, signs heads, finds, answers with receipts and consistency proofs |
//! | [`Head`] | the signed size and root; whoever keeps one is a witness |
//! | [`Receipt`] | shows that an entry is in the ledger of a head |
//! | [`Consistency`] | shows that one head's ledger is the beginning of another's |
//! | [`Storage`] | where the records lie: [`InMemory`], [`LogFile`] |
//! | [`Snapshot`] | a ledger's file as it is now, for who only reads it |
//!
//! The ledger holds the proofs' names (hashes) and no word about who spoke: it can be given to a witness, and what the law
//! wants forgotten is not in it.

use core::fmt;
use std::collections::HashMap;
use std::io;

use crate::document::{Malformed, Text, Word};
use crate::keys::SigningKey;
use crate::merkle::{Hash, Tree, leaf_hash};

mod papers;
mod snapshot;
mod storage;
#[cfg(test)]
mod tests;

pub use papers::{Consistency, Disproof, Entry, Event, Head, Receipt};
pub use snapshot::Snapshot;
pub use storage::{Dropped, InMemory, LogFile, Storage};

/// The ledger does not do what was asked, or is not what it was.
#[derive(Debug)]
pub enum Fault {
    /// The storage.
    Io(io::Error),
    /// A record that Keyhush would not have written; its number, from 0.
    Malformed(u64, Malformed),
    /// A signed head is kept whose entries are not: the records were changed. The head's size.
    NotAsSigned(u64),
    /// A recording that has a proof gets no second one.
    SecondProof(Word),
    /// The time lies before that of the entry or head before.
    BackInTime,
    /// The entry cannot be written as a line.
    OutOfBounds,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Io(error) => write!(f, "the ledger's storage: {error}"),
            Fault::Malformed(record, fault) => write!(f, "record {record} of the ledger is damaged: {fault}"),
            Fault::NotAsSigned(size) => {
                write!(f, "the ledger was changed: its first {size} entries are not those of the signed head")
            }
            Fault::SecondProof(recording) => {
                write!(f, "recording {} has a proof already", recording.as_str())
            }
            Fault::BackInTime => write!(f, "the time lies before that of the ledger's last entry"),
            Fault::OutOfBounds => write!(f, "the entry cannot be written"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Io(error)
    }
}

/// The log. Grows by 64 bytes of memory an entry, and what its storage needs.
#[derive(Debug)]
pub struct Ledger<S> {
    name: Word,
    storage: S,
    tree: Tree,
    /// Where each entry's record is among all.
    records: Vec<u64>,
    /// The entry of each recording's proof.
    proofs: HashMap<Word, u64>,
    /// Recordings that are held now, and why.
    holds: HashMap<Word, Text>,
    /// When recordings were deleted, in microseconds since 1970.
    deletions: HashMap<Word, u64>,
    head: Option<Head>,
    last: u64,
}

impl<S: Storage> Ledger<S> {
    /// Opens what the storage holds, which must be what its heads signed. The signatures themselves are for
    /// [`Head::verify`]: whoever changes records can leave a head out, but none that a witness keeps.
    pub fn open(name: Word, storage: S) -> Result<Self, Fault> {
        let mut ledger = Ledger {
            name,
            storage,
            tree: Tree::new(),
            records: Vec::new(),
            proofs: HashMap::new(),
            holds: HashMap::new(),
            deletions: HashMap::new(),
            head: None,
            last: 0,
        };
        ledger.read_from(0)?;
        Ok(ledger)
    }

    /// Takes in what others have added to the storage, which goes on from where this ledger was.
    pub fn catch_up(&mut self) -> Result<(), Fault> {
        let known = self.storage.records();
        self.storage.catch_up()?;
        self.read_from(known)
    }

    fn read_from(&mut self, first: u64) -> Result<(), Fault> {
        for record in first..self.storage.records() {
            let bytes = self.storage.read(record)?;
            if bytes.starts_with(papers::HEAD.as_bytes()) {
                let head = Head::from_bytes(&bytes).map_err(|fault| Fault::Malformed(record, fault))?;
                let is_as_signed = head.ledger == self.name
                    && head.size == self.tree.size()
                    && head.root == self.tree.root();
                if !is_as_signed {
                    return Err(Fault::NotAsSigned(head.size));
                }
                self.last = self.last.max(head.at);
                self.head = Some(head);
            } else {
                let entry = Entry::from_bytes(&bytes).map_err(|fault| Fault::Malformed(record, fault))?;
                self.take(&entry, &bytes, record);
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry, bytes: &[u8], record: u64) -> u64 {
        let index = self.tree.size();
        self.tree.push(leaf_hash(bytes));
        self.records.push(record);
        match &entry.event {
            Event::Proof { recording, .. } => {
                self.proofs.entry(recording.clone()).or_insert(index);
            }
            Event::Held { recording, reason } => {
                self.holds.insert(recording.clone(), reason.clone());
            }
            Event::Released { recording, .. } => {
                self.holds.remove(recording);
            }
            Event::Deleted { recording, .. } => {
                self.deletions.entry(recording.clone()).or_insert(entry.at);
            }
            Event::RollOver { .. } => (),
        }
        self.last = self.last.max(entry.at);
        index
    }

    /// Adds an entry, which is stored when this returns; its index.
    pub fn append(&mut self, entry: &Entry) -> Result<u64, Fault> {
        if entry.at < self.last {
            return Err(Fault::BackInTime);
        }
        if let Event::Proof { recording, .. } = &entry.event
            && self.proofs.contains_key(recording)
        {
            return Err(Fault::SecondProof(recording.clone()));
        }
        let bytes = entry.to_bytes();
        if Entry::from_bytes(&bytes).as_ref() != Ok(entry) {
            return Err(Fault::OutOfBounds);
        }
        self.storage.append(&bytes)?;
        Ok(self.take(entry, &bytes, self.storage.records() - 1))
    }

    /// Signs the ledger as it is now, and keeps the head.
    pub fn sign_head(&mut self, at: u64, key: &SigningKey) -> Result<Head, Fault> {
        if at < self.last {
            return Err(Fault::BackInTime);
        }
        let head = Head::sign(self.name.clone(), self.tree.size(), self.tree.root(), at, key);
        self.storage.append(&head.to_bytes())?;
        self.last = at;
        self.head = Some(head.clone());
        Ok(head)
    }

    /// The newest head.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The time of the newest entry or head: a clock that was set back waits here.
    pub fn newest(&self) -> u64 {
        self.last
    }

    /// The root over the first entries, as many as are asked for.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.tree.root_at(size)
    }

    /// The entry in which a recording's proof is.
    pub fn find(&self, recording: &Word) -> Option<u64> {
        self.proofs.get(recording).copied()
    }

    /// Why a recording is held; `None` if it is not, or was released since.
    pub fn held(&self, recording: &Word) -> Option<&Text> {
        self.holds.get(recording)
    }

    /// When a recording's audio was deleted, in microseconds since 1970; `None` if it was not.
    pub fn deleted(&self, recording: &Word) -> Option<u64> {
        self.deletions.get(recording).copied()
    }

    /// An entry; `None` if there are not so many.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, Fault> {
        let Some(record) = usize::try_from(index).ok().and_then(|index| self.records.get(index)) else {
            return Ok(None);
        };
        let bytes = self.storage.read(*record)?;
        Entry::from_bytes(&bytes).map(Some).map_err(|fault| Fault::Malformed(*record, fault))
    }

    /// What shows that an entry is in the ledger of the newest head; `None` if it is not yet.
    pub fn receipt(&self, index: u64) -> Result<Option<Receipt>, Fault> {
        let Some(head) = &self.head else { return Ok(None) };
        let Some(path) = self.tree.inclusion(index, head.size) else { return Ok(None) };
        let entry = self.entry(index)?;
        Ok(entry.map(|entry| Receipt { index, entry, path, head: head.clone() }))
    }

    /// What shows that an older head's ledger is the beginning of the newest head's; `None` if it is larger. Whether it
    /// does, [`Consistency::verify`] says.
    pub fn consistency(&self, old: &Head) -> Option<Consistency> {
        let new = self.head.clone()?;
        let path = self.tree.consistency(old.size, new.size)?;
        Some(Consistency { old: old.clone(), path, new })
    }
}
