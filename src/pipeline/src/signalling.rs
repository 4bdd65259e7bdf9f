//! The owner of the call table. It reads SIP, keeps every lcore's flow table true, and lets a message that changed
//! flows leave only when every lcore knows of them.

use core::time::Duration;

use calls::{Calls, Followed};
use handover::{
    Answer, CallHandle, Command, Counter, Counters, Endpoint, FlowKey, FlowMode, FlowUpdate, Instant,
    LcoreLink, MaskKey, Press, Refusal, Request, Side, VlanStack, WireId,
};
use secret::Pad;
use wire::buffer::Buffer;
use wire::frame::{Fragment, Udp};
use wire::{checksum, sip};

use crate::outputs::{Arrival, ArrivalKind, Outputs, Report};
use crate::peers::{Peers, Turn};
use crate::reassembly::{DatagramKey, Fragments, Reassembly, ReassemblyLimits, Taken};
use crate::secured::SecuredFlows;
use crate::sip_peers::{SipPeer, SipPeers};

mod hold;
mod orders;

use hold::{Frames, Held, Hold};
use orders::{Order, Orders};

/// The length of a UDP header.
const UDP_LEN: usize = 8;

/// How large the signalling lcore's own tables are; those of calls are in [`calls::Limits`].
#[derive(Clone, Copy, Debug)]
pub struct SignallingLimits {
    /// SIP messages held for acknowledgements; a message beyond leaves at once.
    pub held: usize,
    /// How long a message is held at most.
    pub hold: Duration,
    /// Flow updates that may wait for an lcore beside its ring.
    pub backlog: usize,
    /// Orders of the console in progress.
    pub orders: usize,
    /// How long an order waits for acknowledgements.
    pub order_patience: Duration,
    /// Calls listed in one answer.
    pub listed: usize,
    /// Addresses remembered as SIP peers.
    pub sip_peers: usize,
    /// SIP in fragments.
    pub reassembly: ReassemblyLimits,
}

impl Default for SignallingLimits {
    fn default() -> Self {
        SignallingLimits {
            held: 1_024,
            hold: Duration::from_millis(5),
            backlog: 131_072,
            orders: 64,
            order_patience: Duration::from_secs(1),
            listed: 1_000,
            sip_peers: 4_096,
            reassembly: ReassemblyLimits::default(),
        }
    }
}

/// Signalling: calls, held messages, reassembly, the console's orders.
pub struct Signalling<B> {
    limits: SignallingLimits,
    calls: Calls,
    mask_key: MaskKey,
    lcores: Peers,
    secured: SecuredFlows,
    hold: Hold<B>,
    orders: Orders,
    reassembly: Reassembly<B>,
    sip_peers: SipPeers,
    /// Calls silenced until every lcore has acknowledged the update of that number.
    silenced: Vec<(CallHandle, u64)>,
    changes: Vec<FlowUpdate>,
    /// The keys of the message in hand, sealed.
    presses: Vec<Press>,
    counters: Counters,
    pad: Pad,
}

/// Where a message came from and goes to.
#[derive(Clone, Copy)]
struct Route {
    wire: WireId,
    from: Side,
    vlan: VlanStack,
    source: Endpoint,
    destination: Endpoint,
}

/// What reading a message came to.
enum Read {
    /// It leaves, after update `needed` is in force if there is one.
    Leave { call: Option<CallHandle>, conversation: u64, needed: Option<u64>, changed: bool },
    /// It must not leave.
    Drop(Counter),
}

