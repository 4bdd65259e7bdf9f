//! Flows that were in SecureMode when an earlier process was killed. They are silent towards the agent until their call is known
//! again, or is over.

use core::time::Duration;
use std::collections::BTreeMap;

use handover::{CallHandle, Flow, FlowKey, FlowMode, FlowUpdate, Instant, MaskKey, Side};

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
    until: Instant,
    due: Option<Instant>,
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

    /// What is to be done to end a call's silence.
    pub(super) fn end(&self, call: u64) -> impl Iterator<Item = FlowUpdate> + '_ {
        self.calls.get(&call).into_iter().flat_map(|call| &call.flows).copied().map(FlowUpdate::Remove)
    }

    /// What is due: the ends of calls that last too long, or whose caller is not heard any more.
    pub(super) fn expire(&mut self, now: Instant, changes: &mut Vec<FlowUpdate>) {
        for (call, known) in &self.calls {
            if self.ends(known) <= now {
                changes.extend(self.end(*call));
            }
        }
        self.due = self.calls.values().map(|call| self.ends(call)).filter(|ends| *ends > now).min();
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
pub(super) fn silent(key: FlowKey, mask_key: MaskKey) -> Flow {
    let silence = FlowMode::Silence(mask_key);
    let (mode, reverse) = match key.from {
        Side::Carrier => (silence, FlowMode::Pass),
        Side::Customer => (FlowMode::Pass, silence),
    };
    Flow { key, call: NOBODY, mode, reverse, ..Flow::default() }
}
