//! Runs a test in a process of its own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use nic::{Eal, NicError};

const MARK: &str = "KEYHUSH_OWN_PROCESS";
const SECONDS: &str = "60";

/// Runs `body` in a process of its own. `test` is the test's path from the crate's root.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    within(test, &[], body);
}

/// The same, in a network namespace of its own, with the right to make devices. Skipped where the kernel allows none.
pub(crate) fn in_namespace(test: &str, body: impl FnOnce()) {
    let means: [&[&str]; 2] = [&["unshare", "-Urn"], &["unshare", "-n"]];
    if is_child(test) {
        return body();
    }
    let able = |means: &&[&str]| {
        Command::new(means[0]).args(&means[1..]).arg("true").output().is_ok_and(|run| run.status.success())
    };
    match means.into_iter().find(able) {
        Some(means) => within(test, means, body),
        None => eprintln!("{test}: skipped, this kernel or user may make no network namespace"),
    }
}

/// The same, as a user without privileges.
pub(crate) fn unprivileged(test: &str, body: impl FnOnce()) {
    let root = std::fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    if !root || is_child(test) {
        return within(test, &[], body);
    }
    // EAL's runtime directory must be one that this user may write to; its name is short, since sockets are in it.
    let runtime = Scratch::new("user");
    std::fs::set_permissions(runtime.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let variable = format!("RUNTIME_DIRECTORY={}", runtime.path().display());
    within(test, &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", &variable], body);
}

fn is_child(test: &str) -> bool {
    std::env::var(MARK).is_ok_and(|running| running == test)
}

fn within(test: &str, means: &[&str], body: impl FnOnce()) {
    if is_child(test) {
        return body();
    }
    // A copy that any user may run.
    let copy = Scratch::new(test);
    std::fs::set_permissions(copy.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = copy.path().join("tests");
    // By a process of its own: one that another test forks from here meanwhile would hold it open for writing, and what
    // somebody writes to cannot be run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success(), "{test}: the program cannot be copied");
    let mut words = vec!["timeout", "--kill-after=5", SECONDS];
    words.extend(means);
    let run = Command::new(words[0])
        .args(&words[1..])
        .arg(&program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARK, test)
        .env_remove("XDG_RUNTIME_DIR")
        .current_dir("/")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && out.contains("1 passed"), "{test}: {}\n{out}\n{err}", run.status);
}

/// A directory that is gone at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("keyhush-nic-{}-{}", id(), name.replace("::", "-")));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// EAL on plain memory with two lcores on the first processor, and these virtual devices.
pub(crate) fn eal(devices: &[&str]) -> Result<Eal, NicError> {
    let prefix = format!("keyhush-nic-{}", id());
    let plain = [
        "--no-huge",
        "-m",
        "256",
        "--no-pci",
        "--file-prefix",
        &prefix,
        "--lcores",
        "0@0,1@0",
        "--log-level",
        "error",
    ];
    let devices = devices.iter().flat_map(|device| ["--vdev", device]);
    Eal::init(&plain.into_iter().chain(devices).map(str::to_owned).collect::<Vec<_>>())
}
