//! Looks for card numbers and security codes in what is left of a payment: a core image, a file, a disk, a pool of packets.
//!
//! | module | finds |
//! |---|---|
//! | `forms` | the bytes that a number is written as |
//! | `strides` | such bytes at any fixed distance from each other |
//! | `packets` | one digit a packet: telephone-events, wherever their packets lie |
//! | `fields` | a security code by the name of its field |
//!
//! A number is found as ASCII, UTF-16, bytes 0–9 and BCD (both orders of nibbles, and begun in the midst of a byte), forwards
//! and backwards, its bytes at any fixed distance from 1 to [`LONGEST_STRIDE`]: what a ring of digits leaves in its slots reads
//! as a number at the slots' distance. Of the forms with a byte a digit, ten digits of the middle suffice, since whoever reuses
//! memory mostly overwrites its beginning; first six and last four alone, which may be kept, are not found.
//!
//! A security code has three or four digits, and those are everywhere by chance. It is told by what is beside it: its own number
//! before it at the same distance, or the name of a field.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

mod fields;
mod forms;
mod packets;
mod strides;

pub use forms::Form;
pub use packets::{Keyed, Sender, keyed};
use strides::Patterns;

/// The furthest that one byte of a number may be from the next.
pub const LONGEST_STRIDE: usize = 512;

/// How many finds are enough.
const MOST_FINDS: usize = 100;

/// What may rest nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// The card number, in ASCII.
    pub number: String,
    /// The security code, in ASCII; may be empty.
    pub code: String,
}

impl Card {
    /// A card.
    pub fn new(number: &str, code: &str) -> Card {
        Card { number: number.to_owned(), code: code.to_owned() }
    }
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Find {
    /// Where its first byte lies.
    pub at: usize,
    /// Which card's it is, as they were given.
    pub card: usize,
    /// What of it.
    pub what: What,
}

/// What of a card was found, and how it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Ten digits of the number or more.
    Number {
        /// How it is written.
        form: Form,
        /// How far its bytes are from each other.
        stride: usize,
        /// Last digit first.
        backwards: bool,
        /// The security code comes after it.
        with_code: bool,
    },
    /// One digit a packet, in telephone-events.
    Events,
    /// The security code, in a field of such a name.
    CodeField,
}

/// Whether a number can be told from what is there by chance: 15 to 19 digits, and in their middle five different ones at least,
/// four in a row that are not zero, and no digit four times in a row.
pub fn can_tell(number: &str) -> bool {
    forms::is_telling(number)
}

/// Cards to be looked for.
pub struct Secrets {
    cards: Vec<Card>,
    patterns: [Patterns; 3],
}

impl Secrets {
    /// Gets ready to look for these.
    ///
    /// # Panics
    /// When [`can_tell`] says no of one.
    pub fn new(cards: &[Card]) -> Secrets {
        for card in cards {
            assert!(can_tell(&card.number), "a number that is anywhere by chance");
            assert!(card.code.bytes().all(|digit| digit.is_ascii_digit()), "a code of digits");
        }
        let patterns = [forms::ascii(cards), forms::bytes(cards), forms::bcd(cards)];
        Secrets { cards: cards.to_vec(), patterns: patterns.map(Patterns::new) }
    }

    /// All that is found in bytes, in the order of their places; at most a hundred of each form.
    pub fn find(&self, bytes: &[u8]) -> Vec<Find> {
        let mut finds: Vec<Find> = Vec::new();
        for patterns in &self.patterns {
            finds.extend(patterns.find(bytes, MOST_FINDS).into_iter().map(|found| self.told(bytes, &found)));
        }
        finds.extend(packets::find(&self.cards, bytes));
        finds.extend(fields::find(&self.cards, bytes));
        finds.sort_by_key(|find| find.at);
        finds
    }

    /// All that is found in a file, however long it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn find_in_file(&self, path: &Path) -> io::Result<Vec<Find>> {
        const PIECE: usize = 64 << 20;
        /// More than the longest number takes up.
        const OVERLAP: usize = 32 * LONGEST_STRIDE;
        let mut file = File::open(path)?;
        let (mut piece, mut before, mut finds) = (Vec::new(), 0, Vec::<Find>::new());
        loop {
            let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece)?;
            let found = self.find(&piece).into_iter().map(|find| Find { at: find.at + before, ..find });
            finds.extend(found);
            if read < PIECE {
                finds.sort_by_key(|find| find.at);
                finds.dedup();
                return Ok(finds);
            }
            let gone = piece.len() - OVERLAP;
            piece.drain(..gone);
            before += gone;
        }
    }

    /// What a place with a pattern's bytes is.
    fn told(&self, bytes: &[u8], found: &strides::Found<'_>) -> Find {
        let (pattern, stride) = (found.pattern, found.stride);
        let card = &self.cards[pattern.card];
        let form = match pattern.form {
            Form::Ascii if stride == 2 && bytes[found.at + 1] == 0 => Form::Utf16,
            form => form,
        };
        let code: Vec<u8> = match form {
            Form::Ascii | Form::Utf16 => card.code.bytes().collect(),
            Form::Bytes => card.code.bytes().map(|digit| digit - b'0').collect(),
            Form::Bcd { .. } => Vec::new(),
        };
        let after = pattern.bytes.len() + pattern.digits_after;
        let is_there =
            |(place, digit): (usize, &u8)| bytes.get(found.at + (after + place) * stride) == Some(digit);
        let with_code = !pattern.backwards && !code.is_empty() && code.iter().enumerate().all(is_there);
        Find {
            at: found.at,
            card: pattern.card,
            what: What::Number { form, stride, backwards: pattern.backwards, with_code },
        }
    }
}

#[cfg(test)]
mod tests;
