//! Keys that wait for something, each in a place of its own.

use core::fmt;

use zeroize::Zeroize;

use crate::locked::{SLOT, Slot};
use crate::{Digit, Vault};

/// As many places as nobody keys in two seconds.
const PLACES: usize = 64;
/// A place that holds nothing.
const NONE: u8 = 0;

/// Places for keys, by number. Keys are wiped where they are replaced or taken away, and with the whole.
pub struct Keyboard(Memory);

enum Memory {
    Locked([Slot; PLACES / SLOT]),
    Plain(Box<[u8; PLACES]>),
}

impl Keyboard {
    /// How many places there are.
    pub const PLACES: usize = PLACES;

    /// In locked memory; `None` when the vault is full.
    pub fn locked(vault: &Vault) -> Option<Self> {
        Some(Keyboard(Memory::Locked([vault.slot()?, vault.slot()?])))
    }

    /// In ordinary memory: for captures that are replayed, whose keys lie in a file anyway.
    pub fn plain() -> Self {
        Keyboard(Memory::Plain(Box::new([NONE; PLACES])))
    }

    /// Puts a key into a place; nothing happens where there is no such place.
    pub fn put(&mut self, place: usize, digit: &Digit) {
        if let Some(byte) = self.place(place) {
            *byte = digit.event_code() + 1;
        }
    }

    /// The key of a place.
    pub fn get(&self, place: usize) -> Option<Digit> {
        let byte = match &self.0 {
            Memory::Locked(slots) => slots.get(place / SLOT)?.bytes().get(place % SLOT)?,
            Memory::Plain(bytes) => bytes.get(place)?,
        };
        Digit::from_event_code(byte.checked_sub(1)?)
    }

    /// Wipes a place.
    pub fn wipe(&mut self, place: usize) {
        if let Some(byte) = self.place(place) {
            byte.zeroize();
        }
    }

    fn place(&mut self, place: usize) -> Option<&mut u8> {
        match &mut self.0 {
            Memory::Locked(slots) => slots.get_mut(place / SLOT)?.bytes_mut().get_mut(place % SLOT),
            Memory::Plain(bytes) => bytes.get_mut(place),
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // Slots wipe themselves.
        if let Memory::Plain(bytes) = &mut self.0 {
            bytes.zeroize();
        }
    }
}

impl fmt::Debug for Keyboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyboard(_)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_places_until_they_are_wiped() {
        let vault = Vault::new(8).expect("a page");
        for mut board in [Keyboard::locked(&vault).expect("room"), Keyboard::plain()] {
            for place in 0..Keyboard::PLACES {
                assert_eq!(board.get(place), None);
                board.put(place, &Digit::from_event_code(place as u8 % 16).expect("a key"));
            }
            for place in 0..Keyboard::PLACES {
                assert_eq!(board.get(place).expect("a key").event_code(), place as u8 % 16);
            }
            board.put(Keyboard::PLACES, &Digit::from_ascii(b'1').expect("a key"));
            assert_eq!(board.get(Keyboard::PLACES), None, "there is no such place");
            board.wipe(40);
            assert!(board.get(40).is_none() && board.get(39).is_some());
            assert_eq!(format!("{board:?}"), "Keyboard(_)");
        }
        assert_eq!(vault.free(), vault.slots());
    }
}
