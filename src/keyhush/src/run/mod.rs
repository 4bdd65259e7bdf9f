//! `keyhush run`: the settings' wires, lcores and rings, joined and set going. Wiring, no logic.
//!
//! | file | what |
//! |---|---|
//! | `alarms.rs` | who watches the signalling lcore, and says alarms |
//! | `ports.rs` | devices → started ports and their queues |
//! | `edge.rs` | what an lcore sends through |
//! | `tapped.rs` | what leaves of recorded calls, for the recorder |
//! | `recording.rs` | the recorder, the watched folder, and what a witness is handed |
//! | `mirror.rs` | the file of the flows in SecureMode, for the process after a kill |
//! | `poll.rs` | the loop of an lcore |
//! | `link.rs` | carrying the link across a wire |
//! | `hooks.rs` | what a test may do to an lcore |

#![allow(clippy::disallowed_methods, reason = "an edge: lcores and the supervisor wait in real time")]

mod alarms;
mod edge;
mod hooks;
mod link;
mod mirror;
mod poll;
mod ports;
mod recording;
mod tapped;

use core::fmt;
use core::time::Duration;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use calls::{Calls, SecureDefault};
use control::{Control, Gauge};
use handover::rings::Ring;
use handover::{Counters, Instant, LcoreLink, MaskKey, Press, Request, Rules, WireId};
use nic::{Clock, Eal, LcoreHandle, LcoreId, NicError};
use payment::BrandTable;
use pipeline::reassembly::ReassemblyLimits;
use pipeline::{Lcore, LcoreLimits, Signalling, SignallingLimits};
use secret::Pad;
use settings::{Idle, Recordings, Replacement, Settings, Unmaskable, WhileKeying};

use crate::{core_image, swap};
use ::recording::feed::{Feed, Intake};
use alarms::{Alarms, Watched};
use edge::{Edge, Relayed, Rings, Way};
use hooks::Hooks;
use poll::{LcoreWork, Polled, SignallingWork};
use ports::Wires;
use recording::Recording;

/// Flow updates that wait for an lcore in its ring; more wait in the signalling lcore's backlog.
const UPDATES: usize = 8_192;
/// Reports to the signalling lcore. Those that find no room are made again.
const REPORTS: usize = 8_192;
/// Fragments on their way to the signalling lcore.
const FRAGMENTS: usize = 256;
/// Presses on their way to the control core: some seconds of every call keying at once.
const PRESSES: usize = 16_384;
/// Requests of the console and of payments, and answers.
const REQUESTS: usize = 1_024;
/// What happens to calls, on its way to the control core.
const EVENTS: usize = 4_096;
/// How often links are looked at, and signals.
const SUPERVISION: Duration = Duration::from_millis(100);

/// Why the data path could not be set going.
#[derive(Debug)]
pub(crate) enum RunError {
    /// DPDK or a device refused.
    Nic(NicError),
    /// The system refused: memory to be locked, random bytes.
    System(&'static str, io::Error),
    /// The console's socket or an address cannot be had, or the agents' certificate.
    Control(control::StartError),
    /// The mirror cannot be kept.
    Mirror(mirror::MirrorFault),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Nic(error) => error.fmt(f),
            RunError::System(what, error) => write!(f, "{what}: {error}"),
            RunError::Control(error) => error.fmt(f),
            RunError::Mirror(fault) => fault.fmt(f),
        }
    }
}

impl From<NicError> for RunError {
    fn from(error: NicError) -> Self {
        RunError::Nic(error)
    }
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |error| RunError::System(what, error)
}

fn random(bytes: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(bytes)
}

