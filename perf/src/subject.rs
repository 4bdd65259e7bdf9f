//! What is measured of Keyhush.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::{Args, ValueEnum};
use handover::{
    Answer, CallHandle, Counter, Counters, Flow, FlowKey, FlowMode, FlowUpdate, Format, FormatKind, Formats,
    Instant, LcoreLink, MaskKey, NumberedUpdate, Press, Rules, Side, VlanStack, WireId,
};
use nic::{Burst, Clock, Eal, Lcore as EalLcore, Mbuf, Pool, PortConfig, RxQueue, TxQueue};
use pipeline::{Arrival, Lcore, LcoreLimits, Outputs, Report, TapFull, Tapped};
use recording::feed::{Feed, Intake, feed};
use recording::frame::{Channel, Format as Recorded, Frame};
use secret::Pad;
use wire::buffer::Buffer;

use crate::capture::{self, Capture};
use crate::failure::Failure;
use crate::processor_time::Thread;
use crate::{Measured, Setting};

pub(crate) const DESCRIPTORS: u16 = 512;
pub(crate) const CACHE: u32 = 256;
const DATA_ROOM: u16 = 2048;
/// Packets of a call in SecureMode that are held.
const HELD: u32 = 2;
const WARM_UP: Duration = Duration::from_millis(200);
/// Packets that may wait for the recorder: as many as the appliance has room for with its usual 500 recordings.
const RECORDED: usize = 50_000;
/// Turns of the loop between looks at the clock.
const TURNS: u32 = 256;

/// The packets of both pools: the captures', and as many as are under way.
pub(crate) fn pool_size(calls: u16) -> u32 {
    Capture::packets(calls)
        + HELD * u32::from(calls)
        + 4 * u32::from(DESCRIPTORS)
        + 4 * CACHE
        + 4 * Burst::CAPACITY as u32
        + 1024
}

/// What a turn asks EAL for, in MiB. Turns do not overlap.
pub(crate) fn mebibytes(calls: u16) -> u64 {
    // A packet, its headroom and DPDK's own part take less than 3 KiB; the rest is for queues and drivers.
    128 + u64::from(pool_size(calls)) * 3 / 1024
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Subject {
    /// Receive and send, nothing else.
    Forwarder,
    /// The pipeline, with all flows known and none in SecureMode.
    Pipeline,
    /// The pipeline, listening for call references to the customer's side of every call.
    Listening,
    /// The pipeline, with every packet of every call handed to a recorder that throws it away.
    Recorded,
    /// The pipeline, with every call in SecureMode.
    SecureMode,
}

impl Subject {
    pub(crate) const ALL: [Subject; 5] =
        [Subject::Forwarder, Subject::Pipeline, Subject::Listening, Subject::Recorded, Subject::SecureMode];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Subject::Forwarder => "keyhush, bare forwarder",
            Subject::Pipeline => "keyhush, pipeline",
            Subject::Listening => "keyhush, pipeline, all calls listened to",
            Subject::Recorded => "keyhush, pipeline, all calls recorded",
            Subject::SecureMode => "keyhush, pipeline, all calls in SecureMode",
        }
    }

    /// Takes one turn in a process of its own: EAL starts once a process.
    pub(crate) fn measure(self, setting: &Setting) -> Result<Measured, Failure> {
        let program = std::env::current_exe().map_err(Failure::io("this program"))?;
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let run = Command::new("timeout")
            .args(["--kill-after=5", "60"])
            .arg(program)
            .args(["turn", "--subject", &name, "--calls", &setting.calls.to_string()])
            .args(["--millis", &setting.duration.as_millis().to_string(), "--"])
            .args(setting.eal_arguments())
            .env("RUNTIME_DIRECTORY", &setting.capture.directory)
            .output()
            .map_err(Failure::io("timeout"))?;
        let text = String::from_utf8_lossy(&run.stdout);
        if self == Subject::Recorded {
            // How many packets the recorder had no room for: those cost less.
            eprint!("{}", String::from_utf8_lossy(&run.stderr));
        }
        let answer = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        let text = || format!("{text}{}", String::from_utf8_lossy(&run.stderr));
        answer.ok_or_else(|| Failure::Answer { program: "keyhush-perf turn", text: text() })
    }
}

