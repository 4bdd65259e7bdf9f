//! `keyhush recordings`: an archive's keeper lists, decrypts, holds and deletes.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use control::recordings::index::{Recording, Timestamp};
use control::recordings::{Archive, ArchiveConfig, master_in_file, proof_beside};
use recording::document::{Text, Word};
use recording::imported::{self, Import};
use recording::ledger::Event;
use recording::second::Second;
use recording::store::{Begin, Disk, Keeper, Limits, Order, Recorder};

use crate::{Directory, Said, keyhush, text};

const NAME: &str = "20260131T101502Z-4f1e9a0c77";
const BEGAN: u64 = 1_769_854_502_000_000;

/// A box with one recording of 20 silent seconds.
struct Kept {
    directory: Directory,
    config: PathBuf,
}

impl Kept {
    fn new() -> Kept {
        let directory = Directory::new();
        let keys = directory.path("keys");
        let said = keyhush(["recordings", "keys", text(&keys)]);
        assert_eq!(said.code, 0, "{}", said.err);
        let config = directory.file(
            "box.toml",
            "[[wire]]\ncarrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n[store]\ndirectory = \"store\"\n\
             [recordings]\ndirectory = \"recordings\"\nmaster_key = \"keys/master.key\"\n\
             signing_key = \"keys/signing.key\"\n",
        );
        let it = Kept { directory, config };
        it.record();
        it
    }