fn random_seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    random(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// What all threads share.
struct Shared {
    rings: Rings,
    requests: Ring<Request>,
    relays: Vec<Ring<Relayed>>,
    links: Vec<LcoreLink>,
    pad: Pad,
    seed: u64,
    clock: Clock,
    stop: Arc<AtomicBool>,
    fault: Arc<AtomicBool>,
    hooks: Hooks,
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// When DPDK, a device or the system refuses; nothing is left running then.
pub(crate) fn run(settings: &Settings, brands: BrandTable) -> Result<(), RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(system("signals"))?;
    }
    allow_files();
    let arguments = settings.eal_arguments();
    let eal = Eal::init(arguments.get(1..).unwrap_or_default())?;
    let (feed, intake) = settings.recordings.as_ref().map(feed).unzip();
    let shared = share(settings, &eal, stop, feed).map_err(system("memory for digits on their way"))?;
    let counters: Vec<Counters> = settings.lcores.iter().map(|_| Counters::default()).collect();
    let own = Counters::default();
    // The console first: where another Keyhush answers on its socket, no port is started.
    let recording = recording::start(settings, intake, shared.clock);
    let console = console(settings, brands, &shared, &counters, &own, recording.as_ref())?;
    let seed = random_seed().map_err(system("random bytes"))?;
    let (mirror_file, mirror, left) = mirror::open(&settings.admin.socket, seed).map_err(RunError::Mirror)?;
    let mut wires = Wires::start(&eal, settings, own.clone())?;
    if let Some(warning) = swap::warning(swap::keep_out()) {
        eprintln!("keyhush: {warning}");
    }
    if !core_image::are_allowed() {
        eal.leave_out_of_core_images().map_err(system("leaving packets out of core images"))?;
    }
    let mut at_work = Vec::new();
    // Before any lcore runs every one of them has what is to be silent.
    let mut mind = Some(Mind { signalling: signalling(settings, &shared, &counters, left), mirror });
    for (number, own) in counters.iter().enumerate() {
        let work = assemble(settings, number, &shared, own, &mut wires, &mut mind);
        at_work.push(eal.launch(LcoreId(number as u32), move || work.run())?);
    }
    eprintln!("keyhush: running, {} wires on {} lcores", settings.wires.len(), settings.lcores.len());
    let all: Vec<Counters> = counters.iter().chain([&own, console.counters()]).cloned().collect();
    let alarms = Alarms::new(all, recording.as_ref().map(Recording::figures));
    supervise(settings, &shared, &own, alarms, &mut wires);
    // Each gives its queues back, so that the ports stop before EAL ends.
    at_work.into_iter().for_each(finish);
    mirror_file.remove();
    console.stop();
    // After whoever orders it: what runs is ended and signed.
    if let Some(recording) = recording {
        recording.stop();
    }
    wires.stop();
    Ok(())
}

/// Every connection is a file, and most systems give a process 1024 unless it asks for what it may have.
fn allow_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it is not given, connections beyond are not accepted until others have closed.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn finish(handle: LcoreHandle<LcoreWork>) {
    if handle.join().is_err() {
        eprintln!("keyhush: an lcore had ended by itself");
    }
}

/// The way of packets to the recorder.
fn feed(recordings: &Recordings) -> (Feed, Intake) {
    ::recording::feed::feed(tapped::room(recordings.at_once as usize))
}

fn share(settings: &Settings, eal: &Eal, stop: Arc<AtomicBool>, feed: Option<Feed>) -> io::Result<Shared> {
    let waiting = settings.sip.waiting as usize;
    let lcores = settings.lcores.len();
    Ok(Shared {
        rings: Rings {
            sip: Ring::new(waiting),
            fragments: Ring::new(FRAGMENTS),
            reports: Ring::new(REPORTS),
            presses: Ring::<Press>::new(PRESSES),
            answers: Ring::new(REQUESTS),
            events: Ring::new(EVENTS),
            feed,
        },
        requests: Ring::new(REQUESTS),
        relays: (0..lcores).map(|_| Ring::new(waiting)).collect(),
        links: (0..lcores).map(|_| LcoreLink::new(UPDATES)).collect(),
        pad: Pad::new(random)?,
        seed: random_seed()?,
        clock: Clock::new(eal),
        stop,
        fault: Arc::new(AtomicBool::new(false)),
        hooks: Hooks::new(lcores),
    })
}