/// One turn.
#[derive(Args)]
pub(crate) struct Turn {
    #[arg(long)]
    subject: Subject,
    #[arg(long)]
    calls: u16,
    #[arg(long)]
    millis: u64,
    /// For EAL.
    #[arg(last = true)]
    eal: Vec<String>,
}

pub(crate) fn take_turn(turn: &Turn) -> Result<(), Failure> {
    let eal = Eal::init(&turn.eal)?;
    let worker = eal.lcores().iter().find(|lcore| !lcore.main).copied();
    let worker = worker.ok_or(Failure::Nic(nic::NicError::NoSuchLcore(1)))?;
    let pool = Pool::new(&eal, "packets", pool_size(turn.calls), CACHE, DATA_ROOM, worker.socket)?;
    let config =
        PortConfig { rx_descriptors: DESCRIPTORS, tx_descriptors: DESCRIPTORS, ..PortConfig::default() };
    let mut ports = Vec::new();
    let mut queues = Vec::new();
    for name in ["net_pcap0", "net_pcap1"] {
        let mut port = eal.port_named(name)?.start(&config, &pool)?;
        queues.push((port.take_rx_queues().remove(0), port.take_tx_queues().remove(0)));
        ports.push(port);
    }
    let mut queues = queues.into_iter();
    let (Some((carrier, to_carrier)), Some((customer, to_customer))) = (queues.next(), queues.next()) else {
        return Err(Failure::Nic(nic::NicError::NoSuchPort("net_pcap".to_owned())));
    };
    let mut wire = Wire {
        receive: [carrier, customer],
        edge: Edge {
            transmit: [to_carrier, to_customer].map(|queue| (queue, Burst::new())),
            sent: 0,
            feed: None,
        },
        received: 0,
    };
    let duration = Duration::from_millis(turn.millis);
    let clock = Clock::new(&eal);
    let measured = match turn.subject {
        Subject::Forwarder => measure(&eal, worker, wire, clock, duration, 0, Forwarder)?,
        Subject::Pipeline => {
            let followed = followed(turn.calls, FlowMode::Pass, Rules::default())?;
            measure(&eal, worker, wire, clock, duration, 0, followed)?
        }
        Subject::Listening => {
            let rules = Rules::default().with_reference_heard(true);
            let mut followed = followed(turn.calls, FlowMode::Pass, rules)?;
            followed.renumbers = Some((turn.calls, Default::default()));
            measure(&eal, worker, wire, clock, duration, 0, followed)?
        }
        Subject::Recorded => {
            let followed = followed(turn.calls, FlowMode::Pass, Rules::default().with_recorded(true))?;
            let counters = followed.counters.clone();
            let (feed, intake) = feed(RECORDED);
            wire.edge.feed = Some(feed);
            let recorder = Recorder::start(intake);
            let measured = measure(&eal, worker, wire, clock, duration, 0, followed)?;
            recorder.stop();
            let [taken, lost] = [Counter::Tapped, Counter::TapLost].map(|counter| counters.get(counter));
            eprintln!("handed over {taken}, without room {lost}");
            measured
        }
        Subject::SecureMode => {
            let mode = FlowMode::Mask(MaskKey::Pound);
            let mut followed = followed(turn.calls, mode, Rules::default())?;
            followed.renumbers = Some((turn.calls, Default::default()));
            let held = u64::from(HELD) * u64::from(turn.calls);
            measure(&eal, worker, wire, clock, duration, held, followed)?
        }
    };
    println!("{}", serde_json::json!(measured));
    Ok(())
}

