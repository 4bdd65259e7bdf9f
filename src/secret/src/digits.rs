//! Numbers that are keyed digit by digit, and what may be known of them before they are whole.

use core::cmp::Ordering;
use core::fmt;
use core::hint::black_box;

use crate::locked::Slot;
use crate::{Digit, Vault};

/// A run of decimal digits in a locked slot, wiped when dropped. It does not print and is not `Clone`; what it says of itself
/// is its length and answers to questions.
pub struct Digits {
    slot: Slot,
    len: u8,
}

/// Whether a number lies in a range of leading digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Within {
    /// It does, whatever comes after.
    Yes,
    /// It does not, whatever comes after.
    No,
    /// The digits that are there do not say.
    Open,
}

/// Where secrets are written to: the only way by which one leaves its locked slot.
pub trait DigitSink {
    /// Takes digits in ASCII. They must not stay in ordinary memory for longer than it takes to send them.
    fn digits(&mut self, ascii: &[u8]);
}

impl Digits {
    /// The most digits of a run: those of the longest PAN (ISO/IEC 7812-1).
    pub const MOST: usize = 19;

    /// An empty run; `None` when the vault is full.
    pub fn new(vault: &Vault) -> Option<Self> {
        Some(Digits { slot: vault.slot()?, len: 0 })
    }

    /// Appends a digit. `false`, and nothing is changed, if it is none of 0–9 or there is no room.
    pub fn push(&mut self, digit: &Digit) -> bool {
        let at = self.len();
        if digit.event_code() > 9 || at >= Self::MOST {
            return false;
        }
        let Some(place) = self.slot.bytes_mut().get_mut(at) else { return false };
        *place = digit.reveal();
        self.len += 1;
        true
    }

    /// Wipes the run.
    pub fn clear(&mut self) {
        zeroize::Zeroize::zeroize(self.slot.bytes_mut());
        self.len = 0;
    }

    /// How many digits there are.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the last digit is the check digit of those before it (ISO/IEC 7812-1 annex B, "Luhn"). Not of an empty run.
    pub fn passes_luhn(&self) -> bool {
        let doubled = |(place, byte): (usize, &u8)| {
            let digit = u32::from(byte - b'0');
            if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        };
        !self.is_empty() && self.ascii().iter().rev().enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
    }

    /// Whether the first `width` digits, read as a number, lie in `low..=high`, as far as is known yet. `width` is at most 9.
    pub fn leading_within(&self, low: u32, high: u32, width: u8) -> Within {
        let width = u32::from(width.min(9));
        let known = u32::from(self.len).min(width);
        let leading = self.ascii().iter().take(known as usize);
        let number = leading.fold(0_u64, |number, byte| number * 10 + u64::from(byte - b'0'));
        let step = 10_u64.saturating_pow(width - known);
        let (least, most) = (number * step, number * step + (step - 1));
        if most < u64::from(low) || least > u64::from(high) {
            Within::No
        } else if least >= u64::from(low) && most <= u64::from(high) {
            Within::Yes
        } else {
            Within::Open
        }
    }

    /// The two digits at `at` as a number: of dates and issue numbers, whose fields are two digits wide. `None` where there are
    /// not two, and of any run longer than a date: a PAN is not read by pieces.
    pub fn two(&self, at: usize) -> Option<u8> {
        if self.len() > 4 {
            return None;
        }
        match self.ascii().get(at..at + 2)? {
            [tens, ones] => Some((tens - b'0') * 10 + (ones - b'0')),
            _ => None,
        }
    }

    /// The digit of a run that has no other.
    pub fn one(&self) -> Option<u8> {
        match self.ascii() {
            [only] => Some(only - b'0'),
            _ => None,
        }
    }

    /// The first six digits, once there are fifteen: of a shorter number too little would stay hidden.
    pub fn first_six(&self) -> Option<FirstSix> {
        if self.len() < 15 {
            return None;
        }
        Some(FirstSix(self.ascii().get(..6)?.try_into().ok()?))
    }

    /// Whether both are the same, in a time that depends on their lengths only.
    pub fn equals(&self, other: &Digits) -> bool {
        let pairs = self.slot.bytes().iter().zip(other.slot.bytes());
        let differs = pairs.fold(0, |differs, (one, other)| black_box(differs | (one ^ other)));
        // Both slots are zero beyond their digits.
        (differs == 0) & (self.len.cmp(&other.len) == Ordering::Equal)
    }

    pub(crate) fn ascii(&self) -> &[u8] {
        self.slot.bytes().get(..self.len()).unwrap_or_default()
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digits(_)")
    }
}

/// The first six digits of a PAN of fifteen or more: may be shown and kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FirstSix([u8; 6]);

/// The last four digits of a complete PAN: may be shown and kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LastFour(pub(crate) [u8; 4]);

impl FirstSix {
    /// In ASCII.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl LastFour {
    /// In ASCII.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

// What may be shown on the page need not stand in a log.
impl fmt::Debug for FirstSix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstSix(_)")
    }
}

impl fmt::Debug for LastFour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastFour(_)")
    }
}
