//! What SDP, and RTP that comes from elsewhere, do to the destinations of a call.

use handover::{Counter, Endpoint, FlowKey, FlowUpdate, Formats, Instant, Side};

use crate::Calls;
use crate::call::Destination;
use crate::fingerprint::Fingerprint;
use crate::leg::{Heard, Said, Scope};
use crate::media::{Line, merged_events};

/// Of how many calls that announced the same destination the senders are learned.
const LEARNERS: usize = 8;

impl Calls {
    /// A party of a leg says where it wants to receive. The caller settles.
    pub(crate) fn announced(&mut self, slot: u32, leg: u32, said: &Said<'_>) {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return };
        let Some(heard) = call.leg_mut(leg).map(|leg| leg.heard(said, stamp)) else { return };
        let Some(scope) = call.leg(leg).map(|leg| leg.scope) else { return };
        if heard == Heard::New {
            call.supersede(leg, said.side, said.tag, stamp);
        }
        // First what every line asks for first: where there is no room for all, candidates do without.
        let first = said.description.lines.iter().flat_map(|line| line.endpoints.iter().take(1).zip([line]));
        let further = said
            .description
            .lines
            .iter()
            .flat_map(|line| line.endpoints.iter().skip(1).map(move |at| (at, line)));
        for (endpoint, line) in first.chain(further) {
            let key = flow_key(scope, said.side.opposite(), *endpoint);
            self.announce(slot, leg, said.tag, key, line, heard != Heard::Old);
        }
        self.describe(slot, leg);
    }

    /// A party's last offer was refused. The caller settles.
    pub(crate) fn refused(&mut self, slot: u32, leg: u32, side: Side, tag: Fingerprint, cseq: u32) {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return };
        if call.leg_mut(leg).is_some_and(|leg| leg.refused(side, tag, cseq)) {
            call.restore(leg, side, tag, stamp);
            self.describe(slot, leg);
        }
    }

    fn announce(&mut self, slot: u32, leg: u32, tag: Fingerprint, key: FlowKey, line: &Line, current: bool) {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return };
        let secured = call.secured.is_some();
        if let Some(known) = call.announced_mut(leg, tag, &key) {
            if current {
                if known.own != line.formats {
                    known.earlier = merged_events([&known.own, &known.earlier]);
                    known.own = line.formats;
                }
                known.line = line.index;
                known.encrypted = line.encrypted;
                let returned = !core::mem::replace(&mut known.current, true) && !known.before;
                if returned {
                    let earlier = core::mem::replace(&mut known.stamp, stamp);
                    self.flows.claim(key, stamp, slot, secured);
                    self.flows.give_up(key, earlier);
                }
                self.flows.touch(key);
            }
            return;
        }
        let announced = call.destinations.iter().filter(|destination| destination.party.is_some()).count();
        if announced >= self.limits.flows_per_call {
            let Some(oldest) = call.oldest_superseded() else { return self.count(Counter::FlowsFull) };
            self.remove_destination(slot, oldest);
        }
        self.claim(
            slot,
            Destination {
                key,
                leg,
                party: Some(tag),
                line: line.index,
                own: line.formats,
                earlier: Formats::default(),
                formats: line.formats,
                encrypted: line.encrypted,
                current,
                before: false,
                superseded: stamp,
                stamp,
            },
        );
    }

    /// RTP of the customer side came from `source` on a flow towards the carrier side: behind a NAT the agent
    /// receives there, not where its SDP says. Media from the carrier side to that place is followed from now on.
    pub fn learned(
        &mut self,
        _now: Instant,
        flow: &FlowKey,
        source: Endpoint,
        changes: &mut Vec<FlowUpdate>,
    ) {
        if flow.from != Side::Customer || source.port == 0 || source.is_unspecified() {
            return;
        }
        let key = FlowKey { destination: source, from: Side::Carrier, ..*flow };
        let claimants: Vec<(u32, u64)> = self.flows.claimants(flow).take(LEARNERS).collect();
        for (slot, claim) in claimants {
            self.learn(slot, claim, key);
        }
        self.settle(changes);
    }

    fn learn(&mut self, slot: u32, claim: u64, key: FlowKey) {
        let stamp = self.stamp();
        let Some(call) = self.table.get(slot) else { return };
        let Some(by) = call.destination(claim) else { return };
        if call.destinations.iter().any(|destination| destination.key == key) {
            return;
        }
        let (leg, line) = (by.leg, by.line);
        // The announced flow that this one doubles tells whether it is encrypted.
        let doubled = |one: &&Destination| one.leg == leg && one.party.is_some() && one.key.from == key.from;
        let doubled = call.destinations.iter().filter(doubled).max_by_key(|one| (one.current, one.stamp));
        let encrypted = doubled.map_or(by.encrypted, |one| one.encrypted);
        let (learned, oldest) = call.learned(leg);
        if learned >= self.limits.learned_per_leg {
            let Some(oldest) = oldest else { return };
            self.remove_destination(slot, oldest);
        }
        self.claim(
            slot,
            Destination {
                key,
                leg,
                party: None,
                line,
                own: Formats::default(),
                earlier: Formats::default(),
                formats: Formats::default(),
                encrypted,
                current: true,
                before: true,
                superseded: stamp,
                stamp,
            },
        );
        self.describe(slot, leg);
    }

    /// Takes a destination in, if the flow table has room.
    fn claim(&mut self, slot: u32, destination: Destination) {
        let Some(secured) = self.table.get(slot).map(|call| call.secured.is_some()) else { return };
        if !self.has_room(&destination.key, secured) {
            return self.count(Counter::FlowsFull);
        }
        if destination.party.is_none() {
            self.count(Counter::FlowsLearned);
        }
        if !self.flows.contains(&destination.key) {
            self.count(Counter::FlowsBegun);
        }
        self.flows.claim(destination.key, destination.stamp, slot, secured);
        if let Some(call) = self.table.get_mut(slot) {
            call.destinations.push(destination);
        }
    }

    fn remove_destination(&mut self, slot: u32, stamp: u64) {
        let Some(call) = self.table.get_mut(slot) else { return };
        if let Some(at) = call.destinations.iter().position(|destination| destination.stamp == stamp) {
            let gone = call.destinations.remove(at);
            self.flows.give_up(gone.key, gone.stamp);
        }
    }

    fn describe(&mut self, slot: u32, leg: u32) {
        if let Some(call) = self.table.get_mut(slot) {
            call.describe(leg).into_iter().for_each(|key| self.flows.touch(key));
        }
    }
}

fn flow_key(scope: Scope, from: Side, destination: Endpoint) -> FlowKey {
    FlowKey { destination, vlan: scope.vlan, wire: scope.wire, from }
}
