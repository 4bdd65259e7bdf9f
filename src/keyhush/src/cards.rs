//! The table of card brands: as it is written → as payments use it.

use payment::BrandTable;
use settings::Settings;

use crate::exit::Failure;

/// The brands of the settings.
///
/// # Errors
/// What is wrong with their table.
pub(crate) fn brands(settings: &Settings) -> Result<BrandTable, Failure> {
    control::brand_table(settings.load_brands()?)
        .map_err(|error| Failure::new(format!("cards.brands: {error}")))
}
