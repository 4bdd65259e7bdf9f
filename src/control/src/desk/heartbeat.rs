//! Whether every lcore lives and masks: what the icon on the page stands for (DESIGN section 4, invariant 4).

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handover::{Instant, LcoreLink};

/// Without a beat for this long an lcore is lost: with the time to tell the page, half a second has not passed.
const PATIENCE: Duration = Duration::from_millis(380);
/// No more than this counts between two looks: who did not look for longer stood still with everything else.
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

/// The watch over the data path.
pub(crate) struct Heartbeat {
    lcores: Vec<Watched>,
    signalling_failed: Arc<AtomicBool>,
    /// How often lcores had panicked by now: their secured flows are silent since, and nothing is captured.
    panics: u64,
    looked: Option<Instant>,
    lost: bool,
}

struct Watched {
    link: LcoreLink,
    beats: u64,
    still: Duration,
}

impl Heartbeat {
    pub(crate) fn new(lcores: &[LcoreLink], signalling_failed: Arc<AtomicBool>, panics: u64) -> Self {
        let watched =
            |link: &LcoreLink| Watched { beats: link.beats(), link: link.clone(), still: Duration::ZERO };
        let lcores = lcores.iter().map(watched).collect();
        Heartbeat { lcores, signalling_failed, panics, looked: None, lost: false }
    }

    /// Looks once more; to be called every few milliseconds. `true` when something has been lost since the last look.
    pub(crate) fn look(&mut self, now: Instant, panics: u64) -> bool {
        let passed = self.looked.map_or(Duration::ZERO, |looked| now.since(looked)).min(BETWEEN_LOOKS);
        self.looked = Some(now);
        let mut lost = self.signalling_failed.load(Ordering::Acquire);
        for lcore in &mut self.lcores {
            let beats = lcore.link.beats();
            lcore.still = if beats == lcore.beats { lcore.still + passed } else { Duration::ZERO };
            lcore.beats = beats;
            lost |= lcore.still >= PATIENCE;
        }
        let is_new = (lost && !self.lost) || panics > self.panics;
        self.panics = panics;
        self.lost = lost;
        is_new
    }

    /// Whether something is lost still.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// How long the slowest lcore has not beaten.
    pub(crate) fn longest_still(&self) -> Duration {
        self.lcores.iter().map(|lcore| lcore.still).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn an_lcore_that_stands_still_is_lost_once_and_whoever_did_not_look_accuses_nobody() {
        let link = LcoreLink::new(1);
        let mut heart = Heartbeat::new(std::slice::from_ref(&link), Arc::default(), 0);
        assert!(!heart.look(at(0), 0));
        assert!(!heart.look(at(10_000), 0), "we stood still ourselves");
        link.beat();
        assert!(!heart.look(at(10_010), 0));
        let lost = (1..100).find(|look| heart.look(at(10_010 + look * 5), 0));
        assert!(lost.is_some_and(|look| (76..=78).contains(&look)), "{lost:?}");
        assert!(!heart.look(at(10_600), 0) && heart.is_lost());
        link.beat();
        assert!(!heart.look(at(10_605), 0) && !heart.is_lost());
    }

    #[test]
    fn a_panic_and_failed_signalling_are_losses() {
        let failed = Arc::new(AtomicBool::new(false));
        let mut heart = Heartbeat::new(&[], Arc::clone(&failed), 3);
        assert!(!heart.look(at(0), 3));
        assert!(heart.look(at(5), 4));
        assert!(!heart.look(at(10), 4));
        failed.store(true, Ordering::Release);
        assert!(heart.look(at(15), 4) && !heart.look(at(20), 4) && heart.is_lost());
    }
}
