//! A ledger's file, read as it is now and without a lock: by whoever checks it while Keyhush adds to it.

use std::fs;
use std::io;
use std::path::Path;

use super::storage::{InMemory, MAGIC, RECORD_HEAD, invalid, is_torn, record_at};
use super::{Fault, Head, Ledger, papers};
use crate::document::Word;

/// What a ledger's file held when it was read.
#[derive(Debug)]
pub struct Snapshot {
    /// The entries, which are those that the heads in the file signed.
    pub ledger: Ledger<InMemory>,
    /// Every signed head, in order.
    pub heads: Vec<Head>,
}

impl Snapshot {
    /// Reads a file. A record that is being written is left out; nothing is written, so the file may be a copy on a disk that
    /// can only be read. The ledger's name is that of its first head; `None` before there is one.
    pub fn read(path: &Path) -> Result<Option<Self>, Fault> {
        let records = records(&fs::read(path)?)?;
        let mut heads = Vec::new();
        for (record, bytes) in records.iter().enumerate() {
            if bytes.starts_with(papers::HEAD.as_bytes()) {
                let head = Head::from_bytes(bytes).map_err(|fault| Fault::Malformed(record as u64, fault))?;
                heads.push(head);
            }
        }
        let Some(name) = heads.first().map(|head| head.ledger.clone()) else { return Ok(None) };
        Ok(Some(Snapshot { ledger: Ledger::open(name, InMemory(records))?, heads }))
    }

    /// The ledger's name.
    pub fn name(&self) -> Option<&Word> {
        self.heads.first().map(|head| &head.ledger)
    }

    /// Whether a head that somebody kept is one of this ledger: its entries are the first of this one's.
    pub fn continues(&self, kept: &Head) -> bool {
        self.name() == Some(&kept.ledger) && self.ledger.root_at(kept.size) == Some(kept.root)
    }
}

fn records(bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        return Err(invalid("no ledger".to_owned()));
    };
    let mut records = Vec::new();
    while let Some(body) = record_at(rest) {
        records.push(body.to_vec());
        rest = rest.get(RECORD_HEAD + body.len()..).unwrap_or_default();
    }
    if rest.is_empty() || is_torn(rest) {
        return Ok(records);
    }
    Err(invalid(format!("record {} is damaged", records.len())))
}
