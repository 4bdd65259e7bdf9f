//! The flow table as the lcores have it: who claims which flow, and what that comes to.

use std::collections::{BTreeMap, HashMap};

use handover::{Flow, FlowKey, FlowMode, FlowUpdate, Rules, Side};

use crate::call::Call;
use crate::fingerprint::Seed;
use crate::media::merged;
use crate::table::Table;

/// How many claims are looked at, where a flow has more than anybody needs.
const LOOKED_AT: usize = 64;

/// A flow and its claims, by stamp: the newest last.
#[derive(Debug, Default)]
struct Entry {
    /// The claim of the call that the flow goes by: its newest, as stamp and slot.
    owner: Option<(u64, u32)>,
    claims: BTreeMap<u64, u32>,
    /// Those of calls in SecureMode.
    secured: BTreeMap<u64, u32>,
    /// As the lcores were told last.
    installed: Option<Flow>,
}

/// All flows. Changes are gathered, and told by [`Flows::settle`]: once a flow, and only where something is new.
#[derive(Debug)]
pub(crate) struct Flows {
    entries: HashMap<FlowKey, Entry, Seed>,
    unsettled: Vec<FlowKey>,
    /// How flows are masked whose calls have no rules of their own, and whether others are listened to.
    usual: Rules,
}

impl Flows {
    pub(crate) fn new(seed: Seed) -> Self {
        Flows { entries: HashMap::with_hasher(seed), unsettled: Vec::new(), usual: Rules::default() }
    }

    /// Sets the rules of calls that have none of their own.
    pub(crate) fn set_usual(&mut self, usual: Rules) {
        self.usual = usual;
        self.unsettled.extend(self.entries.keys());
    }

    /// How many flows are claimed.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, key: &FlowKey) -> bool {
        self.entries.contains_key(key)
    }

    /// A call claims a flow. The stamp names the claim within the call and must be new.
    pub(crate) fn claim(&mut self, key: FlowKey, stamp: u64, slot: u32, secured: bool) {
        let entry = self.entries.entry(key).or_default();
        entry.claims.insert(stamp, slot);
        if entry.owner.is_none_or(|(_, owner)| owner == slot) {
            entry.owner = Some((stamp, slot));
        }
        if secured {
            entry.secured.insert(stamp, slot);
        }
        self.unsettled.push(key);
    }

    /// A claim is given up.
    pub(crate) fn give_up(&mut self, key: FlowKey, stamp: u64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.claims.remove(&stamp);
            entry.secured.remove(&stamp);
            if let Some((owned, slot)) = entry.owner
                && owned == stamp
            {
                entry.owner = entry.newest_of(slot);
            }
            self.unsettled.push(key);
        }
    }

    /// The claimant entered or left SecureMode.
    pub(crate) fn secure(&mut self, key: FlowKey, stamp: u64, secured: bool) {
        if let Some(entry) = self.entries.get_mut(&key) {
            match entry.claims.get(&stamp) {
                Some(&slot) if secured => entry.secured.insert(stamp, slot),
                _ => entry.secured.remove(&stamp),
            };
            self.unsettled.push(key);
        }
    }

    /// Something about a claim is new.
    pub(crate) fn touch(&mut self, key: FlowKey) {
        self.unsettled.push(key);
    }

    /// The slot of the call that a flow goes by.
    pub(crate) fn owner(&self, key: &FlowKey) -> Option<u32> {
        Some(self.entries.get(key)?.owner?.1)
    }

    /// A flow goes by another claimant's name from now on.
    pub(crate) fn own(&mut self, key: FlowKey, slot: u32) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.owner = entry.newest_of(slot);
            self.unsettled.push(key);
        }
    }

    /// Who claims a flow, as slot and stamp: those in SecureMode first, then the newest.
    pub(crate) fn claimants(&self, key: &FlowKey) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.entries.get(key).into_iter().flat_map(|entry| {
            let others = entry.claims.iter().rev().filter(|(stamp, _)| !entry.secured.contains_key(stamp));
            entry.secured.iter().rev().chain(others).map(|(&stamp, &slot)| (slot, stamp))
        })
    }

    /// The claim of the call that a flow goes by, as slot and stamp.
    pub(crate) fn owners(&self, key: &FlowKey) -> Option<(u32, u64)> {
        self.entries.get(key)?.owner.map(|(stamp, slot)| (slot, stamp))
    }

    /// Whether any claim on a flow is of a call of which `is_another` holds. One with more claims than anybody needs is taken for
    /// such a flow.
    pub(crate) fn is_claimed_by(&self, key: &FlowKey, is_another: impl Fn(u32) -> bool) -> bool {
        self.entries.get(key).is_some_and(|entry| {
            entry.claims.len() > LOOKED_AT || entry.claims.values().any(|slot| is_another(*slot))
        })
    }

    /// The flows as the lcores were told.
    pub(crate) fn installed(&self) -> impl Iterator<Item = Flow> + '_ {
        self.entries.values().filter_map(|entry| entry.installed)
    }

    /// A flow as the lcores were told.
    pub(crate) fn installed_at(&self, key: &FlowKey) -> Option<Flow> {
        self.entries.get(key)?.installed
    }

    /// Tells what has changed.
    pub(crate) fn settle(&mut self, table: &Table, changes: &mut Vec<FlowUpdate>) {
        for key in self.unsettled.drain(..) {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let flow = entry.flow(key, table, self.usual);
            if flow != entry.installed {
                entry.installed = flow;
                changes.push(flow.map_or(FlowUpdate::Remove(key), FlowUpdate::Install));
            }
            if entry.claims.is_empty() {
                self.entries.remove(&key);
            }
        }
    }
}

