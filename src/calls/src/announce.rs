//! What SDP, and RTP that comes from elsewhere, do to the destinations of a call.

use handover::{Counter, Endpoint, FlowKey, FlowUpdate, Formats, Instant, Side};

use crate::Calls;
use crate::call::Destination;
use crate::fingerprint::Fingerprint;
use crate::leg::{Heard, Said, Scope};
use crate::media::{Encryption, Line, merged_events};

/// Of how many calls that announced the same destination the senders are learned.
const LEARNERS: usize = 8;

impl Calls {
    /// A party of a leg says where it wants to receive. Says whether all of it is followed. The caller settles.
    pub(crate) fn announced(&mut self, now: Instant, slot: u32, leg: u32, said: &Said<'_>) -> bool {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return false };
        let Some(heard) = call.leg_mut(leg).map(|leg| leg.heard(said, stamp)) else { return false };
        let Some(scope) = call.leg(leg).map(|leg| leg.scope) else { return false };
        if let Heard::New { in_doubt } = heard {
            call.supersede(now, leg, said, in_doubt, stamp);
        }
        let current = matches!(heard, Heard::New { .. } | Heard::Again);
        let mut complete = heard != Heard::NoRoom;
        // First what every line asks for first: where there is no room for all, candidates do without.
        let first = said.description.lines.iter().flat_map(|line| line.endpoints.iter().take(1).zip([line]));
        let further = said
            .description
            .lines
            .iter()
            .flat_map(|line| line.endpoints.iter().skip(1).map(move |at| (at, line)));
        for (endpoint, line) in first.chain(further) {
            let key = flow_key(scope, said.side.opposite(), *endpoint);
            complete &= self.announce(now, slot, leg, said.tag, key, line, current);
        }
        self.describe(slot, leg);
        complete
    }

    /// A party's last offer was refused. The caller settles.
    pub(crate) fn refused(
        &mut self,
        now: Instant,
        slot: u32,
        leg: u32,
        side: Side,
        tag: Fingerprint,
        cseq: u32,
    ) {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return };
        if call.leg_mut(leg).is_some_and(|leg| leg.refused(side, tag, cseq)) {
            call.restore(now, leg, side, tag, stamp);
            self.describe(slot, leg);
        }
    }

    /// Takes in one destination of a line. Says whether it is followed.
    #[expect(clippy::too_many_arguments, reason = "where, whose, what")]
    fn announce(
        &mut self,
        now: Instant,
        slot: u32,
        leg: u32,
        tag: Fingerprint,
        key: FlowKey,
        line: &Line,
        current: bool,
    ) -> bool {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return false };
        let secured = call.secured.is_some();
        if let Some(known) = call.announced_mut(leg, tag, &key) {
            if current {
                if known.own != line.formats {
                    known.earlier = merged_events([&known.own, &known.earlier]);
                    known.own = line.formats;
                }
                known.line = line.index;
                known.encryption = line.encryption;
                let returned = !core::mem::replace(&mut known.current, true) && !known.before;
                if returned {
                    let earlier = core::mem::replace(&mut known.stamp, stamp);
                    self.flows.claim(key, stamp, slot, secured);
                    self.flows.give_up(key, earlier);
                    self.take_over(now, key, slot);
                }
                self.flows.touch(key);
            }
            return true;
        }
        let announced = call.destinations.iter().filter(|destination| destination.party.is_some()).count();
        if announced >= self.limits.flows_per_call {
            let Some(oldest) = call.oldest_superseded() else {
                self.count(Counter::FlowsFull);
                return false;
            };
            self.remove_destination(slot, oldest);
        }
        self.claim(
            now,
            slot,
            Destination {
                key,
                leg,
                party: Some(tag),
                line: line.index,
                own: line.formats,
                own_before: line.formats,
                earlier: Formats::default(),
                formats: line.formats,
                encryption: line.encryption,
                encrypted: line.encryption == Encryption::Profile,
                current,
                before: false,
                superseded: stamp,
                left: None,
                heard: None,
                stamp,
            },
        )
    }

    /// RTP of the customer side came from `source` on a flow towards the carrier side: behind a NAT the agent
    /// receives there, not where its SDP says. Media from the carrier side to that place is followed from now on.
    pub fn learned(&mut self, now: Instant, flow: &FlowKey, source: Endpoint, changes: &mut Vec<FlowUpdate>) {
        if flow.from != Side::Customer || source.port == 0 || source.is_unspecified() {
            return;
        }
        let key = FlowKey { destination: source, from: Side::Carrier, ..*flow };
        let claimants: Vec<(u32, u64)> = self.flows.claimants(flow).take(LEARNERS).collect();
        for (slot, claim) in claimants {
            self.learn(now, slot, claim, key);
        }
        self.settle(changes);
    }

    fn learn(&mut self, now: Instant, slot: u32, claim: u64, key: FlowKey) {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return };
        let Some((leg, line)) = call.destination(claim).map(|by| (by.leg, by.line)) else { return };
        if let Some(known) = call.destinations.iter_mut().find(|destination| destination.key == key) {
            if known.party.is_none() {
                known.superseded = stamp;
            }
            return;
        }
        let Some(spare) = call.spare_learned(leg, self.limits.learned_per_leg) else {
            return self.count(Counter::FlowsFull);
        };
        if let Some(spare) = spare {
            self.remove_destination(slot, spare);
        }
        self.claim(
            now,
            slot,
            Destination {
                key,
                leg,
                party: None,
                line,
                own: Formats::default(),
                own_before: Formats::default(),
                earlier: Formats::default(),
                formats: Formats::default(),
                encryption: Encryption::Plain,
                encrypted: false,
                current: true,
                before: true,
                superseded: stamp,
                left: None,
                heard: None,
                stamp,
            },
        );
        self.describe(slot, leg);
    }

    /// Takes a destination in, if the flow table has room. Says whether it has.
    fn claim(&mut self, now: Instant, slot: u32, destination: Destination) -> bool {
        let Some(secured) = self.table.get(slot).map(|call| call.secured.is_some()) else { return false };
        if !self.has_room(&destination.key, secured) {
            self.count(Counter::FlowsFull);
            return false;
        }
        if destination.party.is_none() {
            self.count(Counter::FlowsLearned);
        }
        if !self.flows.contains(&destination.key) {
            self.count(Counter::FlowsBegun);
        }
        let key = destination.key;
        self.flows.claim(key, destination.stamp, slot, secured);
        if let Some(call) = self.table.get_mut(slot) {
            call.destinations.push(destination);
        }
        self.take_over(now, key, slot);
        true
    }

    /// A flow goes by the name of the call that claimed it first, unless that has ended, or is not heard of any more:
    /// its end may not have been seen. Else another call that announces the same destination would get its keys.
    fn take_over(&mut self, now: Instant, key: FlowKey, slot: u32) {
        let Some(owner) = self.flows.owner(&key).filter(|owner| *owner != slot) else { return };
        let stays = self.table.get(owner).is_some_and(|owner| {
            owner.secured.is_some() || !owner.has_ended() && now <= owner.last_activity() + self.limits.media
        });
        if !stays {
            self.flows.own(key, slot);
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
