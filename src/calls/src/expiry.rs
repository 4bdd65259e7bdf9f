//! When calls are forgotten, and which of them gives way when the table is full.

use handover::{Counter, FlowUpdate, Instant, MaskKey};

use crate::Calls;
use crate::call::media_gap;
use crate::leg::Leg;
use crate::recent::{REPEATED, Seen};

/// How many of the calls that were idle longest are looked at for one that may be evicted. All others were heard of
/// later still; calls in SecureMode are not among them.
const LOOKED_AT: usize = 256;
/// How many requests with masked keys of calls that are gone are remembered.
const DEPARTED: usize = 1024;

impl Calls {
    /// When [`Calls::expire`] has something to do at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _, _)| *deadline)
    }

    /// Does what is due: legs whose flows have lingered long enough go, calls with no leg left, and calls that were
    /// not heard of for too long.
    pub fn expire(&mut self, now: Instant, changes: &mut Vec<FlowUpdate>) {
        // Each is due once: at the end of time, deadlines no longer move on.
        for _ in 0..self.deadlines.len() {
            match self.deadlines.first() {
                Some(&(deadline, slot, generation)) if deadline <= now => {
                    self.deadlines.pop_first();
                    if self.table.handle(slot).generation == generation {
                        self.expire_call(now, slot);
                    }
                }
                _ => break,
            }
        }
        self.settle(changes);
    }

    fn expire_call(&mut self, now: Instant, slot: u32) {
        let Some(call) = self.table.get_mut(slot) else { return };
        call.deadline = None;
        let media = call.has_media(now, media_gap(&self.limits));
        call.legs.iter_mut().for_each(|leg| leg.expire(now, media));
        let gone = |leg: &&Leg| call.leaves(leg, &self.limits).is_some_and(|leaves| leaves <= now);
        let gone: Vec<u32> = call.legs.iter().filter(gone).map(|leg| leg.id).collect();
        for leg in gone {
            self.remove_leg(slot, leg);
        }
        self.touch_ended(slot);
        self.watch(now, slot);
        self.tell_life(slot);
        let Some(call) = self.table.get(slot) else { return };
        if !call.legs.iter().any(Leg::has_lived) {
            self.count(Counter::CallsEnded);
            self.remove_call(slot);
        } else if !call.has_ended() && call.expires(&self.limits) <= now {
            self.count(Counter::CallsExpired);
            self.remove_call(slot);
        } else {
            self.schedule(now, slot);
        }
    }

    /// Puts a call where it belongs in both orders.
    pub(crate) fn schedule(&mut self, now: Instant, slot: u32) {
        let generation = self.table.handle(slot).generation;
        let Some(call) = self.table.get_mut(slot) else { return };
        let deadline = call.next_deadline(&self.limits).max(now);
        if call.deadline != Some(deadline) {
            if let Some(earlier) = call.deadline.replace(deadline) {
                self.deadlines.remove(&(earlier, slot, generation));
            }
            self.deadlines.insert((deadline, slot, generation));
        }
        self.rank(slot);
    }

    /// Puts a call where it belongs in the order of idleness.
    pub(crate) fn rank(&mut self, slot: u32) {
        let Some(call) = self.table.get_mut(slot) else { return };
        let idle_since = call.secured.is_none().then(|| call.last_activity());
        if call.idle_since != idle_since {
            if let Some(earlier) = core::mem::replace(&mut call.idle_since, idle_since) {
                self.idle.remove(&(earlier, slot));
            }
            self.idle.extend(idle_since.map(|since| (since, slot)));
        }
    }

    /// Makes room for a call, if there is none. Says whether there is.
    pub(crate) fn make_room(&mut self, now: Instant) -> bool {
        if self.table.len() < self.limits.calls {
            return true;
        }
        let span = self.limits.media;
        let may_go = |slot: u32| {
            self.table.get(slot).is_some_and(|call| call.has_ended() || !call.has_media(now, span))
        };
        let idlest = self.idle.iter().take(LOOKED_AT).find(|(_, slot)| may_go(*slot)).map(|(_, slot)| *slot);
        match idlest {
            Some(slot) => {
                self.count(Counter::CallsEvicted);
                self.remove_call(slot);
                true
            }
            None => {
                self.count(Counter::CallsFull);
                false
            }
        }
    }

    /// The flows of a call that has ended go on under the name of another that claims them.
    pub(crate) fn touch_ended(&mut self, slot: u32) {
        if let Some(call) = self.table.get(slot).filter(|call| call.has_ended()) {
            call.destinations.iter().for_each(|destination| self.flows.touch(destination.key));
        }
    }

    /// What keys in a request that repeats one of a call that is gone were replaced with.
    pub(crate) fn masked_before(&mut self, request: &Seen) -> Option<MaskKey> {
        while self.departed.front().is_some_and(|seen| request.at.since(seen.at) > REPEATED) {
            self.departed.pop_front();
        }
        self.departed.iter().find(|seen| request.repeats(seen)).and_then(|seen| seen.mask)
    }

    /// Forgets a leg and its destinations. The call may be left without any.
    pub(crate) fn remove_leg(&mut self, slot: u32, leg: u32) {
        let Some(call) = self.table.get_mut(slot) else { return };
        call.destinations.retain(|destination| {
            if destination.leg == leg {
                self.flows.give_up(destination.key, destination.stamp);
            }
            destination.leg != leg
        });
        let Some(at) = call.legs.iter().position(|one| one.id == leg) else { return };
        let call_id = call.legs.remove(at).call_id;
        if !call.has_call_id(call_id) {
            self.index.remove(&call_id);
        }
    }

    /// Forgets a call.
    pub(crate) fn remove_call(&mut self, slot: u32) {
        let generation = self.table.handle(slot).generation;
        self.tell_ended(slot);
        let Some(mut call) = self.table.remove(slot) else { return };
        for seen in [&mut call.others, &mut call.keyed]
            .into_iter()
            .flat_map(|recent| core::mem::take(recent).masked())
        {
            if self.departed.len() >= DEPARTED {
                self.departed.pop_front();
            }
            self.departed.push_back(seen);
        }
        for destination in &call.destinations {
            self.flows.give_up(destination.key, destination.stamp);
        }
        for leg in &call.legs {
            self.index.remove(&leg.call_id);
        }
        for subscription in &call.subscriptions {
            self.index.remove(&subscription.call_id);
        }
        if let Some(deadline) = call.deadline {
            self.deadlines.remove(&(deadline, slot, generation));
        }
        if let Some(since) = call.idle_since {
            self.idle.remove(&(since, slot));
        }
        self.in_secure_mode.remove(&slot);
    }
}
