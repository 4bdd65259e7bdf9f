//! The loop of one lcore.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handover::rings::Ring;
use handover::{Counter, Counters, Instant, LcoreLink, Request, Side, WireId};
use nic::{Burst, Clock, Mbuf, RxQueue};
use pipeline::{Lcore, Signalling};

use super::edge::{Edge, Rings};
use super::hooks::Hooks;

/// Turns without a packet before an lcore sleeps.
const TURNS_BEFORE_SLEEP: u32 = 64;
/// SIP messages, fragments and reports taken from the rings in one turn, so that media does not wait for signalling.
const TAKEN_PER_TURN: usize = 64;

/// The receive queues of one wire that an lcore polls, and whose frames it has in hand.
pub(super) struct Polled {
    pub(super) wire: WireId,
    pub(super) carrier: RxQueue,
    pub(super) customer: RxQueue,
}

/// The signalling lcore's further work.
pub(super) struct SignallingWork {
    pub(super) signalling: Signalling<Mbuf>,
    pub(super) rings: Rings,
    pub(super) requests: Ring<Request>,
    pub(super) counters: Counters,
}

/// What an lcore does and owns.
pub(super) struct LcoreWork {
    pub(super) number: usize,
    pub(super) lcore: Lcore<Mbuf>,
    pub(super) polled: Vec<Polled>,
    pub(super) signalling: Option<SignallingWork>,
    pub(super) edge: Edge,
    pub(super) counters: Counters,
    /// Told how long there was something to do.
    pub(super) link: LcoreLink,
    /// The longest sleep when idle; `None` polls on.
    pub(super) sleep: Option<Duration>,
    pub(super) clock: Clock,
    pub(super) stop: Arc<AtomicBool>,
    /// Signalling has failed: secured flows are silent on every lcore.
    pub(super) fault: Arc<AtomicBool>,
    pub(super) hooks: Hooks,
}

impl LcoreWork {
    /// Runs until told to stop. Gives everything back, so that ports can be stopped.
    pub(super) fn run(mut self) -> LcoreWork {
        let mut burst = Burst::new();
        let mut idle_turns = 0_u32;
        let mut faulted = false;
        let mut share = BusyShare::default();
        while !self.stop.load(Ordering::Relaxed) {
            self.hooks.at_turn(self.number, &self.stop);
            if !faulted && self.fault.load(Ordering::Acquire) {
                faulted = true;
                // The last that signalling has said is silenced too.
                self.lcore.follow();
                self.lcore.fail_closed();
            }
            let now = Instant::from_nanos(self.clock.now_nanos());
            if let Some(nanos) = share.turn_begins(now) {
                self.link.was_busy(nanos);
            }
            let busy = self.turn(now, &mut burst);
            share.turn_ends(busy);
            if busy {
                idle_turns = 0;
                continue;
            }
            idle_turns = idle_turns.saturating_add(1);
            match self.sleep {
                Some(sleep) if idle_turns > TURNS_BEFORE_SLEEP => std::thread::sleep(sleep),
                _ => core::hint::spin_loop(),
            }
        }
        self
    }

    /// One turn over all queues. Whether there was anything to do.
    fn turn(&mut self, now: Instant, burst: &mut Burst) -> bool {
        let mut busy = false;
        self.edge.look_at_pool(now);
        // Updates first: no packet is judged by a table older than the acknowledgement says.
        self.lcore.follow();
        for polled in &mut self.polled {
            let sides = [(Side::Carrier, &mut polled.carrier), (Side::Customer, &mut polled.customer)];
            for (side, queue) in sides {
                if queue.receive(burst) == 0 {
                    continue;
                }
                busy = true;
                let (lcore, edge, wire) = (&mut self.lcore, &mut self.edge, polled.wire);
                let hooks = &self.hooks;
                let number = self.number;
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    hooks.at_burst(number);
                    lcore.process(now, wire, side, burst.drain(), edge);
                }));
                if outcome.is_err() {
                    // The frames of this burst that were not yet judged are lost; no other is.
                    burst.clear();
                    self.counters.count(Counter::LcorePanics);
                    self.lcore.fail_closed();
                }
            }
        }
        if let Some(work) = &mut self.signalling {
            busy |= work.turn(now, &mut self.edge, &self.fault);
            // Where one lcore does everything, it can acknowledge at once.
            self.lcore.follow();
            work.poll(now, &mut self.edge, &self.fault);
        }
        let (lcore, edge) = (&mut self.lcore, &mut self.edge);
        if catch_unwind(AssertUnwindSafe(|| lcore.serve(now, edge))).is_err() {
            self.counters.count(Counter::LcorePanics);
            self.lcore.fail_closed();
        }
        busy | self.edge.flush()
    }
}

impl SignallingWork {
    fn turn(&mut self, now: Instant, edge: &mut Edge, fault: &AtomicBool) -> bool {
        let mut busy = false;
        for _ in 0..TAKEN_PER_TURN {
            let Some(arrival) = self.rings.sip.pop().or_else(|| self.rings.fragments.pop()) else { break };
            busy = true;
            if fault.load(Ordering::Relaxed) {
                self.signalling.receive_unread(arrival, edge);
                continue;
            }
            self.guarded(fault, |signalling| signalling.receive(now, arrival, edge));
        }
        for _ in 0..TAKEN_PER_TURN {
            let Some(report) = self.rings.reports.pop() else { break };
            self.guarded(fault, |signalling| signalling.report(now, report));
        }
        while let Some(request) = self.requests.pop() {
            busy = true;
            self.guarded(fault, |signalling| signalling.request(now, request, edge));
        }
        busy
    }

    fn poll(&mut self, now: Instant, edge: &mut Edge, fault: &AtomicBool) {
        self.guarded(fault, |signalling| signalling.poll(now, edge));
    }

    /// A panic in signalling is the end of SecureMode's control, not of any call.
    fn guarded(&mut self, fault: &AtomicBool, step: impl FnOnce(&mut Signalling<Mbuf>)) {
        if fault.load(Ordering::Relaxed) {
            return;
        }
        let signalling = &mut self.signalling;
        if catch_unwind(AssertUnwindSafe(|| step(signalling))).is_err() {
            self.counters.count(Counter::LcorePanics);
            fault.store(true, Ordering::Release);
        }
    }
}

/// How long turns took in which there was something to do. A turn lasts until the next begins, so no clock is read but for the
/// turns themselves; an idle one, whose sleep would count, counts nothing.
#[derive(Default)]
struct BusyShare {
    busy_since: Option<Instant>,
    began: Instant,
}

impl BusyShare {
    /// A turn begins: how long the one before was busy, if it was.
    fn turn_begins(&mut self, now: Instant) -> Option<u64> {
        self.began = now;
        let since = self.busy_since.take()?;
        u64::try_from(now.since(since).as_nanos()).ok()
    }

    fn turn_ends(&mut self, busy: bool) {
        self.busy_since = busy.then_some(self.began);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_turns_with_something_to_do_count() {
        let mut share = BusyShare::default();
        let mut total = 0;
        // When each turn begins, and whether there was something to do in it.
        for (micros, busy) in
            [(100, false), (300, true), (310, true), (325, false), (900, true), (950, false)]
        {
            total += share.turn_begins(Instant::from_nanos(micros * 1_000)).unwrap_or(0);
            share.turn_ends(busy);
        }
        assert_eq!(total, 10_000 + 15_000 + 50_000);
    }
}
