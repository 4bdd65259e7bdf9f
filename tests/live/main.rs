//! Keyhush between real telephones and SIP peers, on DPDK, in namespaces of its own.
//!
//! `make test` runs them last: `cargo test -p keyhush-tests --test live`. They need the Debian packages that it installs
//! and the binary `keyhush`, built with the feature `test-hooks`.
#![allow(clippy::disallowed_methods, reason = "an edge: real processes live in real time")]

use std::any::type_name;
use std::process::Output;
use std::thread;
use std::time::Duration;

use keyhush_tests::live::card_call::{AGENT, CALLER};
use keyhush_tests::live::network::Host;
use keyhush_tests::live::{Outcome, sandbox};

mod archive;
mod browser;
mod calls;
mod contact_centre;
mod crowd;
mod dots;
mod endings;
mod faults;
mod links;
mod payment_faults;
mod payments;
mod payments_rest;
mod recordings;
mod rest;
mod streams;

/// Runs `body`, a closure of the test itself, in a sandbox: starts that very test again inside one, or, there already,
/// does it.
fn sandboxed<B: FnOnce() -> Outcome<()>>(body: B) {
    let test = test_of::<B>();
    if sandbox::is_inside() {
        let _kept = KeptOnPanic(test);
        let done = sandbox::furnish(Duration::from_secs(900)).and_then(|()| body());
        assert!(done.is_ok(), "{}", done.err().map(|trouble| trouble.to_string()).unwrap_or_default());
        return;
    }
    let run = sandbox::output(&only(test));
    assert_passed(&run.expect("unshare and setpriv are on every Debian"));
}

/// The test whose closure `B` is, as the test runner names it. Should that ever fail, no test is found and
/// [`assert_passed`] says so.
fn test_of<B>() -> &'static str {
    let path = type_name::<B>().trim_end_matches("::{{closure}}");
    path.split_once("::").map_or(path, |(_crate, test)| test)
}

/// The arguments for a test runner that is to run `test` alone.
fn only(test: &str) -> [&str; 4] {
    [test, "--exact", "--nocapture", "--test-threads=1"]
}

fn assert_passed(run: &Output) {
    let (said, complained) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("1 passed"), "{said}\n{complained}");
    // What it measured; seen with `--nocapture`.
    eprint!("{complained}");
}

/// Saves captures and logs of a failed test from the end of its sandbox.
struct KeptOnPanic(&'static str);

impl Drop for KeptOnPanic {
    fn drop(&mut self) {
        if thread::panicking()
            && let Ok(kept) = sandbox::keep(self.0)
        {
            eprintln!("captures and logs: {}", kept.display());
        }
    }
}

fn hosts() -> Outcome<[Host; 2]> {
    Ok([Host::new(CALLER.0, CALLER.1)?, Host::new(AGENT.0, AGENT.1)?])
}
