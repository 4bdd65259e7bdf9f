//! The loop: a frame arrives, all that follows from it happens, and what is due before the next frame is served at its
//! own time.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{Read, Write};

use calls::{Calls, SecureDefault};
use handover::{Counters, Instant, LcoreLink, MaskKey, Press, Rules, WireId};
use pipeline::lcore::LcoreLimits;
use pipeline::{Lcore, Signalling, SignallingLimits};
use secret::Pad;

use crate::capture::{Reader, Record, Writer};
use crate::edge::{CapturedFrame, Edge};
use crate::ports::Ports;
use crate::{Cidr, ReplayError, Report};

/// The one wire of a replay.
const WIRE: WireId = WireId(0);
/// How long time goes on after the last frame, so that what was held then still leaves.
const AFTERMATH: Duration = Duration::from_secs(30);
/// Flow updates on their way to the lcore. It takes them after every frame; what finds no room waits in the backlog.
const UPDATES: usize = 8_192;
/// A replay of the same capture gives the same result, so nothing in it is random. A capture made to collide in the
/// tables slows its own replay and nothing else.
const SEED: u64 = 0x6b65_7968_7573_6821;

/// What a replay is to do.
#[derive(Debug)]
pub struct Options {
    /// Frames from these addresses arrived on the carrier port, all others on the customer's.
    pub carrier: Cidr,
    /// Whether calls are in SecureMode from their first message on.
    pub secure: SecureDefault,
    /// How calls in SecureMode are masked.
    pub rules: Rules,
    /// What the digits of presses are sealed with.
    pub pad: Pad,
    /// How large the lcore's tables are.
    pub lcore: LcoreLimits,
    /// How large the signalling's tables are.
    pub signalling: SignallingLimits,
    /// How large the call table is.
    pub calls: calls::Limits,
}

impl Options {
    /// A replay with tables of the usual size, of callers whose keys are awaited throughout.
    pub fn new(carrier: Cidr, secure: SecureDefault, pad: Pad) -> Self {
        Options {
            carrier,
            secure,
            rules: Rules::default().with_field_open(true),
            pad,
            lcore: LcoreLimits::default(),
            signalling: SignallingLimits::default(),
            calls: calls::Limits::default(),
        }
    }
}

/// Runs a capture through the pipeline. `output` becomes a pcap file of what left on either side, in the order in which it
/// left; `sink` gets every press as one lcore or the signalling reported it, before any merging.
///
/// # Errors
/// A capture that cannot be read (all before the fault has been written by then), and an output that cannot be written.
pub fn run(
    input: impl Read,
    output: impl Write,
    options: Options,
    sink: &mut dyn FnMut(Press),
) -> Result<Report, ReplayError> {
    let mut reader = Reader::new(input)?;
    let mut report = Report::default();
    let mut ports = Ports::new(options.carrier);
    let mut simulation = Simulation::new(Writer::new(output)?, options, sink);
    while let Some(Record { time, bytes, original_length }) = reader.next_record()? {
        simulation.serve_until(time);
        let side = ports.side(&bytes);
        let frame = CapturedFrame { bytes, original_length };
        report.frames_sliced += u64::from(wire::buffer::Buffer::is_chained(&frame));
        let Simulation { lcore, edge, .. } = &mut simulation;
        lcore.process(edge.now, WIRE, side, core::iter::once(frame), edge);
        simulation.settle();
        if let Some(fault) = simulation.edge.fault.take() {
            return Err(ReplayError::Output(fault));
        }
    }
    simulation.serve_until(simulation.edge.now + AFTERMATH);
    report.cut_at = reader.cut_at();
    report.take(&simulation.edge.counters);
    if let Some(fault) = simulation.edge.fault {
        return Err(ReplayError::Output(fault));
    }
    simulation.edge.output.finish()?;
    Ok(report)
}

struct Simulation<'a, W> {
    lcore: Lcore<CapturedFrame>,
    signalling: Signalling<CapturedFrame>,
    edge: Edge<'a, W>,
}

impl<'a, W: Write> Simulation<'a, W> {
    fn new(output: Writer<W>, options: Options, sink: &'a mut dyn FnMut(Press)) -> Self {
        let counters = Counters::default();
        let link = LcoreLink::new(UPDATES);
        let mask_key = match options.secure {
            SecureDefault::Always(mask_key) => mask_key,
            SecureDefault::Never => MaskKey::default(),
        };
        let calls = Calls::new(options.calls, options.secure, SEED);
        Simulation {
            lcore: Lcore::new(options.lcore, link.clone(), counters.clone(), options.pad.clone(), SEED),
            signalling: Signalling::new(
                options.signalling,
                calls,
                mask_key,
                options.rules,
                vec![link],
                counters.clone(),
                options.pad,
            ),
            edge: Edge {
                now: Instant::ZERO,
                arrivals: VecDeque::new(),
                reports: VecDeque::new(),
                output,
                fault: None,
                counters,
                sink,
            },
        }
    }

    /// Serves all deadlines up to `time`, each at its own, and makes it `time`. Time never goes back: the clocks of capturing
    /// machines do.
    fn serve_until(&mut self, time: Instant) {
        let mut served = None;
        while let Some(due) = self.deadline().filter(|&due| due <= time) {
            // What is still due after it was served would be due for ever.
            if served == Some(due) {
                break;
            }
            served = Some(due);
            self.edge.now = self.edge.now.max(due);
            self.settle();
        }
        self.edge.now = self.edge.now.max(time);
    }

    fn deadline(&self) -> Option<Instant> {
        [self.signalling.deadline(), self.lcore.deadline()].into_iter().flatten().min()
    }

    /// All that can happen now happens: what was held for long enough leaves, signalling hears what the lcore said, the lcore hears of flows, and what waited for
    /// its acknowledgement leaves.
    fn settle(&mut self) {
        let Simulation { lcore, signalling, edge } = self;
        let now = edge.now;
        lcore.serve(now, edge);
        while let Some(report) = edge.reports.pop_front() {
            signalling.report(now, report);
        }
        while let Some(arrival) = edge.arrivals.pop_front() {
            signalling.receive(now, arrival, edge);
        }
        lcore.follow();
        signalling.poll(now, edge);
        lcore.follow();
    }
}
