//! Brands of cards, by the digits that their numbers begin with.
//!
//! Ranges may lie within wider ones (a brand's within another's): the narrowest that holds a number decides. So a table says in
//! few lines what the issuers' lists say in many, and each digit narrows what a number can still become.

use core::fmt;

use secret::{Digits, Within};

/// A brand as a table has it: its place there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BrandId(u8);

/// Numbers whose first `width` digits lie in `low..=high`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BinRange {
    low: u32,
    high: u32,
    width: u8,
}

/// How many digits the numbers of a brand may have: a set within 12–19.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Lengths(u32);

/// One brand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brand {
    /// The name that agents see.
    pub name: String,
    /// What its numbers begin with.
    pub ranges: Vec<BinRange>,
    /// How long they are.
    pub lengths: Lengths,
    /// How long its security code is: 3 or 4.
    pub csc: u8,
    /// Whether their last digit is a check digit.
    pub luhn: bool,
}

/// All brands that are taken. Valid by construction: [`BrandTable::new`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrandTable(Vec<Brand>);

/// What the digits of a number that are there say of its brand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The brand, once it is certain.
    pub brand: Option<BrandId>,
    /// The lengths of all brands that it may still be of; none where it can be of none.
    pub lengths: Lengths,
}

/// Why there is no table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BrandError {
    /// There is no brand, or there are more than 64.
    HowMany,
    /// A brand has no range, no length, or a code of neither 3 nor 4 digits.
    Incomplete(String),
    /// Two ranges are the same, or overlap and neither holds the other.
    Overlap(String, String),
    /// Two brands have one name.
    Twice(String),
}

impl Lengths {
    /// The set of these lengths; `None` if one is not 12–19.
    pub fn new(lengths: impl IntoIterator<Item = u8>) -> Option<Self> {
        let mut set = 0;
        for length in lengths {
            if !(12..=19).contains(&length) {
                return None;
            }
            set |= 1 << length;
        }
        Some(Lengths(set))
    }

    /// Whether a number may be so long.
    pub fn contains(self, length: usize) -> bool {
        length < 32 && self.0 & (1 << length) != 0
    }

    /// The longest; 0 of the empty set.
    pub fn longest(self) -> usize {
        self.0.checked_ilog2().map_or(0, |longest| longest as usize)
    }

    /// Whether a number may be of no length at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((12..=19_usize).filter(|length| self.contains(*length))).finish()
    }
}

impl BinRange {
    /// Reads `4` or `2221-2720`: one to eight digits, on both sides as many.
    pub fn parse(text: &str) -> Option<Self> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let is_number =
            |text: &str| (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(low) || !is_number(high) || low.len() != high.len() || low > high {
            return None;
        }
        Some(BinRange { low: low.parse().ok()?, high: high.parse().ok()?, width: low.len() as u8 })
    }

    /// The numbers of eight digits in it.
    fn widened(self) -> (u32, u32) {
        let step = 10_u32.saturating_pow(u32::from(8_u8.saturating_sub(self.width)));
        (self.low * step, self.high * step + (step - 1))
    }

    fn holds(self, other: BinRange) -> bool {
        let (low, high) = self.widened();
        let (other_low, other_high) = other.widened();
        low <= other_low && other_high <= high
    }

    fn overlaps(self, other: BinRange) -> bool {
        let (low, high) = self.widened();
        let (other_low, other_high) = other.widened();
        low <= other_high && other_low <= high
    }

    fn size(self) -> u32 {
        let (low, high) = self.widened();
        high - low
    }
}

impl Brand {
    /// A brand as it is written: ranges as [`BinRange::parse`] reads them, lengths one by one.
    ///
    /// # Errors
    /// [`BrandError::Incomplete`] if a range or a length is none.
    pub fn read(
        name: String,
        ranges: &[String],
        lengths: &[u8],
        csc: u8,
        luhn: bool,
    ) -> Result<Self, BrandError> {
        let ranges: Option<Vec<BinRange>> = ranges.iter().map(|range| BinRange::parse(range)).collect();
        match (ranges, Lengths::new(lengths.iter().copied())) {
            (Some(ranges), Some(lengths)) => Ok(Brand { name, ranges, lengths, csc, luhn }),
            _ => Err(BrandError::Incomplete(name)),
        }
    }
}

