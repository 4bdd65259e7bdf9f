//! The table of card brands: as it is written → as payments use it.

use payment::{Brand, BrandTable};
use settings::{BrandSettings, Settings};

use crate::exit::Failure;

/// The brands of the settings.
///
/// # Errors
/// What is wrong with their table.
pub(crate) fn brands(settings: &Settings) -> Result<BrandTable, Failure> {
    let brand = |written: BrandSettings| {
        let BrandSettings { name, numbers, lengths, csc, luhn } = written;
        Brand::read(name, &numbers, &lengths, csc, luhn)
    };
    let brands = settings.load_brands()?.into_iter().map(brand).collect::<Result<Vec<_>, _>>();
    brands.and_then(BrandTable::new).map_err(|error| Failure::new(format!("cards.brands: {error}")))
}
