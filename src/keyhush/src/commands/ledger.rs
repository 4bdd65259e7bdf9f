//! `keyhush ledger`: what was signed, and that none of it was removed or exchanged.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use recording::document::Word;
use recording::ledger::{Consistency, Head, Receipt, Snapshot};
use recording::time_stamp::{self, Query};
use recording::witness;

use super::{keys, proofs};
use crate::cli::{
    CheckLedgerArgs, ConsistencyArgs, ExportHeadsArgs, LedgerAction, LedgerArgs, LedgerAt, ReceiptArgs,
    StampArgs, VerifyPaperArgs,
};
use crate::clock::utc;
use crate::exit::{self, Failure};

mod check;

/// Shows, checks, hands out.
pub(crate) fn run(given: &LedgerArgs) -> Result<(), Failure> {
    match &given.action {
        LedgerAction::Head(given) => head(given),
        LedgerAction::Check(given) => check(given),
        LedgerAction::Receipt(given) => receipt(given),
        LedgerAction::Consistency(given) => consistency(given),
        LedgerAction::Verify(given) => paper(given),
        LedgerAction::Stamp(given) => stamp(given),
        LedgerAction::Export(given) => export(given),
    }
}

fn check(given: &CheckLedgerArgs) -> Result<(), Failure> {
    check::run(given)
}

fn head(given: &LedgerAt) -> Result<(), Failure> {
    let snapshot = given.read()?;
    let head = snapshot.ledger.head().ok_or_else(|| Failure::new("no head was signed yet"))?;
    print(&head.to_bytes())
}

fn receipt(given: &ReceiptArgs) -> Result<(), Failure> {
    let snapshot = given.at.read()?;
    let found = Word::new(&given.recording).and_then(|name| snapshot.ledger.find(&name));
    let Some(index) = found else {
        return Err(Failure::new(format!("the ledger has no recording {}", given.recording.escape_debug())));
    };
    let receipt =
        snapshot.ledger.receipt(index).map_err(|fault| proofs::fault_of(&given.at.ledger, &fault))?;
    let receipt = receipt.ok_or_else(|| Failure::new("no head was signed since; ask again in a moment"))?;
    print(&receipt.to_bytes())
}

fn consistency(given: &ConsistencyArgs) -> Result<(), Failure> {
    let snapshot = given.at.read()?;
    let old = read_head(&given.old)?;
    let altered = |why: &str| Failure::with(exit::ALTERED, format!("{}: {why}", given.old.display()));
    if snapshot.name() != Some(&old.ledger) {
        return Err(altered("this head is another ledger's"));
    }
    let shown = snapshot.ledger.consistency(&old);
    let shown = shown
        .ok_or_else(|| altered("entries were removed: the ledger is shorter than it was in this head"))?;
    if !snapshot.continues(&old) {
        return Err(altered("entries were removed or exchanged since this head"));
    }
    print(&shown.to_bytes())
}

fn read_head(path: &Path) -> Result<Head, Failure> {
    let head = Head::from_bytes(&proofs::read(path)?);
    head.map_err(|fault| Failure::new(format!("{}: no head of a ledger: {fault}", path.display())))
}

/// A document by itself.
fn paper(given: &VerifyPaperArgs) -> Result<(), Failure> {
    let (bytes, trust) = (proofs::read(&given.file)?, given.trusted.load()?);
    let said = if let Ok(head) = Head::from_bytes(&bytes) {
        head.verify(&trust).map_err(proofs::disproof)?;
        format!("the head of ledger {}: {} entries, signed {}", head.ledger.as_str(), head.size, utc(head.at))
    } else if let Ok(receipt) = Receipt::from_bytes(&bytes) {
        receipt.verify(&trust).map_err(proofs::disproof)?;
        let (index, size) = (receipt.index, receipt.head.size);
        format!("in the ledger since {}: entry {index} of {size}", utc(receipt.entry.at))
    } else if let Ok(shown) = Consistency::from_bytes(&bytes) {
        shown.verify(&trust).map_err(proofs::disproof)?;
        let (old, new) = (&shown.old, &shown.new);
        format!(
            "the ledger only grew, from {} entries on {} to {} on {}",
            old.size,
            utc(old.at),
            new.size,
            utc(new.at)
        )
    } else {
        return Err(Failure::new("neither a head, nor a receipt, nor a consistency proof of version 1"));
    };
    writeln!(stdout(), "{said}").or_else(Failure::output)
}

