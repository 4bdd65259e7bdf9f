//! The fields that a caller keys, in their order: card number, what a tenant wants beside it, security code.
//!
//! | module | does |
//! |---|---|
//! | [`field`] | one field while it is keyed: what each key makes of it |
//! | [`view`] | what the page may see of a field |
//!
//! A number is in one place at any time: in the open field, or complete in [`Capture`]. Both lie in locked slots.

use secret::{Csc, Digit, Digits, Pan, Vault};

use crate::brands::{BrandId, BrandTable};

pub mod field;
pub mod view;

pub use field::{Field, KeySettings, Pressed, Refused};
pub use view::{FieldState, FieldView};

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FieldKind {
    /// The card number.
    Pan,
    /// The month in which the card expires, MMYY.
    Expiry,
    /// The month from which it is valid, MMYY.
    ValidFrom,
    /// The issue number, one or two digits.
    Issue,
    /// The security code.
    Csc,
}

impl FieldKind {
    /// All, in the order in which they are keyed.
    pub const ALL: [FieldKind; 5] =
        [FieldKind::Pan, FieldKind::Expiry, FieldKind::ValidFrom, FieldKind::Issue, FieldKind::Csc];

    /// Whether the agent may leave it to be typed.
    pub const fn is_optional(self) -> bool {
        !matches!(self, FieldKind::Pan | FieldKind::Csc)
    }
}

/// Which fields are keyed beside number and code.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Beside {
    /// The expiry.
    pub expiry: bool,
    /// Valid from.
    pub valid_from: bool,
    /// The issue number.
    pub issue: bool,
}

impl Beside {
    /// Whether a field is keyed.
    pub const fn has(self, kind: FieldKind) -> bool {
        match kind {
            FieldKind::Pan | FieldKind::Csc => true,
            FieldKind::Expiry => self.expiry,
            FieldKind::ValidFrom => self.valid_from,
            FieldKind::Issue => self.issue,
        }
    }
}

/// A month of a card. No digit of it tells anything of the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CardMonth {
    /// 1–12.
    pub month: u8,
    /// The last two digits of the year.
    pub year: u8,
}

/// What was keyed completely.
#[derive(Debug, Default)]
pub struct Keyed {
    /// The number, and its brand.
    pub pan: Option<(Pan, BrandId)>,
    /// The expiry.
    pub expiry: Option<CardMonth>,
    /// Valid from.
    pub valid_from: Option<CardMonth>,
    /// The issue number.
    pub issue: Option<u8>,
    /// The code.
    pub csc: Option<Csc>,
}

/// All that a payment needs of the card. Only complete and valid numbers come here.
#[derive(Debug)]
pub struct Card {
    /// The number.
    pub pan: Pan,
    /// Its brand.
    pub brand: BrandId,
    /// The expiry, if it was keyed.
    pub expiry: Option<CardMonth>,
    /// Valid from, if it was keyed.
    pub valid_from: Option<CardMonth>,
    /// The issue number, if it was keyed.
    pub issue: Option<u8>,
    /// The code.
    pub csc: Csc,
}

/// The fields of one payment while they are keyed: what is complete, and the one that is open.
#[derive(Debug)]
pub struct Capture {
    beside: Beside,
    keyed: Keyed,
    open: Field,
    /// Fields that the agent chose to type.
    skipped: Beside,
}

/// What became of a key or a click.
#[derive(Debug)]
pub enum Step {
    /// The same field stays open.
    Stay(Capture, Pressed),
    /// A field was completed, the next is open.
    Next(Capture),
    /// All fields are complete.
    Done(Card),
    /// The vault has no slot for the next field. All is wiped.
    NoRoom,
}

impl Capture {
    /// Opens the number's field; `None` when the vault is full.
    pub fn open(vault: &Vault, beside: Beside) -> Option<Self> {
        let open = Field::new(FieldKind::Pan, 0, vault)?;
        Some(Capture { beside, keyed: Keyed::default(), open, skipped: Beside::default() })
    }

