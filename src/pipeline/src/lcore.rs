//! What one poll-mode core does with the frames of a burst.

use std::collections::BTreeSet;

use handover::{
    Counter, Counters, Endpoint, Flow, FlowKey, FlowMode, FlowUpdate, Instant, LcoreLink, MaskKey, Side,
    VlanStack, WireId,
};
use mask::Admission;
use secret::Pad;
use wire::buffer::Buffer;
use wire::frame::{self, Dissection, Udp};
use wire::{checksum, rtp, sip};

use crate::flow_table::{FlowTable, Slot};
use crate::listeners::Listeners;
use crate::outputs::{Arrival, ArrivalKind, Outputs, Report};
use crate::secured::SecuredFlows;
use crate::streams::{HeldFrame, Stream, Streams};

mod leaving;
mod seen;

use leaving::{Origin, report, tap_passing, tell_leaving};
use seen::tell;

/// The port of SIP over TCP (RFC 3261 section 18.1.1) and over TLS, for the count of what is not followed.
const SIP_TCP_PORTS: [u16; 2] = [5060, 5061];
/// The number of UDP among the IP protocols.
const PROTOCOL_UDP: u8 = 17;

/// How large the tables of an lcore are.
#[derive(Clone, Copy, Debug)]
pub struct LcoreLimits {
    /// Media flows; those beyond are not followed and counted.
    pub flows: usize,
    /// Streams in SecureMode; those beyond are silenced, and nothing is captured of them.
    pub streams: u32,
    /// Streams from the customer's side whose keys are heard; those beyond are not.
    pub listeners: u32,
}

impl Default for LcoreLimits {
    fn default() -> Self {
        LcoreLimits { flows: 131_072, streams: 4_096, listeners: 4_096 }
    }
}

/// The data path of one lcore. It owns its copy of the flow table and the state of the streams that it sees;
/// nothing is shared and nothing is allocated per packet.
pub struct Lcore<B> {
    flows: FlowTable,
    secured: SecuredFlows,
    streams: Streams<B>,
    listeners: Listeners,
    /// When it was last told the time, for what changes between packets.
    now: Instant,
    link: LcoreLink,
    counters: Counters,
    pad: Pad,
    /// The flows that were secured when masking failed, silent since.
    faulted: BTreeSet<FlowKey>,
    /// A flow found no room, so that an unknown one may be secured.
    overflowed: bool,
}

/// What becomes of a frame.
enum Verdict {
    Forward,
    Discard,
    Signal(ArrivalKind),
    /// It is held in a place of a stream.
    Hold {
        index: u32,
        place: u8,
        udp: Udp,
        is_secured: bool,
    },
}

impl<B: Buffer> Lcore<B> {
    /// An lcore that hears of flows through `link`. `seed` is random per process.
    pub fn new(limits: LcoreLimits, link: LcoreLink, counters: Counters, pad: Pad, seed: u64) -> Self {
        Lcore {
            flows: FlowTable::new(limits.flows, seed),
            secured: SecuredFlows::default(),
            streams: Streams::new(limits.streams),
            listeners: Listeners::new(limits.listeners),
            now: Instant::ZERO,
            link,
            counters,
            pad,
            faulted: BTreeSet::new(),
            overflowed: false,
        }
    }

    /// Brings the flow table up to date, acknowledges, and shows a heartbeat. To be called before each burst:
    /// an lcore that was away knows all flows before it sees their packets.
    pub fn follow(&mut self) {
        let mut last = None;
        while let Some(numbered) = self.link.receive() {
            self.apply(numbered.update);
            last = Some(numbered.number);
        }
        if let Some(number) = last {
            self.link.acknowledge(number);
        }
        self.link.beat();
    }

    /// After a panic, here or in signalling: the flows in SecureMode are silent and all else passes. Each speaks again when it leaves
    /// SecureMode, or is ordered into it anew: who does that has heard of the fault.
    pub fn fail_closed(&mut self) {
        self.faulted.extend(self.secured.keys());
        self.streams.silence_all(self.now);
    }

