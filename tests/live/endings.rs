//! Who may run it, and what is left when it ends.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use keyhush_tests::live::keyhush::{self, Keyhush};
use keyhush_tests::live::phone::{Phone, Sound};
use keyhush_tests::live::sipp::{Load, Tally};
use keyhush_tests::live::{During, sandbox};

use crate::{assert_passed, hosts, only, sandboxed};

#[test]
fn an_ordinary_user_can_run_it() {
    const TEST: &str = "endings::an_ordinary_user_can_run_it";
    if sandbox::is_inside() {
        return sandboxed(|| {
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
    let run = sandbox::output_as_ordinary_user(&only(TEST), &binary);
    match run.expect("unshare and setpriv are on every Debian") {
        Some(run) => assert_passed(&run),
        None => eprintln!("this kernel lets an ordinary user make no namespaces: not tried"),
    }
}

#[test]
fn an_interrupt_ends_it_and_leaves_nothing() {
    sandboxed(|| {
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
    const TEST: &str = "endings::a_killed_run_leaves_nothing";
    const MARK: &str = "KEYHUSH_MARK";
    if env::var_os(MARK).is_some() {
        return sandboxed(|| {
            let [caller, agent] = hosts()?;
            let _keyhush = Keyhush::start(&[[&caller, &agent]])?;
            let _phone = Phone::start(&agent, Sound::Hum(440))?;
            let own = fs::read_link("/proc/self").during("reading who we are outside")?.display().to_string();
            let mark = env::var(MARK).during("reading where to leave a mark")?;
            fs::write(format!("{mark}.new"), family(&own).join(" ")).during("leaving a mark")?;
            fs::rename(format!("{mark}.new"), mark).during("leaving a mark")?;
            thread::sleep(Duration::from_secs(100));
            Ok(())
        });
    }
    let mark = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed");
    for signal in ["INT", "KILL"] {
        let _ = fs::remove_file(&mark);
        let mut command = Command::new(env::current_exe().expect("it runs"));
        command.args(only(TEST)).env(MARK, &mark).stdout(Stdio::null()).stderr(Stdio::null());
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
        thread::sleep(Duration::from_millis(50));
    }
    unreachable!("not seen in 20 s: {what}")
}
