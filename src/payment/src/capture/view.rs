//! What the page may see of a field: how much of it is there, never a digit beyond those that may be shown.

use secret::{FirstSix, LastFour, Pan};

use super::{FieldKind, Refused};
use crate::brands::{BrandId, BrandTable};

/// What stands of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldView {
    /// Which.
    pub kind: FieldKind,
    /// How many digits: asterisks on the page.
    pub length: usize,
    /// The first six, of a number of at least 15 digits. Whether it is shown is the tenant's choice.
    pub first_six: Option<FirstSix>,
    /// The last four, of a complete and valid number. Whether it is shown is the tenant's choice.
    pub last_four: Option<LastFour>,
    /// How it stands.
    pub state: FieldState,
    /// The brand, once it is certain.
    pub brand: Option<String>,
}

/// How a field stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldState {
    /// Its turn has not come.
    Waiting,
    /// It takes keys.
    Open,
    /// It takes keys and is valid as it is: `#` or the agent's Next ends it.
    MayEnd,
    /// It is complete and valid.
    Complete,
    /// The agent will type it.
    Skipped,
    /// It cannot become valid; it waits for Reset.
    Refused(Refused),
}

impl FieldView {
    pub(super) fn waiting(kind: FieldKind) -> Self {
        let state = FieldState::Waiting;
        FieldView { kind, length: 0, first_six: None, last_four: None, state, brand: None }
    }

    pub(super) fn complete(kind: FieldKind, length: usize) -> Self {
        FieldView { length, state: FieldState::Complete, ..FieldView::waiting(kind) }
    }

    pub(super) fn optional(kind: FieldKind, length: Option<usize>) -> Self {
        let skipped = FieldView { state: FieldState::Skipped, ..FieldView::waiting(kind) };
        length.map_or(skipped, |length| FieldView::complete(kind, length))
    }

    pub(super) fn of_pan(pan: &Pan, brand: BrandId, brands: &BrandTable) -> Self {
        FieldView {
            first_six: pan.first_six(),
            last_four: Some(pan.last_four()),
            brand: brands.brand(brand).map(|brand| brand.name.clone()),
            ..FieldView::complete(FieldKind::Pan, pan.digits())
        }
    }
}
