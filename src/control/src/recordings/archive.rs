//! The recordings' directory as everybody has it: the recorder, the archive's pages, and the command line.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use recording::document::{Text, Word};
use recording::keys::{Distrust, KeyFault, PublicKey, RollOver, SigningKey, Trust};
use recording::ledger::{Event, Fault};
use recording::sealed::{MasterKey, SealError, Wrap};
use recording::store;

use super::ledger::SharedLedger;
use super::now_micros;
use crate::store::{Recording, Store, StoreError, Timestamp};

/// Public keys that recordings were signed with, and the roll-overs between them. No tenant's name has a dot in it.
const KEYS: &str = "signing.keys";

/// Opens what wraps the tenants' keys: a master key's file, or a token.
pub type OpenMaster = Arc<dyn Fn() -> Result<Box<dyn Wrap>, SealError> + Send + Sync>;

/// A master key that lies in a file ([`MasterKey::from_file`]).
pub fn master_in_file(path: PathBuf) -> OpenMaster {
    Arc::new(move || Ok(Box::new(MasterKey::from_file(&path)?)))
}

/// Where the recordings and what belongs to them are.
#[derive(Clone)]
pub struct ArchiveConfig {
    /// The recordings' directory. It holds the audio and the proofs of every tenant, the ledger (`ledger.log`), and the public keys
    /// (`signing.keys`).
    pub directory: PathBuf,
    /// What wraps the tenants' keys.
    pub master: OpenMaster,
    /// The file of the secret key that signs.
    pub signing_key: PathBuf,
    /// The directory of the store, in which the index is.
    pub store: PathBuf,
}

/// Why the archive cannot be used.
#[derive(Debug)]
pub enum ArchiveError {
    /// A directory or file of it.
    System(PathBuf, io::Error),
    /// The index.
    Store(StoreError),
    /// The ledger.
    Ledger(Fault),
    /// What wraps the tenants' keys, or a recording.
    Seal(SealError),
    /// The key that signs, or one that did.
    Key(PathBuf, KeyFault),
    /// A document of a key's successor that does not follow from the keys that are trusted.
    Successor(PathBuf, Distrust),
    /// There is no such recording, or its audio was deleted.
    NoSuchRecording,
    /// A text that cannot be signed: empty, too long, or of several lines.
    Unsignable,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::System(path, error) => write!(f, "{}: {error}", path.display()),
            ArchiveError::Store(error) => error.fmt(f),
            ArchiveError::Ledger(fault) => fault.fmt(f),
            ArchiveError::Seal(error) => f.write_str(match error {
                SealError::NotAuthentic => "the recording was changed, or the master key is another",
                SealError::Malformed => "this is no recording, or no master key",
                SealError::OthersMayRead => "others may read the master key's file: chmod 600",
                SealError::NoRandom => "the system has no random numbers",
                SealError::Token(said) => said,
                SealError::Io(error) => return error.fmt(f),
            }),
            ArchiveError::Key(path, fault) => write!(f, "{}: {fault}", path.display()),
            ArchiveError::Successor(path, distrust) => write!(f, "{}: {distrust}", path.display()),
            ArchiveError::NoSuchRecording => f.write_str("there is no such recording with its audio"),
            ArchiveError::Unsignable => f.write_str("the reason must be one line of at most 512 bytes"),
        }
    }
}

impl core::error::Error for ArchiveError {}

impl From<StoreError> for ArchiveError {
    fn from(error: StoreError) -> Self {
        ArchiveError::Store(error)
    }
}

impl From<Fault> for ArchiveError {
    fn from(fault: Fault) -> Self {
        ArchiveError::Ledger(fault)
    }
}

impl From<SealError> for ArchiveError {
    fn from(error: SealError) -> Self {
        ArchiveError::Seal(error)
    }
}

/// The archive, opened. What needs a secret is opened only when it is asked for.
pub struct Archive {
    config: ArchiveConfig,
    index: Store,
    ledger: SharedLedger,
}

