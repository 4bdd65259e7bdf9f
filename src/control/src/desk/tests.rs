//! The desk in virtual time: calls, keys and answers in; commands and pages out.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

use core::time::Duration;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use handover::{
    Answer, CallBegun, CallEvent, CallHandle, Command, Instant, LcoreLink, MaskKey, Refusal, Request, Side,
    WireId,
};
use payment::session::{Icon, Shown, Stop};
use payment::{FieldKind, Money};
use secret::{Digit, Vault};
use settings::{BrandSettings, Settings, Tenants};

use std::collections::BTreeSet;

use super::*;
use crate::overview::{Metrics, Overview};
use crate::store::{Password, Store};
use crate::web::{self, Ask, AskError};

mod calls;
mod ends;
mod pairing;
mod paying;
mod recorded;

static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

const CALL: CallHandle = CallHandle { slot: 3, generation: 1 };
const OTHER_CALL: CallHandle = CallHandle { slot: 4, generation: 1 };
const CARD: &str = "4111111111111111#";

/// Two tenants, an agent of each, and a signalling lcore that does what it is told.
struct Rig {
    directory: PathBuf,
    desk: Desk,
    config: DeskConfig,
    now: Instant,
    link: LcoreLink,
    agents: [Agent; 2],
    /// What was commanded.
    commands: Vec<Command>,
    /// What `Enter` is answered with; `None` is no answer.
    answer: Option<Result<(), Refusal>>,
    /// What the PSP answers to which request; `None` is nothing yet.
    psp: Psp,
    /// Requests that were sent to it: the line, and how long it was given.
    asked: Vec<(String, Duration)>,
    unanswered: Vec<Ask<Site>>,
}

type Psp = Box<dyn FnMut(&Ask<Site>) -> Option<Result<web::Answer, AskError>>>;

