//! Keyhush between real telephones and SIP peers, on DPDK, in namespaces of its own.
//!
//! `make test` runs them last: `cargo test -p keyhush-tests --test live`. They need the Debian packages that it installs
//! and the binary `keyhush`, built with the feature `test-hooks`.
#![allow(clippy::disallowed_methods, reason = "an edge: real processes live in real time")]

use std::env;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use keyhush_tests::live::capture::{self, Capture, Rtp, now};
use keyhush_tests::live::card_call::{self, AGENT, CALLER};
use keyhush_tests::live::keyhush::{self, Keyhush};
use keyhush_tests::live::network::{Host, settled};
use keyhush_tests::live::phone::Phone;
use keyhush_tests::live::sipp::{Load, PACKETS_A_CALL, Tally};
use keyhush_tests::live::{During, Outcome, sandbox};

/// Twenty calls a second for half a minute.
const CALLS: u32 = 600;

/// Runs `body` in a sandbox: starts this very test again inside one, or, there already, does it.
fn sandboxed(test: &'static str, body: fn() -> Outcome<()>) {
    if sandbox::is_inside() {
        let _kept = KeptOnPanic(test);
        let done = sandbox::furnish(Duration::from_secs(180)).and_then(|()| body());
        assert!(done.is_ok(), "{}", done.err().map(|trouble| trouble.to_string()).unwrap_or_default());
        return;
    }
    let run = sandbox::output(&[test, "--exact", "--nocapture", "--test-threads=1"]);
    assert_passed(&run.expect("unshare and setpriv are on every Debian"));
}

fn assert_passed(run: &Output) {
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
        let [caller, agent] = hosts()?;
        let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let before = settled([&caller, &agent])?;
        let tally =
            Load { calls: CALLS, a_second: 20 }.start(&caller, &agent)?.finish(Duration::from_secs(60))?;
        let after = settled([&caller, &agent])?;
        let sent = [after[0].sent - before[0].sent, after[1].sent - before[1].sent];
        let received = [after[0].received - before[0].received, after[1].received - before[1].received];
        assert_eq!(tally, Tally::of(CALLS));
        assert_eq!(sent, [received[1], received[0]], "caller and agent");
        assert!(
            sent.iter().all(|&packets| packets > u64::from(CALLS) * PACKETS_A_CALL),
            "{sent:?}: no voice"
        );
        assert_eq!(after.map(|host| host.dropped), before.map(|host| host.dropped));
        assert_eq!(keyhush.counter("calls_begun")?, u64::from(CALLS));
        keyhush.wait_for_counter("calls_ended", CALLS.into(), Duration::from_secs(10))?;
        for (name, value) in keyhush.counters()? {
            let harmless = !name.starts_with("drop_") && !name.ends_with("_full") && !name.ends_with("_lost");
            assert!(harmless || value == 0, "{name}: {value}");
        }
        Ok(())
    });
}

/// An lcore that stands still on the second wire: calls on the first go on and come about, but nobody vouches for every
/// flow any more, so that calls in SecureMode fall silent towards the agent until it is back.
#[test]
fn a_lost_lcore_silences_secured_flows_and_no_call() {
    sandboxed("a_lost_lcore_silences_secured_flows_and_no_call", || {
        let [caller, agent] = hosts()?;
        let idle =
            [Host::new("caller2", [10, 20, 0, 3].into())?, Host::new("agent2", [10, 20, 0, 4].into())?];
        let mut keyhush = Keyhush::start(&[[&caller, &agent], [&idle[0], &idle[1]]])?;
        let mut phones = [Phone::start(&caller, 440)?, Phone::start(&agent, 620)?];
        let captures = [Capture::start(&caller)?, Capture::start(&agent)?];
        let call_id = phones[0].call(&agent)?;
        phones[1].answered()?;
        keyhush.secure(&call_id, true)?;
        let secured = now();
        phones[0].key("4")?;

        let stalled = now();
        keyhush.hook("stall", 1)?;
        keyhush.wait_for_counter("lcores_lost", 1, Duration::from_secs(5))?;
        std::thread::sleep(SETTLING);
        let lost = now();
        phones[0].key("11")?;
        let tally =
            Load { calls: 40, a_second: 20 }.start(&caller, &agent)?.finish(Duration::from_secs(30))?;
        assert_eq!(tally, Tally::of(40), "while an lcore is lost");
        assert!(keyhush.secure(&call_id, true).is_err(), "SecureMode cannot be vouched for");

        let resumed = now();
        keyhush.hook("resume", 1)?;
        keyhush.wait_for_counter("lcores_back", 1, Duration::from_secs(5))?;
        std::thread::sleep(SETTLING);
        let back = now();
        phones[0].key("1")?;
        phones[0].hang_up()?;
        let [at_caller, at_agent] = captures.map(Capture::finish);
        let (at_caller, at_agent) = (at_caller?, at_agent?);

        // sipp's voice is not looked at: a telephone's has the SSRC that it had before.
        let ssrc =
            |from: &Host| at_caller.iter().find(|packet| packet.source == from.address()).map(|it| &it.ssrc);
        let towards = |packets: &[Rtp], from: &Host, span: Range<f64>| -> Vec<Rtp> {
            let wanted = |packet: &&Rtp| Some(&packet.ssrc) == ssrc(from) && span.contains(&packet.at);
            packets.iter().filter(wanted).cloned().collect()
        };
        let silent = |packets: &[Rtp]| {
            packets.iter().filter(|packet| packet.event.is_none() && is_silence(packet)).count()
        };
        let masked = towards(&at_agent, &caller, secured..stalled);
        assert_eq!(capture::keys(&masked), "#");
        assert_eq!(silent(&masked), 0, "the voice passes in SecureMode");
        let failed_closed = towards(&at_agent, &caller, lost..resumed);
        assert_eq!(capture::keys(&towards(&at_caller, &caller, lost..resumed)), "11", "keyed");
        assert_eq!(capture::keys(&failed_closed), "", "no event leaves");
        assert!(failed_closed.len() > 50, "the call stays up");
        assert_eq!(silent(&failed_closed), failed_closed.len(), "the caller is silent");
        assert_eq!(silent(&towards(&at_caller, &agent, lost..resumed)), 0, "the agent is not");
        let masked_again = towards(&at_agent, &caller, back..f64::MAX);
        assert_eq!(capture::keys(&masked_again), "#");
        assert_eq!(silent(&masked_again), 0, "the voice is back");
        Ok(())
    });
}