impl Archive {
    /// Opens directory, ledger and index, and makes those that are not there.
    ///
    /// # Errors
    /// Which of them cannot be used.
    pub fn open(config: &ArchiveConfig) -> Result<Archive, ArchiveError> {
        let directory = &config.directory;
        let system = |error| ArchiveError::System(directory.clone(), error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(system)?;
        let ledger = SharedLedger::open(directory).map_err(system)?;
        Ok(Archive { config: config.clone(), index: Store::open(&config.store)?, ledger })
    }

    /// The index of recordings.
    pub fn index(&mut self) -> &mut Store {
        &mut self.index
    }

    /// The ledger.
    pub fn ledger(&mut self) -> &mut SharedLedger {
        &mut self.ledger
    }

    /// What reads the audio. One may be kept: it holds the tenants' keys once they are unwrapped.
    ///
    /// # Errors
    /// Of the master key, or the system's own.
    pub fn audio(&self) -> Result<store::Store, ArchiveError> {
        Archive::audio_of(&self.config)
    }

    /// What reads and writes the audio where the rest is not needed.
    pub(super) fn audio_of(config: &ArchiveConfig) -> Result<store::Store, ArchiveError> {
        let system = |error| ArchiveError::System(config.directory.clone(), error);
        store::Store::open(&config.directory, (config.master)()?).map_err(system)
    }

    /// The key that signs. Its public half is kept among those that are trusted.
    ///
    /// # Errors
    /// That it cannot be read, others may, or it is none.
    pub fn signing_key(&self) -> Result<SigningKey, ArchiveError> {
        let path = &self.config.signing_key;
        let key = SigningKey::load(path).map_err(|fault| ArchiveError::Key(path.clone(), fault))?;
        let folder = self.keys_directory();
        let public = folder.join(format!("{}.pem", key.id()));
        if !public.exists() {
            let failed = |error| ArchiveError::System(public.clone(), error);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
            let pem = key.public().to_pem().map_err(|fault| ArchiveError::Key(public.clone(), fault))?;
            super::write_whole(&public, pem.as_bytes()).map_err(failed)?;
        }
        Ok(key)
    }

    /// Where public keys (`.pem`) and roll-overs (`.roll-over`) lie, which [`Archive::trust`] reads.
    pub fn keys_directory(&self) -> PathBuf {
        self.config.directory.join(KEYS)
    }

    /// The public keys that this box has signed with.
    ///
    /// # Errors
    /// That one of them cannot be read, or does not follow from the others.
    pub fn trust(&self) -> Result<Trust, ArchiveError> {
        let folder = self.keys_directory();
        let mut keys = Vec::new();
        let mut changes = Vec::new();
        let system = |error| ArchiveError::System(folder.clone(), error);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>().map_err(system)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(system(error)),
        };
        for entry in entries {
            let path = entry.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("pem") => {
                    let key = PublicKey::load(&path);
                    keys.push(key.map_err(|fault| ArchiveError::Key(path.clone(), fault))?);
                }
                Some("roll-over") => {
                    let bytes = fs::read(&path).map_err(|error| ArchiveError::System(path.clone(), error))?;
                    let change = RollOver::from_bytes(&bytes);
                    let change = change.map_err(|_| ArchiveError::Key(path.clone(), KeyFault::NotAKey))?;
                    changes.push((path, change));
                }
                _ => (),
            }
        }
        changes.sort_by_key(|(_, change)| change.at);
        let mut trust = Trust::default();
        // A key that follows another is trusted through it, and not by itself.
        let follows = |key: &PublicKey| changes.iter().any(|(_, change)| change.to.id() == key.id());
        keys.iter().filter(|key| !follows(key)).for_each(|key| trust.add(*key));
        for (path, change) in &changes {
            trust.follow(change).map_err(|distrust| ArchiveError::Successor(path.clone(), distrust))?;
        }
        Ok(trust)
    }

    /// Where a recording's audio is.
    pub fn audio_path(&self, recording: &Recording) -> PathBuf {
        self.config.directory.join(&recording.file)
    }

    /// Where its proof is.
    pub fn proof_path(&self, recording: &Recording) -> PathBuf {
        proof_beside(&self.audio_path(recording))
    }

    /// Keeps a recording from being deleted, whatever its time.
    ///
    /// # Errors
    /// That neither ledger nor index has it with its audio; of key, index or ledger.
    pub fn hold(&mut self, name: &str, reason: &str) -> Result<(), ArchiveError> {
        let (recording, reason) = subject(name, reason)?;
        let held = Event::Held { recording: recording.clone(), reason: reason.clone() };
        self.enter_of_kept(&recording, held)?;
        self.index.hold_recording(name, Some(reason.as_str()))?;
        Ok(())
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// As [`Archive::hold`].
    pub fn release(&mut self, name: &str, reason: &str) -> Result<(), ArchiveError> {
        let (recording, reason) = subject(name, reason)?;
        self.enter_of_kept(&recording.clone(), Event::Released { recording, reason })?;
        self.index.hold_recording(name, None)?;
        Ok(())
    }

    /// Enters what concerns a recording whose audio is there. The ledger decides, under its lock, and the index follows: what is killed
    /// between the two is made up for at the next start, and the index alone can be lost or edited.
    fn enter_of_kept(&mut self, recording: &Word, event: Event) -> Result<(), ArchiveError> {
        let key = self.signing_key()?;
        let row = self.index.recording(recording.as_str())?;
        let is_in_index = row.is_some_and(|row| row.deleted.is_none());
        let is_entered = self.ledger.add_if(event, now_micros(), &key, |ledger| {
            ledger.deleted(recording).is_none() && (is_in_index || ledger.find(recording).is_some())
        })?;
        if is_entered { Ok(()) } else { Err(ArchiveError::NoSuchRecording) }
    }

    /// Deletes a recording's audio, unless it is held or was deleted before: whether it did. Its proof stays.
    ///
    /// # Errors
    /// Of key, index, ledger or file. What is left to do the recorder does at its next start.
    pub fn delete(&mut self, name: &str, reason: &str) -> Result<bool, ArchiveError> {
        let (word, reason) = subject(name, reason)?;
        let key = self.signing_key()?;
        let recording = self.index.recording(name)?.ok_or(ArchiveError::NoSuchRecording)?;
        self.delete_unless_held(&recording, word, reason, &key)
    }

    /// Enters a deletion, unless ledger or index say that the recording is held or deleted, and finishes it: whether it was entered.
    /// An index that says otherwise than the ledger is put right.
    pub(super) fn delete_unless_held(
        &mut self,
        recording: &Recording,
        word: Word,
        reason: Text,
        key: &SigningKey,
    ) -> Result<bool, ArchiveError> {
        if recording.held.is_some() || recording.deleted.is_some() {
            return Ok(false);
        }
        let event = Event::Deleted { recording: word.clone(), reason };
        let is_entered = self.ledger.add_if(event, now_micros(), key, |ledger| {
            ledger.held(&word).is_none() && ledger.deleted(&word).is_none()
        })?;
        self.follow_ledger(recording, &word)?;
        Ok(is_entered)
    }

    /// Puts a recording's row as the ledger has it, and removes its audio if that was deleted.
    pub(super) fn follow_ledger(&mut self, recording: &Recording, word: &Word) -> Result<(), ArchiveError> {
        let (held, deleted) =
            self.ledger.with(|ledger| Ok((ledger.held(word).cloned(), ledger.deleted(word))))?;
        let deleted = deleted.map(|at| Timestamp::from_unix_millis((at / 1000) as i64));
        // A hold that only the index knows stays: who wrote it can end it.
        let held = held.as_ref().map(Text::as_str).or(recording.held.as_deref());
        self.index.correct_recording(&recording.name, held, deleted)?;
        if deleted.is_none() {
            return Ok(());
        }
        let path = self.audio_path(recording);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ArchiveError::System(path, error)),
            _ => Ok(()),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.config.directory
    }
}

fn subject(name: &str, reason: &str) -> Result<(Word, Text), ArchiveError> {
    let word = Word::new(name).ok_or(ArchiveError::NoSuchRecording)?;
    Ok((word, Text::new(reason.trim()).ok_or(ArchiveError::Unsignable)?))
}

/// The path of the proof that belongs to a recording's file.
pub fn proof_beside(audio: &Path) -> PathBuf {
    audio.with_extension("proof")
}
