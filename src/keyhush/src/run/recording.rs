//! The recorder, where the settings have one, and what works beside it on the recordings.

use std::sync::Arc;

use ::recording::feed::Intake;
use control::recordings::heads::Heads;
use control::recordings::inbox::Inbox;
use control::recordings::order::RecordingOrder;
use control::recordings::recorder::{self, RecorderConfig, RecorderHandle};
use control::recordings::stamps::Stamps;
use control::recordings::{ArchiveConfig, ArchiveError, RecorderFigures};
use handover::Instant;
use handover::rings::Ring;
use nic::Clock;
use settings::{Recordings, Settings};

use crate::recordings::archive_of;

/// Orders on their way to the recorder. What finds no room is told again.
const ORDERS: usize = 16_384;

/// What runs, and the way of orders to it.
pub(super) struct Recording {
    recorder: Option<(RecorderHandle, Ring<RecordingOrder>)>,
    figures: Arc<RecorderFigures>,
    inbox: Option<Inbox>,
    heads: Option<Heads>,
    stamps: Option<Stamps>,
    archive: ArchiveConfig,
}

/// Starts it. Calls come first: what cannot be started is said, and they are carried all the same.
pub(super) fn start(settings: &Settings, intake: Option<Intake>, clock: Clock) -> Option<Recording> {
    let (recordings, intake) = settings.recordings.as_ref().zip(intake)?;
    let archive = archive_of(settings, recordings);
    let recorder = start_recorder(recordings, &archive, intake, clock);
    let figures = recorder.as_ref().map_or_else(Arc::default, |(handle, _)| Arc::clone(handle.figures()));
    let inbox = recordings.inbox.as_ref().and_then(|directory| {
        let started = Inbox::start(directory, &archive, Arc::clone(&figures.inbox));
        said("what other systems put into recordings.inbox is not signed", started)
    });
    let heads = recordings.witness.as_ref().and_then(|directory| {
        let started = Heads::start(directory, &archive, Arc::clone(&figures.heads));
        said("recordings.witness is handed nothing", started)
    });
    let stamps = recordings.time_stamps.clone().and_then(|authority| {
        let complain =
            |why: &str| eprintln!("keyhush: ALARM recordings.time_stamps, to be tried again: {why}");
        let (witness, figures) = (recordings.witness.as_deref(), Arc::clone(&figures.stamps));
        let started = Stamps::start(authority, witness, &archive, figures, Box::new(complain));
        said("recordings.time_stamps is not asked", started)
    });
    Some(Recording { recorder, figures, inbox, heads, stamps, archive })
}

fn start_recorder(
    recordings: &Recordings,
    archive: &ArchiveConfig,
    intake: Intake,
    clock: Clock,
) -> Option<(RecorderHandle, Ring<RecordingOrder>)> {
    let orders = Ring::new(ORDERS);
    let clock = Arc::new(move || Instant::from_nanos(clock.now_nanos()));
    let config = RecorderConfig { archive: archive.clone(), at_once: recordings.at_once as usize };
    let started = recorder::start(config, orders.clone(), intake, clock);
    said("nothing is recorded", started).map(|handle| (handle, orders))
}

/// What was started; what was not is an alarm.
fn said<T>(consequence: &str, started: Result<T, ArchiveError>) -> Option<T> {
    started
        .inspect_err(|error| {
            let what = cause(error);
            eprintln!("keyhush: ALARM {consequence} until Keyhush is started again: {what}{error}");
        })
        .ok()
}

fn cause(error: &ArchiveError) -> &'static str {
    if matches!(error, ArchiveError::Seal(_)) { "recordings.master_key: " } else { "" }
}

impl Recording {
    /// What it has done.
    pub(super) fn figures(&self) -> Arc<RecorderFigures> {
        Arc::clone(&self.figures)
    }

    /// The way of orders to the recorder, where it runs.
    pub(super) fn orders(&self) -> Option<Ring<RecordingOrder>> {
        self.recorder.as_ref().map(|(_, orders)| orders.clone())
    }

    /// The recordings there are.
    pub(super) fn archive(&self) -> ArchiveConfig {
        self.archive.clone()
    }

    /// Ends and signs what runs, and hands out the last head.
    pub(super) fn stop(self) {
        drop((self.inbox, self.stamps));
        if let Some((recorder, _)) = self.recorder {
            recorder.stop();
        }
        drop(self.heads);
    }
}