impl<B: Buffer> Signalling<B> {
    /// Signalling for the lcores of `links`. `mask_key` is used by orders that name none.
    pub fn new(
        limits: SignallingLimits,
        calls: Calls,
        mask_key: MaskKey,
        links: Vec<LcoreLink>,
        counters: Counters,
        pad: Pad,
    ) -> Self {
        Signalling {
            calls,
            mask_key,
            lcores: Peers::new(links, limits.backlog),
            secured: SecuredFlows::default(),
            hold: Hold::new(limits.held, limits.hold),
            orders: Orders::new(limits.orders, limits.order_patience),
            reassembly: Reassembly::new(limits.reassembly),
            sip_peers: SipPeers::new(limits.sip_peers),
            silenced: Vec::new(),
            changes: Vec::new(),
            presses: Vec::new(),
            counters,
            pad,
            limits,
        }
    }

    /// The call table, to be looked at.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Takes a frame that an lcore handed over.
    pub fn receive(&mut self, now: Instant, arrival: Arrival<B>, out: &mut impl Outputs<B>) {
        match arrival.kind {
            ArrivalKind::Sip(udp) => self.message(now, arrival.wire, arrival.from, &udp, arrival.frame, out),
            ArrivalKind::Fragment(fragment) => {
                self.fragment(now, arrival.wire, arrival.from, fragment, arrival.frame, out);
            }
        }
    }

    /// Lets a frame leave unread, after signalling itself has failed: calls go on, and nothing that can carry a key
    /// passes into one that was in SecureMode.
    pub fn receive_unread(&self, arrival: Arrival<B>, out: &mut impl Outputs<B>) {
        let Arrival { wire, from, kind, frame } = arrival;
        let refused = match kind {
            ArrivalKind::Sip(udp)
                if from == Side::Carrier
                    && !self.secured.is_empty()
                    && may_carry_keys(udp.payload(frame.bytes())) =>
            {
                Some(Counter::DropSecuredSip)
            }
            ArrivalKind::Fragment(fragment)
                if self.secured.any_to(wire, from, VlanStack(fragment.vlan), fragment.destination) =>
            {
                Some(Counter::DropSecuredFragment)
            }
            ArrivalKind::Sip(_) | ArrivalKind::Fragment(_) => None,
        };
        match refused {
            Some(reason) => self.counters.count(reason),
            None => out.transmit(wire, from.opposite(), frame),
        }
    }

    /// Takes an lcore's report.
    pub fn report(&mut self, now: Instant, report: Report) {
        match report {
            Report::MediaSeen(call) => self.calls.media_seen(now, call),
            Report::Source { flow, source } => {
                self.calls.learned(now, &flow, source, &mut self.changes);
                self.distribute();
            }
        }
    }

    /// Takes an order of the console.
    pub fn request(&mut self, now: Instant, request: Request, out: &mut impl Outputs<B>) {
        let token = request.token;
        let ordered = match request.command {
            Command::Calls => {
                let calls = self.calls.list(self.limits.listed);
                let more = self.calls.len().saturating_sub(calls.len());
                return out.answer(token, Answer::Calls { calls, more });
            }
            _ if self.orders.is_full() => Err(Refusal::Busy),
            Command::Secure { call_id, mask_key } => {
                let mask_key = mask_key.unwrap_or(self.mask_key);
                self.calls
                    .find(&call_id)
                    .ok_or(Refusal::NoSuchCall)
                    .and_then(|call| self.calls.secure(now, call, mask_key, &mut self.changes).map(|()| call))
            }
            Command::Release { call_id } => self
                .calls
                .find(&call_id)
                .ok_or(Refusal::NoSuchCall)
                .and_then(|call| self.calls.release(now, call, &mut self.changes).map(|()| call)),
        };
        self.distribute();
        match ordered {
            Ok(call) => self.orders.push(Order { token, call, needed: self.lcores.number() }, now),
            Err(refusal) => out.answer(token, Answer::Refused(refusal)),
        }
    }

