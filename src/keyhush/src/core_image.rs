//! No core image of this process is ever written: it would hold digits (DESIGN section 4, invariant 2).

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Too small for any core file, and the one value at which the kernel does not feed a core to a program either
/// (core(5): a pipe in `core_pattern` does not heed the limit, except for 1).
const NONE: Rlimit = Rlimit { current: Some(1), maximum: Some(1) };

/// Forbids core images for this process and its children.
///
/// # Errors
/// The system's own; a limit may always be lowered.
pub(crate) fn forbid() -> io::Result<()> {
    if getrlimit(Resource::Core).maximum == Some(0) {
        return Ok(()); // only root may raise it to 1, and a core file is forbidden already
    }
    Ok(setrlimit(Resource::Core, NONE)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_limit_is_in_force() {
        super::forbid().expect("limits may be lowered");
        let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it is listed");
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["1", "1"], "{core}");
    }
}