    /// Opens `kind` of a card that was complete. That field and the code are wiped, and with the number everything is.
    pub fn reopen(
        card: Card,
        kind: FieldKind,
        vault: &Vault,
        beside: Beside,
        brands: &BrandTable,
    ) -> Option<Self> {
        let Card { pan, brand, expiry, valid_from, issue, csc } = card;
        drop(csc);
        let mut keyed = Keyed { pan: Some((pan, brand)), expiry, valid_from, issue, csc: None };
        keyed.forget_from(kind);
        let skipped = Beside {
            expiry: FieldKind::Expiry < kind && keyed.expiry.is_none(),
            valid_from: FieldKind::ValidFrom < kind && keyed.valid_from.is_none(),
            issue: FieldKind::Issue < kind && keyed.issue.is_none(),
        };
        let open = Field::new(kind, csc_length(&keyed, brands), vault)?;
        Some(Capture { beside, keyed, open, skipped })
    }

    /// The kind of the open field.
    pub fn kind(&self) -> FieldKind {
        self.open.kind()
    }

    /// Wipes the open field.
    pub fn clear_open(&mut self) {
        self.open.clear();
    }

    /// Whether nothing was keyed yet.
    pub fn is_untouched(&self) -> bool {
        self.keyed.pan.is_none() && self.open.is_empty()
    }

    /// Takes a key.
    pub fn press(mut self, digit: &Digit, brands: &BrandTable, keys: KeySettings, vault: &Vault) -> Step {
        let pressed = self.open.press(digit, brands, keys);
        self.proceed(pressed, brands, vault)
    }

    /// The agent ends the open field: a number of open length, or an optional field that will be typed.
    pub fn next(mut self, brands: &BrandTable, vault: &Vault) -> Step {
        if self.open.is_empty() && self.open.kind().is_optional() {
            let kind = self.open.kind();
            match kind {
                FieldKind::Expiry => self.skipped.expiry = true,
                FieldKind::ValidFrom => self.skipped.valid_from = true,
                FieldKind::Issue => self.skipped.issue = true,
                FieldKind::Pan | FieldKind::Csc => {}
            }
            return self.advance(brands, vault);
        }
        let pressed = self.open.end_by_agent();
        self.proceed(pressed, brands, vault)
    }

    /// Opens `kind` again; it and what comes after it are wiped. Of a field that has not come yet, the open one is wiped.
    pub fn reset(mut self, kind: FieldKind, brands: &BrandTable, vault: &Vault) -> Option<Self> {
        if kind >= self.open.kind() {
            self.open.clear();
            return Some(self);
        }
        if !self.beside.has(kind) {
            return Some(self);
        }
        self.keyed.forget_from(kind);
        let csc = csc_length(&self.keyed, brands);
        let Capture { beside, keyed, open, mut skipped } = self;
        drop(open);
        for (later, skipped) in [
            (FieldKind::Expiry, &mut skipped.expiry),
            (FieldKind::ValidFrom, &mut skipped.valid_from),
            (FieldKind::Issue, &mut skipped.issue),
        ] {
            *skipped &= later < kind;
        }
        Some(Capture { beside, keyed, open: Field::new(kind, csc, vault)?, skipped })
    }

    fn proceed(mut self, pressed: Pressed, brands: &BrandTable, vault: &Vault) -> Step {
        if pressed != Pressed::Ended {
            return Step::Stay(self, pressed);
        }
        // The field gives its digits away, so that they are in one place.
        let (kind, brand) = (self.open.kind(), self.open.brand());
        let Some(digits) = self.open.take(vault) else { return Step::NoRoom };
        let is_kept = match kind {
            FieldKind::Pan => match (Pan::new(digits), brand) {
                (Ok(pan), Some(brand)) => self.keyed.pan.replace((pan, brand)).is_none(),
                _ => false,
            },
            FieldKind::Csc => match Csc::new(digits) {
                Ok(csc) => self.keyed.csc.replace(csc).is_none(),
                Err(_) => false,
            },
            FieldKind::Expiry => keep(&mut self.keyed.expiry, month(&digits)),
            FieldKind::ValidFrom => keep(&mut self.keyed.valid_from, month(&digits)),
            FieldKind::Issue => keep(&mut self.keyed.issue, field::issue(&digits)),
        };
        if is_kept { self.advance(brands, vault) } else { Step::Stay(self, Pressed::Dropped) }
    }

