//! Closures on lcores: each of EAL's pinned threads runs a loop that takes one closure after another.

use core::any::Any;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use crate::error::NicError;

/// EAL's number of an lcore (not necessarily that of its processor, see `--lcores`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LcoreId(pub u32);

impl fmt::Display for LcoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A poll-mode core that EAL was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lcore {
    /// Its number.
    pub id: LcoreId,
    /// Whether it is EAL's main lcore. It runs closures like the others.
    pub main: bool,
    /// The NUMA node of its processor.
    pub socket: u32,
}

pub(crate) type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static ON_LCORE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is one of EAL's.
pub(crate) fn on_lcore() -> bool {
    ON_LCORE.get()
}

/// Runs jobs until no one can send any more. Jobs do not unwind (see [`Worker::launch`]).
pub(crate) fn serve(jobs: &Receiver<Job>) {
    ON_LCORE.set(true);
    for job in jobs {
        job();
    }
}

/// The sending end of an lcore's job loop.
pub(crate) struct Worker {
    pub(crate) lcore: Lcore,
    jobs: Sender<Job>,
    busy: Arc<AtomicBool>,
}

impl Worker {
    pub(crate) fn new(lcore: Lcore) -> (Worker, Receiver<Job>) {
        let (jobs, receiver) = channel();
        (Worker { lcore, jobs, busy: Arc::default() }, receiver)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    pub(crate) fn launch<T, F>(&self, work: F) -> Result<LcoreHandle<T>, NicError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(NicError::LcoreBusy(self.lcore.id.0));
        }
        let busy = Arc::clone(&self.busy);
        let (answer, result) = channel();
        let job = Box::new(move || {
            // What the closure leaves behind after a panic is dropped here or handed to who joins, as with std's threads.
            let outcome = catch_unwind(AssertUnwindSafe(work));
            busy.store(false, Ordering::Release);
            // An outcome that no one waits for is dropped with its handle's channel.
            let _unheard = answer.send(outcome);
        });
        self.jobs.send(job).map_err(|_| NicError::NoSuchLcore(self.lcore.id.0))?;
        Ok(LcoreHandle { result })
    }
}

/// What an lcore was given to do, to be waited for. Dropping it leaves the lcore at work.
#[derive(Debug)]
pub struct LcoreHandle<T> {
    result: Receiver<thread::Result<T>>,
}

impl<T> LcoreHandle<T> {
    /// Waits until the closure has ended.
    ///
    /// # Errors
    /// What the closure panicked with.
    pub fn join(self) -> thread::Result<T> {
        self.result.recv().unwrap_or_else(|_| Err(lost()))
    }

    /// What the closure gave, if it has ended; else the handle again.
    ///
    /// # Errors
    /// The handle, while the closure runs.
    pub fn try_join(self) -> Result<thread::Result<T>, Self> {
        match self.result.try_recv() {
            Ok(outcome) => Ok(outcome),
            Err(TryRecvError::Empty) => Err(self),
            Err(TryRecvError::Disconnected) => Ok(Err(lost())),
        }
    }
}

fn lost() -> Box<dyn Any + Send> {
    Box::new("the lcore ended before its closure")
}
