//! The writer: all recordings that run, on one thread.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrayvec::ArrayVec;

use super::keeper::{Closed, Closing, Keeper};
use super::{Store, ended};
use crate::encoding::Encoding;
use crate::frame::{Channel, Frame, HeldFrame};
use crate::sealed::{MOST_ABOUT, SealError};
use crate::second::{End, GapCause, MarkKind, SecondSink};
use crate::timeline::Timeline;
use crate::wav;
use crate::writer::{State, Volume};

const SECOND: u64 = 1_000_000_000;
/// So many suspensions are known by their times, for packets that come out of their queue later.
const SUSPENSIONS: usize = 4;
/// The end of a suspension that lasts.
const LASTS: u64 = u64::MAX;
/// When what the disk did not take is tried again.
const TRY_AGAIN: u64 = 5 * SECOND;

/// Which recording, to those who feed it.
pub type Key = u64;

/// A recording that is to begin.
pub struct Begin {
    /// Its name for files; one that neither runs nor lies in the store.
    pub name: String,
    /// Whose it is.
    pub tenant: String,
    /// When it begins, in nanoseconds by the packets' clock, as all times here but the next.
    pub begin: u64,
    /// The same moment in nanoseconds since 1970.
    pub began: u64,
    /// What the session's description promises.
    pub announced: Option<Encoding>,
    /// What the call is: kept with the recording, so that it can be proven after an interruption. At most [`MOST_ABOUT`] bytes.
    pub about: Vec<u8>,
    /// Who wants its seconds.
    pub sink: Box<dyn SecondSink + Send>,
    /// Who wants those of the next part, should this one become [`Limits::seconds`] long.
    pub next_sink: Box<dyn FnMut() -> Box<dyn SecondSink + Send> + Send>,
}

/// What the pipeline tells the recorder.
#[allow(clippy::large_enum_variant, reason = "packets are most of them, and cross the ring without heap")]
pub enum Order {
    /// Record a call.
    Begin(Key, Box<Begin>),
    /// A packet of it. By value and without heap: a poll-mode core allocates nothing.
    Frame(Key, HeldFrame),
    /// From this time on nothing is recorded: it is silent and marked so, until it is resumed.
    Suspend(Key, u64),
    /// From this time on it is recorded again.
    Resume(Key, u64),
    /// The call is over, at this time.
    End(Key, u64),
    /// The queue was full: packets were lost from one time to another.
    Overrun(u64, u64),
}

/// The receiving end of the bounded queue. Full, it refuses packets, and tells [`Order::Overrun`] as soon as there is room.
pub trait Inlet {
    /// The next order, if there is one.
    fn take(&mut self) -> Option<Order>;
}

/// What is bounded.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Recordings at once, those whose end the disk has not taken yet included.
    pub recordings: usize,
    /// After so many seconds a recording ends and its next part begins; at most [`wav::MOST_SECONDS`].
    pub seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { recordings: 500, seconds: wav::MOST_SECONDS }
    }
}

/// What became of the orders.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Recordings begun, parts included.
    pub begun: u64,
    /// Recordings whose end was written.
    pub ended: u64,
    /// Recordings that could not be: too many, no key, no such name.
    pub refused: u64,
    /// Packets taken.
    pub frames: u64,
    /// Packets of no recording.
    pub stray_frames: u64,
    /// Times that the queue was full.
    pub overruns: u64,
    /// Writes that failed.
    pub failures: u64,
}

/// Why a recording does not begin.
#[derive(Debug)]
pub enum RefusedBegin {
    /// As many as may run do.
    TooMany,
    /// One of that name or key runs, or the name is none.
    Name,
    /// More than [`MOST_ABOUT`] bytes are to be kept with it.
    TooMuchAbout,
    /// There is no key for it.
    Key(SealError),
}

