//! The control core with all that is around it in an appliance; a thread plays the lcores, which do whatever they are told.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use control::store::{Password, Store, Timestamp};
use control::{Agents, Config, Control, Gauge, Limits, Payments, start};
use handover::rings::Ring;
use handover::{
    Answer, CallBegun, CallEvent, CallHandle, Command, Counters, Instant, LcoreLink, Press, Request, Side,
    Transport, WireId,
};
use rcgen::{CertificateParams, KeyPair};
use secret::{Digit, Pad};
use settings::{BrandSettings, Settings, Tenants};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// As in an appliance.
const PRESSES: usize = 16_384;
/// The agents' number.
const CALLED: &str = "sip:+442079460123@sbc.example";

/// What outlives a core: certificate, tenants, and agents who are signed in.
pub(crate) struct Ground {
    directory: PathBuf,
    pub(crate) certificate: PathBuf,
    key: PathBuf,
    pub(crate) cookies: Vec<String>,
}

impl Ground {
    pub(crate) fn new(agents: usize) -> Self {
        let directory = std::env::temp_dir().join(format!("keyhush-crowd-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("tenants")).expect("a directory");
        let key = KeyPair::generate().expect("a key");
        let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let made = names.self_signed(&key).expect("a certificate");
        let files = [directory.join("box.pem"), directory.join("box.key")];
        fs::write(&files[0], made.pem()).expect("written");
        fs::write(&files[1], key.serialize_pem()).expect("written");
        let tenant = "numbers = [\"+44 20 7946 0123\"]\n[psp]\nkind = \"sandbox\"\nendpoint = \"https://127.0.0.1:1\"\n";
        fs::write(directory.join("tenants/harbour.toml"), tenant).expect("written");
        let cookies = sign_in(&directory.join("store"), agents);
        let [certificate, key] = files;
        Ground { directory, certificate, key, cookies }
    }

    fn tenants(directory: &Path) -> Result<Tenants, String> {
        Tenants::load(directory).map_err(|error| error.to_string())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// So many agents, each with a session. One of them has a password of their own: argon2 for hundreds would take longer than the
/// measurement, so the others get their rows copied.
fn sign_in(store: &Path, agents: usize) -> Vec<String> {
    DirBuilder::new().mode(0o700).create(store).expect("a directory");
    let password = Password::new(Zeroizing::new("they all know the same sentence".to_owned())).expect("long");
    let now = Timestamp::from_unix_millis(since_1970());
    let added =
        Store::open(store).and_then(|mut store| store.add_agent("agent-0", "harbour", &password, now));
    let first = added.map_err(|error| error.to_string()).expect("added").id;
    let mut database = rusqlite::Connection::open(store.join(control::store::FILE)).expect("a database");
    let all = database.transaction().expect("a transaction");
    let mut cookies = Vec::new();
    for number in 0..agents {
        let agent = match number {
            0 => first,
            _ => all
                .query_row(
                    "INSERT INTO agents (user_name, tenant, password, password_set, created)
                     SELECT ?1, tenant, password, password_set, created FROM agents WHERE id = ?2 RETURNING id",
                    (format!("agent-{number}"), first),
                    |row| row.get(0),
                )
                .expect("copied"),
        };
        let token: [u8; 32] = Sha256::digest(format!("agent {number}")).into();
        let hash: [u8; 32] = Sha256::digest(token).into();
        let millis = since_1970();
        all.execute(
            "INSERT INTO sessions (token_hash, agent, begun, seen, ends) VALUES (?1, ?2, ?3, ?3, ?4)",
            (hash, agent, millis, millis + 3_600_000),
        )
        .expect("a session");
        let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
        cookies.push(format!("__Host-keyhush={token}"));
    }
    all.commit().expect("written");
    cookies
}

fn since_1970() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later");
    since.as_millis() as i64
}

/// A control core that runs.
pub(crate) struct Core {
    pub(crate) control: Control,
    presses: Ring<Press>,
    events: Ring<CallEvent>,
    pad: Pad,
    began: std::time::Instant,
    stop: Arc<AtomicBool>,
    /// The most presses that waited in the ring.
    pub(crate) deepest: Arc<AtomicUsize>,
    lcores: Option<JoinHandle<()>>,
}

impl Core {
    pub(crate) fn start(ground: &Ground) -> Self {
        let began = std::time::Instant::now();
        let requests: Ring<Request> = Ring::new(64);
        let answers: Ring<(u64, Answer)> = Ring::new(64);
        let (presses, events, link) = (Ring::new(PRESSES), Ring::new(16_384), LcoreLink::new(16));
        let pad = Pad::new(|page| {
            page.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 37 % 251) as u8);
            Ok(())
        });
        let pad = pad.expect("one page may be locked");
        let text = "[[wire]]\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n[[lcore]]\ncore = 0\nwires = [\"wire-1\"]\nsignalling = true\n";
        let settings = Settings::parse(Path::new("x.toml"), text).map_err(|problems| problems.to_string());
        let secure_mode = settings.expect("right").secure_mode;
        let brands =
            BrandSettings::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/brands.toml")));
        let brands = brands.map_err(|error| error.to_string()).expect("right");
        let tenants = ground.path("tenants");
        let config = Config {
            socket: ground.path("run/admin.sock"),
            requests: requests.clone(),
            answers: answers.clone(),
            presses: presses.clone(),
            events: events.clone(),
            recordings: None,
            recorder: None,
            lcores: vec![link.clone()],
            signalling_failed: Arc::new(AtomicBool::new(false)),
            pad: pad.clone(),
            counters: vec![Counters::default()],
            gauges: vec![Gauge::new("ring_presses", &presses)],
            clock: Arc::new(move || {
                Instant::from_nanos(1_000_000_000_000 + began.elapsed().as_nanos() as u64)
            }),
            archive: None,
            agents: Some(Agents {
                listen: ([127, 0, 0, 1], 0).into(),
                certificate: ground.certificate.clone(),
                key: ground.key.clone(),
            }),
            payments: Some(Payments {
                tenants: Arc::new(move || Ground::tenants(&tenants)),
                secure_mode,
                wires: vec!["wire-1".to_owned()],
                brands: control::brand_table(brands).expect("a table"),
                store: ground.path("store"),
                calls: 16_384,
            }),
            management: None,
            limits: Limits::default(),
            web: control::web::WebLimits::default(),
            #[cfg(feature = "test-hooks")]
            hooks: Arc::from([]),
        };
        let control = start(config).map_err(|error| error.to_string()).expect("the control core starts");
        let (stop, deepest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, depth, ring) = (Arc::clone(&stop), Arc::clone(&deepest), presses.clone());
        let lcores = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                link.beat();
                depth.fetch_max(ring.len(), Ordering::Relaxed);
                while let Some(Request { token, command }) = requests.pop() {
                    let call = match command {
                        Command::Enter { call, .. }
                        | Command::Rule { call, .. }
                        | Command::Record { call, .. }
                        | Command::Leave { call } => call,
                        _ => CallHandle::default(),
                    };
                    answers.push((token, Answer::Done { call })).expect("room for an answer");
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Core { control, presses, events, pad, began, stop, deepest, lcores: Some(lcores) }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(1_000_000_000_000 + self.began.elapsed().as_nanos() as u64)
    }

    pub(crate) fn call_begins(&self, call: CallHandle) {
        let begun = CallBegun {
            call,
            since: self.now(),
            wire: WireId(0),
            from: Side::Carrier,
            called: [Some(CALLED.into()), None],
            calling: [Some("sip:+447700900123@carrier.example".into()), None],
            call_id: "call-1".into(),
            held: false,
        };
        assert!(self.events.push(CallEvent::Begun(Box::new(begun))).is_ok(), "room for an event");
    }

    /// A key goes into the ring, as an lcore puts it there.
    pub(crate) fn press(&self, call: CallHandle, from: Side, key: u8) {
        let digit = self.pad.seal(&Digit::from_ascii(key).expect("a key"));
        let press = Press { call, transport: Transport::Event, from, digit, onset: self.now(), level: None };
        assert!(self.presses.push(press).is_ok(), "the ring of presses is full");
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.lcores.take() {
            let _ = thread.join();
        }
    }
}
