//! The loop of one lcore.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handover::rings::Ring;
use handover::{Counter, Counters, Instant, Request, Side, WireId};
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
        while !self.stop.load(Ordering::Relaxed) {
            self.hooks.at_turn(self.number, &self.stop);
            if !faulted && self.fault.load(Ordering::Acquire) {
                faulted = true;
                self.lcore.fail_closed();
            }
            let busy = self.turn(&mut burst);
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
    fn turn(&mut self, burst: &mut Burst) -> bool {
        let now = Instant::from_nanos(self.clock.now_nanos());
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
