//! Carrying the link from one port of a wire to the other, so that both neighbours see a cut.

use core::time::Duration;

use handover::{Instant, Side};

/// How long a port may take to come up before its silence means something.
const SETTLING: Duration = Duration::from_secs(5);

/// What is known of one wire's links.
#[derive(Debug)]
pub(super) struct CarriedLink {
    /// The side that was taken down because the other one had no link.
    taken_down: Option<Side>,
    settled_at: Instant,
}

/// Take the port of a side down, or let it come up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SetLink {
    pub(super) side: Side,
    pub(super) up: bool,
}

impl CarriedLink {
    /// Ports have just been started.
    pub(super) fn new(now: Instant) -> Self {
        CarriedLink { taken_down: None, settled_at: now + SETTLING }
    }

    /// What to do about the links as they are now. A port that was taken down says nothing of its own link, so only
    /// its peer's counts until it is up again.
    pub(super) fn step(&mut self, now: Instant, carrier_up: bool, customer_up: bool) -> Option<SetLink> {
        let is_up = |side| match side {
            Side::Carrier => carrier_up,
            Side::Customer => customer_up,
        };
        if let Some(side) = self.taken_down {
            if !is_up(side.opposite()) {
                return None;
            }
            self.taken_down = None;
            self.settled_at = now + SETTLING;
            return Some(SetLink { side, up: true });
        }
        let lone = match (carrier_up, customer_up) {
            (true, false) => Side::Carrier,
            (false, true) => Side::Customer,
            (true, true) => {
                self.settled_at = now;
                return None;
            }
            (false, false) => return None,
        };
        if now < self.settled_at {
            return None;
        }
        self.taken_down = Some(lone);
        Some(SetLink { side: lone, up: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_cut_is_carried_and_healed() {
        let mut link = CarriedLink::new(at(0));
        assert_eq!(link.step(at(100), true, true), None);
        let down = Some(SetLink { side: Side::Customer, up: false });
        assert_eq!(link.step(at(200), false, true), down);
        assert_eq!(link.step(at(300), false, false), None);
        let up = Some(SetLink { side: Side::Customer, up: true });
        assert_eq!(link.step(at(400), true, false), up);
        assert_eq!(link.step(at(500), true, false), None, "the port needs time to come up");
        assert_eq!(link.step(at(600), true, true), None);
        assert_eq!(link.step(at(700), true, false), Some(SetLink { side: Side::Carrier, up: false }));
    }

    #[test]
    fn a_port_that_never_comes_up_is_carried_after_the_settling_time() {
        let mut link = CarriedLink::new(at(0));
        assert_eq!(link.step(at(4_900), true, false), None);
        assert_eq!(link.step(at(5_000), true, false), Some(SetLink { side: Side::Carrier, up: false }));
    }

    #[test]
    fn two_dead_ports_are_left_alone() {
        let mut link = CarriedLink::new(at(0));
        assert_eq!(link.step(at(9_000), false, false), None);
    }
}
