//! Whether the time of day may be believed by what deletes: a clock that jumped ahead makes everything due.
//!
//! The last time that was believed is kept in a file, so that a restart does not make a wrong clock believable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file: seconds since 1970. An operator who writes the time into it confirms it.
const FILE: &str = "retention.clock";
const DAY: u64 = 24 * 3600;
/// So far the time may go from where the monotonic clock says it should be, in seconds.
const OUT_OF_STEP: u64 = DAY;
/// So long a box may have been off, in seconds.
const OFF: u64 = 7 * DAY;
/// After so many seconds in step a time that was doubted is believed.
const DOUBTED_FOR: u64 = DAY;

/// A time of day, in seconds since 1970, and the monotonic clock's reading at it.
#[derive(Clone, Copy, Debug)]
struct Look {
    time: u64,
    monotonic: Duration,
}

impl Look {
    fn is_in_step(self, now: Look) -> bool {
        let passed = now.monotonic.saturating_sub(self.monotonic).as_secs();
        now.time.abs_diff(self.time.saturating_add(passed)) <= OUT_OF_STEP
    }
}

/// What is thought of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It may be believed.
    Plausible,
    /// It is doubted from now on, or anew.
    Jumped,
    /// It is still doubted.
    Doubted,
}

/// Compares the time of day with the monotonic clock, and with what was believed before.
pub(super) struct Plausible {
    path: PathBuf,
    /// The last that was believed by this process.
    believed: Option<Look>,
    /// Since when it is doubted.
    doubted: Option<Look>,
    written: Option<u64>,
}

impl Plausible {
    pub(super) fn new(directory: &Path) -> Plausible {
        Plausible { path: directory.join(FILE), believed: None, doubted: None, written: None }
    }

    /// Looks at `time` (seconds since 1970). `newest` is the ledger's newest entry (seconds), believed where no file is; 0: none.
    ///
    /// # Errors
    /// Of the file.
    pub(super) fn look(&mut self, time: u64, monotonic: Duration, newest: u64) -> io::Result<Verdict> {
        let now = Look { time, monotonic };
        let told = match fs::read_to_string(&self.path) {
            // What is no number confirms nothing.
            Ok(text) => Some(text.trim().parse().unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let is_told_anew = told.is_some() && told != self.written;
        let is_plausible = match self.believed {
            Some(believed) if !is_told_anew => believed.is_in_step(now),
            _ => match told.unwrap_or(newest) {
                0 if told.is_none() => true,
                last => time.saturating_add(OUT_OF_STEP) >= last && time <= last.saturating_add(OFF),
            },
        };
        let held_out = self.doubted.is_some_and(|since| {
            since.is_in_step(now) && monotonic.saturating_sub(since.monotonic).as_secs() >= DOUBTED_FOR
        });
        if is_plausible || held_out {
            super::write_whole(&self.path, format!("{time}\n").as_bytes())?;
            (self.believed, self.doubted, self.written) = (Some(now), None, Some(time));
            return Ok(Verdict::Plausible);
        }
        if self.doubted.is_some_and(|since| since.is_in_step(now)) {
            return Ok(Verdict::Doubted);
        }
        self.doubted = Some(now);
        Ok(Verdict::Jumped)
    }
}

/// The monotonic clock.
#[allow(clippy::disallowed_methods, reason = "an edge: the time of day is compared with it")]
pub(super) fn monotonic(since: std::time::Instant) -> Duration {
    std::time::Instant::now().saturating_duration_since(since)
}

/// Where the monotonic clock begins for this process.
#[allow(clippy::disallowed_methods, reason = "an edge: the time of day is compared with it")]
pub(super) fn begin() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumped_is_doubted_over_restarts_until_a_day_has_passed_or_it_is_confirmed() {
        let root = std::env::temp_dir().join(format!("keyhush-plausible-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let (start, year) = (1_800_000_000, 365 * DAY);
        let at = Duration::from_secs;
        let mut clock = Plausible::new(&root);
        assert_eq!(clock.look(start + year, at(0), start).unwrap(), Verdict::Jumped, "far beyond the ledger");
        assert_eq!(clock.look(start, at(60), start).unwrap(), Verdict::Plausible);
        assert_eq!(clock.look(start + 3600, at(3660), start).unwrap(), Verdict::Plausible);
        assert_eq!(clock.look(start + year, at(7260), start).unwrap(), Verdict::Jumped);
        assert_eq!(clock.look(start + year + 60, at(7320), start).unwrap(), Verdict::Doubted);
        // The ledger has gone on with the wrong time: a restart believes the file.
        let mut clock = Plausible::new(&root);
        let look =
            |clock: &mut Plausible, later| clock.look(start + year + later, at(later), start + year).unwrap();
        assert_eq!(look(&mut clock, 0), Verdict::Jumped);
        assert_eq!(look(&mut clock, DAY - 1), Verdict::Doubted);
        assert_eq!(look(&mut clock, DAY), Verdict::Plausible);
        let mut clock = Plausible::new(&root);
        assert_eq!(clock.look(start + 3 * year, at(0), 0).unwrap(), Verdict::Jumped);
        fs::write(root.join(FILE), format!("{}\n", start + 3 * year)).unwrap();
        assert_eq!(clock.look(start + 3 * year + 60, at(60), 0).unwrap(), Verdict::Plausible, "confirmed");
        fs::remove_dir_all(&root).unwrap();
    }
}
