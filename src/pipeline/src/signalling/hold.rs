//! SIP messages that wait until every lcore knows of the flows that they announce.

use core::time::Duration;
use std::collections::VecDeque;

use handover::{CallHandle, Instant, Side, WireId};

use crate::outputs::Outputs;

/// The frames of one message.
pub(super) enum Frames<B> {
    One(B),
    Many(Vec<B>),
}

/// A message ready to leave.
pub(super) struct Held<B> {
    pub(super) call: Option<CallHandle>,
    /// A hash of the Call-ID: messages of one Call-ID leave in order.
    pub(super) conversation: u64,
    pub(super) wire: WireId,
    pub(super) toward: Side,
    pub(super) frames: Frames<B>,
}

impl<B> Held<B> {
    pub(super) fn leave(self, out: &mut impl Outputs<B>) {
        match self.frames {
            Frames::One(frame) => out.transmit(self.wire, self.toward, frame),
            Frames::Many(frames) => {
                for frame in frames {
                    out.transmit(self.wire, self.toward, frame);
                }
            }
        }
    }
}

struct Waiting<B> {
    needed: u64,
    deadline: Instant,
    held: Held<B>,
}

/// The queue. Update numbers and deadlines both rise along it, so that only its head need be looked at.
pub(super) struct Hold<B> {
    waiting: VecDeque<Waiting<B>>,
    capacity: usize,
    limit: Duration,
}

impl<B> Hold<B> {
    pub(super) fn new(capacity: usize, limit: Duration) -> Self {
        Hold { waiting: VecDeque::with_capacity(capacity), capacity, limit }
    }

    /// The update that the last held message of a Call-ID waits for.
    pub(super) fn needed_by(&self, conversation: u64) -> Option<u64> {
        self.waiting
            .iter()
            .rev()
            .find(|waiting| waiting.held.conversation == conversation)
            .map(|waiting| waiting.needed)
    }

    /// Holds a message until update `needed` is acknowledged, or gives it back when too many are held.
    pub(super) fn push(&mut self, now: Instant, needed: u64, held: Held<B>) -> Result<(), Held<B>> {
        if self.waiting.len() >= self.capacity {
            return Err(held);
        }
        // A message that only follows another of its Call-ID may need less than the tail does.
        let needed = needed.max(self.waiting.back().map_or(0, |tail| tail.needed));
        self.waiting.push_back(Waiting { needed, deadline: now + self.limit, held });
        Ok(())
    }

    /// The next message that may leave, and whether its updates were acknowledged in time.
    pub(super) fn release(&mut self, now: Instant, acknowledged: u64) -> Option<(Held<B>, bool)> {
        let head = self.waiting.front()?;
        let in_time = head.needed <= acknowledged;
        if !in_time && head.deadline > now {
            return None;
        }
        self.waiting.pop_front().map(|waiting| (waiting.held, in_time))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.deadline)
    }
}
