//! The calls that are recorded: what the desk ordered, and which recording each has.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use handover::{CallHandle, Instant};
use recording::store::{self, Begin, Key, Order, Recorder, RefusedBegin};

use super::about::{self, About};
use super::figures::RecorderFigures;
use super::notary::{Ended, Learned, SharedAbout, Witness};
use super::order::{Fact, RecordingOrder, ToRecord};
use super::recorder::key_of;
use super::{now_micros, random_digits};

/// A call of which nothing is heard or ordered for so long is over, in nanoseconds: 15 minutes.
const SILENT: u64 = 15 * 60 * 1_000_000_000;

/// So long an end waits for packets from before it.
const PATIENCE: Duration = Duration::from_secs(1);

/// What orders are carried out with.
pub(super) struct Due<'a> {
    pub(super) recorder: &'a mut Recorder,
    pub(super) to_notary: &'a Sender<Box<Ended>>,
    pub(super) directory: &'a Path,
    pub(super) figures: &'a RecorderFigures,
    pub(super) now: Instant,
}

struct Call {
    to_record: Box<ToRecord>,
    learned: SharedAbout,
    /// The recording's name; `None` where it could not begin.
    name: Option<String>,
    /// Whether it was told since the desk told all of them the last time.
    is_told: bool,
    /// Since when it is suspended.
    suspended: Option<Instant>,
    /// When something was last ordered.
    ordered: u64,
    /// When it ended, once that is ordered.
    end: Option<Instant>,
}

/// All that are recorded. Outlives the recorder.
#[derive(Default)]
pub(super) struct Calls {
    calls: HashMap<Key, Call>,
    /// Calls whose end is ordered and not carried out.
    ending: Vec<Key>,
}

impl Calls {
    pub(super) fn order(&mut self, order: RecordingOrder, due: &mut Due<'_>) {
        match order {
            RecordingOrder::Begin(to_record) => self.begin(to_record, due),
            RecordingOrder::Fact { call, fact } => self.learn(call, fact, due),
            RecordingOrder::Suspend { call, at } => {
                if let Some(own) = self.find(call, due) {
                    own.suspended.get_or_insert(at);
                    due.recorder.order(Order::Suspend(key_of(call), at.as_nanos()));
                }
            }
            RecordingOrder::Resume { call, at } => {
                if let Some(own) = self.find(call, due) {
                    own.suspended = None;
                    due.recorder.order(Order::Resume(key_of(call), at.as_nanos()));
                }
            }
            RecordingOrder::End { call, at } => {
                if let Some(own) = self.find(call, due)
                    && own.end.replace(at).is_none()
                {
                    self.ending.push(key_of(call));
                }
            }
            RecordingOrder::AllTold => {
                let untold = |(key, call): (&Key, &Call)| (!call.is_told).then_some(*key);
                let untold: Vec<Key> = self.calls.iter().filter_map(untold).collect();
                for key in untold {
                    self.end_as_heard(key, due);
                }
                self.calls.values_mut().for_each(|call| call.is_told = false);
            }
        }
    }

    fn find(&mut self, call: CallHandle, due: &Due<'_>) -> Option<&mut Call> {
        let own = self.calls.get_mut(&key_of(call))?;
        own.ordered = due.now.as_nanos();
        Some(own)
    }

    fn begin(&mut self, to_record: Box<ToRecord>, due: &mut Due<'_>) {
        let key = key_of(to_record.call);
        if self.calls.get(&key).is_some_and(|call| call.end.is_some()) {
            self.carry_out_ends(true, due);
        }
        if let Some(own) = self.find(to_record.call, due) {
            own.is_told = true;
            return;
        }
        let about = About::new(&to_record);
        let learned = Arc::new(Mutex::new(Learned { about, is_over: false }));
        let ordered = due.now.as_nanos();
        let mut call =
            Call { to_record, learned, name: None, is_told: true, suspended: None, ordered, end: None };
        let at = call.to_record.at;
        if call.record(at, due).is_err() {
            due.figures.refused.fetch_add(1, Relaxed);
        }
        self.calls.insert(key, call);
    }

