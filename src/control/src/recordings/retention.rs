//! Recordings whose time is over: their audio goes, and the ledger tells of it. Their proofs stay, so that a copy can still be checked.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use recording::document::{Text, Word};
use recording::keys::SigningKey;

use super::archive::{Archive, ArchiveError};
use super::figures::RecorderFigures;
use super::now_micros;
use crate::store::Timestamp;

/// How often it is looked for them.
pub(super) const EVERY: Duration = Duration::from_secs(3600);
/// The ledger's word for it.
pub(super) const REASON: &str = "kept for as long as it was to be";
/// Recordings that are deleted before others' ends are signed again.
const AT_ONCE: u32 = 64;

/// Deletes recordings that are due and not held. Whether there may be more.
pub(super) fn delete_due(archive: &mut Archive, key: &SigningKey, figures: &RecorderFigures) -> bool {
    match delete_some(archive, key) {
        Ok(count) => {
            figures.deleted.fetch_add(u64::from(count), Relaxed);
            count == AT_ONCE
        }
        Err(_) => {
            figures.failures.fetch_add(1, Relaxed);
            false
        }
    }
}

fn delete_some(archive: &mut Archive, key: &SigningKey) -> Result<u32, ArchiveError> {
    let at = Timestamp::from_unix_millis((now_micros() / 1000) as i64);
    let mut count = 0;
    for recording in archive.index().recordings_due(at, AT_ONCE)? {
        let Some((word, reason)) = Word::new(&recording.name).zip(Text::new(REASON)) else { continue };
        // The ledger may have it held, whatever the index says.
        archive.delete_unless_held(&recording, word, reason, key)?;
        count += 1;
    }
    Ok(count)
}
