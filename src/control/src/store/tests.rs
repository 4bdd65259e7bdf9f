//! The store by what its callers and whoever reads the disk see.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod attempts;
mod damage;
mod no_digit_rests;
mod signing_in;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use zeroize::Zeroizing;

use super::*;

static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

const PASSWORD: &str = "correct horse battery";
const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

/// A directory of its own, gone with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("keyhush-store-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Directory(path)
    }

    fn store(&self) -> Store {
        Store::open(&self.0).map_err(|error| error.to_string()).expect("it opens")
    }

    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.to_owned())).expect("long enough")
}

fn seconds(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

/// A store with the agent "anna" of the tenant "example".
fn with_anna(directory: &Directory) -> (Store, Agent) {
    let mut store = directory.store();
    let anna = store.add_agent("Anna", "example", &password(PASSWORD), NOW).expect("added");
    (store, anna)
}

fn new_attempt(agent: i64, reference: &str) -> NewAttempt<'_> {
    NewAttempt {
        session: "session-1",
        our_reference: reference,
        idempotency_key: reference,
        tenant: "example",
        agent,
        amount: 12_50,
        currency: "GBP",
        order_reference: Some("Order 42"),
        brand: Some("visa"),
        first_six: Some("411111"),
        last_four: Some("1111"),
        psp: "sandbox",
    }
}
