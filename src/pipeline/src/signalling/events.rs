//! Telling the control core of calls.

use std::collections::{BTreeSet, VecDeque};

use calls::Calls;
use handover::{CallEvent, CallHandle, Counter, Counters};

use crate::outputs::Outputs;

/// What found the control core's ring full, none of which is lost: a flood of new calls neither pushes out what puts a page's icon
/// out, nor delays it.
#[derive(Default)]
pub(super) struct Events {
    /// What ends SecureMode, in order, each once a call: sent first.
    losses: VecDeque<CallEvent>,
    /// The ends of calls whose beginning was told, then. A beginning is told when no end waits, so there are no more of these than
    /// the call table has had calls at once.
    ends: VecDeque<CallEvent>,
    /// The calls that are up and whose beginning is yet to be told, as they are then.
    unknown: BTreeSet<CallHandle>,
    /// The slot of the call table from which on calls are yet to be told of again.
    announcing: Option<u32>,
}

impl Events {
    /// Every call is to be told of again.
    pub(super) fn announce(&mut self) {
        self.announcing = Some(0);
    }

    /// Tells what is to be told, as far as there is room for it.
    pub(super) fn tell<B>(&mut self, calls: &mut Calls, counters: &Counters, out: &mut impl Outputs<B>) {
        // First what is new, so that of a call that waits its end is known.
        if calls.has_news() {
            for event in calls.take_news() {
                self.offer(event, counters, out);
            }
        }
        self.tell_waiting(calls, out);
        // What waits comes first, so that no call is told of again after its end.
        while !self.any_waits()
            && let Some(slot) = self.announcing
        {
            let next = calls.begun_from(slot);
            self.announcing = next.as_ref().map(|(_, slot)| *slot);
            let Some((begun, _)) = next else { break };
            if out.call_event(CallEvent::Begun(Box::new(begun))).is_err() {
                self.announcing = Some(slot);
                break;
            }
        }
    }

    fn any_waits(&self) -> bool {
        !self.losses.is_empty() || !self.ends.is_empty() || !self.unknown.is_empty()
    }

    fn tell_waiting<B>(&mut self, calls: &Calls, out: &mut impl Outputs<B>) {
        for queue in [&mut self.losses, &mut self.ends] {
            while let Some(event) = queue.pop_front() {
                if let Err(event) = out.call_event(event) {
                    return queue.push_front(event);
                }
            }
        }
        while let Some(call) = self.unknown.pop_first() {
            let begun = calls.begun_of(call).map(|begun| CallEvent::Begun(Box::new(begun)));
            if begun.is_some_and(|begun| out.call_event(begun).is_err()) {
                self.unknown.insert(call);
                return;
            }
        }
    }

    fn offer<B>(&mut self, event: CallEvent, counters: &Counters, out: &mut impl Outputs<B>) {
        // Who was never told of the beginning is not told of the end.
        if let CallEvent::Ended { call, .. } = &event
            && self.unknown.remove(call)
        {
            return;
        }
        let refused = if self.any_waits() { Err(event) } else { out.call_event(event) };
        let Err(event) = refused else { return };
        counters.count(Counter::CallEventsDelayed);
        match event {
            CallEvent::Begun(begun) => {
                self.unknown.insert(begun.call);
            }
            CallEvent::Ended { .. } => self.ends.push_back(event),
            CallEvent::MediaLost { .. } | CallEvent::ForcedOff { .. } => {
                if !self.losses.contains(&event) {
                    self.losses.push_back(event);
                }
            }
        }
    }
}
