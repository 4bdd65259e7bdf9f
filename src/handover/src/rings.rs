//! Bounded queues between threads. Each says what happens when it is full.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

/// A bounded queue for many producers and many consumers. [`Ring::push`] gives the value back when the ring is
/// full; what the producer does with it is written where the ring is made.
#[derive(Debug)]
pub struct Ring<T>(Arc<ArrayQueue<T>>);

impl<T> Clone for Ring<T> {
    fn clone(&self) -> Self {
        Ring(Arc::clone(&self.0))
    }
}

impl<T> Ring<T> {
    /// A ring of `capacity` values.
    pub fn new(capacity: usize) -> Self {
        Ring(Arc::new(ArrayQueue::new(capacity.max(1))))
    }

    /// Appends a value, or gives it back when the ring is full.
    pub fn push(&self, value: T) -> Result<(), T> {
        self.0.push(value)
    }

    /// Takes the oldest value.
    pub fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    /// How many values wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many it can hold.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }
}
