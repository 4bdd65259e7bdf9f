//! The control core: one thread with a mio loop. It answers the console, counts key presses, and serves HTTPS to agents and
//! metrics to whoever watches the box.
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`] | what the console asks and is answered: one JSON object a line |
//! | [`client`] | the console's side of the admin socket |
//! | `socket` | the admin socket in the file system: its owner's alone |
//! | `connection` | one client: bounded in what it sends, in what it is sent, and in time |
//! | `presses` | key presses, opened, merged, counted and handed on; no digit is kept |
//! | `desk` | payments: sessions, calls, tenants, and what pages ask |
//! | [`provider`] | one tenant's payment provider: requests in locked memory, answers read |
//! | [`web`] | HTTPS, both sides: connections, limits, routes, events, work that blocks |
//! | [`page`] | the agents' pages: templates, script, and every word that they show |
//! | `site` | what is served where |
//! | `overview` | counters and rings of all threads, as metrics; whether the box can take calls |
//! | `server` | the loop |
//! | [`recordings`] | recordings, from what the desk orders to what the archive shows |
//! | [`store`] | agents, their sessions and the results of payments on the disk |
//!
//! Nothing here touches a call: a panic is caught and the loop started again (DESIGN section 4, invariant 3).
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handover::rings::Ring;
use handover::{Answer, CallEvent, Counter, Counters, Instant, LcoreLink, Press, Request};
use mio::Waker;
use payment::{Brand, BrandError, BrandTable};
use secret::{Pad, Vault};
use settings::BrandSettings;

pub mod client;
pub mod page;
pub mod protocol;
pub mod provider;
pub mod recordings;
pub mod store;
pub mod web;

mod archive;
mod connection;
mod desk;
mod overview;
mod presses;
mod server;
mod site;
mod socket;

pub use socket::SocketError;

use server::{Ground, Listeners, Server};

/// The time of day as the lcores have it.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What the control core works with.
pub struct Config {
    /// The admin socket's path.
    pub socket: PathBuf,
    /// Requests to the signalling lcore. When it is full the console is told that the lcore is busy.
    pub requests: Ring<Request>,
    /// Its answers, with the tokens of their requests. An answer lost for a full ring is a request unanswered.
    pub answers: Ring<(u64, Answer)>,
    /// Key presses from all lcores.
    pub presses: Ring<Press>,
    /// What the signalling lcore tells of calls.
    pub events: Ring<CallEvent>,
    /// Orders to the recorder, where there is one. What finds it full waits.
    pub recordings: Option<Ring<recordings::order::RecordingOrder>>,
    /// Every lcore's link, for its heartbeat.
    pub lcores: Vec<LcoreLink>,
    /// Whether signalling has failed: SecureMode is then at nobody's command.
    pub signalling_failed: Arc<AtomicBool>,
    /// What opens them.
    pub pad: Pad,
    /// The counters of every thread, to be summed up.
    pub counters: Vec<Counters>,
    /// Rings whose depth is shown beside the counters.
    pub gauges: Vec<Gauge>,
    /// What the recorder has done, where there is one.
    pub recorder: Option<Arc<recordings::RecorderFigures>>,
    /// The lcores' clock.
    pub clock: Clock,
    /// Where agents are served, if anywhere.
    pub agents: Option<Agents>,
    /// What payments are taken with, where they are.
    pub payments: Option<Payments>,
    /// The recordings that are shown to who may listen to them, if any are.
    pub archive: Option<recordings::ArchiveConfig>,
    /// The address for metrics and health, if any: plain HTTP.
    pub management: Option<SocketAddr>,
    /// The bounds of the console.
    pub limits: Limits,
    /// The bounds of what is served by HTTP.
    pub web: web::WebLimits,
    /// What each lcore is to do, by its number: see [`hooks`].
    #[cfg(feature = "test-hooks")]
    pub hooks: Arc<[std::sync::atomic::AtomicU8]>,
}

/// Where agents are served, by HTTPS.
#[derive(Clone, Debug)]
pub struct Agents {
    /// The address.
    pub listen: SocketAddr,
    /// The file of the certificate, and those above it, in PEM.
    pub certificate: PathBuf,
    /// The file of its key, in PEM.
    pub key: PathBuf,
}

/// What payments are taken with.
pub struct Payments {
    /// Reads the tenants' files: at the start, and for `reload`. What is wrong with them is a text for people.
    pub tenants: ReadTenants,
    /// What SecureMode does where a tenant has no choice of its own.
    pub secure_mode: settings::SecureMode,
    /// The wires' names, in the order of their numbers.
    pub wires: Vec<String>,
    /// The cards that are taken.
    pub brands: BrandTable,
    /// The directory of the store.
    pub store: PathBuf,
    /// How many calls there may be.
    pub calls: usize,
}

/// The table of card brands as it is written → as payments use it.
///
/// # Errors
/// What is wrong with it.
pub fn brand_table(written: Vec<BrandSettings>) -> Result<BrandTable, BrandError> {
    let brand = |written: BrandSettings| {
        let BrandSettings { name, numbers, lengths, csc, luhn } = written;
        Brand::read(name, &numbers, &lengths, csc, luhn)
    };
    BrandTable::new(written.into_iter().map(brand).collect::<Result<_, _>>()?)
}

/// Reads the tenants' files.
pub type ReadTenants = Arc<dyn Fn() -> Result<settings::Tenants, String> + Send + Sync>;

/// Why the control core cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The admin socket cannot be had.
    Socket(SocketError),
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The agents' certificate cannot be used.
    Certificate(web::TlsError),
    /// Our own tables contradict each other.
    Tables(String),
    /// The tenants cannot be served, or the store not be used.
    Payments(String),
    /// The system refused.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Socket(error) => error.fmt(f),
            StartError::Listen(address, error) => {
                let remedy = match error.kind() {
                    io::ErrorKind::AddrInUse => "; stop what listens there, or choose another address",
                    io::ErrorKind::AddrNotAvailable => {
                        "; no interface has it: write one of this machine's own"
                    }
                    io::ErrorKind::PermissionDenied => {
                        "; choose a port from 1024, or give CAP_NET_BIND_SERVICE"
                    }
                    _ => "",
                };
                write!(f, "{address}: cannot be listened on: {error}{remedy}")
            }
            StartError::Certificate(error) => error.fmt(f),
            StartError::Tables(error) | StartError::Payments(error) => f.write_str(error),
            StartError::System(error) => write!(f, "the control core cannot start: {error}"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<SocketError> for StartError {
    fn from(error: SocketError) -> Self {
        StartError::Socket(error)
    }
}

/// What a test can make an lcore do; the lcore reads its hook once a turn.
#[cfg(feature = "test-hooks")]
pub mod hooks {
    /// Work as ever.
    pub const RESUME: u8 = 0;
    /// Do nothing at all, heartbeat included, until resumed.
    pub const STALL: u8 = 1;
    /// Panic once; the lcore sets its hook back.
    pub const PANIC: u8 = 2;
}

/// A ring whose depth is shown.
pub struct Gauge {
    name: String,
    capacity: usize,
    depth: Box<dyn Fn() -> usize + Send + Sync>,
}

impl Gauge {
    /// Shows how full `ring` is under `name`.
    pub fn new<T: Send + 'static>(name: impl Into<String>, ring: &Ring<T>) -> Self {
        let ring = ring.clone();
        Gauge { name: name.into(), capacity: ring.capacity(), depth: Box::new(move || ring.len()) }
    }
}

/// What clients may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time. One more, and the one that has been idle longest is closed.
    pub connections: usize,
    /// Bytes of a request.
    pub line: usize,
    /// How long a client may take for a request, or for reading an answer.
    pub patience: Duration,
    /// How long the signalling lcore may take for an answer.
    pub answer: Duration,
    /// Places for digits in locked memory, 32 bytes each: a card takes two, the keys that are under way in a call two more.
    pub locked_slots: u32,
    /// Calls whose presses are counted. One more, and the one whose last press is oldest is forgotten.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 32,
            line: 16 * 1024,
            patience: Duration::from_secs(30),
            answer: Duration::from_secs(3),
            locked_slots: 65_536,
            calls: 10_000,
        }
    }
}

/// The running control core. Stops when dropped.
pub struct Control {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
    agents: Option<SocketAddr>,
    management: Option<SocketAddr>,
    counters: Counters,
}

/// Starts the control core on a thread of its own. When this returns, the admin socket is there, and every address is listened on.
///
/// # Errors
/// Why the admin socket or an address cannot be had, what is wrong with the certificate, or the system's own where there is
/// no thread to be had.
pub fn start(mut config: Config) -> Result<Control, StartError> {
    let (listener, socket) = socket::listen_on(&config.socket)?;
    let listen =
        |address: SocketAddr| TcpListener::bind(address).map_err(|error| StartError::Listen(address, error));
    let agents = match config.agents.clone() {
        None => None,
        Some(Agents { listen: address, certificate, key }) => {
            let identity = web::Identity::load(certificate, key).map_err(StartError::Certificate)?;
            Some((listen(address)?, identity))
        }
    };
    let management = config.management.map(listen).transpose()?;
    let address = |listener: &TcpListener| listener.local_addr().map_err(StartError::System);
    let agents_at = agents.as_ref().map(|(listener, _)| address(listener)).transpose()?;
    let management_at = management.as_ref().map(address).transpose()?;
    let vault = Vault::new(config.limits.locked_slots).map_err(StartError::System)?;
    let payments = config.payments.take();
    let payments = payments.map(|payments| server::Payments::new(payments, &config, &vault)).transpose()?;
    let stop = Arc::new(AtomicBool::new(false));
    let counters = Counters::default();
    let listeners = Listeners { console: listener, socket, agents, management };
    let mut ground = Ground::new(config, vault, payments, listeners, counters.clone(), Arc::clone(&stop))?;
    let (waker, own) = (ground.waker(), counters.clone());
    let thread = thread::Builder::new()
        .name("control".into())
        .spawn(move || {
            while !ground.is_stopped() {
                let ended = catch_unwind(AssertUnwindSafe(|| Server::new(&mut ground)?.run()));
                if !matches!(ended, Ok(Ok(()))) {
                    counters.count(Counter::ControlPanics);
                    // Whatever went wrong may go wrong again at once.
                    thread::park_timeout(Duration::from_millis(100));
                }
            }
        })
        .map_err(StartError::System)?;
    Ok(Control {
        stop,
        waker,
        thread: Some(thread),
        agents: agents_at,
        management: management_at,
        counters: own,
    })
}

impl Control {
    /// Where agents are served: with the port that the system chose, where it was to choose one.
    pub fn agents(&self) -> Option<SocketAddr> {
        self.agents
    }

    /// Where metrics and health are served.
    pub fn management(&self) -> Option<SocketAddr> {
        self.management
    }

    /// The control core's own counters, for who watches alarms.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Stops the thread, waits for its end, and removes the admin socket.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Without the wake it stops all the same, at the end of its turn.
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
