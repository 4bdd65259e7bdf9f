//! What a PSP is shown lies in a file of its own, which nobody but its owner may read.

use core::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A key of a PSP has at most a few hundred letters.
const LONGEST: usize = 4096;

/// A file with a PSP's key. The key is read when it is needed, never kept with the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    file: PathBuf,
}

/// Why there are no credentials.
#[derive(Debug)]
pub enum CredentialsError {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// It is no ordinary file.
    NotAFile,
    /// Others than its owner may use it; its permissions.
    Exposed(u32),
    /// It holds nothing, several lines, or letters that no key has.
    NotAKey,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialsError::Unreadable(error) => write!(f, "cannot be read: {error}"),
            CredentialsError::NotAFile => f.write_str("is no ordinary file"),
            CredentialsError::Exposed(mode) => write!(f, "may be used by others: its mode is {mode:04o}"),
            CredentialsError::NotAKey => f.write_str("does not hold one line with a key"),
        }
    }
}

impl core::error::Error for CredentialsError {}

impl Credentials {
    /// A file that can be read at this moment and holds a key.
    pub(crate) fn of(file: PathBuf) -> Result<Credentials, (PathBuf, CredentialsError)> {
        let credentials = Credentials { file };
        match credentials.read() {
            Ok(_) => Ok(credentials),
            Err(error) => Err((credentials.file, error)),
        }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the key: one line of visible ASCII, at most 4096 letters, wiped when dropped. The mode is looked at again.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(&self) -> Result<Zeroizing<String>, CredentialsError> {
        // Before it is opened: a named pipe would keep us waiting.
        if !fs::metadata(&self.file).map_err(CredentialsError::Unreadable)?.is_file() {
            return Err(CredentialsError::NotAFile);
        }
        let file = File::open(&self.file).map_err(CredentialsError::Unreadable)?;
        let metadata = file.metadata().map_err(CredentialsError::Unreadable)?;
        if !metadata.is_file() {
            return Err(CredentialsError::NotAFile);
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(CredentialsError::Exposed(mode));
        }
        // All at once: a string that grows leaves its beginning behind.
        let mut text = Zeroizing::new(String::with_capacity(LONGEST + 1));
        file.take(LONGEST as u64 + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => CredentialsError::NotAKey,
            _ => CredentialsError::Unreadable(error),
        })?;
        let length = text.trim_end().len();
        text.truncate(length);
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|letter| letter.is_ascii_graphic()) {
            return Err(CredentialsError::NotAKey);
        }
        Ok(text)
    }
}
