//! Deadlines in one heap. Each carries a generation: one that was moved or cleared finds nobody when its time comes, so
//! nothing has to be searched for in the heap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use handover::Instant;

/// At most one deadline for each number.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    /// The generation that counts, by number.
    current: HashMap<usize, u64>,
    next: u64,
}

impl Deadlines {
    /// Sets or moves the deadline of `number`.
    pub(crate) fn set(&mut self, number: usize, at: Instant) {
        let generation = self.next;
        self.next += 1;
        self.current.insert(number, generation);
        self.heap.push(Reverse((at, generation, number)));
        if self.heap.len() > 2 * self.current.len() + 64 {
            let current = &self.current;
            self.heap.retain(|Reverse((_, generation, number))| current.get(number) == Some(generation));
        }
    }

    /// `number` has no deadline any more.
    pub(crate) fn clear(&mut self, number: usize) {
        self.current.remove(&number);
    }

    /// The next number whose deadline is over; it has none from then on.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<usize> {
        while let Some(Reverse((at, generation, number))) = self.heap.peek().copied() {
            let counts = self.current.get(&number) == Some(&generation);
            if counts && at > now {
                return None;
            }
            self.heap.pop();
            if counts {
                self.current.remove(&number);
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn they_come_in_their_order_and_once() {
        let mut deadlines = Deadlines::default();
        for (number, seconds) in [(1, 30), (2, 10), (3, 20)] {
            deadlines.set(number, at(seconds));
        }
        assert_eq!(deadlines.expired(at(9)), None);
        assert_eq!(deadlines.expired(at(20)), Some(2));
        assert_eq!(deadlines.expired(at(20)), Some(3));
        assert_eq!(deadlines.expired(at(20)), None);
        assert_eq!(deadlines.expired(at(99)), Some(1));
        assert_eq!(deadlines.expired(at(99)), None);
    }

    #[test]
    fn a_deadline_that_was_moved_or_cleared_finds_nobody() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, at(10));
        deadlines.set(1, at(50));
        deadlines.set(2, at(10));
        deadlines.clear(2);
        assert_eq!(deadlines.expired(at(49)), None);
        assert_eq!(deadlines.expired(at(50)), Some(1));
    }

    #[test]
    fn moving_a_deadline_a_million_times_takes_no_room() {
        let mut deadlines = Deadlines::default();
        for seconds in 0..1_000_000 {
            deadlines.set(7, at(seconds));
        }
        assert!(deadlines.heap.len() < 128);
        assert_eq!(deadlines.expired(at(999_998)), None);
        assert_eq!(deadlines.expired(at(999_999)), Some(7));
    }
}
