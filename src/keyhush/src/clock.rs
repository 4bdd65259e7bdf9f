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
