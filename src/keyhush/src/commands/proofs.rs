//! What the commands about proofs share: reading files, trusting keys, and which exit code a refusal has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use control::recordings::ledger::SharedLedger;
use recording::keys::{Distrust, SigningKey, Trust};
use recording::ledger::{Disproof, Fault, Snapshot};
use recording::trusted;

use crate::cli::{LedgerAt, Trusted};
use crate::exit::{self, Failure};

/// The keys that are trusted where none is named.
const TRUSTED: &str = "/etc/keyhush/trusted";
/// The ledger's file in its directory.
const LEDGER: &str = "ledger.log";

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
        let path = if self.ledger.is_dir() { &self.ledger.join(LEDGER) } else { &self.ledger };
        match Snapshot::read(path) {
            Ok(Some(snapshot)) => Ok(snapshot),
            Ok(None) => Err(Failure::new(format!("{}: no head was signed yet", path.display()))),
            Err(fault) => Err(fault_of(path, &fault)),
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

/// Opens the ledger of a directory to add to it, or makes it.
pub(super) fn open_ledger(directory: &Path) -> Result<SharedLedger, Failure> {
    let told = |error: io::Error| Failure::file(directory, &error);
    fs::create_dir_all(directory).map_err(told)?;
    SharedLedger::open(directory).map_err(told)
}

/// Writes a file that stays after a loss of power. What is there already is never written over.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
