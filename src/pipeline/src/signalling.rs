//! The owner of the call table. It reads SIP, keeps every lcore's flow table true, and lets a message that changed
//! flows leave only when every lcore knows of them.

use core::time::Duration;

use calls::Calls;
use handover::{
    Answer, CallHandle, Command, Counter, Counters, Flow, FlowKey, FlowMode, FlowUpdate, Instant, LcoreLink,
    MaskKey, Press, Refusal, Request, Rules, Side,
};
use secret::Pad;
use wire::buffer::Buffer;

use crate::mirror::{Mirror, Mirrored};
use crate::outputs::{Arrival, ArrivalKind, Outputs, Report};
use crate::peers::{Peers, Turn};
use crate::reassembly::{Reassembly, ReassemblyLimits};
use crate::secured::SecuredFlows;
use crate::sip_peers::SipPeers;

mod events;
mod fragments;
mod hold;
mod messages;
mod orders;
mod remembered;

use events::Events;
use hold::Hold;
use messages::may_carry_keys;
use orders::{Order, Orders};
use remembered::Remembered;

/// How large the signalling lcore's own tables are; those of calls are in [`calls::Limits`].
#[derive(Clone, Copy, Debug)]
pub struct SignallingLimits {
    /// SIP messages held for acknowledgements; a message beyond leaves at once.
    pub held: usize,
    /// How long a message is held at most.
    pub hold: Duration,
    /// Flow updates that may wait for an lcore beside its ring.
    pub backlog: usize,
    /// Orders in progress. Beyond, those to enter or to release are refused; a payment's to leave, and its rules, are done all
    /// the same and answered at once.
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
            orders: 1_024,
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
    /// Whether the keys of the customer's side are heard.
    hears_reference: bool,
    lcores: Peers,
    secured: SecuredFlows,
    hold: Hold<B>,
    orders: Orders,
    events: Events,
    mirror: Option<Mirror>,
    remembered: Remembered,
    reassembly: Reassembly<B>,
    sip_peers: SipPeers,
    /// Calls silenced until every lcore has acknowledged the update of that number.
    silenced: Vec<(CallHandle, u64)>,
    changes: Vec<FlowUpdate>,
    /// The keys of the message in hand, sealed.
    presses: Vec<Press>,
    /// A message of the customer's side while its keys are read.
    copy: Vec<u8>,
    counters: Counters,
    pad: Pad,
}

impl<B: Buffer> Signalling<B> {
    /// Signalling for the lcores of `links`. `mask_key` is used by orders that name none, `rules` for the flows of calls that
    /// have none of their own.
    pub fn new(
        limits: SignallingLimits,
        mut calls: Calls,
        mask_key: MaskKey,
        rules: Rules,
        links: Vec<LcoreLink>,
        counters: Counters,
        pad: Pad,
    ) -> Self {
        let mut changes = Vec::new();
        calls.set_rules(rules, &mut changes);
        Signalling {
            calls,
            mask_key,
            hears_reference: rules.hears_reference(),
            lcores: Peers::new(links, limits.backlog),
            secured: SecuredFlows::default(),
            hold: Hold::new(limits.held, limits.hold),
            orders: Orders::new(limits.orders, limits.order_patience),
            events: Events::default(),
            mirror: None,
            remembered: Remembered::default(),
            reassembly: Reassembly::new(limits.reassembly),
            sip_peers: SipPeers::new(limits.sip_peers),
            silenced: Vec::new(),
            changes,
            presses: Vec::new(),
            copy: Vec::new(),
            counters,
            pad,
            limits,
        }
    }

    /// Mirrors flows in SecureMode from now on, and silences those that an earlier process has left in the mirror. To be called
    /// before any lcore runs: it sees no packet of theirs before.
    pub fn remember(&mut self, now: Instant, mirror: Mirror, flows: &[Mirrored]) {
        self.mirror = Some(mirror);
        self.remembered = Remembered::new(now, flows);
        // Nothing is known of them, so that they are silent.
        self.changes.extend(flows.iter().map(|flow| FlowUpdate::Remove(flow.key)));
        self.distribute();
        self.counters.add(Counter::FlowsRemembered, flows.len() as u64);
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
            ArrivalKind::Fragment(fragment) if self.secured.any_to(from, fragment.destination) => {
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
            Report::Caller { flow, call, at, content } => {
                self.calls.media_seen(now, call);
                self.calls.caller_heard(now, &flow, at, content);
                self.remembered.heard(&flow, at);
            }
            Report::Unmaskable(call) => self.calls.unmaskable_seen(call),
            Report::Source { flow, source } => {
                self.calls.learned(now, &flow, source, &mut self.changes);
                self.distribute();
            }
        }
    }

