//! Captured key presses: opened, merged over the transports that carried them, counted. No digit is kept: it is in the
//! merger while another transport may still report the same press, and wiped with it.

use core::time::Duration;
use std::collections::HashMap;

use handover::rings::Ring;
use handover::{CallHandle, Instant, Press, Side, Transport};
use payment::{Echoes, MergeInput, Merger, Reported};
use secret::Pad;

use crate::protocol::PressCounts;

/// A call without presses for this long has its merger dropped: longer than any transport is awaited.
const QUIET: Duration = Duration::from_secs(3);

/// The counts of the calls that had presses, at most so many calls.
pub(crate) struct Presses {
    counts: HashMap<CallHandle, Counts>,
    /// The calls in which keys are being pressed. Each is in `counts` too.
    active: HashMap<CallHandle, Active>,
    capacity: usize,
}

#[derive(Default)]
struct Counts {
    by_transport: [u64; Transport::ALL.len()],
    merged: u64,
    last: Instant,
}

/// What the caller keys, and what may come back from there of the agent's side.
#[derive(Default)]
struct Active {
    echoes: Echoes,
    merger: Merger,
}

impl Presses {
    pub(crate) fn new(capacity: usize) -> Self {
        Presses { counts: HashMap::new(), active: HashMap::new(), capacity: capacity.max(1) }
    }

    /// Takes the presses that wait in the ring, and counts those whose time has come.
    pub(crate) fn empty(&mut self, now: Instant, ring: &Ring<Press>, pad: &Pad) {
        // No more than were there at the beginning: the lcores may be as fast as we are.
        for _ in 0..ring.capacity() {
            let Some(press) = ring.pop() else { break };
            self.take(now, press, pad);
        }
        self.settle(now);
    }

    fn take(&mut self, now: Instant, press: Press, pad: &Pad) {
        let Press { call, transport, from, digit, onset, level } = press;
        let Some(digit) = pad.open(digit) else { return };
        self.make_room(call);
        let counts = self.counts.entry(call).or_default();
        counts.last = now;
        let active = self.active.entry(call).or_default();
        match (from, level) {
            // The agent's keys are no card's; but a tone of them comes back.
            (Side::Customer, Some(level)) => return active.echoes.sent(&digit, onset, level),
            (Side::Customer, None) => return,
            (Side::Carrier, Some(level)) if active.echoes.is_echo(&digit, onset, level) => return,
            (Side::Carrier, _) => {}
        }
        if let Some(count) = counts.by_transport.get_mut(transport as usize) {
            *count += 1;
        }
        if active.merger.report(now, MergeInput { transport, digit, onset }) == Reported::Full {
            // So many keys at once that they cannot be told apart: each counts for itself.
            counts.merged += 1;
        }
    }

    fn settle(&mut self, now: Instant) {
        let Presses { counts, active, .. } = self;
        active.retain(|call, active| {
            let counts = counts.entry(*call).or_default();
            while active.merger.poll(now).is_some() {
                counts.merged += 1;
            }
            active.merger.deadline().is_some() || now.since(counts.last) < QUIET
        });
    }

    fn make_room(&mut self, call: CallHandle) {
        if self.counts.len() < self.capacity || self.counts.contains_key(&call) {
            return;
        }
        let oldest = self.counts.iter().min_by_key(|(_, counts)| counts.last).map(|(oldest, _)| *oldest);
        if let Some(oldest) = oldest {
            self.counts.remove(&oldest);
            self.active.remove(&oldest);
        }
    }

    /// How many presses of a call there were.
    pub(crate) fn counts(&self, call: CallHandle) -> PressCounts {
        let none = Counts::default();
        let counts = self.counts.get(&call).unwrap_or(&none);
        let by_transport = Transport::ALL.iter().zip(counts.by_transport);
        PressCounts {
            by_transport: by_transport
                .map(|(transport, count)| (transport.name().to_owned(), count))
                .collect(),
            merged: counts.merged,
        }
    }
}
