//! The slots of the calls. A handle holds slot and generation, so that a stale one never means another call.

use handover::CallHandle;

use crate::call::Call;

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    /// The generation by which the call in it was known before it came to life again.
    former: Option<u32>,
    call: Option<Box<Call>>,
}

/// All calls.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Table {
    /// How many calls there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes a call in; `None` only where slots no longer fit a `u32`.
    pub(crate) fn insert(&mut self, call: Call) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot::default());
                slot
            }
        };
        self.slots.get_mut(slot as usize)?.call = Some(Box::new(call));
        Some(slot)
    }

    /// Forgets a call; its handles are stale from then on.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Call> {
        let entry = self.slots.get_mut(slot as usize)?;
        let call = entry.call.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        entry.former = None;
        self.free.push(slot);
        Some(*call)
    }

    /// Gives a call another handle. By the last one it had it is found all the same: orders, and reports of lcores, may
    /// be on their way.
    pub(crate) fn rename(&mut self, slot: u32) {
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            entry.former = Some(entry.generation);
            entry.generation = entry.generation.wrapping_add(1);
        }
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Call> {
        self.slots.get(slot as usize)?.call.as_deref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Call> {
        self.slots.get_mut(slot as usize)?.call.as_deref_mut()
    }

    /// The handle of the call in that slot.
    pub(crate) fn handle(&self, slot: u32) -> CallHandle {
        let generation = self.slots.get(slot as usize).map_or(0, |slot| slot.generation);
        CallHandle { slot, generation }
    }

    /// The slot of a handle, unless it is stale.
    pub(crate) fn slot_of(&self, handle: CallHandle) -> Option<u32> {
        let entry = self.slots.get(handle.slot as usize)?;
        let named = entry.generation == handle.generation || entry.former == Some(handle.generation);
        (entry.call.is_some() && named).then_some(handle.slot)
    }

    /// All calls with their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Call)> {
        self.iter_from(0)
    }

    /// Those from a slot on.
    pub(crate) fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &Call)> {
        let slots = self.slots.get(first as usize..).unwrap_or_default();
        (first..).zip(slots).filter_map(|(slot, entry)| Some((slot, entry.call.as_deref()?)))
    }
}
