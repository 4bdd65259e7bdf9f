use recording::keys::Trust;
use recording::proof::Encoding;
use recording::verify::{verify, wave};

use super::*;
use crate::recordings::master_in_file;

struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An inbox with the directory of the tenant "acme", and a signing key.
fn place(name: &str) -> (Place, ArchiveConfig) {
    let root = std::env::temp_dir().join(format!("keyhush-inbox-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("inbox/acme")).unwrap();
    let signing_key = root.join("signing.key");
    SigningKey::from_seed(&[3; 32]).save(&signing_key).unwrap();
    let master = master_in_file(root.join("master.key"));
    let (directory, store) = (root.join("recordings"), root.join("store"));
    (Place(root), ArchiveConfig { directory, master, signing_key, store })
}

fn watch(place: &Place, config: &ArchiveConfig) -> Watch {
    Watch::new(&place.0.join("inbox"), Archive::open(config).unwrap(), Arc::default())
}

fn audio(salt: u8) -> Vec<u8> {
    let samples: Vec<u8> = (0..24_000u32).map(|at| (at % 251) as u8 ^ salt).collect();
    wave(Encoding::MuLaw, 8_000, 1, &samples)
}

fn counts(watch: &Watch) -> [u64; 3] {
    let InboxFigures { signed, refused, failures } = &*watch.figures;
    [signed, refused, failures].map(|count| count.load(Ordering::Relaxed))
}

#[test]
fn a_file_at_rest_is_signed_and_moved_with_its_proof() {
    let (place, config) = place("signed");
    let mut watch = watch(&place, &config);
    let inbox = place.0.join("inbox/acme");
    fs::write(inbox.join("call.wav"), audio(1)).unwrap();
    watch.pass(0);
    watch.pass(1_999);
    assert_eq!(counts(&watch), [0; 3], "not at rest yet");
    watch.pass(2_000);
    assert_eq!(counts(&watch), [1, 0, 0]);
    assert!(!inbox.join("call.wav").exists());
    let signed = fs::read(inbox.join("signed/call.wav")).unwrap();
    let proof = fs::read(inbox.join("signed/call.wav.proof")).unwrap();
    let trust = Trust::in_key(SigningKey::from_seed(&[3; 32]).public());
    assert!(verify(&signed, &proof, &trust).is_genuine());
    let proof = Proof::from_bytes(&proof).unwrap();
    assert_eq!(proof.statement().tenant.as_str(), "acme");
    let found = watch.archive.ledger().with(|ledger| Ok(ledger.find(&proof.statement().recording))).unwrap();
    assert_eq!(found, Some(0));
}

#[test]
fn what_is_still_written_is_waited_for_and_what_is_never_finished_is_refused() {
    let (place, config) = place("unfinished");
    let mut watch = watch(&place, &config);
    let (inbox, whole) = (place.0.join("inbox/acme"), audio(2));
    fs::write(inbox.join("slow.wav"), &whole[..9_000]).unwrap();
    fs::write(inbox.join("never.wav"), &whole[..9_000]).unwrap();
    fs::write(inbox.join("new.wav.part"), &whole[..9_000]).unwrap();
    for now in [0, 3_000, 6_000] {
        watch.pass(now);
    }
    assert_eq!(counts(&watch), [0; 3]);
    fs::write(inbox.join("slow.wav"), &whole).unwrap();
    watch.pass(9_000);
    watch.pass(12_000);
    assert_eq!(counts(&watch), [1, 0, 0]);
    watch.pass(60_000);
    assert_eq!(counts(&watch), [1, 1, 0]);
    assert!(
        fs::read_to_string(inbox.join("refused/never.wav.why")).unwrap().contains("more should have come")
    );
    assert!(inbox.join("refused/never.wav").exists() && inbox.join("new.wav.part").exists());
}

#[test]
fn what_cannot_be_signed_is_refused_with_the_reason() {
    let (place, config) = place("refused");
    let mut watch = watch(&place, &config);
    let inbox = place.0.join("inbox");
    fs::write(inbox.join("stray.wav"), audio(3)).unwrap();
    fs::write(inbox.join("acme/text.wav"), "no recording").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", inbox.join("acme/link.wav")).unwrap();
    watch.pass(0);
    watch.pass(2_000);
    assert_eq!(counts(&watch), [0, 2, 0]);
    let why = |path: &str| fs::read_to_string(inbox.join(path)).unwrap();
    assert!(why("refused/stray.wav.why").contains("no tenant's directory"));
    assert!(why("acme/refused/text.wav.why").contains("no WAV file"));
    assert!(inbox.join("acme/link.wav").is_symlink(), "a link is left alone");
}

#[test]
fn files_of_one_name_keep_apart() {
    let (place, config) = place("names");
    let mut watch = watch(&place, &config);
    let inbox = place.0.join("inbox/acme");
    for nth in 0..3u8 {
        fs::write(inbox.join("msg0001.wav"), audio(nth)).unwrap();
        watch.pass(u64::from(nth) * 10_000);
        watch.pass(u64::from(nth) * 10_000 + 2_000);
    }
    assert_eq!(counts(&watch), [3, 0, 0]);
    let trust = Trust::in_key(SigningKey::from_seed(&[3; 32]).public());
    for (nth, name) in ["msg0001.wav", "msg0001~2.wav", "msg0001~3.wav"].iter().enumerate() {
        let file = fs::read(inbox.join("signed").join(name)).unwrap();
        assert_eq!(file, audio(nth as u8));
        let proof = fs::read(proof_of(&inbox.join("signed").join(name))).unwrap();
        assert!(verify(&file, &proof, &trust).is_genuine(), "{name}");
    }
}

#[test]
fn a_kill_between_the_steps_leaves_one_proof_and_one_entry() {
    let (place, config) = place("killed");
    let inbox = place.0.join("inbox/acme");
    fs::write(inbox.join("call.wav"), audio(5)).unwrap();
    let mut watch = watch(&place, &config);
    watch.pass(0);
    watch.pass(2_000);
    // As if it was killed before the audio was moved, and before the entry was written, too.
    fs::rename(inbox.join("signed/call.wav"), inbox.join("call.wav")).unwrap();
    for name in ["ledger.log", ""] {
        if !name.is_empty() {
            fs::remove_file(config.directory.join(name)).unwrap();
        }
        let mut again = Watch::new(&place.0.join("inbox"), Archive::open(&config).unwrap(), Arc::default());
        again.pass(0);
        again.pass(2_000);
        assert_eq!(counts(&again), [1, 0, 0]);
        assert_eq!(again.archive.ledger().with(|ledger| Ok(ledger.size())).unwrap(), 1);
        assert_eq!(fs::read_dir(inbox.join("signed")).unwrap().count(), 2);
        fs::rename(inbox.join("signed/call.wav"), inbox.join("call.wav")).unwrap();
    }
}

#[test]
fn a_ledger_that_fails_is_asked_again_later() {
    let (place, config) = place("failing");
    let mut watch = watch(&place, &config);
    let inbox = place.0.join("inbox/acme");
    fs::write(inbox.join("call.wav"), audio(6)).unwrap();
    fs::rename(&config.signing_key, place.0.join("away")).unwrap();
    watch.pass(0);
    watch.pass(2_000);
    assert_eq!(counts(&watch), [0, 0, 1]);
    fs::rename(place.0.join("away"), &config.signing_key).unwrap();
    watch.pass(3_000);
    assert_eq!(counts(&watch), [0, 0, 1], "too early");
    watch.pass(12_000);
    assert_eq!(counts(&watch), [1, 0, 1]);
}

/// Who may write into a tenant's directory must not have us write, or move files, where only we may.
#[test]
fn links_in_a_tenants_directory_lead_nowhere() {
    let (place, config) = place("links");
    let mut watch = watch(&place, &config);
    let (inbox, keys) = (place.0.join("inbox/acme"), watch.archive.keys_directory());
    fs::create_dir_all(&keys).unwrap();
    std::os::unix::fs::symlink(&keys, inbox.join("refused")).unwrap();
    std::os::unix::fs::symlink(&keys, inbox.join("signed")).unwrap();
    let theirs = SigningKey::from_seed(&[66; 32]).public();
    fs::write(inbox.join("theirs.pem"), theirs.to_pem().unwrap()).unwrap();
    fs::write(inbox.join("call.wav"), audio(7)).unwrap();
    for now in [0, 2_000, 13_000] {
        watch.pass(now);
    }
    let names: Vec<_> = fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let own = format!("{}.pem", SigningKey::from_seed(&[3; 32]).public().id());
    assert!(names.iter().all(|name| *name == *own), "{names:?}");
    assert_eq!(counts(&watch)[..2], [0, 0]);
    // Nor is a file written through a link.
    fs::remove_file(inbox.join("signed")).unwrap();
    fs::create_dir(inbox.join("signed")).unwrap();
    let precious = place.0.join("precious");
    fs::write(&precious, "ours").unwrap();
    std::os::unix::fs::symlink(&precious, inbox.join("signed/call.wav.proof.new")).unwrap();
    for now in [30_000, 32_000, 45_000] {
        watch.pass(now);
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "ours");
    assert!(inbox.join("signed/call.wav").exists());
}

#[test]
fn a_tenants_failing_directory_is_no_concern_of_the_others() {
    let (place, config) = place("fair");
    let mut watch = watch(&place, &config);
    let inbox = place.0.join("inbox");
    fs::create_dir(inbox.join("zeta")).unwrap();
    fs::write(inbox.join("acme/signed"), "no directory").unwrap();
    fs::write(inbox.join("acme/call.wav"), audio(1)).unwrap();
    fs::write(inbox.join("zeta/call.wav"), audio(2)).unwrap();
    watch.pass(0);
    watch.pass(2_000);
    assert_eq!(counts(&watch), [1, 0, 1]);
    assert!(inbox.join("zeta/signed/call.wav").exists());
    // And it is tried again itself.
    fs::remove_file(inbox.join("acme/signed")).unwrap();
    watch.pass(3_000);
    assert_eq!(counts(&watch), [1, 0, 1], "too early");
    watch.pass(12_000);
    assert_eq!(counts(&watch), [2, 0, 1]);
}

#[test]
fn a_file_that_would_fill_the_memory_is_refused_unread() {
    let (place, config) = place("huge");
    let mut watch = watch(&place, &config);
    let inbox = place.0.join("inbox/acme");
    // Its length costs who puts it there nothing.
    File::create(inbox.join("huge.wav")).unwrap().set_len(LONGEST + 1).unwrap();
    watch.pass(0);
    watch.pass(2_000);
    assert_eq!(counts(&watch), [0, 1, 0]);
    assert!(fs::read_to_string(inbox.join("refused/huge.wav.why")).unwrap().contains("longer than 512 MB"));
}

/// What was a file when it was looked at may be a pipe when it is opened.
#[test]
fn nobody_is_waited_for_at_a_pipe() {
    let (place, config) = place("pipe");
    let mut watch = watch(&place, &config);
    let pipe = place.0.join("inbox/acme/call.wav");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    assert!(matches!(watch.take(&pipe, (0, 0, 0)), Err(Not::Unfinished)));
}
