//! Captured key presses: opened, merged over the transports that carried them, counted, and handed on. No digit is kept: a caller's is in
//! locked memory while another transport may still report the same press, and wiped with it.

use core::time::Duration;
use std::collections::HashMap;

use handover::rings::Ring;
use handover::{CallHandle, Counter, Counters, Instant, Press, Side, Transport};
use payment::{Echoes, MergeInput, Merger, Reported};
use secret::{Digit, Pad, Vault};

use crate::protocol::PressCounts;

/// A call without presses for this long has its merger dropped: longer than any transport is awaited.
const QUIET: Duration = Duration::from_secs(3);

/// Who hears of a press once it is known to be one: the call, the side that pressed, the key.
pub(crate) type Heard<'h> = &'h mut dyn FnMut(CallHandle, Side, &Digit);

/// The counts of the calls that had presses, at most so many calls.
pub(crate) struct Presses {
    counts: HashMap<CallHandle, Counts>,
    /// The calls in which keys are being pressed. Each is in `counts` too.
    active: HashMap<CallHandle, Active>,
    /// Of all calls, by transport and over all.
    by_transport: [u64; Transport::ALL.len()],
    merged: u64,
    capacity: usize,
    vault: Vault,
    counters: Counters,
}

#[derive(Default)]
struct Counts {
    by_transport: [u64; Transport::ALL.len()],
    merged: u64,
    last: Instant,
}

/// What either side keys, and what may come back from the caller's of the agent's.
#[derive(Default)]
struct Active {
    echoes: Echoes,
    caller: Option<Merger>,
    /// A reference is no card data.
    agent: Merger,
}

impl Presses {
    pub(crate) fn new(capacity: usize, vault: Vault, counters: Counters) -> Self {
        Presses {
            counts: HashMap::new(),
            active: HashMap::new(),
            by_transport: [0; Transport::ALL.len()],
            merged: 0,
            capacity: capacity.max(1),
            vault,
            counters,
        }
    }

    /// Takes the presses that wait in the ring, and hands on those whose time has come.
    pub(crate) fn empty(&mut self, now: Instant, ring: &Ring<Press>, pad: &Pad, heard: Heard<'_>) {
        // No more than were there at the beginning: the lcores may be as fast as we are.
        for _ in 0..ring.capacity() {
            let Some(press) = ring.pop() else { break };
            self.take(now, press, pad);
        }
        self.settle(now, heard);
    }

    /// Whether a press may be under way.
    pub(crate) fn is_active(&self) -> bool {
        !self.active.is_empty()
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
            (Side::Customer, Some(level)) => active.echoes.sent(&digit, onset, level),
            (Side::Carrier, Some(level)) if active.echoes.is_echo(&digit, onset, level) => return,
            _ => {}
        }
        if from == Side::Customer {
            // One too many is no reference's.
            let _ = active.agent.report(now, MergeInput { transport, digit, onset });
            return;
        }
        for count in [&mut counts.by_transport, &mut self.by_transport] {
            if let Some(count) = count.get_mut(transport as usize) {
                *count += 1;
            }
        }
        if active.caller.is_none() {
            active.caller = Merger::locked(&self.vault);
        }
        let reported = match &mut active.caller {
            Some(merger) => merger.report(now, MergeInput { transport, digit, onset }),
            None => Reported::Full,
        };
        if reported == Reported::Full {
            // Nobody keys so fast, or there is no locked memory left.
            self.counters.count(Counter::PressesLost);
        }
    }

    fn settle(&mut self, now: Instant, heard: Heard<'_>) {
        let Presses { counts, active, merged, .. } = self;
        active.retain(|call, active| {
            let counts = counts.entry(*call).or_default();
            while let Some(press) = active.agent.poll(now) {
                heard(*call, Side::Customer, &press.digit);
            }
            if let Some(caller) = &mut active.caller {
                while let Some(press) = caller.poll(now) {
                    counts.merged += 1;
                    *merged += 1;
                    heard(*call, Side::Carrier, &press.digit);
                }
            }
            let waits = active.agent.deadline().or(active.caller.as_ref().and_then(Merger::deadline));
            waits.is_some() || now.since(counts.last) < QUIET
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

    /// Reports of all calls' callers by transport, and presses once over all transports.
    pub(crate) fn totals(&self) -> (Vec<(Transport, u64)>, u64) {
        (Transport::ALL.into_iter().zip(self.by_transport).collect(), self.merged)
    }
}
