//! Telephone numbers: how a tenant's are written, and how a call's are read.
//!
//! | written | means |
//! |---|---|
//! | `+442071838750` | this number |
//! | `+442071838750-59` | as many last digits as stand after the hyphen run from the first number's to these |
//! | `+44207183*` | every number that begins so, of any length |

use core::fmt;

/// ITU-T E.164 section 6: at most 15 digits, and no country code begins with 0.
const DIGITS_MAX: usize = 15;

/// Numbers that belong together, without the `+`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// The numbers of `length` digits from `first` to `last`.
    Range {
        /// How many digits each has.
        length: u8,
        /// The first of them.
        first: u64,
        /// The last of them, no smaller than the first.
        last: u64,
    },
    /// Every number whose first `length` digits are `value`.
    Prefix {
        /// How many digits it has.
        length: u8,
        /// The digits.
        value: u64,
    },
}

/// Why a text names no numbers.
pub(crate) struct Unclear {
    pub(crate) expected: &'static str,
    pub(crate) remedy: String,
}

impl Numbers {
    /// Reads what a tenant's file says. Spaces are for the reader's eye.
    pub(crate) fn parse(text: &str) -> Result<Numbers, Unclear> {
        let unclear = |expected, remedy: String| Err(Unclear { expected, remedy });
        let bare: String = text.chars().filter(|letter| *letter != ' ').collect();
        let Some(rest) = bare.strip_prefix('+') else {
            let remedy = match bare.strip_prefix("00") {
                Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => {
                    format!("write \"+{rest}\"")
                }
                _ => "write the country code: \"+442071838750\"".to_owned(),
            };
            return unclear("a number in E.164, with + and country code", remedy);
        };
        let (digits, end) = match (rest.strip_suffix('*'), rest.split_once('-')) {
            (Some(prefix), _) => (prefix, None),
            (None, Some((first, last))) => (first, Some(last)),
            (None, None) => (rest, None),
        };
        let is_prefix = rest.ends_with('*');
        let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !plain(digits) || digits.starts_with('0') || !end.is_none_or(plain) {
            return unclear(
                "+ and digits, then perhaps -59 for a range or * for everything that begins so",
                "write \"+442071838750\", \"+442071838750-59\" or \"+44207183*\"".to_owned(),
            );
        }
        if digits.len() > DIGITS_MAX {
            return unclear("at most 15 digits", "remove what does not belong to the number".to_owned());
        }
        let Some((length, first)) = value(digits) else {
            return unclear("at most 15 digits", "shorten it".to_owned());
        };
        if is_prefix {
            return Ok(Numbers::Prefix { length, value: first });
        }
        let last = match end {
            None => first,
            Some(end) if end.len() > digits.len() => {
                return unclear(
                    "no more digits after the hyphen than before it",
                    "after the hyphen write only the last number's last digits".to_owned(),
                );
            }
            Some(end) => {
                let kept = &digits[..digits.len() - end.len()];
                value(&format!("{kept}{end}")).map_or(first, |(_, last)| last)
            }
        };
        if last < first {
            return unclear(
                "a last number that is no smaller than the first",
                format!(
                    "write the smaller one first: \"+{last}-{}\"",
                    &digits[digits.len().saturating_sub(end.map_or(0, str::len))..]
                ),
            );
        }
        Ok(Numbers::Range { length, first, last })
    }

    /// Whether a number could be in both.
    pub(crate) fn overlaps(self, other: Numbers) -> bool {
        match (self, other) {
            (
                Numbers::Range { length, first, last },
                Numbers::Range { length: length2, first: first2, last: last2 },
            ) => length == length2 && first <= last2 && first2 <= last,
            (Numbers::Prefix { length, value }, Numbers::Range { length: long, first, last })
            | (Numbers::Range { length: long, first, last }, Numbers::Prefix { length, value }) => {
                long >= length && {
                    let rest = 10u64.pow(u32::from(long - length));
                    first / rest <= value && value <= last / rest
                }
            }
            (Numbers::Prefix { length, value }, Numbers::Prefix { length: length2, value: value2 }) => {
                let least = length.min(length2);
                let cut = |value: u64, length: u8| value / 10u64.pow(u32::from(length - least));
                cut(value, length) == cut(value2, length2)
            }
        }
    }

    /// The first and the last number, filled up with digits to the longest length: numbers that overlap have such
    /// spans that overlap.
    pub(crate) fn span(self) -> (u64, u64) {
        let (length, first, last) = match self {
            Numbers::Range { length, first, last } => (length, first, last),
            Numbers::Prefix { length, value } => (length, value, value),
        };
        let rest = 10u64.pow(15 - u32::from(length).min(15));
        (first * rest, last * rest + (rest - 1))
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Numbers::Prefix { value, .. } => write!(f, "+{value}*"),
            Numbers::Range { first, last, .. } if first == last => write!(f, "+{first}"),
            Numbers::Range { first, last, .. } => {
                let (first, last) = (first.to_string(), last.to_string());
                let same = first.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
                write!(f, "+{first}-{}", &last[same..])
            }
        }
    }
}

fn value(digits: &str) -> Option<(u8, u64)> {
    let length = u8::try_from(digits.len()).ok()?;
    Some((length, digits.parse().ok()?))
}

/// The digits of a number as SIP carries it, without `+`: how many, and their value. `+44…`, `0044…` and `44…` are the same; visual
/// separators (RFC 3966 section 5.1.1), `tel:`, `sip:` and `sips:` with host and parameters, and angle brackets are taken off. A
/// number that says where it is valid otherwise than by `+` (a national one with its 0, one with `phone-context`) is none.
pub(crate) fn normalise(text: &str) -> Option<(u8, u64)> {
    let inside =
        text.rsplit_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or(rest)).trim();
    let inside = match inside.split_once(':') {
        Some((scheme, rest))
            if ["tel", "sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) =>
        {
            rest
        }
        _ => inside,
    };
    let user = inside.split('@').next().unwrap_or(inside);
    let mut parts = user.split(';');
    // What follows a colon is a password (RFC 3261 section 19.1.1), or the port of an address without a user.
    let number = parts.next()?.split(':').next()?;
    let local = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, context)| {
            name.eq_ignore_ascii_case("phone-context") && !number.starts_with('+') && !context.is_empty()
        })
    };
    if parts.any(local) {
        return None;
    }
    let number = match number.get(..3) {
        Some(escaped) if escaped.eq_ignore_ascii_case("%2B") => &number[3..],
        _ => number.strip_prefix('+').or_else(|| number.strip_prefix("00")).unwrap_or(number),
    };
    let mut digits = [0u8; DIGITS_MAX];
    let mut length = 0;
    for letter in number.bytes() {
        match letter {
            b'0'..=b'9' => {
                *digits.get_mut(length)? = letter;
                length += 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' => {}
            _ => return None,
        }
    }
    let digits = core::str::from_utf8(&digits[..length]).ok()?;
    if digits.is_empty() || digits.starts_with('0') {
        return None;
    }
    value(digits)
}
