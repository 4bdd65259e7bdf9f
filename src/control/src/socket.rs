//! The admin socket in the file system: nobody but its owner and root may speak on it.

use core::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with, sockopt,
};
use rustix::process::{Uid, geteuid};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 64;

/// Why there is no admin socket.
#[derive(Debug)]
pub enum SocketError {
    /// Another process answers on it.
    InUse(PathBuf),
    /// Something that is no socket has its path.
    NotASocket(PathBuf),
    /// The system said no.
    System {
        /// The socket's path.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketError::InUse(path) => write!(
                f,
                "{}: another process answers on this admin socket; stop it, or name another admin.socket",
                path.display()
            ),
            SocketError::NotASocket(path) => {
                write!(
                    f,
                    "{}: is there, but is no socket; remove it, or name another admin.socket",
                    path.display()
                )
            }
            SocketError::System { path, error } => {
                let remedy = match error.kind() {
                    ErrorKind::PermissionDenied => {
                        "; run as a user who may write there, or name another admin.socket"
                    }
                    _ => "",
                };
                write!(f, "{}: the admin socket cannot be made: {error}{remedy}", path.display())
            }
        }
    }
}

impl core::error::Error for SocketError {}

/// The path of a listening socket. It is removed when this is dropped, unless it is another's by then.
#[derive(Debug)]
pub(crate) struct SocketPath {
    path: PathBuf,
    inode: (u64, u64),
}

/// Listens on `path`, in a directory that is made for it where there is none.
pub(crate) fn listen_on(path: &Path) -> Result<(UnixListener, SocketPath), SocketError> {
    let system = |error: io::Error| SocketError::System { path: path.to_owned(), error };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(system)?;
    }
    // Held until we listen: of two processes that start at once, the second one sees the first.
    let _alone = lock(directory).map_err(system)?;
    remove_stale(path)?;
    bind_alone(path).map_err(system)
}

fn bind_alone(path: &Path) -> io::Result<(UnixListener, SocketPath)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    // Nobody can connect before `listen`, so nobody connects before the permissions are right.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listen(&socket, BACKLOG)?;
    let metadata = fs::symlink_metadata(path)?;
    let path = SocketPath { path: path.to_owned(), inode: (metadata.dev(), metadata.ino()) };
    Ok((UnixListener::from(socket), path))
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn lock(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    for _ in 0..20 {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => thread::park_timeout(Duration::from_millis(50)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::new(ErrorKind::WouldBlock, "another process holds a lock on its directory"))
}

/// Removes a socket on which nobody answers.
fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let system = |error: io::Error| SocketError::System { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(error)),
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(system),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(system(error)),
        // A full backlog is somebody as well.
        Ok(_) | Err(_) => Err(SocketError::InUse(path.to_owned())),
    }
}

/// Whether the process at the other end runs as our own user or as root (`SO_PEERCRED`, unix(7)).
pub(crate) fn may_speak(peer: impl AsFd) -> bool {
    sockopt::socket_peercred(peer).is_ok_and(|peer| peer.uid == Uid::ROOT || peer.uid == geteuid())
}
