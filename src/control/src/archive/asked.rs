//! What a search asks, read from its address. A field that is empty asks nothing.

use serde::Serialize;

use super::when;
use crate::store::{RecordingFilter, Timestamp};

/// Recordings of a page where nothing else is asked.
const PAGE: u32 = 50;
/// The longest field.
const LONGEST: usize = 100;

/// The fields as they were written, to be shown again.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Debug)]
pub(crate) struct Asked {
    /// A date, or a date and time, in UTC.
    pub(crate) from: String,
    /// The same; a date lasts to its end.
    pub(crate) to: String,
    /// A part of the caller's number or the one that was called.
    pub(crate) number: String,
    /// A user name.
    pub(crate) agent: String,
    /// An order reference.
    pub(crate) order: String,
}

/// A search that can be made.
pub(crate) struct Search {
    /// As it was written.
    pub(crate) asked: Asked,
    /// What it wants; one more than is shown, to see whether there are more.
    pub(crate) filter: RecordingFilter,
    /// How many are shown.
    pub(crate) shown: usize,
}

/// A field that cannot be understood: its name, and what to write instead.
pub(crate) type Misread = (&'static str, &'static str);

impl Search {
    /// Reads the part of an address after the `?`, for one tenant.
    pub(crate) fn read(query: &str, tenant: &str) -> (Self, Option<Misread>) {
        let (mut asked, mut limit, mut after) = (Asked::default(), PAGE, None);
        let mut misread = None;
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = decoded(value);
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            if value.len() > LONGEST {
                misread = Some(("search", "Use at most 100 letters a field."));
                continue;
            }
            match name {
                "from" => asked.from = value.to_owned(),
                "to" => asked.to = value.to_owned(),
                "number" => asked.number = value.to_owned(),
                "agent" => asked.agent = value.to_owned(),
                "order" => asked.order = value.to_owned(),
                "limit" => match value.parse::<u32>() {
                    Ok(number @ 1..=200) => limit = number,
                    _ => misread = Some(("limit", "Ask for 1 to 200 recordings.")),
                },
                "after" => match cursor(value) {
                    Some(read) => after = Some(read),
                    None => misread = Some(("after", "This is not where an answer ended.")),
                },
                _ => (),
            }
        }
        const TIME: &str = "Write a date such as 2026-01-31, or a date and time such as 2026-01-31 14:05.";
        let mut time = |text: &str, field, ends: bool| {
            let read = when::read(text);
            if read.is_none() && !text.is_empty() {
                misread = Some((field, TIME));
            }
            read.map(|(at, lasts)| {
                Timestamp::from_unix_millis(at.unix_millis() + if ends { lasts } else { 0 })
            })
        };
        let (from, to) = (time(&asked.from, "from", false), time(&asked.to, "to", true));
        let number = digits(&asked.number);
        if number.is_none() && !asked.number.is_empty() {
            misread = Some(("number", "Write a telephone number, or some digits of it."));
        }
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let filter = RecordingFilter {
            tenant: Some(tenant.to_owned()),
            from,
            to,
            number,
            agent: some(&asked.agent.to_ascii_lowercase()),
            order: some(&asked.order),
            after,
            limit: limit + 1,
        };
        (Search { asked, filter, shown: limit as usize }, misread)
    }

    /// The address of what comes after a recording, from the `?` on.
    pub(crate) fn further(&self, after: &str) -> String {
        let fields = [
            ("from", &self.asked.from),
            ("to", &self.asked.to),
            ("number", &self.asked.number),
            ("agent", &self.asked.agent),
            ("order", &self.asked.order),
        ];
        let mut query = String::from("?");
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            query = format!("{query}{name}={}&", encoded(value));
        }
        format!("{query}after={}", encoded(after))
    }
}

/// Where an answer ended: the beginning of its last recording, and its name.
pub(crate) fn cursor_of(began: Timestamp, name: &str) -> String {
    format!("{}.{name}", began.unix_millis())
}

fn cursor(text: &str) -> Option<(Timestamp, String)> {
    let (began, name) = text.split_once('.')?;
    let is_name = recording::store::is_name(name);
    is_name
        .then(|| began.parse().ok())
        .flatten()
        .map(|began| (Timestamp::from_unix_millis(began), name.to_owned()))
}

/// The digits by which a number is found in whatever form it was kept: without what stands for the way abroad or within the country.
fn digits(text: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_digit() || " +-./()*#".contains(letter);
    if !text.chars().all(is_plain) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let found = digits.trim_start_matches('0');
    (!found.is_empty()).then(|| found.to_owned())
}

/// `application/x-www-form-urlencoded`, as forms write it (URL Standard section 5.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digits = rest.clone();
                let mut digit = || char::from(digits.next()?).to_digit(16);
                match (digit(), digit()) {
                    (Some(high), Some(low)) => {
                        rest = digits;
                        (high << 4 | low) as u8
                    }
                    _ => b'%',
                }
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |written, byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' => {
            format!("{written}{}", char::from(byte))
        }
        other => format!("{written}%{other:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_as_a_form_writes_it() {
        let query =
            "from=2026-01-31&to=2026-01-31+14%3A05&number=%2B44+%280%29&agent=Anna&order=a%26b&limit=7";
        let (search, misread) = Search::read(query, "one");
        assert_eq!(misread, None);
        let RecordingFilter { tenant, from, to, number, agent, order, after, limit } = search.filter;
        let day = 1_769_817_600_000;
        assert_eq!(
            (from, to),
            (Some(Timestamp::from_unix_millis(day)), Some(Timestamp::from_unix_millis(day + 50_760_000)))
        );
        assert_eq!(
            (tenant.as_deref(), number.as_deref(), agent.as_deref()),
            (Some("one"), Some("440"), Some("anna"))
        );
        assert_eq!((order.as_deref(), after, limit, search.shown), (Some("a&b"), None, 8, 7));
    }

    #[test]
    fn a_national_number_is_found_in_its_international_form() {
        assert_eq!(digits("020 7946 0000").as_deref(), Some("2079460000"));
        assert_eq!(digits("0044 20 7946").as_deref(), Some("44207946"));
        assert_eq!([digits("anna"), digits("+"), digits("00")], [None, None, None]);
    }

    #[test]
    fn where_an_answer_ended_comes_back() {
        let at = Timestamp::from_unix_millis(1_800_000_000_123);
        let (search, _) = Search::read("order=a+b%26", "one");
        let further = search.further(&cursor_of(at, "20260131T101502Z-0011223344"));
        let (next, misread) = Search::read(further.trim_start_matches('?'), "one");
        assert_eq!((misread, next.asked), (None, search.asked));
        assert_eq!(next.filter.after, Some((at, "20260131T101502Z-0011223344".to_owned())));
        for wrong in
            ["after=1", "after=x.y", "after=1.%2e%2e%2f", "limit=0", "limit=201", "from=soon", "number=anna"]
        {
            assert!(Search::read(wrong, "one").1.is_some(), "{wrong}");
        }
    }
}
