//! Why something could not be kept or found.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::attempts::State;

/// What was wrong with a call to the store, or with the store.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is full. Nothing of the call was kept.
    Full(PathBuf),
    /// The database is damaged.
    Corrupt(PathBuf),
    /// The database is another program's.
    NotOurs(PathBuf),
    /// A newer Keyhush has changed the database.
    Newer {
        /// The database.
        file: PathBuf,
        /// Its version.
        version: i64,
        /// The newest version that this Keyhush knows.
        known: i64,
    },
    /// Others than the owner may use the directory or a file in it.
    Exposed {
        /// The directory or file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another worker or process kept it locked all the while. Nothing of the call was kept; it may be tried again.
    Busy(PathBuf),
    /// The system said no.
    System {
        /// The directory or file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// SQLite said no for another reason.
    Database {
        /// The database.
        file: PathBuf,
        /// What it said.
        message: String,
    },
    /// Something that was given may not be kept.
    Invalid(Field),
    /// Something with this name or reference is there already.
    Taken(Field),
    /// No agent has this user name.
    NoSuchAgent,
    /// No attempt has this reference.
    NoSuchAttempt,
    /// An attempt cannot go from the one state to the other.
    Backwards {
        /// Its state.
        from: State,
        /// The state that it was to get.
        to: State,
    },
}

/// Something that callers give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Field {
    /// 1 to 64 ASCII letters, digits and `. _ @ + -`; no card number.
    UserName,
    /// A tenant's id: 1 to 32 lower-case letters, digits and hyphens.
    Tenant,
    /// 1 to 64 letters, digits, hyphens and underscores.
    SessionId,
    /// As a session's.
    OurReference,
    /// As a session's.
    IdempotencyKey,
    /// Above zero.
    Amount,
    /// Three capital letters.
    Currency,
    /// At most 64 visible ASCII letters and spaces; no card number.
    OrderReference,
    /// 1 to 20 lower-case letters.
    Brand,
    /// Six digits.
    FirstSix,
    /// Four digits.
    LastFour,
    /// 1 to 20 lower-case letters.
    Psp,
    /// At most 128 visible ASCII letters.
    PspReference,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::UserName => "user name",
            Field::Tenant => "tenant",
            Field::SessionId => "session",
            Field::OurReference => "own reference",
            Field::IdempotencyKey => "idempotency key",
            Field::Amount => "amount",
            Field::Currency => "currency",
            Field::OrderReference => "order reference",
            Field::Brand => "brand",
            Field::FirstSix => "first six",
            Field::LastFour => "last four",
            Field::Psp => "PSP",
            Field::PspReference => "PSP's reference",
        })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full(file) => write!(f, "{}: the disk is full; make room on it", file.display()),
            StoreError::Corrupt(file) => {
                write!(f, "{}: the database is damaged; restore it from a backup", file.display())
            }
            StoreError::NotOurs(file) => {
                write!(f, "{}: another program's database; name another store.directory", file.display())
            }
            StoreError::Newer { file, version, known } => write!(
                f,
                "{}: the database has version {version}, and this Keyhush knows {known}; run the newer Keyhush",
                file.display()
            ),
            StoreError::Exposed { path, mode } => {
                let right = if path.is_dir() { "700" } else { "600" };
                write!(
                    f,
                    "{path}: may be used by others (mode {mode:04o}); chmod {right} {path}",
                    path = path.display()
                )
            }
            StoreError::Busy(file) => {
                write!(f, "{}: the database stayed locked by another process; try again", file.display())
            }
            StoreError::System { path, error } => {
                let remedy = match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "; run as the user who runs Keyhush, or name another store.directory"
                    }
                    _ => "",
                };
                write!(f, "{}: the store cannot be used: {error}{remedy}", path.display())
            }
            StoreError::Database { file, message } => write!(f, "{}: {message}", file.display()),
            // What was given is not said again: it may be a card number.
            StoreError::Invalid(field) => write!(f, "this {field} cannot be kept"),
            StoreError::Taken(field) => write!(f, "this {field} is taken"),
            StoreError::NoSuchAgent => f.write_str("no agent has this user name"),
            StoreError::NoSuchAttempt => f.write_str("no payment has this reference"),
            StoreError::Backwards { from, to } => {
                write!(f, "a payment that is {} cannot become {}", from.name(), to.name())
            }
        }
    }
}

impl core::error::Error for StoreError {}

impl StoreError {
    /// What an error of SQLite means.
    pub(super) fn of(file: &Path, error: rusqlite::Error) -> StoreError {
        let file = file.to_owned();
        let code = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => failure.code,
            // What we wrote has been changed by something else.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => ErrorCode::DatabaseCorrupt,
            _ => ErrorCode::Unknown,
        };
        match code {
            ErrorCode::DiskFull => StoreError::Full(file),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt(file),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy(file),
            _ => StoreError::Database { file, message: error.to_string() },
        }
    }
}
