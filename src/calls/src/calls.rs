//! The call table: what is asked of it, and SecureMode.

use std::collections::{BTreeSet, HashMap, VecDeque};

use handover::{
    CallEvent, CallHandle, CallSummary, Counter, Flow, FlowKey, FlowUpdate, Instant, MaskKey, Refusal, Rules,
};

use crate::claims::Flows;
use crate::fingerprint::{Fingerprint, Seed};
use crate::recent::Seen;
use crate::table::Table;
use crate::{Limits, SecureDefault};

/// The calls of all wires, their legs and their media flows.
///
/// Whoever changes something gets the changes of the flow tables appended to `changes`; together they are always
/// what [`Calls::flows`] says.
#[derive(Debug)]
pub struct Calls {
    pub(crate) limits: Limits,
    pub(crate) secure_default: SecureDefault,
    pub(crate) seed: Seed,
    pub(crate) table: Table,
    /// Every Call-ID of a leg or subscription, and the slot of its call.
    pub(crate) index: HashMap<Fingerprint, u32, Seed>,
    pub(crate) flows: Flows,
    /// The calls in the order in which something is due: time, slot, generation.
    pub(crate) deadlines: BTreeSet<(Instant, u32, u32)>,
    /// The calls that are not in SecureMode, those that were heard of longest ago first.
    pub(crate) idle: BTreeSet<(Instant, u32)>,
    pub(crate) in_secure_mode: BTreeSet<u32>,
    /// Requests with masked keys of calls that are gone, those that went first in front: they may be sent again.
    pub(crate) departed: VecDeque<Seen>,
    /// The name of the next claim or description.
    pub(crate) next_stamp: u64,
    /// What is to be told.
    pub(crate) news: Vec<CallEvent>,
    counts: Vec<(Counter, u64)>,
}

