//! The threads that record: what the desk orders and what the lcores tapped become recordings, which are signed as they end.
//!
//! | thread | does |
//! |---|---|
//! | `recorder` | takes orders and packets, and writes |
//! | `recordings-disk` | waits for the disk ([`recording::store::Keeper`]) |
//! | `notary` | signs what has ended; deletes what is due |
//!
//! All of them give way to others (nice). One that panics ends all three, and they are started again: what ran is closed as
//! interrupted, and its calls go on in new recordings.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handover::rings::Ring;
use handover::{CallHandle, Instant};
use recording::feed::{Intake, Taken};
use recording::store::{Counters, Disk, Keeper, Key, Limits, Order, Recorder};

use super::GIVES_WAY;
use super::archive::{Archive, ArchiveConfig, ArchiveError};
use super::calls::{Calls, Due};
use super::figures::RecorderFigures;
use super::ledger::take;
use super::notary::{Ended, Notary};
use super::order::RecordingOrder;
use crate::Clock;

/// What waits may wait so long.
const REST: Duration = Duration::from_millis(2);
/// Orders and packets of one turn at most.
const ORDERS: usize = 256;
const FRAMES: usize = 4_096;
/// How often calls are looked at, in nanoseconds.
const LOOK_EVERY: u64 = 1_000_000_000;
/// Before a panicked recorder starts again.
const AFTER_PANIC: Duration = Duration::from_millis(100);
/// How long another recorder may take to let go of the directory.
const PATIENCE: Duration = Duration::from_millis(500);
/// Who holds its lock records here. No tenant's name has a dot in it.
const LOCK: &str = "recorder.lock";

/// What the recorder works with.
#[derive(Clone)]
pub struct RecorderConfig {
    /// Where recordings go.
    pub archive: ArchiveConfig,
    /// Recordings at once; further calls are not recorded.
    pub at_once: usize,
}

/// A call, to those who tap its packets.
pub const fn key_of(call: CallHandle) -> Key {
    (call.generation as u64) << 32 | call.slot as u64
}

/// The running recorder. Ends and signs all recordings when it is stopped or dropped.
pub struct RecorderHandle {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    figures: Arc<RecorderFigures>,
}

/// Starts the recorder on threads of its own. It closes what was interrupted before it takes the first order.
///
/// # Errors
/// That the archive or a key cannot be used, or there are no threads.
pub fn start(
    config: RecorderConfig,
    orders: Ring<RecordingOrder>,
    frames: Intake,
    clock: Clock,
) -> Result<RecorderHandle, ArchiveError> {
    let stop = Arc::new(AtomicBool::new(false));
    let figures: Arc<RecorderFigures> = Arc::default();
    let (started, is_started) = mpsc::channel();
    let directory = config.archive.directory.clone();
    let lock = lock(&directory).map_err(|error| ArchiveError::System(directory.join(LOCK), error))?;
    let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&figures));
    let thread = thread::Builder::new()
        .name("recorder".into())
        .spawn(move || {
            // Without it calls still come first: lcores have processors of their own.
            let _ = rustix::process::nice(GIVES_WAY);
            let _held = lock;
            let mut ground = Ground {
                config,
                orders,
                frames,
                clock,
                stop: stopped,
                figures: shared,
                calls: Calls::default(),
            };
            if ground.run_first(&started) {
                ground.run_again();
            }
        })
        .map_err(|error| ArchiveError::System(directory.clone(), error))?;
    let handle = RecorderHandle { stop, thread: Some(thread), figures };
    match is_started.recv() {
        Ok(Ok(())) => Ok(handle),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ArchiveError::System(directory, io::Error::other("the recorder panicked"))),
    }
}

/// One recorder works in a directory: it takes what runs there and is not its own for interrupted.
fn lock(directory: &Path) -> io::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut options = OpenOptions::new();
    let lock = options.write(true).create(true).truncate(false).mode(0o600).open(directory.join(LOCK))?;
    // One that has just ended may hold it for a moment, in a process that it was starting.
    take(&lock, PATIENCE)
        .map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another Keyhush records here"))?;
    Ok(lock)
}

impl RecorderHandle {
    /// What it has done.
    pub fn figures(&self) -> &Arc<RecorderFigures> {
        &self.figures
    }

    /// Ends and signs all recordings, and waits until they are on the disk.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for RecorderHandle {
    fn drop(&mut self) {
        self.end();
    }
}

/// What outlives a panic.
struct Ground {
    config: RecorderConfig,
    orders: Ring<RecordingOrder>,
    frames: Intake,
    clock: Clock,
    stop: Arc<AtomicBool>,
    figures: Arc<RecorderFigures>,
    calls: Calls,
}

impl Ground {
    /// Opens everything, says how that went, and runs. Whether it is to run again.
    fn run_first(&mut self, started: &Sender<Result<(), ArchiveError>>) -> bool {
        let ended = catch_unwind(AssertUnwindSafe(|| match self.open() {
            Ok(notary) => {
                let _ = started.send(Ok(()));
                self.work(notary)
            }
            Err(error) => {
                let _ = started.send(Err(error));
                Ok(())
            }
        }));
        !matches!(ended, Ok(Ok(())))
    }

