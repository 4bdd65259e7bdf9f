//! A disk that is full, a file that is damaged or somebody else's: errors that say so, and nothing half done.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn fault(directory: &Directory) -> StoreError {
    Store::open(&directory.0).err().expect("it does not open")
}

#[test]
fn only_the_owner_may_read_the_store() {
    let directory = Directory::new();
    let (store, _) = with_anna(&directory);
    assert_eq!(mode(&directory.0), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&directory.0.join(format!("{FILE}{suffix}"))), 0o600, "{suffix}");
    }
    drop(store);
    fs::set_permissions(directory.file(), Permissions::from_mode(0o640)).expect("ours");
    let error = fault(&directory);
    assert!(matches!(error, StoreError::Exposed { mode: 0o640, .. }), "{error}");
    assert!(error.to_string().contains("chmod 600"), "{error}");
    fs::set_permissions(directory.file(), Permissions::from_mode(0o600)).expect("ours");
    fs::set_permissions(&directory.0, Permissions::from_mode(0o755)).expect("ours");
    let error = fault(&directory);
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

#[test]
fn a_directory_may_be_reached_by_a_link() {
    let directory = Directory::new();
    let (store, _) = with_anna(&directory);
    drop(store);
    let link = directory.0.join("link");
    std::os::unix::fs::symlink(&directory.0, &link).expect("linked");
    assert_eq!(Store::open(&link).expect("it opens").agents(None).expect("listed").len(), 1);
}

#[test]
fn a_full_disk_is_an_error_and_keeps_nothing_half() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    store.prepare_attempt(&new_attempt(anna.id, "kh-before"), NOW).expect("prepared");
    // SQLite's own bound gives the same error as a disk without room.
    let pages: i64 =
        store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("counted");
    store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).expect("bounded");
    let mut written = 0;
    let error = loop {
        let reference = format!("kh-{written}");
        match store.prepare_attempt(&new_attempt(anna.id, &reference), NOW) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "it is never full");
    };
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert!(store.attempt(&format!("kh-{written}")).expect("read").is_none());
    store.advance_attempt("kh-before", &Outcome::of(State::Sent), NOW).expect("what needs no room goes on");
    drop(store);
    let mut store = directory.store();
    assert_eq!(store.unresolved_attempts(0).expect("listed").len(), (written + 1).min(500));
    store.prepare_attempt(&new_attempt(anna.id, "kh-after"), NOW).expect("with room again");
}

#[test]
fn a_damaged_file_is_an_error_wherever_it_is_damaged() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    for number in 0..50 {
        store.prepare_attempt(&new_attempt(anna.id, &format!("kh-{number}")), NOW).expect("prepared");
    }
    drop(store);
    let whole = fs::read(directory.file()).expect("readable");
    let mut found = 0;
    for at in (0..whole.len()).step_by(331) {
        let mut bent = whole.clone();
        let end = (at + 64).min(bent.len());
        bent[at..end].fill(0xa5);
        fs::write(directory.file(), &bent).expect("written");
        let use_it = || -> Result<(), StoreError> {
            let mut store = Store::open(&directory.0)?;
            store.agents(None)?;
            store.unresolved_attempts(0)?;
            store.sign_in("anna", PASSWORD, NOW)?;
            store.prepare_attempt(&new_attempt(anna.id, "kh-new"), NOW)?;
            store.advance_attempt("kh-new", &Outcome::of(State::Sent), NOW)?;
            Ok(())
        };
        match use_it() {
            Ok(()) | Err(StoreError::NoSuchAgent | StoreError::Newer { .. } | StoreError::NotOurs(_)) => {}
            Err(StoreError::Corrupt(_)) => found += 1,
            Err(StoreError::Database { .. } | StoreError::Taken(_) | StoreError::NoSuchAttempt) => {}
            Err(other) => panic!("at {at}: {other}"),
        }
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(directory.0.join(format!("{FILE}{suffix}")));
        }
    }
    assert!(found > 10, "{found}");
    for text in ["not a database at all, but long enough to be looked at", "x"] {
        fs::write(directory.file(), text.repeat(40)).expect("written");
        let error = fault(&directory);
        assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        assert!(error.to_string().contains("backup"), "{error}");
    }
}

#[test]
fn another_programs_database_is_left_alone() {
    let directory = Directory::new();
    drop(directory.store());
    fs::remove_file(directory.file()).expect("removed");
    let other = Connection::open(directory.file()).expect("made");
    other.execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 1;").expect("made");
    drop(other);
    fs::set_permissions(directory.file(), Permissions::from_mode(0o600)).expect("ours");
    assert!(matches!(fault(&directory), StoreError::NotOurs(_)));
}

#[test]
fn what_is_no_file_or_no_directory_is_refused() {
    let directory = Directory::new();
    drop(directory.store());
    fs::remove_file(directory.file()).expect("removed");
    fs::create_dir(directory.file()).expect("made");
    assert!(matches!(fault(&directory), StoreError::System { .. }));
    fs::remove_dir(directory.file()).expect("removed");
    let elsewhere = directory.0.join("elsewhere");
    fs::write(&elsewhere, "").expect("written");
    std::os::unix::fs::symlink(&elsewhere, directory.file()).expect("linked");
    assert!(matches!(fault(&directory), StoreError::System { .. }));
    let error = Store::open(Path::new("/proc/keyhush")).err().expect("nothing is made there");
    assert!(matches!(error, StoreError::System { .. }), "{error}");
}
