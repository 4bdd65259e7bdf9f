//! What agents type, as pages send it, and what is said beside a field that may not be so.

use std::borrow::Cow;
use std::collections::BTreeMap;

use payment::details::check;
use payment::{CardMonth, Details, Money, Text, TextWrong, TypedWrong};
use serde::Deserialize;

use super::amount::{self, AmountError};

/// What is said beside each field, by the field's name: the `errors` of an answer 422.
pub type Errors = BTreeMap<&'static str, Cow<'static, str>>;

type WithMonth = fn(Details, CardMonth) -> Result<Details, TypedWrong>;

/// A new payment as it was typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of its name")]
pub struct TypedOrder {
    pub amount: String,
    pub currency: String,
    #[serde(default)]
    pub order: String,
}

/// The details as they were typed; what is left out was not asked for.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is the field of its name")]
pub struct TypedDetails {
    pub expiry: String,
    pub valid_from: String,
    pub issue: String,
    pub name: String,
    pub street: String,
    pub town: String,
    pub postcode: String,
    pub country: String,
}

impl TypedOrder {
    /// Money and order, spaces around it left out; `currencies` are those that the tenant takes.
    ///
    /// # Errors
    /// What is said beside `amount`, `currency`, `order`.
    pub fn read(&self, currencies: &[String]) -> Result<(Money, &str), Errors> {
        let mut errors = Errors::new();
        let is_taken = currencies.contains(&self.currency);
        let money = amount::parse(&self.amount, &self.currency);
        match money {
            Err(AmountError::Currency) => {}
            Err(why) => drop(errors.insert("amount", why.to_string().into())),
            Ok(_) => {}
        }
        if !is_taken || money == Err(AmountError::Currency) {
            errors.insert("currency", AmountError::Currency.to_string().into());
        }
        let order = check(&self.order);
        if let Err(why) = order {
            errors.insert("order", text_wrong(why).into());
        }
        match (money, order) {
            (Ok(money), Ok(order)) if errors.is_empty() => Ok((money, order)),
            _ => Err(errors),
        }
    }
}

impl TypedDetails {
    /// The details; a date that was not typed is not in them.
    ///
    /// # Errors
    /// What is said beside each field.
    pub fn read(&self) -> Result<Details, Errors> {
        let mut errors = Errors::new();
        let mut details = Details::new();
        let mut take = |name: &'static str, change: Result<Details, Cow<'static, str>>| match change {
            Ok(changed) => Some(changed),
            Err(why) => {
                errors.insert(name, why);
                None
            }
        };
        let months: [(_, &str, WithMonth); 2] = [
            ("expiry", &self.expiry, Details::with_expiry),
            ("valid_from", &self.valid_from, Details::with_valid_from),
        ];
        for (name, typed, with) in months {
            if typed.trim().is_empty() {
                continue;
            }
            let changed =
                month(typed).ok_or(TypedWrong::Month).and_then(|month| with(details.clone(), month));
            details = take(name, changed.map_err(|why| wrong(why).into())).unwrap_or(details);
        }
        let issue = self.issue.trim();
        if !issue.is_empty() {
            let is_number = issue.len() <= 2 && issue.bytes().all(|byte| byte.is_ascii_digit());
            let number = issue.parse().ok().filter(|_| is_number).ok_or(TypedWrong::Issue);
            let changed = number.and_then(|number| details.clone().with_issue(number));
            details = take("issue", changed.map_err(|why| wrong(why).into())).unwrap_or(details);
        }
        let texts = [
            ("name", Text::Name, &self.name),
            ("street", Text::Street, &self.street),
            ("town", Text::Town, &self.town),
            ("postcode", Text::Postcode, &self.postcode),
            ("country", Text::Country, &self.country),
        ];
        for (name, text, typed) in texts {
            let changed = details.clone().with(text, typed).map_err(|why| wrong(why).into());
            details = take(name, changed).unwrap_or(details);
        }
        if errors.is_empty() { Ok(details) } else { Err(errors) }
    }
}

/// What is said where the expiry was neither keyed nor typed: [`payment::Handled::NoExpiry`].
pub fn no_expiry() -> Errors {
    Errors::from([("expiry", "Type the expiry date.".into())])
}

