//! Telling the control core of calls.

use std::collections::VecDeque;

use calls::Calls;
use handover::{CallEvent, Counter, Counters};

use crate::outputs::Outputs;

/// The events that found the control core's ring full, in order, and how far a telling of all calls has come.
pub(super) struct Events {
    waiting: VecDeque<CallEvent>,
    capacity: usize,
    /// The slot of the call table from which on calls are yet to be told of again.
    announcing: Option<u32>,
}

impl Events {
    /// Room for so many events. One that finds none is lost and counted; a lost beginning is told again later.
    pub(super) fn new(capacity: usize) -> Self {
        Events { waiting: VecDeque::new(), capacity, announcing: None }
    }

    /// Every call is to be told of again.
    pub(super) fn announce(&mut self) {
        self.announcing = Some(0);
    }

    /// Tells what is to be told, as far as there is room for it.
    pub(super) fn tell<B>(&mut self, calls: &mut Calls, counters: &Counters, out: &mut impl Outputs<B>) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(event) = out.call_event(event) {
                self.waiting.push_front(event);
                break;
            }
        }
        if calls.has_news() {
            for event in calls.take_news() {
                self.offer(event, counters, out);
            }
        }
        // What waits comes first, so that no call is told of again after its end.
        while self.waiting.is_empty()
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

    fn offer<B>(&mut self, event: CallEvent, counters: &Counters, out: &mut impl Outputs<B>) {
        let refused = if self.waiting.is_empty() { out.call_event(event) } else { Err(event) };
        let Err(event) = refused else { return };
        if self.waiting.len() < self.capacity {
            return self.waiting.push_back(event);
        }
        counters.count(Counter::CallEventsLost);
        if matches!(event, CallEvent::Begun(_)) {
            self.announce();
        }
    }
}
