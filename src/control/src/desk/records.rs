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
    /// Until when the first of them may take.
    under_way: Option<Instant>,
    not_before: Instant,
    pub(crate) lost: u64,
    pub(crate) failed: u64,
}

impl Records {
    pub(crate) fn new(directory: PathBuf) -> Self {
        let (waiting, not_before) = (VecDeque::new(), Instant::ZERO);
        Records { directory, waiting, under_way: None, not_before, lost: 0, failed: 0 }
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
        if self.under_way.is_some_and(|until| now < until) || now < self.not_before {
            return;
        }
        let Some(record) = self.waiting.front().cloned() else { return };
        self.under_way = Some(now + TRY);
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
        orders.push(Order::Work(Work::new(work, |done, site: &mut Site, now| {
            if let Some(desk) = &mut site.desk {
                desk.recorded(now, &done.map(|_| ()));
            }
            Response::text(StatusCode::OK, "")
        })));
    }

    fn done(&mut self, now: Instant, result: &Result<(), StoreError>) {
        self.under_way = None;
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

impl super::Desk {
    fn recorded(&mut self, now: Instant, result: &Result<(), StoreError>) {
        self.records.done(now, result);
    }
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
