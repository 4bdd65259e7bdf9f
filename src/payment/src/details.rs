//! What the agent types: dates, name, address. Text of bounded length in which no card number hides.

use core::fmt;

use crate::capture::CardMonth;

/// The most bytes of a text.
pub const LONGEST_TEXT: usize = 200;

/// What an agent types beside what the caller keys.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Details {
    expiry: Option<CardMonth>,
    valid_from: Option<CardMonth>,
    issue: Option<u8>,
    texts: [String; Text::ALL.len()],
}

/// A text that an agent types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Text {
    /// The name on the card.
    Name,
    /// Street and number.
    Street,
    /// Town.
    Town,
    /// Postcode.
    Postcode,
    /// Country, two capital letters (ISO 3166-1), or nothing.
    Country,
}

/// Why something typed was refused. It says nothing of what it was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TypedWrong {
    /// A text may not be.
    Text(Text, TextWrong),
    /// It is no country's code.
    Country,
    /// There is no such month.
    Month,
    /// An issue number has two digits at most.
    Issue,
}

/// Why a text may not be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TextWrong {
    /// Longer than [`LONGEST_TEXT`].
    TooLong,
    /// A card number is in it.
    CardNumber,
    /// A control character is in it.
    Control,
}

impl Text {
    /// All of them.
    pub const ALL: [Text; 5] = [Text::Name, Text::Street, Text::Town, Text::Postcode, Text::Country];
}

impl Details {
    /// Nothing typed.
    pub fn new() -> Self {
        Details::default()
    }

    /// The expiry as it was typed.
    ///
    /// # Errors
    /// There is no such month.
    pub fn with_expiry(mut self, expiry: CardMonth) -> Result<Self, TypedWrong> {
        self.expiry = Some(checked(expiry)?);
        Ok(self)
    }

    /// Valid from as it was typed.
    ///
    /// # Errors
    /// There is no such month.
    pub fn with_valid_from(mut self, valid_from: CardMonth) -> Result<Self, TypedWrong> {
        self.valid_from = Some(checked(valid_from)?);
        Ok(self)
    }

    /// The issue number as it was typed.
    ///
    /// # Errors
    /// It has more than two digits.
    pub fn with_issue(mut self, issue: u8) -> Result<Self, TypedWrong> {
        if issue > 99 {
            return Err(TypedWrong::Issue);
        }
        self.issue = Some(issue);
        Ok(self)
    }

    /// A text as it was typed, spaces around it left out.
    ///
    /// # Errors
    /// It is too long, holds what it must not, or is not of its kind.
    pub fn with(mut self, text: Text, typed: &str) -> Result<Self, TypedWrong> {
        let typed = check(typed).map_err(|wrong| TypedWrong::Text(text, wrong))?;
        let is_country =
            typed.is_empty() || typed.len() == 2 && typed.bytes().all(|b| b.is_ascii_uppercase());
        if text == Text::Country && !is_country {
            return Err(TypedWrong::Country);
        }
        if let Some(place) = self.texts.get_mut(text as usize) {
            typed.clone_into(place);
        }
        Ok(self)
    }

    /// The expiry, if it was typed.
    pub fn expiry(&self) -> Option<CardMonth> {
        self.expiry
    }

    /// Valid from, if it was typed.
    pub fn valid_from(&self) -> Option<CardMonth> {
        self.valid_from
    }

    /// The issue number, if it was typed.
    pub fn issue(&self) -> Option<u8> {
        self.issue
    }

    /// A text; empty where none was typed.
    pub fn text(&self, text: Text) -> &str {
        self.texts.get(text as usize).map_or("", String::as_str)
    }
}

// A name and an address are nobody's business in a log.
impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Details(_)")
    }
}

/// A text that somebody typed and that will be kept, spaces around it left out: every one goes through here first.
///
/// # Errors
/// Why it may not be.
pub fn check(typed: &str) -> Result<&str, TextWrong> {
    let typed = typed.trim();
    if typed.len() > LONGEST_TEXT {
        return Err(TextWrong::TooLong);
    }
    if typed.chars().any(char::is_control) {
        return Err(TextWrong::Control);
    }
    if holds_card_number(typed) {
        return Err(TextWrong::CardNumber);
    }
    Ok(typed)
}

fn checked(month: CardMonth) -> Result<CardMonth, TypedWrong> {
    let is_one = (1..=12).contains(&month.month) && month.year <= 99;
    if is_one { Ok(month) } else { Err(TypedWrong::Month) }
}

/// Whether 12–19 digits in a row, spaces and dashes between them or not, have the check digit of a card number. Longer rows are
/// searched for such a number too.
pub fn holds_card_number(text: &str) -> bool {
    let mut row: Vec<u8> = Vec::with_capacity(text.len());
    for letter in text.chars().chain(['.']) {
        // Digits of any script: who means to hide a number may type them.
        match letter {
            '0'..='9' => row.push(letter as u8 - b'0'),
            '\u{ff10}'..='\u{ff19}' => row.push((letter as u32 - 0xff10) as u8),
            ' ' | '-' | '\u{a0}' | '\u{2010}'..='\u{2015}' => {}
            _ => {
                let found = (0..row.len()).any(|start| {
                    (12..=19).any(|length| row.get(start..start + length).is_some_and(passes_luhn))
                });
                // Of a row that may be one number, only the whole counts: an order number is not searched for parts.
                let is_whole = (12..=19).contains(&row.len());
                if if is_whole { passes_luhn(&row) } else { row.len() > 19 && found } {
                    row.fill(0);
                    return true;
                }
                row.fill(0);
                row.clear();
            }
        }
    }
    false
}

fn passes_luhn(digits: &[u8]) -> bool {
    let doubled = |(place, digit): (usize, &u8)| {
        let digit = u32::from(*digit);
        if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    };
    digits.iter().rev().enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_in_a_text_are_found() {
        for text in [
            "4111111111111111",
            "card 4111 1111 1111 1111, thanks",
            "4111-1111-1111-1111",
            "4111\u{2011}1111\u{2011}1111\u{2011}1111",
            "3782 822463 10005.",
            "ref00004111111111111111000",
            "\u{ff14}\u{ff11}11111111111111",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
        for text in
            ["", "4111111111111112", "12 Main Street, flat 4", "+44 20 7946 0958", "4111 1111 1111 x 1111"]
        {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn what_is_typed_is_bounded_and_checked() {
        let typed = |text, typed: &str| Details::new().with(text, typed);
        assert_eq!(
            typed(Text::Name, &"x".repeat(201)),
            Err(TypedWrong::Text(Text::Name, TextWrong::TooLong))
        );
        assert_eq!(
            typed(Text::Street, "4111111111111111"),
            Err(TypedWrong::Text(Text::Street, TextWrong::CardNumber))
        );
        assert_eq!(typed(Text::Town, "a\nb"), Err(TypedWrong::Text(Text::Town, TextWrong::Control)));
        assert_eq!(typed(Text::Country, "Germany"), Err(TypedWrong::Country));
        let details = typed(Text::Name, "  Ada Byron ").expect("a name");
        assert_eq!((details.text(Text::Name), details.text(Text::Town)), ("Ada Byron", ""));
        assert_eq!(format!("{details:?}"), "Details(_)");
        let month = |month, year| Details::new().with_expiry(CardMonth { month, year }).is_ok();
        assert!(month(1, 0) && month(12, 99) && !month(0, 30) && !month(13, 30) && !month(1, 100));
        assert_eq!(Details::new().with_issue(100), Err(TypedWrong::Issue));
    }
}
