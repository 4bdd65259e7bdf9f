//! Amounts as agents write and read them: with the decimals that ISO 4217 gives each currency.

use std::fmt;

use payment::Money;

/// A currency in which payments are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Currency {
    /// Three capital letters.
    pub code: &'static str,
    /// Digits after the point: the exponent of ISO 4217's table A.1.
    pub decimals: u8,
    /// What stands before an amount; `None` where its code stands behind, because no sign is its alone.
    pub sign: Option<&'static str>,
}

const fn currency(code: &'static str, decimals: u8, sign: Option<&'static str>) -> Currency {
    Currency { code, decimals, sign }
}

/// Every currency that is known here, by its code.
pub const CURRENCIES: &[Currency] = &[
    currency("AED", 2, None),
    currency("AUD", 2, Some("A$")),
    currency("BGN", 2, None),
    currency("BHD", 3, None),
    currency("BRL", 2, Some("R$")),
    currency("CAD", 2, Some("C$")),
    currency("CHF", 2, None),
    currency("CLP", 0, None),
    currency("CNY", 2, None),
    currency("COP", 2, None),
    currency("CZK", 2, None),
    currency("DKK", 2, None),
    currency("EGP", 2, None),
    currency("EUR", 2, Some("€")),
    currency("GBP", 2, Some("£")),
    currency("HKD", 2, Some("HK$")),
    currency("HUF", 2, None),
    currency("IDR", 2, None),
    currency("ILS", 2, Some("₪")),
    currency("INR", 2, Some("₹")),
    currency("ISK", 0, None),
    currency("JOD", 3, None),
    currency("JPY", 0, Some("¥")),
    currency("KES", 2, None),
    currency("KRW", 0, Some("₩")),
    currency("KWD", 3, None),
    currency("MAD", 2, None),
    currency("MXN", 2, None),
    currency("MYR", 2, None),
    currency("NGN", 2, Some("₦")),
    currency("NOK", 2, None),
    currency("NZD", 2, Some("NZ$")),
    currency("OMR", 3, None),
    currency("PEN", 2, None),
    currency("PHP", 2, Some("₱")),
    currency("PLN", 2, None),
    currency("QAR", 2, None),
    currency("RON", 2, None),
    currency("RSD", 2, None),
    currency("SAR", 2, None),
    currency("SEK", 2, None),
    currency("SGD", 2, Some("S$")),
    currency("THB", 2, Some("฿")),
    currency("TND", 3, None),
    currency("TRY", 2, Some("₺")),
    currency("TWD", 2, Some("NT$")),
    currency("UAH", 2, Some("₴")),
    currency("USD", 2, Some("US$")),
    currency("VND", 0, Some("₫")),
    currency("ZAR", 2, None),
];

/// The most that is taken, in the smallest unit: twelve digits, as many as a card network's message has room for (ISO 8583,
/// data element 4).
pub const MOST: u64 = 999_999_999_999;

/// Why an amount may not be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AmountError {
    /// The currency is none of [`CURRENCIES`].
    Currency,
    /// Nothing was written.
    Empty,
    /// It is no amount: other characters than digits and one point.
    Malformed,
    /// The currency has so many digits after the point, or none at all.
    Decimals(u8),
    /// It is nothing.
    NotPositive,
    /// It is more than [`MOST`].
    TooLarge,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AmountError::Currency => f.write_str("Choose one of the currencies offered."),
            AmountError::Empty => f.write_str("Type the amount."),
            AmountError::Malformed => {
                f.write_str("Type digits and at most one point, such as 1250.00, without commas or spaces.")
            }
            AmountError::Decimals(0) => f.write_str("This currency has no decimals: type a whole number."),
            AmountError::Decimals(decimals) => {
                write!(f, "Type {decimals} digits after the point, or a whole number.")
            }
            AmountError::NotPositive => f.write_str("The amount must be more than nothing."),
            AmountError::TooLarge => f.write_str("The amount is too large."),
        }
    }
}

impl core::error::Error for AmountError {}

/// The currency of a code.
pub fn known(code: &str) -> Option<&'static Currency> {
    CURRENCIES.iter().find(|currency| currency.code == code)
}

/// Reads an amount such as `12.34`, or `12` for `12.00`, in the currency `code`; its sign may stand before it.
/// `12.3` is refused, because nobody knows which digit is missing.
///
/// # Errors
/// Why it may not be.
pub fn parse(typed: &str, code: &str) -> Result<Money, AmountError> {
    let currency = known(code).ok_or(AmountError::Currency)?;
    let typed = typed.trim();
    let number = currency.sign.and_then(|sign| typed.strip_prefix(sign)).unwrap_or(typed).trim_start();
    if number.is_empty() {
        return Err(AmountError::Empty);
    }
    let (whole, decimals) = match number.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (number, None),
    };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || decimals.is_some_and(|decimals| !is_number(decimals)) {
        return Err(AmountError::Malformed);
    }
    let places = usize::from(currency.decimals);
    if decimals.is_some_and(|decimals| places == 0 || decimals.len() != places) {
        return Err(AmountError::Decimals(currency.decimals));
    }
    let zeros = if decimals.is_some() { 0 } else { places };
    let digits = whole.bytes().chain(decimals.unwrap_or_default().bytes());
    let minor = digits.chain(std::iter::repeat_n(b'0', zeros)).try_fold(0_u64, |minor, digit| {
        minor.checked_mul(10)?.checked_add(u64::from(digit - b'0')).filter(|minor| *minor <= MOST)
    });
    let minor = minor.ok_or(AmountError::TooLarge)?;
    Money::new(minor, code).ok_or(AmountError::NotPositive)
}