struct Running {
    timeline: Timeline,
    state: State,
    /// When the first part began, by the packets' clock and since 1970.
    begin: u64,
    began: u64,
    /// When the last packet came.
    heard: u64,
    /// The last times for which it was suspended: from, and until; no end yet for one that lasts.
    suspended: ArrayVec<(u64, u64), SUSPENSIONS>,
    /// Seconds of the parts before this one.
    before: u32,
    /// The name without the part's number.
    name: String,
    part: u32,
    about: Vec<u8>,
    next_sink: Box<dyn FnMut() -> Box<dyn SecondSink + Send> + Send>,
}

/// One whose end the disk did not take.
struct Unclosed {
    state: State,
    samples: u64,
    begin: u64,
    again: u64,
}

/// All recordings that run.
pub struct Recorder {
    store: Store,
    volume: Arc<dyn Volume>,
    keeper: Keeper,
    limits: Limits,
    running: HashMap<Key, Running>,
    names: HashSet<String>,
    unclosed: Vec<Unclosed>,
    /// Ended, but the keeper was behind.
    waiting: Vec<Closing>,
    counters: Counters,
    /// How often it is known that the disk did not take what was written.
    unsynced: u64,
}

impl Running {
    fn is_suspended(&self) -> bool {
        self.suspended.last().is_some_and(|last| last.1 == LASTS)
    }

    /// Milliseconds from the beginning of the part that runs.
    fn milliseconds(&self, at: u64) -> u32 {
        let begin = self.begin + u64::from(self.before) * SECOND;
        u32::try_from(at.saturating_sub(begin) / 1_000_000).unwrap_or(u32::MAX)
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let (arrived, channel) = (frame.arrived(), frame.channel());
        self.heard = self.heard.max(arrived);
        if frame.is_secured() != self.state.marks.is_open(MarkKind::SecureMode) {
            let at = self.milliseconds(arrived);
            match (frame.is_secured(), channel) {
                (true, _) => self.state.marks.open(MarkKind::SecureMode, at),
                (false, Channel::Caller) => self.state.marks.close(MarkKind::SecureMode, at),
                (false, Channel::Agent) => (),
            }
        }
        // A packet may come out of its queue long after it was resumed.
        if self.suspended.iter().any(|(from, until)| (*from..*until).contains(&arrived)) {
            return;
        }
        self.state.marks.heard(channel, frame.format());
        self.timeline.frame(frame);
        // It came before, and may be meant for after.
        if let Some((since, _)) = self.suspended.last().filter(|last| last.1 == LASTS) {
            self.timeline.forget(*since);
        }
    }

    /// Seconds of the part that runs in which something is missing.
    fn note_gap(&mut self, from: u64, to: u64, cause: GapCause) {
        let begin = self.begin + u64::from(self.before) * SECOND;
        let second = |time: u64| (time.saturating_sub(begin) / SECOND) as u32;
        if to > begin {
            self.state.note_gap(second(from), second(to) + 1, cause);
        }
    }
}

impl Recorder {
    /// A recorder into a store.
    pub fn new(store: Store, volume: Arc<dyn Volume>, keeper: Keeper, limits: Limits) -> Recorder {
        let (running, names) = (HashMap::new(), HashSet::new());
        let (unclosed, waiting, counters) = (Vec::new(), Vec::new(), Counters::default());
        let unsynced = 0;
        Recorder { store, volume, keeper, limits, running, names, unclosed, waiting, counters, unsynced }
    }

    /// Carries out what is ordered, at most `most` of it, and finishes the seconds that are over. Answers how many orders there were.
    pub fn turn(&mut self, inlet: &mut dyn Inlet, most: usize, now: u64) -> usize {
        let mut count = 0;
        while count < most
            && let Some(order) = inlet.take()
        {
            count += 1;
            self.order(order);
        }
        self.advance(now);
        count
    }

