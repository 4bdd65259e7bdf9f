//! Payments sent to a PSP, and what became of them. An attempt is written before it is sent, so that after whatever happens the PSP can
//! be asked about it by our own reference; it only ever goes forward.
//!
//! ```text
//! prepared ──▶ sent ──▶ approved, declined, failed
//!     │          └────▶ unknown ──▶ approved, declined, failed
//!     └────────▶ failed
//! ```

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Row, ToSql};

use super::{Field, Store, StoreError, Timestamp, text};

/// Attempts of one answer at most.
const PAGE: u32 = 500;

/// How far an attempt has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Written down, not yet sent.
    Prepared,
    /// Being sent; the PSP may have it. After a restart it is as good as unknown.
    Sent,
    /// The PSP gave no answer that says what became of it, and is asked.
    Unknown,
    /// The money is authorised.
    Approved,
    /// The PSP, or the bank, said no.
    Declined,
    /// No money can have moved: it was never sent, or the PSP does not know it or could not read it.
    Failed,
}

impl State {
    const ALL: [State; 6] =
        [State::Prepared, State::Sent, State::Unknown, State::Approved, State::Declined, State::Failed];

    /// As it is kept and shown.
    pub const fn name(self) -> &'static str {
        match self {
            State::Prepared => "prepared",
            State::Sent => "sent",
            State::Unknown => "unknown",
            State::Approved => "approved",
            State::Declined => "declined",
            State::Failed => "failed",
        }
    }

    /// Whether nothing more can become of it.
    pub const fn is_final(self) -> bool {
        matches!(self, State::Approved | State::Declined | State::Failed)
    }

    /// Whether it can become `next`. The database holds to this too.
    pub const fn leads_to(self, next: State) -> bool {
        match self {
            State::Prepared => matches!(next, State::Sent | State::Failed),
            State::Sent => matches!(next, State::Unknown) || next.is_final(),
            State::Unknown => next.is_final(),
            State::Approved | State::Declined | State::Failed => false,
        }
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        State::ALL.into_iter().find(|state| state.name() == name).ok_or(FromSqlError::InvalidType)
    }
}

/// What is known before an attempt is sent. There is no place in it for a card number.
#[derive(Clone, Copy, Debug)]
pub struct NewAttempt<'a> {
    /// The payment session; it may have several attempts. 1 to 64 letters, digits, hyphens and underscores, as for the next two.
    pub session: &'a str,
    /// Our own reference, by which the PSP can be asked; no other attempt has it.
    pub our_reference: &'a str,
    /// The key by which the PSP knows a request that comes twice; no other attempt has it.
    pub idempotency_key: &'a str,
    /// The tenant's id.
    pub tenant: &'a str,
    /// [`super::Agent::id`]
    pub agent: i64,
    /// In the currency's smallest unit; above zero.
    pub amount: i64,
    /// ISO 4217: three capital letters.
    pub currency: &'a str,
    /// What the agent calls it: at most 64 letters of ASCII.
    pub order_reference: Option<&'a str>,
    /// The card's brand, in lower-case letters.
    pub brand: Option<&'a str>,
    /// The card number's first six digits, where the tenant lets them be shown.
    pub first_six: Option<&'a str>,
    /// Its last four, where the tenant lets them be shown.
    pub last_four: Option<&'a str>,
    /// Which PSP, in lower-case letters.
    pub psp: &'a str,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// Its next state.
    pub state: State,
    /// What the PSP calls it, once that is known; what is known stays.
    pub psp_reference: Option<&'a str>,
    /// Why, in the PSP's words.
    pub reason: Option<&'a str>,
}

impl Outcome<'_> {
    /// A state about which there is no more to say.
    pub const fn of(state: State) -> Outcome<'static> {
        Outcome { state, psp_reference: None, reason: None }
    }
}

/// What a change came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It has gone forward.
    Forward,
    /// It was there already: an answer that came twice.
    Already,
}

