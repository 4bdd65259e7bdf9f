//! The ledger's file, which the recorder and the command line add to in turn.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use recording::document::Word;
use recording::keys::SigningKey;
use recording::ledger::{Entry, Event, Fault, Head, Ledger, LogFile};

/// The ledger's file in the recordings' directory. No tenant's name has a dot in it.
const LEDGER: &str = "ledger.log";
/// Who holds its lock may read and add to the ledger.
const LOCK: &str = "ledger.lock";
/// The ledger's name.
const NAME: &str = "ledger.name";

/// So long others' work is waited for: one that is stopped while it holds the lock stops nobody else.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the lock is asked for meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// The ledger, under a lock between processes.
pub struct SharedLedger {
    log: PathBuf,
    lock: File,
    name: Word,
    /// As it was when it was last looked at.
    known: Option<Ledger<LogFile>>,
}

impl SharedLedger {
    /// The ledger of a directory of recordings, which is made where there is none: with a name of its own, so that a witness can
    /// tell it from another box's.
    ///
    /// # Errors
    /// The system's own.
    pub fn open(directory: &Path) -> io::Result<SharedLedger> {
        let lock = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600).open(directory.join(LOCK))
        };
        let (lock, path) = (lock()?, directory.join(NAME));
        // It comes whole, and never changes: nobody is waited for to read it.
        let name = match known_name(&path)? {
            Some(name) => name,
            None => {
                take(&lock, PATIENCE)?;
                let name = known_name(&path).and_then(|known| known.map_or_else(|| new_name(&path), Ok));
                lock.unlock()?;
                name?
            }
        };
        Ok(SharedLedger { log: directory.join(LEDGER), lock, name, known: None })
    }

    /// The ledger's name.
    pub fn name(&self) -> &Word {
        &self.name
    }

    /// Looks at the ledger as it is now, or adds to it. Others wait meanwhile: what `work` does is short.
    ///
    /// # Errors
    /// Of the file, or `work`'s own; that another process holds the lock for too long.
    pub fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Ledger<LogFile>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        take(&self.lock, PATIENCE)?;
        let done = self.caught_up().and_then(work);
        self.lock.unlock()?;
        if matches!(done, Err(Fault::Io(_) | Fault::Malformed(..) | Fault::NotAsSigned(_))) {
            // Read again from its beginning next time.
            self.known = None;
        }
        done
    }

    /// Adds events and signs the new head; `now` in microseconds since 1970. A recording's second proof is left out, and a clock
    /// that was set back waits at the newest entry.
    ///
    /// # Errors
    /// As [`SharedLedger::with`]; what was added before stays.
    pub fn add(&mut self, events: &[Event], now: u64, key: &SigningKey) -> Result<Head, Fault> {
        self.with(|ledger| {
            for event in events {
                let at = now.max(ledger.newest());
                match ledger.append(&Entry { at, event: event.clone() }) {
                    Ok(_) | Err(Fault::SecondProof(_)) => (),
                    Err(fault) => return Err(fault),
                }
            }
            ledger.sign_head(now.max(ledger.newest()), key)
        })
    }

    /// Adds one event, and signs the new head, if the ledger as it is then allows it: whether it did.
    ///
    /// # Errors
    /// As [`SharedLedger::add`].
    pub(super) fn add_if(
        &mut self,
        event: Event,
        now: u64,
        key: &SigningKey,
        is_allowed: impl FnOnce(&Ledger<LogFile>) -> bool,
    ) -> Result<bool, Fault> {
        self.with(|ledger| {
            if !is_allowed(ledger) {
                return Ok(false);
            }
            let at = now.max(ledger.newest());
            ledger.append(&Entry { at, event })?;
            ledger.sign_head(at, key)?;
            Ok(true)
        })
    }

    fn caught_up(&mut self) -> Result<&mut Ledger<LogFile>, Fault> {
        if let Some(ledger) = &mut self.known {
            ledger.catch_up()?;
        } else {
            let (file, _) = LogFile::open_shared(&self.log)?;
            self.known = Some(Ledger::open(self.name.clone(), file)?);
        }
        self.known.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }
}

/// Takes a lock, and waits for it so long at most.
pub(super) fn take(lock: &File, patience: Duration) -> io::Result<()> {
    for _ in 0..patience.as_millis() / ASK_EVERY.as_millis() {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => thread::park_timeout(ASK_EVERY),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds the ledger's lock"))
}

fn known_name(path: &Path) -> io::Result<Option<Word>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let name = Word::new(text.trim_end());
            name.map(Some)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the ledger's name is none"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn new_name(path: &Path) -> io::Result<Word> {
    let name = format!("keyhush-{}", super::random_digits()?);
    super::write_whole(path, format!("{name}\n").as_bytes())?;
    Word::new(&name).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_lock_for_ever_is_not_waited_for() {
        let root = std::env::temp_dir().join(format!("keyhush-ledger-lock-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        let ledger = SharedLedger::open(&root).unwrap();
        let other = File::open(root.join(LOCK)).unwrap();
        other.lock().unwrap();
        let refused = take(&ledger.lock, ASK_EVERY * 3).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        // Nor to open it.
        assert_eq!(SharedLedger::open(&root).unwrap().name(), ledger.name());
        other.unlock().unwrap();
        take(&ledger.lock, ASK_EVERY * 3).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
    }
}
