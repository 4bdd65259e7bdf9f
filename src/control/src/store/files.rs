//! The database in the file system: nobody but its owner may read it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::{FILE, StoreError};

/// Makes directory and file where there are none, and looks at their permissions where there are. SQLite gives the files that it makes
/// beside the database the database's own permissions.
pub(super) fn prepare(directory: &Path) -> Result<PathBuf, StoreError> {
    let system = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| match error.kind() {
            ErrorKind::StorageFull => StoreError::Full(path),
            _ => StoreError::System { path, error },
        }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(system(directory))?;
    // The way to it may have links in it; SQLite is told to follow none, since the file itself must not be one.
    let directory = &fs::canonicalize(directory).map_err(system(directory))?;
    let owner = fs::metadata(directory).map_err(system(directory))?;
    closed(directory, owner.mode())?;

    let file = directory.join(FILE);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
        // Root adds the first agent; the user who runs Keyhush must be able to read it.
        Ok(made) if geteuid().is_root() => {
            fchown(&made, Some(owner.uid()), Some(owner.gid())).map_err(system(&file))?;
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(system(&file)(error)),
    }
    for suffix in ["", "-wal", "-shm"] {
        let path = directory.join(format!("{FILE}{suffix}"));
        match fs::symlink_metadata(&path) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(system(&path)(io::Error::new(ErrorKind::InvalidInput, "it is no ordinary file")));
            }
            Ok(metadata) => closed(&path, metadata.mode())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(system(&path)(error)),
        }
    }
    Ok(file)
}

fn closed(path: &Path, mode: u32) -> Result<(), StoreError> {
    let mode = mode & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(StoreError::Exposed { path: path.to_owned(), mode }) }
}