/// Warms up, then measures, each as one closure of the lcore, so that it rests when its time is read. At the beginning and at
/// the end so many packets may be held.
fn measure<S: Stage + Send + 'static>(
    eal: &Eal,
    worker: EalLcore,
    wire: Wire,
    clock: Clock,
    duration: Duration,
    held: u64,
    stage: S,
) -> Result<Measured, Failure> {
    let failed = |_| Failure::Answer { program: "the lcore", text: "it panicked".to_owned() };
    let thread = eal.launch(worker.id, Thread::current)?.join().map_err(failed)?;
    let thread =
        thread.ok_or(Failure::Answer { program: "the lcore", text: "it has no /proc".to_owned() })?;
    let run = |(wire, stage): (Wire, S), duration| {
        eal.launch(worker.id, move || forward(wire, stage, clock, duration))
    };
    let (mut wire, stage) = run((wire, stage), WARM_UP)?.join().map_err(failed)?;
    (wire.received, wire.edge.sent) = (0, 0);
    let before = thread.nanos_at_rest()?;
    let (wire, _stage) = run((wire, stage), duration)?.join().map_err(failed)?;
    let nanos = thread.nanos_at_rest()? - before;
    let (received, sent) = (wire.received, wire.edge.sent);
    if received == 0 || sent.abs_diff(received) > held {
        return Err(Failure::Lost { program: "keyhush", received, sent });
    }
    Ok(Measured { packets: received, nanos })
}

fn forward<S: Stage>(mut wire: Wire, mut stage: S, clock: Clock, duration: Duration) -> (Wire, S) {
    let end = clock.now_nanos() + duration.as_nanos() as u64;
    let mut burst = Burst::new();
    while clock.now_nanos() < end {
        for _ in 0..TURNS {
            stage.turn(Instant::from_nanos(clock.now_nanos()), &mut wire, &mut burst);
        }
    }
    (wire, stage)
}

/// Both ports of a wire, as one lcore has them.
struct Wire {
    receive: [RxQueue; 2],
    edge: Edge,
    received: u64,
}

/// The transmit queues, and what they have yet to take.
struct Edge {
    transmit: [(TxQueue, Burst); 2],
    sent: u64,
    feed: Option<Feed>,
}

/// A thread on another processor that takes packets as fast as it can and throws them away.
struct Recorder {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Recorder {
    fn start(mut intake: Intake) -> Recorder {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if intake.take().is_none() {
                    core::hint::spin_loop();
                }
            }
        });
        Recorder { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // It does nothing that could fail.
        let _ = self.thread.join();
    }
}

impl Edge {
    fn flush(&mut self) {
        for (queue, waiting) in &mut self.transmit {
            if !waiting.is_empty() {
                self.sent += queue.transmit(waiting) as u64;
            }
        }
    }
}

/// What is done in one turn over both ports.
trait Stage {
    fn turn(&mut self, now: Instant, wire: &mut Wire, burst: &mut Burst);
}

/// As little as can be.
struct Forwarder;

impl Stage for Forwarder {
    fn turn(&mut self, _now: Instant, wire: &mut Wire, burst: &mut Burst) {
        let [carrier, customer] = &mut wire.receive;
        let [(to_carrier, _), (to_customer, _)] = &mut wire.edge.transmit;
        for (from, to) in [(carrier, to_customer), (customer, to_carrier)] {
            wire.received += from.receive(burst) as u64;
            wire.edge.sent += to.transmit(burst) as u64;
            burst.clear();
        }
    }
}

/// The pipeline as an lcore of the appliance runs it.
struct Followed {
    lcore: Lcore<Mbuf>,
    counters: Counters,
    /// So many calls, whose packets are numbered on; one for each side.
    renumbers: Option<(u16, [capture::Renumbering; 2])>,
}

