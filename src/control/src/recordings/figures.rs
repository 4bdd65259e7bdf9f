//! What the recorder has done, for who watches it from other threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::heads::HeadFigures;
use super::inbox::InboxFigures;
use super::stamps::StampFigures;

/// Figures of the recorder. All but those that say "now" only rise.
#[derive(Default, Debug)]
pub struct RecorderFigures {
    /// Recordings that run now.
    pub running: AtomicU64,
    /// Recordings begun, parts included.
    pub begun: AtomicU64,
    /// Recordings ended.
    pub ended: AtomicU64,
    /// Calls that could not be recorded: too many, or no key.
    pub refused: AtomicU64,
    /// Gaps of recordings that ended, because of the disk.
    pub gaps_disk: AtomicU64,
    /// Gaps of recordings that ended, because the recorder did not keep up.
    pub gaps_overrun: AtomicU64,
    /// Recordings closed at a start after an interruption.
    pub interrupted: AtomicU64,
    /// Packets taken.
    pub frames: AtomicU64,
    /// Packets of calls that are not recorded.
    pub stray: AtomicU64,
    /// Times that packets were lost on their way to the recorder.
    pub overruns: AtomicU64,
    /// Times that the disk, the ledger or the index failed.
    pub failures: AtomicU64,
    /// Recordings that ended and could not be signed yet, now.
    pub unsigned: AtomicU64,
    /// Recordings whose audio was deleted when their time was over.
    pub deleted: AtomicU64,
    /// Times that the clock jumped, so that nothing is deleted.
    pub clock_jumps: AtomicU64,
    /// Bytes free on the recordings' disk, now.
    pub disk_free: AtomicU64,
    /// Entries of the ledger, now.
    pub ledger_size: AtomicU64,
    /// Panics of the recorder; it was started again.
    pub panics: AtomicU64,
    /// What the watched folder has done.
    pub inbox: Arc<InboxFigures>,
    /// What a witness was handed.
    pub heads: Arc<HeadFigures>,
    /// What an authority has stamped.
    pub stamps: Arc<StampFigures>,
}

impl RecorderFigures {
    /// What only rises: name, what it is, and its value.
    pub fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let of = |name, help, value: &AtomicU64| (name, help, value.load(Relaxed));
        let (inbox, heads, stamps) = (&self.inbox, &self.heads, &self.stamps);
        vec![
            of("recordings_begun", "Recordings begun, parts included.", &self.begun),
            of("recordings_ended", "Recordings ended.", &self.ended),
            of("recordings_refused", "Calls that could not be recorded.", &self.refused),
            of("recordings_interrupted", "Recordings closed after an interruption.", &self.interrupted),
            of(
                "recordings_deleted",
                "Recordings whose audio was deleted at the end of its time.",
                &self.deleted,
            ),
            of(
                "recordings_clock_jumps",
                "Times that the clock jumped: no recording is deleted until it is believed again.",
                &self.clock_jumps,
            ),
            of("recording_gaps_disk", "Gaps in recordings because of the disk.", &self.gaps_disk),
            of(
                "recording_gaps_overrun",
                "Gaps in recordings because the recorder was behind.",
                &self.gaps_overrun,
            ),
            of("recorder_frames", "Packets that the recorder took.", &self.frames),
            of("recorder_stray_frames", "Packets of calls that are not recorded.", &self.stray),
            of("recorder_overruns", "Times that packets to the recorder were lost.", &self.overruns),
            of(
                "recorder_failures",
                "Times that the recordings' disk, ledger or index failed.",
                &self.failures,
            ),
            of("recorder_panics", "Panics of the recorder, which was started again.", &self.panics),
            of("recordings_inbox_signed", "Files of other systems that were signed.", &inbox.signed),
            of("recordings_inbox_refused", "Files of other systems that were refused.", &inbox.refused),
            of(
                "recordings_inbox_failures",
                "Times that the watched folder, the key or the ledger failed.",
                &inbox.failures,
            ),
            of("recordings_heads_kept", "Heads of the ledger that a witness keeps.", &heads.kept),
            of(
                "recordings_heads_failures",
                "Times that the witness's directory or the ledger failed.",
                &heads.failures,
            ),
            of("recordings_stamps_kept", "Heads of the ledger that an authority stamped.", &stamps.kept),
            of(
                "recordings_stamps_failures",
                "Times that there was no time stamp to be had or to be kept.",
                &stamps.failures,
            ),
        ]
    }

    /// What rises and falls: name, what it is, and its value.
    pub fn now(&self) -> [(&'static str, &'static str, u64); 4] {
        let of = |name, help, value: &AtomicU64| (name, help, value.load(Relaxed));
        [
            of("recordings_running", "Recordings that run.", &self.running),
            of("recordings_unsigned", "Recordings that ended and are not signed yet.", &self.unsigned),
            of("recordings_disk_free_bytes", "Bytes free on the recordings' disk.", &self.disk_free),
            of("recordings_ledger_entries", "Entries of the ledger of recordings.", &self.ledger_size),
        ]
    }
}
