//! A program with a log and an end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::sandbox::{ROOT, call};
use super::{During, Outcome, Trouble};

/// A running program. What it says goes to a log; dropping it kills it.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command`; `name` is its name in messages and of its log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command) -> Outcome<Running> {
        let log = Path::new(ROOT).join(format!("{name}.log"));
        let file = File::create(&log).during("making a log")?;
        let again = file.try_clone().during("making a log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn()
            .during(format!("starting {name}"))?;
        Ok(Running { name: name.to_owned(), child, log })
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Its process identifier.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` answers something.
    ///
    /// # Errors
    /// When the program ends or `at_most` passes before; with the end of its log.
    pub fn wait_until<T>(
        &mut self,
        what: &str,
        at_most: Duration,
        mut ready: impl FnMut(&str) -> Option<T>,
    ) -> Outcome<T> {
        let until = Instant::now() + at_most;
        loop {
            let said = self.said();
            if let Some(found) = ready(&said) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait().during("asking for a process")? {
                return Err(self.complaint(&format!("ended ({status}) before {what}")));
            }
            if Instant::now() >= until {
                return Err(self.complaint(&format!("not seen in {} s: {what}", at_most.as_secs())));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the program to end by itself.
    ///
    /// # Errors
    /// When it does not within `at_most`.
    pub fn wait(&mut self, at_most: Duration) -> Outcome<ExitStatus> {
        let until = Instant::now() + at_most;
        loop {
            if let Some(status) = self.child.try_wait().during("asking for a process")? {
                return Ok(status);
            }
            if Instant::now() >= until {
                return Err(self.complaint(&format!("still runs after {} s", at_most.as_secs())));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends it a signal, by name (`INT`, `TERM`).
    ///
    /// # Errors
    /// When it has gone.
    pub fn signal(&self, signal: &str) -> Outcome<()> {
        // The shell's own `kill`: there is always a shell.
        call("sh", &["-c", &format!("kill -{signal} {}", self.id())]).map(drop)
    }

    /// Ends it by `signal` and waits.
    ///
    /// # Errors
    /// When it has gone before, or does not go.
    pub fn stop(&mut self, signal: &str) -> Outcome<ExitStatus> {
        self.signal(signal)?;
        self.wait(Duration::from_secs(10))
    }

    /// A fault of this program, with the end of what it said.
    pub fn complaint(&self, what: &str) -> Trouble {
        let said = self.said();
        let lines: Vec<_> = said.lines().collect();
        let last = lines[lines.len().saturating_sub(12)..].join("\n  | ");
        Trouble::new(format!("{}: {what}\n  | {last}", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
