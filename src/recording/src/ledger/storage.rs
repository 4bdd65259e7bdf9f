//! Where the ledger's records lie: in memory, or in a file that is only ever added to.
//!
//! The file begins with `KHLEDG1` and a line feed. A record is its length (4 bytes, little-endian), the first 8 bytes of the
//! SHA-256 of length and body, and the body. A record is written by one call and synced before it counts.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub(super) const MAGIC: &[u8; 8] = b"KHLEDG1\n";
/// Length and check.
pub(super) const RECORD_HEAD: usize = 12;
/// The longest record; one is about 150 bytes, a head 400.
const LONGEST_RECORD: usize = 4_096;

/// Keeps records in the order in which they came.
pub trait Storage {
    /// Keeps a record; when it returns, a loss of power does not take it.
    fn append(&mut self, record: &[u8]) -> io::Result<()>;
    /// How many there are.
    fn records(&self) -> u64;
    /// A record, by its number from 0.
    fn read(&self, record: u64) -> io::Result<Vec<u8>>;
    /// Looks for records that others have added.
    fn catch_up(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For tests, and for what need not stay.
#[derive(Clone, Default, Debug)]
pub struct InMemory(pub Vec<Vec<u8>>);

impl Storage for InMemory {
    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        self.0.push(record.to_vec());
        Ok(())
    }

    fn records(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, record: u64) -> io::Result<Vec<u8>> {
        let found = usize::try_from(record).ok().and_then(|record| self.0.get(record));
        found.cloned().ok_or_else(|| io::Error::from(ErrorKind::NotFound))
    }
}

/// What was found at a file's end and was no whole record: a power cut, in the middle of a record that nobody was told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// Where it began.
    pub at: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Records in a file. Either this process alone has it open, or each who has it open holds a lock of their own while they add
/// to it, and looks first at what others added ([`Storage::catch_up`]).
#[derive(Debug)]
pub struct LogFile {
    file: File,
    /// Where each record's body begins, and its length.
    bodies: Vec<(u64, u32)>,
    end: u64,
    /// A record could neither be written nor taken back.
    is_torn: bool,
}

fn check(length: [u8; 4], body: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update(length).chain_update(body).finalize();
    let mut check = [0; 8];
    check.copy_from_slice(&hash[..8]);
    check
}

pub(super) fn invalid(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Whether what does not read as a record can be what a write left that did not end: no longer than a record, or the zeros of
/// a file that grew before its bytes came, and no record after it.
pub(super) fn is_torn(rest: &[u8]) -> bool {
    let is_zero = rest.iter().all(|byte| *byte == 0);
    let is_short = rest.len() <= RECORD_HEAD + LONGEST_RECORD;
    is_zero || (is_short && (1..rest.len()).all(|at| record_at(&rest[at..]).is_none()))
}

pub(super) fn record_at(rest: &[u8]) -> Option<&[u8]> {
    let length = rest.first_chunk::<4>()?;
    let size = u32::from_le_bytes(*length) as usize;
    if !(1..=LONGEST_RECORD).contains(&size) {
        return None;
    }
    let body = rest.get(RECORD_HEAD..RECORD_HEAD + size)?;
    (rest[4..RECORD_HEAD] == check(*length, body)).then_some(body)
}

/// A process that another thread is just starting has our open files, and their locks, until it runs its own program: a lock that
/// was given back may be held for that moment.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

impl LogFile {
    /// Opens a file, or makes it (mode 0600). A torn end is cut off and told; damage anywhere else is an error, since it
    /// would silently take what follows.
    pub fn open(path: &Path) -> io::Result<(Self, Option<Dropped>)> {
        LogFile::read_whole(path, true)
    }

    /// As [`LogFile::open`], for a file that several processes add to in turn: whoever calls this, [`Storage::append`] or
    /// [`Storage::catch_up`] holds a lock that all of them know, since what one is writing looks torn to another.
    pub fn open_shared(path: &Path) -> io::Result<(Self, Option<Dropped>)> {
        LogFile::read_whole(path, false)
    }

    fn read_whole(path: &Path, is_alone: bool) -> io::Result<(Self, Option<Dropped>)> {
        let is_new = !path.exists();
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if is_alone {
            let mut tries = 0..LOCK_TRIES;
            while file.try_lock().is_err() {
                if tries.next().is_none() {
                    return Err(io::Error::new(ErrorKind::WouldBlock, "another process has it open"));
                }
                std::thread::park_timeout(LOCK_PAUSE);
            }
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut dropped = None;
        let begun = MAGIC.iter().zip(&bytes).take_while(|(magic, byte)| magic == byte).count();
        if begun < MAGIC.len() && bytes[begun..].iter().all(|byte| *byte == 0) {
            if !bytes.is_empty() {
                dropped = Some(Dropped { at: 0, bytes: bytes.len() as u64 });
            }
            file.set_len(0)?;
            file.write_all_at(MAGIC, 0)?;
            file.sync_all()?;
            bytes = MAGIC.to_vec();
        }
        if is_new {
            sync_folder(path)?;
        }
        if !bytes.starts_with(MAGIC) {
            return Err(invalid("no ledger".to_owned()));
        }
        let (mut at, mut bodies) = (MAGIC.len(), Vec::new());
        while let Some(body) = record_at(&bytes[at..]) {
            bodies.push(((at + RECORD_HEAD) as u64, body.len() as u32));
            at += RECORD_HEAD + body.len();
        }
        let rest = &bytes[at..];
        if !rest.is_empty() {
            if !is_torn(rest) {
                return Err(damaged(bodies.len(), at as u64));
            }
            dropped = Some(Dropped { at: at as u64, bytes: rest.len() as u64 });
            file.set_len(at as u64)?;
            file.sync_all()?;
        }
        Ok((LogFile { file, bodies, end: at as u64, is_torn: false }, dropped))
    }
}

fn damaged(record: usize, at: u64) -> io::Error {
    invalid(format!("record {record} at byte {at} is damaged"))
}

/// A new file is there after a loss of power only if its folder was synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Storage for LogFile {
    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if self.is_torn {
            return Err(io::Error::other("a record before could not be taken back; open the ledger anew"));
        }
        let fits = record.len() <= LONGEST_RECORD && !record.is_empty();
        if !fits {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a record's length"));
        }
        let size = record.len() as u32;
        let length = size.to_le_bytes();
        let whole = [&length[..], &check(length, record), record].concat();
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&whole));
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // A disk that is full takes a part. It must not stand before what comes next.
            self.is_torn = self.file.set_len(self.end).is_err();
            return Err(error);
        }
        self.bodies.push((self.end + RECORD_HEAD as u64, size));
        self.end += whole.len() as u64;
        Ok(())
    }

    fn records(&self) -> u64 {
        self.bodies.len() as u64
    }

    fn read(&self, record: u64) -> io::Result<Vec<u8>> {
        let found = usize::try_from(record).ok().and_then(|record| self.bodies.get(record));
        let (at, size) = *found.ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        let mut body = vec![0; size as usize];
        self.file.read_exact_at(&mut body, at)?;
        let mut head = [0; 8];
        self.file.read_exact_at(&mut head, at - 8)?;
        if head != check(size.to_le_bytes(), &body) {
            return Err(invalid(format!("record {record} at byte {at} is damaged")));
        }
        Ok(body)
    }

    fn catch_up(&mut self) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        if len < self.end {
            return Err(invalid("the ledger has become shorter".to_owned()));
        }
        let mut rest = vec![0; (len - self.end) as usize];
        self.file.read_exact_at(&mut rest, self.end)?;
        let mut at = 0;
        while let Some(body) = record_at(&rest[at..]) {
            self.bodies.push((self.end + RECORD_HEAD as u64, body.len() as u32));
            at += RECORD_HEAD + body.len();
            self.end += (RECORD_HEAD + body.len()) as u64;
        }
        let rest = &rest[at..];
        if rest.is_empty() {
            return Ok(());
        }
        if !is_torn(rest) {
            return Err(damaged(self.bodies.len(), self.end));
        }
        // Whoever was adding it was killed, or the lock would not be ours.
        self.file.set_len(self.end)?;
        self.file.sync_all()
    }
}
