//! `keyhush recordings`: lists, decrypts, holds and deletes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write, stdout};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use control::recordings::index::{Recording, RecordingFilter, Timestamp};
use control::recordings::{Archive, ArchiveError};
use recording::document::Word;
use recording::proof::Proof;
use recording::verify::AudioFile;
use serde_json::json;
use settings::Settings;
use zeroize::Zeroizing;

use super::keys;
use crate::cli::{
    ArchiveAt, ExcerptArgs, ExportArgs, ListRecordingsArgs, ReasonArgs, RecordingsAction, RecordingsArgs,
};
use crate::clock::utc;
use crate::exit::Failure;
use crate::recordings::archive_config;

/// Does what was asked of the archive.
pub(crate) fn run(given: &RecordingsArgs) -> Result<(), Failure> {
    match &given.action {
        RecordingsAction::Keys { directory } => make_keys(directory),
        RecordingsAction::List(given) => list(given),
        RecordingsAction::Export(given) => export(given),
        RecordingsAction::Excerpt(given) => excerpt(given),
        RecordingsAction::Hold(given) => {
            open(&given.at)?.hold(&given.name, &given.reason).map_err(failure)?;
            say(&format!("{} is not deleted until it is released", given.name))
        }
        RecordingsAction::Release(given) => {
            open(&given.at)?.release(&given.name, &given.reason).map_err(failure)?;
            say(&format!("{} is deleted when its time is over", given.name))
        }
        RecordingsAction::Delete(given) => delete(given),
    }
}

impl ArchiveAt {
    fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::load(&self.config)?)
    }
}

fn open(at: &ArchiveAt) -> Result<Archive, Failure> {
    Archive::open(&archive_config(&at.settings()?)?).map_err(failure)
}

fn failure(error: ArchiveError) -> Failure {
    let remedy = match &error {
        ArchiveError::NoSuchRecording => "; `keyhush recordings list` shows them",
        _ => "",
    };
    Failure::new(format!("{error}{remedy}"))
}

fn make_keys(directory: &Path) -> Result<(), Failure> {
    let told = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| Failure::file(&path, &error)
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(told(directory))?;
    let (master, signing) = (directory.join("master.key"), directory.join("signing.key"));
    let mut bytes = Zeroizing::new([0; 32]);
    keys::random(&mut *bytes)?;
    let mut digits = Zeroizing::new(String::with_capacity(65));
    for byte in bytes.iter() {
        for half in [byte >> 4, byte & 15] {
            digits.extend(char::from_digit(u32::from(half), 16));
        }
    }
    digits.push('\n');
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&master);
    let written = new.and_then(|mut file| {
        file.write_all(digits.as_bytes())?;
        file.sync_all()
    });
    written.map_err(told(&master))?;
    let key = keys::new(&signing)?;
    File::open(directory).and_then(|folder| folder.sync_all()).map_err(told(directory))?;
    say(&format!(
        "master_key = \"{}\"\nsigning_key = \"{}\"\n# Keep copies of both where this machine's thieves and fires do not come: without the first no recording can be \
         heard.\n# {}.pub ({}) is for who verifies.",
        master.display(),
        signing.display(),
        signing.display(),
        key.id()
    ))
}

fn list(given: &ListRecordingsArgs) -> Result<(), Failure> {
    let mut archive = open(&given.at)?;
    let time =
        |micros: Option<u64>| micros.map(|micros| Timestamp::from_unix_millis((micros / 1_000) as i64));
    let wanted = RecordingFilter {
        tenant: given.tenant.clone(),
        from: time(given.from),
        to: time(given.to),
        number: given.number.clone(),
        agent: given.agent.clone(),
        order: given.order.clone(),
        after: None,
        limit: given.limit,
    };
    let found = archive.index().recordings(&wanted).map_err(|error| failure(error.into()))?;
    let mut out = stdout().lock();
    if given.json {
        let answer = json!({ "recordings": found.iter().map(in_json).collect::<Vec<_>>() });
        return writeln!(out, "{answer:#}").or_else(Failure::output);
    }
    let row = |one: &Recording| {
        let state = match (one.deleted, &one.held) {
            (Some(_), _) => "deleted",
            (None, Some(_)) => "held",
            (None, None) => "kept",
        };
        let seconds = one.duration / 1_000;
        let (began, until) = (shown(one.began), shown(one.keep_until));
        let length = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        format!(
            "{}  {began}  {length}  {state:7}  {until}  {}  {}  {}",
            one.name, one.tenant, one.caller, one.called
        )
    };
    found.iter().try_for_each(|one| writeln!(out, "{}", row(one))).or_else(Failure::output)
}

fn shown(time: Timestamp) -> String {
    utc(u64::try_from(time.unix_millis()).unwrap_or(0).saturating_mul(1_000))
}

fn in_json(one: &Recording) -> serde_json::Value {
    json!({
        "name": one.name,
        "tenant": one.tenant,
        "began": shown(one.began),
        "duration_ms": one.duration,
        "caller": one.caller,
        "called": one.called,
        "agents": one.agents,
        "orders": one.orders,
        "interrupted": one.is_interrupted,
        "keep_until": shown(one.keep_until),
        "held": one.held,
        "deleted": one.deleted.map(shown),
    })
}