    fn record(&self) {
        let config = ArchiveConfig {
            directory: self.directory.path("recordings"),
            master: master_in_file(self.directory.path("keys/master.key")),
            signing_key: self.directory.path("keys/signing.key"),
            store: self.directory.path("store"),
        };
        let mut archive = Archive::open(&config).expect("an archive");
        let volume = Arc::new(Disk::of(&config.directory).expect("a disk"));
        let paths: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
        let closed = Arc::clone(&paths);
        let keeper =
            Keeper::start(volume.clone(), 8, move |one| closed.lock().expect("whole").push(one.path));
        let audio = archive.audio().expect("keys");
        let mut recorder = Recorder::new(audio, volume, keeper.expect("a thread"), Limits::default());
        let sink = || Box::new(|_: &Second<'_>| {});
        let begin = Begin {
            name: NAME.to_owned(),
            tenant: "acme".to_owned(),
            begin: BEGAN * 1_000,
            began: BEGAN * 1_000,
            announced: None,
            about: Vec::new(),
            sink: sink(),
            next_sink: Box::new(move || sink()),
        };
        recorder.begin(1, begin).expect("room");
        recorder.order(Order::End(1, BEGAN * 1_000 + 20_000_000_000));
        drop(recorder);
        let path = paths.lock().expect("whole").first().expect("ended").clone();
        let mut wav = Vec::new();
        let mut reader = archive.audio().expect("keys").read(&path).expect("a recording");
        reader.export(&mut wav).expect("exported");
        let key = archive.signing_key().expect("a key");
        let import = Import {
            recording: Word::new(NAME).expect("a word"),
            tenant: Text::new("acme").expect("a text"),
            facts: std::collections::BTreeMap::new(),
            began: BEGAN,
            signed: BEGAN + 30_000_000,
        };
        let proof = imported::sign(&wav, import, &key).expect("a proof");
        fs::write(proof_beside(&path), proof.to_bytes()).expect("written");
        let event = Event::Proof { recording: Word::new(NAME).expect("a word"), proof: proof.name() };
        archive.ledger().add(&[event], BEGAN + 30_000_000, &key).expect("entered");
        let file = path.strip_prefix(&config.directory).expect("below").to_str().expect("text").to_owned();
        let recording = Recording {
            name: NAME.to_owned(),
            tenant: "acme".to_owned(),
            began: Timestamp::from_unix_millis((BEGAN / 1_000) as i64),
            duration: 20_000,
            caller: "+442079460999".to_owned(),
            called: "+442079460123".to_owned(),
            agents: Vec::new(),
            orders: vec!["A-17".to_owned()],
            is_interrupted: false,
            file,
            bytes: 1,
            keep_until: Timestamp::from_unix_millis(4_000_000_000_000),
            held: None,
            deleted: None,
        };
        archive.index().keep_recording(&recording).expect("kept");
    }

    fn recordings(&self, arguments: &[&str]) -> Said {
        keyhush(["recordings"].iter().chain(arguments).chain(&["--config", text(&self.config)]))
    }

    fn verify(&self, file: &str) -> Said {
        let (file, key) = (self.directory.path(file), self.directory.path("keys/signing.key.pub"));
        let receipt = file.with_extension("receipt");
        keyhush(["verify", text(&file), "--key", text(&key), "--receipt", text(&receipt)])
    }

    fn check(&self) -> Said {
        let (ledger, key) = (self.directory.path("recordings"), self.directory.path("keys/signing.key.pub"));
        let of = text(&ledger);
        keyhush(["ledger", "check", "--ledger", of, "--recordings", of, "--key", text(&key)])
    }
}

#[test]
fn a_recording_is_found_exported_and_verified_whole_and_in_part() {
    let it = Kept::new();
    for filter in [&["--order", "A-17"][..], &["--number", "0999"], &["--from", "2026-01-31"], &[]] {
        let said = it.recordings(&[&["list"], filter].concat());
        assert!(said.code == 0 && said.out.starts_with(NAME), "{filter:?} {}{}", said.out, said.err);
    }
    assert_eq!(it.recordings(&["list", "--to", "2026-01-31"]).out, "");
    let to = it.directory.0.clone();
    let said = it.recordings(&["export", NAME, "--to", text(&to)]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = it.verify(&format!("{NAME}.wav"));
    assert!(said.code == 0 && said.out.contains("in the ledger since"), "{}{}", said.out, said.err);
    assert_eq!(it.recordings(&["export", NAME, "--to", text(&to)]).code, 1, "written over");
    let said = it.recordings(&["excerpt", NAME, "--from", "0:05", "--until", "0:12", "--to", text(&to)]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = it.verify(&format!("{NAME}_5-12.wav"));
    assert!(said.code == 0 && said.out.starts_with("genuine excerpt, 00:00:05–00:00:12"), "{}", said.out);
    let said = it.recordings(&["excerpt", NAME, "--from", "0:05", "--until", "0:50", "--to", text(&to)]);
    assert!(said.code == 1 && said.err.contains("has 20 seconds"), "{}", said.err);
}

#[test]
fn what_is_held_stays_and_what_is_deleted_leaves_its_proof() {
    let it = Kept::new();
    assert_eq!(it.recordings(&["hold", NAME, "--reason", "court order 12"]).code, 0);
    let said = it.recordings(&["delete", NAME, "--reason", "request 881"]);
    assert!(said.code == 1 && said.err.contains("is held"), "{}", said.err);
    assert_eq!(it.recordings(&["release", NAME, "--reason", "settled"]).code, 0);
    let said = it.recordings(&["delete", NAME, "--reason", "request 881"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = it.recordings(&["export", NAME, "--to", text(&it.directory.0)]);
    assert!(said.code == 0 && said.out.contains("the audio was deleted"), "{}{}", said.out, said.err);
    let said = it.check();
    assert!(said.code == 0 && said.out.contains("4 entries"), "{}{}", said.out, said.err);
}

#[test]
fn audio_that_goes_without_a_deletion_is_caught() {
    let it = Kept::new();
    assert_eq!(it.check().code, 0);
    let audio = it.directory.path("recordings/acme/2026-01-31").join(format!("{NAME}.khr"));
    fs::remove_file(&audio).expect("it was there");
    let said = it.check();
    assert!(said.code == 5 && said.out.contains("the ledger has no deletion"), "{}", said.out);
    fs::remove_file(audio.with_extension("proof")).expect("it was there");
    let said = it.check();
    assert!(said.code == 5 && said.out.contains("which is gone"), "{}", said.out);
}
