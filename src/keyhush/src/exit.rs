//! How the program ends: what it says on standard error, and its exit code. The codes are in `keyhush --help`.

use core::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use control::client::ClientError;
use control::protocol::Reply;
use settings::LoadError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

/// What was asked was not done: refused, or the system said no. Command line errors are clap's, with code 2.
pub(crate) const NOT_DONE: u8 = 1;
/// The settings file cannot be read, or is wrong.
const SETTINGS: u8 = 3;
/// No running Keyhush can be asked.
const NOBODY: u8 = 4;
/// A recording is not as it was made, or the ledger not as it was signed.
pub(crate) const ALTERED: u8 = 5;
/// A file has nothing of the recording in it.
pub(crate) const NOT_OURS: u8 = 6;
/// A signature is not to be trusted, so that nothing is proven.
pub(crate) const UNTRUSTED: u8 = 7;
/// A file is no audio that can be checked.
pub(crate) const UNREADABLE: u8 = 8;

impl Failure {
    pub(crate) fn new(message: impl Display) -> Self {
        Failure { code: NOT_DONE, message: message.to_string() }
    }

    pub(crate) fn with(code: u8, message: impl Display) -> Self {
        Failure { code, message: message.to_string() }
    }

    /// What is to be said has been said.
    pub(crate) fn told(code: u8) -> Self {
        Failure { code, message: String::new() }
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Failure::new(format!("{}: {error}", path.display()))
    }

    /// Standard output that cannot be written. A reader who has seen enough, as `head` has, is no failure.
    pub(crate) fn output(error: io::Error) -> Result<(), Self> {
        match error.kind() {
            ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Failure::new(format!("standard output: {error}"))),
        }
    }

    /// The settings were found wrong, and that has been said.
    pub(crate) fn settings_told() -> Self {
        Failure { code: SETTINGS, message: String::new() }
    }

    /// A reply that is an error, or one to another question.
    pub(crate) fn reply(reply: Reply) -> Self {
        match reply {
            Reply::Error { message, .. } => Failure::new(message),
            _ => Failure::new("it answers, but not what was asked"),
        }
    }

    /// Says it, and gives the exit code.
    pub(crate) fn tell(self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("keyhush: {}", self.message);
        }
        ExitCode::from(self.code)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Failure { code: SETTINGS, message: format!("the settings are wrong\n{error}") }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Failure { code: NOBODY, message: error.to_string() }
    }
}