/// `MM/YY`, `MMYY` or `MM/YYYY` of this century, spaces left out.
fn month(typed: &str) -> Option<CardMonth> {
    let typed: String = typed.chars().filter(|letter| *letter != ' ').collect();
    let (month, year) = match typed.split_once(['/', '-', '.']) {
        Some(parts) => parts,
        None if typed.len() == 4 && typed.is_ascii() => typed.split_at(2),
        None => return None,
    };
    let year = if year.len() == 4 { year.strip_prefix("20")? } else { year };
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(month.len(), 1 | 2) || year.len() != 2 || !is_number(month) || !is_number(year) {
        return None;
    }
    Some(CardMonth { month: month.parse().ok()?, year: year.parse().ok()? })
}

const fn wrong(why: TypedWrong) -> &'static str {
    match why {
        TypedWrong::Text(_, why) => text_wrong(why),
        TypedWrong::Country => "Choose a country from the list.",
        TypedWrong::Month => "Type month and year, such as 09/29.",
        TypedWrong::Issue => "Type one or two digits.",
    }
}

const fn text_wrong(why: TextWrong) -> &'static str {
    match why {
        TextWrong::TooLong => "This is too long.",
        TextWrong::CardNumber => {
            "A card number must not be typed, and this looks like one. Let the caller key it instead."
        }
        TextWrong::Control => "There is a character in it that cannot be used. Type it again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(amount: &str, currency: &str, order: &str) -> TypedOrder {
        TypedOrder { amount: amount.into(), currency: currency.into(), order: order.into() }
    }

    #[test]
    fn a_new_payment_is_read_or_every_wrong_field_is_told() {
        let taken = ["GBP".to_owned(), "EUR".to_owned()];
        let typed = order("12.34", "GBP", " INV-7 ");
        assert_eq!(typed.read(&taken), Ok((Money::new(1_234, "GBP").expect("money"), "INV-7")));
        let wrong = |typed: TypedOrder| {
            let errors = typed.read(&taken).expect_err("refused");
            errors.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(wrong(order("", "GBP", "")), ["amount"]);
        assert_eq!(wrong(order("1.00", "SEK", "")), ["currency"]);
        assert_eq!(wrong(order("1.00", "???", "")), ["currency"]);
        assert_eq!(wrong(order("x", "SEK", "4111 1111 1111 1111")), ["amount", "currency", "order"]);
    }

    #[test]
    fn no_error_repeats_what_was_typed() {
        let typed = order("4111111111111111", "GBP", "4111111111111111");
        let errors = typed.read(&["GBP".to_owned()]).expect_err("refused");
        assert!(errors.values().all(|text| !text.contains("41")), "{errors:?}");
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        for typed in ["09/29", "0929", " 9/29", "09 / 29", "09/2029", "9-29"] {
            assert_eq!(month(typed), Some(CardMonth { month: 9, year: 29 }), "{typed}");
        }
        for typed in ["", "9", "929", "09/1929", "09/029", "xx/yy", "09//29", "０９29", "+9/29"] {
            assert_eq!(month(typed), None, "{typed}");
        }
    }

    #[test]
    fn details_are_read_or_every_wrong_field_is_told() {
        let typed = TypedDetails {
            expiry: "12/28".into(),
            issue: "07".into(),
            name: " Ada Byron ".into(),
            country: "GB".into(),
            ..TypedDetails::default()
        };
        let details = typed.read().expect("details");
        assert_eq!(details.expiry(), Some(CardMonth { month: 12, year: 28 }));
        assert_eq!((details.valid_from(), details.issue()), (None, Some(7)));
        assert_eq!((details.text(Text::Name), details.text(Text::Country)), ("Ada Byron", "GB"));
        let typed = TypedDetails {
            expiry: "13/28".into(),
            valid_from: "soon".into(),
            issue: "+1".into(),
            name: "4111 1111 1111 1111".into(),
            street: "x".repeat(201),
            town: "a\u{7}".into(),
            postcode: "SW1A 1AA".into(),
            country: "UK!".into(),
        };
        let errors = typed.read().expect_err("refused");
        let names: Vec<_> = errors.keys().copied().collect();
        assert_eq!(names, ["country", "expiry", "issue", "name", "street", "town", "valid_from"]);
    }
}
