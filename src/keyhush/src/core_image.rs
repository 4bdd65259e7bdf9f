//! No core image of this process is ever made: it would hold digits (DESIGN section 4, invariant 2).
//!
//! Three bars, each of which stands alone: the kernel is told to write none; what it would write holds no memory; and nobody
//! without the right to trace every process may read this one's memory. Packet memory is left out of images by itself (`nic`),
//! and so are the pages where digits lie (`secret`), for a debugger that heeds neither limit nor filter.

use std::fs;
use std::io::{self, ErrorKind};

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Too small for any core file, and the one value at which the kernel does not feed a core to a program either
/// (core(5): a pipe in `core_pattern` does not heed the limit, except for 1).
const NONE: Rlimit = Rlimit { current: Some(1), maximum: Some(1) };

/// Which kinds of memory an image holds (core(5)), one bit each.
const FILTER: &str = "/proc/self/coredump_filter";

/// Forbids core images for this process, and all but the last bar for its children.
///
/// # Errors
/// The system's own; a limit may always be lowered.
pub(crate) fn forbid() -> io::Result<()> {
    if are_allowed() {
        eprintln!(
            "keyhush: WARNING: {ALLOWED} is set: anybody who may trace this process can read card numbers out of it. \
             This is for tests, and never for a call."
        );
        return Ok(());
    }
    // First, since the file is root's once the process may not be dumped.
    match fs::write(FILTER, "0") {
        // A kernel without core files has no such file.
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if getrlimit(Resource::Core).maximum != Some(0) {
        setrlimit(Resource::Core, NONE)?;
    } // Else only root may raise it to 1, and a core file is forbidden already.
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// What a test sets, to look for digits in an image. Only a binary with the feature `test-hooks` heeds it.
const ALLOWED: &str = "KEYHUSH_ALLOW_CORE_IMAGES";

/// Whether a test wants an image.
pub(crate) fn are_allowed() -> bool {
    cfg!(feature = "test-hooks") && std::env::var_os(ALLOWED).is_some_and(|value| value == "1")
}

#[cfg(test)]
mod tests {
    use std::env::current_exe;
    use std::process::Command;

    use rustix::process::dumpable_behavior;

    use super::*;

    const INSIDE: &str = "KEYHUSH_TEST_CORE_IMAGE";

    /// In a process of its own, since other tests look into the memory of this one.
    fn alone(test: &str, allow: &str, body: impl FnOnce()) {
        if std::env::var_os(INSIDE).is_some() {
            return body();
        }
        let mut command = Command::new(current_exe().expect("this program"));
        command.args([&format!("core_image::tests::{test}"), "--exact", "--nocapture"]);
        let run = command.env(INSIDE, "1").env(ALLOWED, allow).output().expect("it starts");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        let complained = String::from_utf8_lossy(&run.stderr);
        assert_eq!(
            complained.contains("WARNING"),
            allow == "1" && cfg!(feature = "test-hooks"),
            "{complained}"
        );
    }

    fn limit() -> Vec<String> {
        let limits = fs::read_to_string("/proc/self/limits").expect("Linux");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it is listed");
        core.split_whitespace().skip(4).take(2).map(str::to_owned).collect()
    }

    #[test]
    fn no_image_is_made_and_none_would_hold_anything() {
        alone("no_image_is_made_and_none_would_hold_anything", "0", || {
            forbid().expect("limits may be lowered");
            assert!(limit().iter().all(|limit| limit == "1" || limit == "0"), "{:?}", limit());
            assert_eq!(fs::read_to_string(FILTER).expect("Linux").trim(), "00000000");
            assert_eq!(dumpable_behavior().expect("Linux"), DumpableBehavior::NotDumpable);
        });
    }

    #[test]
    #[cfg(feature = "test-hooks")]
    fn a_test_may_have_one_and_is_warned() {
        alone("a_test_may_have_one_and_is_warned", "1", || {
            let before = limit();
            forbid().expect("nothing is done");
            assert_eq!(limit(), before);
            assert_eq!(dumpable_behavior().expect("Linux"), DumpableBehavior::Dumpable);
        });
    }
}
