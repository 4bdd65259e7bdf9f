//! Recordings that have ended → proofs beside them, lines of the ledger, a signed head, rows of the index.
//!
//! Each step shows on the disk that it was done, so that whatever a kill leaves undone is found at the next start: a recording without
//! its proof is signed from its own audio, a proof that is not in the ledger is added, and one that is not in the index too.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use recording::document::Word;
use recording::keys::{SigningKey, Trust};
use recording::ledger::{Event, Ledger};
use recording::merkle::Hash;
use recording::proof::{Proof, Statement};
use recording::sealed::Head;
use recording::second::{End, GapCause, Second, SecondSink};
use recording::store;
use recording::verify::refused;

use super::about::{self, About};
use super::archive::{Archive, ArchiveError, proof_beside};
use super::figures::RecorderFigures;
use super::plausible::{self, Plausible, Verdict};
use super::{now_micros, retention};
use crate::store::Recording;

/// How long what failed waits before it is tried again, and how often figures of the disk are taken.
const AGAIN: Duration = Duration::from_secs(5);
/// Recordings that get one signed head of the ledger together.
const AT_ONCE: usize = 64;

/// What is known of a call that is recorded, to its recorder and to its proof.
pub(super) type SharedAbout = Arc<Mutex<Learned>>;

/// What was learned of a call.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    pub(super) about: About,
    /// Nothing more will be: what lies beside the recording may go once it is signed.
    pub(super) is_over: bool,
}

/// A recording that has ended.
pub(super) struct Ended {
    path: PathBuf,
    head: Head,
    end: End,
    leaves: Vec<Hash>,
    about: About,
    is_over: bool,
}

/// Takes a recording's seconds, and hands it to the notary at its end.
pub(super) struct Witness {
    leaves: Vec<Hash>,
    about: SharedAbout,
    to: Sender<Box<Ended>>,
}

impl Witness {
    pub(super) fn new(about: SharedAbout, to: Sender<Box<Ended>>) -> Witness {
        Witness { leaves: Vec::new(), about, to }
    }
}

impl SecondSink for Witness {
    fn second(&mut self, second: &Second<'_>) {
        self.leaves.second(second);
    }

    fn closed(&mut self, path: &Path, head: &Head, end: &End) {
        let Learned { about, is_over } = self.about.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let leaves = std::mem::take(&mut self.leaves);
        let ended =
            Ended { path: path.to_owned(), head: head.clone(), end: end.clone(), leaves, about, is_over };
        // Should the notary be gone, the next start finds it without its proof.
        let _ = self.to.send(Box::new(ended));
    }
}

/// What is to be done for a recording.
enum Step {
    /// To be signed as it ended.
    Sign(Box<Ended>),
    /// To be signed from its own audio.
    SignFromAudio(PathBuf),
    /// Its proof is beside it.
    Tell(Box<Signed>),
    /// The index says otherwise than the ledger, or the audio of a deletion is still there.
    Follow(Box<Recording>, Word),
}

struct Signed {
    event: Event,
    statement: Statement,
    audio: PathBuf,
    is_over: bool,
}

/// Signs what ends.
pub(super) struct Notary {
    archive: Archive,
    audio: store::Store,
    key: SigningKey,
    figures: Arc<RecorderFigures>,
    steps: Vec<Step>,
    plausible: Plausible,
    began: std::time::Instant,
    /// The ledger's newest entry at the start, before anything of this run is in it; microseconds since 1970.
    newest: u64,
    /// What was learned of calls before an interruption: not needed once all of it is signed.
    left: Vec<PathBuf>,
}

impl Notary {
    /// Opens what is needed.
    pub(super) fn new(mut archive: Archive, figures: Arc<RecorderFigures>) -> Result<Notary, ArchiveError> {
        let (audio, key) = (archive.audio()?, archive.signing_key()?);
        // The ledger must be whole before anything is added.
        let newest = archive.ledger().with(|ledger| Ok(ledger.newest()))?;
        let (plausible, began) = (Plausible::new(archive.directory()), plausible::begin());
        let (steps, left) = (Vec::new(), Vec::new());
        Ok(Notary { archive, audio, key, figures, steps, plausible, began, newest, left })
    }

