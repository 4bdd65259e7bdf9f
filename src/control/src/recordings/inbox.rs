//! The watched folder: what other systems put into a tenant's directory of it is signed and entered into the ledger.
//!
//! ```text
//! INBOX/TENANT/call.wav                           put there by another system: written, or moved in whole
//! INBOX/TENANT/signed/call.wav, call.wav.proof    when it is signed
//! INBOX/TENANT/refused/call.wav, call.wav.why     when it cannot be, with the reason
//! ```
//! Names that begin with a dot, or end in `.part` or `.tmp`, are still being written. A file is taken when it has been at rest for two
//! seconds. A kill between any two steps leaves nothing behind but work: the next start does what is missing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use recording::document::{Text, Word};
use recording::imported::{self, Import, NotSigned};
use recording::keys::{SigningKey, Trust};
use recording::ledger::Event;
use recording::proof::Proof;
use recording::store::is_name;
use recording::verify::{AudioFile, Unreadable, verify_with};
use rustix::fs::OFlags;

use super::archive::{Archive, ArchiveConfig, ArchiveError};
use super::{GIVES_WAY, now_micros};

/// How often it is looked into.
const EVERY: Duration = Duration::from_millis(500);
/// A file that was at rest for so long is whole, in milliseconds.
const AT_REST: u64 = 2_000;
/// One whose header says that more must come is given so long.
const UNFINISHED: u64 = 60_000;
/// After the disk or the ledger failed.
const AFTER_FAILURE: u64 = 10_000;
/// The longest file, which is in memory while it is signed, beside calls that need theirs: four hours of two channels in PCM.
const LONGEST: u64 = 512 * 1024 * 1024;
/// The longest proof that is read: that of a recording of a day has 22 million bytes.
const LONGEST_PROOF: u64 = 64 * 1024 * 1024;
/// Files of one name that are told apart.
const MOST_OF_A_NAME: u32 = 100_000;

/// What the inbox has done.
#[derive(Default, Debug)]
pub struct InboxFigures {
    /// Files signed.
    pub signed: AtomicU64,
    /// Files refused.
    pub refused: AtomicU64,
    /// Times that the disk, the key or the ledger failed; what was to be done is tried again.
    pub failures: AtomicU64,
}

