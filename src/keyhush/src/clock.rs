//! The time of day, at the edge: what decides is told it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::exit::Failure;

/// Now, in microseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "an edge: what is signed is told the time of day")]
pub(crate) fn now() -> Result<u64, Failure> {
    micros(SystemTime::now()).ok_or_else(|| Failure::new("the clock stands before 1970"))
}

/// A time of the file system's, in microseconds since 1970.
pub(crate) fn micros(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}

/// RFC 3339, in UTC, to the second; from microseconds since 1970.
pub(crate) fn utc(micros: u64) -> String {
    let millis = i64::try_from(micros / 1_000).unwrap_or(i64::MAX);
    crate::commands::user::utc(control::store::Timestamp::from_unix_millis(millis))
}

/// A time of day in UTC as people write it, or a day's beginning; in microseconds since 1970.
pub(crate) fn parse(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "expected 2026-01-31 or 2026-01-31T10:15:00Z";
    let numbers = |text: &str, by: char, lengths: [usize; 3]| -> Option<[u64; 3]> {
        let parts: Vec<&str> = text.split(by).collect();
        let fits = parts.len() == 3
            && parts
                .iter()
                .zip(lengths)
                .all(|(part, len)| part.len() == len && part.bytes().all(|digit| digit.is_ascii_digit()));
        let [first, second, third] = parts.as_slice() else { return None };
        if !fits {
            return None;
        }
        Some([first.parse().ok()?, second.parse().ok()?, third.parse().ok()?])
    };
    let (day, time) = match text.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((day, time)) => (day, numbers(time, ':', [2, 2, 2]).ok_or(WRONG)?),
        None => (text, [0; 3]),
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(day, '-', [4, 2, 2]).ok_or(WRONG)?, time);
    let is_time = year >= 1970 && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !is_time || !(1..=31).contains(&day) {
        return Err(WRONG);
    }
    // From March on, so that the leap day is the last (Hinnant's algorithm for the proleptic Gregorian calendar).
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    Ok((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read() {
        for time in [0, 951_782_399, 951_782_400, 1_709_251_200, 1_795_590_000, 4_107_542_400] {
            assert_eq!(parse(&utc(time * 1_000_000)), Ok(time * 1_000_000));
        }
        assert_eq!(parse("2026-01-31"), parse("2026-01-31T00:00:00Z"));
        for wrong in
            ["", "2026-1-31", "2026-13-01", "2026-01-31T10:15Z", "2026-01-31T24:00:00Z", "1969-12-31"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
