//! `keyhush run` as a whole, on ports that carry nothing: what it does with recordings beside calls.

#![allow(clippy::disallowed_methods, reason = "a process is waited for in real time")]

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
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyhush"));
        let authority = own.path("authority/ca.pem");
        if authority.exists() {
            command.env("SSL_CERT_FILE", authority);
        }
        let child = command
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

fn named(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| text(path).ends_with(ending)).collect()
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
    assert_eq!(named(&witness, ".head").len(), 1);
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

/// `openssl ts` as an authority, with certificates of its own.
struct Authority {
    directory: PathBuf,
}

impl Authority {
    fn new(directory: PathBuf) -> Authority {
        fs::create_dir(&directory).expect("a directory");
        fs::write(
            directory.join("ts.cnf"),
            "[tsa]\ndefault_tsa = own\n[own]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n\
             default_policy = 1.2.3.4.1\ndigests = sha256\nsigner_digest = sha256\naccuracy = secs:1\n\
             ess_cert_id_chain = no\ness_cert_id_alg = sha256\n[usage]\nextendedKeyUsage = critical,timeStamping\n[web]\nsubjectAltName = DNS:localhost\n",
        )
        .expect("written");
        let own = Authority { directory };
        own.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
        );
        own.openssl("req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=stamps");
        own.openssl(
            "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem -days 2 -extfile ts.cnf \
             -extensions usage",
        );
        own.openssl("req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj /CN=localhost");
        own.openssl(
            "x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tls.pem -days 2 -extfile ts.cnf \
             -extensions web",
        );
        own
    }

    fn openssl(&self, arguments: &str) -> std::process::Output {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split(' ')).current_dir(&self.directory).output();
        let output = output.expect("openssl runs");
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Answers requests until the test ends; its address.
    fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client");
                let mut from = stream.try_clone().expect("a file");
                self.answer(&mut from, &mut stream);
            }
        });
        format!("http://{address}/tsr")
    }

    /// Answers one request by HTTPS.
    fn serve_tls(self) -> String {
        let port = free_address().port();
        let mut tls = Command::new("openssl")
            .args(["s_server", "-quiet", "-naccept", "1", "-cert", "tls.pem", "-key", "tls.key", "-accept"])
            .arg(port.to_string())
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let (mut from, mut to) = (tls.stdout.take().expect("piped"), tls.stdin.take().expect("piped"));
        std::thread::spawn(move || {
            self.answer(&mut from, &mut to);
            tls.wait().expect("a child");
        });
        format!("https://localhost:{port}/tsr")
    }

    fn answer(&self, from: &mut impl Read, to: &mut impl Write) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            from.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        assert!(head.starts_with("post /tsr http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\ncontent-type: application/timestamp-query\r\n"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut query = vec![0; length.expect("a length")];
        from.read_exact(&mut query).expect("a body");
        fs::write(self.directory.join("query"), query).expect("written");
        self.openssl("ts -reply -config ts.cnf -queryfile query -out answer");
        let answer = fs::read(self.directory.join("answer")).expect("an answer");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        to.write_all(&[head.as_bytes(), &answer].concat()).expect("written");
        to.flush().expect("written");
    }
}

#[test]
fn an_authority_stamps_the_newest_head_and_openssl_believes_it() {
    stamped_by(Authority::serve);
}

#[test]
fn an_authority_is_asked_by_https_too() {
    stamped_by(Authority::serve_tls);
}

fn stamped_by(serve: fn(Authority) -> String) {
    let room = Room::new();
    let directory = room.directory.path("keys");
    assert_eq!(keyhush(["recordings", "keys", text(&directory)]).code, 0);
    let authority = Authority::new(room.directory.path("authority"));
    let certificates = authority.directory.join("ca.pem");
    let address = serve(authority);
    let witness = room.directory.path("witness");
    fs::create_dir(&witness).expect("a directory");
    let mut own = Appliance::start(
        room,
        &format!(
            "master_key = \"keys/master.key\"\ninbox = \"inbox\"\nwitness = \"witness\"\ntime_stamps = \"{address}\"\n"
        ),
    );
    let inbox = own.path("inbox/acme");
    fs::create_dir_all(&inbox).expect("a directory");
    let made = own.room.recording("voicemail.wav", 9);
    fs::rename(&made, inbox.join("voicemail.wav")).expect("moved");
    own.wait_until("a head is stamped", |own| own.metric("keyhush_recordings_stamps_kept_total") == 1);
    own.stop();
    let (stamps, ledger) = (named(&witness, ".tsr"), own.path("recordings"));
    assert_eq!(stamps.len(), 1);
    let head = stamps[0].with_extension("head");
    let verified = Command::new("openssl")
        .args([
            "ts",
            "-verify",
            "-data",
            text(&head),
            "-in",
            text(&stamps[0]),
            "-CAfile",
            text(&certificates),
        ])
        .output()
        .expect("openssl runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let check = || {
        let given = ["ledger", "check", "--key", text(&own.room.public), "--ledger", text(&ledger)];
        keyhush(given.iter().chain(&["--witness", text(&witness)]))
    };
    let said = check();
    assert!(said.code == 0 && said.out.contains("1 heads are stamped"), "{}{}", said.out, said.err);
    assert!(said.out.contains(&format!("openssl ts -verify -data {} -in", head.display())), "{}", said.out);
    // A stamp of something else is told.
    let mut query = fs::read(stamps[0].with_extension("tsq")).expect("a query");
    let nonce = query.len() - 4;
    query[nonce] ^= 1;
    fs::write(stamps[0].with_extension("tsq"), query).expect("written");
    let said = check();
    assert!(said.code == 5 && said.out.contains(".tsr: the stamp answers another question"), "{}", said.out);
}
