//! The table of card brands as it is written: `config/brands.toml`.
//!
//! What the ranges mean for one another is told where they are used; here each is read.

use core::ops::Range;
use std::fs;
use std::path::Path;

use crate::document::{Document, Section};
use crate::model::Settings;
use crate::problem::{LoadError, Problems};

/// The table that comes with Keyhush.
const SHIPPED: &str = include_str!("../../../config/brands.toml");

const KEYS: &[&str] = &["name", "numbers", "lengths", "csc", "luhn"];

/// One brand as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrandSettings {
    /// The name.
    pub name: String,
    /// What its numbers begin with: `4`, or `2221-2720`.
    pub numbers: Vec<String>,
    /// How many digits they may have, each 12–19.
    pub lengths: Vec<u8>,
    /// Digits of the security code, 3 or 4.
    pub csc: u8,
    /// Whether the last digit is a check digit.
    pub luhn: bool,
}

impl Settings {
    /// Reads the table of card brands that these settings name, or the one that comes with Keyhush.
    ///
    /// # Errors
    /// That it cannot be read, or everything that is wrong with it.
    pub fn load_brands(&self) -> Result<Vec<BrandSettings>, LoadError> {
        match &self.brands {
            Some(file) => BrandSettings::load(file),
            None => BrandSettings::parse(Path::new("brands.toml"), SHIPPED).map_err(LoadError::Wrong),
        }
    }
}

impl BrandSettings {
    /// Reads a table of brands from a file.
    ///
    /// # Errors
    /// That it cannot be read, or everything that is wrong with it.
    pub fn load(file: &Path) -> Result<Vec<BrandSettings>, LoadError> {
        let unreadable = |error| LoadError::Unreadable { file: file.to_owned(), error };
        let text = fs::read_to_string(file).map_err(unreadable)?;
        BrandSettings::parse(file, &text).map_err(LoadError::Wrong)
    }

    /// Reads the text of such a file; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &Path, text: &str) -> Result<Vec<BrandSettings>, Problems> {
        let (mut document, table) = Document::read(text);
        let root = Section::root(&table);
        root.only(&mut document, &["brand"], |_| None);
        let sections = root.tables(&mut document, "brand");
        if sections.is_empty() && document.is_clean() {
            let remedy = "write [[brand]], and below it name, numbers, lengths and csc";
            document.problem(0..0, "brand", "there is none", "at least one [[brand]]", remedy);
        }
        let brands: Vec<_> = sections.iter().filter_map(|section| read(&mut document, section)).collect();
        if document.is_clean() {
            Ok(brands)
        } else {
            Err(Problems { file: file.to_owned(), list: document.into_problems() })
        }
    }
}

fn read(document: &mut Document<'_>, section: &Section<'_, '_>) -> Option<BrandSettings> {
    section.only(document, KEYS, |_| None);
    for key in ["name", "numbers", "lengths", "csc"] {
        if !section.has(key) {
            let (path, remedy) = (section.path(key), format!("write {key} = … below [[brand]]"));
            document.problem(section.span(), path, "it is not written", "a value", remedy);
        }
    }
    let name = section.text(document, "name").map(|(name, _)| name.to_owned());
    let numbers = section.texts(document, "numbers").map(|numbers| {
        let checked = numbers.into_iter().filter_map(|(text, at)| range(document, section, text, at));
        checked.collect::<Vec<_>>()
    });
    let lengths = section.text(document, "lengths").and_then(|(text, at)| {
        let read = lengths(text);
        if read.is_none() {
            let found = format!("\"{}\"", text.escape_debug());
            let remedy = "write \"16\", \"13, 16, 19\" or \"16-19\"";
            document.problem(at, section.path("lengths"), found, "lengths from 12 to 19", remedy);
        }
        read
    });
    let csc = section.integer(document, "csc", 3..=4_u8);
    let luhn = section.boolean(document, "luhn").unwrap_or(true);
    Some(BrandSettings { name: name?, numbers: numbers?, lengths: lengths?, csc: csc?, luhn })
}

fn range(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    text: &str,
    at: Range<usize>,
) -> Option<String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let is_number = |text: &str| (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number(low) && is_number(high) && low.len() == high.len() && low <= high {
        return Some(text.to_owned());
    }
    let found = format!("\"{}\"", text.escape_debug());
    let expected = "one to eight digits, or two such numbers with a dash between them, as many digits each";
    document.problem(at, section.path("numbers"), found, expected, "write \"4\" or \"2221-2720\"");
    None
}

/// `16`, `13, 16, 19`, `16-19`, and what these make together.
fn lengths(text: &str) -> Option<Vec<u8>> {
    let mut lengths = Vec::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high): (u8, u8) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        if low < 12 || high > 19 || low > high {
            return None;
        }
        lengths.extend(low..=high);
    }
    Some(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_loads() {
        let brands = BrandSettings::parse(Path::new("brands.toml"), SHIPPED);
        let brands = brands.map_err(|error| error.to_string()).expect("right");
        let names: Vec<&str> = brands.iter().map(|brand| brand.name.as_str()).collect();
        let all = [
            "Visa",
            "Mastercard",
            "American Express",
            "Maestro",
            "Discover",
            "Diners Club",
            "JCB",
            "UnionPay",
        ];
        assert_eq!(names, all);
        assert_eq!((brands[0].lengths.as_slice(), brands[2].csc), (&[13, 16, 19][..], 4));
        assert_eq!(brands[3].lengths, (12..=19).collect::<Vec<u8>>());
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        for (row, line, key) in [
            ("numbers = [\"4x\"]\nlengths = \"16\"\ncsc = 3", 3, "brand[1].numbers"),
            ("numbers = [\"55-51\"]\nlengths = \"16\"\ncsc = 3", 3, "brand[1].numbers"),
            ("numbers = [\"5-551\"]\nlengths = \"16\"\ncsc = 3", 3, "brand[1].numbers"),
            ("numbers = [\"4\"]\nlengths = \"11\"\ncsc = 3", 4, "brand[1].lengths"),
            ("numbers = [\"4\"]\nlengths = \"16\"\ncsc = 5", 5, "brand[1].csc"),
            ("numbers = [\"4\"]\nlengths = \"16\"", 1, "brand[1].csc"),
            ("numbers = [\"4\"]\nlengths = \"16\"\ncsc = 3\nlunh = true", 6, "brand[1].lunh"),
        ] {
            let text = format!("[[brand]]\nname = \"A\"\n{row}\n");
            let problems = BrandSettings::parse(Path::new("brands.toml"), &text).expect_err("wrong");
            let first = &problems.list[0];
            assert_eq!((first.line, first.key.as_str()), (line, key), "{problems}");
        }
        assert!(BrandSettings::parse(Path::new("brands.toml"), "").is_err(), "empty");
    }
}
