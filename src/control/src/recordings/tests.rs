use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::park_timeout;
use std::time::Duration;

use handover::rings::Ring;
use handover::{CallHandle, Flow, Instant, Side};
use recording::document::Word;
use recording::feed::{Feed, feed};
use recording::frame::{Channel, Format, Frame};
use recording::keys::SigningKey;
use recording::proof::{Ending, Interval, Mark, Proof};
use recording::verify::{Header, Verdict, verify};

use super::index::{Recording, RecordingFilter};
use super::order::{Fact, RecordingOrder, ToRecord};
use super::recorder::{RecorderConfig, RecorderHandle, key_of, start};
use super::{Archive, ArchiveConfig, about, archive, proof_beside};
use crate::store::Timestamp;

mod load;

const SECOND: u64 = 1_000_000_000;
/// When the lcores' clock stands at the tests' beginning.
const BEGIN: u64 = 77 * SECOND;
const MOST: Duration = Duration::from_millis(1);

fn place(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("keyhush-archive-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn config(root: &Path) -> ArchiveConfig {
    let signing_key = root.join("signing.pem");
    if !signing_key.exists() {
        SigningKey::from_seed(&[9; 32]).save(&signing_key).unwrap();
    }
    let master: archive::OpenMaster = Arc::new(|| Ok(Box::new(recording::sealed::MasterKey::new(&[3; 32])?)));
    ArchiveConfig { directory: root.join("recordings"), master, signing_key, store: root.join("store") }
}

/// A recorder, its rings, and a clock that the test turns.
struct Stage {
    handle: RecorderHandle,
    orders: Ring<RecordingOrder>,
    feed: Feed,
    clock: Arc<AtomicU64>,
}

impl Stage {
    fn new(root: &Path) -> Stage {
        let (orders, (feed, intake)) = (Ring::new(1024), feed(20_000));
        let clock = Arc::new(AtomicU64::new(BEGIN));
        let own = Arc::clone(&clock);
        let config = RecorderConfig { archive: config(root), at_once: 50 };
        let clock_of = Arc::new(move || Instant::from_nanos(own.load(Ordering::Relaxed)));
        let handle = start(config, orders.clone(), intake, clock_of).unwrap();
        Stage { handle, orders, feed, clock }
    }

    fn order(&self, order: RecordingOrder) {
        self.orders.push(order).unwrap();
        while !self.orders.is_empty() {
            park_timeout(MOST);
        }
    }

    fn begin(&self, call: CallHandle) {
        self.order(RecordingOrder::Begin(Box::new(ToRecord {
            call,
            tenant: "acme".into(),
            at: Instant::from_nanos(self.clock.load(Ordering::Relaxed)),
            call_id: format!("id-{}@pbx", call.slot),
            from: Side::Carrier,
            caller: "+442079460123".into(),
            called: "+442079460000".into(),
            keep_days: 30,
        })));
    }

    /// The nth packet of 20 ms of both channels.
    fn packets(&self, call: CallHandle, nth: u64, is_secured: bool) {
        self.clock.fetch_max(BEGIN + nth * 20_000_000, Ordering::Relaxed);
        for channel in Channel::BOTH {
            let mut rtp = vec![0x80, 8];
            rtp.extend((nth as u16).to_be_bytes());
            rtp.extend((nth as u32 * 160).to_be_bytes());
            rtp.extend((call.slot * 2 + channel.index() as u32).to_be_bytes());
            rtp.extend((0..160).map(|at| (at + nth + u64::from(call.slot)) as u8 & 0x7f));
            let released = mask::passing(&Flow::default(), &rtp).unwrap();
            let frame = Frame::new(channel, BEGIN + nth * 20_000_000, Format::Pcma, released);
            self.feed.offer(key_of(call), &frame.secured(is_secured)).unwrap();
        }
    }

    fn at(&self, milliseconds: u64) -> Instant {
        let at = BEGIN + milliseconds * 1_000_000;
        self.clock.fetch_max(at, Ordering::Relaxed);
        Instant::from_nanos(at)
    }
}

fn call(slot: u32) -> CallHandle {
    CallHandle { slot, generation: 3 }
}

fn all(archive: &mut Archive) -> Vec<Recording> {
    archive.index().recordings(&RecordingFilter { limit: 500, ..RecordingFilter::default() }).unwrap()
}

/// What a recording is as a file, its proof, and the verdict on both with the archive's own keys.
fn verified(archive: &Archive, recording: &Recording) -> (Vec<u8>, Proof) {
    let mut wav = Vec::new();
    archive.audio().unwrap().read(&archive.audio_path(recording)).unwrap().export(&mut wav).unwrap();
    let proof = fs::read(archive.proof_path(recording)).unwrap();
    let trust = archive.trust().unwrap();
    let verdict = verify(&wav, &proof, &trust);
    assert_eq!(verdict, Verdict::Genuine { header: Header::AsMade }, "{recording:?}");
    let mut changed = wav.clone();
    changed[8_000 * 2 + 70] ^= 1;
    assert!(matches!(verify(&changed, &proof, &trust), Verdict::Altered { .. }));
    (wav, Proof::from_bytes(&proof).unwrap())
}

fn is_in_ledger(archive: &mut Archive, recording: &Recording) -> bool {
    let name = Word::new(&recording.name).unwrap();
    let trust = archive.trust().unwrap();
    let proof = Proof::from_bytes(&fs::read(archive.proof_path(recording)).unwrap()).unwrap();
    let receipt = archive.ledger().with(|ledger| ledger.receipt(ledger.find(&name).unwrap())).unwrap();
    receipt.is_some_and(|receipt| receipt.verify(&trust).is_ok() && receipt.is_of(&proof))
}

#[test]
fn calls_are_recorded_signed_and_found_with_what_was_marked_in_them() {
    let root = place("two");
    let stage = Stage::new(&root);
    let (one, two) = (call(1), call(2));
    stage.begin(one);
    stage.begin(two);
    stage.begin(one);
    stage.order(RecordingOrder::AllTold);
    for nth in 0..520 {
        match nth {
            250 => stage.order(RecordingOrder::End { call: two, at: stage.at(5_000) }),
            300 => stage.order(RecordingOrder::Suspend { call: one, at: stage.at(6_000) }),
            375 => stage.order(RecordingOrder::Resume { call: one, at: stage.at(7_500) }),
            400 => {
                for fact in [Fact::Agent("anna".into()), Fact::Order("A-17".into()), Fact::Agent("bo".into())]
                {
                    stage.order(RecordingOrder::Fact { call: one, fact });
                }
            }
            _ => park_timeout(MOST),
        }
        stage.packets(one, nth, (150..250).contains(&nth));
        if nth < 250 {
            stage.packets(two, nth, false);
        }
    }
    stage.order(RecordingOrder::End { call: one, at: stage.at(10_400) });
    let figures = Arc::clone(stage.handle.figures());
    stage.handle.stop();
    assert_eq!((figures.begun.load(Ordering::Relaxed), figures.ended.load(Ordering::Relaxed)), (2, 2));
    assert_eq!(figures.frames.load(Ordering::Relaxed), 2 * (520 + 250));
    assert_eq!((figures.failures.load(Ordering::Relaxed), figures.unsigned.load(Ordering::Relaxed)), (0, 0));

    let mut archive = Archive::open(&config(&root)).unwrap();
    let recordings = all(&mut archive);
    assert_eq!(recordings.len(), 2);
    for recording in &recordings {
        assert!(is_in_ledger(&mut archive, recording));
        assert_eq!((recording.tenant.as_str(), recording.is_interrupted), ("acme", false));
    }
    let filter = RecordingFilter { order: Some("A-17".into()), limit: 5, ..RecordingFilter::default() };
    let found = archive.index().recordings(&filter).unwrap();
    assert_eq!((found.len(), found[0].duration), (1, 10_400));
    assert_eq!(found[0].agents, ["anna", "bo"]);
    let (wav, proof) = verified(&archive, &found[0]);
    let statement = proof.statement();
    let expected = [
        Interval { from: 3_000, to: 5_000, mark: Mark::SecureMode },
        Interval { from: 6_000, to: 7_500, mark: Mark::Suspended },
    ];
    assert_eq!((&statement.intervals[..], statement.ending), (&expected[..], Ending::Finished));
    let fact = |name: &str| statement.facts.get(&Word::new(name).unwrap()).map(|text| text.as_str());
    assert_eq!(
        (fact("call-id"), fact("direction"), fact("agent-2")),
        (Some("id-1@pbx"), Some("inbound"), Some("bo"))
    );
    assert_eq!(statement.channels[0].codecs, [Word::new("PCMA").unwrap()]);
    // Silent while it was suspended, and nowhere else.
    let audio = &wav[58..];
    let is_silent = |from: usize, to: usize| audio[from * 16..to * 16].iter().all(|code| *code == 0xd5);
    let runs: Vec<_> = (0..10_400).filter(|at| is_silent(*at, at + 1)).collect();
    assert_eq!((runs.len(), runs.first(), runs.last()), (1_500, Some(&6_000), Some(&7_499)));
    assert!(is_silent(6_000, 7_500) && !is_silent(5_980, 6_000) && !is_silent(7_500, 7_520));
    assert!((0..10_400).step_by(20).all(|at| (6_000..7_500).contains(&at) || !is_silent(at, at + 20)));
    let other = recordings.iter().find(|recording| recording.duration == 5_000).unwrap();
    assert!(verified(&archive, other).1.statement().intervals.is_empty());
    assert!(fs::read_dir(root.join("recordings/running")).unwrap().next().is_none());
    fs::remove_dir_all(&root).unwrap();
}

const CHILD: &str = "KEYHUSH_TEST_RECORDS_CALLS_UNTIL_KILLED_IN";

#[test]
#[ignore = "the child of the test below"]
fn records_calls_until_it_is_killed() {
    let Ok(root) = std::env::var(CHILD) else { return };
    let root = Path::new(&root);
    let stage = Stage::new(root);
    (0..50).for_each(|slot| stage.begin(call(slot)));
    for nth in 0.. {
        (0..50).for_each(|slot| stage.packets(call(slot), nth, nth >= 100));
        if nth == 50 {
            stage.order(RecordingOrder::Fact { call: call(7), fact: Fact::Order("kept".into()) });
        }
        if nth == 300 {
            fs::write(root.join("ready"), b"").unwrap();
        }
        park_timeout(3 * MOST);
    }
}

#[test]
fn recordings_that_a_kill_interrupts_are_closed_signed_and_found_at_the_next_start() {
    let root = place("killed");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "recordings::tests::records_calls_until_it_is_killed"])
        .env(CHILD, &root)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !root.join("ready").exists() {
        assert!(child.try_wait().unwrap().is_none());
        park_timeout(MOST);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let stage = Stage::new(&root);
    let figures = Arc::clone(stage.handle.figures());
    stage.handle.stop();
    assert_eq!(figures.interrupted.load(Ordering::Relaxed), 50);
    assert_eq!(figures.failures.load(Ordering::Relaxed), 0);
    let mut archive = Archive::open(&config(&root)).unwrap();
    let recordings = all(&mut archive);
    assert_eq!(recordings.len(), 50);
    for recording in &recordings {
        assert!(recording.is_interrupted && recording.duration >= 4_000 && recording.duration % 1_000 == 0);
        let (_, proof) = verified(&archive, recording);
        let statement = proof.statement();
        let secured = Interval { from: 2_000, to: recording.duration, mark: Mark::SecureMode };
        assert_eq!((statement.ending, &statement.intervals[..]), (Ending::Interrupted, &[secured][..]));
        assert!(is_in_ledger(&mut archive, recording));
    }
    let orders: Vec<_> = recordings.iter().flat_map(|recording| &recording.orders).collect();
    assert_eq!(orders, ["kept"]);
    assert_eq!(archive.ledger().with(|ledger| Ok(ledger.size())).unwrap(), 50);
    assert!(fs::read_dir(root.join("recordings/running")).unwrap().next().is_none());

    // Whatever step of the closing was not reached is made up for.
    let undo: [&dyn Fn(&mut Archive); 3] = [
        // No proof, nothing in ledger and index.
        &|archive| {
            all(archive).iter().for_each(|one| fs::remove_file(archive.proof_path(one)).unwrap());
            fs::remove_file(root.join("recordings/ledger.log")).unwrap();
            fs::remove_dir_all(root.join("store")).unwrap();
        },
        &|_| fs::remove_file(root.join("recordings/ledger.log")).unwrap(),
        &|_| fs::remove_dir_all(root.join("store")).unwrap(),
    ];
    for undo in undo {
        undo(&mut archive);
        Stage::new(&root).handle.stop();
        archive = Archive::open(&config(&root)).unwrap();
        let again = all(&mut archive);
        assert_eq!(again.len(), 50);
        assert!(again.iter().all(|recording| is_in_ledger(&mut archive, recording)));
        verified(&archive, &again[0]);
    }
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn what_is_due_is_deleted_but_for_what_is_held_and_its_proof_stays() {
    let root = place("due");
    let stage = Stage::new(&root);
    (0..3).for_each(|slot| stage.begin(call(slot)));
    for nth in 0..100 {
        (0..3).for_each(|slot| stage.packets(call(slot), nth, false));
    }
    // Without their ends: Keyhush is stopped in the middle, in order.
    stage.at(2_000);
    stage.handle.stop();
    let mut archive = Archive::open(&config(&root)).unwrap();
    let recordings = all(&mut archive);
    assert!(recordings.len() == 3 && recordings.iter().all(|one| !one.is_interrupted));
    archive.hold(&recordings[0].name, "a court's order").unwrap();
    let (figures, key) = (super::RecorderFigures::default(), archive.signing_key().unwrap());
    assert!(!super::retention::delete_due(&mut archive, &key, &figures));
    assert_eq!(figures.deleted.load(Ordering::Relaxed), 0, "nothing is due yet");
    // The index alone knows when; so it is told otherwise.
    fs::remove_dir_all(root.join("store")).unwrap();
    archive = Archive::open(&config(&root)).unwrap();
    for recording in &recordings {
        let keep_until = Timestamp::from_unix_millis(1);
        archive.index().keep_recording(&Recording { keep_until, ..recording.clone() }).unwrap();
    }
    archive.hold(&recordings[0].name, "a court's order").unwrap();
    assert!(!archive.delete(&recordings[0].name, "no more wanted").unwrap());
    assert!(archive.delete(&recordings[1].name, "no more wanted").unwrap());
    Stage::new(&root).handle.stop();
    let left: Vec<_> = recordings.iter().map(|one| archive.audio_path(one).exists()).collect();
    assert_eq!(left, [true, false, false]);
    assert!(recordings.iter().all(|one| proof_beside(&archive.audio_path(one)).exists()));
    // Three proofs, the hold twice, and two deletions.
    assert_eq!(archive.ledger().with(|ledger| Ok(ledger.size())).unwrap(), 7);
    archive.release(&recordings[0].name, "the case is closed").unwrap();
    assert!(archive.delete(&recordings[0].name, "no more wanted").unwrap());
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn an_index_that_is_lost_or_edited_loses_no_hold_and_a_killed_deletion_is_finished_once() {
    let root = place("holds");
    let stage = Stage::new(&root);
    (0..3).for_each(|slot| stage.begin(call(slot)));
    for nth in 0..100 {
        (0..3).for_each(|slot| stage.packets(call(slot), nth, false));
    }
    stage.at(2_000);
    stage.handle.stop();
    let mut archive = Archive::open(&config(&root)).unwrap();
    let recordings = all(&mut archive);
    let (held, deleted, edited) = (&recordings[0], &recordings[1], &recordings[2]);
    archive.hold(&held.name, "a court's order").unwrap();
    let key = archive.signing_key().unwrap();
    // Killed once the ledger has it.
    let reason = recording::document::Text::new("erasure, request 881").unwrap();
    let event = recording::ledger::Event::Deleted { recording: Word::new(&deleted.name).unwrap(), reason };
    archive.ledger().add(&[event], super::now_micros(), &key).unwrap();
    // Said by nobody but the index.
    archive.index().correct_recording(&edited.name, None, Some(Timestamp::from_unix_millis(1))).unwrap();
    for undo in [false, true] {
        if undo {
            fs::remove_dir_all(root.join("store")).unwrap();
        }
        Stage::new(&root).handle.stop();
        archive = Archive::open(&config(&root)).unwrap();
        let mut row = |one: &Recording| archive.index().recording(&one.name).unwrap().unwrap();
        assert_eq!(row(held).held.as_deref(), Some("a court's order"));
        assert!(row(deleted).deleted.is_some() && row(edited).deleted.is_none());
        let there = [held, deleted, edited].map(|one| archive.audio_path(one).exists());
        assert_eq!(there, [true, false, true]);
        assert_eq!(archive.ledger().with(|ledger| Ok(ledger.size())).unwrap(), 5, "each once");
    }
    // An edited row is due and not held; the ledger is asked.
    archive.index().correct_recording(&held.name, None, None).unwrap();
    assert!(!archive.delete(&held.name, "no more wanted").unwrap());
    assert!(archive.index().recording(&held.name).unwrap().unwrap().held.is_some(), "it is put right");
    assert!(archive.audio_path(held).exists());
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn what_is_neither_in_ledger_nor_index_is_not_held_and_not_released() {
    let root = place("unknown");
    let mut archive = Archive::open(&config(&root)).unwrap();
    for refused in [archive.hold("nobody", "an order"), archive.release("nobody", "settled")] {
        assert!(matches!(refused, Err(archive::ArchiveError::NoSuchRecording)));
    }
    assert_eq!(archive.ledger().with(|ledger| Ok(ledger.size())).unwrap(), 0);
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_proof_that_somebody_else_signed_does_not_come_into_the_ledger() {
    let root = place("forged");
    let stage = Stage::new(&root);
    stage.begin(call(1));
    (0..100).for_each(|nth| stage.packets(call(1), nth, false));
    stage.at(2_000);
    stage.handle.stop();
    let mut archive = Archive::open(&config(&root)).unwrap();
    let recording = all(&mut archive).remove(0);
    let mut reader = archive.audio().unwrap().read(&archive.audio_path(&recording)).unwrap();
    let mut leaves = Vec::new();
    for index in 0..reader.seconds() {
        recording::second::SecondSink::second(&mut leaves, &reader.second(index).unwrap());
    }
    // As if it was killed before the entry was written, and somebody was there before it was started again.
    let proof = Proof::from_bytes(&fs::read(archive.proof_path(&recording)).unwrap()).unwrap();
    let theirs =
        Proof::sign(proof.statement().clone(), &about::tree(leaves), &SigningKey::from_seed(&[66; 32]));
    fs::write(archive.proof_path(&recording), theirs.unwrap().to_bytes()).unwrap();
    fs::remove_file(root.join("recordings/ledger.log")).unwrap();
    fs::remove_dir_all(root.join("store")).unwrap();
    let stage = Stage::new(&root);
    let figures = Arc::clone(stage.handle.figures());
    stage.handle.stop();
    assert_eq!(figures.failures.load(Ordering::Relaxed), 1, "it is told");
    let mut archive = Archive::open(&config(&root)).unwrap();
    assert_eq!(archive.ledger().with(|ledger| Ok(ledger.size())).unwrap(), 0);
    assert!(all(&mut archive).is_empty());
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn what_is_known_of_a_call_comes_back_from_its_bytes() {
    let anna = || Fact::Agent("anna".into());
    let mut known = about::About::of_bytes(b"not ours");
    assert!(known.learn(anna(), Instant::ZERO) && !known.learn(anna(), Instant::ZERO));
    assert_eq!(about::About::of_bytes(&known.bytes()), known);
}
