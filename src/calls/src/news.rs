//! What is told of calls: that they began, and that they ended.
//!
//! Each call is told of under its handle as begun, and once as ended: when all its legs have, or when it is forgotten. One that
//! nobody has answered waits for the latter, since a refused try is often followed by the next, with credentials or elsewhere. One
//! that comes to life again after its end was told (a dialog that replaces one whose BYE was seen) gets another handle and
//! begins anew.

use handover::call_event::ADDRESS_LONGEST;
use handover::{CallBegun, CallEvent, CallHandle, Side, WireId};
use wire::sip::Message;

use crate::Calls;

/// What the first INVITE of a call told of it.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    wire: WireId,
    from: Side,
    called: [Option<Box<str>>; 2],
    calling: [Option<Box<str>>; 2],
    call_id: Box<str>,
}

impl Introduction {
    pub(crate) fn of(message: &Message<'_>, wire: WireId, from: Side) -> Self {
        Introduction {
            wire,
            from,
            called: [message.request_uri(), message.to_address()].map(text),
            calling: [message.asserted_identity(), message.from_address()].map(text),
            call_id: beginning(message.call_id()),
        }
    }
}

/// An address as text, unless it is none or too long.
fn text(address: Option<&[u8]>) -> Option<Box<str>> {
    let address = address.filter(|address| address.len() <= ADDRESS_LONGEST)?;
    core::str::from_utf8(address).ok().map(Box::from)
}

/// As much of a Call-ID as is told, as text.
fn beginning(call_id: &[u8]) -> Box<str> {
    // What is no UTF-8 becomes longer.
    let mut text = String::from_utf8_lossy(call_id.get(..ADDRESS_LONGEST).unwrap_or(call_id)).into_owned();
    text.truncate(text.floor_char_boundary(ADDRESS_LONGEST));
    text.into()
}

impl Calls {
    /// What is to be told since the last asking, in order. To be asked after everything that is done to the table, so that
    /// no more gathers than that brought.
    pub fn take_news(&mut self) -> impl Iterator<Item = CallEvent> + '_ {
        self.news.drain(..)
    }

    /// Whether anything is to be told.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// The first call at or after a slot that was told of and has not ended, and the slot after it: by asking again, all of
    /// them can be told of anew.
    pub fn begun_from(&self, slot: u32) -> Option<(CallBegun, u32)> {
        let (slot, _) = self.table.iter_from(slot).find(|(_, call)| !call.told_ended)?;
        Some((self.begun(slot)?, slot.saturating_add(1)))
    }

    /// What is told of the beginning of a call that has not ended, as it is now; of a handle before its last one, nothing.
    pub fn begun_of(&self, call: CallHandle) -> Option<CallBegun> {
        let is_up = self.table.get(call.slot).is_some_and(|known| !known.told_ended);
        self.begun(call.slot).filter(|begun| is_up && begun.call == call)
    }

    fn begun(&self, slot: u32) -> Option<CallBegun> {
        let call = self.table.get(slot)?;
        let Introduction { wire, from, called, calling, call_id } = call.introduction.clone();
        let handle = self.table.handle(slot);
        // What inherited from a call that is there still leaves with that one.
        let held = call.held || call.heir_of.is_some_and(|of| self.table.slot_of(of).is_none());
        Some(CallBegun { call: handle, since: call.since, wire, from, called, calling, call_id, held })
    }

    /// Tells that a call has begun.
    pub(crate) fn tell_begun(&mut self, slot: u32) {
        let begun = self.begun(slot).map(|begun| CallEvent::Begun(Box::new(begun)));
        self.news.extend(begun);
    }

    /// Tells that a call has ended, once.
    pub(crate) fn tell_ended(&mut self, slot: u32) {
        let handle = self.table.handle(slot);
        if let Some(call) = self.table.get_mut(slot)
            && !core::mem::replace(&mut call.told_ended, true)
        {
            let at = call.legs.iter().filter_map(|leg| leg.ended).max();
            self.news.push(CallEvent::Ended { call: handle, at });
        }
    }

    /// Tells whether a call has ended, or lives again. The caller schedules and settles.
    pub(crate) fn tell_life(&mut self, slot: u32) {
        let Some(call) = self.table.get(slot) else { return };
        let (is_up, was_up, told) = (!call.has_ended(), call.answered || call.held, call.told_ended);
        if !is_up && was_up {
            self.tell_ended(slot);
        } else if is_up && told {
            self.rename(slot);
            self.tell_begun(slot);
        }
    }

    /// Gives a call another handle, since by the one that it has nothing more is told.
    fn rename(&mut self, slot: u32) {
        let generation = self.table.handle(slot).generation;
        self.table.rename(slot);
        let Some(call) = self.table.get_mut(slot) else { return };
        call.told_ended = false;
        // Who wants it recorded wanted that of the one that has ended, and is told of this one.
        call.recorded = false;
        if let Some(deadline) = call.deadline.take() {
            self.deadlines.remove(&(deadline, slot, generation));
        }
        call.destinations.iter().for_each(|destination| self.flows.touch(destination.key));
    }
}
