//! The mirror's file, beside the admin socket: which flows are in SecureMode, for the process that comes after a kill.
//!
//! The signalling lcore writes it itself: a change is one `pwrite` of 64 bytes into pages that tmpfs holds already, about a
//! microsecond, and happens when a call enters or leaves SecureMode or moves its media in it. A ring to another thread would leave
//! a time in which a kill loses what was promised.

use core::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pipeline::{Mirror, MirrorError, Mirrored};
use rustix::fs::OFlags;
use rustix::process::geteuid;

/// How much of a file is read: more than any mirror is.
const LONGEST: u64 = 1 << 20;

/// Why there is no mirror.
#[derive(Debug)]
pub(crate) enum MirrorFault {
    /// What has its place is no file of ours.
    Foreign(PathBuf),
    /// The system said no.
    System(PathBuf, io::Error),
}

impl fmt::Display for MirrorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MirrorFault::Foreign(path) => write!(
                f,
                "{}: is there, but is not the list of flows in SecureMode that Keyhush keeps there; remove it, or name another \
                 admin.socket",
                path.display()
            ),
            MirrorFault::System(path, error) => {
                write!(f, "{}: the list of flows in SecureMode cannot be kept: {error}", path.display())
            }
        }
    }
}

/// What an earlier process left.
pub(super) struct Left {
    pub(super) mirror: Mirror,
    /// The flows that were in SecureMode when it was killed.
    pub(super) flows: Vec<Mirrored>,
}

/// The file of this process.
pub(super) struct MirrorFile {
    path: PathBuf,
    inode: (u64, u64),
}

/// Where the mirror of a Keyhush with that admin socket is.
fn beside(socket: &Path) -> PathBuf {
    socket.with_extension("secured")
}

/// Reads what an earlier process left, and makes the file of this one, which takes its place in one step. To be called when
/// the admin socket is ours.
pub(super) fn open(socket: &Path, seed: u64) -> Result<(MirrorFile, File, Left), MirrorFault> {
    let path = beside(socket);
    let system = |error: io::Error| MirrorFault::System(path.clone(), error);
    let left = read(&path, seed)?;
    let new = socket.with_extension("secured-new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(system(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(system)?;
    file.write_all(left.mirror.image()).map_err(system)?;
    fs::rename(&new, &path).map_err(system)?;
    let metadata = file.metadata().map_err(system)?;
    Ok((MirrorFile { inode: (metadata.dev(), metadata.ino()), path }, file, left))
}

fn read(path: &Path, seed: u64) -> Result<Left, MirrorFault> {
    let nothing = || Left { mirror: Mirror::new(seed), flows: Vec::new() };
    let foreign = || MirrorFault::Foreign(path.to_owned());
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(nothing()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(foreign());
        }
        Err(error) => return Err(MirrorFault::System(path.to_owned(), error)),
    };
    let system = |error| MirrorFault::System(path.to_owned(), error);
    let metadata = file.metadata().map_err(system)?;
    let owned = metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o077 == 0;
    if !metadata.is_file() || !owned {
        return Err(foreign());
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(system)?;
    match Mirror::read(&bytes) {
        Ok((mirror, flows, damaged)) => {
            if damaged > 0 {
                say(path, &format!("{damaged} flows in it are damaged: those are not silenced"));
            }
            if !flows.is_empty() {
                say(path, &format!("{} flows were in SecureMode when Keyhush was killed", flows.len()));
            }
            Ok(Left { mirror, flows })
        }
        Err(MirrorError::Foreign) => Err(foreign()),
        Err(error) => {
            say(
                path,
                &format!("{error}: calls that were in SecureMode when Keyhush was killed are not silenced"),
            );
            Ok(nothing())
        }
    }
}

fn say(path: &Path, what: &str) {
    eprintln!("keyhush: ALARM {}: {what}", path.display());
}

impl MirrorFile {
    /// The end of a process that was not killed: no call is in SecureMode any more. The file is left where it is another's by
    /// now.
    pub(super) fn remove(self) {
        let ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            // Where it stays, the next start silences what it tells of for a minute.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use handover::{Flow, FlowMode, FlowUpdate, MaskKey};

    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("keyhush-mirror-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Directory(path)
        }

        fn socket(&self) -> PathBuf {
            self.0.join("admin.sock")
        }

        fn open(&self) -> Result<(MirrorFile, File, Left), MirrorFault> {
            open(&self.socket(), 5)
        }

        fn is_foreign(&self) -> bool {
            matches!(self.open(), Err(MirrorFault::Foreign(_)))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_written_is_left_by_a_kill_and_removed_by_a_clean_end() {
        use std::os::unix::fs::FileExt;
        let directory = Directory::new("written");
        let (_killed, file, mut left) = directory.open().expect("a mirror");
        assert!(left.flows.is_empty());
        let flow = Flow { mode: FlowMode::Mask(MaskKey::Pound), ..Flow::default() };
        assert!(left.mirror.follow(&FlowUpdate::Install(flow), |_| Some(b"call")));
        while let Some((at, slot)) = left.mirror.next_change() {
            file.write_all_at(slot, at).expect("it is written");
        }
        let (ours, _, left) = directory.open().expect("a mirror");
        assert_eq!(left.flows.len(), 1);
        assert_eq!(fs::metadata(beside(&directory.socket())).expect("a file").mode() & 0o777, 0o600);
        ours.remove();
        assert!(!beside(&directory.socket()).exists());
        assert_eq!(fs::read_dir(&directory.0).expect("a directory").count(), 0);
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_alone_and_what_is_torn_is_replaced() {
        let directory = Directory::new("foreign");
        let path = beside(&directory.socket());
        fs::write(&path, b"somebody's").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
        assert!(directory.is_foreign());
        assert_eq!(fs::read(&path).expect("it is there"), b"somebody's");
        let mut torn = Mirror::new(1).image().to_vec();
        torn.truncate(100);
        fs::write(&path, &torn).expect("a file");
        assert!(directory.open().expect("a mirror").2.flows.is_empty());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).expect("its mode");
        assert!(directory.is_foreign(), "others may have written it");
        fs::remove_file(&path).expect("it is ours");
        symlink("/dev/null", &path).expect("a link");
        assert!(directory.is_foreign());
        fs::remove_file(&path).expect("it is ours");
        fs::create_dir(&path).expect("a directory");
        assert!(directory.is_foreign());
    }
}
