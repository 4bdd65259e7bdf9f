//! Has the ledger's heads stamped with the time by an authority (RFC 3161), who need not know us, and keeps the stamps beside the heads.
//!
//! One stamp covers all entries before it, so one an hour is enough, and no authority takes offence.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use recording::ledger::Head;
use recording::time_stamp::{NONCE_LEN, Query};
use recording::witness;
use settings::TimeStamps;

use super::GIVES_WAY;
use super::archive::{Archive, ArchiveConfig, ArchiveError};

mod post;

/// How often the ledger is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Seconds between two stamps.
const APART: u64 = 3_600;
/// Seconds after which a failure is tried again.
const AFTER_FAILURE: u64 = 300;
/// Where heads and stamps are kept if no witness has a directory. No tenant's name has a dot in it.
const OWN_DIRECTORY: &str = "ledger.stamps";

/// What was stamped.
#[derive(Default, Debug)]
pub struct StampFigures {
    /// Stamps that are kept.
    pub kept: AtomicU64,
    /// Times that the authority, the ledger or the directory failed; it is tried again.
    pub failures: AtomicU64,
}

/// Is told why there is no stamp.
pub type Complain = Box<dyn Fn(&str) + Send>;

/// Has heads stamped while it lives. A question that is on its way when it is dropped comes to nothing.
pub struct Stamps {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Stamps {
    /// Begins with the newest head there is, on a thread of its own. `witness` is the directory of who keeps the heads; without one they
    /// are kept beside the recordings.
    ///
    /// # Errors
    /// That the archive cannot be used, or there is no thread.
    #[allow(clippy::disallowed_methods, reason = "an edge: an authority is asked in real time")]
    pub fn start(
        authority: TimeStamps,
        witness: Option<&Path>,
        archive: &ArchiveConfig,
        figures: Arc<StampFigures>,
        complain: Complain,
    ) -> Result<Stamps, ArchiveError> {
        let own = archive.directory.join(OWN_DIRECTORY);
        let directory = witness.map_or_else(|| own.clone(), Path::to_owned);
        let archive = Archive::open(archive)?;
        let system = |error| ArchiveError::System(directory.clone(), error);
        if witness.is_none() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&own).map_err(system)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let ask = {
            let stop = Arc::clone(&stop);
            move |query: &[u8]| post::post(&authority, query, &stop).map_err(|error| error.to_string())
        };
        let mut clerk = Clerk { directory: directory.clone(), archive, last: None, not_before: 0, ask };
        let began = std::time::Instant::now();
        let work = move || {
            let _ = rustix::process::nice(GIVES_WAY);
            while !stopped.load(Ordering::Acquire) {
                let now = began.elapsed().as_secs();
                let done = catch_unwind(AssertUnwindSafe(|| clerk.pass(now)));
                let said = match done {
                    Ok(Ok(is_kept)) => {
                        figures.kept.fetch_add(is_kept.into(), Ordering::Relaxed);
                        None
                    }
                    Ok(Err(why)) => Some(why),
                    Err(_) => Some("a fault of ours".to_owned()),
                };
                // Whoever stops Keyhush breaks what is on its way off.
                if let Some(why) = said.filter(|_| !stopped.load(Ordering::Acquire)) {
                    figures.failures.fetch_add(1, Ordering::Relaxed);
                    clerk.not_before = now + AFTER_FAILURE;
                    complain(&why);
                }
                thread::park_timeout(EVERY);
            }
        };
        let thread = thread::Builder::new().name("recordings-stamps".into()).spawn(work).map_err(system)?;
        Ok(Stamps { stop, thread })
    }
}

impl Drop for Stamps {
    fn drop(&mut self) {
        // Not waited for: looking up a name takes as long as it takes, and nothing of it is lost.
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }
}

/// Who goes to the authority. Time is an argument, in seconds from whenever.
struct Clerk<Ask> {
    directory: PathBuf,
    archive: Archive,
    /// The head that was stamped last.
    last: Option<Head>,
    not_before: u64,
    ask: Ask,
}

impl<Ask: FnMut(&[u8]) -> Result<Vec<u8>, String>> Clerk<Ask> {
    /// Has the newest head stamped if it is time; whether it was.
    fn pass(&mut self, now: u64) -> Result<bool, String> {
        if now < self.not_before {
            return Ok(false);
        }
        let head = self.archive.ledger().with(|ledger| Ok(ledger.head().cloned()));
        let head = head.map_err(|fault| fault.to_string())?;
        let Some(head) = head.filter(|head| self.last.as_ref() != Some(head)) else { return Ok(false) };
        let in_directory = |error: io::Error| format!("{}: {error}", self.directory.display());
        // Where the stamp could not be kept none is asked for.
        let path = witness::keep(&self.directory, &head).map_err(in_directory)?;
        if witness::stamp_of(&path).exists() {
            self.last = Some(head);
            return Ok(false);
        }
        let mut random = [0; NONCE_LEN];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).map_err(in_directory)?;
        let query = Query::new(&head.to_bytes(), random);
        let answer = (self.ask)(&query.to_bytes())?;
        query.time_in(&answer).map_err(|why| why.to_string())?;
        witness::keep_stamp(&path, &query, &answer).map_err(in_directory)?;
        self.last = Some(head);
        self.not_before = now + APART;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
