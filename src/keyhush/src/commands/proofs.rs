//! What the commands about proofs share: reading files, trusting keys, and which exit code a refusal has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use recording::document::Word;
use recording::keys::{Distrust, SigningKey, Trust};
use recording::ledger::{Disproof, Fault, Ledger, LogFile, Snapshot};
use recording::trusted;

use crate::cli::{LedgerAt, Trusted};
use crate::exit::{self, Failure};

/// The keys that are trusted where none is named.
const TRUSTED: &str = "/etc/keyhush/trusted";
/// A ledger that a command makes has this name, which its heads tell.
const LEDGER_NAME: &str = "keyhush";

impl Trusted {
    /// The keys that were named, else those that the machine's owner put where they are looked for. None at all is no fault
    /// of the command line: what is checked is then by a key that is not known.
    pub(crate) fn load(&self) -> Result<Trust, Failure> {
        let usual = PathBuf::from(TRUSTED);
        let keys = match self.keys.as_slice() {
            [] if usual.is_dir() => &[usual][..],
            keys => keys,
        };
        trusted::load(keys).map_err(Failure::new)
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file(path, &error))
}

pub(super) fn secret_key(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::load(path).map_err(|fault| Failure::new(format!("{}: {fault}", path.display())))
}

impl LedgerAt {
    /// The ledger as it is now.
    pub(crate) fn read(&self) -> Result<Snapshot, Failure> {
        let path = self.ledger.display();
        match Snapshot::read(&self.ledger) {
            Ok(Some(snapshot)) => Ok(snapshot),
            Ok(None) => Err(Failure::new(format!("{path}: no head was signed yet"))),
            Err(fault) => Err(fault_of(&self.ledger, &fault)),
        }
    }
}

/// A ledger that is not what it was has its own exit code.
pub(super) fn fault_of(path: &Path, fault: &Fault) -> Failure {
    let code = match fault {
        Fault::Malformed(..) | Fault::NotAsSigned(_) => exit::ALTERED,
        _ => exit::NOT_DONE,
    };
    Failure::with(code, format!("{}: {fault}", path.display()))
}

pub(super) fn disproof(fault: Disproof) -> Failure {
    let code = match fault {
        Disproof::Distrust(_) => exit::UNTRUSTED,
        Disproof::NotIncluded | Disproof::NotConsistent => exit::ALTERED,
    };
    let remedy = match fault {
        Disproof::Distrust(Distrust::UnknownKey(_)) => "; give its public key with --key",
        _ => "",
    };
    Failure::with(code, format!("{fault}{remedy}"))
}

/// Opens a ledger to add to it, or makes it.
pub(super) fn open_ledger(path: &Path) -> Result<Ledger<LogFile>, Failure> {
    let known =
        if path.exists() { Snapshot::read(path).map_err(|fault| fault_of(path, &fault))? } else { None };
    let name = known.as_ref().and_then(Snapshot::name).cloned();
    let name = name.or_else(|| Word::new(LEDGER_NAME)).unwrap_or_else(Word::unknown);
    let (log, dropped) = LogFile::open(path).map_err(|error| Failure::file(path, &error))?;
    if let Some(dropped) = dropped {
        eprintln!(
            "keyhush: {}: {} bytes of a record that was not written whole are cut off",
            path.display(),
            dropped.bytes
        );
    }
    Ledger::open(name, log).map_err(|fault| fault_of(path, &fault))
}

/// Writes a file that stays after a loss of power. What is there already is never written over.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
