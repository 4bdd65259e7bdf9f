//! Who may sign in. An agent is never removed: results name the agent who took the payment.

use rusqlite::{OptionalExtension, Row};

use super::{Field, Password, Store, StoreError, Timestamp, text};

/// What somebody may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Take payments.
    Agent,
    /// Search the tenant's recordings and listen to them.
    Archive,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 2] = [Role::Agent, Role::Archive];

    /// The word in the database and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Archive => "archive",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Somebody who may sign in, for one tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Agent {
    /// The number by which results know them.
    pub id: i64,
    /// In lower case.
    pub user_name: String,
    /// The tenant's id.
    pub tenant: String,
    /// When they were added.
    pub created: Timestamp,
    /// Since when they may not sign in; `None` where they may.
    pub disabled: Option<Timestamp>,
    /// When they signed in last.
    pub last_sign_in: Option<Timestamp>,
    /// What they may do.
    pub role: Role,
}

/// The columns of an [`Agent`], in the order in which [`Agent::of`] reads them.
pub(super) const COLUMNS: &str = "agents.id, agents.user_name, agents.tenant, agents.created, agents.disabled, agents.last_sign_in, agents.role";

impl Agent {
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Agent> {
        Ok(Agent {
            id: row.get(0)?,
            user_name: row.get(1)?,
            tenant: row.get(2)?,
            created: row.get(3)?,
            disabled: row.get(4)?,
            last_sign_in: row.get(5)?,
            // The table takes no other word.
            role: Role::from_word(&row.get::<_, String>(6)?).unwrap_or(Role::Agent),
        })
    }
}

impl Store {
    /// Adds an agent. Takes as long as argon2id does.
    ///
    /// # Errors
    /// That the name is taken or may not be one, or the store's own.
    pub fn add_agent(
        &mut self,
        user_name: &str,
        tenant: &str,
        password: &Password,
        now: Timestamp,
    ) -> Result<Agent, StoreError> {
        self.add_user(user_name, tenant, Role::Agent, password, now)
    }

    /// Adds somebody of whatever role. Takes as long as argon2id does.
    ///
    /// # Errors
    /// As [`Store::add_agent`].
    pub fn add_user(
        &mut self,
        user_name: &str,
        tenant: &str,
        role: Role,
        password: &Password,
        now: Timestamp,
    ) -> Result<Agent, StoreError> {
        let user_name = text::user_name(user_name)?;
        text::tenant(tenant)?;
        let kept = password.hash()?;
        let added = self.write(|transaction| {
            transaction
                .query_row(
                    &format!(
                        "INSERT INTO agents (user_name, tenant, password, password_set, created, role) VALUES (?1, ?2, ?3, ?4, ?4, ?5)
                         ON CONFLICT (user_name) DO NOTHING RETURNING {COLUMNS}"
                    ),
                    (&user_name, tenant, &kept, now, role.word()),
                    Agent::of,
                )
                .optional()
        })?;
        added.ok_or(StoreError::Taken(Field::UserName))
    }

    /// Gives an agent another password, ends all their sessions, and forgets their wrong passwords.
    ///
    /// # Errors
    /// That there is no such agent, or the store's own.
    pub fn set_password(
        &mut self,
        user_name: &str,
        password: &Password,
        now: Timestamp,
    ) -> Result<Agent, StoreError> {
        let kept = password.hash()?;
        let set = "password = ?3, password_set = ?2, failures = 0, locked_until = NULL";
        self.change_agent(user_name, set, &[&now, &kept])
    }

    /// Bars an agent from signing in, and ends all their sessions. Who is barred already stays so since then.
    ///
    /// # Errors
    /// That there is no such agent, or the store's own.
    pub fn disable_agent(&mut self, user_name: &str, now: Timestamp) -> Result<Agent, StoreError> {
        self.change_agent(user_name, "disabled = coalesce(disabled, ?2)", &[&now])
    }

    /// Lets an agent sign in again.
    ///
    /// # Errors
    /// That there is no such agent, or the store's own.
    pub fn enable_agent(&mut self, user_name: &str) -> Result<Agent, StoreError> {
        self.change_agent(user_name, "disabled = NULL, failures = 0, locked_until = NULL", &[])
    }

    fn change_agent(
        &mut self,
        user_name: &str,
        set: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Agent, StoreError> {
        let Ok(user_name) = text::user_name(user_name) else { return Err(StoreError::NoSuchAgent) };
        let changed = self.write(|transaction| {
            let mut given: Vec<&dyn rusqlite::ToSql> = vec![&user_name];
            given.extend(values);
            let changed = transaction
                .query_row(
                    &format!("UPDATE agents SET {set} WHERE user_name = ?1 RETURNING {COLUMNS}"),
                    given.as_slice(),
                    Agent::of,
                )
                .optional()?;
            if let Some(agent) = &changed {
                transaction.execute("DELETE FROM sessions WHERE agent = ?1", [agent.id])?;
            }
            Ok(changed)
        })?;
        changed.ok_or(StoreError::NoSuchAgent)
    }

    /// All agents in the order of their names, or those of one tenant.
    ///
    /// # Errors
    /// The store's own.
    pub fn agents(&self, tenant: Option<&str>) -> Result<Vec<Agent>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM agents WHERE ?1 IS NULL OR tenant = ?1 ORDER BY user_name");
        self.list(&sql, [tenant], Agent::of)
    }
}