/// The watched folder, while it is watched. Stops when it is dropped.
pub struct Inbox {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inbox {
    /// Watches a directory, which is made where there is none, on a thread of its own; `figures` tell what comes of it.
    ///
    /// # Errors
    /// That directory or archive cannot be used, or there is no thread.
    #[allow(clippy::disallowed_methods, reason = "an edge: the folder is looked into in real time")]
    pub fn start(
        directory: &Path,
        archive: &ArchiveConfig,
        figures: Arc<InboxFigures>,
    ) -> Result<Inbox, ArchiveError> {
        let system = |error| ArchiveError::System(directory.to_owned(), error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(system)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut watch = Watch::new(directory, Archive::open(archive)?, figures);
        let stopped = Arc::clone(&stop);
        let began = std::time::Instant::now();
        let work = move || {
            let _ = rustix::process::nice(GIVES_WAY);
            while !stopped.load(Ordering::Acquire) {
                let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                if catch_unwind(AssertUnwindSafe(|| watch.pass(now))).is_err() {
                    watch.wait(now);
                }
                thread::park_timeout(EVERY);
            }
        };
        let thread = thread::Builder::new().name("recordings-inbox".into()).spawn(work).map_err(system)?;
        Ok(Inbox { stop, thread: Some(thread) })
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// How a file was when it was looked at: its length, and when it was last written.
type Looks = (u64, i64, i64);

/// What is watched. Time is an argument, in milliseconds from whenever.
struct Watch {
    directory: PathBuf,
    archive: Archive,
    figures: Arc<InboxFigures>,
    /// What lies there, and since when it looks so.
    seen: HashMap<PathBuf, (Looks, u64)>,
    not_before: u64,
    /// Folders where something failed, and until when they wait: no tenant waits for another's.
    waiting: HashMap<PathBuf, u64>,
}

/// Why a file is not signed now.
enum Not {
    /// Never: it is put aside.
    Refused(String),
    /// It is still being written.
    Unfinished,
    /// The disk, the key or the ledger: later.
    Failed,
}

impl From<io::Error> for Not {
    fn from(_: io::Error) -> Self {
        Not::Failed
    }
}

impl Watch {
    fn new(directory: &Path, archive: Archive, figures: Arc<InboxFigures>) -> Watch {
        let (directory, seen, waiting) = (directory.to_owned(), HashMap::new(), HashMap::new());
        Watch { directory, archive, figures, seen, not_before: 0, waiting }
    }

    /// Looks once, and does what can be done.
    fn pass(&mut self, now: u64) {
        if now < self.not_before {
            return;
        }
        let Ok(Found { files, unread }) = look(&self.directory) else { return self.wait(now) };
        self.waiting.retain(|_, until| now < *until);
        unread.iter().for_each(|folder| self.failed(folder, now));
        let mut before = std::mem::take(&mut self.seen);
        for (path, looks) in files {
            let folder = path.parent().unwrap_or(&self.directory).to_owned();
            if self.waiting.contains_key(&folder) {
                self.seen.extend(before.remove_entry(&path));
                continue;
            }
            let since = match before.remove(&path) {
                Some((same, since)) if same == looks => since,
                _ => now,
            };
            let rests = now.saturating_sub(since);
            let done = if rests >= AT_REST { self.take(&path, looks) } else { Err(Not::Unfinished) };
            match done {
                Ok(()) => drop(self.figures.signed.fetch_add(1, Ordering::Relaxed)),
                Err(Not::Unfinished) if rests < UNFINISHED => drop(self.seen.insert(path, (looks, since))),
                Err(Not::Unfinished) => self.refuse(&path, "its header says that more should have come"),
                Err(Not::Refused(why)) => self.refuse(&path, &why),
                Err(Not::Failed) => {
                    self.seen.insert(path, (looks, since));
                    self.failed(&folder, now);
                }
            }
        }
    }

    /// Nothing can be done for a while.
    fn wait(&mut self, now: u64) {
        self.figures.failures.fetch_add(1, Ordering::Relaxed);
        self.not_before = now + AFTER_FAILURE;
    }

    fn failed(&mut self, folder: &Path, now: u64) {
        if let Entry::Vacant(waiting) = self.waiting.entry(folder.to_owned()) {
            self.figures.failures.fetch_add(1, Ordering::Relaxed);
            waiting.insert(now + AFTER_FAILURE);
        }
    }

    /// The folder in which a file lies: the inbox itself, or a tenant's.
    fn folder(&self, path: &Path) -> io::Result<Folder> {
        match path.parent() {
            Some(folder) if folder != self.directory => Folder::open(folder),
            _ => Folder::followed(&self.directory),
        }
    }

    fn take(&mut self, path: &Path, looks: Looks) -> Result<(), Not> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Err(Not::Refused("its name is no text".to_owned()));
        };
        let tenant = folder.file_name().and_then(|tenant| tenant.to_str()).filter(|tenant| is_name(tenant));
        let tenant = tenant.filter(|_| folder != self.directory).and_then(Text::new);
        let Some(tenant) = tenant else {
            return Err(Not::Refused(
                "it lies in no tenant's directory: put it into INBOX/TENANT".to_owned(),
            ));
        };
        let own = self.folder(path)?;
        let path = own.at(name);
        let (bytes, looked) = read(&path, LONGEST)?;
        if looked != looks {
            return Err(Not::Unfinished);
        }
        match AudioFile::new(&bytes) {
            Ok(_) => {}
            Err(Unreadable::OtherSize) => return Err(Not::Unfinished),
            Err(fault) => return Err(Not::Refused(fault.to_string())),
        }
        let key = self.archive.signing_key().map_err(|_| Not::Failed)?;
        let signed = own.below("signed")?;
        let (to, proof) = place(&signed, name, &bytes, &key)?;
        let proof = match proof {
            Some(proof) => proof,
            None => {
                let proof = sign(&bytes, name, tenant, looks, &key)?;
                super::write_whole(&proof_of(&to), &proof.to_bytes())?;
                proof
            }
        };
        let event = Event::Proof { recording: proof.statement().recording.clone(), proof: proof.name() };
        self.archive.ledger().add(&[event], now_micros(), &key).map_err(|_| Not::Failed)?;
        move_to(&path, &to)?;
        Ok(())
    }

    /// Puts a file aside with the reason. Where even that cannot be done it is looked at again.
    fn refuse(&self, path: &Path, why: &str) {
        let done = || -> io::Result<()> {
            let own = self.folder(path)?;
            let folder = own.below("refused")?;
            let name = path.file_name().unwrap_or_default();
            let to = free(&folder, &name.to_string_lossy(), "why");
            let to = to.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
            super::write_whole(&beside(&to, "why"), format!("{why}\n").as_bytes())?;
            move_to(&own.at(name), &to)
        };
        let counter = if done().is_ok() { &self.figures.refused } else { &self.figures.failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A directory that is open: who may write above it can put another, or a link, where it was, and changes nothing here.
struct Folder(File);

impl Folder {
    /// Opens a directory that is no link: its owner must not lead us where only we may write.
    fn open(path: &Path) -> io::Result<Folder> {
        Folder::with(path, OFlags::DIRECTORY | OFlags::NOFOLLOW)
    }

    /// Opens one to which a link may lead: whoever has set Keyhush up has named it.
    fn followed(path: &Path) -> io::Result<Folder> {
        Folder::with(path, OFlags::DIRECTORY)
    }

    fn with(path: &Path, flags: OFlags) -> io::Result<Folder> {
        OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path).map(Folder)
    }

    /// The directory of that name in it, which is made where there is none.
    fn below(&self, name: &str) -> io::Result<Folder> {
        let path = self.at(name);
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Folder::open(&path),
        }
    }

    /// The path of what has that name in it, which is good while this is open.
    fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        Path::new("/proc/self/fd").join(self.0.as_raw_fd().to_string()).join(name)
    }
}

/// What lies in the inbox.
#[derive(Default)]
struct Found {
    files: Vec<(PathBuf, Looks)>,
    /// Tenants' directories that cannot be read.
    unread: Vec<PathBuf>,
}

/// The files that lie in a directory and in those of tenants below it.
fn look(root: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    let mut folders = vec![(root.to_owned(), true)];
    while let Some((folder, is_root)) = folders.pop() {
        let entries = match fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if is_root => return Err(error),
            Err(_) => {
                found.unread.push(folder);
                continue;
            }
        };
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let is_passing = name.starts_with('.') || name.ends_with(".part") || name.ends_with(".tmp");
            if is_passing || matches!(&*name, "signed" | "refused") {
                continue;
            }
            // What is moved away meanwhile is no fault, and where a link leads is not ours to read.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() && is_root {
                folders.push((path, false));
            } else if metadata.is_file() {
                found.files.push((path, looks(&metadata)));
            }
        }
    }
    found.files.sort();
    Ok(found)
}