/// A PSP that nobody reaches.
fn nobody(_: &Ask<Site>) -> Option<Result<web::Answer, AskError>> {
    Some(Err(AskError { failure: web::Failure::Name, sent: false }))
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Bytes that are another's each time, and the same in each run of a test thread.
fn counted(bytes: &mut [u8]) -> bool {
    thread_local!(static NEXT: std::cell::Cell<u32> = const { std::cell::Cell::new(1) });
    for byte in bytes {
        let state = NEXT.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        NEXT.set(state);
        *byte = (state >> 24) as u8;
    }
    true
}

/// The two tenants; the first has `more` in its file.
fn tenants(directory: &std::path::Path, more: &str) -> Tenants {
    for (id, number) in [("one", "+44 20 7946 0100"), ("two", "+44 20 7946 0200")] {
        let more = if id == "one" { more } else { "" };
        let text = format!(
            "numbers = [\"{number}\"]\n[pan_display]\nfirst_six = true\n[psp]\nkind = \"sandbox\"\nendpoint = \"https://127.0.0.1:1\"\n{more}"
        );
        fs::write(directory.join(format!("{id}.toml")), text).expect("written");
    }
    Tenants::load(directory).map_err(|error| error.to_string()).expect("right")
}

/// The tenants, as a box serves them that has one wire.
fn served(tenants: Tenants) -> Directory {
    let text = "[[wire]]\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n[[lcore]]\ncore = 0\nwires = [\"wire-1\"]\nsignalling = true\n";
    let settings = Settings::parse(std::path::Path::new("x.toml"), text);
    let secure = settings.map_err(|problems| problems.to_string()).map(|settings| settings.secure_mode);
    let wires = ["wire-1".to_owned()];
    Directory::new(tenants, &secure.expect("right"), &wires).expect("they can be served")
}

impl Rig {
    fn new() -> Self {
        Rig::made("", None)
    }

    /// One whose first tenant has `more` in its file, and with a recorder.
    fn made(more: &str, recordings: Option<recordings::Link>) -> Self {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("keyhush-desk-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("tenants")).expect("a directory");
        let tenants = tenants(&directory.join("tenants"), more);
        let served = served(tenants);
        let written = BrandSettings::load(std::path::Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../config/brands.toml"
        )));
        let written = written.map_err(|error| error.to_string()).expect("right");
        let brands = crate::brand_table(written).expect("a table");
        let store = directory.join("store");
        let agents = ["one", "two"].map(|tenant| agent(&store, tenant));
        let link = LcoreLink::new(1);
        let config = DeskConfig {
            directory: Arc::new(served),
            brands: Arc::new(brands),
            vault: Vault::new(1_024).expect("memory may be locked"),
            store,
            lcores: vec![link.clone()],
            signalling_failed: Arc::new(AtomicBool::new(false)),
            calls: 16,
            recordings,
            random: counted,
        };
        let now = Instant::from_nanos(1_000_000_000_000);
        let desk = Desk::new(now, config.clone(), 0);
        let (commands, answer) = (Vec::new(), Some(Ok(())));
        let (psp, asked, unanswered): (Psp, _, _) = (Box::new(nobody), Vec::new(), Vec::new());
        let mut rig =
            Rig { directory, desk, config, now, link, agents, commands, answer, psp, asked, unanswered };
        rig.turn();
        rig
    }

    /// A turn of the loop: the lcores live, commands are answered.
    fn turn(&mut self) {
        self.link.beat();
        self.turn_without_heartbeat();
    }

    fn turn_without_heartbeat(&mut self) {
        let orders = self.desk.turn(self.now, 0);
        self.carry_out(orders);
        while let Some(Request { token, command }) = self.desk.commands().pop_front() {
            let answer = match (&command, self.answer) {
                (Command::Enter { .. }, None) => None,
                (Command::Enter { call, .. }, Some(Ok(()))) => Some(Answer::Done { call: *call }),
                (Command::Enter { .. }, Some(Err(why))) => Some(Answer::Refused(why)),
                _ => Some(Answer::Done { call: CALL }),
            };
            self.commands.push(command);
            if let Some(answer) = answer {
                self.desk.answered(self.now, token, &answer);
            }
        }
    }

    /// Work is done at once, requests are answered by the PSP.
    fn carry_out(&mut self, orders: Vec<Order<Site>>) {
        if orders.is_empty() && self.unanswered.is_empty() {
            return;
        }
        let overview = Arc::new(Overview::new(Vec::new(), Vec::new(), Vec::new()));
        let metrics = Metrics::new(Arc::clone(&overview)).expect("names are right");
        let mut site = Site::new(overview, metrics, None);
        let other = Desk::new(self.now, self.config.clone(), 0);
        site.desk = Some(std::mem::replace(&mut self.desk, other));
        let mut asks = std::mem::take(&mut self.unanswered);
        for order in orders {
            match order {
                Order::Work(work) => drop(work.0()(&mut site, self.now)),
                Order::Ask(ask) => {
                    let (method, path) = (ask.request.method(), ask.request.uri());
                    self.asked.push((format!("{method} {path}"), ask.patience));
                    asks.push(*ask);
                }
            }
        }
        for ask in asks {
            match (self.psp)(&ask) {
                Some(answer) => (ask.then)(answer, &mut site, self.now),
                None => self.unanswered.push(ask),
            }
        }
        self.desk = site.desk.take().expect("it was put there");
    }

    fn wait(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds / 10 {
            self.now = self.now + Duration::from_millis(10);
            self.turn();
        }
    }

    fn call_begins(&mut self, call: CallHandle, called: &str) {
        let begun = CallBegun {
            call,
            since: self.now,
            wire: WireId(0),
            from: Side::Carrier,
            called: [Some(format!("sip:{called}@sbc.example").into()), None],
            calling: [Some("sip:+441632960001@carrier.example".into()), None],
            call_id: "call-1".into(),
            held: false,
        };
        self.desk.call_event(self.now, CallEvent::Begun(Box::new(begun)));
    }

    fn begin(&mut self, agent: usize) -> String {
        let money = Money::new(1_234, "GBP").expect("money");
        let name = self.desk.begin(self.now, self.agents[agent].clone(), money, "INV-7");
        let name = name.expect("it begins");
        self.turn();
        name
    }

    fn payment(&self, name: &str) -> &Payment {
        let id = self.desk.names.get(name).expect("it is there");
        self.desk.payments.get(id).expect("it is there")
    }

    fn shown(&self, name: &str) -> serde_json::Value {
        let payment = self.payment(name);
        let text = self.desk.shown(self.now, payment, &payment.session.view());
        serde_json::from_str(&text).expect("JSON")
    }

    fn stage(&self, name: &str) -> Shown {
        self.payment(name).session.view().stage
    }

    fn icon(&self, name: &str) -> Icon {
        self.payment(name).session.view().icon
    }

    /// A field's length.
    fn keyed(&self, name: &str, kind: FieldKind) -> usize {
        let fields = self.payment(name).session.view().fields;
        fields.into_iter().find(|field| field.kind == kind).map_or(0, |field| field.length)
    }

    fn reference(&self, name: &str) -> String {
        self.shown(name)["reference"].as_str().expect("it is shown").to_owned()
    }

    fn keys(&mut self, call: CallHandle, from: Side, keys: &str) {
        for key in keys.bytes() {
            let digit = Digit::from_ascii(key).expect("a key");
            self.desk.press(self.now, call, from, &digit);
            self.wait(200);
        }
    }

    /// A payment whose reference was keyed in a call, and which is in SecureMode.
    fn paired(&mut self) -> String {
        self.call_begins(CALL, "+442079460100");
        let name = self.begin(0);
        let reference = self.reference(&name);
        self.keys(CALL, Side::Customer, &reference);
        self.wait(1_500);
        assert_eq!((self.stage(&name), self.icon(&name)), (Shown::Keying, Icon::On));
        name
    }

    fn has(&self, wanted: impl Fn(&Command) -> bool) -> bool {
        self.commands.iter().any(wanted)
    }
}

