//! The console's side of the admin socket.

use core::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::protocol::{Ask, ErrorCode, Reply};

pub mod tables;

/// Longer than the control core waits for the signalling lcore, so that its own answer is what is seen.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any answer has.
const ANSWER_MAX: u64 = 64 << 20;

/// A connection to a running Keyhush.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

/// Why nothing was answered.
#[derive(Debug)]
pub enum ClientError {
    /// There is no such socket, or nobody listens on it.
    NobodyListens(PathBuf),
    /// The socket is another user's.
    Forbidden(PathBuf),
    /// The answer did not come in time.
    TooSlow(PathBuf),
    /// The connection broke, or was closed without an answer.
    Broken {
        /// The socket.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The answer was none of ours.
    NotUnderstood(PathBuf),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::NobodyListens(path) => write!(
                f,
                "nobody listens on {}: start `keyhush run`, or name its socket with --socket or its settings with \
                 --config",
                path.display()
            ),
            ClientError::Forbidden(path) => write!(
                f,
                "{} belongs to another user: run this as the user of `keyhush run`, or as root",
                path.display()
            ),
            ClientError::TooSlow(path) => {
                write!(f, "no answer on {} within {} s", path.display(), PATIENCE.as_secs())
            }
            ClientError::Broken { path, error } => {
                write!(f, "the connection to {} broke: {error}", path.display())
            }
            ClientError::NotUnderstood(path) => {
                write!(f, "{} answers, but not as this version of Keyhush does", path.display())
            }
        }
    }
}

impl core::error::Error for ClientError {}

impl Client {
    /// Connects to the admin socket at `path`.
    ///
    /// # Errors
    /// That nobody listens there, or that it is another user's.
    pub fn connect(path: &Path) -> Result<Client, ClientError> {
        let connected = UnixStream::connect(path).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => Ok(Client { path: path.to_owned(), stream: BufReader::new(stream) }),
            Err(error) => Err(explained(path, error)),
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// That no answer came. What the other side refuses is a [`Reply::Error`].
    pub fn ask(&mut self, ask: &Ask) -> Result<Reply, ClientError> {
        let line = match self.exchange(ask) {
            Ok(line) => line,
            Err(error) => return Err(explained(&self.path, error)),
        };
        match serde_json::from_slice(&line) {
            Ok(Reply::Error { code: ErrorCode::Forbidden, .. }) => {
                Err(ClientError::Forbidden(self.path.clone()))
            }
            Ok(reply) => Ok(reply),
            Err(_) => Err(ClientError::NotUnderstood(self.path.clone())),
        }
    }

    fn exchange(&mut self, ask: &Ask) -> io::Result<Vec<u8>> {
        let mut request = serde_json::to_vec(ask)?;
        request.push(b'\n');
        // A connection that was refused is closed, but says why first.
        let sent = self.stream.get_mut().write_all(&request);
        let mut line = Vec::new();
        let read = (&mut self.stream).take(ANSWER_MAX).read_until(b'\n', &mut line);
        if line.last() == Some(&b'\n') {
            return Ok(line);
        }
        sent.and(read)?;
        Err(io::Error::new(ErrorKind::UnexpectedEof, "closed without an answer"))
    }
}

fn explained(path: &Path, error: io::Error) -> ClientError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => ClientError::NobodyListens(path),
        ErrorKind::PermissionDenied => ClientError::Forbidden(path),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::TooSlow(path),
        _ => ClientError::Broken { path, error },
    }
}
