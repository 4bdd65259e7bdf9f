//! The archive as a browser and other programs use it, over HTTPS.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use recording::document::{Text, Word};
use recording::encoding::Encoding;
use recording::keys::SigningKey;
use recording::merkle::{Hash, Tree};
use recording::proof::{self, Channel, Ending, Interval, Mark, Origin, Proof, Statement};
use recording::store::{Begin, Disk, Keeper, Limits, Order, Recorder};
use recording::verify::header_hash;
use recording::wav;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::recordings::{Archive, ArchiveConfig, master_in_file, proof_beside};
use crate::store::{Password, Recording, RecordingFilter, Role, Store, Timestamp};
use crate::tests::agents::{Answer, Centre, JSON, PASSWORD};

const BEGAN: u64 = 1_770_000_000;
/// Long enough that it is not sent at once.
const SECONDS: u64 = 100;

fn name(number: u64) -> String {
    format!("20260202T024000Z-{number:010x}")
}

fn config(directory: &Path) -> ArchiveConfig {
    let (master, signing) = (directory.join("master.key"), directory.join("signing.key"));
    if !master.exists() {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&master).expect("made");
        file.write_all("07".repeat(32).as_bytes()).expect("written");
        SigningKey::from_seed(&[5; 32]).save(&signing).expect("saved");
    }
    ArchiveConfig {
        directory: directory.join("recordings"),
        master: master_in_file(master),
        signing_key: signing,
        store: directory.join("store"),
    }
}

/// Records a call that nobody speaks in, and signs it.
fn record(config: &ArchiveConfig, number: u64, tenant: &str) {
    let mut archive = Archive::open(config).map_err(|error| error.to_string()).expect("it opens");
    let audio = archive.audio().map_err(|error| error.to_string()).expect("it opens");
    let volume = Arc::new(Disk::of(&config.directory).expect("a disk"));
    let keeper = Keeper::start(volume.clone(), 60, |_| ()).expect("a thread");
    let mut recorder = Recorder::new(audio, volume, keeper, Limits::default());
    let leaves: Arc<std::sync::Mutex<Vec<Hash>>> = Arc::default();
    let kept = Arc::clone(&leaves);
    let begin = Begin {
        name: name(number),
        tenant: tenant.to_owned(),
        begin: BEGAN * 1_000_000_000,
        began: BEGAN * 1_000_000_000,
        announced: Some(Encoding::ALaw),
        about: b"a call".to_vec(),
        sink: Box::new(move |second: &recording::second::Second<'_>| {
            kept.lock().expect("whole").extend(second.leaves().map(recording::merkle::leaf_hash));
        }),
        next_sink: Box::new(|| Box::new(Vec::<Hash>::new())),
    };
    assert!(recorder.begin(1, begin).is_ok());
    let end = (BEGAN + SECONDS) * 1_000_000_000;
    recorder.advance(end);
    recorder.order(Order::End(1, end));
    drop(recorder);
    let recording = Recording {
        name: name(number),
        tenant: tenant.to_owned(),
        began: Timestamp::from_unix_millis((BEGAN * 1_000) as i64),
        duration: SECONDS * 1_000,
        caller: "+441632960001".to_owned(),
        called: "+442079460100".to_owned(),
        agents: vec!["anna".to_owned()],
        orders: vec!["INV-7".to_owned()],
        is_interrupted: false,
        file: format!("{tenant}/2026-02-02/{}.khr", name(number)),
        bytes: 1,
        keep_until: Timestamp::from_unix_millis(2_000_000_000_000),
        held: None,
        deleted: None,
    };
    let tree: Tree = leaves.lock().expect("whole").iter().copied().collect();
    let word = |text: &str| Word::new(text).expect("a word");
    let label = |label: &str| Channel { label: word(label), codecs: vec![word("PCMA")] };
    let samples = SECONDS * 8_000;
    let statement = Statement {
        recording: word(&recording.name),
        origin: Origin::Recorded,
        tenant: Text::new(tenant).expect("a text"),
        facts: [(word("call-id"), Text::new("abc@<b>sbc").expect("a text"))].into(),
        encoding: proof::Encoding::ALaw,
        rate: 8_000,
        channels: vec![label("caller"), label("agent")],
        frames: samples,
        began: BEGAN * 1_000_000,
        signed: (BEGAN + SECONDS) * 1_000_000,
        intervals: vec![
            Interval { from: 10_000, to: 22_500, mark: Mark::SecureMode },
            Interval { from: 40_000, to: 50_000, mark: Mark::Suspended },
        ],
        ending: Ending::Finished,
        header: header_hash(&wav::header(Encoding::ALaw, samples), &[]),
    };
    let key = archive.signing_key().map_err(|error| error.to_string()).expect("a key");
    let proof = Proof::sign(statement, &tree, &key).expect("it can be signed");
    fs::write(proof_beside(&archive.audio_path(&recording)), proof.to_bytes()).expect("written");
    archive.index().keep_recording(&recording).map_err(|error| error.to_string()).expect("kept");
}