fn agent(store: &std::path::Path, tenant: &str) -> Agent {
    let mut store = Store::open(store).map_err(|error| error.to_string()).expect("it opens");
    let password = Password::new(zeroize::Zeroizing::new("correct horse battery".to_owned()));
    let password = password.expect("long enough");
    let now = crate::store::Timestamp::from_unix_millis(1_800_000_000_000);
    store.add_agent(tenant, tenant, &password, now).map_err(|error| error.to_string()).expect("added")
}

/// What each turn of the loop asks is kept when it changes; it must say what looking at every payment would.
#[test]
fn what_a_turn_asks_is_what_all_payments_say() {
    let mut rig = Rig::new();
    let agrees = |rig: &Rig| {
        let payments = || rig.desk.payments.values();
        let live: HashSet<SessionId> =
            payments().filter(|payment| payment.is_live()).map(|payment| payment.session.id()).collect();
        assert_eq!(rig.desk.live, live);
        let open = payments().filter(|payment| payment.over.is_none()).count();
        assert_eq!(rig.desk.of_agents.values().map(|(open, _)| open).sum::<usize>(), open);
        assert!(rig.desk.of_agents.values().all(|(open, all)| *all > 0 && open <= all));
        (live.len(), open)
    };
    assert_eq!(agrees(&rig), (0, 0));
    let idle: Vec<String> = (0..3).map(|_| rig.begin(1)).collect();
    assert_eq!(agrees(&rig), (0, 3));
    let name = rig.paired();
    assert_eq!(agrees(&rig), (1, 4));
    rig.keys(CALL, Side::Carrier, CARD);
    assert_eq!(agrees(&rig), (1, 4));
    for name in idle.iter().chain([&name]) {
        let agent = usize::from(idle.contains(name));
        assert_eq!(
            rig.desk.click(rig.now, &rig.agents[agent].clone(), name, Click::Cancel),
            Some(Handled::Done)
        );
        rig.turn();
        agrees(&rig);
    }
    rig.wait(5_000);
    assert_eq!(agrees(&rig), (0, 0));
    rig.wait(125_000);
    assert_eq!(agrees(&rig), (0, 0));
    assert!(rig.desk.payments.is_empty() && rig.desk.timers.is_empty());
}

#[test]
fn every_metric_is_in_the_manual_and_alarms_name_no_other() {
    use crate::overview::{Metrics, Overview, Told};
    let mut rig = Rig::new();
    rig.desk.figures.outcome("approved");
    let ring = handover::rings::Ring::<u8>::new(1);
    let gauges = vec![crate::Gauge::new("ring_presses", &ring)];
    let overview = Overview::new(Vec::new(), gauges, vec![LcoreLink::new(1)]);
    let overview = Arc::new(overview.recording(Some(Arc::default())));
    let metrics = Metrics::new(Arc::clone(&overview)).expect("names are right");
    let (desk, presses) = (rig.desk.all_figures(), vec![("event", 1)]);
    overview.tell(Told { desk, presses, ..Told::default() });
    let text = String::from_utf8(metrics.text().expect("it can be written")).expect("text");
    let served: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let counters: BTreeSet<String> =
        handover::Counter::ALL.iter().map(|counter| format!("keyhush_{}_total", counter.name())).collect();

    let read = |file: &str| {
        fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(file))
            .expect("it is there")
    };
    let manual = read("docs/operate.md");
    let (_, table) = manual.split_once("### Every other metric").expect("the chapter");
    let table = table.split("\n## ").next().unwrap_or_default();
    let told: BTreeSet<&str> =
        table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    let others: BTreeSet<&str> = served.iter().copied().filter(|name| !counters.contains(*name)).collect();
    assert_eq!(told, others, "docs/operate.md, \"Every other metric\"");

    let rules = read("config/alerts.yml");
    let expressions = rules.lines().filter_map(|line| line.trim_start().strip_prefix("expr:"));
    let words =
        expressions.flat_map(|text| text.split(|letter: char| letter != '_' && !letter.is_alphanumeric()));
    let named: BTreeSet<&str> = words.filter(|word| word.starts_with("keyhush_")).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(served.contains(name), "config/alerts.yml: no metric is called {name}");
    }
}
