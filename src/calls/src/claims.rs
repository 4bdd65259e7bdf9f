//! The flow table as the lcores have it: who claims which flow, and what that comes to.

use std::collections::{BTreeMap, HashMap};

use handover::{FlowMode, Flow, FlowKey, FlowUpdate};

use crate::fingerprint::Seed;
use crate::media::merged;
use crate::table::Table;

/// A flow and its claims, by stamp: the newest last.
#[derive(Debug, Default)]
struct Entry {
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
}

impl Flows {
    pub(crate) fn new(seed: Seed) -> Self {
        Flows { entries: HashMap::with_hasher(seed), unsettled: Vec::new() }
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

    /// Who claims a flow, as slot and stamp: those in SecureMode first, then the newest.
    pub(crate) fn claimants(&self, key: &FlowKey) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.entries.get(key).into_iter().flat_map(|entry| {
            let others = entry.claims.iter().rev().filter(|(stamp, _)| !entry.secured.contains_key(stamp));
            entry.secured.iter().rev().chain(others).map(|(&stamp, &slot)| (slot, stamp))
        })
    }

    /// The flows as the lcores were told.
    pub(crate) fn installed(&self) -> impl Iterator<Item = Flow> + '_ {
        self.entries.values().filter_map(|entry| entry.installed)
    }

    /// Tells what has changed.
    pub(crate) fn settle(&mut self, table: &Table, changes: &mut Vec<FlowUpdate>) {
        for key in self.unsettled.drain(..) {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let flow = entry.flow(key, table);
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
    /// What the claims come to: the newest describes the flow, but a call in SecureMode keeps what it claims.
    fn flow(&self, key: FlowKey, table: &Table) -> Option<Flow> {
        let newest = self.claims.last_key_value()?;
        let (stamp, &slot) = self.secured.last_key_value().unwrap_or(newest);
        let call = table.get(slot)?;
        let owned = call.destination(*stamp)?;
        let newest = table.get(*newest.1).and_then(|call| call.destination(*newest.0));
        // Whose media it is cannot be told: what either calls an event is one.
        let sources = [&owned.formats, newest.map_or(&owned.formats, |newest| &newest.formats)];
        Some(Flow {
            key,
            call: table.handle(slot),
            mode: call.mode(&key),
            formats: merged(sources.into_iter()),
            encrypted: owned.encrypted,
            reverse: FlowMode::Pass,
            learn: key.from == handover::Side::Customer,
        })
    }
}
