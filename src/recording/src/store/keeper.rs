//! The thread that waits for the disk, so that the writer need not.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::sealed::Head;
use crate::second::{End, Gap, GapCause, SecondSink, note_gap};
use crate::writer::Volume;

/// How often all is brought to the disk: so much a power failure may cost.
pub(super) const SYNC_EVERY: Duration = Duration::from_secs(3);

/// A second is written so long after it is over, and one more may be under way. In nanoseconds.
const WRITTEN_BEHIND: u64 = 2_000_000_000;

/// A recording that has ended and is safely on the disk.
pub struct Closed {
    /// Where.
    pub path: PathBuf,
    /// Its head.
    pub head: Head,
    /// How it ended.
    pub end: End,
    /// Who took its seconds.
    pub sink: Box<dyn SecondSink + Send>,
}

pub(super) struct Closing {
    pub(super) from: PathBuf,
    /// When it began, by the recorder's clock.
    pub(super) begin: u64,
    pub(super) closed: Closed,
}

/// Brings what was written to the disk every three seconds, and moves recordings that have ended to their place.
pub struct Keeper {
    to: Option<SyncSender<Closing>>,
    thread: Option<JoinHandle<()>>,
    told: Arc<Told>,
}

/// What the writer and the thread that waits for the disk tell one another. Times are the recorder's.
#[derive(Default)]
struct Told {
    failures: AtomicU64,
    /// Times that the disk did not take what was written.
    unsynced: AtomicU64,
    /// Until when all that is finished has been written.
    written: AtomicU64,
    /// Until when the disk has it.
    safe: AtomicU64,
}

impl Keeper {
    /// Starts the thread. `closed` is called on it.
    ///
    /// # Errors
    /// That there can be no thread.
    pub fn start(
        volume: Arc<dyn Volume>,
        most: usize,
        mut closed: impl FnMut(Closed) + Send + 'static,
    ) -> io::Result<Keeper> {
        let (to, from) = sync_channel(most);
        let told = Arc::new(Told::default());
        let own = Arc::clone(&told);
        let thread = std::thread::Builder::new()
            .name("recordings-disk".into())
            .spawn(move || keep(&*volume, &from, &own, &mut closed))?;
        Ok(Keeper { to: Some(to), thread: Some(thread), told })
    }

    /// How often the disk did not take what was written, or a file could not be moved.
    pub fn failures(&self) -> u64 {
        self.told.failures.load(Ordering::Relaxed)
    }

    /// How often the disk did not take what was written, and until when it has all.
    pub(super) fn unsynced(&self) -> (u64, u64) {
        (self.told.unsynced.load(Ordering::Acquire), self.told.safe.load(Ordering::Relaxed))
    }

    /// All that was finished until now has been written.
    pub(super) fn written(&self, now: u64) {
        self.told.written.store(now, Ordering::Release);
    }

    /// Gives the recording back where the thread is behind.
    pub(super) fn close(&self, closing: Closing) -> Result<(), Box<Closing>> {
        let Some(to) = &self.to else { return Err(Box::new(closing)) };
        to.try_send(closing).map_err(|error| match error {
            TrySendError::Full(closing) | TrySendError::Disconnected(closing) => Box::new(closing),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by its hook.
            let _ = thread.join();
        }
    }
}

fn keep(volume: &dyn Volume, from: &Receiver<Closing>, told: &Told, closed: &mut dyn FnMut(Closed)) {
    // Those whose bytes the disk did not take wait for the next time.
    let mut waiting: Vec<Closing> = Vec::new();
    loop {
        let is_over = match from.recv_timeout(SYNC_EVERY) {
            Ok(closing) => {
                // One wait for all that end about now.
                waiting.push(closing);
                waiting.extend(from.try_iter());
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        let written = told.written.load(Ordering::Acquire);
        if volume.sync().is_err() {
            told.failures.fetch_add(1, Ordering::Relaxed);
            told.unsynced.fetch_add(1, Ordering::Release);
            let safe = told.safe.load(Ordering::Relaxed);
            waiting.iter_mut().for_each(|closing| closing.doubt(safe));
            // Those that wait have their ends, and the next start moves them.
            if is_over {
                return;
            }
            continue;
        }
        told.safe.store(written.saturating_sub(WRITTEN_BEHIND), Ordering::Relaxed);
        for Closing { from, closed: mut end, .. } in waiting.drain(..) {
            match volume.rename(&from, &end.path) {
                Ok(()) => {
                    end.sink.closed(&end.path, &end.head, &end.end);
                    closed(end);
                }
                // It has its end and stays among the running ones: the next start moves it.
                Err(_) => _ = told.failures.fetch_add(1, Ordering::Relaxed),
            }
        }
        if is_over {
            return;
        }
    }
}

impl Closing {
    /// What was written after a time may not be on the disk: a system tells of it once, and may take it for written after.
    fn doubt(&mut self, safe: u64) {
        let end = &mut self.closed.end;
        let seconds = end.samples.div_ceil(u64::from(self.closed.head.encoding.rate())) as u32;
        let first = (safe.saturating_sub(self.begin) / 1_000_000_000) as u32;
        if first < seconds {
            note_gap(&mut end.gaps, Gap { from: first, to: seconds, cause: GapCause::Disk });
            end.gaps.sort_by_key(|gap| (gap.from, gap.to));
        }
    }
}
