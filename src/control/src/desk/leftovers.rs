//! Attempts of which nobody knows what became of them, and whose page is gone: those that were under way when the process ended, and those
//! whose PSP did not answer for as long as a page waited. The PSP is asked about each by our own reference, seldom, until it says.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use handover::Instant;
use payment::{Attempt, Found, Money, Outcome};

use super::Desk;
use super::paying::{LOOK_UP, record};
use super::records::{today, with_store, work_for_desk};
use crate::site::Site;
use crate::store::{self, State, StoreError};

/// How long after the last of them the disk is asked for such attempts again, from the first.
const PERIOD: Duration = Duration::from_secs(60);
/// How long the answer of the disk is waited for.
const LISTING: Duration = Duration::from_secs(60);
/// Those that have been unknown for longer (milliseconds) are asked about in one round of so many only.
const OLD: i64 = 60 * 60 * 1000;
const ROUNDS: u64 = 30;
/// Between two questions to PSPs.
const PAUSE: Duration = Duration::from_millis(500);
/// What has not changed for so long is nothing that is under way elsewhere: milliseconds.
const SETTLED: i64 = 15 * 60 * 1000;
/// Attempts of which it is remembered that their PSP knew of none.
const NOTHING_MOST: usize = 10_000;
/// A PSP that knows of none, so often, has had none.
const NOTHING_TIMES: u32 = 3;

/// What is to be asked about.
pub(crate) struct Leftovers {
    next_list: Instant,
    next_question: Instant,
    /// The number of the last one that was listed in this round.
    after: i64,
    round: u64,
    waiting: VecDeque<store::Attempt>,
    /// How often the PSP knew of none.
    nothing: HashMap<String, u32>,
}

impl Leftovers {
    pub(crate) fn new(now: Instant) -> Self {
        let (waiting, nothing) = (VecDeque::new(), HashMap::new());
        Leftovers { next_list: now, next_question: now, after: 0, round: 0, waiting, nothing }
    }
}

impl Desk {
    pub(super) fn ask_about_leftovers(&mut self, now: Instant) {
        if now >= self.leftovers.next_list && self.leftovers.waiting.is_empty() {
            self.leftovers.next_list = now + LISTING;
            let (directory, after) = (self.records.directory().to_owned(), self.leftovers.after);
            let work = move || with_store(&directory, |store| store.unresolved_attempts(after));
            self.orders.push(work_for_desk(work, |listed, desk, now| desk.listed(now, listed)));
        }
        while now >= self.leftovers.next_question
            && let Some(attempt) = self.leftovers.waiting.pop_front()
        {
            if self.ask_about(attempt) {
                self.leftovers.next_question = now + PAUSE;
            }
        }
    }

    fn listed(&mut self, now: Instant, listed: Result<Vec<store::Attempt>, StoreError>) {
        let Ok(listed) = listed else {
            self.figures.store_failures += 1;
            self.leftovers.next_list = now + PERIOD;
            return;
        };
        match listed.last() {
            Some(last) => {
                self.leftovers.after = last.id;
                self.leftovers.next_list = now;
            }
            None => {
                self.leftovers.after = 0;
                self.leftovers.round += 1;
                self.leftovers.next_list = now + PERIOD;
            }
        }
        let (today, round) = (today().unix_millis(), self.leftovers.round);
        // A page that is still there asks by itself.
        let is_due = |one: &store::Attempt| {
            let is_old = today - one.changed.unix_millis() > OLD;
            !self.names.contains_key(&one.session) && (!is_old || round.is_multiple_of(ROUNDS))
        };
        self.leftovers.waiting = listed.into_iter().filter(is_due).collect();
        if self.leftovers.nothing.len() > NOTHING_MOST {
            self.leftovers.nothing.clear();
        }
    }

    /// Whether a PSP was asked: nobody else need wait for one that cannot be.
    fn ask_about(&mut self, left: store::Attempt) -> bool {
        let is_old = today().unix_millis() - left.changed.unix_millis() > SETTLED;
        if left.state == State::Prepared {
            // It is sent at once after it is prepared, or never.
            if is_old {
                self.records.push(record(&left.our_reference, &Outcome::NotTaken));
            }
            return false;
        }
        let Some(served) = self.directory.get(&left.tenant).cloned() else { return false };
        let money = Money::new(u64::try_from(left.amount).unwrap_or(0), &left.currency);
        let (Some(money), true) = (money, served.provider.name() == left.psp) else { return false };
        let attempt = Attempt {
            number: 0,
            idempotency_key: left.idempotency_key,
            reference: left.our_reference,
            money,
            order: left.order_reference.unwrap_or_default(),
        };
        let Some(outgoing) = served.provider.look_up(&attempt) else { return false };
        self.ask(outgoing, LOOK_UP, move |result, site: &mut Site, _| {
            let Some(desk) = &mut site.desk else { return };
            let outcome = match served.provider.found(&attempt, result) {
                Found::Settled(outcome) => outcome,
                Found::Nothing if is_old => {
                    let times = desk.leftovers.nothing.entry(attempt.reference.clone()).or_default();
                    *times += 1;
                    if *times < NOTHING_TIMES {
                        return;
                    }
                    Outcome::NotTaken
                }
                Found::Nothing | Found::UnderWay | Found::NoAnswer => return,
            };
            if outcome != Outcome::Unknown {
                desk.leftovers.nothing.remove(&attempt.reference);
                desk.figures.resolved_late += 1;
                desk.records.push(record(&attempt.reference, &outcome));
            }
        });
        true
    }
}