/// An attempt as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "as in NewAttempt and Outcome")]
pub struct Attempt {
    /// Its number; later attempts have higher ones.
    pub id: i64,
    pub session: String,
    pub our_reference: String,
    pub idempotency_key: String,
    pub tenant: String,
    pub agent: i64,
    pub amount: i64,
    pub currency: String,
    pub order_reference: Option<String>,
    pub brand: Option<String>,
    pub first_six: Option<String>,
    pub last_four: Option<String>,
    pub psp: String,
    pub psp_reference: Option<String>,
    pub state: State,
    pub reason: Option<String>,
    /// When it was prepared.
    pub created: Timestamp,
    /// When it got its state.
    pub changed: Timestamp,
}

/// Which attempts of a list are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Created at this time or later.
    pub from: Timestamp,
    /// Created before this time.
    pub until: Timestamp,
    /// Those older than this one: the `(created, id)` of the last one of the page before.
    pub after: Option<(Timestamp, i64)>,
    /// How many, 500 at most.
    pub limit: u32,
}

const COLUMNS: &str = "id, session, our_reference, idempotency_key, tenant, agent, amount, currency, order_reference, brand, \
                       first_six, last_four, psp, psp_reference, state, reason, created, changed";

impl Attempt {
    fn of(row: &Row<'_>) -> rusqlite::Result<Attempt> {
        Ok(Attempt {
            id: row.get(0)?,
            session: row.get(1)?,
            our_reference: row.get(2)?,
            idempotency_key: row.get(3)?,
            tenant: row.get(4)?,
            agent: row.get(5)?,
            amount: row.get(6)?,
            currency: row.get(7)?,
            order_reference: row.get(8)?,
            brand: row.get(9)?,
            first_six: row.get(10)?,
            last_four: row.get(11)?,
            psp: row.get(12)?,
            psp_reference: row.get(13)?,
            state: row.get(14)?,
            reason: row.get(15)?,
            created: row.get(16)?,
            changed: row.get(17)?,
        })
    }
}

fn check(new: &NewAttempt<'_>) -> Result<(), StoreError> {
    text::own(Field::SessionId, new.session)?;
    text::own(Field::OurReference, new.our_reference)?;
    text::own(Field::IdempotencyKey, new.idempotency_key)?;
    text::tenant(new.tenant)?;
    text::currency(new.currency)?;
    text::word(Field::Psp, new.psp)?;
    new.order_reference.map_or(Ok(()), text::order_reference)?;
    new.brand.map_or(Ok(()), |brand| text::word(Field::Brand, brand))?;
    new.first_six.map_or(Ok(()), |digits| text::digits(Field::FirstSix, digits, 6))?;
    new.last_four.map_or(Ok(()), |digits| text::digits(Field::LastFour, digits, 4))?;
    if new.amount > 0 { Ok(()) } else { Err(StoreError::Invalid(Field::Amount)) }
}

