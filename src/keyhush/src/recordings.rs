//! The archive that the settings tell of.

use control::recordings::{ArchiveConfig, OpenMaster, master_in_file};
use settings::{MasterKey, Settings};

use crate::exit::Failure;

/// Where recordings are, and what seals and signs them.
pub(crate) fn archive_config(settings: &Settings) -> Result<ArchiveConfig, Failure> {
    let Some(recordings) = &settings.recordings else {
        return Err(Failure::new("the settings have no [recordings]: nothing is recorded here"));
    };
    Ok(ArchiveConfig {
        directory: recordings.directory.clone(),
        master: open_master(&recordings.master_key)?,
        signing_key: recordings.signing_key.clone(),
        store: settings.store.directory.clone(),
    })
}

fn open_master(key: &MasterKey) -> Result<OpenMaster, Failure> {
    match key {
        MasterKey::File(path) => Ok(master_in_file(path.clone())),
        MasterKey::Token { .. } => {
            Err(Failure::new("recordings.master_key: tokens are not used yet; name a file"))
        }
    }
}
