//! The control core: one thread with a mio loop. It answers the console and counts key presses; later it serves
//! pages and payment sessions.
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`] | what the console asks and is answered: one JSON object a line |
//! | [`client`] | the console's side of the admin socket |
//! | `socket` | the admin socket in the file system: its owner's alone |
//! | `connection` | one client: bounded in what it sends, in what it is sent, and in time |
//! | `presses` | captured key presses, opened, merged and counted; no digit is kept |
//! | `server` | the loop |
//!
//! Nothing here touches a call: a panic is caught and the loop started again (DESIGN section 4, invariant 3).
#![forbid(unsafe_code)]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handover::rings::Ring;
use handover::{Answer, Counter, Counters, Instant, Press, Request};
use mio::Waker;
use secret::Pad;

pub mod client;
pub mod protocol;

mod connection;
mod presses;
mod server;
mod socket;

pub use socket::SocketError;

use server::{Ground, Server};

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
    /// What opens them.
    pub pad: Pad,
    /// The counters of every thread, to be summed up.
    pub counters: Vec<Counters>,
    /// Rings whose depth is shown beside the counters.
    pub gauges: Vec<Gauge>,
    /// The lcores' clock.
    pub clock: Clock,
    /// The bounds.
    pub limits: Limits,
    /// What each lcore is to do, by its number: see [`hooks`].
    #[cfg(feature = "test-hooks")]
    pub hooks: Arc<[std::sync::atomic::AtomicU8]>,
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
            calls: 10_000,
        }
    }
}

/// The running control core. Stops when dropped.
pub struct Control {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the control core on a thread of its own. When this returns, the admin socket is there.
///
/// # Errors
/// Why the admin socket cannot be had, or the system's own where there is no thread to be had.
pub fn start(config: Config) -> Result<Control, SocketError> {
    let path = config.socket.clone();
    let system = |error: io::Error| SocketError::System { path: path.clone(), error };
    let (listener, socket) = socket::listen_on(&config.socket)?;
    let stop = Arc::new(AtomicBool::new(false));
    let counters = Counters::default();
    let (mut ground, waker) =
        Ground::new(config, listener, socket, counters.clone(), Arc::clone(&stop)).map_err(system)?;
    let thread = thread::Builder::new()
        .name("control".into())
        .spawn(move || {
            while !ground.is_stopped() {
                let mut server = Server::new(&mut ground);
                let ended = catch_unwind(AssertUnwindSafe(|| server.run()));
                if !matches!(ended, Ok(Ok(()))) {
                    counters.count(Counter::ControlPanics);
                    // Whatever went wrong may go wrong again at once.
                    thread::park_timeout(Duration::from_millis(100));
                }
            }
        })
        .map_err(system)?;
    Ok(Control { stop, waker, thread: Some(thread) })
}

impl Control {
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
