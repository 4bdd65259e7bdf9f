//! `keyhush run` as a whole, on ports that carry nothing: what it does with recordings beside calls.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::proofs::Room;
use crate::{keyhush, text};

/// Within which everything must have happened, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Keyhush. Its directories are the room's: `recordings`, `inbox`, `witness`, `store`.
pub(crate) struct Appliance {
    pub(crate) room: Room,
    child: Child,
    management: SocketAddr,
}

impl Appliance {
    /// Starts it with these lines in `[recordings]`, and waits until it serves.
    pub(crate) fn start(room: Room, lines: &str) -> Appliance {
        let own = &room.directory;
        fs::create_dir(own.path("tenants")).expect("a directory");
        own.file(
            "tenants/acme.toml",
            "numbers = [\"+442079460123\"]\n[psp]\nkind = \"sandbox\"\nendpoint = \"https://localhost:9443\"\n",
        );
        let management = free_address();
        let socket = own.path("admin.sock");
        let config = own.file(
            "box.toml",
            format!(
                "[eal]\nhugepages = false\nmemory_mib = 256\n[idle]\nmode = \"backoff\"\n\
                 [[wire]]\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n[[lcore]]\ncore = {}\n\
                 [admin]\nsocket = \"{}\"\n[management]\nlisten = \"{management}\"\n\
                 [store]\ndirectory = \"store\"\n[tenants]\ndirectory = \"tenants\"\n\
                 [recordings]\ndirectory = \"recordings\"\nsigning_key = \"signing.pem\"\n{lines}",
                first_core(),
                text(&socket)
            ),
        );
        let said = File::create(own.path("said")).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_keyhush"))
            .args(["run", "--config", text(&config)])
            .env("RUNTIME_DIRECTORY", &own.0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("it runs");
        let mut started = Appliance { room, child, management };
        started.wait_until("it serves", |own| own.get("/healthz").is_some_and(|said| said.contains(" 200 ")));
        started
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.room.directory.path(name)
    }

    /// What it has said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.path("said")).unwrap_or_default()
    }

    pub(crate) fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&Appliance) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{what}: {ended:?}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.management).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// One of its figures.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        found.unwrap_or_default()
    }

    /// Ends it as the system does, and waits.
    pub(crate) fn stop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let ended = self.child.wait().expect("it ends");
        assert!(ended.success(), "{ended:?}\n{}", self.said());
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that nobody has now.
fn free_address() -> SocketAddr {
    let taken = TcpListener::bind("127.0.0.1:0").expect("an address");
    taken.local_addr().expect("an address")
}

/// The first processor core that we may use.
fn first_core() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
    list.trim().split([',', '-']).next().unwrap_or("0").to_owned()
}

fn entries(directory: &Path, ending: &str) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(ending)).count()
}

#[test]
fn what_is_put_into_the_inbox_is_signed_and_a_witness_has_its_head() {
    let room = Room::new();
    let directory = room.directory.path("keys");
    assert_eq!(keyhush(["recordings", "keys", text(&directory)]).code, 0);
    let mut own = Appliance::start(
        room,
        "master_key = \"keys/master.key\"\ninbox = \"inbox\"\nwitness = \"witness\"\n",
    );
    let inbox = own.path("inbox/acme");
    fs::create_dir_all(&inbox).expect("a directory");
    let made = own.room.recording("voicemail.wav", 7);
    fs::rename(&made, inbox.join("voicemail.wav")).expect("moved");
    fs::write(inbox.join("letter.txt"), "not audio").expect("written");
    let signed = inbox.join("signed/voicemail.wav");
    own.wait_until("the file is signed, and the other one refused", |own| {
        own.metric("keyhush_recordings_inbox_signed_total") == 1
            && own.metric("keyhush_recordings_inbox_refused_total") == 1
    });
    let verdict = own.room.verify(&[text(&signed)]);
    assert_eq!(verdict.code, 0, "{}{}", verdict.out, verdict.err);
    own.wait_until("the witness that is away is said", |own| {
        own.said().contains("ALARM recordings_heads_failures")
    });
    // Its disk comes. It is handed what there is at the latest when Keyhush ends.
    let witness = own.path("witness");
    fs::create_dir(&witness).expect("a directory");
    own.stop();
    assert_eq!(entries(&witness, ".head"), 1);
    let ledger = own.path("recordings");
    let said = keyhush([
        "ledger",
        "check",
        "--key",
        text(&own.room.public),
        "--witness",
        text(&witness),
        "--ledger",
        text(&ledger),
        "--recordings",
        text(&inbox),
    ]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn an_inbox_is_watched_though_nothing_can_be_recorded() {
    let room = Room::new();
    let mut own = Appliance::start(room, "master_key = \"no.key\"\ninbox = \"inbox\"\n");
    assert!(own.said().contains("ALARM nothing is recorded until"), "{}", own.said());
    let inbox = own.path("inbox/acme");
    fs::create_dir_all(&inbox).expect("a directory");
    let made = own.room.recording("voicemail.wav", 8);
    fs::rename(&made, inbox.join("voicemail.wav")).expect("moved");
    own.wait_until("the file is signed", |own| own.metric("keyhush_recordings_inbox_signed_total") == 1);
    own.stop();
}