/// G.711 µ-law without a sound, after an RTP header of 12 bytes.
fn is_silence(packet: &Rtp) -> bool {
    packet.bytes.get(24..).is_some_and(|payload| payload.bytes().all(|digit| digit == b'f'))
}

/// Longer than an update takes to reach every lcore and a packet to cross the wire.
const SETTLING: Duration = Duration::from_millis(200);

#[test]
fn an_ordinary_user_can_run_it() {
    const TEST: &str = "an_ordinary_user_can_run_it";
    if sandbox::is_inside() {
        return sandboxed(TEST, || {
            let users = fs::read_to_string("/proc/self/uid_map").during("reading who we are outside")?;
            assert_ne!(users.split_whitespace().nth(1), Some("0"), "root outside too: {users}");
            let [caller, agent] = hosts()?;
            let keyhush = Keyhush::start(&[[&caller, &agent]])?;
            let tally =
                Load { calls: 20, a_second: 20 }.start(&caller, &agent)?.finish(Duration::from_secs(30))?;
            assert_eq!(tally, Tally::of(20));
            assert!(keyhush.stop("TERM")?.success());
            Ok(())
        });
    }
    let binary = keyhush::binary().expect("`make test` builds it");
    let run =
        sandbox::output_as_ordinary_user(&[TEST, "--exact", "--nocapture", "--test-threads=1"], &binary);
    match run.expect("unshare and setpriv are on every Debian") {
        Some(run) => assert_passed(&run),
        None => eprintln!("this kernel lets an ordinary user make no namespaces: not tried"),
    }
}

#[test]
fn an_interrupt_ends_it_and_leaves_nothing() {
    sandboxed("an_interrupt_ends_it_and_leaves_nothing", || {
        let [caller, agent] = hosts()?;
        // A second time, too: what the first left would be in its way.
        for signal in ["INT", "TERM"] {
            let keyhush = Keyhush::start(&[[&caller, &agent]])?;
            assert!(fs::exists("/run/keyhush/admin.sock").is_ok_and(|is| is));
            assert!(keyhush.stop(signal)?.success(), "SIG{signal}");
            assert!(!fs::exists("/run/keyhush/admin.sock").during("the admin socket")?);
            let left = fs::read_dir("/run/dpdk").map(|entries| entries.flatten().collect()).unwrap_or(vec![]);
            assert!(left.is_empty(), "{left:?}");
        }
        Ok(())
    });
}

/// However a run of these tests or of the demo ends: nothing of it goes on.
#[test]
fn a_killed_run_leaves_nothing() {
    const TEST: &str = "a_killed_run_leaves_nothing";
    const MARK: &str = "KEYHUSH_MARK";
    if env::var_os(MARK).is_some() {
        return sandboxed(TEST, || {
            let [caller, agent] = hosts()?;
            let _keyhush = Keyhush::start(&[[&caller, &agent]])?;
            let _phone = Phone::start(&agent, 440)?;
            let own = fs::read_link("/proc/self").during("reading who we are outside")?.display().to_string();
            let mark = env::var(MARK).during("reading where to leave a mark")?;
            fs::write(format!("{mark}.new"), family(&own).join(" ")).during("leaving a mark")?;
            fs::rename(format!("{mark}.new"), mark).during("leaving a mark")?;
            std::thread::sleep(Duration::from_secs(100));
            Ok(())
        });
    }
    let mark = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed");
    for signal in ["INT", "KILL"] {
        let _ = fs::remove_file(&mark);
        let mut command = Command::new(env::current_exe().expect("it runs"));
        command.args([TEST, "--exact", "--test-threads=1"]).env(MARK, &mark).stdout(Stdio::null());
        let mut run = command.spawn().expect("it runs");
        let family = eventually("a mark", || fs::read_to_string(&mark).ok());
        assert!(family.split(' ').count() >= 3, "the test, Keyhush and a telephone: {family}");
        sandbox::call("sh", &["-c", &format!("kill -{signal} {}", run.id())]).expect("it runs");
        run.wait().expect("it ends");
        eventually("the end of all", || family.split(' ').all(|id| !lives(id)).then_some(()));
    }
    fs::remove_file(&mark).expect("the mark is there");
}

/// The process `id` and everything that it has started, as seen from outside the sandbox.
fn family(id: &str) -> Vec<String> {
    let mut family = vec![id.to_owned()];
    // In the order of their numbers, in which children mostly follow their parents; a second look finds the rest.
    for _ in 0..2 {
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
            let parent =
                status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap_or_default().trim();
            let id = process.file_name().to_string_lossy().into_owned();
            if family.iter().any(|member| member == parent) && !family.contains(&id) {
                family.push(id);
            }
        }
    }
    family
}

/// Whether a process runs; one that has ended and waits to be asked for its status does not.
fn lives(id: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    unreachable!("not seen in 20 s: {what}")
}