impl Calls {
    /// An empty table. The seed keys its hashes: it should be random, or fixed where a run is to be repeated.
    pub fn new(limits: Limits, secure: SecureDefault, hash_seed: u64) -> Self {
        let seed = Seed(hash_seed);
        Calls {
            limits,
            secure_default: secure,
            seed,
            table: Table::default(),
            index: HashMap::with_hasher(seed),
            flows: Flows::new(seed),
            deadlines: BTreeSet::new(),
            idle: BTreeSet::new(),
            in_secure_mode: BTreeSet::new(),
            departed: VecDeque::new(),
            next_stamp: 0,
            news: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Sets how flows are masked whose calls have no rules of their own, and whether any is listened to for call
    /// references, which a call's own rules do not change.
    pub fn set_rules(&mut self, usual: Rules, changes: &mut Vec<FlowUpdate>) {
        self.flows.set_usual(usual);
        self.settle(changes);
    }

    /// Media of the call was seen: it is neither evicted nor forgotten while it goes on. Stale handles are ignored.
    pub fn media_seen(&mut self, now: Instant, call: CallHandle) {
        if let Some(slot) = self.table.slot_of(call) {
            if let Some(call) = self.table.get_mut(slot) {
                call.last_media = call.last_media.max(Some(now));
            }
            self.rank(slot);
        }
    }

    /// Audio of the call came that cannot be masked. Stale handles are ignored.
    pub fn unmaskable_seen(&mut self, call: CallHandle) {
        if let Some(slot) = self.table.slot_of(call)
            && let Some(call) = self.table.get_mut(slot)
        {
            call.unmaskable = true;
        }
    }

    /// The call with that Call-ID, be it a leg's or a subscription's.
    pub fn find(&self, call_id: &[u8]) -> Option<CallHandle> {
        self.index.get(&self.seed.of(call_id)).map(|&slot| self.table.handle(slot))
    }

    /// The flows that are followed for a call. One may come several times; none of a stale handle's.
    pub fn flows_of(&self, call: CallHandle) -> impl Iterator<Item = &FlowKey> {
        let known = self.table.slot_of(call).and_then(|slot| self.table.get(slot));
        known.into_iter().flat_map(|call| &call.destinations).map(|destination| &destination.key)
    }

    /// The Call-ID, or its beginning, of the leg by which a flow is followed; of calls in SecureMode first.
    pub fn call_id_of(&self, flow: &FlowKey) -> Option<&[u8]> {
        let (slot, claim) = self.flows.claimants(flow).next()?;
        let call = self.table.get(slot)?;
        Some(&call.leg(call.destination(claim)?.leg)?.name)
    }

    /// Puts a call into SecureMode, or gives it another mask key. That of a call which a payment holds stays as it is.
    ///
    /// # Errors
    /// [`Refusal::NoSuchCall`] where the handle is stale, [`Refusal::Encrypted`] where media towards the customer
    /// side is encrypted.
    pub fn secure(
        &mut self,
        now: Instant,
        call: CallHandle,
        mask_key: MaskKey,
        changes: &mut Vec<FlowUpdate>,
    ) -> Result<(), Refusal> {
        let slot = self.table.slot_of(call).ok_or(Refusal::NoSuchCall)?;
        self.may_be_secured(slot)?;
        if !self.table.get(slot).is_some_and(|call| call.held) {
            self.put_into_secure_mode(slot, mask_key);
        }
        self.schedule(now, slot);
        self.settle(changes);
        Ok(())
    }

    fn may_be_secured(&self, slot: u32) -> Result<(), Refusal> {
        let encrypted = self.table.get(slot).is_some_and(|call| call.is_encrypted());
        if encrypted { Err(Refusal::Encrypted) } else { Ok(()) }
    }

    fn put_into_secure_mode(&mut self, slot: u32, mask_key: MaskKey) {
        if let Some(call) = self.table.get_mut(slot) {
            // What was seen of an earlier SecureMode may not hold any more.
            call.unmaskable = false;
            call.orders = call.orders.wrapping_add(1);
        }
        self.set_secured(slot, Some(mask_key));
    }

    /// A payment puts a call into SecureMode by rules of its own, or changes them and the mask key. They hold for all
    /// its flows, those that come later too.
    ///
    /// # Errors
    /// As [`Calls::secure`]; [`Refusal::Contested`] where another call in progress claims a flow on which the caller is awaited,
    /// unless a payment holds this one already; [`Refusal::MediaElsewhere`] where the caller was not heard on a flow that the last SDP of the
    /// customer's side announced, or not lately, and [`Refusal::Codec`] where all that was heard cannot be masked, even if the
    /// rules let it pass: its tones would leave.
    pub fn enter(
        &mut self,
        now: Instant,
        call: CallHandle,
        mask_key: MaskKey,
        rules: Rules,
        changes: &mut Vec<FlowUpdate>,
    ) -> Result<(), Refusal> {
        let slot = self.table.slot_of(call).ok_or(Refusal::NoSuchCall)?;
        self.may_be_secured(slot)?;
        if !self.table.get(slot).is_some_and(|call| call.held) && self.is_contested(slot) {
            return Err(Refusal::Contested);
        }
        self.may_be_masked(now, slot)?;
        if let Some(call) = self.table.get_mut(slot) {
            call.held = true;
            call.watched_since = Some(now);
            call.heir_of = None;
        }
        self.put_into_secure_mode(slot, mask_key);
        for heir in self.heirs_of(call) {
            if let Some(heir) = self.table.get_mut(heir) {
                heir.orders = heir.orders.wrapping_add(1);
            }
        }
        self.set_call_rules(call, rules);
        self.schedule(now, slot);
        self.settle(changes);
        Ok(())
    }

    /// Other rules for a call that a payment holds in SecureMode.
    ///
    /// # Errors
    /// [`Refusal::NoSuchCall`] where no payment holds it.
    pub fn rule(
        &mut self,
        call: CallHandle,
        rules: Rules,
        changes: &mut Vec<FlowUpdate>,
    ) -> Result<(), Refusal> {
        let known = self.table.slot_of(call).and_then(|slot| self.table.get(slot));
        if !known.is_some_and(|call| call.held) {
            return Err(Refusal::NoSuchCall);
        }
        self.set_call_rules(call, rules);
        self.settle(changes);
        Ok(())
    }

    /// A payment ends a call's SecureMode, and that of the calls that had it from it. What the console has asked for since the
    /// payment's was forced off stays.
    ///
    /// # Errors
    /// [`Refusal::NoSuchCall`] where the handle is stale.
    pub fn leave(
        &mut self,
        now: Instant,
        call: CallHandle,
        changes: &mut Vec<FlowUpdate>,
    ) -> Result<(), Refusal> {
        let own = self.table.slot_of(call);
        let is_held =
            |slot: &u32| self.table.get(*slot).is_some_and(|call| call.held || call.heir_of.is_some());
        let held = own.filter(is_held);
        for slot in self.heirs_of(call).into_iter().chain(held) {
            self.set_secured(slot, None);
            self.schedule(now, slot);
        }
        self.settle(changes);
        own.map(|_| ()).ok_or(Refusal::NoSuchCall)
    }

    /// The calls that have their SecureMode from another.
    fn heirs_of(&self, call: CallHandle) -> Vec<u32> {
        // By whichever of its handles it is named.
        let own = self.table.slot_of(call);
        let is_it = |of: CallHandle| of == call || own.is_some() && self.table.slot_of(of) == own;
        let is_heir = |slot: &u32| self.table.get(*slot).and_then(|heir| heir.heir_of).is_some_and(is_it);
        self.in_secure_mode.iter().copied().filter(is_heir).collect()
    }

    fn set_call_rules(&mut self, call: CallHandle, rules: Rules) {
        for slot in self.heirs_of(call).into_iter().chain(self.table.slot_of(call)) {
            if let Some(call) = self.table.get_mut(slot) {
                call.rules = Some(rules);
                call.destinations.iter().for_each(|destination| self.flows.touch(destination.key));
            }
        }
    }

    /// What leaves of a call is to be shown to the recorder, or not any more: of its flows, those that come later too. Its SecureMode
    /// is another matter.
    ///
    /// # Errors
    /// [`Refusal::NoSuchCall`] where the handle is stale, or not the call's last one: what was ordered of a call that has ended is not
    /// meant for it when it lives again.
    pub fn record(
        &mut self,
        call: CallHandle,
        on: bool,
        changes: &mut Vec<FlowUpdate>,
    ) -> Result<(), Refusal> {
        let slot = self.table.slot_of(call).filter(|slot| self.table.handle(*slot) == call);
        let call = slot.and_then(|slot| self.table.get_mut(slot)).ok_or(Refusal::NoSuchCall)?;
        call.recorded = on;
        call.destinations.iter().for_each(|destination| self.flows.touch(destination.key));
        self.settle(changes);
        Ok(())
    }

    /// Whether a payment holds that call in SecureMode, be it as the heir of another; it does not hold a stale handle's.
    pub fn is_held(&self, call: CallHandle) -> bool {
        let known = self.table.slot_of(call).and_then(|slot| self.table.get(slot));
        known.is_some_and(|call| call.held || call.heir_of.is_some())
    }

    /// The call by whose handle a payment knows that one: the one that it inherited from.
    fn holder_of(&self, call: CallHandle) -> CallHandle {
        let known = self.table.slot_of(call).and_then(|slot| self.table.get(slot));
        known.and_then(|call| call.heir_of).unwrap_or(call)
    }

    /// Ends a call's SecureMode, whoever asked for it. A payment that holds it there is told, and all that has its SecureMode from
    /// the same call leaves with it.
    ///
    /// # Errors
    /// [`Refusal::NoSuchCall`] where the handle is stale.
    pub fn release(
        &mut self,
        now: Instant,
        call: CallHandle,
        changes: &mut Vec<FlowUpdate>,
    ) -> Result<(), Refusal> {
        let slot = self.table.slot_of(call).ok_or(Refusal::NoSuchCall)?;
        let holder = self.holder_of(call);
        let held =
            self.table.slot_of(holder).filter(|slot| self.table.get(*slot).is_some_and(|call| call.held));
        if let Some(held) = held.filter(|slot| self.table.get(*slot).is_some_and(|call| !call.told_ended)) {
            self.news.push(CallEvent::ForcedOff { call: self.table.handle(held) });
        }
        let heirs = if self.is_held(call) { self.heirs_of(holder) } else { Vec::new() };
        for slot in heirs.into_iter().chain(held).chain([slot]) {
            self.set_secured(slot, None);
            self.schedule(now, slot);
        }
        self.settle(changes);
        Ok(())
    }

    /// Silences the secured flows of a call in SecureMode (fail closed), or masks their keys again. Its new flows
    /// follow suit. Other calls, and stale handles, are left alone.
    pub fn silence(&mut self, call: CallHandle, silent: bool, changes: &mut Vec<FlowUpdate>) {
        let Some(slot) = self.table.slot_of(call) else { return };
        if let Some(call) = self.table.get_mut(slot).filter(|call| call.secured.is_some()) {
            call.silent = silent;
            call.destinations.iter().for_each(|destination| self.flows.touch(destination.key));
        }
        self.settle(changes);
    }

    /// The calls in SecureMode.
    pub fn secured(&self) -> impl Iterator<Item = CallHandle> + '_ {
        self.in_secure_mode.iter().map(|&slot| self.table.handle(slot))
    }

    /// How many calls are in SecureMode.
    pub fn secured_count(&self) -> usize {
        self.in_secure_mode.len()
    }

    /// Whether that call is in SecureMode; a stale handle's is not.
    pub fn is_secured(&self, call: CallHandle) -> bool {
        self.table.slot_of(call).is_some_and(|slot| self.in_secure_mode.contains(&slot))
    }

    /// The calls for the console, lingering ones left out.
    pub fn list(&self, at_most: usize) -> Vec<CallSummary> {
        let calls = self.table.iter().filter(|(_, call)| !call.has_ended());
        calls
            .take(at_most)
            .map(|(slot, call)| {
                let mut call_ids: Vec<String> = Vec::new();
                for leg in &call.legs {
                    let name = String::from_utf8_lossy(&leg.name);
                    if !call_ids.iter().any(|known| *known == name) {
                        call_ids.push(name.into_owned());
                    }
                }
                let many = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
                CallSummary {
                    call: self.table.handle(slot),
                    call_ids,
                    since: call.since,
                    legs: many(call.legs.len()),
                    flows: many(call.destinations.len()),
                    answered: call.answered,
                    secured: call.secured,
                    unmaskable: call.unmaskable,
                }
            })
            .collect()
    }

    /// How many calls are in the table, lingering ones included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All flows, as the changes so far have made them.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        self.flows.installed()
    }