    /// Does what is due: to be called often, after receiving. Costs little when nothing is due.
    pub fn poll(&mut self, now: Instant, out: &mut impl Outputs<B>) {
        self.lcores.drain();
        match self.lcores.check(now, &self.counters) {
            // Whatever a lost lcore may still do, it masks nothing: secured flows fall silent, and speak again when
            // all lcores are back.
            Some(Turn::Lost | Turn::AllBack) => {
                self.changes.extend(
                    self.calls.flows().filter(|flow| flow.mode.is_secured()).map(FlowUpdate::Install),
                );
                self.distribute();
            }
            None => {}
        }
        if self.calls.deadline().is_some_and(|deadline| deadline <= now) {
            self.calls.expire(now, &mut self.changes);
            self.distribute();
        }
        for (counter, many) in self.calls.take_counts() {
            self.counters.add(counter, many);
        }
        while let Some((key, fragments)) = self.reassembly.expired(now) {
            self.counters.count(Counter::ReassemblyFailed);
            self.give_up(&key, fragments, out);
        }
        let acknowledged = self.lcores.acknowledged();
        while let Some((held, in_time)) = self.hold.release(now, acknowledged) {
            if !in_time {
                self.counters.count(Counter::SipHoldExpired);
                self.silence_until_acknowledged(held.call);
            }
            held.leave(out);
        }
        self.speak_again(acknowledged);
        let all_alive = !self.lcores.any_lost();
        while let Some((token, answer)) = self.orders.settle(now, acknowledged, all_alive) {
            out.answer(token, answer);
        }
    }

