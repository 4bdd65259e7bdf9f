//! Hands the ledger's newest signed head, which covers all before it, to a witness: a directory, which somebody else reads, or has on another machine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use recording::ledger::Head;
use recording::witness;

use super::GIVES_WAY;
use super::archive::{Archive, ArchiveConfig, ArchiveError};

/// How often the ledger is looked at: so old may a head be that nobody else keeps yet.
const EVERY: Duration = Duration::from_secs(2);
/// After the ledger or the witness's directory failed.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// What was handed out.
#[derive(Default, Debug)]
pub struct HeadFigures {
    /// Heads that are kept.
    pub kept: AtomicU64,
    /// Times that the directory could not be written or the ledger not be read; it is tried again.
    pub failures: AtomicU64,
}

/// Hands out heads while it lives.
pub struct Heads {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Heads {
    /// Begins with the newest head there is, on a thread of its own. The directory must be there: one that is made where a
    /// disk of the witness's should be mounted would be kept by nobody.
    ///
    /// # Errors
    /// That the archive cannot be used, or there is no thread.
    pub fn start(
        directory: &Path,
        archive: &ArchiveConfig,
        figures: Arc<HeadFigures>,
    ) -> Result<Heads, ArchiveError> {
        let stop = Arc::new(AtomicBool::new(false));
        let archive = Archive::open(archive)?;
        let mut hand = Hand { directory: directory.to_owned(), archive, figures, last: None };
        let stopped = Arc::clone(&stop);
        let work = move || {
            let _ = rustix::process::nice(GIVES_WAY);
            while !stopped.load(Ordering::Acquire) {
                let is_done = hand.guarded_pass();
                thread::park_timeout(if is_done { EVERY } else { AFTER_FAILURE });
            }
            // The last recordings were signed while this was told to stop.
            hand.guarded_pass();
        };
        let spawned = thread::Builder::new().name("recordings-heads".into()).spawn(work);
        let thread = spawned.map_err(|error| ArchiveError::System(directory.to_owned(), error))?;
        Ok(Heads { stop, thread: Some(thread) })
    }
}

impl Drop for Heads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

struct Hand {
    directory: PathBuf,
    archive: Archive,
    figures: Arc<HeadFigures>,
    last: Option<Head>,
}

impl Hand {
    /// Hands out the newest head, unless it was; whether nothing failed.
    fn guarded_pass(&mut self) -> bool {
        let done = catch_unwind(AssertUnwindSafe(|| self.pass()));
        let is_done = matches!(done, Ok(Ok(())));
        if !is_done {
            self.figures.failures.fetch_add(1, Ordering::Relaxed);
        }
        is_done
    }

    fn pass(&mut self) -> Result<(), ArchiveError> {
        let head = self.archive.ledger().with(|ledger| Ok(ledger.head().cloned()))?;
        let Some(head) = head.filter(|head| self.last.as_ref() != Some(head)) else { return Ok(()) };
        let kept = witness::keep(&self.directory, &head);
        kept.map_err(|error| ArchiveError::System(self.directory.clone(), error))?;
        self.figures.kept.fetch_add(1, Ordering::Relaxed);
        self.last = Some(head);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use recording::document::{Text, Word};
    use recording::keys::SigningKey;
    use recording::ledger::Event;

    use super::*;
    use crate::recordings::master_in_file;

    #[test]
    fn each_new_head_is_kept_once_and_a_directory_that_is_away_is_waited_for() {
        let root = std::env::temp_dir().join(format!("keyhush-heads-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let config = ArchiveConfig {
            directory: root.join("recordings"),
            master: master_in_file(root.join("master.key")),
            signing_key: root.join("signing.key"),
            store: root.join("store"),
        };
        let key = SigningKey::from_seed(&[4; 32]);
        let (directory, archive) = (root.join("witness"), Archive::open(&config).unwrap());
        let mut hand = Hand { directory: directory.clone(), archive, figures: Arc::default(), last: None };
        let mut other = Archive::open(&config).unwrap();
        let mut sign = |at| {
            let (recording, reason) = (Word::new("one").unwrap(), Text::new("an order").unwrap());
            other.ledger().add(&[Event::Held { recording, reason }], at, &key).unwrap()
        };
        hand.guarded_pass();
        let first = sign(1);
        hand.guarded_pass();
        assert_eq!(hand.figures.failures.load(Ordering::Relaxed), 1, "there is no directory");
        fs::create_dir(&directory).unwrap();
        hand.guarded_pass();
        hand.guarded_pass();
        let second = sign(2);
        hand.guarded_pass();
        assert_eq!(hand.figures.kept.load(Ordering::Relaxed), 2);
        let kept = witness::kept(&directory).unwrap();
        let heads: Vec<_> = kept.into_iter().map(|(_, head)| head.unwrap()).collect();
        assert_eq!(heads, [first, second]);
        fs::remove_dir_all(&root).unwrap();
    }
}
