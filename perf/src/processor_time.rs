//! What a thread has spent on its processor.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;

/// A thread, by its directory below `/proc`.
pub(crate) struct Thread(PathBuf);

impl Thread {
    /// The calling thread.
    pub(crate) fn current() -> Option<Thread> {
        Some(Thread(Path::new("/proc").join(fs::read_link("/proc/thread-self").ok()?)))
    }

    /// The thread of a process whose name holds `part`.
    pub(crate) fn named(process: u32, part: &str) -> Option<Thread> {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).ok()?;
        let holds =
            |path: &PathBuf| fs::read_to_string(path.join("comm")).is_ok_and(|name| name.contains(part));
        tasks.flatten().map(|task| task.path()).find(holds).map(Thread)
    }

    /// Nanoseconds so far; while it runs, as of the last tick of the scheduler.
    pub(crate) fn nanos(&self) -> Result<u64, Failure> {
        let path = self.0.join("schedstat");
        let text = fs::read_to_string(&path).map_err(Failure::io(path.display().to_string()))?;
        let first = text.split(' ').next().and_then(|number| number.parse().ok());
        first.ok_or(Failure::Answer { program: "the kernel", text })
    }

    /// Waits until it rests, and says what it has spent by then, exactly.
    pub(crate) fn nanos_at_rest(&self) -> Result<u64, Failure> {
        let mut before = self.nanos()?;
        loop {
            std::thread::sleep(Duration::from_millis(60));
            let now = self.nanos()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Waits until it has spent this much more than `nanos`.
    pub(crate) fn wait_until_busy(&self, nanos: u64, more: Duration) -> Result<(), Failure> {
        let goal = nanos + more.as_nanos() as u64;
        while self.nanos()? < goal {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