impl Entry {
    /// What the claims come to. It is of the call that claimed it first and is still up; the newest claim of that call
    /// describes it, but whose media it is cannot be told: what any of them calls an event is one, and it is secured
    /// while any of them is. It is recorded for that call alone: another's recording is no place for what may not be its own.
    fn flow(&mut self, key: FlowKey, table: &Table, usual: Rules) -> Option<Flow> {
        let (stamp, slot) = self.elect(table)?;
        let call = table.get(slot)?;
        let owned = call.destination(stamp)?;
        let of = |(stamp, slot): (&u64, &u32)| table.get(*slot)?.destination(*stamp);
        let others = || {
            let secured = self.secured.last_key_value();
            secured.into_iter().chain(self.claims.last_key_value()).filter_map(of).map(|other| &other.formats)
        };
        let mode = self.mode(call.mode(), table);
        let (mode, reverse) = match key.from {
            Side::Carrier => (mode, FlowMode::Pass),
            Side::Customer => (FlowMode::Pass, mode),
        };
        Some(Flow {
            key,
            call: table.handle(slot),
            mode,
            reverse,
            formats: merged(core::iter::once(&owned.formats).chain(others()).collect::<Vec<_>>().into_iter()),
            rules: self.rules(table, usual).with_recorded(call.recorded),
            order: self.order(table),
            encrypted: owned.encrypted,
            learn: key.from == Side::Customer,
        })
    }

    /// The claim that counts: the newest of the owner. Where that has given up or ended, the first that is up owns it: a
    /// telephone takes the port of the call before for its next one, and the keys of that are that one's. Where none is up,
    /// it is one in SecureMode, which may seem to have ended and still be talking.
    fn elect(&mut self, table: &Table) -> Option<(u64, u32)> {
        let is_up = |slot: u32| table.get(slot).is_some_and(|call| !call.has_ended());
        let is_secured = |slot: u32| table.get(slot).is_some_and(|call| call.secured.is_some());
        if self.owner.is_some_and(|(_, slot)| is_up(slot)) {
            return self.owner;
        }
        let first = |fits: &dyn Fn(u32) -> bool| {
            self.claims.values().take(LOOKED_AT).copied().find(|slot| fits(*slot))
        };
        let first_up = first(&is_up).or_else(|| first(&is_secured));
        let newest = || self.claims.last_key_value().map(|(&stamp, &slot)| (stamp, slot));
        self.owner = first_up.and_then(|slot| self.newest_of(slot)).or(self.owner).or_else(newest);
        self.owner
    }

    fn newest_of(&self, slot: u32) -> Option<(u64, u32)> {
        let newest = self.claims.iter().rev().find(|(_, claimant)| **claimant == slot);
        newest.map(|(&stamp, &slot)| (stamp, slot))
    }

    /// As every call in SecureMode that claims the flow wants it: whose audio it is cannot be told, so that no call's
    /// rules weaken another's. One that is not in SecureMode has no say.
    fn rules(&self, table: &Table, usual: Rules) -> Rules {
        let secured = self.secured.values().take(LOOKED_AT).filter_map(|slot| table.get(*slot));
        let rules = secured.map(|call| call.rules.unwrap_or(usual)).reduce(Rules::strictest).unwrap_or(usual);
        rules.with_reference_heard(usual.hears_reference())
    }

    /// Another number where any call in SecureMode that claims the flow was ordered there again.
    fn order(&self, table: &Table) -> u8 {
        let secured = self.secured.values().take(LOOKED_AT).filter_map(|slot| table.get(*slot));
        secured.fold(0, |sum, call| sum.wrapping_add(call.orders))
    }

    /// The owner's mode, or, if it is not in SecureMode, that of whoever else is; silent if any is.
    fn mode(&self, owners: FlowMode, table: &Table) -> FlowMode {
        let others = self.secured.values().take(LOOKED_AT).filter_map(|slot| table.get(*slot));
        others.map(Call::mode).fold(owners, |mode, other| match (mode, other) {
            (FlowMode::Mask(mask_key), FlowMode::Silence(_)) => FlowMode::Silence(mask_key),
            (FlowMode::Pass, other) => other,
            _ => mode,
        })
    }
}
