//! What ten thousand agents' pages and five hundred slow clients cost an agent who works: how long a page takes and how long a key takes to
//! its asterisk, beside the same without them. `KEYHUSH_LONG=1` measures with all of them, otherwise there are a tenth.
//!
//! Rounds without and with the crowd take turns, each with a control core of its own, and the medians of the rounds are compared; the machine
//! may have other work. The crowd is another process, and so are its files.
#![allow(clippy::disallowed_methods, reason = "an edge: a measurement reads clocks and waits")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a measurement that panics has failed, as it should")]

mod core;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, SocketAddrV4};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use handover::{CallHandle, Counter, Side};
use keyhush_tests::crowd::visit::{Visit, trusting};
use keyhush_tests::crowd::{OF_ONE_AGENT, Plan, Tally};
use rustls::ClientConfig;

use crate::core::{Core, Ground};

/// Tells the program that it is the crowd.
const CROWD: &str = "the-crowd";

/// Keys of a card that never becomes complete, and the one that clears it.
const KEYS: &[u8] = b"411111111111111*";

struct Extent {
    subscribers: usize,
    /// Their payments: ours come beside them.
    payments: usize,
    slow: usize,
    rounds: usize,
    /// Keys pressed in a round; twice as often each page is asked for.
    samples: usize,
    /// Payments in SecureMode at once, where many are.
    secured: usize,
    /// How long the processor's time is watched; three times as long with the crowd, whose streams are given a sign of life each 15 s.
    watched: Duration,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, plan] = &arguments[..]
        && first == CROWD
    {
        return match keyhush_tests::crowd::gather(plan.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(trouble) => {
                eprintln!("crowd: {trouble}");
                ExitCode::FAILURE
            }
        };
    }
    // As the tests' own runner does it: a name that is not ours is not meant.
    let named = arguments.iter().find(|argument| !argument.starts_with('-'));
    if arguments.iter().any(|argument| argument == "--list")
        || named.is_some_and(|name| !"crowd".contains(name.as_str()))
    {
        return ExitCode::SUCCESS;
    }
    measure(&if std::env::var_os("KEYHUSH_LONG").is_some() {
        Extent {
            subscribers: 10_000,
            payments: 9_900,
            slow: 500,
            rounds: 3,
            samples: 150,
            secured: 100,
            watched: Duration::from_secs(5),
        }
    } else {
        Extent {
            subscribers: 1_000,
            payments: 990,
            slow: 50,
            rounds: 1,
            samples: 60,
            secured: 20,
            watched: Duration::from_secs(1),
        }
    });
    ExitCode::SUCCESS
}

/// What a round found: milliseconds, unsorted.
#[derive(Default)]
struct Found {
    states: Vec<f64>,
    pages: Vec<f64>,
    keys: Vec<f64>,
}

/// One kind of what a round found.
type Kind = fn(&Found) -> &Vec<f64>;

fn measure(extent: &Extent) {
    allow_files();
    let ours = (extent.secured + 1).div_ceil(OF_ONE_AGENT) + 1;
    let ground = Ground::new(ours + extent.payments.div_ceil(OF_ONE_AGENT));
    let config = trusting(&ground.certificate).expect("a certificate");
    let mut rounds: [Vec<Found>; 2] = Default::default();
    for round in 0..extent.rounds {
        let idle = round_of(&ground, &config, extent, None);
        let crowd = round_of(&ground, &config, extent, Some(ours));
        for (all, one) in rounds.iter_mut().zip([idle, crowd]) {
            all.push(one);
        }
        println!("round {} of {} is over", round + 1, extent.rounds);
    }
    secured(&ground, &config, extent);
    println!("| what | idle p50, ms | p99 | with the crowd p50 | p99 | p99's ratio | ratios of the rounds |");
    println!("|---|--:|--:|--:|--:|--:|---|");
    let of: [(&str, Kind); 3] = [
        ("`GET /api/payments/{id}`", |found| &found.states),
        ("the page of a payment", |found| &found.pages),
        ("key to asterisk", |found| &found.keys),
    ];
    for (what, values) in of {
        let [idle, crowd] = [0, 1].map(|way: usize| {
            [0.5, 0.99]
                .map(|part| median(rounds[way].iter().map(|found| quantile(values(found), part)).collect()))
        });
        let ratios: Vec<String> = (0..extent.rounds)
            .map(|round| {
                let [idle, crowd] = [0, 1].map(|way: usize| quantile(values(&rounds[way][round]), 0.99));
                format!("{:.2}", crowd / idle)
            })
            .collect();
        println!(
            "| {what} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            idle[0],
            idle[1],
            crowd[0],
            crowd[1],
            crowd[1] / idle[1],
            ratios.join(", ")
        );
        if what.starts_with("key") {
            assert!(crowd[1] < 100.0, "a key takes {} ms to its asterisk", crowd[1]);
        }
    }
}

