//! Whether somebody may sign in now. Whoever is refused learns nothing: the answer is the same, and as late, for a wrong password, a
//! wrong name, a barred agent and one with too many wrong passwords.

use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction};

use super::agents::COLUMNS;
use super::sessions::begin;
use super::{Agent, SessionToken, Store, StoreError, Timestamp, password, text};

/// Wrong passwords that cost nothing but the time to try them.
const FREE: u32 = 4;
/// What the next one costs; each further one costs twice as much.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// PCI DSS 4.0, 8.3.4: after ten at most, for half an hour at least.
const MOST: u32 = 10;
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);

/// The answer to a sign-in.
#[derive(Debug)]
pub enum SignIn {
    /// Welcome; the session has begun.
    Welcome {
        /// Who it is.
        agent: Agent,
        /// The session's token, for the cookie.
        token: SessionToken,
    },
    /// Refused. Why is for counters, never for whoever is refused.
    Refused(Refusal),
}

/// Why a sign-in was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No agent has this name.
    UnknownName,
    /// The password is another.
    WrongPassword,
    /// The agent is barred.
    Disabled,
    /// Too many wrong passwords; whatever is tried until then is refused, and does not make it longer.
    Locked {
        /// Until when.
        until: Timestamp,
    },
}

/// How long nobody may sign in after so many wrong passwords in a row.
pub(super) fn wait_after(failures: u32) -> Option<Duration> {
    match failures {
        0..=FREE => None,
        MOST.. => Some(LONGEST_WAIT),
        _ => Some(FIRST_WAIT * 2u32.pow(failures - FREE - 1)),
    }
}

struct Row {
    agent: Agent,
    failures: u32,
    locked_until: Option<Timestamp>,
}

impl Store {
    /// Tries a password. It costs one argon2id and one transaction whatever comes of it. Wrong passwords are counted, and soon make the
    /// agent wait; of a wrong name nothing is kept.
    ///
    /// # Errors
    /// The store's own; nobody is signed in then.
    pub fn sign_in(&mut self, user_name: &str, password: &str, now: Timestamp) -> Result<SignIn, StoreError> {
        // What cannot be a name is looked for all the same, under one that nobody has.
        let user_name = text::user_name(user_name).unwrap_or_default();
        let kept: Option<String> = self
            .connection
            .query_row("SELECT password FROM agents WHERE user_name = ?1", [&user_name], |row| row.get(0))
            .optional()
            .map_err(self.failed())?;
        let is_right = password::is_right(password, kept.as_deref());
        let token = SessionToken::random()?;
        self.write(|transaction| {
            // Read again, with the right to write: of many passwords tried at once each sees what the others cost.
            let row = transaction
                .query_row(
                    &format!(
                        "SELECT {COLUMNS}, failures, locked_until FROM agents WHERE user_name = ?1 AND password IS ?2"
                    ),
                    (&user_name, &kept),
                    |row| Ok(Row { agent: Agent::of(row)?, failures: row.get(7)?, locked_until: row.get(8)? }),
                )
                .optional()?;
            let Some(Row { agent, failures, locked_until }) = row else {
                let sql = "UPDATE unknown_sign_ins SET failures = failures + 1, last_refusal = ?1";
                transaction.execute(sql, [now])?;
                count(transaction)?;
                return Ok(SignIn::Refused(Refusal::UnknownName));
            };
            let refusal = match locked_until {
                Some(until) if until > now => Refusal::Locked { until },
                _ if agent.disabled.is_some() => Refusal::Disabled,
                _ if is_right => {
                    let agent = welcome(transaction, agent, now)?;
                    begin(transaction, &token, agent.id, now)?;
                    return Ok(SignIn::Welcome { agent, token });
                }
                _ => Refusal::WrongPassword,
            };
            let failures = failures.saturating_add(u32::from(refusal == Refusal::WrongPassword));
            let until = match refusal {
                Refusal::Locked { until } => Some(until),
                _ => wait_after(failures).map(|wait| now.after(wait)),
            };
            let sql = "UPDATE agents SET failures = ?2, locked_until = ?3, refusals = refusals + 1 WHERE id = ?1";
            transaction.execute(sql, (agent.id, failures, until))?;
            count(transaction)?;
            Ok(SignIn::Refused(refusal))
        })
    }
}

/// Counts a refusal. SQLite spares itself a write that changes nothing, as when a locked agent stays locked: counters always change, so
/// that no answer comes sooner than another.
fn count(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    transaction.execute("UPDATE refused_sign_ins SET times = times + 1", ())
}

fn welcome(transaction: &Transaction<'_>, agent: Agent, now: Timestamp) -> rusqlite::Result<Agent> {
    let sql = "UPDATE agents SET failures = 0, locked_until = NULL, last_sign_in = ?2 WHERE id = ?1";
    transaction.execute(sql, (agent.id, now))?;
    Ok(Agent { last_sign_in: Some(now), ..agent })
}
