//! Times as people and machines write them: RFC 3339 in UTC, dates, and lengths of recordings.

use crate::store::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// Year, month and day of a day since 1970-01-01 (Hinnant's algorithm for the proleptic Gregorian calendar: years from 1 March, so that
/// the leap day ends one).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (year + era * 400, month, day)
}

/// The day since 1970-01-01 of a date, if it is one.
fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let shifted = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    (date(days) == (year, month, day)).then_some(days)
}

/// `2026-01-31T10:15:02Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let seconds = time.unix_millis().div_euclid(1_000);
    let ((year, month, day), second) = (date(seconds.div_euclid(86_400)), seconds.rem_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// `2026-01-31 10:15:02`, for people.
pub(crate) fn shown(time: Timestamp) -> String {
    rfc3339(time).replace('T', " ").trim_end_matches('Z').to_owned()
}

/// `00:01:12`, of milliseconds.
pub(crate) fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// What somebody wrote as a time, in UTC: a date, or date and time with minutes or seconds; and for how long it lasts: a day, a minute, a
/// second.
pub(crate) fn read(text: &str) -> Option<(Timestamp, i64)> {
    let text = text.trim();
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-').map(|part| number(part, 4));
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let begin = day_of(year, month, day)? * DAY_MS;
    let Some(time) = time else { return Some((Timestamp::from_unix_millis(begin), DAY_MS)) };
    let mut parts = time.splitn(3, ':').map(|part| number(part, 2));
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next();
    let lasts = if second.is_some() { 1_000 } else { 60_000 };
    let second = second.unwrap_or(Some(0))?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    let at = begin + ((hour * 60 + minute) * 60 + second) * 1_000;
    is_time.then_some((Timestamp::from_unix_millis(at), lasts))
}

fn number(text: &str, most: usize) -> Option<i64> {
    let is_number = (1..=most).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        for seconds in [0, 951_782_400, 1_709_251_199, 1_795_590_000, 4_107_542_400] {
            let time = Timestamp::from_unix_millis(seconds * 1_000);
            assert_eq!(read(&rfc3339(time)), Some((time, 1_000)));
            assert_eq!(read(&shown(time)), Some((time, 1_000)));
        }
        let day = Timestamp::from_unix_millis(951_782_400_000);
        assert_eq!(read("2000-02-29"), Some((day, DAY_MS)));
        assert_eq!(read("2000-02-29T00:00"), Some((day, 60_000)));
        for wrong in
            ["", "2001-02-29", "2000-13-01", "2000-1", "now", "2000-02-29T24:00", "2000-02-29T", "-1-1-1"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(clock(3_723_999), "01:02:03");
    }
}
