//! `keyhush ledger check`: the ledger against its own heads, against those that a witness kept, and against the recordings that
//! lie there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use recording::document::Word;
use recording::ledger::{Event, Snapshot};
use recording::merkle::Hash;
use recording::proof::Proof;
use recording::time_stamp::Query;
use recording::witness;
use serde_json::json;

use super::{contradicts, kept};
use crate::cli::CheckLedgerArgs;
use crate::clock::utc;
use crate::commands::proofs;
use crate::exit::{self, Failure};

/// What was found, in the words that are printed.
#[derive(Default)]
struct Findings {
    /// Something was removed or exchanged.
    altered: Vec<String>,
    /// A signature is not to be trusted.
    untrusted: Vec<String>,
}

pub(super) fn run(given: &CheckLedgerArgs) -> Result<(), Failure> {
    let (snapshot, trust) = (given.at.read()?, given.trusted.load()?);
    let mut findings = Findings::default();
    for head in &snapshot.heads {
        if let Err(disproof) = head.verify(&trust) {
            findings.untrusted.push(format!("the head of {} entries: {disproof}", head.size));
        }
    }
    let (mut witnessed, mut stamps) = (0, Vec::new());
    for path in &given.witnesses {
        for (path, head) in kept(path)? {
            witnessed += 1;
            if let Some(stamp) = Stamp::of(&path, &mut findings)? {
                stamps.push(stamp);
            }
            match (contradicts(&snapshot, &path, head.as_ref()), head) {
                (Some(why), _) => findings.altered.push(why),
                (None, Some(head)) => {
                    if let Err(disproof) = head.verify(&trust) {
                        findings.untrusted.push(format!("{}: {disproof}", path.display()));
                    }
                }
                (None, None) => {}
            }
        }
    }
    if !given.recordings.is_empty() {
        beside(&snapshot, given, &mut findings)?;
    }
    tell(&snapshot, &Seen { witnessed, stamps }, given.json, &findings)
}

/// What somebody else keeps.
struct Seen {
    witnessed: usize,
    stamps: Vec<Stamp>,
}

/// An authority's time stamp that is kept beside a head.
struct Stamp {
    head: PathBuf,
    /// As the authority writes it.
    time: String,
}

impl Stamp {
    /// Reads that of a head, if there is one, and looks whether it is of this head.
    fn of(head: &Path, findings: &mut Findings) -> Result<Option<Stamp>, Failure> {
        let (answer, asked) = (witness::stamp_of(head), witness::query_of(head));
        if answer == head || !answer.exists() {
            return Ok(None);
        }
        let query = Query::from_bytes(&proofs::read(&asked)?);
        let query = query.filter(|query| proofs::read(head).is_ok_and(|bytes| query.is_of(&bytes)));
        let Some(query) = query else {
            findings.altered.push(format!("{}: the query is of another head", asked.display()));
            return Ok(None);
        };
        match query.time_in(&proofs::read(&answer)?) {
            Ok(time) => Ok(Some(Stamp { head: head.to_owned(), time })),
            Err(why) => {
                findings.altered.push(format!("{}: {why}", answer.display()));
                Ok(None)
            }
        }
    }
}

