//! A long body, piece by piece from a thread of its own: the loop never waits for a disk, and no more than a few pieces are in memory.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use hyper::body::Bytes;

use super::events::Dropped;

/// Pieces that wait to be sent.
const WAITING: usize = 2;

/// What comes of the thread.
struct Source {
    pieces: Receiver<Bytes>,
    /// Who waits for a piece.
    waiting: Arc<Mutex<Option<Waker>>>,
}

/// A body that is sent as it is read.
pub(crate) struct Pieces {
    source: Source,
    left: u64,
    taken: Rc<Cell<u64>>,
}

/// A body before it is one: it may cross threads.
pub(crate) struct Begun {
    source: Source,
    len: u64,
}

impl Begun {
    /// Begins a thread that calls `next` until it has given `len` bytes, fails (`None`), or nobody wants more.
    ///
    /// # Errors
    /// The system's own where there is no thread to be had.
    pub(crate) fn new(
        len: u64,
        mut next: impl FnMut() -> Option<Bytes> + Send + 'static,
    ) -> io::Result<Self> {
        let (give, pieces) = sync_channel(WAITING);
        let waiting: Arc<Mutex<Option<Waker>>> = Arc::default();
        let bell = Arc::clone(&waiting);
        thread::Builder::new().name("pieces".into()).spawn(move || {
            let ring = || {
                let waker = bell.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            };
            let mut left = len;
            while left > 0 {
                let Some(piece) = next().filter(|piece| !piece.is_empty()) else { break };
                left = left.saturating_sub(piece.len() as u64);
                if give.send(piece).is_err() {
                    return;
                }
                ring();
            }
            drop(give);
            ring();
        })?;
        Ok(Begun { source: Source { pieces, waiting }, len })
    }

    /// The body, on the thread of the loop.
    pub(crate) fn into_body(self) -> Pieces {
        Pieces { source: self.source, left: self.len, taken: Rc::default() }
    }
}

impl Pieces {
    /// Bytes that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// How many pieces were taken.
    pub(crate) fn taken(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.taken)
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Dropped>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut waiting = self.source.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: a piece that comes after this look finds the waker.
        match self.source.pieces.try_recv() {
            Ok(piece) => {
                drop(waiting);
                self.left = self.left.saturating_sub(piece.len() as u64);
                self.taken.set(self.taken.get() + 1);
                Poll::Ready(Some(Ok(piece)))
            }
            Err(TryRecvError::Empty) => {
                *waiting = Some(context.waker().clone());
                Poll::Pending
            }
            // Cut off, so that nobody takes a part for the whole.
            Err(TryRecvError::Disconnected) => Poll::Ready(Some(Err(Dropped))),
        }
    }
}