/// Writes an amount as it is read aloud: `£1,234.50`, `1,234.50 SEK`, `¥1,235`. A currency that is not known here is written in
/// its smallest unit, as nobody can tell how many decimals it has.
pub fn text(money: Money) -> String {
    let currency = known(money.currency());
    let places = currency.map_or(0, |currency| usize::from(currency.decimals));
    let digits = format!("{:0width$}", money.minor, width = places + 1);
    let (whole, decimals) = digits.split_at(digits.len() - places);
    let mut number = String::with_capacity(digits.len() * 2);
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            number.push(',');
        }
        number.push(digit);
    }
    if places > 0 {
        number.push('.');
        number.push_str(decimals);
    }
    match currency.and_then(|currency| currency.sign) {
        Some(sign) => format!("{sign}{number}"),
        None => format!("{number} {}", money.currency()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minor(typed: &str, code: &str) -> Result<u64, AmountError> {
        parse(typed, code).map(|money| money.minor)
    }

    #[test]
    fn amounts_are_read_in_the_smallest_unit() {
        for (typed, code, expected) in [
            ("12.34", "GBP", 1_234),
            (" 12 ", "GBP", 1_200),
            ("£12.34", "GBP", 1_234),
            ("€ 7.00", "EUR", 700),
            ("0.01", "SEK", 1),
            ("0012.00", "GBP", 1_200),
            ("500", "JPY", 500),
            ("1.250", "KWD", 1_250),
            ("9999999999.99", "GBP", MOST),
        ] {
            assert_eq!(minor(typed, code), Ok(expected), "{typed} {code}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_the_reason() {
        for (typed, code, why) in [
            ("", "GBP", AmountError::Empty),
            (" £ ", "GBP", AmountError::Empty),
            ("12.34", "XXX", AmountError::Currency),
            ("12.34", "gbp", AmountError::Currency),
            ("12,34", "EUR", AmountError::Malformed),
            ("1,234.00", "GBP", AmountError::Malformed),
            ("-1.00", "GBP", AmountError::Malformed),
            ("1e3", "GBP", AmountError::Malformed),
            (".50", "GBP", AmountError::Malformed),
            ("12.", "GBP", AmountError::Malformed),
            ("1.2.3", "GBP", AmountError::Malformed),
            ("£12.34", "EUR", AmountError::Malformed),
            ("１２", "GBP", AmountError::Malformed),
            ("12.3", "GBP", AmountError::Decimals(2)),
            ("12.345", "GBP", AmountError::Decimals(2)),
            ("12.34", "KWD", AmountError::Decimals(3)),
            ("12.00", "JPY", AmountError::Decimals(0)),
            ("0", "GBP", AmountError::NotPositive),
            ("0.000", "KWD", AmountError::NotPositive),
            ("10000000000", "GBP", AmountError::TooLarge),
            ("99999999999999999999999999", "JPY", AmountError::TooLarge),
        ] {
            assert_eq!(minor(typed, code), Err(why), "{typed} {code}");
        }
    }

    #[test]
    fn amounts_are_written_as_they_are_read_aloud() {
        let written = |minor, code| text(Money::new(minor, code).expect("money"));
        assert_eq!(written(1_234, "GBP"), "£12.34");
        assert_eq!(written(1_234, "SEK"), "12.34 SEK");
        assert_eq!(written(5, "EUR"), "€0.05");
        assert_eq!(written(123_456_789, "USD"), "US$1,234,567.89");
        assert_eq!(written(1_000, "JPY"), "¥1,000");
        assert_eq!(written(1_250, "KWD"), "1.250 KWD");
        assert_eq!(written(1_250, "XTS"), "1,250 XTS");
    }

    #[test]
    fn currencies_are_in_order_and_well_formed() {
        assert!(CURRENCIES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for currency in CURRENCIES {
            assert!(Money::new(1, currency.code).is_some() && currency.decimals <= 3, "{}", currency.code);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_amount_or_an_error(typed in "\\PC{0,40}") {
            for currency in CURRENCIES {
                let _ = parse(&typed, currency.code);
            }
        }

        #[test]
        fn what_is_written_is_read_again(minor in 1..=MOST, at in 0..CURRENCIES.len()) {
            let money = Money::new(minor, CURRENCIES[at].code).expect("money");
            let written = text(money).replace(',', "");
            let number = written.strip_suffix(CURRENCIES[at].code).unwrap_or(&written);
            prop_assert_eq!(parse(number, CURRENCIES[at].code), Ok(money));
        }
    }
}
