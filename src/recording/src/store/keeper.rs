//! The thread that waits for the disk, so that the writer need not.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::sealed::Head;
use crate::second::{End, SecondSink};
use crate::writer::Volume;

/// How often all is brought to the disk: so much a power failure may cost.
pub(super) const SYNC_EVERY: Duration = Duration::from_secs(3);

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
    pub(super) closed: Closed,
}

/// Brings what was written to the disk every three seconds, and moves recordings that have ended to their place.
pub struct Keeper {
    to: Option<SyncSender<Closing>>,
    thread: Option<JoinHandle<()>>,
    failures: Arc<AtomicU64>,
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
        let failures = Arc::new(AtomicU64::new(0));
        let failed = Arc::clone(&failures);
        let thread = std::thread::Builder::new()
            .name("recordings-disk".into())
            .spawn(move || keep(&*volume, &from, &failed, &mut closed))?;
        Ok(Keeper { to: Some(to), thread: Some(thread), failures })
    }

    /// How often the disk did not take what was written, or a file could not be moved.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
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

fn keep(volume: &dyn Volume, from: &Receiver<Closing>, failures: &AtomicU64, closed: &mut dyn FnMut(Closed)) {
    loop {
        let mut waiting = Vec::new();
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
        if volume.sync().is_err() {
            failures.fetch_add(1, Ordering::Relaxed);
        }
        for Closing { from, closed: end } in waiting {
            match volume.rename(&from, &end.path) {
                Ok(()) => closed(end),
                // It has its end and stays among the running ones: the next start moves it.
                Err(_) => _ = failures.fetch_add(1, Ordering::Relaxed),
            }
        }
        if is_over {
            return;
        }
    }
}