    /// Closes what was interrupted, and notes what is undone. To be called before anything is recorded.
    pub(super) fn catch_up(&mut self) {
        for done in [self.close_interrupted(), self.find_undone()] {
            if done.is_err() {
                self.figures.failures.fetch_add(1, Relaxed);
            }
        }
    }

    fn close_interrupted(&mut self) -> Result<(), ArchiveError> {
        let directory = self.archive.directory().to_owned();
        let system = |error| ArchiveError::System(directory.clone(), error);
        let leaves = std::cell::RefCell::new(Vec::new());
        let mut ended = Vec::new();
        let (count, left) = self
            .audio
            .recover(
                &mut |second: &Second<'_>| {
                    let mut leaves = leaves.borrow_mut();
                    // One that could not be ended may have left some.
                    if second.index == 0 {
                        leaves.clear();
                    }
                    leaves.second(second);
                },
                &mut |path, head, bytes, end| {
                    let about = about::newest(&directory, &head.name, bytes);
                    let mut leaves = leaves.take();
                    // One without a second has no first one either.
                    if end.samples == 0 {
                        leaves.clear();
                    }
                    let (path, head, end) = (path.to_owned(), head.clone(), end.clone());
                    ended.push(Box::new(Ended { path, head, end, leaves, about, is_over: false }));
                },
            )
            .map_err(system)?;
        self.figures.interrupted.fetch_add(count as u64, Relaxed);
        self.figures.failures.fetch_add(left.len() as u64, Relaxed);
        self.steps.extend(ended.into_iter().map(Step::Sign));
        for entry in fs::read_dir(directory.join("running")).map_err(system)? {
            let path = entry.map_err(system)?.path();
            if path.extension().is_some_and(|extension| extension == "about" || extension == "about-new") {
                self.left.push(path);
            }
        }
        Ok(())
    }

    /// Looks at every recording's name: what it lacks is to be done.
    fn find_undone(&mut self) -> Result<(), ArchiveError> {
        let directory = self.archive.directory().to_owned();
        let files = files(&directory).map_err(|error| ArchiveError::System(directory, error))?;
        let closed: HashSet<&PathBuf> = self.steps.iter().filter_map(Step::audio).collect();
        let named = files.into_iter().filter(|audio| !closed.contains(audio));
        let named = named.filter_map(|audio| Some((Word::new(audio.file_stem()?.to_str()?)?, audio)));
        let trust = self.archive.trust().unwrap_or_else(|_| Trust::in_key(self.key.public()));
        let (mut all, mut undone) = (Vec::new(), Vec::new());
        self.archive.ledger().with(|ledger| {
            all.extend(named.map(|(name, audio)| {
                let (is_held, deleted) = (ledger.held(&name).is_some(), ledger.deleted(&name));
                (ledger.find(&name).is_some(), is_held, deleted.is_some(), name, audio)
            }));
            Ok(())
        })?;
        for (is_in_ledger, is_held, is_deleted, name, audio) in all {
            let proof = proof_beside(&audio);
            if !proof.exists() && !is_deleted {
                undone.push(Step::SignFromAudio(audio));
                continue;
            }
            match self.archive.index().recording(name.as_str())? {
                // What the index alone calls deleted, and is there, is not.
                Some(row)
                    if (is_held && row.held.is_none())
                        || is_deleted != row.deleted.is_some() && audio.exists()
                        || is_deleted && audio.exists() =>
                {
                    undone.push(Step::Follow(Box::new(row), name))
                }
                Some(_) if is_in_ledger => (),
                _ => {
                    let proof = fs::read(&proof).ok().and_then(|bytes| Proof::from_bytes(&bytes).ok());
                    let proof = proof.filter(|proof| {
                        proof.statement().recording == name && refused(proof, &trust).is_none()
                    });
                    // One that is no proof, or not signed by us, is for people to look at, and no reason not to record. It must not
                    // come into the ledger: another's could be put there while nobody looked.
                    let Some(proof) = proof else {
                        self.figures.failures.fetch_add(1, Relaxed);
                        continue;
                    };
                    let (event, statement) = (about::event(&proof), proof.statement().clone());
                    undone.push(Step::Tell(Box::new(Signed { event, statement, audio, is_over: false })));
                }
            }
        }
        self.steps.extend(undone);
        Ok(())
    }

    /// Works until nobody can tell it of a recording any more.
    pub(super) fn run(mut self, from: &Receiver<Box<Ended>>) {
        let mut until_due = 0;
        loop {
            self.work();
            if until_due == 0 {
                let more = self.is_time_plausible()
                    && retention::delete_due(&mut self.archive, &self.key, &self.figures);
                until_due = if more { 1 } else { retention::EVERY.as_secs() / AGAIN.as_secs() };
            }
            self.look();
            match from.recv_timeout(AGAIN) {
                Ok(ended) => {
                    self.steps.push(Step::Sign(ended));
                    self.steps.extend(from.try_iter().take(AT_ONCE - 1).map(Step::Sign));
                }
                Err(RecvTimeoutError::Timeout) => until_due -= 1,
                Err(RecvTimeoutError::Disconnected) => {
                    // What cannot be done now is found undone at the next start.
                    self.work();
                    self.look();
                    return;
                }
            }
        }
    }

    /// Whether the time may be believed: else nothing is deleted.
    fn is_time_plausible(&mut self) -> bool {
        let newest = self.newest / 1_000_000;
        match self.plausible.look(now_micros() / 1_000_000, plausible::monotonic(self.began), newest) {
            Ok(Verdict::Plausible) => true,
            Ok(Verdict::Doubted) => false,
            Ok(Verdict::Jumped) => {
                self.figures.clock_jumps.fetch_add(1, Relaxed);
                false
            }
            Err(_) => {
                self.figures.failures.fetch_add(1, Relaxed);
                false
            }
        }
    }

    /// Takes every recording as far as it goes.
    fn work(&mut self) {
        let steps = std::mem::take(&mut self.steps);
        let mut signed = Vec::new();
        for step in steps {
            match self.step(step) {
                Ok(Some(done)) => signed.push(done),
                Ok(None) => (),
                Err(step) => {
                    self.figures.failures.fetch_add(1, Relaxed);
                    self.steps.push(step);
                }
            }
        }
        if !signed.is_empty() && self.tell(&signed).is_err() {
            self.figures.failures.fetch_add(1, Relaxed);
            self.steps.extend(signed.into_iter().map(Step::Tell));
        }
        if self.steps.is_empty() {
            self.left.drain(..).for_each(|path| _ = fs::remove_file(path));
        }
    }

    fn step(&mut self, step: Step) -> Result<Option<Box<Signed>>, Step> {
        match step {
            Step::Tell(signed) => Ok(Some(signed)),
            Step::Sign(ended) => match self.sign(&ended) {
                Some(signed) => Ok(Some(Box::new(signed))),
                None => Err(Step::Sign(ended)),
            },
            Step::SignFromAudio(path) => match self.ended(&path).and_then(|ended| self.sign(&ended)) {
                Some(signed) => Ok(Some(Box::new(signed))),
                None => Err(Step::SignFromAudio(path)),
            },
            Step::Follow(row, name) => match self.archive.follow_ledger(&row, &name) {
                Ok(()) => Ok(None),
                Err(_) => Err(Step::Follow(row, name)),
            },
        }
    }

    /// A recording as its own file tells of it.
    fn ended(&mut self, path: &Path) -> Option<Ended> {
        let mut reader = self.audio.read(path).ok()?;
        let mut leaves = Vec::new();
        for index in 0..reader.seconds() {
            leaves.second(&reader.second(index).ok()?);
        }
        let about = about::newest(self.archive.directory(), &reader.head().name, reader.about());
        let (head, end) = (reader.head().clone(), reader.end().clone());
        Some(Ended { path: path.to_owned(), head, end, leaves, about, is_over: false })
    }

    fn sign(&self, ended: &Ended) -> Option<Signed> {
        let Ended { path, head, end, leaves, about, is_over } = ended;
        let statement = about::statement(head, end, about, now_micros())?;
        let proof = Proof::sign(statement, &about::tree(leaves.clone()), &self.key).ok()?;
        super::write_whole(&proof_beside(path), &proof.to_bytes()).ok()?;
        for gap in &end.gaps {
            let count = match gap.cause {
                GapCause::Disk => &self.figures.gaps_disk,
                GapCause::Overrun => &self.figures.gaps_overrun,
            };
            count.fetch_add(1, Relaxed);
        }
        let (event, statement) = (about::event(&proof), proof.statement().clone());
        Some(Signed { event, statement, audio: path.clone(), is_over: *is_over })
    }

    /// Ledger and index.
    fn tell(&mut self, signed: &[Box<Signed>]) -> Result<(), ArchiveError> {
        let mut untold = Vec::new();
        self.archive.ledger().with(|ledger| {
            let is_untold = |event: &&Event| match event {
                Event::Proof { recording, .. } => ledger.find(recording).is_none(),
                _ => true,
            };
            untold.extend(signed.iter().map(|signed| &signed.event).filter(is_untold).cloned());
            Ok(())
        })?;
        if !untold.is_empty() {
            self.archive.ledger().add(&untold, now_micros(), &self.key)?;
        }
        for Signed { statement, audio, is_over, .. } in signed.iter().map(|signed| &**signed) {
            let directory = self.archive.directory().to_owned();
            let file = audio.strip_prefix(&directory).unwrap_or(audio).to_string_lossy().into_owned();
            let mut row = about::row(statement, file, fs::metadata(audio).map_or(0, |file| file.len()));
            if !audio.exists() {
                row.deleted = Some(crate::store::Timestamp::from_unix_millis((now_micros() / 1000) as i64));
            }
            self.archive.index().keep_recording(&row)?;
            // Holds and deletions are told by the ledger alone when the index is built again.
            let name = &statement.recording;
            let told =
                |ledger: &mut Ledger<_>| Ok(ledger.held(name).is_some() || ledger.deleted(name).is_some());
            if self.archive.ledger().with(told)? {
                self.archive.follow_ledger(&row, name)?;
            }
            if *is_over {
                let _ = fs::remove_file(about::beside(&directory, statement.recording.as_str()));
            }
        }
        Ok(())
    }

    fn look(&mut self) {
        self.figures.unsigned.store(self.steps.len() as u64, Relaxed);
        if let Ok(disk) = rustix::fs::statvfs(self.archive.directory()) {
            self.figures.disk_free.store(disk.f_bavail.saturating_mul(disk.f_frsize), Relaxed);
        }
        if let Ok(size) = self.archive.ledger().with(|ledger| Ok(ledger.size())) {
            self.figures.ledger_size.store(size, Relaxed);
        }
    }
}

impl Step {
    /// The recording that is to be signed as it ended.
    fn audio(&self) -> Option<&PathBuf> {
        match self {
            Step::Sign(ended) => Some(&ended.path),
            _ => None,
        }
    }
}

/// Every recording of every tenant, by the path of its audio, whether that is there or only its proof is.
fn files(directory: &Path) -> io::Result<HashSet<PathBuf>> {
    let folders = |path: &Path| -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
    };
    let mut found = HashSet::new();
    for tenant in folders(directory)? {
        for day in folders(&tenant)? {
            for entry in fs::read_dir(day)? {
                let path = entry?.path();
                let extension = path.extension().and_then(|extension| extension.to_str());
                if matches!(extension, Some("khr" | "proof")) {
                    found.insert(path.with_extension("khr"));
                }
            }
        }
    }
    Ok(found)
}