impl Store {
    /// Writes an attempt down, before it is sent. When this returns, it survives whatever happens.
    ///
    /// # Errors
    /// What may not be kept of it, that there is an attempt with its reference or key, that there is no such agent, or the store's own.
    pub fn prepare_attempt(&mut self, new: &NewAttempt<'_>, now: Timestamp) -> Result<Attempt, StoreError> {
        check(new)?;
        self.write(|transaction| {
            let is_taken = |column: &str, value: &str| {
                let sql = format!("SELECT EXISTS (SELECT 1 FROM attempts WHERE {column} = ?1)");
                transaction.query_row(&sql, [value], |row| row.get::<_, bool>(0))
            };
            if is_taken("our_reference", new.our_reference)? {
                return Ok(Err(StoreError::Taken(Field::OurReference)));
            }
            if is_taken("idempotency_key", new.idempotency_key)? {
                return Ok(Err(StoreError::Taken(Field::IdempotencyKey)));
            }
            let agent = "SELECT EXISTS (SELECT 1 FROM agents WHERE id = ?1)";
            if !transaction.query_row(agent, [new.agent], |row| row.get::<_, bool>(0))? {
                return Ok(Err(StoreError::NoSuchAgent));
            }
            transaction
                .query_row(
                    &format!(
                        "INSERT INTO attempts (session, our_reference, idempotency_key, tenant, agent, amount, currency, \
                         order_reference, brand, first_six, last_four, psp, state, created, changed) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'prepared', ?13, ?13) RETURNING {COLUMNS}"
                    ),
                    rusqlite::params![
                        new.session,
                        new.our_reference,
                        new.idempotency_key,
                        new.tenant,
                        new.agent,
                        new.amount,
                        new.currency,
                        new.order_reference,
                        new.brand,
                        new.first_six,
                        new.last_four,
                        new.psp,
                        now
                    ],
                    Attempt::of,
                )
                .map(Ok)
        })?
    }

    /// Takes an attempt forward. The same state twice is no error and changes nothing.
    ///
    /// # Errors
    /// That there is no such attempt, that it cannot become this, what may not be kept, or the store's own.
    pub fn advance_attempt(
        &mut self,
        our_reference: &str,
        outcome: &Outcome<'_>,
        now: Timestamp,
    ) -> Result<Change, StoreError> {
        let psp_reference = outcome.psp_reference.map_or(Ok(None), text::psp_reference)?;
        let reason = outcome.reason.map(text::reason);
        let next = outcome.state;
        self.write(|transaction| {
            let sql = "SELECT state FROM attempts WHERE our_reference = ?1";
            let state: Option<State> = transaction.query_row(sql, [our_reference], |row| row.get(0)).optional()?;
            Ok(match state {
                None => Err(StoreError::NoSuchAttempt),
                Some(state) if state == next => Ok(Change::Already),
                Some(from) if !from.leads_to(next) => Err(StoreError::Backwards { from, to: next }),
                Some(_) => {
                    transaction.execute(
                        "UPDATE attempts SET state = ?2, psp_reference = coalesce(psp_reference, ?3), reason = coalesce(?4, reason), \
                         changed = ?5 WHERE our_reference = ?1",
                        (our_reference, next, psp_reference, reason, now),
                    )?;
                    Ok(Change::Forward)
                }
            })
        })?
    }

    /// The attempt with our own reference.
    ///
    /// # Errors
    /// The store's own.
    pub fn attempt(&self, our_reference: &str) -> Result<Option<Attempt>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM attempts WHERE our_reference = ?1");
        self.connection.query_row(&sql, [our_reference], Attempt::of).optional().map_err(self.failed())
    }

    /// A tenant's attempts, the latest first.
    ///
    /// # Errors
    /// The store's own.
    pub fn attempts(&self, tenant: &str, page: &Page) -> Result<Vec<Attempt>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM attempts WHERE tenant = ?1 AND created >= ?2 AND created < ?3 \
             AND (created, id) < (?4, ?5) ORDER BY created DESC, id DESC LIMIT ?6"
        );
        let (created, id) = page.after.unwrap_or((Timestamp::from_unix_millis(i64::MAX), i64::MAX));
        let given = (tenant, page.from, page.until, created, id, page.limit.min(PAGE));
        self.list(&sql, given, Attempt::of)
    }

    /// Attempts of which it is not known what became of them, after the one with this number, the oldest first, 500 at most: the PSP is
    /// asked about each. One that is still prepared was never sent.
    ///
    /// # Errors
    /// The store's own.
    pub fn unresolved_attempts(&self, after: i64) -> Result<Vec<Attempt>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM attempts WHERE state IN ('prepared', 'sent', 'unknown') AND id > ?1 ORDER BY id LIMIT {PAGE}"
        );
        self.list(&sql, [after], Attempt::of)
    }
}
