//! The control core over a real Unix socket. The signalling lcore is played by a thread at the other end of the rings.

pub(crate) mod agents;
mod hostile;
mod ordinary;
mod place;
mod presses;
mod served;
mod tables;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use handover::rings::Ring;
use handover::{
    Answer, CallHandle, CallSummary, Command, Counters, Instant, MaskKey, Press, Refusal, Request,
};
use secret::Pad;

use crate::client::Client;
use crate::protocol::{Ask, Reply};
use crate::{Agents, Config, Control, Gauge, Limits, StartError, start};

static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

/// A directory of its own, gone with the test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("keyhush-control-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Directory(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pad() -> Pad {
    Pad::new(|page| {
        page.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 37 % 251) as u8);
        Ok(())
    })
    .expect("one page may be locked")
}

/// A control core with everything around it.
pub(crate) struct House {
    pub(crate) directory: Directory,
    control: Option<Control>,
    requests: Ring<Request>,
    answers: Ring<(u64, Answer)>,
    presses: Ring<Press>,
    pad: Pad,
    counters: [Counters; 2],
    /// Milliseconds of the clock.
    millis: Arc<AtomicU64>,
    /// Where HTTP is served.
    agents: Option<Agents>,
    archive: Option<crate::recordings::ArchiveConfig>,
    management: bool,
    /// What payments are taken with, made when it starts.
    payments: Option<Box<dyn FnOnce() -> crate::Payments>>,
    events: Ring<handover::CallEvent>,
    recordings: Ring<crate::recordings::order::RecordingOrder>,
    /// The clock panics once when this is set: a panic in the midst of the loop.
    panic: Arc<AtomicBool>,
    #[cfg(feature = "test-hooks")]
    hooks: Arc<[std::sync::atomic::AtomicU8]>,
}

impl House {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let mut house = Self::still();
        house.start(limits);
        house
    }

    /// A house whose control core has not been started.
    fn still() -> Self {
        House {
            directory: Directory::new(),
            control: None,
            requests: Ring::new(64),
            answers: Ring::new(64),
            presses: Ring::new(256),
            pad: pad(),
            counters: Default::default(),
            millis: Arc::new(AtomicU64::new(60_000)),
            agents: None,
            archive: None,
            management: false,
            payments: None,
            events: Ring::new(64),
            recordings: Ring::new(64),
            panic: Arc::new(AtomicBool::new(false)),
            #[cfg(feature = "test-hooks")]
            hooks: Arc::from([0, 0].map(std::sync::atomic::AtomicU8::new)),
        }
    }

    fn start(&mut self, limits: Limits) {
        self.try_start(limits).expect("the control core starts");
    }

    fn try_start(&mut self, limits: Limits) -> Result<(), StartError> {
        let house = self;
        let (millis, panic) = (Arc::clone(&house.millis), Arc::clone(&house.panic));
        let config = Config {
            socket: house.socket(),
            requests: house.requests.clone(),
            answers: house.answers.clone(),
            presses: house.presses.clone(),
            events: house.events.clone(),
            recordings: Some(house.recordings.clone()),
            recorder: None,
            lcores: Vec::new(),
            signalling_failed: Arc::new(AtomicBool::new(false)),
            pad: house.pad.clone(),
            counters: house.counters.to_vec(),
            gauges: vec![Gauge::new("presses", &house.presses), Gauge::new("requests", &house.requests)],
            clock: Arc::new(move || {
                assert!(!panic.swap(false, Ordering::Relaxed), "the test's own panic");
                Instant::from_nanos(millis.load(Ordering::Relaxed) * 1_000_000)
            }),
            archive: house.archive.clone(),
            agents: house.agents.clone(),
            payments: house.payments.take().map(|made| made()),
            management: house.management.then(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            limits,
            web: crate::web::WebLimits::default(),
            #[cfg(feature = "test-hooks")]
            hooks: Arc::clone(&house.hooks),
        };
        house.control = Some(start(config)?);
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.directory.path("run/admin.sock")
    }

    fn client(&self) -> Client {
        Client::connect(&self.socket()).expect("somebody listens")
    }

    fn ask(&self, ask: &Ask) -> Reply {
        self.client().ask(ask).expect("an answer")
    }

    fn counter(&self, name: &str) -> u64 {
        let Reply::Stats { counters, .. } = self.ask(&Ask::Stats {}) else { return u64::MAX };
        counters.iter().find(|line| line.name == name).map_or(u64::MAX, |line| line.value)
    }

    /// Moves the clock on.
    pub(crate) fn pass(&self, span: Duration) {
        self.millis.fetch_add(span.as_millis() as u64, Ordering::Relaxed);
    }

    fn stop(&mut self) {
        self.control.take().expect("it runs").stop();
    }

    /// Somebody at the other end of the rings, until dropped.
    fn signalling(&self) -> Signalling {
        let (requests, answers) = (self.requests.clone(), self.answers.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                match requests.pop() {
                    Some(Request { token, command }) => {
                        answers.push((token, answer(command))).expect("room for an answer");
                    }
                    None => std::thread::park_timeout(Duration::from_micros(200)),
                }
            }
        });
        Signalling { stop, thread: Some(thread) }
    }
}

struct Signalling {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Signalling {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const CALL: CallHandle = CallHandle { slot: 3, generation: 1 };

fn answer(command: Command) -> Answer {
    let done = |call_id: &[u8]| match call_id {
        b"good" => Answer::Done { call: CALL },
        b"secret" => Answer::Refused(Refusal::Encrypted),
        b"late" => Answer::Refused(Refusal::NotAcknowledged),
        _ => Answer::Refused(Refusal::NoSuchCall),
    };
    match command {
        Command::Calls => Answer::Calls { calls: vec![call()], more: 2 },
        Command::Secure { call_id, mask_key } => match mask_key {
            Some(MaskKey::One) => Answer::Refused(Refusal::Busy),
            _ => done(&call_id),
        },
        Command::Release { call_id, .. } => done(&call_id),
        Command::Enter { call, .. }
        | Command::Rule { call, .. }
        | Command::Record { call, .. }
        | Command::Leave { call } => Answer::Done { call },
        Command::Announce => Answer::Done { call: CallHandle::default() },
    }
}

fn call() -> CallSummary {
    CallSummary {
        call: CALL,
        call_ids: vec!["good".into(), "x".repeat(1000)],
        since: Instant::from_nanos(50_000_000_000),
        legs: 2,
        flows: 4,
        answered: true,
        secured: Some(MaskKey::Pound),
        unmaskable: false,
    }
}

/// Waits for something that another thread does; it takes milliseconds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    assert!(holds(), "{what}");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}
