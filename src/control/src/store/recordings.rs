//! The index of recordings: what there is of each beside its audio and its proof, for who searches and for what deletes.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError, Timestamp};

/// Recordings of one answer at most.
pub const MOST_RECORDINGS: u32 = 500;

const COLUMNS: &str = "name, tenant, began, duration, caller, called, agents, orders, ending, file, bytes, keep_until, held, deleted";

/// A recording that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// Its name, which no other has.
    pub name: String,
    /// Whose it is.
    pub tenant: String,
    /// When it began.
    pub began: Timestamp,
    /// How long it is, in milliseconds.
    pub duration: u64,
    /// The number of who calls; empty where it is not known.
    pub caller: String,
    /// The number that was called; empty where it is not known.
    pub called: String,
    /// User names of the agents who took payments in it.
    pub agents: Vec<String>,
    /// Order references of these payments.
    pub orders: Vec<String>,
    /// Whether Keyhush was stopped in the middle of it.
    pub is_interrupted: bool,
    /// Its file, from the recordings' directory; its proof lies beside it.
    pub file: String,
    /// The length of the file.
    pub bytes: u64,
    /// When it is to be deleted.
    pub keep_until: Timestamp,
    /// Why it must not be; `None`: it may.
    pub held: Option<String>,
    /// When its audio was deleted.
    pub deleted: Option<Timestamp>,
}

/// Which recordings are wanted. Each that is given narrows it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RecordingFilter {
    /// The tenant's.
    pub tenant: Option<String>,
    /// Begun then or later.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub to: Option<Timestamp>,
    /// Digits in a row of the caller's number or the one that was called.
    pub number: Option<String>,
    /// With a payment by the agent of this user name.
    pub agent: Option<String>,
    /// With a payment of this order reference.
    pub order: Option<String>,
    /// Only those after this one in the answer's order: newest first. The last one's beginning and name.
    pub after: Option<(Timestamp, String)>,
    /// So many at most; never more than [`MOST_RECORDINGS`].
    pub limit: u32,
}

impl Store {
    /// Keeps a recording. One that is known already stays as it is.
    ///
    /// # Errors
    /// The store's own.
    pub fn keep_recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        let lines = |texts: &[String]| texts.join("\n");
        self.write(|transaction| {
            let sql = format!(
                "INSERT INTO recordings ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT (name) DO NOTHING"
            );
            transaction.execute(
                &sql,
                params![
                    recording.name,
                    recording.tenant,
                    recording.began,
                    i64::try_from(recording.duration).unwrap_or(i64::MAX),
                    recording.caller,
                    recording.called,
                    lines(&recording.agents),
                    lines(&recording.orders),
                    if recording.is_interrupted { "interrupted" } else { "finished" },
                    recording.file,
                    i64::try_from(recording.bytes).unwrap_or(i64::MAX),
                    recording.keep_until,
                    recording.held,
                    recording.deleted,
                ],
            )?;
            Ok(())
        })
    }

    /// A recording by its name.
    ///
    /// # Errors
    /// The store's own.
    pub fn recording(&self, name: &str) -> Result<Option<Recording>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE name = ?1");
        self.connection.query_row(&sql, [name], recording).optional().map_err(self.failed())
    }

    /// The recordings that are wanted, newest first.
    ///
    /// # Errors
    /// The store's own.
    pub fn recordings(&self, wanted: &RecordingFilter) -> Result<Vec<Recording>, StoreError> {
        // Where the tenant is given the index leads through its recordings by time, from where the last answer ended; the rest is
        // looked at row by row. What is not given must not stand there: `?1 IS NULL OR tenant = ?1` is answered by no index.
        let tenant = if wanted.tenant.is_some() { "tenant = ?1" } else { "?1 IS NULL" };
        let after =
            if wanted.after.is_some() { "(began, name) < (?7, ?8)" } else { "?7 IS NULL AND ?8 IS NULL" };
        let to = if wanted.to.is_some() { "began < ?3" } else { "?3 IS NULL" };
        let from = if wanted.from.is_some() { "began >= ?2" } else { "?2 IS NULL" };
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings
             WHERE {tenant} AND {from} AND {to} AND {after}
               AND (?4 IS NULL OR instr(caller, ?4) OR instr(called, ?4))
               AND (?5 IS NULL OR instr(char(10) || agents || char(10), char(10) || ?5 || char(10)))
               AND (?6 IS NULL OR instr(char(10) || orders || char(10), char(10) || ?6 || char(10)))
             ORDER BY began DESC, name DESC LIMIT ?9"
        );
        let after = wanted.after.as_ref();
        let given = params![
            wanted.tenant,
            wanted.from,
            wanted.to,
            wanted.number,
            wanted.agent,
            wanted.order,
            after.map(|(began, _)| *began),
            after.map(|(_, name)| name),
            wanted.limit.min(MOST_RECORDINGS),
        ];
        self.list(&sql, given, recording)
    }

    /// Puts a recording under a hold, or takes it away: `None`. Whether there is such a recording with its audio.
    ///
    /// # Errors
    /// The store's own.
    pub fn hold_recording(&mut self, name: &str, reason: Option<&str>) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let sql = "UPDATE recordings SET held = ?2 WHERE name = ?1 AND deleted IS NULL";
            Ok(transaction.execute(sql, params![name, reason])? > 0)
        })
    }

    /// Puts a recording's row right: whether it is held, and whether its audio was deleted, as the ledger has it.
    ///
    /// # Errors
    /// The store's own.
    pub fn correct_recording(
        &mut self,
        name: &str,
        held: Option<&str>,
        deleted: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "UPDATE recordings SET held = ?2, deleted = ?3 WHERE name = ?1";
            transaction.execute(sql, params![name, held, deleted])?;
            Ok(())
        })
    }

    /// Recordings whose time is over and that are not held, the oldest first.
    ///
    /// # Errors
    /// The store's own.
    pub fn recordings_due(&self, now: Timestamp, most: u32) -> Result<Vec<Recording>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings WHERE keep_until <= ?1 AND deleted IS NULL AND held IS NULL
             ORDER BY keep_until LIMIT ?2"
        );
        self.list(&sql, params![now, most], recording)
    }
}

#[cfg(test)]
impl Store {
    /// So many recordings of a tenant, one a second, each with a number and an order of its own.
    pub(crate) fn fill_recordings(&mut self, count: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = format!(
                "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
                 INSERT INTO recordings ({COLUMNS}) SELECT printf('20260101T000000Z-%010x', n), 'one', n * 1000, 60000,
                 printf('+44%011d', n), '+442079460100', 'agent-' || (n % 50), 'INV-' || n, 'finished', 'x', 1, 1, NULL, NULL FROM n"
            );
            transaction.execute(&sql, [count])
        })?;
        Ok(())
    }
}

fn recording(row: &Row<'_>) -> rusqlite::Result<Recording> {
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    let count = |at: usize| row.get(at).map(|count: i64| count.max(0) as u64);
    Ok(Recording {
        name: row.get(0)?,
        tenant: row.get(1)?,
        began: row.get(2)?,
        duration: count(3)?,
        caller: row.get(4)?,
        called: row.get(5)?,
        agents: row.get(6).map(lines)?,
        orders: row.get(7).map(lines)?,
        is_interrupted: row.get::<_, String>(8)? == "interrupted",
        file: row.get(9)?,
        bytes: count(10)?,
        keep_until: row.get(11)?,
        held: row.get(12)?,
        deleted: row.get(13)?,
    })
}
