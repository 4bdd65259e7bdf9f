//! What is kept on the disk: agents, their sessions and the results of payments, in SQLite. Never a card number, never a security
//! code, never a hash of either (DESIGN section 4, invariant 2).
//!
//! | module | holds |
//! |---|---|
//! | `error` | why something could not be kept or found |
//! | `files` | the database in the file system: its owner's alone |
//! | `migrations` | its schema, version by version |
//! | `text` | what texts from people and PSPs may hold |
//! | `password` | passwords and what they cost to try |
//! | `agents` | who may sign in |
//! | `sign_in` | whether they may now |
//! | `sessions` | who is signed in |
//! | `listens` | who listened to recordings |
//! | `attempts` | payments sent to a PSP, and what became of them |
//! | `recordings` | the index of recordings |
//!
//! Every call may wait for the disk or for argon2: they belong on a pool of workers, each with a [`Store`] of its own, never on the control
//! loop. A transaction is one call; what it has answered is on the disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Params, Row, Transaction, TransactionBehavior};

mod agents;
mod attempts;
mod error;
mod files;
mod listens;
mod migrations;
mod password;
mod recordings;
mod sessions;
mod sign_in;
mod text;
mod time;

pub use agents::{Agent, Role};
pub use attempts::{Attempt, Change, NewAttempt, Outcome, Page, State};
pub use error::{Field, StoreError};
pub use listens::{Listen, Use};
pub use password::{Password, WeakPassword};
pub use recordings::{MOST_RECORDINGS, Recording, RecordingFilter};
pub use sessions::{Session, SessionToken};
pub use sign_in::{Refusal, SignIn};
pub use text::{holds_card_number, may_be_order_reference};
pub use time::Timestamp;

/// The database's name in its directory.
pub const FILE: &str = "keyhush.db";

/// How long a worker waits for another's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open database. It is one worker's; another worker opens its own.
pub struct Store {
    connection: Connection,
    file: PathBuf,
}

impl Store {
    /// Opens the database in `directory`, brought to the newest version. Directory (mode 0700) and file (0600) are made where there
    /// are none.
    ///
    /// # Errors
    /// That others may read it, that it is damaged, a newer Keyhush's or another program's, or the system's own.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        let file = files::prepare(directory)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let failed = |error| StoreError::of(&file, error);
        let mut connection = Connection::open_with_flags(&file, flags).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        // A result must survive a power loss before the payment is sent: FULL. What is deleted shall be gone.
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
                 PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;
                 PRAGMA journal_size_limit = 16777216;",
            )
            .map_err(failed)?;
        migrations::migrate(&mut connection, &file, migrations::ALL)?;
        Ok(Store { connection, file })
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let file = self.file.clone();
        move |error| StoreError::of(&file, error)
    }

    /// The rows of an answer.
    fn list<T>(
        &self,
        sql: &str,
        given: impl Params,
        of: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows =
            || -> rusqlite::Result<Vec<T>> { self.connection.prepare(sql)?.query_map(given, of)?.collect() };
        rows().map_err(self.failed())
    }

    /// Runs `work` in a transaction that has the right to write from its beginning, and keeps what it did unless it fails.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let failed = self.failed();
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let done = work(&transaction).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
