//! The recordings' files, opened. What holds the tenants' keys is kept between requests, and held for no longer than it takes to open a
//! file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use recording::keys::Trust;
use recording::sealed::Reader;
use recording::store::Store as AudioStore;

use crate::recordings::{Archive, ArchiveConfig, ArchiveError};
use crate::store::Recording;

/// The largest proof that is read: that of a recording of a day has 22 million bytes.
const LARGEST_PROOF: u64 = 64 * 1024 * 1024;
/// Bytes of a proof in which its statement stands, but for one with very many marks.
const BRIEF: u64 = 8 * 1024;
/// Recordings that are sent whole at a time: each has a thread.
const SENDING: usize = 8;

/// The recordings' directory.
pub(crate) struct Shelf {
    config: ArchiveConfig,
    open: Mutex<Option<(Archive, AudioStore)>>,
    sending: Arc<()>,
    /// Held while a recording is read from its beginning to its end. Payments' sign-ins wait for the same threads: one of those at most is
    /// the archive's for so long.
    looking: Mutex<()>,
}

impl Shelf {
    /// Nothing is opened before it is needed: the archive may be away while payments are taken.
    pub(crate) fn new(config: ArchiveConfig) -> Self {
        Shelf { config, open: Mutex::new(None), sending: Arc::new(()), looking: Mutex::new(()) }
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Archive, &mut AudioStore) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut archive, mut audio) = match open.take() {
            Some(open) => open,
            None => {
                let archive = Archive::open(&self.config)?;
                let audio = archive.audio()?;
                (archive, audio)
            }
        };
        let done = work(&mut archive, &mut audio);
        // Whatever went wrong is not kept: another master key may lie there by now.
        if done.is_ok() {
            *open = Some((archive, audio));
        }
        done
    }

    /// A recording's audio.
    ///
    /// # Errors
    /// That it is not there, was changed, or the key is another.
    pub(crate) fn audio(&self, recording: &Recording) -> Result<Reader<File>, ArchiveError> {
        self.with(|archive, audio| {
            let path = archive.audio_path(recording);
            let reader = audio.read(&path)?;
            // What lies there must be what was asked for, whoever put it there.
            let head = reader.head();
            if (head.name.as_str(), head.tenant.as_str())
                != (recording.name.as_str(), recording.tenant.as_str())
            {
                return Err(ArchiveError::NoSuchRecording);
            }
            Ok(reader)
        })
    }

    /// A recording's proof, whole.
    ///
    /// # Errors
    /// The system's own; that it is larger than any.
    pub(crate) fn proof(&self, recording: &Recording) -> Result<Vec<u8>, ArchiveError> {
        let path = self.with(|archive, _| Ok(archive.proof_path(recording)))?;
        read(&path, LARGEST_PROOF).map_err(|error| ArchiveError::System(path, error))
    }

    /// The beginnings of proofs, in which what is marked stands; empty where one cannot be read.
    pub(crate) fn proofs_in_brief(&self, recordings: &[Recording]) -> Vec<Vec<u8>> {
        let paths = |archive: &mut Archive, _: &mut AudioStore| {
            Ok(recordings.iter().map(|recording| archive.proof_path(recording)).collect::<Vec<_>>())
        };
        let paths = self.with(paths).unwrap_or_default();
        let brief = |path: &std::path::PathBuf| {
            let mut bytes = Vec::with_capacity(BRIEF as usize);
            let read = File::open(path).and_then(|file| file.take(BRIEF).read_to_end(&mut bytes));
            read.map_or_else(|_| Vec::new(), |_| bytes)
        };
        paths.iter().map(brief).collect()
    }

    /// The keys that this box has signed with.
    ///
    /// # Errors
    /// Of one of them.
    pub(crate) fn trust(&self) -> Result<Trust, ArchiveError> {
        self.with(|archive, _| archive.trust())
    }

    /// What is held while a recording is read whole; `None` while another is.
    pub(crate) fn look(&self) -> Option<MutexGuard<'_, ()>> {
        match self.looking.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What is held while a recording is sent whole; `None` where too many are.
    pub(crate) fn send(&self) -> Option<Arc<()>> {
        (Arc::strong_count(&self.sending) <= SENDING).then(|| Arc::clone(&self.sending))
    }
}

fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other("it is too large")),
        false => Ok(bytes),
    }
}
