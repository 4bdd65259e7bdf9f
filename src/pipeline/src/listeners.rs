//! The streams whose keys are heard while they pass: a fixed number, allocated at the start.

use mask::Listener;

/// Listeners by index.
pub(crate) struct Listeners {
    states: Box<[Listener]>,
    free: Vec<u32>,
}

impl Listeners {
    /// Room for `capacity` streams.
    pub(crate) fn new(capacity: u32) -> Self {
        Listeners {
            states: (0..capacity).map(|_| Listener::new()).collect(),
            free: (0..capacity).rev().collect(),
        }
    }

    /// A fresh state, or `None` when all are taken.
    pub(crate) fn allocate(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// The state of a stream.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Listener> {
        self.states.get_mut(index as usize)
    }

    /// Gives a state back.
    pub(crate) fn release(&mut self, index: u32) {
        if let Some(state) = self.states.get_mut(index as usize) {
            *state = Listener::new();
            self.free.push(index);
        }
    }
}
