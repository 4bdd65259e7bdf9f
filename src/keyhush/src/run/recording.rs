//! The recorder, where the settings have one.

use std::sync::Arc;

use ::recording::feed::Intake;
use control::recordings::order::RecordingOrder;
use control::recordings::recorder::{self, RecorderConfig, RecorderHandle};
use control::recordings::{ArchiveConfig, ArchiveError, RecorderFigures, master_in_file};
use handover::Instant;
use handover::rings::Ring;
use nic::Clock;
use settings::{MasterKey, Recordings, Settings};

/// Orders on their way to the recorder. What finds no room is told again.
const ORDERS: usize = 16_384;

/// The running recorder, and the way of orders to it.
pub(super) struct Recording {
    handle: RecorderHandle,
    orders: Ring<RecordingOrder>,
}

/// Starts it. Calls come first: where nothing can be recorded that is said, and they are carried all the same.
pub(super) fn start(settings: &Settings, intake: Option<Intake>, clock: Clock) -> Option<Recording> {
    let (recordings, intake) = settings.recordings.as_ref().zip(intake)?;
    let orders = Ring::new(ORDERS);
    let clock = Arc::new(move || Instant::from_nanos(clock.now_nanos()));
    let config =
        RecorderConfig { archive: archive(settings, recordings), at_once: recordings.at_once as usize };
    match recorder::start(config, orders.clone(), intake, clock) {
        Ok(handle) => Some(Recording { handle, orders }),
        Err(error) => {
            let what = cause(&error);
            eprintln!("keyhush: ALARM nothing is recorded until Keyhush is started again: {what}{error}");
            None
        }
    }
}

fn cause(error: &ArchiveError) -> &'static str {
    if matches!(error, ArchiveError::Seal(_)) { "recordings.master_key: " } else { "" }
}

/// Where recordings are, and what seals and signs them: for the recorder, and for the pages that show them.
pub(super) fn archive(settings: &Settings, recordings: &Recordings) -> ArchiveConfig {
    let master = match &recordings.master_key {
        MasterKey::File(path) => master_in_file(path.clone()),
        MasterKey::Token { .. } => Arc::new(|| {
            let unsupported = std::io::ErrorKind::Unsupported;
            Err(::recording::sealed::SealError::Io(unsupported.into()))
        }),
    };
    ArchiveConfig {
        directory: recordings.directory.clone(),
        master,
        signing_key: recordings.signing_key.clone(),
        store: settings.store.directory.clone(),
    }
}

impl Recording {
    /// What it has done.
    pub(super) fn figures(&self) -> Arc<RecorderFigures> {
        Arc::clone(self.handle.figures())
    }

    /// The way of orders to it.
    pub(super) fn orders(&self) -> Ring<RecordingOrder> {
        self.orders.clone()
    }

    /// Ends and signs what runs.
    pub(super) fn stop(self) {
        self.handle.stop();
    }
}