    /// Opens the field after the one that is open.
    fn advance(mut self, brands: &BrandTable, vault: &Vault) -> Step {
        let after = self.open.kind();
        let next = FieldKind::ALL.into_iter().find(|kind| *kind > after && self.beside.has(*kind));
        let Some(next) = next else {
            let Keyed { pan, expiry, valid_from, issue, csc } = self.keyed;
            return match (pan, csc) {
                (Some((pan, brand)), Some(csc)) => {
                    Step::Done(Card { pan, brand, expiry, valid_from, issue, csc })
                }
                // Neither can be: the code comes last, and only after a number.
                _ => Step::NoRoom,
            };
        };
        match Field::new(next, csc_length(&self.keyed, brands), vault) {
            Some(field) => {
                self.open = field;
                Step::Next(self)
            }
            None => Step::NoRoom,
        }
    }

    /// What the page may see of each field, in their order.
    pub fn views(&self, brands: &BrandTable) -> Vec<FieldView> {
        let fields = FieldKind::ALL.into_iter().filter(|kind| self.beside.has(*kind));
        let view = |kind: FieldKind| {
            if kind == self.open.kind() {
                return self.open.view(brands);
            }
            let mut view = self.keyed.view(kind, brands);
            if self.skipped.has(kind) && kind.is_optional() {
                view.state = FieldState::Skipped;
            }
            view
        };
        fields.map(view).collect()
    }
}

impl Card {
    /// What the page may see of each field, in their order.
    pub fn views(&self, beside: Beside, brands: &BrandTable) -> Vec<FieldView> {
        let Card { pan, brand, expiry, valid_from, issue, csc } = self;
        let of = |kind: FieldKind| match kind {
            FieldKind::Pan => FieldView::of_pan(pan, *brand, brands),
            FieldKind::Csc => FieldView::complete(kind, csc.digits()),
            FieldKind::Expiry => FieldView::optional(kind, expiry.map(|_| 4)),
            FieldKind::ValidFrom => FieldView::optional(kind, valid_from.map(|_| 4)),
            FieldKind::Issue => FieldView::optional(kind, issue.map(|_| 2)),
        };
        FieldKind::ALL.into_iter().filter(|kind| beside.has(*kind)).map(of).collect()
    }
}

impl Keyed {
    fn forget_from(&mut self, kind: FieldKind) {
        self.csc = None;
        for later in FieldKind::ALL.into_iter().filter(|later| *later >= kind) {
            match later {
                FieldKind::Pan => self.pan = None,
                FieldKind::Expiry => self.expiry = None,
                FieldKind::ValidFrom => self.valid_from = None,
                FieldKind::Issue => self.issue = None,
                FieldKind::Csc => {}
            }
        }
    }

    fn view(&self, kind: FieldKind, brands: &BrandTable) -> FieldView {
        let length = match kind {
            FieldKind::Pan => {
                let pan = self.pan.as_ref().map(|(pan, brand)| FieldView::of_pan(pan, *brand, brands));
                return pan.unwrap_or(FieldView::waiting(kind));
            }
            FieldKind::Expiry => self.expiry.map(|_| 4),
            FieldKind::ValidFrom => self.valid_from.map(|_| 4),
            FieldKind::Issue => self.issue.map(|_| 2),
            FieldKind::Csc => self.csc.as_ref().map(Csc::digits),
        };
        length.map_or(FieldView::waiting(kind), |length| FieldView::complete(kind, length))
    }
}

fn keep<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

fn month(digits: &Digits) -> Option<CardMonth> {
    Some(CardMonth { month: digits.two(0)?, year: digits.two(2)? })
}

fn csc_length(keyed: &Keyed, brands: &BrandTable) -> u8 {
    let brand = keyed.pan.as_ref().and_then(|(_, brand)| brands.brand(*brand));
    brand.map_or(3, |brand| brand.csc)
}

#[cfg(test)]
mod tests;
