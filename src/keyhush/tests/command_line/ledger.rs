//! `keyhush ledger`: that a removed and an exchanged entry are caught.

use std::fs;
use std::path::{Path, PathBuf};

use recording::document::Word;
use recording::keys::SigningKey;
use recording::ledger::{Entry, Event, Ledger, LogFile, Snapshot};
use recording::merkle::Hash;

use super::proofs::Room;
use crate::{Said, keyhush, text};

/// A ledger of eight recordings, whose heads a witness keeps.
struct Kept {
    room: Room,
    ledger: PathBuf,
    witness: PathBuf,
}

impl Kept {
    fn new() -> Kept {
        let room = Room::new();
        let (ledger, witness) = (room.directory.path("ledger"), room.directory.path("witness"));
        fs::create_dir(&witness).expect("a directory");
        let kept = Kept { room, ledger, witness };
        for half in [["1", "2", "3", "4"], ["5", "6", "7", "8"]] {
            let files = half.map(|name| kept.room.recording(&format!("{name}.wav"), 1 + name.len() as u32));
            let names = files.iter().map(|file| text(file));
            let arguments: Vec<&str> = names.chain(["--ledger", text(&kept.ledger)]).collect();
            let said = kept.room.sign(&arguments);
            assert_eq!(said.code, 0, "{}", said.err);
            let said = kept.ledger(&["export", "--to", text(&kept.witness)], &kept.ledger);
            assert_eq!(said.code, 0, "{}", said.err);
        }
        kept
    }

    fn ledger(&self, arguments: &[&str], ledger: &Path) -> Said {
        keyhush(["ledger"].iter().chain(arguments).chain(&["--ledger", text(ledger)]))
    }

    fn check(&self, ledger: &Path, more: &[&str]) -> Said {
        let given = ["check", "--key", text(&self.room.public)];
        self.ledger(&given.iter().chain(more).copied().collect::<Vec<_>>(), ledger)
    }

    /// What who has the machine and its key can make of the ledger: all entries through `change`, and all heads signed anew.
    fn rewritten(&self, name: &str, change: impl Fn(usize, Entry) -> Option<Entry>) -> PathBuf {
        let path = self.room.directory.path(name);
        let snapshot = Snapshot::read(&self.ledger.join("ledger.log")).expect("a ledger").expect("a head");
        let (log, _) = LogFile::open(&path).expect("a file");
        let mut forged = Ledger::open(snapshot.name().expect("a name").clone(), log).expect("empty");
        let key = SigningKey::load(&self.room.key).expect("a key");
        for index in 0..snapshot.ledger.size() {
            let entry = snapshot.ledger.entry(index).expect("read").expect("there");
            if let Some(entry) = change(index as usize, entry) {
                forged.append(&entry).expect("appended");
            }
        }
        let at = snapshot.ledger.newest().max(forged.newest());
        forged.sign_head(at, &key).expect("signed");
        path
    }

    /// The head that the witness keeps of the first four entries.
    fn older_head(&self) -> PathBuf {
        let entries = fs::read_dir(&self.witness).expect("a directory");
        let mut paths = entries.map(|entry| entry.expect("an entry").path());
        paths.find(|path| text(path).contains("-000000000004-")).expect("a head of four")
    }
}

#[test]
fn a_ledger_that_only_grew_is_as_it_should_be() {
    let kept = Kept::new();
    let said = kept.check(
        &kept.ledger,
        &["--witness", text(&kept.witness), "--recordings", text(&kept.room.directory.0)],
    );
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("8 entries") && said.out.contains("nothing was removed or exchanged"),
        "{}",
        said.out
    );
    let said = kept.ledger(&["consistency", text(&kept.older_head())], &kept.ledger);
    assert_eq!(said.code, 0, "{}", said.err);
    let shown = kept.room.directory.file("grew.txt", said.out);
    let said = keyhush(["ledger", "verify", text(&shown), "--key", text(&kept.room.public)]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("the ledger only grew, from 4 entries"), "{}", said.out);
}