    fn run_again(&mut self) {
        while !self.stop.load(Ordering::Acquire) {
            self.figures.panics.fetch_add(1, Ordering::Relaxed);
            // Whatever went wrong may go wrong again at once.
            thread::park_timeout(AFTER_PANIC);
            self.calls.recorder_lost();
            let ended = catch_unwind(AssertUnwindSafe(|| {
                let notary = self.open()?;
                self.work(notary)
            }));
            if matches!(ended, Ok(Ok(()))) {
                return;
            }
        }
    }

    fn open(&self) -> Result<Notary, ArchiveError> {
        Notary::new(Archive::open(&self.config.archive)?, Arc::clone(&self.figures))
    }

    /// Works until it is stopped.
    fn work(&mut self, mut notary: Notary) -> Result<(), ArchiveError> {
        notary.catch_up();
        let mut work = Work::new(self, notary)?;
        loop {
            let is_last = self.stop.load(Ordering::Acquire);
            let now = (self.clock)();
            let is_busy = work.turn(self, now);
            if is_last {
                work.finish(self, now);
                return Ok(());
            }
            if work.notary.is_finished() {
                // It panicked: what ends would stay unsigned.
                return Err(ArchiveError::System(
                    self.config.archive.directory.clone(),
                    io::Error::other("the notary panicked"),
                ));
            }
            if !is_busy {
                thread::park_timeout(REST);
            }
        }
    }
}

/// Joins its thread when it is dropped.
struct Joined(Option<JoinHandle<()>>);

impl Joined {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

/// The recorder and what it hands to. Dropped in this order: the notary ends once nobody can tell it of a recording.
struct Work {
    recorder: Recorder,
    to_notary: Sender<Box<Ended>>,
    notary: Joined,
    counted: Counters,
    look_at: u64,
}

impl Work {
    fn new(ground: &Ground, notary: Notary) -> Result<Work, ArchiveError> {
        let config = &ground.config;
        let directory = &config.archive.directory;
        let system = |error| ArchiveError::System(directory.clone(), error);
        let (to_notary, ended) = mpsc::channel();
        let store = Archive::audio_of(&config.archive)?;
        let volume = Arc::new(Disk::of(directory).map_err(system)?);
        let disk = Arc::clone(&volume);
        let keeper = Keeper::start(disk, config.at_once.saturating_mul(2), |_| ()).map_err(system)?;
        let limits = Limits { recordings: config.at_once, ..Limits::default() };
        let recorder = Recorder::new(store, volume, keeper, limits);
        let thread = thread::Builder::new().name("notary".into()).spawn(move || notary.run(&ended));
        let notary = Joined(Some(thread.map_err(system)?));
        Ok(Work { recorder, to_notary, notary, counted: Counters::default(), look_at: 0 })
    }

    /// Orders, packets, and what is due. Whether there was anything.
    fn turn(&mut self, ground: &mut Ground, now: Instant) -> bool {
        let (mut orders, mut frames) = (0, 0);
        while orders < ORDERS
            && let Some(order) = ground.orders.pop()
        {
            orders += 1;
            ground.calls.order(order, &mut self.hand(&ground.config, &ground.figures, now));
        }
        while frames < FRAMES
            && let Some(taken) = ground.frames.take()
        {
            frames += 1;
            match taken {
                Taken::Frame(frame) => self.recorder.frame(frame.key(), &frame.frame()),
                Taken::Lost(lost) => self.recorder.order(Order::Overrun(lost.from, lost.to)),
            }
        }
        // Packets from before a call's end may still have been on their way when that was ordered.
        let hand = &mut self.hand(&ground.config, &ground.figures, now);
        ground.calls.carry_out_ends(frames < FRAMES, hand);
        self.recorder.advance(now.as_nanos());
        if now.as_nanos() >= self.look_at {
            self.look_at = now.as_nanos() + LOOK_EVERY;
            ground.calls.look(&mut self.hand(&ground.config, &ground.figures, now));
            self.tell(&ground.figures);
        }
        orders + frames > 0
    }

    fn hand<'a>(
        &'a mut self,
        config: &'a RecorderConfig,
        figures: &'a RecorderFigures,
        now: Instant,
    ) -> Due<'a> {
        let directory = &config.archive.directory;
        Due { recorder: &mut self.recorder, to_notary: &self.to_notary, directory, figures, now }
    }

    /// Keyhush is stopped.
    fn finish(&mut self, ground: &mut Ground, now: Instant) {
        ground.calls.carry_out_ends(true, &mut self.hand(&ground.config, &ground.figures, now));
        ground.calls.all_over();
        self.recorder.finish(now.as_nanos());
        self.tell(&ground.figures);
    }

    fn tell(&mut self, figures: &RecorderFigures) {
        let (now, before) = (self.recorder.counters(), self.counted);
        let add = |figure: &std::sync::atomic::AtomicU64, now: u64, before: u64| {
            figure.fetch_add(now.saturating_sub(before), Ordering::Relaxed);
        };
        add(&figures.begun, now.begun, before.begun);
        add(&figures.ended, now.ended, before.ended);
        add(&figures.frames, now.frames, before.frames);
        add(&figures.stray, now.stray_frames, before.stray_frames);
        add(&figures.overruns, now.overruns, before.overruns);
        add(&figures.failures, now.failures, before.failures);
        figures.running.store(self.recorder.running() as u64, Ordering::Relaxed);
        self.counted = now;
    }
}
