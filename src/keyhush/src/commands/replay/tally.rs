//! The presses of a replay, by call.

use core::time::Duration;
use std::collections::BTreeMap;

use handover::{CallHandle, Instant, Press, Side, Transport};
use payment::{Echoes, MergeInput, MergedPress, Merger, Reported};
use secret::Pad;

/// A side of a call without presses for this long has its merger dropped: longer than any transport is awaited.
const QUIET: Duration = Duration::from_secs(3);
/// So many mergers are looked through for quiet ones before there is another one.
const MERGERS: usize = 1024;

/// Presses as they were reported, merged and counted.
pub(crate) struct Tally {
    calls: BTreeMap<(CallHandle, Side), OfCall>,
    mergers: BTreeMap<(CallHandle, Side), (Merger, Instant)>,
    echoes: BTreeMap<CallHandle, Echoes>,
    pad: Pad,
    reveal: bool,
    now: Instant,
}

/// The presses of one side of one call.
pub(crate) struct OfCall {
    pub(crate) call: CallHandle,
    pub(crate) from: Side,
    /// Each press once, however many transports reported it.
    pub(crate) merged: u64,
    by_transport: [u64; Transport::ALL.len()],
    /// `None` unless they shall be revealed.
    digits: Option<String>,
}

impl OfCall {
    fn new(call: CallHandle, from: Side, reveal: bool) -> Self {
        OfCall { call, from, merged: 0, by_transport: Default::default(), digits: reveal.then(String::new) }
    }

    /// Reports by the transport that carried them.
    pub(crate) fn by_transport(&self) -> impl Iterator<Item = (Transport, u64)> + '_ {
        Transport::ALL.into_iter().zip(self.by_transport)
    }

    /// The digits in the order in which they were pressed, where they shall be revealed.
    pub(crate) fn revealed(&self) -> Option<&str> {
        self.digits.as_deref()
    }

    /// All calls together, without digits.
    pub(crate) fn sum(calls: &[OfCall]) -> OfCall {
        let mut all = OfCall::new(CallHandle::default(), Side::Carrier, false);
        for own in calls {
            all.merged += own.merged;
            for (sum, many) in all.by_transport.iter_mut().zip(own.by_transport) {
                *sum += many;
            }
        }
        all
    }

    fn merge(&mut self, press: MergedPress) {
        self.merged += 1;
        reveal(&mut self.digits, &press);
    }
}

#[cfg(feature = "reveal-digits")]
fn reveal(digits: &mut Option<String>, press: &MergedPress) {
    if let Some(digits) = digits {
        digits.push(char::from(press.digit.reveal()));
    }
}

#[cfg(not(feature = "reveal-digits"))]
fn reveal(_digits: &mut Option<String>, _press: &MergedPress) {}

impl Tally {
    /// `reveal` says whether digits are kept for the report.
    pub(crate) fn new(pad: Pad, reveal: bool) -> Self {
        Tally {
            calls: BTreeMap::new(),
            mergers: BTreeMap::new(),
            echoes: BTreeMap::new(),
            pad,
            reveal,
            now: Instant::ZERO,
        }
    }

    /// Takes a press. Time is what the presses say; it never goes back.
    pub(crate) fn take(&mut self, press: Press) {
        let Press { call, transport, from, digit, onset, level } = press;
        let Some(digit) = self.pad.open(digit) else { return };
        if let Some(level) = level {
            let echoes = self.echoes.entry(call).or_default();
            match from {
                Side::Customer => echoes.sent(&digit, onset, level),
                Side::Carrier if echoes.is_echo(&digit, onset, level) => return,
                Side::Carrier => {}
            }
        }
        self.now = self.now.max(onset);
        let now = self.now;
        if self.mergers.len() >= MERGERS {
            self.settle(now);
        }
        let own = self.calls.entry((call, from)).or_insert_with(|| OfCall::new(call, from, self.reveal));
        if let Some(count) = own.by_transport.get_mut(transport as usize) {
            *count += 1;
        }
        let (merger, last) = self.mergers.entry((call, from)).or_insert_with(|| (Merger::new(), now));
        *last = now;
        while let Some(press) = merger.poll(now) {
            own.merge(press);
        }
        if merger.report(now, MergeInput { transport, digit, onset }) == Reported::Full {
            own.merged += 1;
        }
    }

    fn settle(&mut self, now: Instant) {
        let Tally { calls, mergers, .. } = self;
        mergers.retain(|key, (merger, last)| {
            if let Some(own) = calls.get_mut(key) {
                while let Some(press) = merger.poll(now) {
                    own.merge(press);
                }
            }
            now.since(*last) < QUIET
        });
    }

    /// All presses, by call; one entry for each side that pressed.
    pub(crate) fn finish(mut self) -> Vec<OfCall> {
        self.settle(Instant::from_nanos(u64::MAX));
        self.calls.into_values().collect()
    }
}

#[cfg(test)]
mod tests;
