//! Who is recorded: what the signalling lcore and the recorder are told of calls. What the recorder has not yet been told, and which
//! recordings are suspended, outlives the desk: nobody's recording goes on because a loop was started again.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handover::rings::Ring;
use handover::{Answer, CallHandle, Command, Instant, Refusal};
use secret::Digit;

use super::suspending::Lines;
use super::{Asked, Desk, UNANSWERED};
use crate::recordings::order::{Fact, RecordingOrder, ToRecord};

/// How long before an order that the signalling lcore had no room for is given again.
const AGAIN: Duration = Duration::from_secs(1);
/// After the answer to [`Command::Announce`] its events come, over several turns: for how long none has come when all have, and how
/// long they may take where new calls never cease.
const QUIET: Duration = Duration::from_secs(1);
const ALL_CAME: Duration = Duration::from_secs(10);
/// Keys further apart make no sequence.
const TOGETHER: Duration = Duration::from_secs(2);
/// Orders of one call that may wait; facts and suspensions beyond are not taken.
const OF_ONE_CALL: usize = 4;

/// The way to the recorder. Clones are the same one; it outlives a panic of the loop.
#[derive(Clone)]
pub(crate) struct Link {
    ring: Ring<RecordingOrder>,
    kept: Arc<Mutex<Kept>>,
    most: usize,
}

#[derive(Default)]
struct Kept {
    /// What the ring has no room for.
    waiting: VecDeque<RecordingOrder>,
    suspended: HashMap<CallHandle, Suspension>,
    lost: u64,
}

/// A recording that is suspended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Suspension {
    pub(crate) since: Instant,
    /// When it goes on by itself.
    pub(crate) until: Instant,
}

/// Why a recording is not suspended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotSuspended {
    /// The call is not recorded.
    NotRecorded,
    /// The recorder does not keep up.
    Busy,
}

