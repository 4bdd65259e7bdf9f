//! The directory in which EAL keeps its lock, sockets and memory maps, and which it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};

/// Removed on drop if it is this process's own.
pub(crate) struct RuntimeDirectory {
    path: PathBuf,
    /// It was not there before EAL started.
    fresh: bool,
    /// EAL locks the `config` file in it, so that a second process cannot share it.
    exclusive: bool,
    /// EAL has started, so the lock, if any, is ours.
    pub(crate) ours: bool,
}

impl RuntimeDirectory {
    /// Looks, before EAL starts, at the directory that it will take for these arguments.
    pub(crate) fn before(args: &[String]) -> RuntimeDirectory {
        let path = base().join("dpdk").join(prefix(args));
        let fresh = fs::symlink_metadata(&path).is_err();
        let exclusive = !args.iter().any(|argument| argument == "--in-memory" || argument == "--no-shconf");
        RuntimeDirectory { path, fresh, exclusive, ours: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RuntimeDirectory {
    fn drop(&mut self) {
        // Where it was there before, it is another process's or one's that was killed. EAL's lock tells which, if it takes one.
        if self.fresh || (self.ours && self.exclusive) {
            // Nothing depends on it: a directory that stays is taken over by the next start.
            let _left_behind = fs::remove_dir_all(&self.path);
        }
    }
}

/// Where DPDK 22.11 makes it (`eal_create_runtime_dir`).
fn base() -> PathBuf {
    // SAFETY: getuid has no preconditions and cannot fail.
    let root = unsafe { libc::getuid() } == 0;
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let user = || if root { None } else { variable("XDG_RUNTIME_DIR").or_else(|| Some("/tmp".into())) };
    variable("RUNTIME_DIRECTORY").or_else(user).unwrap_or_else(|| "/var/run".into())
}

/// EAL's `--file-prefix`, in both spellings; the last one counts.
fn prefix(args: &[String]) -> String {
    let mut prefix = "rte".to_owned();
    let mut following = args.iter();
    while let Some(argument) = following.next() {
        if argument == "--file-prefix" {
            prefix = following.next().cloned().unwrap_or(prefix);
        } else if let Some(given) = argument.strip_prefix("--file-prefix=") {
            prefix = given.to_owned();
        }
    }
    prefix
}

#[cfg(test)]
mod tests;