impl Stage for Followed {
    fn turn(&mut self, now: Instant, wire: &mut Wire, burst: &mut Burst) {
        self.lcore.follow();
        let Wire { receive: [carrier, customer], edge, received } = wire;
        for (side, queue) in [(Side::Carrier, carrier), (Side::Customer, customer)] {
            *received += queue.receive(burst) as u64;
            let Followed { lcore, renumbers, .. } = self;
            match renumbers {
                None => lcore.process(now, WireId(0), side, burst.drain(), edge),
                Some((calls, renumberings)) => {
                    let renumbering = &mut renumberings[side as usize];
                    let numbered = burst.drain().map(|mut frame| {
                        renumbering.number(*calls, frame.bytes_mut());
                        frame
                    });
                    lcore.process(now, WireId(0), side, numbered, edge);
                }
            }
        }
        self.lcore.serve(now, edge);
        edge.flush();
    }
}

/// An lcore that knows the flows of all calls.
fn followed(calls: u16, carrier_to_customer: FlowMode, rules: Rules) -> Result<Followed, Failure> {
    let link = LcoreLink::new(2 * usize::from(calls));
    let formats = [(0, FormatKind::Pcmu), (101, FormatKind::TelephoneEvent)];
    let mut known = Formats::default();
    for (payload_type, kind) in formats {
        known.push(Format { payload_type, kind, clock_khz: 8 });
    }
    let sides = (0..calls).flat_map(|call| [(call, Side::Carrier), (call, Side::Customer)]);
    for (number, (call, from)) in (1..).zip(sides) {
        let key = FlowKey {
            destination: capture::endpoint(call, from.opposite()),
            vlan: VlanStack::UNTAGGED,
            wire: WireId(0),
            from,
        };
        let flow = Flow {
            key,
            call: CallHandle { slot: call.into(), generation: 0 },
            mode: if from == Side::Carrier { carrier_to_customer } else { FlowMode::Pass },
            formats: known,
            rules,
            order: 0,
            encrypted: false,
            reverse: FlowMode::Pass,
            learn: from == Side::Customer,
        };
        // The ring holds them all.
        let _sent = link.send(NumberedUpdate { number, update: FlowUpdate::Install(flow) });
    }
    // No digit is in the traffic, so the pad protects nothing.
    let pad = Pad::new(|_| Ok(())).map_err(Failure::io("a locked page"))?;
    let counters = Counters::default();
    let mut lcore = Lcore::new(LcoreLimits::default(), link, counters.clone(), pad, 0x5eed);
    lcore.follow();
    Ok(Followed { lcore, counters, renumbers: None })
}

impl Outputs<Mbuf> for Edge {
    fn transmit(&mut self, _wire: WireId, toward: Side, frame: Mbuf) {
        let [carrier, customer] = &mut self.transmit;
        let (queue, waiting) = if toward == Side::Carrier { carrier } else { customer };
        if waiting.is_full() {
            self.sent += queue.transmit(waiting) as u64;
        }
        // A frame that finds no room is lost, which the count of those sent shows.
        let _lost = waiting.push(frame);
    }

    // The traffic holds neither SIP nor fragments nor keys.
    fn to_signalling(&mut self, arrival: Arrival<Mbuf>) -> Result<(), Arrival<Mbuf>> {
        Err(arrival)
    }

    fn report(&mut self, _report: Report) -> Result<(), Report> {
        Ok(())
    }

    fn press(&mut self, press: Press) -> Result<(), Press> {
        Err(press)
    }

    fn answer(&mut self, _token: u64, _answer: Answer) {}

    fn tap(&mut self, tapped: &Tapped<'_>) -> Result<(), TapFull> {
        let Tapped { flow, arrived, released, .. } = *tapped;
        let channel = if flow.key.from == Side::Carrier { Channel::Caller } else { Channel::Agent };
        let frame = Frame::new(channel, arrived.as_nanos(), Recorded::Pcmu, released);
        self.feed
            .as_ref()
            .map_or(Ok(()), |feed| feed.offer(flow.call.slot.into(), &frame))
            .map_err(|_| TapFull)
    }
}