/// The recording, with its audio.
fn find(archive: &mut Archive, name: &str) -> Result<Recording, Failure> {
    let found = archive.index().recording(name).map_err(|error| failure(error.into()))?;
    found.ok_or_else(|| Failure::new(format!("{}: {}", name.escape_debug(), ArchiveError::NoSuchRecording)))
}

/// Each recording's files; what cannot be had is told, and the others are written.
fn export(given: &ExportArgs) -> Result<(), Failure> {
    let mut archive = open(&given.at)?;
    let mut audio = archive.audio().map_err(failure)?;
    let mut missed = 0;
    for name in &given.names {
        match export_one(&mut archive, &mut audio, name, &given.to) {
            Ok(said) => say(&said)?,
            Err(why) => {
                missed += 1;
                why.tell();
            }
        }
    }
    match missed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{missed} of {} recordings were not exported", given.names.len()))),
    }
}

fn export_one(
    archive: &mut Archive,
    audio: &mut recording::store::Store,
    name: &str,
    to: &Path,
) -> Result<String, Failure> {
    let found = find(archive, name)?;
    let at = |ending: &str| to.join(format!("{name}.{ending}"));
    copy_papers(archive, &found, &at)?;
    if let Some(deleted) = found.deleted {
        return Ok(format!("{}: the audio was deleted on {}", at("proof").display(), shown(deleted)));
    }
    let (from, file) = (archive.audio_path(&found), at("wav"));
    let mut reader = audio.read(&from).map_err(|error| failure(error.into()))?;
    let mut written = BufWriter::new(new(&file)?);
    let done = reader.export(&mut written).map_err(|error| failure(error.into()));
    if done.is_err() {
        // A part that passes for the whole would be worse than none.
        let _ = fs::remove_file(&file);
    }
    done?;
    written.get_ref().sync_all().map_err(|error| Failure::file(&file, &error))?;
    Ok(file.display().to_string())
}

/// The proof as it is, and the ledger's receipt of it.
fn copy_papers(
    archive: &mut Archive,
    found: &Recording,
    at: &dyn Fn(&str) -> PathBuf,
) -> Result<(), Failure> {
    let from = archive.proof_path(found);
    let proof = fs::read(&from).map_err(|error| Failure::file(&from, &error))?;
    write(&at("proof"), &proof)?;
    write_receipt(archive, &found.name, &at("receipt"))
}

fn write_receipt(archive: &mut Archive, name: &str, to: &Path) -> Result<(), Failure> {
    let word = Word::new(name);
    let receipt = archive.ledger().with(|ledger| {
        let index = word.and_then(|word| ledger.find(&word));
        index.map_or(Ok(None), |index| ledger.receipt(index))
    });
    let receipt = receipt.map_err(|fault| failure(fault.into()))?;
    receipt.map_or(Ok(()), |receipt| write(to, &receipt.to_bytes()))
}

fn excerpt(given: &ExcerptArgs) -> Result<(), Failure> {
    let (first, end) = (given.from, given.until);
    let mut archive = open(&given.at)?;
    let found = find(&mut archive, &given.name)?;
    if found.deleted.is_some() {
        return Err(failure(ArchiveError::NoSuchRecording));
    }
    let from = archive.proof_path(&found);
    let proof = fs::read(&from).map_err(|error| Failure::file(&from, &error))?;
    let proof =
        Proof::from_bytes(&proof).map_err(|fault| Failure::new(format!("{}: {fault}", from.display())))?;
    let mut audio = archive.audio().map_err(failure)?;
    let mut reader = audio.read(&archive.audio_path(&found)).map_err(|error| failure(error.into()))?;
    let mut whole = Vec::new();
    reader.export(&mut whole).map_err(|error| failure(error.into()))?;
    let cut = AudioFile::new(&whole).ok().and_then(|file| file.excerpt(first, end));
    let (Some(cut), Some(part)) = (cut, proof.excerpt(first, end)) else {
        let seconds = proof.statement().seconds();
        return Err(Failure::new(format!("the recording has {seconds} seconds, and these are not in it")));
    };
    let at = |ending: &str| given.to.join(format!("{}_{first}-{end}.{ending}", given.name));
    write(&at("wav"), &cut)?;
    write(&at("proof"), &part.to_bytes())?;
    write_receipt(&mut archive, &given.name, &at("receipt"))?;
    say(&at("wav").display().to_string())
}

fn delete(given: &ReasonArgs) -> Result<(), Failure> {
    if open(&given.at)?.delete(&given.name, &given.reason).map_err(failure)? {
        return say(&format!(
            "the audio of {} is deleted, and the ledger has it; its proof stays",
            given.name
        ));
    }
    Err(Failure::new(format!(
        "{} is held, or was deleted before; `keyhush recordings list` shows it",
        given.name
    )))
}

/// A new file for its owner alone: what is exported is no longer encrypted.
fn new(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| Failure::file(path, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| Failure::file(path, &error))
}

fn say(text: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{text}").or_else(Failure::output)
}