fn with_store<T>(
    directory: &Path,
    work: impl FnOnce(&mut Store) -> Result<T, crate::store::StoreError>,
) -> T {
    let mut store =
        Store::open(&directory.join("store")).map_err(|error| error.to_string()).expect("it opens");
    work(&mut store).map_err(|error| error.to_string()).expect("no fault")
}

/// A centre with an archive, in which each of two tenants has a recording, and whose listener is `lena`.
fn centre() -> (Centre, String) {
    let centre = Centre::with_archive(|directory| {
        let config = config(directory);
        record(&config, 1, "one");
        record(&config, 2, "two");
        with_store(directory, |store| {
            let password = Password::new(Zeroizing::new(PASSWORD.to_owned())).expect("long enough");
            let now = Timestamp::from_unix_millis(1_800_000_000_000);
            store.add_user("lena", "one", Role::Archive, &password, now)
        });
        config
    });
    let cookie = centre.sign_in("lena");
    (centre, cookie)
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

fn uses(centre: &Centre) -> Vec<(String, String)> {
    let used = with_store(&centre.house.directory.path(""), |store| store.uses(&name(1), 99));
    used.into_iter().map(|used| (used.who, used.what)).collect()
}

/// The answer's bytes as they are.
fn bytes(centre: &Centre, path: &str, head: &str) -> (String, Vec<u8>) {
    let mut stream = crate::web::tests::client(centre.address, &centre.house.directory.path("agents.pem"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer");
    let body = answer.split_off(end + 4);
    (String::from_utf8_lossy(&answer).to_lowercase(), body)
}

#[test]
fn a_recording_is_found_heard_by_ranges_and_proven() {
    let (centre, cookie) = centre();
    let found =
        json(&centre.ask("GET", "/api/recordings?number=020+7946+0100&order=INV-7&agent=Anna", &cookie, ""));
    assert_eq!(found["recordings"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!((found["recordings"][0]["name"].as_str(), &found["next"]), (Some(&*name(1)), &Value::Null));
    for nothing in ["number=99", "order=INV-8", "agent=bob", "from=2026-02-03", "to=2026-02-01"] {
        let found = json(&centre.ask("GET", &format!("/api/recordings?{nothing}"), &cookie, ""));
        assert_eq!(found["recordings"].as_array().map(Vec::len), Some(0), "{nothing}");
    }
    let path = format!("/api/recordings/{}", name(1));
    let one = json(&centre.ask("GET", &path, &cookie, ""));
    assert_eq!((&one["encoding"], &one["facts"]["call-id"]), (&"a-law".into(), &"abc@<b>sbc".into()));
    assert_eq!(
        one["marks"][0],
        serde_json::json!({"mark": "secure-mode", "from_ms": 10_000, "to_ms": 22_500})
    );

    let audio = format!("{path}/audio");
    let head = centre.ask("HEAD", &audio, &cookie, "");
    let length = 58 + 2 * 8_000 * SECONDS;
    assert!(
        head.head.contains(&format!("content-length: {length}")) && head.body.is_empty(),
        "{}",
        head.head
    );
    assert_eq!(uses(&centre), [], "nothing was heard so far");
    let (head, part) = bytes(&centre, &audio, &format!("{cookie}Range: bytes=4-11\r\n"));
    assert!(
        head.starts_with("http/1.1 206") && head.contains(&format!("content-range: bytes 4-11/{length}")),
        "{head}"
    );
    assert_eq!(&part[4..], b"WAVE");
    assert_eq!(uses(&centre), [("lena".to_owned(), "listened".to_owned())]);
    let (head, rest) = bytes(&centre, &audio, &format!("{cookie}Range: bytes=1000-\r\n"));
    assert!(head.contains("content-range: bytes 1000-525287/"), "no more than a piece: {head}");
    assert_eq!(rest.len(), 512 * 1024);
    assert_eq!(uses(&centre).len(), 1, "the same listening");
    let (head, _) = bytes(&centre, &audio, &format!("{cookie}Range: bytes={length}-\r\n"));
    assert!(
        head.starts_with("http/1.1 416") && head.contains(&format!("content-range: bytes */{length}")),
        "{head}"
    );
    let (head, whole) = bytes(
        &centre,
        &format!("{audio}?download"),
        &format!("{cookie}Range: bytes=0-1\r\nIf-Range: \"x\"\r\n"),
    );
    assert!(head.starts_with("http/1.1 200") && head.contains("attachment; filename"), "{head}");
    assert_eq!(whole.len() as u64, length);
    assert_eq!(uses(&centre)[0], ("lena".to_owned(), "downloaded".to_owned()));

    let (head, proof) = bytes(&centre, &format!("{path}/proof"), &cookie);
    assert!(head.contains("no-store"), "{head}");
    let key = SigningKey::from_seed(&[5; 32]).public();
    let verdict = recording::verify::verify(&whole, &proof, &recording::keys::Trust::in_key(key));
    assert!(verdict.is_genuine(), "{verdict:?}");
    let told = json(&centre.ask("GET", &format!("{path}/verification"), &cookie, ""));
    assert_eq!(
        (&told["is_genuine"], &told["words"]),
        (&true.into(), &"genuine: the file as it was made".into())
    );
    let wave = json(&centre.ask("GET", &format!("{path}/waveform"), &cookie, ""));
    assert_eq!(
        (&wave["duration_ms"], wave["caller"].as_array().map(Vec::len)),
        (&100_000.into(), Some(2_000))
    );
}

#[test]
fn what_was_changed_on_the_disk_is_named_and_never_played() {
    let (centre, cookie) = centre();
    let file = centre.house.directory.path(&format!("recordings/one/2026-02-02/{}.khr", name(1)));
    let mut bytes = fs::read(&file).expect("it is there");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&file, bytes).expect("written");
    let path = format!("/api/recordings/{}", name(1));
    let told = json(&centre.ask("GET", &format!("{path}/verification"), &cookie, ""));
    assert_eq!(told["is_genuine"], false);
    let words = told["words"].as_str().unwrap_or_default();
    assert!(words.starts_with("changed at 00:00:") && words.ends_with("(caller, agent)"), "{words}");
    let answer =
        centre.ask("GET", &format!("{path}/audio"), &format!("{cookie}Range: bytes=700000-900000\r\n"), "");
    assert_eq!(answer.status, 503);
    assert_eq!(uses(&centre), [], "who got nothing did not listen");
    fs::remove_file(file.with_extension("proof")).expect("removed");
    assert_eq!(centre.ask("GET", &format!("/archive/{}", name(1)), &cookie, "").status, 200);
    assert_eq!(centre.ask("GET", &format!("{path}/verification"), &cookie, "").status, 503);
}

#[test]
fn nobody_but_the_tenants_listeners_sees_a_recording() {
    let (centre, cookie) = centre();
    let agent = centre.sign_in("one");
    for part in ["", "/audio", "/proof", "/waveform", "/verification"] {
        let (own, other) =
            (format!("/api/recordings/{}{part}", name(1)), format!("/api/recordings/{}{part}", name(2)));
        assert_eq!(centre.ask("GET", &own, "", "").status, 401, "{part}");
        assert_eq!(centre.ask("GET", &own, &agent, "").status, 403, "{part}");
        assert_eq!(centre.ask("GET", &other, &cookie, "").status, 404, "{part}");
        assert_eq!(centre.ask("POST", &own, &format!("{JSON}{cookie}"), "{}").status, 405, "{part}");
    }
    assert_eq!(centre.ask("GET", "/api/recordings", &agent, "").status, 403);
    assert_eq!(centre.ask("GET", "/archive", "", "").status, 303);
    let not_theirs = centre.ask("GET", "/archive", &agent, "");
    assert!(not_theirs.status == 303 && not_theirs.head.contains("location: /\r\n"), "{}", not_theirs.head);
    assert_eq!(centre.ask("GET", &format!("/archive/{}", name(2)), &cookie, "").status, 404);
    for odd in ["..", "%2e%2e%2fkey", "key", "a%00b", "x"] {
        assert_eq!(
            centre.ask("GET", &format!("/api/recordings/{odd}/audio"), &cookie, "").status,
            404,
            "{odd}"
        );
    }
    // Who listens takes no payments.
    let home = centre.ask("GET", "/", &cookie, "");
    assert!(home.status == 303 && home.head.contains("location: /archive"), "{}", home.head);
    let begin = "{\"amount\":\"1\",\"currency\":\"GBP\",\"order\":\"\"}";
    assert_eq!(centre.ask("POST", "/api/payments", &format!("{JSON}{cookie}"), begin).status, 403);
    // Barred, they hear nothing more once it was looked.
    let directory = centre.house.directory.path("");
    with_store(&directory, |store| {
        store.disable_agent("lena", Timestamp::from_unix_millis(1_800_000_000_001))
    });
    centre.house.pass(Duration::from_secs(40));
    assert_eq!(centre.ask("GET", &format!("/api/recordings/{}/audio", name(1)), &cookie, "").status, 401);
    assert_eq!(uses(&centre), []);
}

#[test]
fn a_deleted_recording_keeps_its_facts_and_its_proof() {
    let (centre, cookie) = centre();
    let config = config(&centre.house.directory.path(""));
    let mut archive = Archive::open(&config).map_err(|error| error.to_string()).expect("it opens");
    assert!(
        archive.delete(&name(1), "its time is over").map_err(|error| error.to_string()).expect("deleted")
    );
    let path = format!("/api/recordings/{}", name(1));
    for (part, status) in
        [("", 200), ("/audio", 410), ("/waveform", 410), ("/verification", 410), ("/proof", 200)]
    {
        assert_eq!(centre.ask("GET", &format!("{path}{part}"), &cookie, "").status, status, "{part}");
    }
    let page = centre.ask("GET", &format!("/archive/{}", name(1)), &cookie, "");
    assert!(page.body.contains("The audio was deleted on") && !page.body.contains("<audio"), "{}", page.body);
}

#[test]
fn pages_of_the_archive_say_what_there_is_and_run_nothing_of_others() {
    let (centre, cookie) = centre();
    let list = centre.ask("GET", "/archive?order=%3Cb%3E&from=2026-01-01", &cookie, "");
    assert!(list.status == 200 && list.body.contains("value=\"&#60;b&#62;\""), "{}", list.body);
    let list = centre.ask("GET", "/archive", &cookie, "");
    assert!(list.body.contains(&name(1)) && !list.body.contains(&name(2)));
    assert!(list.body.contains("data-mark=\"secure-mode\">SecureMode</span>"), "{}", list.body);
    assert_eq!(centre.ask("GET", "/archive?from=soon", &cookie, "").status, 422);
    let page = centre.ask("GET", &format!("/archive/{}", name(1)), &cookie, "");
    assert!(
        page.body.contains("00:00:10–00:00:23") && page.body.contains("abc@&#60;b&#62;sbc"),
        "{}",
        page.body
    );
    let verify = centre.ask("GET", "/verify", "", "");
    let alone = centre.ask("GET", "/verify/page.html", "", "");
    assert!(
        verify.head.contains("connect-src 'none'") && alone.head.contains("attachment"),
        "{}",
        verify.head
    );
    for (page, scripts) in [(&list, 1), (&page, 1), (&verify, 1)] {
        assert!(
            page.status == 200
                && page.head.contains("no-store")
                && page.head.contains("frame-ancestors 'none'")
        );
        assert_eq!(page.body.matches("<script").count(), scripts);
        assert!(
            !page.body.contains("<style")
                && !page.body.contains(" style=")
                && !page.body.contains(" onclick")
        );
    }
    for asset in ["archive.js", "verify.js"] {
        assert_eq!(centre.ask("GET", &format!("/assets/{asset}"), "", "").status, 200, "{asset}");
    }
}

#[test]
fn pages_are_written_where_they_are_asked_for() {
    let Ok(to) = std::env::var("KEYHUSH_PAGES") else { return };
    let (centre, cookie) = centre();
    fs::create_dir_all(&to).expect("a directory");
    let one = format!("/archive/{}", name(1));
    for (file, path) in
        [("archive", "/archive"), ("recording", &one), ("verify", "/verify"), ("alone", "/verify/page.html")]
    {
        let page = centre.ask("GET", path, &cookie, "");
        fs::write(Path::new(&to).join(format!("{file}.html")), page.body).expect("a file");
    }
}

/// A search that finds what lies last, and one that finds nothing, among a hundred thousand.
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
#[test]
fn searches_among_a_hundred_thousand_recordings_are_quick() {
    let directory = std::env::temp_dir().join(format!("keyhush-archive-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    with_store(&directory, |store| {
        store.fill_recordings(100_000)?;
        let wanted = |change: &dyn Fn(&mut RecordingFilter)| {
            let mut filter = RecordingFilter { tenant: Some("one".into()), limit: 51, ..Default::default() };
            change(&mut filter);
            filter
        };
        let searches = [
            ("newest", wanted(&|_| ()), 51),
            ("a day", wanted(&|filter| filter.to = Some(Timestamp::from_unix_millis(2_000_000))), 51),
            ("a number", wanted(&|filter| filter.number = Some("4400000099990".into())), 1),
            ("no such order", wanted(&|filter| filter.order = Some("nothing".into())), 0),
            (
                "far down",
                wanted(&|filter| filter.after = Some((Timestamp::from_unix_millis(3_000_000), "x".into()))),
                51,
            ),
        ];
        for (what, filter, count) in searches {
            let began = Instant::now();
            let found = store.recordings(&filter)?;
            let took = began.elapsed();
            println!("{what}: {took:?}");
            assert_eq!(found.len(), count, "{what}");
            assert!(took < Duration::from_secs(1), "{what}: {took:?}");
        }
        Ok(())
    });
    let _ = fs::remove_dir_all(&directory);
}

/// Threads that read recordings through are those that sign payments' agents in.
#[test]
fn one_recording_is_read_through_at_a_time() {
    let root = std::env::temp_dir().join(format!("keyhush-shelf-{}", std::process::id()));
    fs::create_dir_all(&root).expect("a directory");
    let shelf = super::shelf::Shelf::new(config(&root));
    let held = shelf.look();
    assert!(held.is_some() && shelf.look().is_none());
    drop(held);
    assert!(shelf.look().is_some());
    let _ = fs::remove_dir_all(&root);
}
