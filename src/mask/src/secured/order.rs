//! Sequence numbers (RFC 3550 section 5.1): what is next, what is late, what is there twice.

/// Sequence numbers further ahead than this are a source that numbers anew.
const FURTHEST: u16 = 128;
/// As many late packets in a row, each the successor of the one before, are a source that goes on there: a single number far
/// ahead was a mistake (RFC 3550 appendix A.1).
const ON_COURSE: u8 = 4;
/// As many packets in a row whose number was there already are a source that does not count.
const STUCK: u8 = 8;

/// Where a packet stands in its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// So many after the next one.
    Ahead(u16),
    /// Its turn is over, and it was not there.
    Late,
    /// It was there already.
    Twice,
    /// The stream begins, or begins anew.
    Anew,
}

/// What is known of a stream's order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    ssrc: Option<u32>,
    next: u16,
    /// Bit *n*: the packet *n* + 1 before the next one was there.
    seen: u64,
    repeated: u8,
    /// The number after that of the last late packet, and how many came so.
    late: (u16, u8),
}

impl Order {
    /// A stream whose first packet has this number.
    pub(super) fn beginning(ssrc: u32, sequence: u16) -> Self {
        Order { ssrc: Some(ssrc), next: sequence, seen: 0, repeated: 0, late: (0, 0) }
    }

    /// The number of the next packet.
    pub(super) fn next(&self) -> u16 {
        self.next
    }

    /// Where a packet stands.
    pub(super) fn place(&mut self, ssrc: u32, sequence: u16) -> Place {
        if self.ssrc != Some(ssrc) {
            return Place::Anew;
        }
        let ahead = sequence.wrapping_sub(self.next);
        if ahead < FURTHEST {
            (self.repeated, self.late) = (0, (0, 0));
            return Place::Ahead(ahead);
        }
        let back = self.next.wrapping_sub(sequence);
        if back > FURTHEST {
            return Place::Anew;
        }
        if back <= 64 && self.seen >> (back - 1) & 1 == 1 {
            self.repeated = self.repeated.saturating_add(1);
            return Place::Twice;
        }
        if back <= 64 {
            self.seen |= 1 << (back - 1);
        }
        let (successor, count) = self.late;
        let count = if count > 0 && sequence == successor { count + 1 } else { 1 };
        if count >= ON_COURSE {
            return Place::Anew;
        }
        self.late = (sequence.wrapping_add(1), count);
        Place::Late
    }

    /// Whether the source does not count.
    pub(super) fn is_stuck(&self) -> bool {
        self.repeated >= STUCK
    }

    /// A packet's turn has come; those before it are late from now on.
    pub(super) fn heard(&mut self, sequence: u16) {
        let steps = u32::from(sequence.wrapping_sub(self.next)) + 1;
        self.seen = self.seen.checked_shl(steps).unwrap_or(0) | 1;
        self.next = sequence.wrapping_add(1);
    }
}

/// Whether one number comes after another.
pub(super) fn is_after(one: u16, other: u16) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart_around_their_wrap() {
        let mut order = Order::default();
        assert_eq!(order.place(7, 65_534), Place::Anew);
        order = Order::beginning(7, 65_534);
        assert_eq!(order.place(7, 65_534), Place::Ahead(0));
        order.heard(65_534);
        assert_eq!(order.place(7, 1), Place::Ahead(2));
        order.heard(1);
        assert_eq!([order.place(7, 65_535), order.place(7, 65_535)], [Place::Late, Place::Twice]);
        assert_eq!([order.place(7, 65_534), order.place(7, 1)], [Place::Twice, Place::Twice]);
        assert_eq!([order.place(7, 65_000), order.place(7, 300), order.place(8, 2)], [Place::Anew; 3]);
    }

    #[test]
    fn a_number_far_ahead_is_forgotten_when_the_others_go_on() {
        let mut order = Order::beginning(1, 5);
        order.heard(125);
        for sequence in [6, 7, 8, 20, 21, 22] {
            assert_eq!(order.place(1, sequence), Place::Late);
        }
        assert_eq!(order.place(1, 23), Place::Anew);
    }

    #[test]
    fn a_source_that_does_not_count_is_stuck() {
        let mut order = Order::beginning(1, 5);
        order.heard(5);
        for _ in 0..STUCK {
            assert!(!order.is_stuck());
            assert_eq!(order.place(1, 5), Place::Twice);
        }
        assert!(order.is_stuck());
        assert_eq!(order.place(1, 6), Place::Ahead(0));
        assert!(!order.is_stuck());
    }
}
