//! What must be put right at the end, also when this process is interrupted or killed.

use std::io;
use std::process::{Child, Command, Stdio};

/// A shell that waits until its input closes, which it does when this process ends, however it ends; then it runs its script.
pub(crate) struct Aftermath(Child);

impl Aftermath {
    /// `script` may use `$1`, which is `argument`.
    pub(crate) fn new(script: &str, argument: &str) -> io::Result<Aftermath> {
        let script = format!("trap '' INT TERM HUP; read -r _; {script}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "aftermath", argument]).stdin(Stdio::piped()).stderr(Stdio::null());
        shell.spawn().map(Aftermath)
    }
}

impl Drop for Aftermath {
    fn drop(&mut self) {
        // Closes its input first.
        let _done = self.0.wait();
    }
}