#[test]
fn a_removed_entry_is_caught() {
    let kept = Kept::new();
    for gone in 0..4 {
        let forged =
            kept.rewritten(&format!("without-{gone}"), |index, entry| (index != gone).then_some(entry));
        let alone = kept.check(&forged, &[]);
        assert_eq!(alone.code, 0, "without a witness the forger's own heads are all there is: {}", alone.err);
        let said = kept.check(&forged, &["--witness", text(&kept.witness)]);
        assert_eq!(said.code, 5, "{}", said.out);
        assert!(said.out.contains("removed or exchanged"), "{}", said.out);
        assert_eq!(kept.ledger(&["consistency", text(&kept.older_head())], &forged).code, 5);
        assert_eq!(kept.ledger(&["export", "--to", text(&kept.witness)], &forged).code, 5);
        let said = kept.check(&forged, &["--recordings", text(&kept.room.directory.0)]);
        assert!(said.code == 5 && said.out.contains("its proof is not in the ledger"), "{}", said.out);
    }
}

#[test]
fn an_exchanged_entry_is_caught() {
    let kept = Kept::new();
    for changed in 0..8 {
        let forged = kept.rewritten(&format!("exchanged-{changed}"), |index, mut entry| {
            if let (true, Event::Proof { proof, .. }) = (index == changed, &mut entry.event) {
                *proof = Hash::of(b"another recording");
            }
            Some(entry)
        });
        let said = kept.check(&forged, &["--witness", text(&kept.witness)]);
        assert_eq!(said.code, 5, "{}", said.out);
        assert!(said.out.contains("removed or exchanged"), "{}", said.out);
        let said = kept.check(&forged, &["--recordings", text(&kept.room.directory.0)]);
        assert!(said.code == 5 && said.out.contains("the proof was exchanged"), "{}", said.out);
    }
}

#[test]
fn a_ledger_that_was_cut_short_or_changed_in_place_is_caught() {
    let kept = Kept::new();
    let short = kept.rewritten("short", |index, entry| (index < 6).then_some(entry));
    let said = kept.check(&short, &["--witness", text(&kept.witness)]);
    assert!(said.code == 5 && said.out.contains("there were 8, and there are 6"), "{}", said.out);
    let mut bytes = fs::read(kept.ledger.join("ledger.log")).expect("a ledger");
    bytes[60] ^= 1;
    let changed = kept.room.directory.file("changed", bytes);
    let said = kept.check(&changed, &[]);
    assert_ne!(said.code, 0);
    assert!(said.err.contains("damaged"), "{}", said.err);
}

#[test]
fn a_receipt_shows_that_the_ledger_has_a_proof() {
    let kept = Kept::new();
    let proof = fs::read(kept.room.directory.path("3.wav.proof")).expect("a proof");
    let proof = recording::proof::Proof::from_bytes(&proof).expect("a proof");
    let name = proof.statement().recording.as_str();
    let said = kept.ledger(&["receipt", name], &kept.ledger);
    assert_eq!(said.code, 0, "{}", said.err);
    let receipt = kept.room.directory.file("3.receipt", said.out);
    let file = |name: &str| kept.room.directory.path(name);
    let said = kept.room.verify(&[text(&file("3.wav")), "--receipt", text(&receipt)]);
    assert!(said.code == 0 && said.out.contains("in the ledger since"), "{}", said.out);
    let said = kept.room.verify(&[text(&file("4.wav")), "--receipt", text(&receipt)]);
    assert!(said.code == 7 && said.out.contains("the receipt is another proof's"), "{}", said.out);
    let unknown = Word::new("20260101T000000Z-0000000000").expect("a word");
    assert_eq!(kept.ledger(&["receipt", unknown.as_str()], &kept.ledger).code, 1);
}