/// A round with a control core of its own; `crowd` is how many agents are not of the crowd.
fn round_of(ground: &Ground, config: &Arc<ClientConfig>, extent: &Extent, crowd: Option<usize>) -> Found {
    let core = Core::start(ground);
    let address = core.control.agents().expect("it serves agents");
    let before = resident();
    let crowd = crowd.map(|ours| Crowd::come(ground, address, extent, ours));
    if crowd.is_some() {
        let each = (resident() - before) / (extent.subscribers + extent.slow) as f64;
        println!("memory: {each:.1} KiB a subscriber or slow client, with its payment");
    }
    // It is still while nothing is asked.
    if crowd.is_some() {
        // What slow readers asked for is written until their buffers are full.
        std::thread::sleep(extent.watched);
    }
    let busy = processor_share(if crowd.is_some() { 3 * extent.watched } else { extent.watched });
    println!(
        "control thread, {}: {:.2} % of a core",
        if crowd.is_some() { "crowd" } else { "idle" },
        busy * 100.0
    );
    let mut visit = Visit::begin(address, config, &ground.cookies[0]).expect("a visit");
    let paired = pair(&core, &mut visit, address, config, &ground.cookies[0], 1);
    let (call, views) = &paired[0];
    let live = processor_share(extent.watched);
    println!("the same with one payment in SecureMode: {:.2} %", live * 100.0);
    let payment = visit.begin_payment().expect("a payment");
    let mut found = Found::default();
    for number in 0..extent.samples {
        let timed = |visit: &mut Visit, path: String| {
            let begun = Instant::now();
            assert_eq!(visit.ask("GET", &path, "").expect("an answer").status, 200);
            begun.elapsed().as_secs_f64() * 1e3
        };
        for _ in 0..2 {
            // At another moment of the loop's tick each time.
            std::thread::sleep(Duration::from_micros(4_000 + 137 * (number as u64 % 53)));
            found.states.push(timed(&mut visit, format!("/api/payments/{payment}")));
            found.pages.push(timed(&mut visit, format!("/payments/{payment}")));
        }
        while views.try_recv().is_ok() {}
        let begun = Instant::now();
        core.press(*call, Side::Carrier, KEYS[number % KEYS.len()]);
        let seen = views.recv_timeout(Duration::from_secs(10)).expect("a view for each key");
        found.keys.push(seen.duration_since(begun).as_secs_f64() * 1e3);
    }
    assert_eq!(core.control.counters().get(Counter::PressesLost), 0);
    println!("presses in the ring at most: {}", core.deepest.load(Ordering::Relaxed));
    if let Some(crowd) = crowd {
        let tally = crowd.leave();
        println!("the crowd: {tally:?}");
        assert_eq!((tally.subscribed, tally.again), (extent.subscribers, 0));
        assert_eq!(core.control.counters().get(Counter::WebSubscribersDropped), 0);
    }
    found
}