/// Starts the control core.
fn console(
    settings: &Settings,
    brands: BrandTable,
    shared: &Shared,
    lcores: &[Counters],
    own: &Counters,
    recording: Option<&Recording>,
) -> Result<Control, RunError> {
    let clock = shared.clock;
    control::start(control::Config {
        socket: settings.admin.socket.clone(),
        requests: shared.requests.clone(),
        answers: shared.rings.answers.clone(),
        presses: shared.rings.presses.clone(),
        events: shared.rings.events.clone(),
        recordings: recording.and_then(Recording::orders),
        recorder: recording.map(Recording::figures),
        lcores: shared.links.clone(),
        signalling_failed: Arc::clone(&shared.fault),
        pad: shared.pad.clone(),
        counters: lcores.iter().chain([own]).cloned().collect(),
        gauges: vec![
            Gauge::new("ring_sip", &shared.rings.sip),
            Gauge::new("ring_fragments", &shared.rings.fragments),
            Gauge::new("ring_reports", &shared.rings.reports),
            Gauge::new("ring_presses", &shared.rings.presses),
        ],
        clock: Arc::new(move || Instant::from_nanos(clock.now_nanos())),
        archive: recording.map(Recording::archive),
        agents: settings.agents.as_ref().map(|agents| control::Agents {
            listen: agents.listen,
            certificate: agents.certificate.clone(),
            key: agents.key.clone(),
        }),
        payments: (settings.agents.is_some() || settings.recordings.is_some())
            .then(|| payments(settings, brands)),
        management: settings.management.map(|management| management.listen),
        limits: control::Limits::default(),
        web: control::web::WebLimits::default(),
        #[cfg(feature = "test-hooks")]
        hooks: shared.hooks.orders(),
    })
    .map_err(RunError::Control)
}

fn payments(settings: &Settings, brands: BrandTable) -> control::Payments {
    let reread = settings.clone();
    control::Payments {
        tenants: Arc::new(move || {
            let tenants = reread.load_tenants();
            tenants.map_err(|error| format!("{error}\nThe tenants from before stay in use."))
        }),
        secure_mode: settings.secure_mode,
        wires: settings.wires.iter().map(|wire| wire.name.clone()).collect(),
        brands,
        store: settings.store.directory.clone(),
        calls: settings.calls.calls as usize,
    }
}

/// What the signalling lcore has beside what every lcore has.
struct Mind {
    signalling: Signalling<nic::Mbuf>,
    mirror: File,
}

/// Which lcore does the signalling.
fn signalling_lcore(settings: &Settings) -> usize {
    settings.lcores.iter().position(|lcore| lcore.signalling).unwrap_or(0)
}

/// Gives an lcore what it works with.
fn assemble(
    settings: &Settings,
    number: usize,
    shared: &Shared,
    counters: &Counters,
    wires: &mut Wires,
    mind: &mut Option<Mind>,
) -> LcoreWork {
    let (own, link) = (&settings.lcores[number], &shared.links[number]);
    let streams = settings.secure_mode.streams;
    // Two streams are an ordinary call seen once, and one that goes round by a conference.
    let listeners = if settings.reference.hear { settings.calls.calls.saturating_mul(2) } else { streams };
    let limits = LcoreLimits { flows: flows(settings), streams, listeners };
    let mut polled = Vec::new();
    let mut ways = Vec::new();
    for wire in 0..settings.wires.len() {
        let Some(queues) = own.wires.contains(&wire).then(|| wires.take_queues(wire)).flatten() else {
            let poller =
                settings.lcores.iter().position(|lcore| lcore.wires.contains(&wire)).unwrap_or(number);
            ways.push(Way::Relay(shared.relays[poller].clone()));
            continue;
        };
        polled.push(Polled {
            wire: WireId(wire as u8),
            carrier: queues.carrier.0,
            customer: queues.customer.0,
        });
        ways.push(Way::Own([queues.carrier.1, queues.customer.1]));
    }
    let mut edge =
        Edge::new(ways, shared.relays[number].clone(), shared.rings.clone(), wires.pool(), counters.clone());
    let mind = mind.take_if(|_| number == signalling_lcore(settings));
    let signalling = mind.map(|Mind { signalling, mirror }| {
        edge.mirror_to(mirror);
        SignallingWork {
            signalling,
            rings: shared.rings.clone(),
            requests: shared.requests.clone(),
            counters: counters.clone(),
        }
    });
    LcoreWork {
        number,
        lcore: Lcore::new(limits, link.clone(), counters.clone(), shared.pad.clone(), shared.seed),
        polled,
        signalling,
        edge,
        counters: counters.clone(),
        link: link.clone(),
        sleep: match settings.idle {
            Idle::Poll => None,
            Idle::Backoff { sleep } => Some(sleep),
        },
        clock: shared.clock,
        stop: Arc::clone(&shared.stop),
        fault: Arc::clone(&shared.fault),
        hooks: shared.hooks.clone(),
    }
}

