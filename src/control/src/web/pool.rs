//! Threads for work that blocks: password hashes, the store, files, look-ups of names. They take work from a bounded ring,
//! and answer by another one and a wake of the loop.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use handover::rings::Ring;

/// One piece of work.
type Work<T> = Box<dyn FnOnce() -> T + Send>;

struct Job<T> {
    work: Work<T>,
    /// The answer if the work panics.
    otherwise: T,
}

struct Shared<T> {
    /// When it is full, work is given back to who wanted it done.
    jobs: Ring<Job<T>>,
    /// Has room for all work that is out, so it is never full.
    done: Ring<T>,
    /// Held only to go to sleep and to wake.
    gate: Mutex<()>,
    bell: Condvar,
    stop: AtomicBool,
    loop_waker: Arc<mio::Waker>,
}

/// The threads. They end, each after the work in its hands, when this is dropped; nobody waits for them.
pub(crate) struct Pool<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    out: usize,
    most: usize,
}

impl<T: Send + 'static> Pool<T> {
    /// `threads` threads, for at most `most` pieces of work that wait, are being done or have not been taken.
    ///
    /// # Errors
    /// The system's own where there are no threads to be had.
    pub(crate) fn new(threads: usize, most: usize, loop_waker: Arc<mio::Waker>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            jobs: Ring::new(most),
            done: Ring::new(most),
            gate: Mutex::new(()),
            bell: Condvar::new(),
            stop: AtomicBool::new(false),
            loop_waker,
        });
        // Made first, so that the threads end if one of them cannot be had.
        let pool = Pool { shared, out: 0, most: most.max(1) };
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new().name(format!("work-{number}")).spawn(move || shared.run())?;
        }
        Ok(pool)
    }

    /// Has `work` done; `otherwise` is its answer if it panics. False where there is no room.
    #[must_use]
    pub(crate) fn submit(&mut self, work: impl FnOnce() -> T + Send + 'static, otherwise: T) -> bool {
        if self.out >= self.most {
            return false;
        }
        if self.shared.jobs.push(Job { work: Box::new(work), otherwise }).is_err() {
            return false;
        }
        self.out += 1;
        let gate = self.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.bell.notify_one();
        drop(gate);
        true
    }

    /// Pieces of work that wait, are being done, or have not been taken.
    pub(crate) fn out(&self) -> usize {
        self.out
    }

    /// The next answer.
    pub(crate) fn take(&mut self) -> Option<T> {
        let answer = self.shared.done.pop()?;
        self.out -= 1;
        Some(answer)
    }
}

impl<T: Send + 'static> Drop for Pool<T> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let _gate = self.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.bell.notify_all();
    }
}

impl<T: Send> Shared<T> {
    fn run(&self) {
        while let Some(Job { work, otherwise }) = self.next() {
            let answer = catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise);
            // There is room; without the wake the loop comes round all the same, at the end of its tick.
            let _ = self.done.push(answer);
            let _ = self.loop_waker.wake();
        }
    }

    fn next(&self) -> Option<Job<T>> {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.stop.load(Ordering::Acquire) {
                return None;
            }
            if let Some(job) = self.jobs.pop() {
                return Some(job);
            }
            gate = self.bell.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::*;

    fn pool(threads: usize, most: usize) -> (Poll, Pool<u32>) {
        let poll = Poll::new().expect("a poll");
        let waker = Arc::new(mio::Waker::new(poll.registry(), Token(0)).expect("a waker"));
        (poll, Pool::new(threads, most, waker).expect("threads"))
    }

    fn answer(poll: &mut Poll, pool: &mut Pool<u32>) -> u32 {
        for _ in 0..100 {
            if let Some(answer) = pool.take() {
                return answer;
            }
            let mut events = Events::with_capacity(4);
            poll.poll(&mut events, Some(Duration::from_millis(100))).expect("a poll");
        }
        0
    }

    #[test]
    fn work_is_done_elsewhere_and_wakes_the_loop() {
        let (mut poll, mut pool) = pool(1, 4);
        let own = thread::current().id();
        assert!(pool.submit(move || u32::from(thread::current().id() != own), 9));
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::from_secs(10))).expect("a poll");
        assert!(!events.is_empty(), "the loop is woken");
        assert_eq!(answer(&mut poll, &mut pool), 1);
    }

    #[test]
    fn work_beyond_the_bound_is_refused_and_room_comes_back() {
        let (mut poll, mut pool) = pool(1, 2);
        let (go, wait) = mpsc::channel::<()>();
        assert!(pool.submit(move || wait.recv().map_or(0, |()| 1), 9));
        assert!(pool.submit(|| 2, 9));
        assert!(!pool.submit(|| 3, 9), "two are out");
        go.send(()).expect("somebody waits");
        assert_eq!(answer(&mut poll, &mut pool), 1);
        assert!(pool.submit(|| 4, 9));
        assert_eq!([answer(&mut poll, &mut pool), answer(&mut poll, &mut pool)], [2, 4]);
    }

    #[test]
    #[allow(clippy::panic, reason = "it is what the test is about")]
    fn a_panic_is_an_answer_and_the_thread_goes_on() {
        let (mut poll, mut pool) = pool(1, 4);
        assert!(pool.submit(|| panic!("the test's own panic"), 7));
        assert!(pool.submit(|| 8, 9));
        assert_eq!([answer(&mut poll, &mut pool), answer(&mut poll, &mut pool)], [7, 8]);
    }

    #[test]
    fn idle_threads_end_with_the_pool() {
        let (_poll, pool) = pool(3, 4);
        let shared = Arc::downgrade(&pool.shared);
        drop(pool);
        crate::tests::eventually("the threads let go", || shared.strong_count() == 0);
    }
}
