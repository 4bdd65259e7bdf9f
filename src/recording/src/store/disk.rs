//! The disk, as it is.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::writer::{Medium, Volume};

/// The file system that a store is on.
pub struct Disk(File);

impl Disk {
    /// The one of a directory.
    ///
    /// # Errors
    /// The system's own.
    pub fn of(directory: &Path) -> io::Result<Disk> {
        File::open(directory).map(Disk)
    }
}

struct OnDisk(File);

impl Medium for OnDisk {
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }
}

impl Volume for Disk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        // What is there already is from an attempt that failed: the recorder lets no name run twice.
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Box::new(OnDisk(file)))
    }

    fn sync(&self) -> io::Result<()> {
        // One call for all files, however many are open.
        Ok(rustix::fs::syncfs(&self.0)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        super::move_to(from, to)
    }
}
