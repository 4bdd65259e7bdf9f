//! What ports and rings are to the live wire: here a file, and queues that cannot be full.

use std::collections::VecDeque;
use std::io::{self, Write};

use handover::{Answer, Counter, Counters, Instant, Press, Side, WireId};
use pipeline::outputs::{Arrival, Outputs, Report};
use wire::buffer::Buffer;

use crate::capture::Writer;

/// A frame as a capture holds it.
#[derive(Debug)]
pub struct CapturedFrame {
    pub(crate) bytes: Vec<u8>,
    /// How long it was on the wire.
    pub(crate) original_length: u32,
}

impl Buffer for CapturedFrame {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// What the snapshot length cut off is there but cannot be read, as the further segments of a frame cannot. So a
    /// frame towards a call in SecureMode does not leave with a part unread.
    fn is_chained(&self) -> bool {
        usize::try_from(self.original_length).is_ok_and(|length| length > self.bytes.len())
    }
}

/// The simulated edge. What leaves goes to `output` with the time at which it left.
pub(crate) struct Edge<'a, W> {
    pub(crate) now: Instant,
    pub(crate) arrivals: VecDeque<Arrival<CapturedFrame>>,
    pub(crate) reports: VecDeque<Report>,
    pub(crate) output: Writer<W>,
    /// The first fault of the output; nothing is written after it.
    pub(crate) fault: Option<io::Error>,
    pub(crate) counters: Counters,
    pub(crate) sink: &'a mut dyn FnMut(Press),
}

impl<W: Write> Outputs<CapturedFrame> for Edge<'_, W> {
    fn transmit(&mut self, _wire: WireId, toward: Side, frame: CapturedFrame) {
        self.counters.count(match toward {
            Side::Carrier => Counter::TxCarrier,
            Side::Customer => Counter::TxCustomer,
        });
        if self.fault.is_none() {
            self.fault = self.output.write(self.now, &frame.bytes, frame.original_length).err();
        }
    }

    // The queue is emptied after every frame, so it never holds more than one.
    fn to_signalling(&mut self, arrival: Arrival<CapturedFrame>) -> Result<(), Arrival<CapturedFrame>> {
        self.arrivals.push_back(arrival);
        Ok(())
    }

    fn report(&mut self, report: Report) -> Result<(), Report> {
        self.reports.push_back(report);
        Ok(())
    }

    fn press(&mut self, press: Press) -> Result<(), Press> {
        (self.sink)(press);
        Ok(())
    }

    // Nobody asks anything in a replay.
    fn answer(&mut self, _token: u64, _answer: Answer) {}
}
