//! The bytes that a number is written as.

use super::Card;
use super::strides::anchor;

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// `'0'`–`'9'`, with anything between them.
    Ascii,
    /// The same with zeroes between them: UTF-16, of either order.
    Utf16,
    /// 0–9: telephone-event codes, and what numbers are in memory.
    Bytes,
    /// Two digits a byte.
    Bcd {
        /// The first one in the lower nibble, as telephony has it.
        low_first: bool,
        /// The first digit shares its byte with something else.
        shifted: bool,
    },
}

/// Bytes that mean a card.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) bytes: Vec<u8>,
    pub(super) card: usize,
    pub(super) form: Form,
    pub(super) backwards: bool,
    /// How many digits of the number follow those that are looked for.
    pub(super) digits_after: usize,
}

/// The digits that are looked for where each has a byte of its own: all but three at both ends, ten at least.
fn core(digits: &[u8]) -> &[u8] {
    let beside = (digits.len().saturating_sub(10) / 2).min(3);
    &digits[beside..digits.len() - beside]
}

/// Whether a number cannot be there by chance.
pub(super) fn is_telling(number: &str) -> bool {
    let digits = number.as_bytes();
    if !(15..=19).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let core = core(digits);
    let mut different = core.to_vec();
    different.sort_unstable();
    different.dedup();
    let is_even = core.windows(4).any(|four| four.iter().all(|digit| *digit == four[0]));
    let card = [Card::new(number, "")];
    let all = [ascii(&card), bytes(&card), bcd(&card)].concat();
    different.len() >= 5 && !is_even && all.iter().all(|pattern| anchor(&pattern.bytes).is_some())
}

/// Each card's digits, 0–9, forwards and backwards.
fn ways(cards: &[Card]) -> impl Iterator<Item = (usize, Vec<u8>, bool)> + '_ {
    cards.iter().enumerate().flat_map(|(card, given)| {
        let digits: Vec<u8> = given.number.bytes().map(|digit| digit - b'0').collect();
        let reversed = digits.iter().rev().copied().collect();
        [(card, digits, false), (card, reversed, true)]
    })
}

fn a_byte_each(cards: &[Card], form: Form, zero: u8) -> Vec<Pattern> {
    ways(cards)
        .map(|(card, digits, backwards)| {
            let bytes: Vec<u8> = core(&digits).iter().map(|digit| zero + digit).collect();
            let digits_after = (digits.len() - bytes.len()) / 2;
            Pattern { bytes, card, form, backwards, digits_after }
        })
        .collect()
}

pub(super) fn ascii(cards: &[Card]) -> Vec<Pattern> {
    a_byte_each(cards, Form::Ascii, b'0')
}

pub(super) fn bytes(cards: &[Card]) -> Vec<Pattern> {
    a_byte_each(cards, Form::Bytes, 0)
}

/// Whole numbers, since they have half as many bytes: what shares its byte with something else is left out.
pub(super) fn bcd(cards: &[Card]) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (card, digits, backwards) in ways(cards) {
        for (low_first, shifted) in [(false, false), (false, true), (true, false), (true, true)] {
            let pairs = digits[usize::from(shifted)..].as_chunks::<2>().0;
            let byte = |[first, second]: &[u8; 2]| {
                if low_first { second << 4 | first } else { first << 4 | second }
            };
            let bytes: Vec<u8> = pairs.iter().map(byte).collect();
            let form = Form::Bcd { low_first, shifted };
            patterns.push(Pattern { bytes, card, form, backwards, digits_after: 0 });
        }
    }
    patterns
}