/// How many flows are followed in all: the call table's bound, and so the room in each lcore's table.
fn flows(settings: &Settings) -> usize {
    // Four flows are an ordinary call seen once: two directions, announced and learned. As many again are for calls
    // seen twice and for destinations that were given up.
    (settings.calls.calls as usize).saturating_mul(8)
}

fn signalling(
    settings: &Settings,
    shared: &Shared,
    counters: &[Counters],
    left: mirror::Left,
) -> Signalling<nic::Mbuf> {
    let limits = SignallingLimits {
        held: settings.sip.held as usize,
        hold: settings.secure_mode.hold,
        backlog: flows(settings).saturating_mul(2),
        reassembly: ReassemblyLimits {
            datagrams: settings.sip.reassemblies as usize,
            fragments: settings.sip.fragments as usize,
            ..ReassemblyLimits::default()
        },
        ..SignallingLimits::default()
    };
    let calls = calls::Limits {
        calls: settings.calls.calls as usize,
        legs_per_call: settings.calls.legs_per_call as usize,
        flows_per_call: settings.calls.flows_per_call as usize,
        flows: flows(settings),
        idle: settings.calls.idle,
        linger: settings.calls.linger,
        ..calls::Limits::default()
    };
    let calls = Calls::new(calls, SecureDefault::Never, shared.seed);
    let mask_key = MaskKey::from_ascii(settings.secure_mode.mask_key.ascii()).unwrap_or_default();
    let secure = &settings.secure_mode;
    let rules = Rules::default()
        .with_silence(secure.replacement == Replacement::Silence)
        .with_unmaskable_passed(secure.unmaskable == Unmaskable::Pass)
        .with_silence_while_keying(secure.while_keying == WhileKeying::Silence)
        .with_reference_heard(settings.reference.hear)
        // Who puts a call into SecureMode by hand awaits keys.
        .with_field_open(true);
    let counters = counters[signalling_lcore(settings)].clone();
    let links = shared.links.clone();
    let mut signalling = Signalling::new(limits, calls, mask_key, rules, links, counters, shared.pad.clone());
    let now = Instant::from_nanos(shared.clock.now_nanos());
    signalling.remember(now, left.mirror, &left.flows);
    signalling
}

/// Waits for the end; meanwhile watches the signalling lcore, ports and links, and says every alarm once.
fn supervise(settings: &Settings, shared: &Shared, own: &Counters, mut alarms: Alarms, wires: &mut Wires) {
    // The signalling lcore watches the others; nobody but us watches it.
    let mut watched = Watched::new(shared.links[signalling_lcore(settings)].clone());
    while !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(SUPERVISION);
        watched.look(own);
        wires.carry_links(Instant::from_nanos(shared.clock.now_nanos()));
        wires.count_losses();
        for alarm in alarms.risen() {
            eprintln!("keyhush: ALARM {}: {}", alarm.name(), alarm.help());
        }
        for (name, help) in alarms.of_recordings() {
            eprintln!("keyhush: ALARM {name}: {help}");
        }
    }
}
