//! A tenant's `[recording]`.

use core::time::Duration;

use super::model::PrefixKey;
use super::read::only;
use crate::document::{Document, Section};

/// How a tenant's calls are recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Recording {
    /// Months for which a recording is kept, 1 to 240.
    pub keep_months: u16,
    /// The keys by which agents suspend and resume a recording: 2 to 6 of `0`–`9`, `*`, `#`, the first no figure. `None`: they do
    /// so by page only.
    pub suspend_keys: Option<String>,
    /// A recording that is suspended for this long goes on by itself.
    pub suspend_most: Duration,
}

impl Recording {
    /// Days for which a recording is kept: months of 365.25 / 12 days, and what is begun of a day.
    pub fn keep_days(&self) -> u32 {
        (u32::from(self.keep_months) * 1461).div_ceil(48)
    }
}

pub(super) fn read(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    prefix_key: Option<PrefixKey>,
    place: &mut (usize, usize),
) -> Option<Recording> {
    let section = root.table(document, "recording")?;
    only(document, &section, "[recording]");
    *place = document.position(section.place("record").start);
    let record = section.boolean(document, "record").unwrap_or(false);
    let keep_months = section.integer(document, "keep_months", 1..=240u16).unwrap_or(6);
    let suspend_keys = read_keys(document, &section, prefix_key);
    let most = section.integer(document, "suspend_most_s", 10..=86_400u32).unwrap_or(600);
    if !record
        && suspend_keys.is_some()
        && (section.boolean(document, "record").is_some() || !section.has("record"))
    {
        document.problem(
            section.place("suspend_keys"),
            section.path("suspend_keys"),
            "keys where nothing is recorded",
            "suspend_keys only with record = true",
            "write record = true, or remove suspend_keys",
        );
    }
    let suspend_most = Duration::from_secs(most.into());
    record.then_some(Recording { keep_months, suspend_keys, suspend_most })
}

fn read_keys(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    prefix_key: Option<PrefixKey>,
) -> Option<String> {
    let (keys, span) = section.text(document, "suspend_keys")?;
    let is_key = |letter: u8| letter.is_ascii_digit() || matches!(letter, b'*' | b'#');
    let announces = match prefix_key {
        Some(PrefixKey::Star) => "*",
        Some(PrefixKey::Pound) => "#",
        None => "",
    };
    let begins_a_reference = |keys: &str| {
        !announces.is_empty()
            && keys.strip_prefix(announces).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let (expected, remedy) = if !(2..=6).contains(&keys.len()) || !keys.bytes().all(is_key) {
        ("2 to 6 keys of 0 to 9, * and #", "write keys that agents do not press otherwise: \"**\"")
    } else if keys.starts_with(|c: char| c.is_ascii_digit()) {
        // Agents key figures into conferences and transfers all day.
        ("keys that begin with * or #", "put * or # before them")
    } else if begins_a_reference(keys) {
        ("keys with which no call reference begins", "begin them with another key than reference.prefix_key")
    } else {
        return Some(keys.to_owned());
    };
    let found = format!("\"{}\"", keys.escape_debug());
    document.problem(span, section.path("suspend_keys"), found, expected, remedy);
    None
}