/// A query of a head, or whether an answer is to it.
fn stamp(given: &StampArgs) -> Result<(), Failure> {
    let head = proofs::read(&given.head)?;
    read_head(&given.head)?;
    let Some(path) = &given.answer else {
        let mut random = [0; time_stamp::NONCE_LEN];
        keys::random(&mut random)?;
        let query = Query::new(&head, random).to_bytes();
        return proofs::write_new(&given.query, &query).map_err(|error| Failure::file(&given.query, &error));
    };
    let query = Query::from_bytes(&proofs::read(&given.query)?)
        .ok_or_else(|| Failure::new(format!("{}: no query that was written here", given.query.display())))?;
    let altered = |why: String| Failure::with(exit::ALTERED, why);
    if !query.is_of(&head) {
        return Err(altered(format!("{}: the query is of another head", given.query.display())));
    }
    let time = query.time_in(&proofs::read(path)?);
    let time = time.map_err(|why| altered(format!("{}: {why}", path.display())))?;
    let line = format!("stamped {time}; openssl ts -verify says whether the authority signed it");
    writeln!(stdout(), "{line}").or_else(Failure::output)
}

/// Hands every head to a witness who has a directory. A witness who kept a head that this ledger does not continue is told.
fn export(given: &ExportHeadsArgs) -> Result<(), Failure> {
    let snapshot = given.at.read()?;
    for (path, kept) in witness::kept(&given.to).map_err(|error| Failure::file(&given.to, &error))? {
        contradicts(&snapshot, &path, kept.as_ref())
            .map_or(Ok(()), |why| Err(Failure::with(exit::ALTERED, why)))?;
    }
    let mut newest: Option<PathBuf> = None;
    for head in &snapshot.heads {
        newest = Some(witness::keep(&given.to, head).map_err(|error| Failure::file(&given.to, &error))?);
    }
    let newest = newest.map_or_else(String::new, |path| path.display().to_string());
    writeln!(stdout(), "{} heads are kept, the newest as {newest}", snapshot.heads.len())
        .or_else(Failure::output)
}

/// Why a kept head is not one of this ledger's.
fn contradicts(snapshot: &Snapshot, path: &Path, kept: Option<&Head>) -> Option<String> {
    let path = path.display();
    let Some(kept) = kept else { return Some(format!("{path}: no head of a ledger")) };
    let (is_of, size) = (snapshot.name() == Some(&kept.ledger), snapshot.ledger.size());
    match () {
        () if snapshot.continues(kept) => None,
        () if !is_of => Some(format!("{path}: this head is another ledger's, {}", kept.ledger.as_str())),
        () if kept.size > size => {
            Some(format!("{path}: entries were removed: there were {}, and there are {size}", kept.size))
        }
        () => Some(format!("{path}: entries before {} were removed or exchanged since", utc(kept.at))),
    }
}

/// The heads that a witness kept: a file's, or a directory's.
fn kept(path: &Path) -> Result<Vec<(PathBuf, Option<Head>)>, Failure> {
    let told = |error| Failure::file(path, &error);
    if fs::metadata(path).map_err(told)?.is_dir() {
        return witness::kept(path).map_err(told);
    }
    Ok(vec![(path.to_owned(), Some(read_head(path)?))])
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    stdout().write_all(bytes).or_else(Failure::output)
}
