//! The console's orders that wait for every lcore's acknowledgement.

use core::time::Duration;
use std::collections::VecDeque;

use handover::{Answer, CallHandle, Instant, Refusal};

/// An order whose updates have been sent.
pub(super) struct Order {
    pub(super) token: u64,
    pub(super) call: CallHandle,
    /// The last update it needs in force.
    pub(super) needed: u64,
}

/// Orders in their sequence; update numbers and deadlines rise along it.
pub(super) struct Orders {
    waiting: VecDeque<(Order, Instant)>,
    capacity: usize,
    patience: Duration,
}

impl Orders {
    pub(super) fn new(capacity: usize, patience: Duration) -> Self {
        Orders { waiting: VecDeque::with_capacity(capacity), capacity, patience }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.capacity
    }

    pub(super) fn push(&mut self, order: Order, now: Instant) {
        self.waiting.push_back((order, now + self.patience));
    }

    /// The next answer that can be given. While an lcore is lost nothing is in force everywhere.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        acknowledged: u64,
        all_alive: bool,
    ) -> Option<(u64, Answer)> {
        let (order, deadline) = self.waiting.front()?;
        let answer = if order.needed <= acknowledged && all_alive {
            Answer::Done { call: order.call }
        } else if *deadline <= now || (order.needed <= acknowledged && !all_alive) {
            Answer::Refused(Refusal::NotAcknowledged)
        } else {
            return None;
        };
        self.waiting.pop_front().map(|(order, _)| (order.token, answer))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|(_, deadline)| *deadline)
    }
}
