//! `keyhush user`: who may take payments, and who may hear recordings.

use std::io::{self, ErrorKind, Write, stdout};
use std::time::{SystemTime, UNIX_EPOCH};

use control::store::{Agent, Password, Role, Store, StoreError, Timestamp};
use serde_json::json;
use settings::Settings;

use crate::cli::{RoleArg, UserAction, UserArgs};
use crate::exit::Failure;
use crate::secret_input;

/// Adds, bars, lists.
pub(crate) fn run(given: &UserArgs) -> Result<(), Failure> {
    match &given.action {
        UserAction::Add(add) => {
            let settings = Settings::load(&add.at.config)?;
            check_tenant(&settings, &add.tenant)?;
            let mut store = open(&settings)?;
            let password = password(add.from.password_stdin)?;
            let role = match add.role {
                RoleArg::Agent => Role::Agent,
                RoleArg::Archive => Role::Archive,
            };
            let added = store.add_user(&add.name, &add.tenant, role, &password, now()?).map_err(failure)?;
            say(&format!("{} of {} may sign in", added.user_name, added.tenant))
        }
        UserAction::Disable(given) => {
            let agent = open(&Settings::load(&given.at.config)?)?
                .disable_agent(&given.name, now()?)
                .map_err(failure)?;
            say(&format!("{} may not sign in any more, and is signed out", agent.user_name))
        }
        UserAction::Enable(given) => {
            let agent =
                open(&Settings::load(&given.at.config)?)?.enable_agent(&given.name).map_err(failure)?;
            say(&format!("{} may sign in", agent.user_name))
        }
        UserAction::Password(given) => {
            let mut store = open(&Settings::load(&given.at.config)?)?;
            let password = password(given.from.password_stdin)?;
            let agent = store.set_password(&given.name, &password, now()?).map_err(failure)?;
            say(&format!("{} has another password, and is signed out", agent.user_name))
        }
        UserAction::List(given) => {
            let agents =
                open(&Settings::load(&given.at.config)?)?.agents(given.tenant.as_deref()).map_err(failure)?;
            if given.json { in_json(&agents) } else { table(&agents) }
        }
    }
}

fn open(settings: &Settings) -> Result<Store, Failure> {
    Store::open(&settings.store.directory).map_err(failure)
}

fn failure(error: StoreError) -> Failure {
    let remedy = match &error {
        StoreError::Invalid(control::store::Field::UserName) => {
            ": 1 to 64 letters, digits and . _ @ + -, and no card number"
        }
        StoreError::Taken(_) => ": choose another, or `keyhush user enable` or `password`",
        StoreError::NoSuchAgent => "; `keyhush user list` shows them",
        _ => "",
    };
    Failure::new(format!("{error}{remedy}"))
}

fn check_tenant(settings: &Settings, tenant: &str) -> Result<(), Failure> {
    let tenants = settings.load_tenants()?;
    if tenants.get(tenant).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = tenants.iter().map(|tenant| tenant.id.as_str()).collect();
    Err(Failure::new(match known.as_slice() {
        [] => {
            "there are no tenants: name their directory as tenants.directory, with a file for each".to_owned()
        }
        known => format!("there is no tenant \"{}\"; there are {}", tenant.escape_debug(), known.join(", ")),
    }))
}

fn password(from_stdin: bool) -> Result<Password, Failure> {
    let unread = |error: io::Error| {
        Failure::new(match error.kind() {
            ErrorKind::Interrupted => "nothing was changed".to_owned(),
            ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                format!("the terminal: {error}; there is --password-stdin")
            }
            // ENXIO: a process without a terminal
            _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                "there is no terminal to ask for the password at; there is --password-stdin".to_owned()
            }
            _ => format!("the password: {error}"),
        })
    };
    let text = if from_stdin {
        secret_input::from_stdin().map_err(unread)?
    } else {
        let text = secret_input::from_terminal("Password: ").map_err(unread)?;
        if *secret_input::from_terminal("The same again: ").map_err(unread)? != *text {
            return Err(Failure::new("the two are not the same; nothing was changed"));
        }
        text
    };
    Password::new(text).map_err(Failure::new)
}

#[allow(clippy::disallowed_methods, reason = "an edge: the store is told the time of day")]
fn now() -> Result<Timestamp, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.ok().and_then(|since| i64::try_from(since.as_millis()).ok());
    millis.map(Timestamp::from_unix_millis).ok_or_else(|| Failure::new("the clock stands before 1970"))
}

fn say(text: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{text}").or_else(Failure::output)
}

fn in_json(agents: &[Agent]) -> Result<(), Failure> {
    let one = |agent: &Agent| {
        json!({
            "name": agent.user_name,
            "tenant": agent.tenant,
            "role": agent.role.word(),
            "disabled": agent.disabled.map(utc),
            "created": utc(agent.created),
            "last_sign_in": agent.last_sign_in.map(utc),
        })
    };
    let answer = json!({ "users": agents.iter().map(one).collect::<Vec<_>>() });
    writeln!(stdout(), "{answer:#}").or_else(Failure::output)
}

fn table(agents: &[Agent]) -> Result<(), Failure> {
    let head = ["NAME", "TENANT", "ROLE", "STATE", "LAST SIGN-IN"].map(str::to_owned);
    let row = |agent: &Agent| {
        let state = if agent.disabled.is_some() { "disabled" } else { "enabled" };
        let last = agent.last_sign_in.map_or_else(|| "never".to_owned(), utc);
        [agent.user_name.clone(), agent.tenant.clone(), agent.role.word().to_owned(), state.to_owned(), last]
    };
    let rows: Vec<[String; 5]> = core::iter::once(head).chain(agents.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (names, tenants, roles, states) = (width(0), width(1), width(2), width(3));
    let mut out = stdout().lock();
    rows.iter()
        .try_for_each(|[name, tenant, role, state, last]| {
            writeln!(out, "{name:names$}  {tenant:tenants$}  {role:roles$}  {state:states$}  {last}")
        })
        .or_else(Failure::output)
}

/// RFC 3339, in UTC, to the second. The days are counted as from 1 March of the year 0, so that a leap day ends a year.
pub(crate) fn utc(time: Timestamp) -> String {
    let seconds = time.unix_millis().div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let days = days + 719_468; // from 0000-03-01 to 1970-01-01
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097)); // 400 years
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // from March
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = year + era * 400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        let shown = |seconds: i64| utc(Timestamp::from_unix_millis(seconds * 1000));
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(shown(1_709_251_200), "2024-03-01T00:00:00Z");
        assert_eq!(shown(1_795_590_000), "2026-11-25T07:00:00Z");
        assert_eq!(shown(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(shown(-1), "1969-12-31T23:59:59Z");
    }
}
