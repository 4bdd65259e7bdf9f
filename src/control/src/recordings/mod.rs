//! Recordings, from what the desk orders to what the archive shows.
//!
//! | module | does |
//! |---|---|
//! | [`order`] | what the desk tells the recorder of calls |
//! | [`recorder`] | the thread that records |
//! | `calls` | which calls are recorded, and by which recording |
//! | `about` | what is known of a call, as it is kept, signed and found |
//! | `notary` | signs what has ended: proof, ledger, index |
//! | `plausible` | whether the time may be believed by what deletes |
//! | `retention` | deletes what was kept for long enough |
//! | [`inbox`] | the watched folder: other systems' audio is signed |
//! | [`heads`] | hands the ledger's heads to a witness |
//! | [`stamps`] | has the ledger's heads stamped with the time |
//! | [`token`] | a master key in a PKCS#11 token |
//! | [`archive`] | directory, ledger, index and keys, for everybody |
//! | [`ledger`] | the ledger under a lock between processes |
//! | [`index`] | the table of recordings |
//! | [`figures`] | what the recorder has done |
//!
//! Faults here never touch a call: the recorder has threads of its own, which start again when they panic.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

mod about;
pub mod archive;
mod calls;
pub mod figures;
pub mod heads;
pub mod inbox;
pub mod ledger;
mod notary;
pub mod order;
mod plausible;
pub mod recorder;
mod retention;
pub mod stamps;
#[cfg(test)]
mod tests;
pub mod token;

/// The table of recordings: methods of [`crate::store::Store`], and what they take and answer.
pub mod index {
    pub use crate::store::{MOST_RECORDINGS, Recording, RecordingFilter, Store, StoreError, Timestamp};
}

pub use archive::{Archive, ArchiveConfig, ArchiveError, OpenMaster, master_in_file, proof_beside};
pub use figures::RecorderFigures;
pub use token::master_in_token;

/// How much threads beside the calls give way (nice).
const GIVES_WAY: i32 = 5;

/// Microseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "an edge: recordings are signed by the time of day")]
pub(crate) fn now_micros() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Ten hexadecimal digits that nobody can guess.
fn random_digits() -> io::Result<String> {
    let mut bytes = [0; 5];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file whole or not at all, its owner's alone; when this returns it is on the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    // What a kill left there, or somebody who may write there put there: a link would lead elsewhere.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
