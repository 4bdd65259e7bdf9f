//! The masker's state of the secured streams that one lcore sees, and the frames that it holds: a fixed number, allocated at
//! the start.

use handover::{Flow, Instant, Side, WireId};
use mask::secured::MOST_HELD;
use mask::{Frames, SecuredStream};
use wire::buffer::Buffer;
use wire::frame::Udp;

/// A frame that waits for what follows it.
pub(crate) struct HeldFrame<B> {
    pub(crate) wire: WireId,
    pub(crate) from: Side,
    pub(crate) udp: Udp,
    /// Whether its call was in SecureMode when it came.
    pub(crate) is_secured: bool,
    pub(crate) frame: B,
}

/// Frames by their places.
pub(crate) struct Places<B>([Option<HeldFrame<B>>; MOST_HELD]);

impl<B> Places<B> {
    pub(crate) fn put(&mut self, place: u8, frame: HeldFrame<B>) {
        if let Some(slot) = self.0.get_mut(usize::from(place)) {
            *slot = Some(frame);
        }
    }

    pub(crate) fn take(&mut self, place: u8) -> Option<HeldFrame<B>> {
        self.0.get_mut(usize::from(place)).and_then(Option::take)
    }
}

impl<B: Buffer> Frames for Places<B> {
    fn payload(&self, place: u8) -> &[u8] {
        let held = self.0.get(usize::from(place)).and_then(Option::as_ref);
        held.map_or(&[], |held| held.udp.payload(held.frame.bytes()))
    }
}

/// One stream.
pub(crate) struct Stream<B> {
    pub(crate) masker: SecuredStream,
    pub(crate) places: Places<B>,
    /// The flow as its last packet found it.
    pub(crate) flow: Flow,
    /// It was told that the audio cannot be masked.
    pub(crate) is_told_unmaskable: bool,
    /// The flow is gone: the state is given back when nothing is held any more.
    is_orphan: bool,
    /// It is among those that are looked at for what is due.
    is_listed: bool,
}

impl<B> Stream<B> {
    fn new() -> Self {
        Stream {
            masker: SecuredStream::new(),
            places: Places([const { None }; MOST_HELD]),
            flow: Flow::default(),
            is_told_unmaskable: false,
            is_orphan: false,
            is_listed: false,
        }
    }
}

/// Streams by index.
pub(crate) struct Streams<B> {
    states: Box<[Stream<B>]>,
    free: Vec<u32>,
    /// Those that may hold something, each once.
    holding: Vec<u32>,
    /// No stream has anything due before.
    quiet_until: Option<Instant>,
}

impl<B> Streams<B> {
    /// Room for `capacity` streams.
    pub(crate) fn new(capacity: u32) -> Self {
        SecuredStream::prepare();
        Streams {
            states: (0..capacity).map(|_| Stream::new()).collect(),
            free: (0..capacity).rev().collect(),
            holding: Vec::with_capacity(capacity as usize),
            quiet_until: None,
        }
    }

    /// A fresh state, or `None` when all are taken: what cannot be listened to is silenced.
    pub(crate) fn allocate(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// The state of a stream.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Stream<B>> {
        self.states.get_mut(index as usize)
    }

    /// After a fault: what is held leaves silent, at the next look. Nothing of it is heard any more, so that what made a panic
    /// makes no second one.
    pub(crate) fn silence_all(&mut self, now: Instant) {
        for index in &self.holding {
            if let Some(stream) = self.states.get_mut(*index as usize) {
                stream.masker.silence_all(now);
            }
        }
        // The look that was broken off is begun anew.
        self.quiet_until = Some(now);
    }

    /// Gives a state back, as soon as nothing is held in it any more. What is held is due now.
    pub(crate) fn release(&mut self, index: u32, now: Instant) {
        let Some(stream) = self.states.get_mut(index as usize) else { return };
        if stream.masker.due().is_some() {
            stream.masker.hurry_all(now);
            stream.is_orphan = true;
            self.list(index, now);
            return;
        }
        let is_listed = stream.is_listed;
        *stream = Stream::new();
        stream.is_listed = is_listed;
        self.free.push(index);
    }

    /// A stream holds something that is due at a time.
    pub(crate) fn list(&mut self, index: u32, due: Instant) {
        if let Some(stream) = self.states.get_mut(index as usize)
            && !core::mem::replace(&mut stream.is_listed, true)
        {
            self.holding.push(index);
        }
        self.quiet_until = Some(self.quiet_until.map_or(due, |quiet| quiet.min(due)));
    }

    /// When something is due: at the earliest, since what left meanwhile is not taken back.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.quiet_until
    }

    /// Streams that may hold something: from the first to before `self.holding()`.
    pub(crate) fn holding(&self) -> usize {
        self.holding.len()
    }

    /// The index of the stream at a place among those that hold.
    pub(crate) fn held_by(&self, at: usize) -> Option<u32> {
        self.holding.get(at).copied()
    }

    /// Nothing is due until [`Streams::list`] says so.
    pub(crate) fn begin_look(&mut self) {
        self.quiet_until = None;
    }

    /// After what is due has left: takes a stream that holds nothing off the list, and gives an orphan back. Whether it stays.
    pub(crate) fn settle(&mut self, at: usize) -> bool {
        let Some(index) = self.held_by(at) else { return false };
        let Some(stream) = self.states.get_mut(index as usize) else { return false };
        if let Some(due) = stream.masker.due() {
            self.list(index, due);
            return true;
        }
        stream.is_listed = false;
        self.holding.swap_remove(at);
        if stream.is_orphan {
            *stream = Stream::new();
            self.free.push(index);
        }
        false
    }
}
