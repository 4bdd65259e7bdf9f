//! What one poll-mode core does with the frames of a burst.

use core::time::Duration;

use handover::{
    Counter, Counters, Endpoint, Flow, FlowKey, FlowMode, FlowUpdate, Instant, LcoreLink, MaskKey, Press,
    Side, VlanStack, WireId,
};
use mask::{ChangeKind, Masked};
use secret::Pad;
use wire::buffer::Buffer;
use wire::frame::{self, Dissection, Udp};
use wire::{checksum, rtp, sip};

use crate::flow_table::{FlowTable, Local, Slot};
use crate::outputs::{Arrival, ArrivalKind, Outputs, Report};
use crate::secured::SecuredFlows;
use crate::streams::Streams;

/// How often a call with media is reported to have it. The call table forgets media after a minute.
const MEDIA_PERIOD_NANOS: u64 = 5_000_000_000;
/// A flow reports a new source at most this often, so that a flood with forged sources stays its own problem.
const SOURCE_PERIOD: Duration = Duration::from_millis(50);
/// The port of SIP over TCP (RFC 3261 section 18.1.1) and over TLS, for the count of what is not followed.
const SIP_TCP_PORTS: [u16; 2] = [5060, 5061];
/// The number of UDP among the IP protocols.
const PROTOCOL_UDP: u8 = 17;

/// How large the tables of an lcore are.
#[derive(Clone, Copy, Debug)]
pub struct LcoreLimits {
    /// Media flows; those beyond are not followed and counted.
    pub flows: usize,
    /// Streams in SecureMode whose presses are captured; those beyond are masked without.
    pub streams: u32,
}

impl Default for LcoreLimits {
    fn default() -> Self {
        LcoreLimits { flows: 131_072, streams: 4_096 }
    }
}

/// The data path of one lcore. It owns its copy of the flow table and the state of the streams that it sees;
/// nothing is shared and nothing is allocated per packet.
pub struct Lcore {
    flows: FlowTable,
    secured: SecuredFlows,
    streams: Streams,
    link: LcoreLink,
    counters: Counters,
    pad: Pad,
    faulted: bool,
    /// A flow found no room, so that an unknown one may be secured.
    overflowed: bool,
}

/// What becomes of a frame.
enum Verdict {
    Forward,
    Discard,
    Signal(ArrivalKind),
}

