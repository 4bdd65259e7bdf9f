//! Nothing of this process is written to swap, where the system allows that (DESIGN section 4, invariant 2). The pages where
//! digits lie are locked in any case (`secret`); this is for the buffers that they pass through.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};

/// Locks all memory, what is yet to come too, page by page as it is used. Says whether it does: only where the process may lock
/// without a bound. With one, an allocation that the lock has no room for would fail in the midst of a call.
pub(crate) fn keep_out() -> bool {
    let is_unbounded = getrlimit(Resource::Memlock).current.is_none();
    is_unbounded && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;

    fn locked() -> u64 {
        let status = read_to_string("/proc/self/status").expect("Linux");
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("it is listed");
        locked.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[test]
    fn all_memory_is_locked_or_none() {
        let before = locked();
        let is_kept_out = super::keep_out();
        assert_eq!(locked() > before + 1_000, is_kept_out, "{before} and {} KB", locked());
    }
}
