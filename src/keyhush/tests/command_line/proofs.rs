//! `keyhush sign`, `verify` and `keys`, as who keeps recordings uses them.

use std::fs;
use std::path::PathBuf;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::{Directory, Said, keyhush, text};

/// A room with a signing key, and a recording of 20 s in which no second is like another.
pub(crate) struct Room {
    pub(crate) directory: Directory,
    pub(crate) key: PathBuf,
    pub(crate) public: PathBuf,
}

impl Room {
    pub(crate) fn new() -> Room {
        let directory = Directory::new();
        let (key, public) = (directory.path("signing.pem"), directory.path("signing.pem.pub"));
        let said = keyhush(["keys", "new", text(&key)]);
        assert_eq!(said.code, 0, "{}", said.err);
        Room { directory, key, public }
    }

    pub(crate) fn recording(&self, name: &str, seed: u32) -> PathBuf {
        let path = self.directory.path(name);
        let form =
            WavSpec { channels: 2, sample_rate: 8000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut file = WavWriter::create(&path, form).expect("a file");
        let mut state = seed;
        for _ in 0..2 * 8000 * 20 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            file.write_sample((state >> 16) as u16 as i16).expect("written");
        }
        file.finalize().expect("written");
        path
    }

    pub(crate) fn sign(&self, arguments: &[&str]) -> Said {
        let given = ["sign", "--key", text(&self.key), "--tenant", "acme"];
        keyhush(given.iter().chain(arguments))
    }

    pub(crate) fn verify(&self, arguments: &[&str]) -> Said {
        let given = ["verify", "--key", text(&self.public)];
        keyhush(given.iter().chain(arguments))
    }
}

/// Where the samples of a file begin that `recording` wrote.
const AUDIO: usize = 44;
/// Bytes of a second of it.
const SECOND: usize = 2 * 2 * 8000;

#[test]
fn what_was_signed_is_genuine_and_its_facts_are_told() {
    let room = Room::new();
    let file = room.recording("voicemail.wav", 1);
    let said = room.sign(&[text(&file), "--fact", "order=A-17"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = room.verify(&[text(&file)]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("genuine: the file as it was made\n"), "{}", said.out);
    for told in ["of acme, imported", "file: voicemail.wav", "order: A-17"] {
        assert!(said.out.contains(told), "{told}: {}", said.out);
    }
    let said = room.verify(&[text(&file), "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((answer["verdict"].as_str(), answer["genuine"].as_bool()), (Some("genuine"), Some(true)));
    assert_eq!(answer["statement"]["facts"]["order"], "A-17");
}

#[test]
fn what_was_done_to_a_recording_is_told_in_words_and_by_exit_code() {
    let room = Room::new();
    let file = room.recording("call.wav", 2);
    assert_eq!(room.sign(&[text(&file)]).code, 0);
    let proof = room.directory.path("call.wav.proof");
    let made = fs::read(&file).expect("written");
    let other = fs::read(room.recording("other.wav", 99)).expect("written");
    let verdict = |name: &str, bytes: &[u8]| {
        let file = room.directory.file(name, bytes);
        let said = room.verify(&[text(&file), "--proof", text(&proof)]);
        (said.code, said.out)
    };

    let mut changed = made.clone();
    changed[AUDIO + 12 * SECOND + 100] ^= 1;
    changed[AUDIO + 13 * SECOND + 100] ^= 1;
    let (code, words) = verdict("changed.wav", &changed);
    assert_eq!(code, 5);
    assert!(words.starts_with("changed at 00:00:12–00:00:14 (left)\n"), "{words}");

    let mut cut = made[..AUDIO + 15 * SECOND].to_vec();
    let size = cut.len() as u32;
    cut[4..8].copy_from_slice(&(size - 8).to_le_bytes());
    cut[40..44].copy_from_slice(&(size - 44).to_le_bytes());
    let (code, words) = verdict("cut.wav", &cut);
    assert_eq!(code, 5);
    assert!(words.starts_with("cut after 00:00:15: 5.000 s are missing\n"), "{words}");

    let (code, words) = verdict("other.wav", &other);
    assert_eq!((code, words.starts_with("not ours: ")), (6, true), "{words}");
    let (code, words) = verdict("text.wav", b"no recording at all");
    assert_eq!((code, words.starts_with("not checked: no WAV file")), (8, true), "{words}");
}

#[test]
fn a_proof_by_a_key_that_is_not_trusted_proves_nothing() {
    let (room, stranger) = (Room::new(), Room::new());
    let file = room.recording("call.wav", 3);
    assert_eq!(stranger.sign(&[text(&file)]).code, 0);
    let said = room.verify(&[text(&file)]);
    assert_eq!(said.code, 7);
    assert!(said.out.contains("which is not known") && !said.out.contains("acme"), "{}", said.out);
    let proof = room.directory.path("call.wav.proof");
    let forged = fs::read_to_string(&proof).expect("text").replace("tenant acme", "tenant other");
    fs::write(&proof, forged).expect("written");
    let said = stranger.verify(&[text(&file)]);
    assert_eq!((said.code, said.out.as_str()), (7, "the proof is forged: its key did not sign it\n"));
}

#[test]
fn old_proofs_verify_after_a_roll_over_and_new_ones_by_the_old_key_do_not() {
    let room = Room::new();
    let (before, after) = (room.recording("before.wav", 4), room.recording("after.wav", 5));
    assert_eq!(room.sign(&[text(&before)]).code, 0);
    let (new, change) = (room.directory.path("new.pem"), room.directory.path("2026.roll-over"));
    assert_eq!(keyhush(["keys", "new", text(&new)]).code, 0);
    let rolled = keyhush([
        "keys",
        "roll-over",
        "--from",
        text(&room.key),
        "--to",
        text(&new),
        "--output",
        text(&change),
    ]);
    assert_eq!(rolled.code, 0, "{}", rolled.err);
    assert_eq!(room.sign(&[text(&after)]).code, 0, "a thief has the old key");
    let with = ["--key", text(&change)];
    assert_eq!(room.verify(&[text(&before), with[0], with[1]]).code, 0);
    let said = room.verify(&[text(&after), with[0], with[1]]);
    assert_eq!(said.code, 7);
    assert!(said.out.contains("after its last moment"), "{}", said.out);
    let signed =
        keyhush(["sign", "--key", text(&new), "--tenant", "acme", text(&room.recording("next.wav", 6))]);
    assert_eq!(signed.code, 0, "{}", signed.err);
    let next = room.directory.path("next.wav");
    assert_eq!(room.verify(&[text(&next), with[0], with[1]]).code, 0);
    let folder = room.verify(&[text(&next), "--key", text(&room.directory.0)]);
    assert_eq!(folder.code, 0, "{}{}", folder.out, folder.err);
}

#[test]
fn nothing_is_written_over() {
    let room = Room::new();
    let file = room.recording("call.wav", 7);
    assert_eq!(room.sign(&[text(&file)]).code, 0);
    let proof = fs::read(room.directory.path("call.wav.proof")).expect("written");
    let again = room.sign(&[text(&file)]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("call.wav.proof: File exists"), "{}", again.err);
    assert_eq!(fs::read(room.directory.path("call.wav.proof")).expect("there"), proof);
    assert_eq!(keyhush(["keys", "new", text(&room.key)]).code, 1);
    let shown = keyhush(["keys", "public", text(&room.key)]);
    assert_eq!(shown.out, fs::read_to_string(&room.public).expect("text"));
    let ids = [&room.key, &room.public].map(|path| keyhush(["keys", "id", text(path)]).out);
    assert_eq!(ids[0], ids[1]);
}
