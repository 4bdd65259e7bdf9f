//! Who listened to a recording, downloaded it, and when.

use std::time::Duration;

use rusqlite::OptionalExtension;

use super::{Store, StoreError, Timestamp};

/// A player asks for a recording piece by piece: within this time after the last one they are one listening.
const ONE_LISTENING: Duration = Duration::from_secs(10 * 60);

/// What was done with a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// It was played on its page.
    Listened,
    /// It was saved as a file.
    Downloaded,
}

impl Use {
    /// The word in the database and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Use::Listened => "listened",
            Use::Downloaded => "downloaded",
        }
    }
}

/// Somebody used a recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listen {
    /// When; of a player's pieces, when the first was asked for.
    pub at: Timestamp,
    /// The user's name.
    pub who: String,
    /// `listened` or `downloaded`.
    pub what: String,
}

impl Store {
    /// Keeps that somebody uses a recording; when this returns it is on the disk. A player's further pieces are the same listening, a
    /// download is one each.
    ///
    /// # Errors
    /// The store's own; nothing is to be given away then.
    pub fn note_use(
        &mut self,
        recording: &str,
        tenant: &str,
        who: &str,
        what: Use,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql =
            "SELECT 1 FROM listens WHERE recording = ?1 AND at > ?2 AND at <= ?3 AND who = ?4 AND what = ?5";
        let since = now.before(ONE_LISTENING);
        let known = self
            .connection
            .query_row(sql, (recording, since, now, who, what.word()), |_| Ok(()))
            .optional()
            .map_err(self.failed())?;
        if what == Use::Listened && known.is_some() {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "INSERT INTO listens (recording, tenant, at, who, what) VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.execute(sql, (recording, tenant, now, who, what.word()))
        })?;
        Ok(())
    }

    /// Who used a recording, the last first.
    ///
    /// # Errors
    /// The store's own.
    pub fn uses(&self, recording: &str, most: u32) -> Result<Vec<Listen>, StoreError> {
        let sql = "SELECT at, who, what FROM listens WHERE recording = ?1 ORDER BY at DESC, id DESC LIMIT ?2";
        self.list(sql, (recording, most), |row| {
            Ok(Listen { at: row.get(0)?, who: row.get(1)?, what: row.get(2)? })
        })
    }
}
