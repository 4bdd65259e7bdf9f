//! `keyhush calls`, `secure` and `stats` against a control core in the test's own process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use handover::rings::Ring;
use handover::{
    Answer, CallHandle, CallSummary, Command, Counter, Counters, Instant, MaskKey, Refusal, Request,
};
use secret::Pad;

use crate::{Directory, keyhush, text};

/// A control core, and a thread that answers as the signalling lcore would.
struct Running {
    directory: Directory,
    _control: control::Control,
    stop: Arc<AtomicBool>,
    signalling: Option<JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        let directory = Directory::new();
        let (requests, answers) = (Ring::<Request>::new(8), Ring::new(8));
        let counters = Counters::default();
        counters.add(Counter::MaskedEvent, 48);
        let control = control::start(control::Config {
            socket: directory.path("admin.sock"),
            requests: requests.clone(),
            answers: answers.clone(),
            presses: Ring::new(8),
            events: Ring::new(8),
            lcores: Vec::new(),
            signalling_failed: Arc::new(AtomicBool::new(false)),
            pad: Pad::new(|_| Ok(())).expect("one page may be locked"),
            counters: vec![counters],
            gauges: Vec::new(),
            recordings: None,
            recorder: None,
            clock: Arc::new(|| Instant::from_nanos(90_000_000_000)),
            archive: None,
            agents: None,
            payments: None,
            management: None,
            limits: control::Limits { locked_slots: 1_024, ..control::Limits::default() },
            web: control::web::WebLimits::default(),
            #[cfg(feature = "test-hooks")]
            hooks: Arc::from([]),
        })
        .expect("the control core starts");
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let signalling = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                match requests.pop() {
                    Some(Request { token, command }) => {
                        answers.push((token, answer(command))).expect("room for an answer");
                    }
                    None => std::thread::park_timeout(Duration::from_micros(200)),
                }
            }
        });
        Running { directory, _control: control, stop, signalling: Some(signalling) }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path("admin.sock")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(signalling) = self.signalling.take() {
            let _ = signalling.join();
        }
    }
}

fn answer(command: Command) -> Answer {
    match command {
        Command::Calls => Answer::Calls {
            calls: vec![CallSummary {
                call: CallHandle::default(),
                call_ids: vec!["a84b4c76e66710@192.0.2.4".into()],
                since: Instant::ZERO,
                legs: 1,
                flows: 2,
                answered: true,
                secured: None,
                unmaskable: false,
            }],
            more: 0,
        },
        Command::Secure { call_id, mask_key: Some(MaskKey::Zero) } if call_id == b"a b" => {
            Answer::Done { call: CallHandle::default() }
        }
        Command::Release { call_id, .. } if call_id == b"a b" => Answer::Done { call: CallHandle::default() },
        _ => Answer::Refused(Refusal::NoSuchCall),
    }
}

#[test]
fn calls_are_listed_for_people_and_programs() {
    let running = Running::new();
    let said = keyhush(["calls", "--socket", text(&running.socket())]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("1:30  1     2      answered  off"), "{said:?}");
    assert!(said.out.contains("a84b4c76e66710@192.0.2.4"));
    let said = keyhush(["calls", "--json", "--socket", text(&running.socket())]);
    let answer: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(answer["calls"][0]["call_ids"][0], "a84b4c76e66710@192.0.2.4");
    assert_eq!(answer["calls"][0]["presses"]["merged"], 0);
}

#[test]
fn the_socket_is_found_by_the_settings() {
    let running = Running::new();
    let settings = format!(
        "[[wire]]\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n[admin]\nsocket = \"{}\"\n",
        text(&running.socket())
    );
    let file = running.directory.file("box.toml", settings);
    let said = keyhush(["stats", "--config", text(&file)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("masked_event  48"), "{said:?}");
    assert!(!said.out.contains("pass_media"), "{said:?}");
    let said = keyhush(["stats", "--all", "--config", text(&file)]);
    assert!(said.out.contains("pass_media"), "{said:?}");
    let said = keyhush(["stats", "--json", "--config", text(&file)]);
    let answer: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(answer["counters"]["masked_event"], 48);
}

#[test]
fn secure_mode_is_driven_by_hand() {
    let running = Running::new();
    let socket = running.socket();
    let said = keyhush(["secure", "a b", "on", "--mask-key", "0", "--socket", text(&socket)]);
    assert_eq!((said.code, said.out.as_str()), (0, "SecureMode on: every lcore has acknowledged\n"));
    let said = keyhush(["secure", "a b", "off", "--json", "--socket", text(&socket)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("\"secure_mode\": \"off\""), "{said:?}");
    let said = keyhush(["secure", "nobody", "on", "--socket", text(&socket)]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("no call in progress has this Call-ID"), "{said:?}");
}

#[test]
fn what_can_be_read_again_is() {
    let running = Running::new();
    let said = keyhush(["reload", "--socket", text(&running.socket())]);
    assert_eq!((said.code, said.out.as_str()), (0, "reloaded\n"), "{said:?}");
    let said = keyhush(["reload", "--json", "--socket", text(&running.socket())]);
    assert!(said.code == 0 && said.out.contains("\"reloaded\": true"), "{said:?}");
}

#[test]
fn nobody_listening_is_told() {
    let directory = Directory::new();
    let said = keyhush(["calls", "--socket", text(&directory.path("none.sock"))]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.err.contains("nobody listens on"), "{said:?}");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    use std::process::{Command, Stdio};
    let running = Running::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_keyhush"))
        .args(["stats", "--all", "--socket", text(&running.socket())])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
