//! One field while it is keyed.

use secret::{Digit, Digits, Vault};

use super::FieldKind;
use super::view::{FieldState, FieldView};
use crate::brands::{BrandId, BrandTable};

/// What `*` and `#` do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySettings {
    /// Whether `*` wipes the open field.
    pub star_clears: bool,
    /// Whether `#` ends a number of open length.
    pub pound_ends: bool,
}

impl Default for KeySettings {
    fn default() -> Self {
        KeySettings { star_clears: true, pound_ends: true }
    }
}

/// Why a field cannot become valid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refused {
    /// No brand begins with these digits.
    NoBrand,
    /// The check digit is wrong.
    CheckDigit,
    /// It was ended at a length that it cannot have.
    Length,
    /// There is no such month.
    Month,
}

/// What a key did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pressed {
    /// It is part of the field.
    Taken,
    /// It made the field impossible.
    Refused(Refused),
    /// It wiped the field.
    Cleared,
    /// It completed the field.
    Ended,
    /// It meant nothing here.
    Dropped,
}

/// A field that takes keys.
#[derive(Debug)]
pub struct Field {
    kind: FieldKind,
    /// Digits of a security code.
    csc: u8,
    digits: Digits,
    brand: Option<BrandId>,
    state: FieldState,
}

impl Field {
    /// An empty field; `csc` is the length of a security code. `None` when the vault is full.
    pub fn new(kind: FieldKind, csc: u8, vault: &Vault) -> Option<Self> {
        let digits = Digits::new(vault)?;
        Some(Field { kind, csc, digits, brand: None, state: FieldState::Open })
    }

    /// Which it is.
    pub fn kind(&self) -> FieldKind {
        self.kind
    }

    /// The brand of the number, once it is certain.
    pub fn brand(&self) -> Option<BrandId> {
        self.brand
    }

    /// Whether nothing was keyed.
    pub fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }

    /// Takes a key.
    pub fn press(&mut self, digit: &Digit, brands: &BrandTable, keys: KeySettings) -> Pressed {
        match digit.reveal() {
            b'*' if keys.star_clears => {
                self.clear();
                Pressed::Cleared
            }
            b'#' if keys.pound_ends => self.end_by_caller(),
            b'0'..=b'9' => self.take_digit(digit, brands),
            _ => Pressed::Dropped,
        }
    }

    /// The caller says that the number ends here. Of a field without digits it says nothing.
    fn end_by_caller(&mut self) -> Pressed {
        match self.state {
            FieldState::MayEnd => self.end(),
            FieldState::Open if !self.is_empty() && self.kind.is_open_length() => {
                self.refuse(Refused::Length)
            }
            _ => Pressed::Dropped,
        }
    }

    /// The agent says so. Where it cannot end, nothing is lost: the agent clicked early.
    pub fn end_by_agent(&mut self) -> Pressed {
        if self.state == FieldState::MayEnd { self.end() } else { Pressed::Dropped }
    }

    /// Wipes it.
    pub fn clear(&mut self) {
        self.digits.clear();
        self.brand = None;
        self.state = FieldState::Open;
    }

    /// The digits, in exchange for an empty slot.
    pub(super) fn take(&mut self, vault: &Vault) -> Option<Digits> {
        Some(core::mem::replace(&mut self.digits, Digits::new(vault)?))
    }

    /// What the page may see of it.
    pub fn view(&self, brands: &BrandTable) -> FieldView {
        let is_pan = self.kind == FieldKind::Pan;
        FieldView {
            kind: self.kind,
            length: self.digits.len(),
            first_six: self.digits.first_six().filter(|_| is_pan),
            last_four: None,
            state: self.state,
            brand: self.brand.and_then(|id| brands.brand(id)).map(|brand| brand.name.clone()),
        }
    }

    fn take_digit(&mut self, digit: &Digit, brands: &BrandTable) -> Pressed {
        let is_open = matches!(self.state, FieldState::Open | FieldState::MayEnd);
        if !is_open || !self.digits.push(digit) {
            return Pressed::Dropped;
        }
        self.state = FieldState::Open;
        let length = self.digits.len();
        match self.kind {
            FieldKind::Pan => self.judge(brands),
            FieldKind::Csc if length >= usize::from(self.csc) => self.end(),
            FieldKind::Expiry | FieldKind::ValidFrom => match (length, self.digits.two(0)) {
                (2.., Some(month)) if !(1..=12).contains(&month) => self.refuse(Refused::Month),
                (4.., _) => self.end(),
                _ => Pressed::Taken,
            },
            FieldKind::Issue if length >= 2 => self.end(),
            FieldKind::Issue => {
                self.state = FieldState::MayEnd;
                Pressed::Taken
            }
            FieldKind::Csc => Pressed::Taken,
        }
    }

    /// A number after another digit.
    fn judge(&mut self, brands: &BrandTable) -> Pressed {
        let judged = brands.judge(&self.digits);
        self.brand = judged.brand;
        let length = self.digits.len();
        if judged.lengths.is_empty() {
            return self.refuse(Refused::NoBrand);
        }
        // Ranges are at most eight digits wide, so that a number of any length of a PAN has its brand.
        let Some(brand) = judged.brand.and_then(|id| brands.brand(id)) else { return Pressed::Taken };
        let is_last = length >= brand.lengths.longest();
        if brand.lengths.contains(length) && (!brand.luhn || self.digits.passes_luhn()) {
            if is_last {
                return self.end();
            }
            self.state = FieldState::MayEnd;
            return Pressed::Taken;
        }
        if is_last { self.refuse(Refused::CheckDigit) } else { Pressed::Taken }
    }

    fn refuse(&mut self, why: Refused) -> Pressed {
        self.state = FieldState::Refused(why);
        Pressed::Refused(why)
    }

    fn end(&mut self) -> Pressed {
        self.state = FieldState::Complete;
        Pressed::Ended
    }
}

impl FieldKind {
    /// Whether `#` may end it.
    const fn is_open_length(self) -> bool {
        matches!(self, FieldKind::Pan | FieldKind::Issue)
    }
}

/// An issue number: of one digit it has its zero.
pub(super) fn issue(digits: &Digits) -> Option<u8> {
    if digits.len() == 1 { digits.one() } else { digits.two(0) }
}
