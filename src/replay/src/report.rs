//! What came of a replay.

use core::fmt;
use std::error::Error;
use std::io;

use handover::{Counter, Counters};

use crate::capture::CaptureError;

/// Why a replay ended early.
#[derive(Debug)]
pub enum ReplayError {
    /// The capture could not be read further.
    Capture(CaptureError),
    /// The output could not be written.
    Output(io::Error),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Capture(error) => write!(f, "{error}"),
            ReplayError::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReplayError::Capture(error) => Some(error),
            ReplayError::Output(error) => Some(error),
        }
    }
}

impl From<CaptureError> for ReplayError {
    fn from(error: CaptureError) -> Self {
        ReplayError::Capture(error)
    }
}

impl From<io::Error> for ReplayError {
    fn from(error: io::Error) -> Self {
        ReplayError::Output(error)
    }
}

/// What was counted in a replay. The presses are not here: they went to the caller one by one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Frames read, of which so many came from the carrier.
    pub frames_in: u64,
    /// Frames that came from the carrier's side.
    pub frames_from_carrier: u64,
    /// Frames written.
    pub frames_out: u64,
    /// Frames of which the capture holds only a part.
    pub frames_sliced: u64,
    /// Where the capture ends in the middle of a record, in bytes.
    pub cut_at: Option<u64>,
    /// Calls seen.
    pub calls: u64,
    /// Legs seen.
    pub legs: u64,
    /// Media flows followed.
    pub flows: u64,
    /// Every counter, in the order of [`Counter::ALL`], zeroes included.
    pub counters: Vec<(Counter, u64)>,
}

impl Report {
    /// What a counter came to.
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters.iter().find(|(counted, _)| *counted == counter).map_or(0, |(_, many)| *many)
    }

    pub(crate) fn take(&mut self, counters: &Counters) {
        self.counters = Counter::ALL.iter().map(|&counter| (counter, counters.get(counter))).collect();
        self.calls = counters.get(Counter::CallsBegun);
        self.legs = counters.get(Counter::LegsBegun);
        self.flows = counters.get(Counter::FlowsBegun);
        self.frames_out = counters.get(Counter::TxCarrier) + counters.get(Counter::TxCustomer);
        self.frames_from_carrier = counters.get(Counter::RxCarrier);
        self.frames_in = self.frames_from_carrier + counters.get(Counter::RxCustomer);
    }
}