impl Lcore {
    /// An lcore that hears of flows through `link`. `seed` is random per process.
    pub fn new(limits: LcoreLimits, link: LcoreLink, counters: Counters, pad: Pad, seed: u64) -> Self {
        Lcore {
            flows: FlowTable::new(limits.flows, seed),
            secured: SecuredFlows::default(),
            streams: Streams::new(limits.streams),
            link,
            counters,
            pad,
            faulted: false,
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

    /// After a panic, here or in signalling: from now on flows in SecureMode are silent and all else passes, until
    /// no flow is secured any more.
    pub fn fail_closed(&mut self) {
        self.faulted = true;
    }

    /// How many flows it follows.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    fn apply(&mut self, update: FlowUpdate) {
        match update {
            FlowUpdate::Install(flow) => match self.flows.install(flow) {
                Ok(Some(former)) => self.finish_stream(&former, &flow),
                Ok(None) => {}
                Err(_) => {
                    self.overflowed = true;
                    self.counters.count(Counter::FlowsFull);
                }
            },
            FlowUpdate::Remove(key) => {
                if let Some((_, Local { stream: 1.., .. })) = self.flows.find(&key).map(|slot| {
                    let (flow, local) = self.flows.get_mut(slot);
                    (*flow, *local)
                }) {
                    self.release_stream(&key);
                }
                self.flows.remove(&key);
            }
        }
        self.secured.apply(&update);
        self.faulted &= !self.secured.is_empty();
    }

    /// When a flow leaves SecureMode its stream lives on until no key is down.
    fn finish_stream(&mut self, former: &Flow, flow: &Flow) {
        if let Some(slot) = self.flows.find(&flow.key) {
            let (_, local) = self.flows.get_mut(slot);
            local.finishing = mask_key(former).or(local.finishing).filter(|_| !is_secured(flow));
        }
    }

    fn release_stream(&mut self, key: &FlowKey) {
        if let Some(slot) = self.flows.find(key) {
            let (_, local) = self.flows.get_mut(slot);
            local.finishing = None;
            if let Some(index) = core::mem::take(&mut local.stream).checked_sub(1) {
                self.streams.release(index);
            }
        }
    }

    /// A packet of a flow that has left SecureMode. Whether it was changed.
    fn finish<B: Buffer>(&mut self, now: Instant, slot: Slot, udp: &Udp, frame: &mut B) -> bool {
        let (flow, local) = self.flows.get_mut(slot);
        let (flow, finishing) = (*flow, local.finishing);
        let stream = local.stream.checked_sub(1).and_then(|index| self.streams.get_mut(index));
        let (Some(mask_key), Some(stream)) = (finishing, stream.filter(|stream| stream.is_open(now))) else {
            self.release_stream(&flow.key);
            return false;
        };
        let before = checksum::sum(udp.payload(frame.bytes()));
        let changed = stream.finish(now, &flow, mask_key, udp.payload_mut(frame.bytes_mut())).is_some();
        if changed {
            let after = checksum::sum(udp.payload(frame.bytes()));
            udp.update_checksum(frame.bytes_mut(), before, after);
        }
        changed
    }

    /// Takes the frames that arrived on one port and lets each leave, changed or not, through `out`.
    pub fn process<B: Buffer>(
        &mut self,
        now: Instant,
        wire: WireId,
        from: Side,
        frames: impl Iterator<Item = B>,
        out: &mut impl Outputs<B>,
    ) {
        let mut received = 0;
        for mut frame in frames {
            received += 1;
            match self.judge(now, wire, from, &mut frame, out) {
                Verdict::Forward => out.transmit(wire, from.opposite(), frame),
                Verdict::Discard => {}
                Verdict::Signal(kind) => self.signal(Arrival { wire, from, kind, frame }, out),
            }
        }
        let counter = match from {
            Side::Carrier => Counter::RxCarrier,
            Side::Customer => Counter::RxCustomer,
        };
        self.counters.add(counter, received);
    }

    fn judge<B: Buffer>(
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

    fn media<B: Buffer>(
        &mut self,
        now: Instant,
        slot: Slot,
        udp: &Udp,
        frame: &mut B,
        out: &mut impl Outputs<B>,
    ) -> Verdict {
        let (flow, local) = self.flows.get_mut(slot);
        let payload = udp.payload(frame.bytes());
        if rtp::is_rtp(payload) {
            tell(now, flow, local, udp, &self.counters, out);
        }
        if !flow.mode.is_secured() {
            if local.finishing.is_some() && self.finish(now, slot, udp, frame) {
                return self.pass(Counter::MaskedEvent);
            }
            let payload = udp.payload(frame.bytes());
            let reason = if rtp::is_rtp(payload) { Counter::PassMedia } else { Counter::PassNotRtp };
            return self.pass(reason);
        }
        let flow = *flow;
        self.secured_media(now, slot, flow, udp, frame, out)
    }

    /// A packet of no known flow while calls are in SecureMode: it may be theirs all the same.
    fn stray<B: Buffer>(
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

    fn secured_media<B: Buffer>(
        &mut self,
        now: Instant,
        slot: Slot,
        mut flow: Flow,
        udp: &Udp,
        frame: &mut B,
        out: &mut impl Outputs<B>,
    ) -> Verdict {
        let (_, local) = self.flows.get_mut(slot);
        if self.faulted
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
        let stream = local.stream.checked_sub(1).and_then(|index| self.streams.get_mut(index));
        let before = checksum::sum(udp.payload(frame.bytes()));
        let counters = &self.counters;
        let pad = &self.pad;
        let payload = udp.payload_mut(frame.bytes_mut());
        let masked = match stream {
            Some(stream) => stream.mask(now, &flow, payload, &mut |captured| {
                let press = Press {
                    call: flow.call,
                    transport: captured.transport,
                    from: flow.key.from,
                    digit: pad.seal(&captured.digit),
                    onset: captured.onset,
                };
                counters.count(if out.press(press).is_ok() {
                    Counter::Presses
                } else {
                    Counter::PressesLost
                });
            }),
            None => mask::mask_stateless(&flow, payload),
        };
        let reason = match masked {
            Masked::Unchanged(released) => {
                out.tap(&flow, &released);
                Counter::PassSecuredAudio
            }
            Masked::NotRtp => Counter::PassNotRtp,
            Masked::Changed(released, kind) => {
                out.tap(&flow, &released);
                let after = checksum::sum(udp.payload(frame.bytes()));
                udp.update_checksum(frame.bytes_mut(), before, after);
                match kind {
                    ChangeKind::Event => Counter::MaskedEvent,
                    ChangeKind::Silence => Counter::Silenced,
                }
            }
            Masked::Drop(reason) => return self.discard(reason),
        };
        self.pass(reason)
    }

    fn signal<B: Buffer>(&mut self, arrival: Arrival<B>, out: &mut impl Outputs<B>) {
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

/// What keys of a flow, or of its other direction, are replaced with.
fn mask_key(flow: &Flow) -> Option<MaskKey> {
    [flow.mode, flow.reverse].into_iter().find_map(|mode| match mode {
        FlowMode::Mask(mask_key) | FlowMode::Silence(mask_key) => Some(mask_key),
        FlowMode::Pass => None,
    })
}

/// Tells the signalling lcore that the call has media, and where RTP came from where that is to be learned.
#[inline]
fn tell<B>(
    now: Instant,
    flow: &Flow,
    local: &mut Local,
    udp: &Udp,
    counters: &Counters,
    out: &mut impl Outputs<B>,
) {
    let period = ((now.as_nanos() / MEDIA_PERIOD_NANOS) as u32).wrapping_add(1).max(1);
    if local.reported_period != period {
        match out.report(Report::MediaSeen(flow.call)) {
            Ok(()) => local.reported_period = period,
            Err(_) => counters.count(Counter::ReportsLost),
        }
    }
    if !flow.learn {
        return;
    }
    let source = Endpoint { address: udp.source, port: udp.source_port };
    let unreported = local.source == Endpoint::default();
    if local.source != source && (unreported || now.since(local.source_at) >= SOURCE_PERIOD) {
        match out.report(Report::Source { flow: flow.key, source }) {
            Ok(()) => (local.source, local.source_at) = (source, now),
            Err(_) => counters.count(Counter::ReportsLost),
        }
    }
}

#[cfg(test)]
mod tests;
