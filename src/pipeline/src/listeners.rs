//! The streams whose keys are heard while they pass: a fixed number, allocated at the start.

use handover::{Flow, Instant};
use mask::{Captured, Listener, Together};

/// Listeners by index.
pub(crate) struct Listeners {
    states: Box<[Listener]>,
    free: Vec<u32>,
    together: Together,
}

impl Listeners {
    /// Room for `capacity` streams.
    pub(crate) fn new(capacity: u32) -> Self {
        Listeners {
            states: (0..capacity).map(|_| Listener::new()).collect(),
            free: (0..capacity).rev().collect(),
            together: Together::new(),
        }
    }

    /// A fresh state, or `None` when all are taken.
    pub(crate) fn allocate(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// Takes a packet that a stream's listener is to hear, at the latest when [`Listeners::finish`] is called. What is heard
    /// meanwhile, of whichever flow, goes to `capture`.
    pub(crate) fn take(
        &mut self,
        index: u32,
        now: Instant,
        flow: &Flow,
        payload: &[u8],
        capture: &mut dyn FnMut(&Flow, Captured),
    ) {
        self.together.take(&mut self.states, index, now, flow, payload, capture);
    }

    /// The burst is over: hears all that waits.
    pub(crate) fn finish(&mut self, capture: &mut dyn FnMut(&Flow, Captured)) {
        self.together.hear(&mut self.states, capture);
    }

    /// Gives a state back.
    pub(crate) fn release(&mut self, index: u32) {
        if let Some(state) = self.states.get_mut(index as usize) {
            *state = Listener::new();
            self.free.push(index);
        }
    }
}