    /// A flow, as the changes so far have made it.
    pub fn flow(&self, key: &FlowKey) -> Option<Flow> {
        self.flows.installed_at(key)
    }

    /// What happened since the last asking.
    pub fn take_counts(&mut self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        self.counts.drain(..)
    }

    pub(crate) fn count(&mut self, counter: Counter) {
        match self.counts.iter_mut().find(|(known, _)| *known == counter) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((counter, 1)),
        }
    }

    pub(crate) fn stamp(&mut self) -> u64 {
        self.next_stamp += 1;
        self.next_stamp
    }

    /// Enters or leaves SecureMode. The caller schedules and settles.
    pub(crate) fn set_secured(&mut self, slot: u32, secured: Option<MaskKey>) {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return };
        if call.secured.is_none() {
            call.secured_at = stamp;
        }
        call.secured = secured;
        call.silent &= secured.is_some();
        if secured.is_none() {
            (call.rules, call.held, call.heir_of) = (None, false, None);
            call.watched_since = None;
        }
        for destination in &call.destinations {
            self.flows.secure(destination.key, destination.stamp, secured.is_some());
        }
        if secured.is_some() {
            self.in_secure_mode.insert(slot);
        } else {
            self.in_secure_mode.remove(&slot);
        }
    }

    /// Tells what has changed of the flows.
    pub(crate) fn settle(&mut self, changes: &mut Vec<FlowUpdate>) {
        self.flows.settle(&self.table, changes);
    }

    /// How many flows there may be for a call: the last sixteenth is kept for those in SecureMode.
    pub(crate) fn flows_allowed(&self, secured: bool) -> usize {
        if secured { self.limits.flows } else { self.limits.flows - self.limits.flows / 16 }
    }

    /// Whether a flow may be claimed: it is known, or there is room for it.
    pub(crate) fn has_room(&self, key: &handover::FlowKey, secured: bool) -> bool {
        self.flows.contains(key) || self.flows.len() < self.flows_allowed(secured)
    }
}