/// Pairs so many payments with calls, all in SecureMode; each call, and when views come.
fn pair(
    core: &Core,
    visit: &mut Visit,
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    cookie: &str,
    many: usize,
) -> Vec<(CallHandle, Receiver<Instant>)> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let mut paired = Vec::new();
    let mut payments = Vec::new();
    for _ in 0..many {
        let call = CallHandle { slot: NEXT.fetch_add(1, Ordering::Relaxed), generation: 1 };
        core.call_begins(call);
        let payment = visit.begin_payment().expect("a payment");
        let (told, views) = channel();
        let subscriber = Visit::begin(address, config, cookie).expect("a visit");
        let name = payment.clone();
        std::thread::spawn(move || {
            subscriber.hear(&name, |event| event != "view" || told.send(Instant::now()).is_ok())
        });
        let reference = view(visit, &payment)["reference"].as_str().expect("a reference").to_owned();
        for key in reference.bytes() {
            core.press(call, Side::Customer, key);
        }
        payments.push(payment);
        paired.push((call, views));
    }
    for payment in &payments {
        let until = Instant::now() + Duration::from_secs(30);
        while view(visit, payment)["icon"] != "on" {
            assert!(Instant::now() < until, "no SecureMode: {}", view(visit, payment));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    paired
}

fn view(visit: &mut Visit, payment: &str) -> serde_json::Value {
    let answer = visit.ask("GET", &format!("/api/payments/{payment}"), "").expect("an answer");
    serde_json::from_str::<serde_json::Value>(&answer.body).expect("JSON")["view"].take()
}

/// Many payments in SecureMode: what their beats cost, and their keys.
fn secured(ground: &Ground, config: &Arc<ClientConfig>, extent: &Extent) {
    let core = Core::start(ground);
    let address = core.control.agents().expect("it serves agents");
    let mut all = Vec::new();
    for (agent, cookie) in ground.cookies.iter().enumerate() {
        let many = OF_ONE_AGENT.min(extent.secured.saturating_sub(agent * OF_ONE_AGENT));
        if many == 0 {
            break;
        }
        let mut visit = Visit::begin(address, config, cookie).expect("a visit");
        all.extend(pair(&core, &mut visit, address, config, cookie, many));
    }
    let beats = processor_share(extent.watched);
    let (begun, before) = (Instant::now(), processor_nanos());
    let mut pressed = 0;
    while begun.elapsed() < extent.watched {
        for (call, _) in &all {
            core.press(*call, Side::Carrier, KEYS[pressed % KEYS.len()]);
        }
        pressed += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    let keys = (processor_nanos() - before) as f64 / begun.elapsed().as_nanos() as f64;
    assert_eq!(core.control.counters().get(Counter::PressesLost), 0);
    println!(
        "control thread, {} payments in SecureMode: {:.2} % of a core; with five keys a second in each: {:.2} %; presses in the ring at most: {}",
        all.len(),
        beats * 100.0,
        keys * 100.0,
        core.deepest.load(Ordering::Relaxed)
    );
}

/// The crowd's process.
struct Crowd {
    child: Child,
    tallies: Receiver<Tally>,
    last: Tally,
}

impl Crowd {
    fn come(ground: &Ground, address: SocketAddr, extent: &Extent, ours: usize) -> Self {
        let SocketAddr::V4(address) = address else { panic!("it listens on 127.0.0.1") };
        let plan = Plan {
            address: SocketAddrV4::new(*address.ip(), address.port()),
            certificate: ground.certificate.clone(),
            cookies: ground.cookies[ours..].to_vec(),
            subscribers: extent.subscribers,
            payments: extent.payments,
            slow: extent.slow,
        };
        let file = ground.path("plan.json");
        fs::write(&file, serde_json::to_vec(&plan).unwrap()).expect("written");
        let program = std::env::current_exe().expect("our own file");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program).arg(CROWD).arg(file);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("setpriv is on every Debian");
        let (told, tallies) = channel();
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = serde_json::from_str(&line).map(|tally| told.send(tally));
            }
        });
        let begun = Instant::now();
        let last = tallies.recv_timeout(Duration::from_secs(240)).expect("the crowd comes");
        println!("the crowd is there after {:.1} s: {last:?}", begun.elapsed().as_secs_f64());
        Crowd { child, tallies, last }
    }

    fn leave(mut self) -> Tally {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.tallies.iter().last().unwrap_or(self.last)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// The part of a core that the control thread takes meanwhile.
fn processor_share(meanwhile: Duration) -> f64 {
    let (begun, before) = (Instant::now(), processor_nanos());
    std::thread::sleep(meanwhile);
    (processor_nanos() - before) as f64 / begun.elapsed().as_nanos() as f64
}

/// Nanoseconds of the control thread on its processor.
fn processor_nanos() -> u64 {
    // A thread gives itself its name, after it was begun.
    let own = (0..500).find_map(|_| {
        let found = control_thread();
        if found.is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        found
    });
    let text = fs::read_to_string(own.expect("it runs").join("schedstat")).expect("Linux counts");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number")
}

fn control_thread() -> Option<std::path::PathBuf> {
    let mut tasks = fs::read_dir("/proc/self/task").expect("Linux").flatten().map(|task| task.path());
    tasks.find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "control"))
}

/// KiB of this process in memory.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

fn allow_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("what we may have anyway");
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() as f64 * part) as usize).min(sorted.len() - 1)]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
