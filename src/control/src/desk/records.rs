//! What became of payments, on its way to the disk: one after the other, each until it is there. While the disk says no, results wait here,
//! bounded; a result that finds no room is found again after a start, by asking the PSP.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use handover::Instant;
use http::StatusCode;

use super::Desk;
use crate::site::Site;
use crate::store::{Outcome, State, Store, StoreError, Timestamp};
use crate::web::{Order, Response, Work};

/// Results that wait for the disk.
const WAITING: usize = 4_096;
/// How long to wait before the disk is tried again, and how long a try may take.
const AGAIN: Duration = Duration::from_secs(2);
const TRY: Duration = Duration::from_secs(60);

/// What became of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) our_reference: String,
    pub(crate) state: State,
    pub(crate) psp_reference: Option<String>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) at: Timestamp,
}

/// The results that are not yet on the disk.
pub(crate) struct Records {
    directory: PathBuf,
    waiting: VecDeque<Record>,
    /// Until when the first of them may take, and which try that is: an earlier one that ends late says nothing of it.
    under_way: Option<(Instant, u64)>,
    tries: u64,
    not_before: Instant,
    pub(crate) lost: u64,
    pub(crate) failed: u64,
}

impl Records {
    pub(crate) fn new(directory: PathBuf) -> Self {
        let (waiting, not_before) = (VecDeque::new(), Instant::ZERO);
        Records { directory, waiting, under_way: None, tries: 0, not_before, lost: 0, failed: 0 }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn push(&mut self, record: Record) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(record);
        } else {
            self.lost += 1;
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Has the next one written, where none is.
    pub(crate) fn turn(&mut self, now: Instant, orders: &mut Vec<Order<Site>>) {
        if self.under_way.is_some_and(|(until, _)| now < until) || now < self.not_before {
            return;
        }
        let Some(record) = self.waiting.front().cloned() else { return };
        self.tries += 1;
        let this = self.tries;
        self.under_way = Some((now + TRY, this));
        let directory = self.directory.clone();
        let work = move || {
            with_store(&directory, |store| {
                let mut keep = |psp_reference: Option<&str>| {
                    let outcome = Outcome { state: record.state, psp_reference, reason: record.reason };
                    store.advance_attempt(&record.our_reference, &outcome, record.at)
                };
                match keep(record.psp_reference.as_deref()) {
                    // A PSP's name for it that may not be kept does not cost the result.
                    Err(StoreError::Invalid(_)) => keep(None),
                    kept => kept,
                }
            })
        };
        orders.push(work_for_desk(work, move |done, desk, now| {
            desk.records.done(now, this, &done.map(|_| ()))
        }));
    }

    fn done(&mut self, now: Instant, this: u64, result: &Result<(), StoreError>) {
        if self.under_way.take_if(|(_, under_way)| *under_way == this).is_none() {
            return;
        }
        match result {
            // What the store will never take is not tried for ever.
            Ok(())
            | Err(StoreError::NoSuchAttempt | StoreError::Backwards { .. } | StoreError::Invalid(_)) => {
                self.waiting.pop_front();
            }
            Err(_) => {
                self.failed += 1;
                self.not_before = now + AGAIN;
            }
        }
    }
}

/// Work for the pool, of which the desk hears what came.
pub(crate) fn work_for_desk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    then: impl FnOnce(T, &mut Desk, Instant) + Send + 'static,
) -> Order<Site> {
    Order::Work(Work::new(work, move |done, site: &mut Site, now| {
        if let Some(desk) = &mut site.desk {
            then(done, desk, now);
        }
        // Nobody reads it.
        Response::text(StatusCode::OK, "")
    }))
}

thread_local! {
    /// Each thread of the pool has its own.
    static STORE: RefCell<Option<(PathBuf, Store)>> = const { RefCell::new(None) };
}

/// Does something with the store, on a thread of the pool.
///
/// # Errors
/// The store's own; that it panicked counts as damage.
pub(crate) fn with_store<T>(
    directory: &Path,
    work: impl FnOnce(&mut Store) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    STORE.with(|kept| {
        let mut kept = kept.borrow_mut();
        let fits = |open: &(PathBuf, Store)| open.0 == directory;
        let mut open = match kept.take().filter(fits) {
            Some(open) => open,
            None => (directory.to_owned(), Store::open(directory)?),
        };
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut open.1)))
            .unwrap_or_else(|_| Err(StoreError::Corrupt(directory.to_owned())));
        if !matches!(
            done,
            Err(StoreError::Corrupt(_) | StoreError::Database { .. } | StoreError::System { .. })
        ) {
            *kept = Some(open);
        }
        done
    })
}

/// The time of day, for what is kept.
#[allow(clippy::disallowed_methods, reason = "an edge: what is kept bears the time of day")]
pub(crate) fn today() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn record(name: &str) -> Record {
        let at = Timestamp::from_unix_millis(0);
        Record { our_reference: name.into(), state: State::Approved, psp_reference: None, reason: None, at }
    }

    #[test]
    fn a_result_waits_until_the_disk_has_it() {
        let mut records = Records::new(PathBuf::new());
        let mut orders = Vec::new();
        records.push(record("one"));
        records.push(record("two"));
        records.turn(at(10), &mut orders);
        records.turn(at(10), &mut orders);
        assert_eq!(orders.len(), 1, "one after the other");
        records.done(at(10), 1, &Err(StoreError::Full(PathBuf::new())));
        records.turn(at(11), &mut orders);
        assert_eq!((orders.len(), records.len(), records.failed), (1, 2, 1));
        records.turn(at(12), &mut orders);
        assert_eq!(orders.len(), 2, "it is tried again");
        // The disk takes longer than a try may: another is made, and only that one counts.
        records.turn(at(73), &mut orders);
        assert_eq!(orders.len(), 3);
        records.done(at(74), 2, &Ok(()));
        assert_eq!(records.len(), 2);
        records.done(at(75), 3, &Ok(()));
        assert_eq!(records.len(), 1);
        records.done(at(76), 3, &Ok(()));
        assert_eq!(records.len(), 1, "the next one is not done by it");
    }

    #[test]
    fn what_the_store_will_never_take_is_let_go_and_the_rest_is_bounded() {
        let mut records = Records::new(PathBuf::new());
        for _ in 0..=WAITING {
            records.push(record("one"));
        }
        assert_eq!((records.len(), records.lost), (WAITING, 1));
        let mut orders = Vec::new();
        records.turn(at(1), &mut orders);
        records.done(at(1), 1, &Err(StoreError::NoSuchAttempt));
        assert_eq!(records.len(), WAITING - 1);
    }
}
