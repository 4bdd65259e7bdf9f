//! From every older version to the newest.

use rusqlite::Connection;

use super::super::migrations::{ALL, migrate};
use super::*;

fn at_version(directory: &Directory, version: usize) -> Connection {
    let file = super::super::files::prepare(&directory.0).expect("prepared");
    let mut connection = Connection::open(&file).expect("made");
    if version > 0 {
        migrate(&mut connection, &file, &ALL[..version]).expect("brought there");
    }
    connection
}

fn schema(connection: &Connection) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut statement = connection.prepare(sql).expect("prepared");
    statement.query_map((), |row| row.get(0)).expect("asked").map(|row| row.expect("a text")).collect()
}

#[test]
fn every_older_version_comes_to_the_newest_with_what_it_holds() {
    let fresh = Directory::new();
    let newest = schema(&fresh.store().connection);
    for version in 0..=ALL.len() {
        let directory = Directory::new();
        let old = at_version(&directory, version);
        let agents = if version >= 1 {
            let sql = "INSERT INTO agents (user_name, tenant, password, password_set, created) VALUES ('anna', 'example', ?1, 1, 1)";
            old.execute(sql, [password(PASSWORD).hash().expect("hashed")]).expect("added")
        } else {
            0
        };
        drop(old);
        let mut store = directory.store();
        assert_eq!(schema(&store.connection), newest, "from {version}");
        assert_eq!(store.agents(None).expect("listed").len(), agents, "from {version}");
        if agents > 0 {
            let answer = store.sign_in("anna", PASSWORD, NOW).expect("no fault");
            assert!(matches!(answer, SignIn::Welcome { .. }), "from {version}");
        }
        drop(store);
        drop(directory.store());
    }
}

#[test]
fn a_step_that_fails_leaves_the_version_before_it() {
    let directory = Directory::new();
    let mut connection = at_version(&directory, 1);
    let before = schema(&connection);
    let steps =
        [ALL[0], "CREATE TABLE more (x) STRICT;", "CREATE TABLE half (x INTEGER) STRICT; this is no SQL;"];
    assert!(migrate(&mut connection, &directory.file(), &steps).is_err());
    assert_eq!(schema(&connection), before);
    drop(connection);
    assert_eq!(directory.store().agents(None).expect("listed"), []);
}

#[test]
fn a_newer_version_is_left_alone() {
    let directory = Directory::new();
    drop(directory.store());
    let connection = Connection::open(directory.file()).expect("opened");
    connection.pragma_update(None, "user_version", 99).expect("set");
    drop(connection);
    let error = Store::open(&directory.0).err().expect("it does not open");
    assert!(matches!(error, StoreError::Newer { version: 99, known: 5, .. }), "{error}");
}

/// Processes that start at once, on a new database.
#[test]
fn many_may_open_a_new_store_at_once() {
    let directory = Directory::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(directory.store()));
        }
    });
    assert_eq!(schema(&directory.store().connection).len(), 14);
}
