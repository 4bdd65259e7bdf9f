//! The archive that the settings tell of.

use control::recordings::{ArchiveConfig, OpenMaster, master_in_file, master_in_token};
use settings::{MasterKey, Recordings, Settings};

use crate::exit::Failure;

/// Where recordings are, and what seals and signs them.
pub(crate) fn archive_config(settings: &Settings) -> Result<ArchiveConfig, Failure> {
    let recordings = settings.recordings.as_ref();
    recordings
        .map(|recordings| archive_of(settings, recordings))
        .ok_or_else(|| Failure::new("the settings have no [recordings]: nothing is recorded here"))
}

/// The same, of settings that have them.
pub(crate) fn archive_of(settings: &Settings, recordings: &Recordings) -> ArchiveConfig {
    ArchiveConfig {
        directory: recordings.directory.clone(),
        master: open_master(&recordings.master_key),
        signing_key: recordings.signing_key.clone(),
        store: settings.store.directory.clone(),
    }
}

fn open_master(key: &MasterKey) -> OpenMaster {
    match key {
        MasterKey::File(path) => master_in_file(path.clone()),
        MasterKey::Token { uri, pin_file } => master_in_token(uri.clone(), pin_file.clone()),
    }
}
