//! The edge of one lcore: its transmit queues, and its ends of the rings.

use core::time::Duration;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use handover::rings::Ring;
use handover::{Answer, CallEvent, Counter, Counters, Instant, Press, Side, WireId};
use nic::{Burst, Mbuf, Pool, TxQueue};
use pipeline::{Arrival, ArrivalKind, Outputs, Report, TapFull, Tapped};
use recording::feed::Feed;

use super::tapped;

/// The rings that lcores share.
#[derive(Clone)]
pub(super) struct Rings {
    /// SIP to the signalling lcore. Full: passed unread, or dropped while a call is in SecureMode.
    pub(super) sip: Ring<Arrival<Mbuf>>,
    /// UDP fragments to the signalling lcore, apart, so that a flood of them costs no SIP. Full: passed, or dropped
    /// towards a call in SecureMode.
    pub(super) fragments: Ring<Arrival<Mbuf>>,
    /// Reports to the signalling lcore. Full: reported again later.
    pub(super) reports: Ring<Report>,
    /// Presses to the control core. Full: the press is lost and counted.
    pub(super) presses: Ring<Press>,
    /// Answers to the control core. Full: the asker's time runs out.
    pub(super) answers: Ring<(u64, Answer)>,
    /// What happens to calls, to the control core. Full: told later.
    pub(super) events: Ring<CallEvent>,
    /// What leaves of recorded calls, to the recorder, where there is one. Full: lost to the recording, a gap that it tells of.
    pub(super) feed: Option<Feed>,
}

/// A frame that the signalling lcore lets leave through a port that another lcore sends on.
pub(super) struct Relayed {
    wire: WireId,
    toward: Side,
    frame: Mbuf,
}

/// How an lcore reaches the ports of a wire.
pub(super) enum Way {
    /// Through its own transmit queues: carrier side, customer side.
    Own([TxQueue; 2]),
    /// Through the lcore that polls the wire, since some devices have as many transmit queues as receive queues. Full:
    /// the frame is dropped and counted, as with a full transmit queue.
    Relay(Ring<Relayed>),
}

/// A transmit queue and what it has yet to take.
struct Transmit {
    queue: TxQueue,
    waiting: Burst,
}

enum Port {
    Own(Box<[Transmit; 2]>),
    Relay(Ring<Relayed>),
}

impl Transmit {
    /// Sends what waits; what the port does not take stays, in order.
    fn flush(&mut self, counters: &Counters, sent: Counter) {
        if self.waiting.is_empty() {
            return;
        }
        let taken = self.queue.transmit(&mut self.waiting);
        counters.add(sent, taken as u64);
    }
}

/// What one lcore sends through.
pub(super) struct Edge {
    /// By wire.
    ports: Vec<Port>,
    /// What other lcores want sent.
    relayed: Ring<Relayed>,
    rings: Rings,
    pool: Arc<Pool>,
    /// The mirror's file, where the signalling lcore writes it.
    mirror: Option<File>,
    /// When the pool was last looked at, and whether it had packets to spare.
    looked_at: Instant,
    may_hold: bool,
    counters: Counters,
}

/// How often the pool is looked at, which takes a look at every lcore's cache.
const POOL_PERIOD: Duration = Duration::from_millis(1);
/// Where fewer packets than this part of the pool are free, none is held.
const LOW_WATER: u32 = 16;

const fn sent(side: Side) -> Counter {
    match side {
        Side::Carrier => Counter::TxCarrier,
        Side::Customer => Counter::TxCustomer,
    }
}

impl Edge {
    /// An edge with a way to each wire, in the wires' order; `relayed` brings what others want sent through it.
    pub(super) fn new(
        ways: Vec<Way>,
        relayed: Ring<Relayed>,
        rings: Rings,
        pool: Arc<Pool>,
        counters: Counters,
    ) -> Self {
        let ports = ways
            .into_iter()
            .map(|way| match way {
                Way::Own(queues) => {
                    Port::Own(Box::new(queues.map(|queue| Transmit { queue, waiting: Burst::new() })))
                }
                Way::Relay(ring) => Port::Relay(ring),
            })
            .collect();
        Edge { mirror: None, ports, relayed, rings, pool, looked_at: Instant::ZERO, may_hold: true, counters }
    }

    /// Writes the mirror into this file from now on.
    pub(super) fn mirror_to(&mut self, file: File) {
        self.mirror = Some(file);
    }

    /// Looks now and then whether packets may be held.
    pub(super) fn look_at_pool(&mut self, now: Instant) {
        if now.since(self.looked_at) >= POOL_PERIOD {
            self.looked_at = now;
            self.may_hold = self.pool.available() >= self.pool.size() / LOW_WATER;
        }
    }

    /// Sends all that waits. What a port does not take now is tried again at the next call. Whether anything was
    /// relayed by another lcore.
    pub(super) fn flush(&mut self) -> bool {
        let mut busy = false;
        while let Some(Relayed { wire, toward, frame }) = self.relayed.pop() {
            busy = true;
            self.transmit(wire, toward, frame);
        }
        for port in &mut self.ports {
            if let Port::Own(pair) = port {
                let [carrier, customer] = &mut **pair;
                carrier.flush(&self.counters, Counter::TxCarrier);
                customer.flush(&self.counters, Counter::TxCustomer);
            }
        }
        busy
    }
}

impl Outputs<Mbuf> for Edge {
    fn transmit(&mut self, wire: WireId, toward: Side, frame: Mbuf) {
        let refused = match self.ports.get_mut(usize::from(wire.0)) {
            Some(Port::Own(pair)) => {
                let transmit = &mut pair[toward as usize];
                if transmit.waiting.is_full() {
                    transmit.flush(&self.counters, sent(toward));
                }
                transmit.waiting.push(frame).is_err()
            }
            Some(Port::Relay(ring)) => ring.push(Relayed { wire, toward, frame }).is_err(),
            None => true,
        };
        if refused {
            self.counters.count(Counter::TxFull);
        }
    }

    fn to_signalling(&mut self, arrival: Arrival<Mbuf>) -> Result<(), Arrival<Mbuf>> {
        match arrival.kind {
            ArrivalKind::Sip(_) => self.rings.sip.push(arrival),
            ArrivalKind::Fragment(_) => self.rings.fragments.push(arrival),
        }
    }

    fn report(&mut self, report: Report) -> Result<(), Report> {
        self.rings.reports.push(report)
    }

    fn press(&mut self, press: Press) -> Result<(), Press> {
        self.rings.presses.push(press)
    }

    fn call_event(&mut self, event: CallEvent) -> Result<(), CallEvent> {
        self.rings.events.push(event)
    }

    fn mirror(&mut self, at: u64, bytes: &[u8]) -> bool {
        self.mirror.as_ref().is_none_or(|file| file.write_all_at(bytes, at).is_ok())
    }

    fn may_hold(&self) -> bool {
        self.may_hold
    }

    fn tap(&mut self, tapped: &Tapped<'_>) -> Result<(), TapFull> {
        self.rings.feed.as_ref().map_or(Ok(()), |feed| tapped::offer(feed, tapped))
    }

    fn answer(&mut self, token: u64, answer: Answer) {
        // Whoever asked stops waiting by itself.
        let _ = self.rings.answers.push((token, answer));
    }
}
