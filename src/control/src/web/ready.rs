//! Wakers: what a connection future is given to call. They put its number into a queue that the loop empties.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::thread::{self, ThreadId};

/// The numbers of the connections that want to be polled.
#[derive(Debug)]
pub(crate) struct Ready {
    queue: Mutex<VecDeque<usize>>,
    /// The loop's own thread: it looks into the queue before it sleeps. Others have to end its sleep.
    own: ThreadId,
    sleeper: Arc<mio::Waker>,
}

impl Ready {
    /// A queue for the loop of the calling thread, which sleeps in the poll of `sleeper`.
    pub(crate) fn new(sleeper: Arc<mio::Waker>) -> Arc<Self> {
        Arc::new(Ready { queue: Mutex::default(), own: thread::current().id(), sleeper })
    }

    /// `number` is to be polled. Being in the queue twice costs a poll, and no more.
    pub(crate) fn push(&self, number: usize) {
        self.lock().push_back(number);
    }

    /// The one that has waited longest.
    pub(crate) fn pop(&self) -> Option<usize> {
        self.lock().pop_front()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The waker of `number`.
    pub(crate) fn waker(self: &Arc<Self>, number: usize) -> Waker {
        Waker::from(Arc::new(Bell { number, ready: Arc::clone(self) }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
        // A queue of numbers is whole whatever happened to who held it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Bell {
    number: usize,
    ready: Arc<Ready>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.push(self.number);
        if thread::current().id() != self.ready.own {
            // Without the wake the loop comes round all the same, at the end of its tick.
            let _ = self.ready.sleeper.wake();
        }
    }
}
