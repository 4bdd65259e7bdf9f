use std::path::Path;

use secret::{Digit, Vault};
use settings::BrandSettings;

use super::*;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/brands.toml");

/// The table of `config/brands.toml`.
pub(crate) fn shipped() -> BrandTable {
    let settings =
        BrandSettings::load(Path::new(SHIPPED)).map_err(|error| error.to_string()).expect("it is right");
    let brands = settings.into_iter().map(|brand| {
        let BrandSettings { name, numbers, lengths, csc, luhn } = brand;
        Brand::read(name, &numbers, &lengths, csc, luhn).expect("it is whole")
    });
    BrandTable::new(brands.collect()).map_err(|error| error.to_string()).expect("nothing overlaps")
}

fn digits(vault: &Vault, keys: &str) -> Digits {
    let mut digits = Digits::new(vault).expect("room");
    for key in keys.bytes() {
        digits.push(&Digit::from_ascii(key).expect("a key"));
    }
    digits
}

#[test]
fn each_digit_narrows_the_brand() {
    let (vault, table) = (Vault::new(8).expect("a page"), shipped());
    for (keyed, brand, longest) in [
        ("", None, 19),
        ("4", Some("Visa"), 19),
        ("5", None, 19),
        ("51", Some("Mastercard"), 16),
        ("2", Some("Mastercard"), 16),
        ("2221", Some("Mastercard"), 16),
        ("2720", Some("Mastercard"), 16),
        ("2721", None, 0),
        ("2220", None, 0),
        ("34", Some("American Express"), 15),
        ("37", Some("American Express"), 15),
        ("3", None, 19),
        ("35", Some("JCB"), 19),
        ("3527", None, 0),
        ("3528", Some("JCB"), 19),
        ("30", Some("Diners Club"), 19),
        ("306", None, 0),
        ("36", Some("Diners Club"), 19),
        ("6", None, 19),
        ("67", Some("Maestro"), 19),
        ("50", Some("Maestro"), 19),
        ("6011", Some("Discover"), 19),
        ("6010", Some("Maestro"), 19),
        ("62", None, 19),
        ("620", Some("UnionPay"), 19),
        ("622125", Some("UnionPay"), 19),
        ("622126", Some("Discover"), 19),
        ("622926", Some("UnionPay"), 19),
        ("643", Some("Maestro"), 19),
        ("644", Some("Discover"), 19),
        ("65", Some("Discover"), 19),
        ("81", Some("UnionPay"), 19),
        ("0", None, 0),
        ("1", None, 0),
        ("7", None, 0),
        ("9", None, 0),
    ] {
        let judged = table.judge(&digits(&vault, keyed));
        let name = judged.brand.and_then(|id| table.brand(id)).map(|brand| brand.name.as_str());
        assert_eq!((name, judged.lengths.longest()), (brand, longest), "{keyed}");
    }
}

#[test]
fn a_number_of_eight_digits_has_a_brand_or_can_be_of_none() {
    let (vault, table) = (Vault::new(2).expect("a page"), shipped());
    for number in (0..100_000_000_u32).step_by(9_973) {
        let judged = table.judge(&digits(&vault, &format!("{number:08}")));
        assert_eq!(judged.brand.is_none(), judged.lengths.is_empty(), "{number:08}");
    }
}

#[test]
fn tables_that_contradict_themselves_are_refused() {
    let brand = |name: &str, ranges: &[&str]| Brand {
        name: name.to_owned(),
        ranges: ranges.iter().map(|range| BinRange::parse(range).expect("a range")).collect(),
        lengths: Lengths::new([16]).expect("a length"),
        csc: 3,
        luhn: true,
    };
    let overlap = |one: &[&str], other: &[&str]| {
        let table = BrandTable::new(vec![brand("A", one), brand("B", other)]);
        matches!(table, Err(BrandError::Overlap(..)))
    };
    assert!(overlap(&["4"], &["4"]));
    assert!(overlap(&["4"], &["40-49"]), "the same numbers, written otherwise");
    assert!(overlap(&["51-55"], &["54-58"]));
    assert!(overlap(&["51-55", "6"], &["7", "545-561"]));
    assert!(!overlap(&["4"], &["41"]));
    assert!(!overlap(&["51-55"], &["56-58"]));
    assert_eq!(BrandTable::new(Vec::new()), Err(BrandError::HowMany));
    assert_eq!(BrandTable::new(vec![brand("A", &[])]), Err(BrandError::Incomplete("A".to_owned())));
    let twice = BrandTable::new(vec![brand("A", &["4"]), brand("A", &["5"])]);
    assert_eq!(twice, Err(BrandError::Twice("A".to_owned())));
    for wrong in ["", "x", "4-", "-4", "51-5", "55-51", "123456789", "+4", "4-5-6"] {
        assert_eq!(BinRange::parse(wrong), None, "{wrong}");
    }
    assert_eq!(Lengths::new([11]), None);
    assert_eq!(Lengths::new([20]), None);
}
