//! Why there is no result.

use std::fmt;
use std::io;

use nic::NicError;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The turns' length is no time.
    Duration,
    /// A file, or a program, could not be used.
    Io { what: String, error: io::Error },
    /// DPDK refused.
    Nic(NicError),
    /// A program ended without the answer that was expected.
    Answer { program: &'static str, text: String },
    /// Packets were lost, so that what was measured is not forwarding.
    Lost { program: &'static str, received: u64, sent: u64 },
}

impl Failure {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
        let what = what.into();
        move |error| Failure::Io { what, error }
    }
}

impl From<NicError> for Failure {
    fn from(error: NicError) -> Failure {
        Failure::Nic(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Duration => f.write_str("--seconds: a positive number is expected"),
            Failure::Io { what, error } => write!(f, "{what}: {error}"),
            Failure::Nic(error) => error.fmt(f),
            Failure::Answer { program, text } => write!(f, "{program} gave no result:\n{text}"),
            Failure::Lost { program, received, sent } => {
                write!(f, "{program} sent {sent} of {received} packets on")
            }
        }
    }
}
