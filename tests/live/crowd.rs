//! Calls while everybody is at the page.

use std::env;
use std::fs;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use keyhush_tests::crowd::visit::{Visit, trusting};
use keyhush_tests::crowd::{OF_ONE_AGENT, OF_ONE_PAYMENT, Plan, Tally as Present, last_tally};
use keyhush_tests::live::contact_centre::{ContactCentre, PASSWORD, certificate};
use keyhush_tests::live::keyhush::{Keyhush, beside};
use keyhush_tests::live::network::{Host, settled};
use keyhush_tests::live::process::Running;
use keyhush_tests::live::provider::Place;
use keyhush_tests::live::sipp::{Load, Tally};
use keyhush_tests::live::{During, Outcome, Trouble, sandbox};

use crate::{hosts, sandboxed};

/// Some fifty at once: each lasts two and a half seconds.
const LOAD: Load = Load { calls: 200, a_second: 20 };

#[test]
fn no_packet_is_lost_while_a_crowd_is_at_the_page() {
    sandboxed(|| {
        let (subscribers, slow): (usize, usize) =
            if env::var_os("KEYHUSH_LONG").is_some() { (10_000, 500) } else { (2_000, 100) };
        let [caller, agent] = hosts()?;
        let nobody = Place { address: SocketAddr::from(([127, 0, 0, 1], 1)), certificate: None };
        let payments = subscribers.div_ceil(OF_ONE_PAYMENT - 2);
        let agents = payments.div_ceil(OF_ONE_AGENT);
        let (keyhush, page) = ContactCentre::without_browsers(&[[&caller, &agent]], &nobody, agents + 1)?;
        let config = trusting(&certificate())?;
        let sign_in = |number: usize| {
            Visit::sign_in(SocketAddr::V4(page), &config, &format!("agent-{number}"), PASSWORD)
        };
        let cookies = (0..agents).map(sign_in).collect::<Outcome<Vec<String>>>()?;
        let own = sign_in(agents)?;
        let alone = calls_beside_an_agent(&keyhush, [&caller, &agent], page, &own)?;
        let plan = Plan { address: page, certificate: certificate(), cookies, subscribers, payments, slow };
        let mut crowd = gather(&plan)?;
        let present = |crowd: &mut Running| {
            crowd.wait_until("the crowd is there", Duration::from_secs(180), last_tally)
        };
        let before = present(&mut crowd)?;
        let beside = calls_beside_an_agent(&keyhush, [&caller, &agent], page, &own)?;
        let after = present(&mut crowd)?;
        eprintln!("the page's p99: {alone:.1?} alone, {beside:.1?} beside the crowd; {after:?}");
        // Whoever is slow is closed and comes again; whoever listens stays.
        assert_eq!((before.subscribed, after.subscribed, after.again), (subscribers, subscribers, 0));
        assert_eq!(after, Present { slow, ..after });
        crowd.stop("TERM")?;
        Ok(())
    });
}

/// Lets calls be made, of which no packet may be lost, while an agent looks at a payment; how long the page takes, its p99.
fn calls_beside_an_agent(
    keyhush: &Keyhush,
    [caller, agent]: [&Host; 2],
    page: SocketAddrV4,
    cookie: &str,
) -> Outcome<Duration> {
    let watch = Watch::begin(page, cookie)?;
    let before = settled([caller, agent])?;
    let tally = LOAD.start(caller, agent)?.finish(Duration::from_secs(60))?;
    let after = settled([caller, agent])?;
    let sent = [after[0].sent - before[0].sent, after[1].sent - before[1].sent];
    let received = [after[0].received - before[0].received, after[1].received - before[1].received];
    assert_eq!(tally, Tally::of(LOAD.calls));
    assert_eq!(sent, [received[1], received[0]], "caller and agent");
    assert_eq!(after.map(|host| host.dropped), before.map(|host| host.dropped));
    for (name, value) in keyhush.counters()? {
        let is_loss = name.starts_with("drop_") || name.ends_with("_lost") || name.starts_with("port_");
        assert!(!is_loss || value == 0, "{name}: {value}");
    }
    watch.end()
}

/// An agent who looks at a payment again and again.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<Vec<Duration>>>,
}

impl Watch {
    fn begin(page: SocketAddrV4, cookie: &str) -> Outcome<Watch> {
        let config = trusting(&certificate())?;
        let mut visit = Visit::begin(SocketAddr::V4(page), &config, cookie)?;
        let path = format!("/api/payments/{}", visit.begin_payment()?);
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut took = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let status = visit.ask("GET", &path, "")?.status;
                took.push(begun.elapsed());
                if status != 200 {
                    return Err(Trouble::new(format!("the page answers {status}")));
                }
                thread::sleep(Duration::from_millis(20));
            }
            Ok(took)
        });
        Ok(Watch { stop, thread })
    }

    fn end(self) -> Outcome<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.thread.join().map_err(|_| Trouble::new("whoever looked at the page panicked"))?;
        let mut took = took?;
        took.sort();
        let p99 = took.get(took.len() * 99 / 100).copied();
        p99.ok_or_else(|| Trouble::new("nobody looked at the page"))
    }
}

fn gather(plan: &Plan) -> Outcome<Running> {
    let file = Path::new(sandbox::ROOT).join("crowd.json");
    let text = serde_json::to_vec(plan).during("writing the plan")?;
    fs::write(&file, text).during("writing the plan")?;
    let program = beside("crowd")?;
    let program =
        program.ok_or_else(|| Trouble::new("`cargo build -p keyhush-tests --bin crowd` comes first"))?;
    let mut command = Command::new(program);
    command.arg(file);
    Running::start("crowd", command)
}
