//! What a payment needs of a card, and the reference that pairs a call with a page.

use core::fmt;

use crate::digits::{DigitSink, Digits, LastFour};
use crate::{Digit, FirstSix, Vault};

/// A complete primary account number of 12–19 digits.
pub struct Pan(Digits);

/// A complete security code of 3 or 4 digits.
pub struct Csc(Digits);

/// The number on the page that the agent keys.
pub struct CallReference(Digits);

impl Pan {
    /// Takes a number that whoever knows the brands has found complete and valid.
    ///
    /// # Errors
    /// The digits, if they are fewer than 12.
    pub fn new(digits: Digits) -> Result<Self, Digits> {
        if (12..=Digits::MOST).contains(&digits.len()) { Ok(Pan(digits)) } else { Err(digits) }
    }

    /// How many digits it has.
    pub fn digits(&self) -> usize {
        self.0.len()
    }

    /// The first six digits; `None` of a number shorter than 15 digits.
    pub fn first_six(&self) -> Option<FirstSix> {
        self.0.first_six()
    }

    /// The last four digits.
    pub fn last_four(&self) -> LastFour {
        LastFour(self.0.ascii().last_chunk().copied().unwrap_or_default())
    }

    /// Writes it out, in ASCII.
    pub fn write_to(&self, sink: &mut dyn DigitSink) {
        sink.digits(self.0.ascii());
    }
}

impl Csc {
    /// Takes a complete code.
    ///
    /// # Errors
    /// The digits, if they are not 3 or 4.
    pub fn new(digits: Digits) -> Result<Self, Digits> {
        if (3..=4).contains(&digits.len()) { Ok(Csc(digits)) } else { Err(digits) }
    }

    /// How many digits it has.
    pub fn digits(&self) -> usize {
        self.0.len()
    }

    /// Writes it out, in ASCII.
    pub fn write_to(&self, sink: &mut dyn DigitSink) {
        sink.digits(self.0.ascii());
    }
}

impl CallReference {
    /// The most digits of a reference.
    pub const MOST: usize = 12;

    /// A reference of `length` digits, each as likely as any other, from random bytes. `None` if the bytes do not suffice (one in
    /// 43 cannot be used), the length is not 1–12, or the vault is full.
    pub fn random(vault: &Vault, length: usize, random: &mut impl Iterator<Item = u8>) -> Option<Self> {
        if !(1..=Self::MOST).contains(&length) {
            return None;
        }
        let mut digits = Digits::new(vault)?;
        while digits.len() < length {
            // 250 is the largest multiple of ten: the bytes above would favour the lower digits.
            let byte = random.find(|byte| *byte < 250)?;
            digits.push(&Digit::from_event_code(byte % 10)?);
        }
        Some(CallReference(digits))
    }

    /// How many digits it has.
    pub fn digits(&self) -> usize {
        self.0.len()
    }

    /// Whether what was keyed is this reference, in a time that does not depend on how much of it is.
    pub fn is(&self, keyed: &Digits) -> bool {
        self.0.equals(keyed)
    }

    /// Whether both are the same.
    pub fn is_same(&self, other: &CallReference) -> bool {
        self.0.equals(&other.0)
    }

    /// Writes it out for the page, in ASCII.
    pub fn write_to(&self, sink: &mut dyn DigitSink) {
        sink.digits(self.0.ascii());
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pan(_)")
    }
}

impl fmt::Debug for Csc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Csc(_)")
    }
}

impl fmt::Debug for CallReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallReference(_)")
    }
}

#[cfg(test)]
mod tests;