impl Link {
    pub(crate) fn new(ring: Ring<RecordingOrder>, calls: usize) -> Self {
        Link { ring, kept: Arc::default(), most: calls.saturating_mul(OF_ONE_CALL).max(64) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Each change of it is whole, whatever panicked beside it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for orders that need not be.
    fn has_room(&self) -> bool {
        self.kept().waiting.len() < self.most
    }

    fn push(&self, order: RecordingOrder) {
        let mut kept = self.kept();
        let is_full = kept.waiting.len() >= self.most;
        match &order {
            // Of a call that came and went meanwhile nothing is told; ends of others are no more than there were calls.
            RecordingOrder::End { call, .. } if is_full => {
                let call = *call;
                let before = kept.waiting.len();
                let has_begun = !kept
                    .waiting
                    .iter()
                    .any(|order| matches!(order, RecordingOrder::Begin(begun) if begun.call == call));
                if !has_begun {
                    kept.waiting.retain(|order| of_call(order) != Some(call));
                    kept.lost += (before - kept.waiting.len()) as u64;
                    return;
                }
            }
            RecordingOrder::Fact { .. } if is_full => {
                kept.lost += 1;
                return;
            }
            _ => {}
        }
        kept.waiting.push_back(order);
        kept.flush(&self.ring);
    }

    fn flush(&self) {
        self.kept().flush(&self.ring);
    }

    pub(super) fn suspension(&self, call: CallHandle) -> Option<Suspension> {
        self.kept().suspended.get(&call).copied()
    }
}

impl Kept {
    fn flush(&mut self, ring: &Ring<RecordingOrder>) {
        while let Some(order) = self.waiting.pop_front() {
            if let Err(order) = ring.push(order) {
                self.waiting.push_front(order);
                return;
            }
        }
    }
}

fn of_call(order: &RecordingOrder) -> Option<CallHandle> {
    match order {
        RecordingOrder::Begin(begun) => Some(begun.call),
        RecordingOrder::Fact { call, .. }
        | RecordingOrder::Suspend { call, .. }
        | RecordingOrder::Resume { call, .. }
        | RecordingOrder::End { call, .. } => Some(*call),
        RecordingOrder::AllTold => None,
    }
}

/// How far the telling of all calls is that are up.
#[derive(Clone, Copy)]
enum Telling {
    /// It was asked for.
    Asked,
    /// It was answered then; their events come.
    Answered(Instant),
    /// The recorder knows.
    Told,
}

/// What the desk knows of recordings.
pub(crate) struct Recordings {
    link: Option<Link>,
    /// The calls that are recorded, with their tenants.
    recorded: HashMap<CallHandle, String>,
    /// How many of a tenant's keys for suspending have been pressed in a call, and when the last was.
    keyed: HashMap<CallHandle, (usize, Instant)>,
    /// Orders to the signalling lcore that are to be given again.
    again: VecDeque<(Instant, CallHandle)>,
    telling: Telling,
    last_begun: Instant,
    pub(super) lines: Lines,
    pub(crate) ordered: u64,
    pub(crate) suspensions: u64,
    pub(crate) ran_out: u64,
}

impl Recordings {
    pub(crate) fn new(now: Instant, link: Option<Link>) -> Self {
        Recordings {
            link,
            recorded: HashMap::new(),
            keyed: HashMap::new(),
            again: VecDeque::new(),
            telling: Telling::Asked,
            last_begun: now,
            lines: Lines::default(),
            ordered: 0,
            suspensions: 0,
            ran_out: 0,
        }
    }

    pub(super) fn order(&self, order: RecordingOrder) {
        if let Some(link) = &self.link {
            link.push(order);
        }
    }

    /// Whose recording a call's is, where it is recorded.
    pub(super) fn tenant(&self, call: CallHandle) -> Option<&str> {
        self.recorded.get(&call).map(String::as_str)
    }

    pub(super) fn recorded(&self) -> impl Iterator<Item = CallHandle> {
        self.recorded.keys().copied()
    }

    pub(crate) fn suspension(&self, call: CallHandle) -> Option<Suspension> {
        self.link.as_ref()?.suspension(call)
    }

    /// Orders that wait, suspensions that last, orders that were lost.
    pub(super) fn depths(&self) -> (usize, usize, u64) {
        self.link.as_ref().map_or((0, 0, 0), |link| {
            let kept = link.kept();
            (kept.waiting.len(), kept.suspended.len(), kept.lost)
        })
    }

    /// A key of the customer's side. True where it is the last of the keys that suspend and resume. Only how many of them were pressed
    /// is known, never which key was.
    fn is_sequence(&mut self, now: Instant, call: CallHandle, keys: &[u8], digit: &Digit) -> bool {
        let (many, last) = self.keyed.get(&call).copied().unwrap_or((0, now));
        let many = if now.since(last) < TOGETHER { many } else { 0 };
        let key = digit.event_code();
        // The longest beginning of the keys that what was pressed ends with.
        let pressed = |at: usize| if at < many { keys.get(at).copied() } else { Some(key) };
        let is_end =
            |long: &usize| (0..*long).all(|at| keys.get(at).copied() == pressed(many + 1 - long + at));
        let many = (1..=(many + 1).min(keys.len())).rev().find(is_end).unwrap_or(0);
        if many == 0 || many == keys.len() {
            self.keyed.remove(&call);
        } else {
            self.keyed.insert(call, (many, now));
        }
        many == keys.len()
    }
}

impl Desk {
    /// A call began, is told of again, or is perhaps another tenant's by now.
    pub(super) fn record(&mut self, now: Instant, call: CallHandle) {
        if self.recordings.link.is_none() {
            return;
        }
        let known = self.calls.get(call);
        let served = known.and_then(|known| self.directory.get(known.tenant.as_ref()?));
        let of = served.and_then(|served| Some((&served.tenant.id, served.tenant.recording.as_ref()?)));
        let before = self.recordings.recorded.get(&call);
        if before == of.map(|(tenant, _)| tenant) {
            return;
        }
        let (was_recorded, is_recorded) = (before.is_some(), of.is_some());
        let begin = of.zip(known).map(|((tenant, recording), known)| ToRecord {
            call,
            tenant: tenant.clone(),
            // Another tenant's recording ends where the new one begins.
            at: if was_recorded { now } else { known.begun.since },
            call_id: known.begun.call_id.to_string(),
            from: known.begun.from,
            caller: known.caller().to_owned(),
            called: known.called().to_owned(),
            keep_days: recording.keep_days(),
        });
        let payment = known.and_then(|known| known.payment);
        if was_recorded {
            self.recordings.recorded.remove(&call);
            self.recordings.order(RecordingOrder::End { call, at: now });
        }
        if let Some(begin) = begin {
            self.recordings.ordered += 1;
            self.recordings.recorded.insert(call, begin.tenant.clone());
            let since = begin.at;
            self.recordings.order(RecordingOrder::Begin(Box::new(begin)));
            if let Some(suspension) = self.recordings.suspension(call) {
                let at = suspension.since.max(since);
                self.recordings.order(RecordingOrder::Suspend { call, at });
            }
            if let Some(payment) = payment {
                self.tell_of_payment(call, payment);
            }
        }
        if was_recorded && is_recorded {
            // The other tenant's agents have no say in it any more.
            self.line_ended(now, call);
        }
        if was_recorded != is_recorded {
            self.command(now, Command::Record { call, on: is_recorded }, Asked::Record { call });
        }
        self.line_changed(now, call);
    }

    /// All calls, after tenants were read again.
    pub(super) fn record_all(&mut self, now: Instant) {
        let calls: Vec<CallHandle> = self.calls.iter_mut().map(|known| known.begun.call).collect();
        for call in calls {
            self.record(now, call);
        }
    }

    /// A call has begun, or was told of again.
    pub(super) fn recorded_begun(&mut self, now: Instant, call: CallHandle) {
        self.recordings.last_begun = now;
        self.record(now, call);
    }

    /// A call is over since `at`, where that is known, and has been let go.
    pub(super) fn recorded_ended(&mut self, now: Instant, call: CallHandle, at: Option<Instant>) {
        self.recordings.keyed.remove(&call);
        if let Some(link) = &self.recordings.link {
            link.kept().suspended.remove(&call);
        }
        if self.recordings.recorded.remove(&call).is_some() {
            self.recordings.order(RecordingOrder::End { call, at: at.unwrap_or(now) });
        }
        self.line_ended(now, call);
    }

    /// The signalling lcore has answered an order to record.
    pub(super) fn record_answered(&mut self, now: Instant, call: CallHandle, answer: Option<&Answer>) {
        match answer {
            Some(Answer::Done { .. } | Answer::Refused(Refusal::NoSuchCall)) => {}
            _ => self.recordings.again.push_back((now + AGAIN, call)),
        }
    }

    /// Sessions have deadlines of their own for what is not answered; what is recorded is asked again.
    pub(super) fn forget_unanswered(&mut self, now: Instant) {
        let late = self.asked.extract_if(|_, (since, _)| now.since(*since) >= UNANSWERED);
        let late: Vec<Asked> = late.map(|(_, (_, asked))| asked).collect();
        for asked in late {
            match asked {
                Asked::Record { call } => self.record_answered(now, call, None),
                Asked::Announce => self.announce_answered(now, None),
                Asked::Enter { .. } | Asked::Other => {}
            }
        }
    }

    /// All calls that are up are being told of.
    pub(super) fn announce_answered(&mut self, now: Instant, answer: Option<&Answer>) {
        match answer {
            Some(Answer::Done { .. }) => self.recordings.telling = Telling::Answered(now),
            _ => self.command(now, Command::Announce, Asked::Announce),
        }
    }

    /// An agent's payment holds a call.
    pub(super) fn tell_of_payment(&mut self, call: CallHandle, payment: payment::SessionId) {
        if self.recordings.tenant(call).is_none() {
            return;
        }
        let Some(payment) = self.payments.get(&payment) else { return };
        let (agent, order) = (payment.agent.user_name.clone(), payment.order.clone());
        self.recordings.order(RecordingOrder::Fact { call, fact: Fact::Agent(agent) });
        if !order.is_empty() {
            self.recordings.order(RecordingOrder::Fact { call, fact: Fact::Order(order) });
        }
    }

    /// Suspends a call's recording, by whose wish, where that is known. One that is suspended stays so for no longer.
    pub(crate) fn suspend(
        &mut self,
        now: Instant,
        call: CallHandle,
        agent: Option<&str>,
    ) -> Result<Suspension, NotSuspended> {
        let tenant = self.recordings.tenant(call).and_then(|tenant| self.directory.get(tenant));
        let recording = tenant.and_then(|served| served.tenant.recording.as_ref());
        let (Some(recording), Some(link)) = (recording, self.recordings.link.clone()) else {
            return Err(NotSuspended::NotRecorded);
        };
        if let Some(suspension) = link.suspension(call) {
            return Ok(suspension);
        }
        if !link.has_room() {
            return Err(NotSuspended::Busy);
        }
        let suspension = Suspension { since: now, until: now + recording.suspend_most };
        link.kept().suspended.insert(call, suspension);
        self.recordings.suspensions += 1;
        link.push(RecordingOrder::Suspend { call, at: now });
        if let Some(agent) = agent {
            link.push(RecordingOrder::Fact { call, fact: Fact::Agent(agent.to_owned()) });
        }
        self.line_changed(now, call);
        Ok(suspension)
    }

    /// Has a call's recording go on. False where it was not suspended.
    pub(crate) fn resume(&mut self, now: Instant, call: CallHandle) -> bool {
        let Some(link) = self.recordings.link.clone() else { return false };
        if link.kept().suspended.remove(&call).is_none() {
            return false;
        }
        link.push(RecordingOrder::Resume { call, at: now });
        self.line_changed(now, call);
        true
    }

    /// A key of the customer's side: perhaps the last of those that suspend and resume.
    pub(super) fn suspended_by_key(&mut self, now: Instant, call: CallHandle, digit: &Digit) {
        let Some(tenant) = self.recordings.tenant(call) else { return };
        let keys = self.directory.get(tenant).and_then(|served| served.suspend_keys.clone());
        let Some(keys) = keys else { return };
        if self.recordings.is_sequence(now, call, &keys, digit) && !self.resume(now, call) {
            // Nobody is there to be told that it cannot be; figures and alarms tell of a recorder that does not keep up.
            let _ = self.suspend(now, call, None);
        }
    }

    /// Once a turn: what is due.
    pub(super) fn turn_recordings(&mut self, now: Instant) {
        let Some(link) = self.recordings.link.clone() else { return };
        link.flush();
        while let Some((_, call)) = self.recordings.again.front().copied().filter(|(due, _)| *due <= now) {
            self.recordings.again.pop_front();
            if self.calls.get(call).is_some() {
                let on = self.recordings.recorded.contains_key(&call);
                self.command(now, Command::Record { call, on }, Asked::Record { call });
            }
        }
        let is_due = |(call, own): (&CallHandle, &Suspension)| (own.until <= now).then_some(*call);
        let due: Vec<CallHandle> = link.kept().suspended.iter().filter_map(is_due).collect();
        for call in due {
            self.recordings.ran_out += 1;
            self.recordings.order(RecordingOrder::Fact { call, fact: Fact::SuspensionRanOut { at: now } });
            self.resume(now, call);
        }
        if let Telling::Answered(at) = self.recordings.telling
            && (now.since(at.max(self.recordings.last_begun)) >= QUIET || now.since(at) >= ALL_CAME)
        {
            self.recordings.telling = Telling::Told;
            // Those that are over ended while nobody was told.
            let recorded = &self.recordings.recorded;
            link.kept().suspended.retain(|call, _| recorded.contains_key(call));
            link.push(RecordingOrder::AllTold);
        }
    }
}
