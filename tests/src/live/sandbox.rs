//! Namespaces that die with the process.
//!
//! A program that wants a sandbox starts itself a second time under `unshare`: user (where the kernel lets an ordinary
//! user do so), network, mount and process namespaces. In there it is process 1, so that its end (an interrupt, a
//! `kill -9` of the outer process and a crash included) ends every process, interface and temporary file with it.
//! Nothing needs to be cleaned up, hence nothing can be left behind.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use super::{During, Outcome, Trouble};

const INSIDE: &str = "KEYHUSH_SANDBOX";

/// Where everything of a run is kept: on the sandbox's own tmpfs.
pub const ROOT: &str = "/run/keyhush-live";

/// Whether this process is already in its sandbox.
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// The command that runs this very program with `arguments` inside a new sandbox.
///
/// # Errors
/// When the kernel lets this user make no namespaces; the words say what to do.
pub fn command(arguments: &[&str]) -> Outcome<Command> {
    let program = env::current_exe().during("finding this program's own file")?;
    Ok(enter(flags()?, &program, arguments))
}

fn enter(flags: &[&str], program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    // `--kill-child` ends the sandbox with unshare, the death signal ends unshare with us.
    command.args(["--pdeathsig", "KILL", "unshare"]).args(flags);
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--"]);
    command.arg(program).args(arguments).env(INSIDE, "1").stdin(Stdio::null());
    // `ip` and `ethtool` lie where an ordinary user does not look.
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    // What the user has set for tshark or baresip is not to change what is seen.
    command
        .env("HOME", ROOT)
        .env("TMPDIR", ROOT)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("RUNTIME_DIRECTORY");
    command
}

/// Runs this very program inside a new sandbox, its output shared with ours.
///
/// # Errors
/// As [`command`], and when it cannot be started.
pub fn run(arguments: &[&str]) -> Outcome<ExitStatus> {
    command(arguments)?.status().during("starting unshare")
}

/// Runs this very program inside a new sandbox and keeps its output.
///
/// # Errors
/// As [`command`], and when it cannot be started.
pub fn output(arguments: &[&str]) -> Outcome<Output> {
    command(arguments)?.output().during("starting unshare")
}

/// Runs `program` with `arguments` inside a sandbox that an ordinary user made, and keeps its output. Where we are root, the
/// user is nobody and gets copies of `program` and of `beside`, since nobody may not look into everybody's build directory.
/// `None` where the kernel lets an ordinary user make no namespaces.
///
/// # Errors
/// When it cannot be started.
pub fn output_as_ordinary_user(arguments: &[&str], beside: &Path) -> Outcome<Option<Output>> {
    const NOBODY: &[&str] = &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let program = env::current_exe().during("finding this program's own file")?;
    let status = fs::read_to_string("/proc/self/status").during("reading who we are")?;
    if !status.lines().any(|line| line.starts_with("Uid:\t0\t")) {
        return if may_unshare(&[], USER) { output(arguments).map(Some) } else { Ok(None) };
    }
    if !may_unshare(NOBODY, USER) {
        return Ok(None);
    }
    let copies = Path::new("/mnt");
    let (copy, beside_it) = (copies.join("program"), copies.join("beside"));
    let inner = enter(USER, &copy, arguments);
    let mut command = Command::new("setpriv");
    command.args([
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-euc",
    ]);
    command.arg("mount -t tmpfs -o mode=0755 tmpfs /mnt; cp \"$1\" /mnt/program; cp \"$2\" /mnt/beside; cd /; shift 2; exec \"$@\"");
    command.arg("sh").arg(program).arg(beside).args(NOBODY).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .env("KEYHUSH_BINARY", beside_it)
        .stdin(Stdio::null())
        .output()
        .map(Some)
        .during("starting unshare")
}

/// A user namespace in which whoever makes it is root.
const USER: &[&str] = &["--user", "--map-root-user"];

fn may_unshare(before: &[&str], flags: &[&str]) -> bool {
    let words = [before, &["unshare"], flags, &["--net", "--mount", "--pid", "--fork", "true"]].concat();
    let mut probe = Command::new(words[0]);
    probe.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn flags() -> Outcome<&'static [&'static str]> {
    [USER, &[]].into_iter().find(|flags| may_unshare(&[], flags)).ok_or_else(|| {
        Trouble::new(
            "this kernel lets an ordinary user make no namespaces. Either allow it\n  \
             (sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0)\n  \
             or run this as root.",
        )
    })
}

/// Furnishes the sandbox that this process is in: its own `/run`, its loopback, and an end after `at_most`.
///
/// # Errors
/// When the kernel refuses a mount or `ip` is not installed.
pub fn furnish(at_most: Duration) -> Outcome<()> {
    call("mount", &["-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"])?;
    fs::create_dir_all(ROOT).during("making the run's directory")?;
    call("ip", &["link", "set", "lo", "up"])?;
    thread::spawn(move || {
        thread::sleep(at_most);
        eprintln!("not done after {} seconds: given up", at_most.as_secs());
        std::process::exit(124);
    });
    Ok(())
}

/// Copies what the run has left so far (captures, logs) to where it survives: `live/NAME` in the build directory.
///
/// # Errors
/// When it cannot be written.
pub fn keep(name: &str) -> Outcome<PathBuf> {
    let kept = build_directory()?.join("live").join(name.replace("::", "-"));
    fs::create_dir_all(&kept).during("making the directory for what is kept")?;
    call("cp", &["-r", &format!("{ROOT}/."), &kept.display().to_string()])?;
    Ok(kept)
}

/// Cargo's build directory, in which this program was built; `/tmp` where it lies somewhere else.
///
/// # Errors
/// When this program does not find its own file.
pub fn build_directory() -> Outcome<PathBuf> {
    let program = env::current_exe().during("finding this program's own file")?;
    // …/target/debug/deps/live-0123 and …/target/debug/demo both lie in the profile's directory.
    let profile = program.ancestors().find(|path| path.ends_with("debug") || path.ends_with("release"));
    Ok(profile.and_then(Path::parent).unwrap_or(Path::new("/tmp")).to_owned())
}

/// Runs a command of the system to its end.
///
/// # Errors
/// When it is not there, or with what it said when it failed.
pub fn call(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().during(program)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::new(format!("{program} {} failed: {}", arguments.join(" "), said.trim())))
}
