//! The watch over the signalling lcore, and the alarms as lines on stderr.

use std::sync::Arc;

use control::recordings::RecorderFigures;
use handover::{Counter, Counters, LcoreLink};

/// Looks in a row that must find no heartbeat before the lcore counts as lost.
const LOOKS_WITHOUT_BEAT: u32 = 10;

/// Counters whose every rise is worth a line.
const ALARMS: [Counter; 8] = [
    Counter::FlowsRemembered,
    Counter::FlowsRememberedGone,
    Counter::MirrorLost,
    Counter::LcoresLost,
    Counter::LcoresBack,
    Counter::LcorePanics,
    Counter::ControlPanics,
    Counter::WebPanics,
];

/// The recorder's figures whose every rise is worth a line.
const RECORDER_ALARMS: [&str; 10] = [
    "recordings_refused",
    "recordings_interrupted",
    "recording_gaps_disk",
    "recording_gaps_overrun",
    "recordings_clock_jumps",
    "recorder_failures",
    "recorder_panics",
    "recordings_inbox_refused",
    "recordings_inbox_failures",
    "recordings_heads_failures",
];

/// An lcore that is watched from outside. Looks are counted rather than time: a machine that stood still as a whole
/// has lost no lcore.
pub(super) struct Watched {
    link: LcoreLink,
    beats: u64,
    still: u32,
}

impl Watched {
    pub(super) fn new(link: LcoreLink) -> Self {
        Watched { beats: link.beats(), link, still: 0 }
    }

    /// Compares heartbeats; counts the lcore lost, or back.
    pub(super) fn look(&mut self, counters: &Counters) {
        let beats = self.link.beats();
        if beats == self.beats {
            self.still = self.still.saturating_add(1);
            if self.still == LOOKS_WITHOUT_BEAT {
                counters.count(Counter::LcoresLost);
            }
            return;
        }
        if self.still >= LOOKS_WITHOUT_BEAT {
            counters.count(Counter::LcoresBack);
        }
        self.beats = beats;
        self.still = 0;
    }
}

/// What the alarm counters of all threads last stood at.
pub(super) struct Alarms {
    counters: Vec<Counters>,
    last: [u64; ALARMS.len()],
    recorder: Option<Arc<RecorderFigures>>,
    /// What the recorder's figures last stood at, by their places.
    recorded: Vec<u64>,
}

impl Alarms {
    pub(super) fn new(counters: Vec<Counters>, recorder: Option<Arc<RecorderFigures>>) -> Self {
        Alarms { counters, last: [0; ALARMS.len()], recorder, recorded: Vec::new() }
    }

    /// The recorder's figures that say that something of a call is not recorded, and have risen since the last asking.
    pub(super) fn of_recordings(&mut self) -> Vec<(&'static str, &'static str)> {
        let counts = self.recorder.iter().flat_map(|figures| figures.counts());
        let counts: Vec<_> = counts.filter(|(name, ..)| RECORDER_ALARMS.contains(name)).collect();
        self.recorded.resize(counts.len(), 0);
        let risen = counts.iter().zip(&mut self.recorded).filter_map(|((name, help, now), last)| {
            (std::mem::replace(last, *now) < *now).then_some((*name, *help))
        });
        risen.collect()
    }

    /// The alarms that have risen since the last asking.
    pub(super) fn risen(&mut self) -> Vec<Counter> {
        let counters = &self.counters;
        let mut risen = Vec::new();
        for (alarm, last) in ALARMS.into_iter().zip(&mut self.last) {
            let now = counters.iter().map(|counters| counters.get(alarm)).sum();
            if now != *last {
                *last = now;
                risen.push(alarm);
            }
        }
        risen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lcore_without_heartbeat_is_lost_once_and_back_once() {
        let (link, counters) = (LcoreLink::new(1), Counters::default());
        let mut watched = Watched::new(link.clone());
        let mut alarms = Alarms::new(vec![counters.clone()], None);
        for _ in 0..50 {
            watched.look(&counters);
        }
        assert_eq!(alarms.risen(), [Counter::LcoresLost]);
        for _ in 0..50 {
            link.beat();
            watched.look(&counters);
        }
        assert_eq!(alarms.risen(), [Counter::LcoresBack]);
        assert_eq!(counters.get(Counter::LcoresLost), 1);
        assert!(alarms.risen().is_empty());
    }
}
