//! What texts may hold that people and PSPs give us. A card number typed into the wrong field must not rest (DESIGN section 4,
//! invariant 2).

use super::{Field, StoreError};

/// ISO/IEC 7812-1 allows 8 to 19 digits; no scheme that is taken by telephone issues fewer than 12.
const SHORTEST: usize = 12;
const LONGEST: usize = 19;

/// Whether a text holds what may be a card number: 12 to 19 digits in a row, spaces, dashes, dots, slashes and underscores between them
/// ignored, that begin with 2 to 6 and pass the Luhn check (ISO/IEC 7812-1 annex B). In a longer row any 15 or 16 digits count.
pub fn holds_card_number(text: &str) -> bool {
    // As long as it can become: a vector that grows leaves its beginning behind.
    let mut row: Vec<u8> = Vec::with_capacity(text.len());
    let mut found = false;
    for letter in text.chars() {
        match letter {
            '0'..='9' => row.push(letter as u8 - b'0'),
            ' ' | '-' | '.' | '/' | '_' => {}
            _ => {
                found |= is_card(&row);
                wipe(&mut row);
            }
        }
    }
    found |= is_card(&row);
    wipe(&mut row);
    found
}

fn wipe(row: &mut Vec<u8>) {
    zeroize::Zeroize::zeroize(row);
}

fn is_card(row: &[u8]) -> bool {
    let whole = (SHORTEST..=LONGEST).contains(&row.len()) && begins_and_sums(row);
    whole || [15, 16].iter().any(|length| row.windows(*length).any(begins_and_sums))
}

fn begins_and_sums(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    digits.first().is_some_and(|first| (2..=6).contains(first)) && sum.is_multiple_of(10)
}

fn keep(field: Field, is_fine: bool) -> Result<(), StoreError> {
    if is_fine { Ok(()) } else { Err(StoreError::Invalid(field)) }
}

fn has(text: &str, longest: usize, letters: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(letters)
}

/// A user name in lower case.
pub(super) fn user_name(text: &str) -> Result<String, StoreError> {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"._@+-".contains(&letter);
    keep(Field::UserName, has(text, 64, plain) && !holds_card_number(text))?;
    Ok(text.to_ascii_lowercase())
}

pub(super) fn tenant(text: &str) -> Result<(), StoreError> {
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    keep(Field::Tenant, has(text, 32, plain) && !holds_card_number(text))
}

/// A reference that we made. One that is random may hold a row of digits by chance; it must not be one.
pub(super) fn own(field: Field, text: &str) -> Result<(), StoreError> {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    let is_number = text.bytes().all(|letter| letter.is_ascii_digit() || letter == b'-' || letter == b'_');
    keep(field, has(text, 64, plain) && !(is_number && holds_card_number(text)))
}

pub(super) fn currency(text: &str) -> Result<(), StoreError> {
    keep(Field::Currency, text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase()))
}

pub(super) fn order_reference(text: &str) -> Result<(), StoreError> {
    keep(Field::OrderReference, may_be_order_reference(text))
}

/// Whether the merchant's name of an order can be kept with a payment: 1 to 64 letters of ASCII without a card number in them.
pub fn may_be_order_reference(text: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_graphic() || letter == b' ';
    has(text, 64, plain) && !holds_card_number(text)
}

pub(super) fn word(field: Field, text: &str) -> Result<(), StoreError> {
    keep(field, has(text, 20, |letter| letter.is_ascii_lowercase()))
}

pub(super) fn digits(field: Field, text: &str, length: usize) -> Result<(), StoreError> {
    keep(field, text.len() == length && text.bytes().all(|digit| digit.is_ascii_digit()))
}

/// What a PSP called a payment. One that looks like a card number is left out: the payment is found by our own reference as well.
pub(super) fn psp_reference(text: &str) -> Result<Option<&str>, StoreError> {
    keep(Field::PspReference, has(text, 128, |letter| letter.is_ascii_graphic()))?;
    Ok(if holds_card_number(text) { None } else { Some(text) })
}

/// A PSP's words about a payment: at most 200 letters, and none where they hold what may be a card number. An answer is never lost for
/// its words.
pub(super) fn reason(text: &str) -> String {
    if holds_card_number(text) {
        return "(withheld)".to_owned();
    }
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect()
}
