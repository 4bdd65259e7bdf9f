//! The masker's state of the secured streams that one lcore sees: a fixed number, allocated at the start.

use mask::MediaStream;

/// Stream states by index.
pub struct Streams {
    states: Box<[MediaStream]>,
    free: Vec<u32>,
}

impl Streams {
    /// Room for `capacity` streams.
    pub fn new(capacity: u32) -> Self {
        Streams {
            states: (0..capacity).map(|_| MediaStream::new()).collect(),
            free: (0..capacity).rev().collect(),
        }
    }

    /// A fresh state, or `None` when all are taken: the stream is then masked without being captured.
    pub fn allocate(&mut self) -> Option<u32> {
        let index = self.free.pop()?;
        if let Some(state) = self.states.get_mut(index as usize) {
            *state = MediaStream::new();
        }
        Some(index)
    }

    /// The state of a stream.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut MediaStream> {
        self.states.get_mut(index as usize)
    }

    /// Gives a state back.
    pub fn release(&mut self, index: u32) {
        if let Some(state) = self.states.get_mut(index as usize) {
            *state = MediaStream::new();
            self.free.push(index);
        }
    }
}