    /// Takes an order of the console.
    pub fn request(&mut self, now: Instant, request: Request, out: &mut impl Outputs<B>) {
        let token = request.token;
        let is_of_secure_mode = !matches!(request.command, Command::Record { .. });
        let ordered = match request.command {
            Command::Calls => {
                let calls = self.calls.list(self.limits.listed);
                let more = self.calls.len().saturating_sub(calls.len());
                return out.answer(token, Answer::Calls { calls, more });
            }
            Command::Secure { .. } | Command::Release { .. } | Command::Enter { .. }
                if self.orders.is_full() =>
            {
                Err(Refusal::Busy)
            }
            Command::Secure { call_id, mask_key } => {
                let mask_key = mask_key.unwrap_or(self.mask_key);
                self.calls
                    .find(&call_id)
                    .ok_or(Refusal::NoSuchCall)
                    .and_then(|call| self.calls.secure(now, call, mask_key, &mut self.changes).map(|()| call))
            }
            Command::Release { call_id, forced } => match self.calls.find(&call_id) {
                None => Err(Refusal::NoSuchCall),
                Some(call) if self.calls.is_held(call) && !forced => Err(Refusal::Paired),
                Some(call) => self.calls.release(now, call, &mut self.changes).map(|()| call),
            },
            // After a kill its flows would not be silent.
            Command::Enter { call, .. } if !self.is_room_to_mirror(call) => Err(Refusal::Busy),
            Command::Enter { call, mask_key, rules } => {
                self.calls.enter(now, call, mask_key, rules, &mut self.changes).map(|()| call)
            }
            Command::Leave { call } => self.calls.leave(now, call, &mut self.changes).map(|()| call),
            Command::Rule { call, rules } => self.calls.rule(call, rules, &mut self.changes).map(|()| call),
            Command::Record { call, on } => self.calls.record(call, on, &mut self.changes).map(|()| call),
            Command::Announce => {
                self.events.announce();
                Ok(CallHandle::default())
            }
        };
        self.distribute();
        if let Ok(call) = ordered
            && is_of_secure_mode
        {
            self.remembered.hand_over(call);
        }
        match ordered {
            // What a payment takes back or narrows is done in any case; that it is in force everywhere is not said then.
            Ok(_) if self.orders.is_full() => out.answer(token, Answer::Refused(Refusal::NotAcknowledged)),
            Ok(call) => self.orders.push(Order { token, call, needed: self.lcores.number() }, now),
            Err(refusal) => out.answer(token, Answer::Refused(refusal)),
        }
    }

    /// Does what is due: to be called often, after receiving. Costs little when nothing is due.
    pub fn poll(&mut self, now: Instant, out: &mut impl Outputs<B>) {
        self.lcores.drain();
        self.write_mirror(out);
        match self.lcores.check(now, &self.counters) {
            // Whatever a lost lcore may still do, it masks nothing: secured flows fall silent, and speak again when
            // all lcores are back.
            Some(Turn::Lost | Turn::AllBack) => {
                let secured = |flow: &Flow| flow.mode.is_secured() || flow.reverse.is_secured();
                self.changes.extend(self.calls.flows().filter(secured).map(FlowUpdate::Install));
                self.distribute();
            }
            None => {}
        }
        if self.calls.deadline().is_some_and(|deadline| deadline <= now) {
            self.calls.expire(now, &mut self.changes);
            self.distribute();
        }
        if self.remembered.deadline().is_some_and(|deadline| deadline <= now) {
            let due = self.remembered.expire(now);
            self.let_go(due.flows);
            for call in due.calls {
                // One that has gone meanwhile needs no end.
                let _ = self.calls.release(now, call, &mut self.changes);
            }
            self.distribute();
        }
        self.events.tell(&mut self.calls, &self.counters, out);
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
        let own = [self.hold.deadline(), self.reassembly.deadline(), self.orders.deadline()];
        let calls = [self.calls.deadline(), self.remembered.deadline()];
        own.into_iter().chain(calls).flatten().min()
    }

    /// Sends the gathered changes to every lcore. The number of the last one, if there was any.
    fn distribute(&mut self) -> Option<u64> {
        let mut last = None;
        let silent = self.lcores.any_lost();
        for mut update in self.changes.drain(..) {
            let is_remembered = self.remembered.call_of(update.key()).is_some_and(|call| {
                let call_id = self.calls.call_id_of(update.key());
                let is_its_own = self.mirror.as_ref().zip(call_id).is_some_and(|(mirror, call_id)| {
                    mirror.fingerprint(call_id) == call && self.remembered.is_known(call)
                });
                !is_its_own || matches!(update, FlowUpdate::Remove(_))
            });
            if is_remembered {
                let flow = match update {
                    FlowUpdate::Install(flow) => flow,
                    FlowUpdate::Remove(key) => remembered::nobodys(key),
                };
                update = FlowUpdate::Install(remembered::silent(flow, self.mask_key));
            } else if self.remembered.forget(update.key()) {
                self.counters.count(Counter::FlowsRememberedGone);
            }
            if let FlowUpdate::Install(flow) = &mut update {
                for mode in [&mut flow.mode, &mut flow.reverse] {
                    if let FlowMode::Mask(mask_key) = *mode
                        && silent
                    {
                        *mode = FlowMode::Silence(mask_key);
                    }
                }
            }
            self.secured.apply(&update);
            if let Some(mirror) = &mut self.mirror
                && !mirror.follow(&update, |flow| self.calls.call_id_of(flow).filter(|_| !is_remembered))
            {
                self.counters.count(Counter::MirrorLost);
            }
            last = Some(self.lcores.send(update, &self.counters));
        }
        last
    }

    fn is_room_to_mirror(&self, call: CallHandle) -> bool {
        self.mirror.as_ref().is_none_or(|mirror| mirror.has_room(self.calls.flows_of(call)))
    }

    /// Flows that were remembered are as the call table has them.
    fn let_go(&mut self, flows: Vec<FlowKey>) {
        self.counters.add(Counter::FlowsRememberedGone, flows.len() as u64);
        let known = |key: FlowKey| self.calls.flow(&key).map_or(FlowUpdate::Remove(key), FlowUpdate::Install);
        self.changes.extend(flows.into_iter().map(known));
    }

    /// Writes what is new of the mirror, before any message leaves or order is answered that brought it.
    fn write_mirror(&mut self, out: &mut impl Outputs<B>) {
        let Some(mirror) = &mut self.mirror else { return };
        while let Some((at, slot)) = mirror.next_change() {
            if !out.mirror(at, slot) {
                self.counters.count(Counter::MirrorLost);
            }
        }
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
}
