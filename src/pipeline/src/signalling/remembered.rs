//! Flows that were in SecureMode when an earlier process was killed. They are silent towards the agent until SIP of their own
//! Call-ID announces them again, or their call is over; what another Call-ID says of them changes nothing. A call that is known
//! again is in SecureMode from then on, until somebody ends that, it ends, or the time is over that its flows would have been silent.

use core::time::Duration;
use std::collections::BTreeMap;

use handover::{CallHandle, Flow, FlowKey, FlowMode, Instant, MaskKey, Side};

use crate::mirror::Mirrored;

/// How long they are silent at most.
const LONGEST: Duration = Duration::from_secs(600);
/// How long without media of the caller's before they are let go.
const WITHOUT_MEDIA: Duration = Duration::from_secs(60);
/// No call's: stale from the beginning.
const NOBODY: CallHandle = CallHandle { slot: u32::MAX, generation: u32::MAX };

/// A call of which no more is known than a fingerprint of its Call-ID.
struct Call {
    flows: Vec<FlowKey>,
    /// When its caller was heard last.
    heard: Instant,
}

/// Those flows, by their calls.
#[derive(Default)]
pub(super) struct Remembered {
    calls: BTreeMap<u64, Call>,
    calls_of: BTreeMap<FlowKey, u64>,
    /// The calls that were known again, and by which handle their SecureMode is ours to end.
    known: BTreeMap<u64, Option<CallHandle>>,
    until: Instant,
    due: Option<Instant>,
}

/// What is due.
pub(super) struct Due {
    /// Flows that are remembered no more.
    pub(super) flows: Vec<FlowKey>,
    /// Calls whose SecureMode ends.
    pub(super) calls: Vec<CallHandle>,
}

impl Remembered {
    /// Of these flows, from now on.
    pub(super) fn new(now: Instant, flows: &[Mirrored]) -> Self {
        let mut remembered = Remembered { until: now + LONGEST, ..Remembered::default() };
        for Mirrored { key, call } in flows {
            let known = Call { flows: Vec::new(), heard: now };
            remembered.calls.entry(*call).or_insert(known).flows.push(*key);
            remembered.calls_of.insert(*key, *call);
        }
        remembered.due = (!flows.is_empty()).then(|| now + WITHOUT_MEDIA);
        remembered
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The caller was heard on a flow.
    pub(super) fn heard(&mut self, key: &FlowKey, at: Instant) {
        if let Some(call) = self.calls_of.get(key).and_then(|call| self.calls.get_mut(call)) {
            call.heard = call.heard.max(at);
        }
    }

    /// Whether a call is among them.
    pub(super) fn knows(&self, call: u64) -> bool {
        self.calls.contains_key(&call)
    }

    /// The call of a flow that is among them.
    pub(super) fn call_of(&self, key: &FlowKey) -> Option<u64> {
        self.calls_of.get(key).copied()
    }

    /// Whether a call was known again.
    pub(super) fn is_known(&self, call: u64) -> bool {
        self.known.contains_key(&call)
    }

    /// A call is known again, by a handle if its SecureMode is ours to end.
    pub(super) fn know(&mut self, call: u64, handle: Option<CallHandle>) {
        self.known.insert(call, handle);
        self.due = Some(self.due.map_or(self.until, |due| due.min(self.until)));
    }

    /// Somebody else has entered or ended the SecureMode of a call: it is theirs from now on.
    pub(super) fn hand_over(&mut self, call: CallHandle) {
        self.known.values_mut().for_each(|known| *known = known.filter(|known| known.slot != call.slot));
    }

    /// The flow is somebody else's matter from now on. Whether it was ours.
    pub(super) fn forget(&mut self, key: &FlowKey) -> bool {
        let Some(call) = self.calls_of.remove(key) else { return false };
        if let Some(known) = self.calls.get_mut(&call) {
            known.flows.retain(|flow| flow != key);
            if known.flows.is_empty() {
                self.calls.remove(&call);
            }
        }
        true
    }

    /// Forgets a call. Its flows.
    pub(super) fn end(&mut self, call: u64) -> Vec<FlowKey> {
        let flows = self.calls.remove(&call).map(|call| call.flows).unwrap_or_default();
        flows.iter().for_each(|flow| {
            self.calls_of.remove(flow);
        });
        flows
    }

    /// What is due: the ends of calls that last too long, or whose caller is not heard any more.
    pub(super) fn expire(&mut self, now: Instant) -> Due {
        let over = self.calls.iter().filter(|(_, known)| self.ends(known) <= now);
        let over: Vec<u64> = over.map(|(call, _)| *call).collect();
        let flows = over.into_iter().flat_map(|call| self.end(call)).collect();
        let is_over = self.until <= now;
        let calls =
            if is_over { self.known.values_mut().filter_map(Option::take).collect() } else { Vec::new() };
        let awaited = self.known.values().any(Option::is_some).then_some(self.until);
        self.due = self.calls.values().map(|call| self.ends(call)).chain(awaited).min();
        Due { flows, calls }
    }

    /// When something may be due, at the earliest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn ends(&self, call: &Call) -> Instant {
        self.until.min(call.heard + WITHOUT_MEDIA)
    }
}

/// A flow as the lcores silence it: the caller's towards the agent, also where it takes another way.
pub(super) fn silent(flow: Flow, mask_key: MaskKey) -> Flow {
    let silence = FlowMode::Silence(mask_key);
    let (mode, reverse) = match flow.key.from {
        Side::Carrier => (silence, FlowMode::Pass),
        Side::Customer => (FlowMode::Pass, silence),
    };
    Flow { mode, reverse, ..flow }
}

/// A flow of which no call is known.
pub(super) fn nobodys(key: FlowKey) -> Flow {
    Flow { key, call: NOBODY, ..Flow::default() }
}
