//! Who is signed in. The token is in the agent's cookie; here is only its SHA-256.

use core::fmt;
use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::agents::COLUMNS;
use super::{Agent, Store, StoreError, Timestamp, password};

/// PCI DSS 4.0, 8.2.8: whoever does nothing for 15 minutes signs in again.
pub(super) const IDLE: Duration = Duration::from_secs(15 * 60);
/// A long shift.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// A use is written down no more often than this: pages ask often.
const SEEN_EVERY: Duration = Duration::from_secs(30);
/// Sessions of one agent at a time; one more, and the oldest ends.
const OF_ONE_AGENT: u32 = 8;
const BYTES: usize = 32;

/// What a browser shows to be known again: 256 random bits. It does not print and is wiped when dropped.
#[derive(PartialEq, Eq)]
pub struct SessionToken(Zeroizing<[u8; BYTES]>);

impl SessionToken {
    pub(super) fn random() -> Result<SessionToken, StoreError> {
        let mut token = SessionToken(Zeroizing::new([0; BYTES]));
        password::fill(&mut *token.0)?;
        Ok(token)
    }

    /// Reads what a cookie holds: 64 hexadecimal digits. Whether anybody has this token is another question.
    pub fn parse(text: &str) -> Option<SessionToken> {
        let mut token = SessionToken(Zeroizing::new([0; BYTES]));
        if text.len() != 2 * BYTES {
            return None;
        }
        let mut digits =
            text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
        for byte in token.0.iter_mut() {
            *byte = digits.next()?? << 4 | digits.next()??;
        }
        Some(token)
    }

    /// The cookie's value, for the browser alone.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * BYTES));
        for byte in self.0.iter() {
            for half in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(half.into(), 16));
            }
        }
        text
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(_)")
    }
}

/// Somebody who is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Session {
    /// Who.
    pub agent: Agent,
    /// Since when.
    pub begun: Timestamp,
    /// When it ends unless it is used.
    pub idle_ends: Timestamp,
    /// When it ends however much it is used.
    pub ends: Timestamp,
}

/// Begins a session.
pub(super) fn begin(
    transaction: &Transaction<'_>,
    token: &SessionToken,
    agent: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM sessions WHERE agent = ?1 AND token_hash NOT IN
         (SELECT token_hash FROM sessions WHERE agent = ?1 ORDER BY begun DESC LIMIT ?2)",
        (agent, OF_ONE_AGENT - 1),
    )?;
    transaction.execute(
        "INSERT INTO sessions (token_hash, agent, begun, seen, ends) VALUES (?1, ?2, ?3, ?3, ?4)",
        (token.hash(), agent, now, now.after(LONGEST)),
    )?;
    Ok(())
}

impl Store {
    /// Whose token this is, and that it was used now. `None` where nobody has it, it has ended, or its agent is barred.
    ///
    /// # Errors
    /// The store's own.
    pub fn session(&mut self, token: &SessionToken, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let mut hash = token.hash();
        let sql = format!(
            "SELECT {COLUMNS}, begun, seen, ends FROM sessions JOIN agents ON agents.id = sessions.agent
             WHERE token_hash = ?1 AND agents.disabled IS NULL"
        );
        let found = self
            .connection
            .query_row(&sql, [hash], |row| {
                let (seen, ends): (Timestamp, Timestamp) = (row.get(8)?, row.get(9)?);
                let session =
                    Session { agent: Agent::of(row)?, begun: row.get(7)?, idle_ends: now.after(IDLE), ends };
                Ok((seen, session))
            })
            .optional()
            .map_err(self.failed())?;
        let Some((seen, session)) =
            found.filter(|(seen, session)| now < seen.after(IDLE) && now < session.ends)
        else {
            return Ok(None);
        };
        if now >= seen.after(SEEN_EVERY) {
            self.write(|transaction| {
                transaction
                    .execute("UPDATE sessions SET seen = max(seen, ?2) WHERE token_hash = ?1", (hash, now))
            })?;
        }
        hash.zeroize();
        Ok(Some(session))
    }

    /// Ends a session. One that nobody has has ended.
    ///
    /// # Errors
    /// The store's own.
    pub fn end_session(&mut self, token: &SessionToken) -> Result<(), StoreError> {
        let hash = token.hash();
        self.write(|transaction| transaction.execute("DELETE FROM sessions WHERE token_hash = ?1", [hash]))?;
        Ok(())
    }

    /// Removes sessions that have ended by themselves, and says how many; for now and then.
    ///
    /// # Errors
    /// The store's own.
    pub fn remove_ended_sessions(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(|transaction| {
            transaction
                .execute("DELETE FROM sessions WHERE ends <= ?1 OR seen <= ?2", (now, now.before(IDLE)))
        })
    }
}