fn tell(snapshot: &Snapshot, seen: &Seen, as_json: bool, found: &Findings) -> Result<(), Failure> {
    let Seen { witnessed, stamps } = seen;
    let size = snapshot.ledger.size();
    let covered = snapshot.ledger.head().map_or(0, |head| head.size);
    let (altered, untrusted) = (&found.altered, &found.untrusted);
    let signed = snapshot.ledger.head().map(|head| utc(head.at));
    if as_json {
        let answer = json!({
            "ledger": snapshot.name().map(Word::as_str),
            "entries": size,
            "signed_entries": covered,
            "signed": signed,
            "heads": snapshot.heads.len(),
            "witnessed": witnessed,
            "stamped": stamps.iter().map(|stamp| json!({ "head": stamp.head, "time": stamp.time })).collect::<Vec<_>>(),
            "altered": altered,
            "untrusted": untrusted,
        });
        writeln!(stdout(), "{answer:#}").or_else(Failure::output)?;
    } else {
        let mut out = stdout().lock();
        let said = altered.iter().chain(untrusted).try_for_each(|line| writeln!(out, "{line}"));
        said.or_else(Failure::output)?;
        if let Some(Stamp { head, time }) = stamps.iter().max_by(|one, other| one.time.cmp(&other.time)) {
            let (of, answer, head) = (stamps.len(), witness::stamp_of(head), head.display());
            let answer = answer.display();
            let line = format!(
                "{of} heads are stamped, the newest at {time}; whether the authority signed that is for OpenSSL to say:\n  \
                 openssl ts -verify -data {head} -in {answer} -CAfile AUTHORITY.pem"
            );
            writeln!(out, "{line}").or_else(Failure::output)?;
        }
        if altered.is_empty() && untrusted.is_empty() {
            let heads = snapshot.heads.len();
            let line = format!(
                "{size} entries, of which {heads} heads cover {covered}; nothing was removed or exchanged"
            );
            writeln!(out, "{line}").or_else(Failure::output)?;
            if *witnessed == 0 {
                let line = "no witness was asked: only what was changed after the last head that somebody else kept shows";
                writeln!(out, "{line}").or_else(Failure::output)?;
            }
        }
    }
    match (altered.is_empty(), untrusted.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(Failure::told(exit::ALTERED)),
        (true, false) => Err(Failure::told(exit::UNTRUSTED)),
    }
}

/// The proofs and recordings that lie in directories, and those that the ledger has.
fn beside(snapshot: &Snapshot, given: &CheckLedgerArgs, findings: &mut Findings) -> Result<(), Failure> {
    let mut entered: BTreeMap<Word, Hash> = BTreeMap::new();
    let mut deleted: BTreeSet<Word> = BTreeSet::new();
    for index in 0..snapshot.ledger.size() {
        let entry =
            snapshot.ledger.entry(index).map_err(|fault| proofs::fault_of(&given.at.ledger, &fault))?;
        match entry.map(|entry| entry.event) {
            Some(Event::Proof { recording, proof }) => drop(entered.insert(recording, proof)),
            Some(Event::Deleted { recording, .. }) => drop(deleted.insert(recording)),
            _ => {}
        }
    }
    let mut there = BTreeSet::new();
    // A proof beside a file of another system's is named after that file, and its audio is not ours to look for.
    let (mut own, mut audio) = (BTreeSet::new(), BTreeSet::new());
    let mut lying = Vec::new();
    for directory in &given.recordings {
        lying.extend(files(directory).map_err(|error| Failure::file(directory, &error))?);
    }
    for path in lying {
        let (Some(stem), ending) = (path.file_stem().and_then(|stem| stem.to_str()), path.extension()) else {
            continue;
        };
        if ending.is_some_and(|ending| ending == "proof") {
            let found = Proof::from_bytes(&proofs::read(&path)?).ok();
            let Some(proof) = found else {
                findings.altered.push(format!("{}: no proof any more", path.display()));
                continue;
            };
            let name = &proof.statement().recording;
            match entered.get(name) {
                None => findings.altered.push(format!("{}: its proof is not in the ledger", path.display())),
                Some(hash) if *hash != proof.name() => {
                    findings
                        .altered
                        .push(format!("{}: the proof was exchanged: the ledger has another", path.display()));
                }
                Some(_) => {}
            }
            there.insert(name.clone());
            if stem == name.as_str() {
                own.insert(name.clone());
            }
        } else if ending.is_some_and(|ending| ending == "khr") {
            audio.extend(Word::new(stem));
        }
    }
    for name in entered.keys() {
        if !there.contains(name) {
            findings.altered.push(format!("{}: the ledger has its proof, which is gone", name.as_str()));
        }
        if own.contains(name) && !audio.contains(name) && !deleted.contains(name) {
            findings
                .altered
                .push(format!("{}: its audio is gone, and the ledger has no deletion", name.as_str()));
        }
    }
    Ok(())
}

/// Every file below a directory.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    Ok(files)
}