    /// How many flows it follows.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    fn apply(&mut self, update: FlowUpdate) {
        match update {
            FlowUpdate::Install(flow) => match self.flows.install(flow) {
                Ok(Some(former)) => {
                    self.finish_stream(&former, &flow);
                    let is_ordered = flow.order != former.order;
                    if (is_ordered || !is_secured(&flow))
                        && self.faulted.remove(&flow.key)
                        && is_secured(&flow)
                    {
                        // Nothing of what the panic left behind is trusted.
                        self.release_stream(&flow.key);
                    }
                }
                Ok(None) => {}
                Err(_) => {
                    self.overflowed = true;
                    self.counters.count(Counter::FlowsFull);
                }
            },
            FlowUpdate::Remove(key) => {
                self.release_stream(&key);
                self.release_listener(&key);
                self.flows.remove(&key);
                self.faulted.remove(&key);
            }
        }
        self.secured.apply(&update);
    }

    /// When a flow leaves SecureMode its stream lives on until no key is down.
    fn finish_stream(&mut self, former: &Flow, flow: &Flow) {
        if let Some(slot) = self.flows.find(&flow.key) {
            let (_, local) = self.flows.get_mut(slot);
            // What it carries, and how often that is reported, may be another.
            local.report_due = Instant::ZERO;
            local.finishing = mask_key(former).or(local.finishing).filter(|_| !is_secured(flow));
        }
    }

    fn release_stream(&mut self, key: &FlowKey) {
        if let Some(slot) = self.flows.find(key) {
            let (_, local) = self.flows.get_mut(slot);
            local.finishing = None;
            if let Some(index) = core::mem::take(&mut local.stream).checked_sub(1) {
                self.streams.release(index, self.now);
            }
        }
    }

    fn release_listener(&mut self, key: &FlowKey) {
        if let Some(slot) = self.flows.find(key) {
            let (_, local) = self.flows.get_mut(slot);
            if let Some(index) = core::mem::take(&mut local.listener).checked_sub(1) {
                self.listeners.release(index);
            }
        }
    }

    /// Takes the frames that arrived on one port and lets each leave, changed or not, through `out`.
    pub fn process(
        &mut self,
        now: Instant,
        wire: WireId,
        from: Side,
        frames: impl Iterator<Item = B>,
        out: &mut impl Outputs<B>,
    ) {
        self.now = now;
        let mut received = 0;
        for mut frame in frames {
            received += 1;
            match self.judge(now, wire, from, &mut frame, out) {
                Verdict::Forward => out.transmit(wire, from.opposite(), frame),
                Verdict::Discard => {}
                Verdict::Signal(kind) => self.signal(Arrival { wire, from, kind, frame }, out),
                Verdict::Hold { index, place, udp, is_secured } => {
                    let held = HeldFrame { wire, from, udp, is_secured, frame };
                    self.hold(now, index, place, held, out);
                }
            }
        }
        let (counters, pad) = (&self.counters, &self.pad);
        self.listeners.finish(&mut |flow, captured| report(captured, flow, pad, counters, out));
        let counter = match from {
            Side::Carrier => Counter::RxCarrier,
            Side::Customer => Counter::RxCustomer,
        };
        self.counters.add(counter, received);
    }

    /// Lets what was held for as long as it may be leave. To be called often, and at [`Lcore::deadline`] at the latest; costs
    /// little when nothing is due.
    pub fn serve(&mut self, now: Instant, out: &mut impl Outputs<B>) {
        self.now = now;
        if self.streams.due().is_none_or(|due| now < due) {
            return;
        }
        self.streams.begin_look();
        let mut at = 0;
        while at < self.streams.holding() {
            if let Some(index) = self.streams.held_by(at) {
                self.let_leave(now, index, out);
            }
            at += usize::from(self.streams.settle(at));
        }
    }

    /// When [`Lcore::serve`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.streams.due()
    }

    fn judge(
        &mut self,
        now: Instant,
        wire: WireId,
        from: Side,
        frame: &mut B,
        out: &mut impl Outputs<B>,
    ) -> Verdict {
        if frame.is_chained() {
            return self.judge_chained(from, frame.bytes());
        }
        match frame::dissect(frame.bytes()) {
            Dissection::Udp(udp) => {
                let payload = udp.payload(frame.bytes());
                if sip::looks_like(payload) {
                    return Verdict::Signal(ArrivalKind::Sip(udp));
                }
                let key = FlowKey {
                    destination: Endpoint { address: udp.destination, port: udp.destination_port },
                    vlan: VlanStack(udp.vlan),
                    wire,
                    from,
                };
                match self.flows.find(&key) {
                    Some(slot) => self.media(now, slot, &udp, frame, out),
                    None if self.secured.is_empty() => self.pass(Counter::PassUnknownUdp),
                    None => self.stray(now, &key, &udp, frame, out),
                }
            }
            Dissection::Fragment(fragment) if fragment.protocol == PROTOCOL_UDP => {
                Verdict::Signal(ArrivalKind::Fragment(fragment))
            }
            Dissection::Fragment(_) => self.pass(Counter::PassFragment),
            Dissection::Tcp { src_port, dst_port }
                if SIP_TCP_PORTS.contains(&src_port) || SIP_TCP_PORTS.contains(&dst_port) =>
            {
                self.pass(Counter::PassSipTcp)
            }
            Dissection::Tcp { .. } | Dissection::Other => self.pass(Counter::PassNotUdp),
            Dissection::Malformed => self.pass(Counter::PassMalformed),
        }
    }

    fn pass(&self, reason: Counter) -> Verdict {
        self.counters.count(reason);
        Verdict::Forward
    }

    fn discard(&self, reason: Counter) -> Verdict {
        self.counters.count(reason);
        Verdict::Discard
    }

    /// A frame in several segments cannot be read whole. Pools are made so that none arises below the MTU.
    fn judge_chained(&self, from: Side, first_segment: &[u8]) -> Verdict {
        if self.secured.is_empty() {
            return self.pass(Counter::PassChained);
        }
        match frame::destination(first_segment) {
            Some((_, address)) if self.secured.any_to(from, address) => {
                self.discard(Counter::DropSecuredChained)
            }
            _ => self.pass(Counter::PassChained),
        }
    }

    fn media(
        &mut self,
        now: Instant,
        slot: Slot,
        udp: &Udp,
        frame: &mut B,
        out: &mut impl Outputs<B>,
    ) -> Verdict {
        let (flow, local) = self.flows.get_mut(slot);
        let payload = udp.payload(frame.bytes());
        let is_rtp = rtp::is_rtp(payload);
        if is_rtp {
            tell(now, flow, local, udp, payload, &self.counters, out);
        }
        let is_recorded = flow.rules.is_recorded();
        if flow.mode.is_secured() {
            let flow = *flow;
            return self.secured_media(now, slot, flow, udp, frame, out);
        }
        if local.stream != 0 && flow.key.from == Side::Customer && !flow.reverse.is_secured() {
            // It was of strays from the other side, which are no concern any more.
            let key = flow.key;
            self.release_stream(&key);
        } else if local.finishing.is_some() && local.stream != 0 {
            let (flow, index) = (*flow, local.stream - 1);
            let has_left = |stream: &mut Stream<B>| stream.masker.has_left(now);
            if self.streams.get_mut(index).is_some_and(has_left) {
                self.release_stream(&flow.key);
            } else {
                return self.admit(now, index, flow, udp, frame, out);
            }
        } else if is_rtp && is_listened_to(flow) {
            self.listen(now, slot, udp, frame, out);
        }
        if is_recorded {
            let flow = self.flows.get_mut(slot).0;
            let origin = Origin { flow, arrived: now, is_secured: is_secured(flow) };
            tap_passing(origin, udp.payload(frame.bytes()), &self.counters, out);
        }
        self.pass(if is_rtp { Counter::PassMedia } else { Counter::PassNotRtp })
    }

    /// Hears the keys of a stream from the customer's side; it leaves as it came.
    fn listen(&mut self, now: Instant, slot: Slot, udp: &Udp, frame: &B, out: &mut impl Outputs<B>) {
        let (flow, local) = self.flows.get_mut(slot);
        if local.listener == 0 {
            match self.listeners.allocate() {
                Some(index) => local.listener = index + 1,
                None => return self.counters.count(Counter::ListenersFull),
            }
        }
        let (counters, pad) = (&self.counters, &self.pad);
        if let Some(index) = local.listener.checked_sub(1) {
            self.listeners.take(index, now, flow, udp.payload(frame.bytes()), &mut |flow, captured| {
                report(captured, flow, pad, counters, out);
            });
        }
    }

    /// A packet of no known flow while calls are in SecureMode: it may be theirs all the same.
    fn stray(
        &mut self,
        now: Instant,
        key: &FlowKey,
        udp: &Udp,
        frame: &mut B,
        out: &mut impl Outputs<B>,
    ) -> Verdict {
        // What found no room in the table cannot be masked: fail closed.
        if self.overflowed && self.secured.contains(key) {
            return self.discard(Counter::DropSecuredUnreadable);
        }
        let source = Endpoint { address: udp.source, port: udp.source_port };
        let Some(known) = self.secured.stray(key, source) else {
            return self.pass(Counter::PassUnknownUdp);
        };
        self.counters.count(Counter::SecuredStrays);
        let Some(slot) = self.flows.find(known) else {
            return self.discard(Counter::DropSecuredUnreadable);
        };
        let mut flow = *self.flows.get_mut(slot).0;
        if known.from != key.from {
            flow.mode = flow.reverse;
        }
        flow.key = *key;
        self.secured_media(now, slot, flow, udp, frame, out)
    }

    fn secured_media(
        &mut self,
        now: Instant,
        slot: Slot,
        mut flow: Flow,
        udp: &Udp,
        frame: &mut B,
        out: &mut impl Outputs<B>,
    ) -> Verdict {
        let (known, local) = self.flows.get_mut(slot);
        if !self.faulted.is_empty()
            && self.faulted.contains(&known.key)
            && let FlowMode::Mask(mask_key) = flow.mode
        {
            flow.mode = FlowMode::Silence(mask_key);
        }
        if local.stream == 0 {
            match self.streams.allocate() {
                Some(index) => local.stream = index + 1,
                None => self.counters.count(Counter::StreamsFull),
            }
        }
        if let Some(index) = local.stream.checked_sub(1) {
            return self.admit(now, index, flow, udp, frame, out);
        }
        let before = checksum::sum(udp.payload(frame.bytes()));
        let masked = mask::mask_stateless(&flow, udp.payload_mut(frame.bytes_mut()));
        let origin = Origin { flow: &flow, arrived: now, is_secured: is_secured(&flow) };
        let left = tell_leaving(&masked, origin, &self.counters, out);
        if left.is_changed {
            mend_checksum(udp, frame, before);
        }
        self.counters.count(left.reason);
        left.verdict
    }

    /// A packet of a stream that is in SecureMode, or has just left it.
    fn admit(
        &mut self,
        now: Instant,
        index: u32,
        flow: Flow,
        udp: &Udp,
        frame: &mut B,
        out: &mut impl Outputs<B>,
    ) -> Verdict {
        if let Some(stream) = self.streams.get_mut(index)
            && stream.masker.is_full()
        {
            stream.masker.hurry(now);
            self.let_leave(now, index, out);
        }
        let Some(stream) = self.streams.get_mut(index) else {
            return self.discard(Counter::DropSecuredUnreadable);
        };
        stream.flow = flow;
        let room = out.may_hold();
        let before = checksum::sum(udp.payload(frame.bytes()));
        let (counters, pad) = (&self.counters, &self.pad);
        let payload = udp.payload_mut(frame.bytes_mut());
        let admission = stream.masker.admit(now, &flow, payload, room, &mut |captured| {
            report(captured, &flow, pad, counters, out);
        });
        if stream.masker.is_unmaskable() && !stream.is_told_unmaskable {
            stream.is_told_unmaskable = out.report(Report::Unmaskable(flow.call)).is_ok();
        }
        let is_secured = is_secured(&flow);
        let masked = match admission {
            Admission::Leave(masked) => masked,
            Admission::Hold { place } => {
                mend_checksum(udp, frame, before);
                if !room {
                    self.counters.count(Counter::HoldWithoutBuffers);
                }
                return Verdict::Hold { index, place, udp: *udp, is_secured };
            }
        };
        // Behind what it made leave.
        self.let_leave(now, index, out);
        let origin = Origin { flow: &flow, arrived: now, is_secured };
        let left = tell_leaving(&masked, origin, &self.counters, out);
        if left.is_changed {
            mend_checksum(udp, frame, before);
        }
        self.counters.count(left.reason);
        left.verdict
    }

    /// Puts a frame where its stream wants it, and lets leave what may now.
    fn hold(&mut self, now: Instant, index: u32, place: u8, frame: HeldFrame<B>, out: &mut impl Outputs<B>) {
        if let Some(stream) = self.streams.get_mut(index) {
            stream.places.put(place, frame);
            self.let_leave(now, index, out);
        }
    }

    /// Lets leave what a stream need not hold any longer.
    fn let_leave(&mut self, now: Instant, index: u32, out: &mut impl Outputs<B>) {
        let Some(Stream { masker, places, flow, .. }) = self.streams.get_mut(index) else { return };
        let (counters, pad) = (&self.counters, &self.pad);
        loop {
            let leaving =
                masker.next_leaving(now, places, &mut |captured| report(captured, flow, pad, counters, out));
            let Some(leaving) = leaving else { break };
            if leaving.is_early() {
                counters.count(Counter::HeldTooLong);
            }
            let Some(held) = places.take(leaving.place()) else { continue };
            let HeldFrame { wire, from, udp, is_secured, mut frame } = held;
            let before = checksum::sum(udp.payload(frame.bytes()));
            let masked = masker.release(now, &leaving, udp.payload_mut(frame.bytes_mut()));
            let origin = Origin { flow, arrived: leaving.arrived(), is_secured };
            let left = tell_leaving(&masked, origin, counters, out);
            if left.is_changed {
                mend_checksum(&udp, &mut frame, before);
            }
            counters.count(left.reason);
            if matches!(left.verdict, Verdict::Forward) {
                out.transmit(wire, from.opposite(), frame);
            }
        }
        if let Some(due) = masker.due() {
            self.streams.list(index, due);
        }
    }

    fn signal(&mut self, arrival: Arrival<B>, out: &mut impl Outputs<B>) {
        let Err(arrival) = out.to_signalling(arrival) else { return };
        let Arrival { wire, from, kind, frame } = arrival;
        // The ring is full. While a call is in SecureMode nothing unread may pass towards it: SIP is sent again
        // by its sender (RFC 3261 section 17), fragments towards secured addresses are lost.
        let verdict = match kind {
            ArrivalKind::Sip(_) if self.secured.is_empty() => self.pass(Counter::PassSipRingFull),
            ArrivalKind::Sip(_) => self.discard(Counter::DropSipRingFull),
            ArrivalKind::Fragment(fragment) if self.secured.any_to(from, fragment.destination) => {
                self.discard(Counter::DropSecuredFragment)
            }
            ArrivalKind::Fragment(_) => self.pass(Counter::PassFragment),
        };
        if let Verdict::Forward = verdict {
            out.transmit(wire, from.opposite(), frame);
        }
    }
}

/// Whether a flow's packets, or those of its other direction, are masked.
fn is_secured(flow: &Flow) -> bool {
    flow.mode.is_secured() || flow.reverse.is_secured()
}

/// Brings the UDP checksum up to date after a payload was changed whose sum was `before`.
fn mend_checksum<B: Buffer>(udp: &Udp, frame: &mut B, before: u32) {
    let after = checksum::sum(udp.payload(frame.bytes()));
    udp.update_checksum(frame.bytes_mut(), before, after);
}

/// Whether the keys of a flow that passes are heard: those of the customer's side, for a call reference, and in SecureMode so
/// that their echo is not taken for the caller's.
fn is_listened_to(flow: &Flow) -> bool {
    flow.key.from == Side::Customer && (flow.rules.hears_reference() || flow.reverse.is_secured())
}

/// What keys of a flow, or of its other direction, are replaced with.
fn mask_key(flow: &Flow) -> Option<MaskKey> {
    [flow.mode, flow.reverse].into_iter().find_map(|mode| match mode {
        FlowMode::Mask(mask_key) | FlowMode::Silence(mask_key) => Some(mask_key),
        FlowMode::Pass => None,
    })
}

#[cfg(test)]
mod tests;
