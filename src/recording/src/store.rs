//! Where recordings lie, and many of them at once.
//!
//! ```text
//! running/NAME.khr                  while it runs; other files beside it are its owner's
//! TENANT/key                        the tenant's key, wrapped
//! TENANT/2026-01-31/NAME.khr        when it has ended, by the day (UTC) on which it began
//! ```
//! One thread takes what the pipeline puts into a bounded queue ([`Inlet`]) and writes; another waits for the disk ([`Keeper`]). Neither is
//! waited for by a call: a queue that is full loses packets, which become a gap, and a disk that takes nothing makes gaps of seconds.

mod disk;
mod keeper;
mod recorder;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

pub use disk::Disk;
pub use keeper::{Closed, Keeper};
pub use recorder::{Begin, Counters, Inlet, Key, Limits, Order, Recorder, RefusedBegin};

use crate::sealed::{self, Head, SealError, TenantKey, Wrap};
use crate::second::{End, SecondSink};

/// How long names of tenants and recordings may be.
pub const MOST_NAME: usize = 64;
/// Tenants' keys that are kept unwrapped.
const MOST_KEYS: usize = 1024;
const RUNNING: &str = "running";

/// Is told of a recording that was interrupted: its path now, its head, what the call is, and its end.
pub type Recovered<'a> = dyn FnMut(&Path, &Head, &[u8], &End) + 'a;

/// A directory of recordings. Nobody but its owner may read it.
pub struct Store {
    root: PathBuf,
    wrap: Box<dyn Wrap>,
    keys: HashMap<String, TenantKey>,
    random: SystemRandom,
}

impl Store {
    /// Opens it, and makes it where there is none.
    ///
    /// # Errors
    /// The system's own.
    pub fn open(root: &Path, wrap: Box<dyn Wrap>) -> io::Result<Store> {
        directory(&root.join(RUNNING))?;
        Ok(Store { root: root.to_owned(), wrap, keys: HashMap::new(), random: SystemRandom::new() })
    }

    /// A tenant's key, which is made at the first call.
    ///
    /// # Errors
    /// That the name is none, the key was wrapped by another master key, or the system's own.
    pub fn key(&mut self, tenant: &str) -> Result<TenantKey, SealError> {
        if !is_name(tenant) || tenant == RUNNING {
            return Err(SealError::Malformed);
        }
        if let Some(key) = self.keys.get(tenant) {
            return Ok(key.clone());
        }
        let folder = self.root.join(tenant);
        let path = folder.join("key");
        let key = match fs::read(&path) {
            Ok(wrapped) => self.wrap.unwrap(tenant, &wrapped)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = TenantKey::random(&self.random)?;
                let wrapped = self.wrap.wrap(tenant, &key)?;
                directory(&folder)?;
                // Whole or not at all: a recording whose key is lost is lost.
                let new = folder.join("key.new");
                let mut options = fs::OpenOptions::new();
                let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
                file.write_all(&wrapped)?;
                file.sync_all()?;
                fs::rename(&new, &path)?;
                fs::File::open(&folder)?.sync_all()?;
                key
            }
            Err(error) => return Err(error.into()),
        };
        if self.keys.len() >= MOST_KEYS {
            self.keys.clear();
        }
        self.keys.insert(tenant.to_owned(), key.clone());
        Ok(key)
    }

    /// Where a recording lies that has ended.
    pub fn path(&self, head: &Head) -> PathBuf {
        ended(&self.root, head)
    }

    /// Opens a recording that has ended.
    ///
    /// # Errors
    /// As [`sealed::Reader::open`].
    pub fn read(&mut self, path: &Path) -> Result<sealed::Reader<fs::File>, SealError> {
        sealed::Reader::open(fs::File::open(path)?, |tenant| self.key(tenant))
    }

    /// Ends what was interrupted: to be called before anything is recorded. For each, `sink` gives who wants its seconds, and `closed` is
    /// told the path, head, what the call is, and the end. Answers how many there were, and the files that could not be ended,
    /// which stay.
    ///
    /// # Errors
    /// That the directory cannot be read.
    pub fn recover(
        &mut self,
        sink: &mut dyn SecondSink,
        closed: &mut Recovered<'_>,
    ) -> io::Result<(usize, Vec<(PathBuf, SealError)>)> {
        let mut left = Vec::new();
        let mut count = 0;
        for entry in fs::read_dir(self.root.join(RUNNING))? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "khr") {
                continue;
            }
            match sealed::recover(&path, |tenant| self.key(tenant), sink) {
                Ok((head, about, end)) => {
                    let to = ended(&self.root, &head);
                    move_to(&path, &to)?;
                    count += 1;
                    closed(&to, &head, &about, &end);
                }
                // Killed before the head was on the disk: nothing is in it.
                Err(SealError::Malformed) if fs::metadata(&path).is_ok_and(|file| file.len() < 64) => {
                    fs::remove_file(&path)?;
                }
                Err(error) => left.push((path, error)),
            }
        }
        Ok((count, left))
    }

    fn head(&self, begin: u64, tenant: &str, name: &str) -> Result<Head, SealError> {
        if !is_name(name) {
            return Err(SealError::Malformed);
        }
        let mut salt = [0; sealed::SALT_LEN];
        self.random.fill(&mut salt).map_err(|_| SealError::NoRandom)?;
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        let encoding = crate::encoding::Encoding::Linear8;
        Ok(Head { encoding, begin, tenant, name, salt, about_len: 0 })
    }

    fn running(&self, name: &str) -> PathBuf {
        self.root.join(RUNNING).join(format!("{name}.khr"))
    }
}

/// Whether a text may be the name of a tenant or a recording, and so of a file.
pub fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MOST_NAME).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('.')
}

fn ended(root: &Path, head: &Head) -> PathBuf {
    let day = day(head.begin / 1_000_000_000 / 86_400);
    root.join(&head.tenant).join(day).join(format!("{}.khr", head.name))
}

/// Makes a directory that is its owner's alone.
fn directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        directory(folder)?;
    }
    fs::rename(from, to)?;
    to.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

/// A moment as it is written in names: `20260131T101502Z`, from seconds since 1970.
pub fn moment(seconds: u64) -> String {
    let of_day = seconds % 86_400;
    let date = day(seconds / 86_400).replace('-', "");
    format!("{date}T{:02}{:02}{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// The date of a day since 1970-01-01 (Hinnant's algorithm for the proleptic Gregorian calendar).
pub(crate) fn day(since_1970: u64) -> String {
    let shifted = since_1970 + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, so that the leap day is the last.
    let from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}")
}
