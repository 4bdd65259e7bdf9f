//! Keyhush between real telephones and SIP peers, on DPDK, in namespaces of its own.
//!
//! `make test` runs them last: `cargo test -p keyhush-tests --test live`. They need the Debian packages that it installs
//! and the binary `keyhush`, built with the feature `test-hooks`.
#![allow(clippy::disallowed_methods, reason = "an edge: real processes live in real time")]

use std::time::Duration;

use keyhush_tests::live::card_call::{self, AGENT, CALLER};
use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::network::{Host, settled};
use keyhush_tests::live::sipp::{Load, PACKETS_A_CALL, Tally};
use keyhush_tests::live::{Outcome, sandbox};

/// Runs `body` in a sandbox: starts this very test again inside one, or, there already, does it.
fn sandboxed(test: &'static str, body: fn() -> Outcome<()>) {
    if sandbox::is_inside() {
        let _kept = KeptOnPanic(test);
        let done = sandbox::furnish(Duration::from_secs(180)).and_then(|()| body());
        assert!(done.is_ok(), "{}", done.err().map(|trouble| trouble.to_string()).unwrap_or_default());
        return;
    }
    let run = sandbox::output(&[test, "--exact", "--nocapture", "--test-threads=1"]);
    let run = run.expect("unshare and setpriv are on every Debian");
    let (said, complained) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}

/// Saves captures and logs of a failed test from the end of its sandbox.
struct KeptOnPanic(&'static str);

impl Drop for KeptOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(kept) = sandbox::keep(self.0)
        {
            eprintln!("captures and logs: {}", kept.display());
        }
    }
}

fn hosts() -> Outcome<[Host; 2]> {
    Ok([Host::new(CALLER.0, CALLER.1)?, Host::new(AGENT.0, AGENT.1)?])
}

#[test]
fn a_card_number_keyed_in_secure_mode_does_not_reach_the_agents_phone() {
    sandboxed("a_card_number_keyed_in_secure_mode_does_not_reach_the_agents_phone", || {
        let [caller, agent] = hosts()?;
        let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let seen = card_call::run(&mut keyhush, &caller, &agent, &mut |_| {})?;
        assert_eq!(seen.faults(), [""; 0], "{seen:#?}");
        Ok(())
    });
}

#[test]
fn no_call_fails_and_no_packet_is_lost_at_twenty_calls_a_second() {
    sandboxed("no_call_fails_and_no_packet_is_lost_at_twenty_calls_a_second", || {
        const CALLS: u32 = 600;
        let [caller, agent] = hosts()?;
        let keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let before = settled([&caller, &agent])?;
        let tally = Load { calls: CALLS, a_second: 20 }.start(&caller, &agent)?.finish(Duration::from_secs(60))?;
        let after = settled([&caller, &agent])?;
        let sent = [after[0].sent - before[0].sent, after[1].sent - before[1].sent];
        let received = [after[0].received - before[0].received, after[1].received - before[1].received];
        assert_eq!(tally, Tally::of(CALLS));
        assert_eq!(sent, [received[1], received[0]], "caller and agent");
        assert!(sent.iter().all(|&packets| packets > u64::from(CALLS) * PACKETS_A_CALL), "{sent:?}: no voice");
        assert_eq!(after.map(|host| host.dropped), before.map(|host| host.dropped));
        assert_eq!(keyhush.counter("calls_begun")?, u64::from(CALLS));
        assert_eq!(keyhush.counter("calls_ended")?, u64::from(CALLS));
        for (name, value) in keyhush.counters()? {
            let harmless = !name.starts_with("drop_") && !name.ends_with("_full") && !name.ends_with("_lost");
            assert!(harmless || value == 0, "{name}: {value}");
        }
        Ok(())
    });
}