fn looks(metadata: &fs::Metadata) -> Looks {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

/// Reads a file whole. Where there is no file any more but a link or a pipe, nobody is waited for.
fn read(path: &Path, longest: u64) -> Result<(Vec<u8>, Looks), Not> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Not::Unfinished);
    }
    let mut bytes = Vec::new();
    if metadata.len() <= longest {
        (&mut file).take(longest + 1).read_to_end(&mut bytes)?;
    }
    if metadata.len().max(bytes.len() as u64) > longest {
        return Err(Not::Refused(format!("longer than {} MB", longest / 1024 / 1024)));
    }
    Ok((bytes, looks(&file.metadata()?)))
}

fn sign(bytes: &[u8], name: &str, tenant: Text, looks: Looks, key: &SigningKey) -> Result<Proof, Not> {
    let signed = now_micros();
    let (_, seconds, nanoseconds) = looks;
    let written = seconds.max(0) as u64 * 1_000_000 + nanoseconds.max(0) as u64 / 1_000;
    let began = imported::began(bytes, written.min(signed)).unwrap_or(signed);
    let mut random = [0; 5];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let facts = Word::new("file").map(|word| (word, Text::fitted(name)));
    let facts: BTreeMap<_, _> = facts.into_iter().collect();
    let import = Import { recording: imported::name(began, random), tenant, facts, began, signed };
    imported::sign(bytes, import, key).map_err(|fault: NotSigned| Not::Refused(fault.to_string()))
}

/// Where a file goes when it is signed. Systems name voicemails alike: a name that is taken gets a number, unless what lies there is
/// the proof of this very file, which a kill kept from following it.
fn place(
    signed: &Folder,
    name: &str,
    bytes: &[u8],
    key: &SigningKey,
) -> Result<(PathBuf, Option<Proof>), Not> {
    for number in 1..=MOST_OF_A_NAME {
        let to = signed.at(numbered(name, number));
        if to.exists() {
            continue;
        }
        let proof = proof_of(&to);
        if fs::symlink_metadata(&proof).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok((to, None));
        }
        match read(&proof, LONGEST_PROOF) {
            Err(Not::Failed) => return Err(Not::Failed),
            // What lies there is no proof, and another's place.
            Err(_) => {}
            Ok((proof, _)) => {
                let trust = Trust::in_key(key.public());
                let proof = Proof::from_bytes(&proof).ok();
                if let Some(proof) = proof.filter(|proof| verify_with(bytes, proof, &trust).is_genuine()) {
                    return Ok((to, Some(proof)));
                }
            }
        }
    }
    Err(Not::Refused("too many files of this name are signed already".to_owned()))
}

fn free(folder: &Folder, name: &str, ending: &str) -> Option<PathBuf> {
    let mut places = (1..=MOST_OF_A_NAME).map(|number| folder.at(numbered(name, number)));
    places.find(|to| !to.exists() && !beside(to, ending).exists())
}

/// `call.wav`, then `call~2.wav` and so on.
fn numbered(name: &str, number: u32) -> String {
    match (number, name.rsplit_once('.')) {
        (1, _) => name.to_owned(),
        (_, Some((stem, ending))) => format!("{stem}~{number}.{ending}"),
        (_, None) => format!("{name}~{number}"),
    }
}

fn proof_of(path: &Path) -> PathBuf {
    beside(path, "proof")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(".");
    whole.push(ending);
    PathBuf::from(whole)
}

fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    to.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests;
