//! The schema, version by version. A version that was ever released is never changed: what is new is a new version.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// What leads from each version to the next; a new database has version 0.
pub(super) const ALL: &[&str] = &[
    include_str!("migrations/1_agents.sql"),
    include_str!("migrations/2_sessions.sql"),
    include_str!("migrations/3_attempts.sql"),
    include_str!("migrations/4_recordings.sql"),
    include_str!("migrations/5_roles.sql"),
];

/// Says in the file's header whose it is (`PRAGMA application_id`): "KhSt".
const APPLICATION: i64 = 0x4b68_5374;

/// Brings a database to the newest version, in one transaction: either it gets there, or it stays as it was.
pub(super) fn migrate(connection: &mut Connection, file: &Path, all: &[&str]) -> Result<(), StoreError> {
    let failed = |error| StoreError::of(file, error);
    let known = i64::try_from(all.len()).unwrap_or(i64::MAX);
    if version(connection).map_err(failed)? == (APPLICATION, known) {
        return Ok(()); // without waiting for anybody's transaction
    }
    // Of two processes that start at once, the second one finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let (application, version) = version(&transaction).map_err(failed)?;
    let is_new = application == 0 && version == 0 && is_empty(&transaction).map_err(failed)?;
    if application != APPLICATION && !is_new {
        return Err(StoreError::NotOurs(file.to_owned()));
    }
    let Some(ahead) = usize::try_from(version).ok().and_then(|version| all.get(version..)) else {
        return Err(StoreError::Newer { file: file.to_owned(), version, known });
    };
    for step in ahead {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn version(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", (), |row| row.get(0))
}