    /// Carries out one order.
    pub fn order(&mut self, order: Order) {
        match order {
            Order::Frame(key, frame) => self.frame(key, &frame.frame()),
            Order::Begin(key, begin) => {
                if self.begin(key, *begin).is_err() {
                    self.counters.refused += 1;
                }
            }
            Order::End(key, at) => {
                if let Some(running) = self.running.remove(&key) {
                    self.end(running, at);
                }
            }
            Order::Overrun(from, to) => {
                self.counters.overruns += 1;
                self.running.values_mut().for_each(|running| running.note_gap(from, to, GapCause::Overrun));
            }
            Order::Suspend(key, at) => {
                if let Some(running) = self.running.get_mut(&key).filter(|one| !one.is_suspended()) {
                    if running.suspended.is_full() {
                        running.suspended.remove(0);
                    }
                    running.suspended.push((at, LASTS));
                    let from = running.milliseconds(at);
                    running.state.marks.open(MarkKind::Suspended, from);
                    running.timeline.forget(at);
                }
            }
            Order::Resume(key, at) => {
                if let Some(running) = self.running.get_mut(&key).filter(|one| one.is_suspended()) {
                    if let Some((_, until)) = running.suspended.last_mut() {
                        *until = at;
                    }
                    let to = running.milliseconds(at);
                    running.state.marks.close(MarkKind::Suspended, to);
                }
            }
        }
    }

    /// Takes a packet of a recording.
    pub fn frame(&mut self, key: Key, frame: &Frame<'_>) {
        match self.running.get_mut(&key) {
            Some(running) => {
                self.counters.frames += 1;
                running.frame(frame);
            }
            None => self.counters.stray_frames += 1,
        }
    }

    /// Begins a recording.
    ///
    /// # Errors
    /// Why not; the call is not concerned.
    pub fn begin(&mut self, key: Key, begin: Begin) -> Result<(), RefusedBegin> {
        if self.running.len() + self.unclosed.len() + self.waiting.len() >= self.limits.recordings {
            return Err(RefusedBegin::TooMany);
        }
        if self.running.contains_key(&key) || self.names.contains(&begin.name) {
            return Err(RefusedBegin::Name);
        }
        if begin.about.len() > MOST_ABOUT {
            return Err(RefusedBegin::TooMuchAbout);
        }
        let tenant_key = self.store.key(&begin.tenant).map_err(RefusedBegin::Key)?;
        let head = self.store.head(begin.began, &begin.tenant, &begin.name);
        let head = head.map_err(|_| RefusedBegin::Name)?;
        let path = self.store.running(&begin.name);
        if path.exists() || ended(&self.store.root, &head).exists() {
            return Err(RefusedBegin::Name);
        }
        let state = State::new(path, head, begin.about.clone(), tenant_key, begin.sink);
        let timeline = Timeline::new(begin.begin, begin.announced);
        let Begin { name, about, next_sink, begin, began, .. } = begin;
        self.names.insert(name.clone());
        self.counters.begun += 1;
        let (heard, suspended, before, part) = (begin, ArrayVec::new(), 0, 1);
        let running =
            Running { timeline, state, begin, began, heard, suspended, before, name, part, about, next_sink };
        self.running.insert(key, running);
        Ok(())
    }

    /// Finishes the seconds that are over, begins next parts, and tries again what the disk did not take.
    pub fn advance(&mut self, now: u64) {
        let volume = Arc::clone(&self.volume);
        let (unsynced, safe) = self.keeper.unsynced();
        if unsynced != std::mem::replace(&mut self.unsynced, unsynced) {
            self.running.values_mut().for_each(|running| running.note_gap(safe, now, GapCause::Disk));
        }
        let mut full = Vec::new();
        for (key, running) in &mut self.running {
            if running.timeline.deadline() <= now {
                running.timeline.advance(now, &mut running.state.writer(&*volume));
                if running.timeline.next_second() - running.before
                    >= self.limits.seconds.min(wav::MOST_SECONDS)
                {
                    full.push(*key);
                }
            }
        }
        for key in full {
            self.next_part(key);
        }
        for closing in std::mem::take(&mut self.waiting) {
            self.close(closing);
        }
        let (due, later) = std::mem::take(&mut self.unclosed).into_iter().partition(|one| one.again <= now);
        self.unclosed = later;
        let due: Vec<Unclosed> = due;
        for Unclosed { state, samples, begin, .. } in due {
            self.write_end(state, samples, begin, now);
        }
        self.keeper.written(now);
    }

