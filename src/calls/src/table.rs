//! The slots of the calls. A handle holds slot and generation, so that a stale one never means another call.

use handover::CallHandle;

use crate::call::Call;

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
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
        self.free.push(slot);
        Some(*call)
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
        (entry.call.is_some() && entry.generation == handle.generation).then_some(handle.slot)
    }

    /// All calls with their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Call)> {
        (0u32..).zip(&self.slots).filter_map(|(slot, entry)| Some((slot, entry.call.as_deref()?)))
    }
}
