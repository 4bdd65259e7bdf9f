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

/// What is to be said where memory is not locked and there is swap for it.
pub(crate) fn warning(is_kept_out: bool) -> Option<&'static str> {
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    (!is_kept_out && has_swap(&swaps)).then_some(
        "swap is on and memory is not locked, so that what is keyed may be written to swap: let the process lock memory without a \
         bound (LimitMEMLOCK=infinity under systemd), or turn swap off",
    )
}

/// Whether anything stands under the heading of `/proc/swaps`.
fn has_swap(swaps: &str) -> bool {
    swaps.lines().skip(1).any(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;

    #[test]
    fn it_is_said_where_swap_is_on_and_memory_is_not_locked() {
        let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert!(!super::has_swap("") && !super::has_swap(heading));
        assert!(super::has_swap(&format!("{heading}/dev/dm-1  partition\t2097148\t\t0\t\t-2\n")));
        assert_eq!(super::warning(true), None);
    }

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