impl BrandTable {
    /// A table of these brands.
    ///
    /// # Errors
    /// What is wrong with them: see [`BrandError`].
    pub fn new(brands: Vec<Brand>) -> Result<Self, BrandError> {
        if brands.is_empty() || brands.len() > 64 {
            return Err(BrandError::HowMany);
        }
        let ranges = |brands: &[Brand]| -> Vec<(usize, BinRange)> {
            let numbered = brands.iter().enumerate();
            numbered
                .flat_map(|(place, brand)| brand.ranges.iter().map(move |range| (place, *range)))
                .collect()
        };
        for (place, brand) in brands.iter().enumerate() {
            let is_whole =
                !brand.ranges.is_empty() && !brand.lengths.is_empty() && (3..=4).contains(&brand.csc);
            if !is_whole {
                return Err(BrandError::Incomplete(brand.name.clone()));
            }
            if brands.iter().take(place).any(|other| other.name == brand.name) {
                return Err(BrandError::Twice(brand.name.clone()));
            }
        }
        let name = |place: usize| brands.get(place).map(|brand| brand.name.clone()).unwrap_or_default();
        let ranges = ranges(&brands);
        for (at, (place, range)) in ranges.iter().enumerate() {
            for (other_place, other) in ranges.iter().take(at) {
                let is_nested = range.holds(*other) || other.holds(*range);
                let is_same = range.widened() == other.widened();
                if range.overlaps(*other) && (is_same || !is_nested) {
                    return Err(BrandError::Overlap(name(*other_place), name(*place)));
                }
            }
        }
        Ok(BrandTable(brands))
    }

    /// A brand of this table.
    pub fn brand(&self, id: BrandId) -> Option<&Brand> {
        self.0.get(usize::from(id.0))
    }

    /// All brands, in their order.
    pub fn brands(&self) -> impl Iterator<Item = (BrandId, &Brand)> {
        self.0.iter().enumerate().map(|(place, brand)| (BrandId(place as u8), brand))
    }

    /// What a number that begins with these digits may be of.
    pub fn judge(&self, digits: &Digits) -> Judged {
        let mut narrowest: Option<(u32, BrandId)> = None;
        for (id, range, within) in self.ranges(digits) {
            if within == Within::Yes && narrowest.is_none_or(|(size, _)| range.size() < size) {
                narrowest = Some((range.size(), id));
            }
        }
        // A range that is still open lies within the one that holds the number, since none overlap otherwise.
        let open = self.ranges(digits).filter(|(_, _, within)| *within == Within::Open).map(|(id, ..)| id);
        let mut lengths = Lengths::default();
        let mut brand = narrowest.map(|(_, id)| id);
        let mut is_certain = true;
        for id in open.chain(brand) {
            lengths.0 |= self.brand(id).map_or(0, |brand| brand.lengths.0);
            is_certain &= brand.is_none_or(|brand| brand == id);
            brand = Some(id);
        }
        Judged { brand: brand.filter(|_| is_certain), lengths }
    }

    fn ranges(&self, digits: &Digits) -> impl Iterator<Item = (BrandId, BinRange, Within)> {
        self.brands().flat_map(move |(id, brand)| {
            let ranges = brand.ranges.iter();
            ranges.map(move |range| (id, *range, digits.leading_within(range.low, range.high, range.width)))
        })
    }
}

impl fmt::Display for BrandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BrandError::HowMany => f.write_str("there must be 1 to 64 brands"),
            BrandError::Incomplete(name) => {
                write!(f, "{name}: it needs a range, a length of 12 to 19, and a code of 3 or 4 digits")
            }
            BrandError::Overlap(one, other) => {
                write!(
                    f,
                    "{one} and {other}: two ranges are the same, or overlap and neither holds the other"
                )
            }
            BrandError::Twice(name) => write!(f, "{name}: it is there twice"),
        }
    }
}

impl core::error::Error for BrandError {}

#[cfg(test)]
pub(crate) mod tests;