    /// When [`Signalling::poll`] has something to do at the latest, acknowledgements aside.
    pub fn deadline(&self) -> Option<Instant> {
        [self.hold.deadline(), self.calls.deadline(), self.reassembly.deadline(), self.orders.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Sends the gathered changes to every lcore. The number of the last one, if there was any.
    fn distribute(&mut self) -> Option<u64> {
        let mut last = None;
        let silent = self.lcores.any_lost();
        for mut update in self.changes.drain(..) {
            if let FlowUpdate::Install(flow) = &mut update
                && let FlowMode::Mask(mask_key) = flow.mode
                && silent
            {
                flow.mode = FlowMode::Silence(mask_key);
            }
            self.secured.apply(&update);
            last = Some(self.lcores.send(update, &self.counters));
        }
        last
    }

    /// A message left before every lcore knew of its flows: in SecureMode they fall silent until all do.
    fn silence_until_acknowledged(&mut self, call: Option<CallHandle>) {
        let Some(call) = call.filter(|&call| self.calls.is_secured(call)) else { return };
        self.calls.silence(call, true, &mut self.changes);
        if let Some(number) = self.distribute() {
            self.silenced.retain(|&(silenced, _)| silenced != call);
            self.silenced.push((call, number));
        }
    }

    fn speak_again(&mut self, acknowledged: u64) {
        while let Some(at) = self.silenced.iter().position(|&(_, number)| number <= acknowledged) {
            let (call, _) = self.silenced.swap_remove(at);
            self.calls.silence(call, false, &mut self.changes);
            self.distribute();
        }
    }

    fn message(
        &mut self,
        now: Instant,
        wire: WireId,
        from: Side,
        udp: &Udp,
        mut frame: B,
        out: &mut impl Outputs<B>,
    ) {
        let route = Route {
            wire,
            from,
            vlan: VlanStack(udp.vlan),
            source: Endpoint { address: udp.source, port: udp.source_port },
            destination: Endpoint { address: udp.destination, port: udp.destination_port },
        };
        let before = checksum::sum(udp.payload(frame.bytes()));
        let read = self.read(now, &route, udp.payload_mut(frame.bytes_mut()), out);
        if let Read::Leave { changed: true, .. } = read {
            let after = checksum::sum(udp.payload(frame.bytes()));
            udp.update_checksum(frame.bytes_mut(), before, after);
        }
        self.let_leave(now, &route, read, Frames::One(frame), out);
    }

    /// Reads a SIP message and masks the keys in it.
    fn read(&mut self, now: Instant, route: &Route, payload: &mut [u8], out: &mut impl Outputs<B>) -> Read {
        let pass = Read::Leave { call: None, conversation: 0, needed: None, changed: false };
        let Ok(message) = sip::Message::new_checked(payload) else {
            // What we cannot read another may: a request that can carry keys does not pass into a call in SecureMode.
            if route.from == Side::Carrier && !self.secured.is_empty() && may_carry_keys(payload) {
                return Read::Drop(Counter::DropSecuredSip);
            }
            self.counters.count(Counter::PassSipUnreadable);
            return pass;
        };
        let peer =
            SipPeer { wire: route.wire, from: route.from, vlan: route.vlan, address: route.source.address };
        self.sip_peers.saw(peer);
        let conversation = hash(message.call_id());
        let arrival = calls::Arrival {
            now,
            wire: route.wire,
            from: route.from,
            vlan: route.vlan,
            source: route.source,
            destination: route.destination,
            message: &message,
        };
        let followed = self.calls.handle(&arrival, &mut self.changes);
        let needed = self.distribute();
        let Ok(changed) = self.mask(now, route, &followed, payload, out) else {
            return Read::Drop(Counter::DropSecuredSip);
        };
        self.counters.count(if changed { Counter::MaskedSip } else { Counter::PassSip });
        Read::Leave { call: followed.call, conversation, needed, changed }
    }

    fn mask(
        &mut self,
        now: Instant,
        route: &Route,
        followed: &Followed,
        payload: &mut [u8],
        out: &mut impl Outputs<B>,
    ) -> Result<bool, mask::sip::Unreadable> {
        let (Side::Carrier, Some(call), Some(mask_key)) = (route.from, followed.call, followed.secured)
        else {
            return Ok(false);
        };
        let (presses, pad) = (&mut self.presses, &self.pad);
        presses.clear();
        let changed = mask::sip::mask_keys(now, payload, mask_key, &mut |captured| {
            presses.push(Press {
                call,
                transport: captured.transport,
                from: route.from,
                digit: pad.seal(&captured.digit),
                onset: captured.onset,
            });
        })?;
        // A repetition carries no new keys, and neither does a message that turned out unreadable halfway.
        for press in self.presses.drain(..).filter(|_| followed.fresh) {
            let counter = if out.press(press).is_ok() { Counter::Presses } else { Counter::PressesLost };
            self.counters.count(counter);
        }
        Ok(changed)
    }

    /// Lets what was read leave: now, or when its flows are known everywhere.
    fn let_leave(
        &mut self,
        now: Instant,
        route: &Route,
        read: Read,
        frames: Frames<B>,
        out: &mut impl Outputs<B>,
    ) {
        let (call, conversation, needed) = match read {
            Read::Leave { call, conversation, needed, .. } => (call, conversation, needed),
            Read::Drop(reason) => return self.counters.count(reason),
        };
        let held = Held { call, conversation, wire: route.wire, toward: route.from.opposite(), frames };
        let acknowledged = self.lcores.acknowledged();
        // What follows a held message of the same Call-ID must not overtake it.
        let needed = needed.max(self.hold.needed_by(conversation)).filter(|&needed| needed > acknowledged);
        let Some(needed) = needed else { return held.leave(out) };
        match self.hold.push(now, needed, held) {
            Ok(()) => self.counters.count(Counter::SipHeld),
            Err(held) => {
                self.counters.count(Counter::SipHoldFull);
                self.silence_until_acknowledged(held.call);
                held.leave(out);
            }
        }
    }

    fn fragment(
        &mut self,
        now: Instant,
        wire: WireId,
        from: Side,
        fragment: Fragment,
        frame: B,
        out: &mut impl Outputs<B>,
    ) {
        let vlan = VlanStack(fragment.vlan);
        let key = DatagramKey {
            wire,
            from,
            vlan,
            source: fragment.source,
            destination: fragment.destination,
            identification: fragment.identification,
        };
        let peer = SipPeer { wire, from, vlan, address: fragment.source };
        let concerns_us = self.reassembly.knows(&key)
            || self.sip_peers.contains(&peer)
            || self.secured.any_to(wire, from, vlan, fragment.destination)
            || starts_sip(&fragment, &frame);
        if !concerns_us {
            self.counters.count(Counter::PassFragment);
            return out.transmit(wire, from.opposite(), frame);
        }
        match self.reassembly.take(now, key, fragment, frame) {
            Taken::Held => {}
            Taken::Complete(key, fragments) => self.complete(now, &key, fragments, out),
            Taken::NoRoom(key, fragments) => {
                self.counters.count(Counter::ReassemblyFailed);
                self.give_up(&key, fragments, out);
            }
        }
    }

    /// A whole datagram that came in fragments.
    fn complete(
        &mut self,
        now: Instant,
        key: &DatagramKey,
        mut fragments: Fragments<B>,
        out: &mut impl Outputs<B>,
    ) {
        let Some(mut datagram) = fragments.assemble() else {
            self.counters.count(Counter::ReassemblyFailed);
            return self.give_up(key, fragments, out);
        };
        let Some((header, payload)) = datagram.split_first_chunk_mut::<UDP_LEN>() else {
            return self.give_up(key, fragments, out);
        };
        self.counters.count(Counter::Reassembled);
        let [a, b, c, d, _, _, e, f] = *header;
        let route = Route {
            wire: key.wire,
            from: key.from,
            vlan: key.vlan,
            source: Endpoint { address: key.source, port: u16::from_be_bytes([a, b]) },
            destination: Endpoint { address: key.destination, port: u16::from_be_bytes([c, d]) },
        };
        if !sip::looks_like(payload) {
            let flow =
                FlowKey { destination: route.destination, vlan: key.vlan, wire: key.wire, from: key.from };
            // Media in fragments cannot be masked.
            if self.secured.contains(&flow) {
                return self.give_up(key, fragments, out);
            }
            return self.pass_fragments(key, fragments, out);
        }
        let before = checksum::sum(payload);
        let read = self.read(now, &route, payload, out);
        if let Read::Leave { changed: true, .. } = read {
            let [g, h] = checksum::udp_update([e, f], before, checksum::sum(payload));
            (header[6], header[7]) = (g, h);
            fragments.write_back(&datagram);
        }
        self.let_leave(now, &route, read, Frames::Many(fragments.into_frames().collect()), out);
    }

    /// Fragments that could not be read: dropped where they go to an address of a call in SecureMode.
    fn give_up(&mut self, key: &DatagramKey, fragments: Fragments<B>, out: &mut impl Outputs<B>) {
        if self.secured.any_to(key.wire, key.from, key.vlan, key.destination) {
            return self.counters.add(Counter::DropSecuredFragment, fragments.into_frames().count() as u64);
        }
        self.pass_fragments(key, fragments, out);
    }

    fn pass_fragments(&mut self, key: &DatagramKey, fragments: Fragments<B>, out: &mut impl Outputs<B>) {
        for frame in fragments.into_frames() {
            self.counters.count(Counter::PassFragment);
            out.transmit(key.wire, key.from.opposite(), frame);
        }
    }
}

/// Whether this is the first fragment of a SIP message.
fn starts_sip<B: Buffer>(fragment: &Fragment, frame: &B) -> bool {
    fragment.offset == 0 && fragment.payload(frame.bytes()).get(UDP_LEN..).is_some_and(sip::looks_like)
}

/// Whether a message that could not be read is a request that carries keys.
fn may_carry_keys(payload: &[u8]) -> bool {
    let start = payload.trim_ascii_start();
    start.starts_with(b"INFO") || start.starts_with(b"NOTIFY")
}

/// FNV-1a of a Call-ID. Two that collide only wait for each other.
fn hash(call_id: &[u8]) -> u64 {
    call_id.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