    /// Ends all that run: Keyhush is stopped.
    pub fn finish(&mut self, at: u64) {
        for (_, running) in std::mem::take(&mut self.running) {
            self.end(running, at);
        }
        self.advance(at);
    }

    /// When the last packet of a recording came; its beginning where there was none.
    pub fn heard(&self, key: Key) -> Option<u64> {
        self.running.get(&key).map(|running| running.heard)
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// What became of the orders; failures of the thread that waits for the disk included.
    pub fn counters(&self) -> Counters {
        let running: u64 = self.running.values().map(|running| running.state.failures).sum();
        let failures = self.counters.failures + running + self.keeper.failures();
        Counters { failures, ..self.counters }
    }

    fn end(&mut self, mut running: Running, at: u64) {
        let volume = Arc::clone(&self.volume);
        // No call lasts longer than a part may, beyond what is finished; a wrong time must not make days of silence.
        let longest = (u64::from(running.timeline.next_second()) + 60) * SECOND;
        let at = at.min(running.begin + longest);
        let samples = running.timeline.finish(at, &mut running.state.writer(&*volume));
        let before = u64::from(running.before) * running.timeline.encoding().map_or(0, |of| of.rate().into());
        let begin = running.begin + u64::from(running.before) * SECOND;
        self.names.remove(&running.name);
        self.write_end(running.state, samples.saturating_sub(before), begin, at);
    }

    fn write_end(&mut self, mut state: State, samples: u64, begin: u64, now: u64) {
        let volume = Arc::clone(&self.volume);
        match state.writer(&*volume).end(samples) {
            Ok(end) => self.ended(state, end, begin),
            Err(_) => self.unclosed.push(Unclosed { state, samples, begin, again: now + TRY_AGAIN }),
        }
    }

    fn ended(&mut self, state: State, end: End, begin: u64) {
        self.counters.ended += 1;
        self.counters.failures += state.failures;
        let head = state.head().clone();
        let (from, path) = (state.path().to_owned(), ended(&self.store.root, &head));
        self.close(Closing { from, begin, closed: Closed { path, head, end, sink: state.into_sink() } });
    }

    fn close(&mut self, closing: Closing) {
        if let Err(closing) = self.keeper.close(closing) {
            self.waiting.push(*closing);
        }
    }

    /// Ends a part where it is full; the timeline goes on in the next.
    fn next_part(&mut self, key: Key) {
        let Some(running) = self.running.get_mut(&key) else { return };
        let seconds = running.timeline.next_second();
        let samples = u64::from(seconds - running.before) * u64::from(running.state.head().encoding.rate());
        let since_begin = u64::from(seconds) * SECOND;
        let name = format!("{}.{}", running.name, running.part + 1);
        let tenant = running.state.head().tenant.clone();
        let begun = self.store.key(&tenant);
        let begun =
            begun.and_then(|key| Ok((key, self.store.head(running.began + since_begin, &tenant, &name)?)));
        // Without a head it goes on in the same file, and is tried again with the next second.
        let Ok((tenant_key, head)) = begun else { return };
        let (path, sink) = (self.store.running(&name), (running.next_sink)());
        let mut next = State::new(path, head, running.about.clone(), tenant_key, sink);
        next.marks = running.state.marks.following();
        let (begin, now) = (running.begin + u64::from(running.before) * SECOND, running.begin + since_begin);
        let state = std::mem::replace(&mut running.state, next);
        running.before = seconds;
        running.part += 1;
        self.counters.begun += 1;
        self.write_end(state, samples, begin, now);
    }
}