    fn learn(&mut self, call: CallHandle, fact: Fact, due: &Due<'_>) {
        let Some(own) = self.find(call, due) else { return };
        let mut learned = own.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if learned.about.learn(fact, own.to_record.at)
            && let Some(name) = &own.name
            && about::keep(due.directory, name, &learned.about).is_err()
        {
            // It is known all the same, unless there is a kill.
            due.figures.failures.fetch_add(1, Relaxed);
        }
    }

    /// Ends those whose end is ordered: all of them where their packets have been taken, otherwise those that have waited for long.
    pub(super) fn carry_out_ends(&mut self, all: bool, due: &mut Due<'_>) {
        for key in std::mem::take(&mut self.ending) {
            let end = self.calls.get(&key).and_then(|call| call.end).unwrap_or(due.now);
            if all || due.now.since(end) > PATIENCE {
                self.end(key, end.as_nanos(), due);
            } else {
                self.ending.push(key);
            }
        }
    }

    /// Ends a call of whose end nobody knows more than what was heard.
    fn end_as_heard(&mut self, key: Key, due: &mut Due<'_>) {
        let heard = due.recorder.heard(key).unwrap_or(due.now.as_nanos());
        self.end(key, heard, due);
    }

    fn end(&mut self, key: Key, at: u64, due: &mut Due<'_>) {
        if let Some(call) = self.calls.remove(&key) {
            call.is_over();
            if call.name.is_some() {
                due.recorder.order(Order::End(key, at));
            }
        }
    }

    /// What is to be done from time to time: calls that are silent for long end, and those that could not be recorded are
    /// tried again.
    pub(super) fn look(&mut self, due: &mut Due<'_>) {
        let now = due.now.as_nanos();
        let is_silent = |(key, call): (&Key, &Call)| {
            let heard = due.recorder.heard(*key).unwrap_or(0).max(call.ordered);
            (now.saturating_sub(heard) > SILENT).then_some(*key)
        };
        let silent: Vec<Key> = self.calls.iter().filter_map(is_silent).collect();
        for key in silent {
            self.end_as_heard(key, due);
        }
        for call in self.calls.values_mut().filter(|call| call.name.is_none() && call.end.is_none()) {
            // From now on: what was said before is lost. Where there is no room for one there is none for others.
            if matches!(call.record(due.now, due), Err(RefusedBegin::TooMany)) {
                break;
            }
        }
    }

    /// What ran is lost with its recorder: every call is to begin again.
    pub(super) fn recorder_lost(&mut self) {
        for call in self.calls.values_mut() {
            call.name = None;
        }
    }

    /// Nothing more will be learned of any.
    pub(super) fn all_over(&mut self) {
        self.calls.drain().for_each(|(_, call)| call.is_over());
        self.ending.clear();
    }
}

impl Call {
    fn is_over(&self) {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
    }

    /// Begins its recording.
    fn record(&mut self, at: Instant, due: &mut Due<'_>) -> Result<(), RefusedBegin> {
        let since = due.now.since(at).as_nanos();
        let now = now_micros().saturating_mul(1000);
        let began = now.saturating_sub(u64::try_from(since).unwrap_or(0));
        let digits = random_digits().map_err(|_| RefusedBegin::Name)?;
        let name = format!("{}-{digits}", store::moment(began / 1_000_000_000));
        let (about, to) = (Arc::clone(&self.learned), due.to_notary.clone());
        let (next_about, next_to) = (Arc::clone(&self.learned), due.to_notary.clone());
        let bytes = self.learned.lock().unwrap_or_else(PoisonError::into_inner).about.bytes();
        let key = key_of(self.to_record.call);
        due.recorder.begin(
            key,
            Begin {
                name: name.clone(),
                tenant: self.to_record.tenant.clone(),
                begin: at.as_nanos(),
                began,
                announced: None,
                about: bytes,
                sink: Box::new(Witness::new(about, to)),
                next_sink: Box::new(move || Box::new(Witness::new(Arc::clone(&next_about), next_to.clone()))),
            },
        )?;
        if let Some(since) = self.suspended {
            due.recorder.order(Order::Suspend(key, since.max(at).as_nanos()));
        }
        self.name = Some(name);
        Ok(())
    }
}
