//! Three hundred payments, from the call reference to the result, against a sandbox that does whatever can happen: sessions as they
//! are, requests over real TLS, and a clock that runs some twenty times as fast as the sandbox's.

use std::collections::BTreeMap;

use handover::CallHandle;
use keyhush_tests::psp_sandbox::behaviour::{Behaviour, Trouble};
use keyhush_tests::psp_sandbox::{PspSandbox, Settings};
use keyhush_tests::seed::Seed;
use payment::capture::FieldKind;
use payment::session::Shown;
use payment::{Click, Input, Output, Session, SessionId, SessionSettings};

use super::sandbox::asking;
use super::*;

const PAYMENTS: u64 = 300;
const SEED: u64 = 20_261_125;

/// A turn, as the sessions have it, and the least that it takes.
const TURN: Duration = Duration::from_millis(100);
const TURN_TAKES: Duration = Duration::from_millis(4);
/// The longest that all of it may take by the sessions' clock: the reference, two tries, each resolved, and room.
const AT_MOST: Duration = Duration::from_secs(2_000);

/// Of a hundred payments, how many end in which two digits.
const MIX: [(u64, u64); 22] = [
    (0, 20),
    (52, 4),
    (57, 2),
    (60, 2),
    (67, 2),
    (71, 4),
    (80, 5),
    (81, 7),
    (82, 7),
    (83, 12),
    (84, 8),
    (85, 4),
    (86, 6),
    (87, 2),
    (88, 2),
    (89, 2),
    (90, 1),
    (91, 1),
    (92, 2),
    (93, 2),
    (94, 2),
    (95, 3),
];

/// The card of a second try, and the key that ends it: the sandbox approves it, whatever the amount.
const APPROVED: &str = "4242424242424242#";

fn last_digits(chance: &mut Seed) -> u64 {
    let mut drawn = chance.below(MIX.iter().map(|(_, weight)| weight).sum());
    for (last, weight) in MIX {
        match drawn.checked_sub(weight) {
            None => return last,
            Some(rest) => drawn = rest,
        }
    }
    unreachable!("it is below the sum")
}

/// A request on its way.
enum Asked {
    Step(Step),
    LookUp,
}

/// One agent with one payment.
struct Till {
    session: Session,
    order: String,
    last: u64,
    card: &'static str,
    begins: Instant,
    /// Whether the agent tries once more where that may be.
    retries: bool,
    tries: u32,
    was_resolved: bool,
    under_way: Vec<(Attempt, Asked, mpsc::Receiver<Came>)>,
    outcome: Option<Outcome>,
}

struct Counter<'w> {
    house: &'w House,
    provider: &'w Provider,
    now: Instant,
}

impl Till {
    fn new(number: u64, chance: &mut Seed, start: Instant, table: &Arc<BrandTable>, vault: &Vault) -> Self {
        let begins = start + Duration::from_millis(chance.below(60_000));
        let last = last_digits(chance);
        let order = format!("order {number}");
        let mut unique = [0; 16];
        unique.copy_from_slice(&chance.bytes(16));
        let money = Money::new(100 * (1 + chance.below(500)) + last, "GBP").expect("money");
        let asked = payment::Order::new(money, &order, unique).expect("a text");
        let (table, vault) = (Arc::clone(table), vault.clone());
        let session =
            Session::new(begins, SessionId(number), SessionSettings::default(), asked, table, vault);
        Till {
            session,
            order,
            last,
            card: "5555555555554444",
            begins,
            retries: chance.percent(60),
            tries: 0,
            was_resolved: false,
            under_way: Vec::new(),
            outcome: None,
        }
    }

    fn turn(&mut self, counter: &Counter<'_>, vault_is_in_use: &mut bool) {
        let now = counter.now;
        if now < self.begins || self.session.is_over() {
            return;
        }
        self.take_answers(counter);
        if self.session.deadline().is_some_and(|due| now >= due) {
            let _ = self.session.handle(now, Input::Tick);
        }
        while let Some(output) = self.session.poll_output() {
            self.carry_out(output, counter);
        }
        *vault_is_in_use |= self.session.holds_card();
        match self.session.view().stage {
            Shown::Details => {
                let expiry = CardMonth { month: 12, year: 30 };
                let details = Details::new().with_expiry(expiry).expect("a month");
                let _ = self.session.handle(now, Input::Click(Click::Pay(Box::new(details))));
            }
            Shown::Resolving => self.was_resolved = true,
            Shown::Result(outcome) => {
                let again = self.retries && self.tries == 1 && outcome.may_retry();
                self.outcome = Some(outcome);
                self.card = APPROVED;
                let click = if again { Click::StartAgain } else { Click::Cancel };
                let _ = self.session.handle(now, Input::Click(click));
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, output: Output, counter: &Counter<'_>) {
        let now = counter.now;
        let call = CallHandle { slot: 1, generation: 0 };
        match output {
            Output::AskReference => {
                let _ = self.session.handle(now, Input::Reference(Ok(now + Duration::from_secs(300))));
                let _ = self.session.handle(now, Input::Paired { call, since: now });
            }
            Output::SecureOn { call, token } => {
                let _ = self.session.handle(now, Input::Acknowledged { call, token });
            }
            Output::Field(Some(kind)) => {
                for key in if kind == FieldKind::Pan { self.card } else { "123" }.bytes() {
                    let digit = Digit::from_ascii(key).expect("a key");
                    let _ = self.session.handle(now, Input::Press { call, digit });
                }
            }
            Output::Send(attempt) => {
                self.tries += 1;
                self.step(attempt, Step::default(), counter);
            }
            Output::AskOutcome(attempt) => {
                let outgoing = counter.provider.look_up(&attempt).expect("it can be asked");
                self.under_way.push((attempt, Asked::LookUp, send(counter.house, outgoing)));
            }
            _ => {}
        }
    }

    fn step(&mut self, attempt: Attempt, step: Step, counter: &Counter<'_>) {
        let submission = self.session.submission();
        let outgoing = submission.and_then(|submission| counter.provider.request(&step, &submission));
        match outgoing {
            Some(outgoing) => {
                self.under_way.push((attempt, Asked::Step(step), send(counter.house, outgoing)));
            }
            None => {
                let (attempt, outcome) = (attempt.number, counter.provider.not_sent(&step));
                let _ = self.session.handle(counter.now, Input::Answered { attempt, outcome });
            }
        }
    }

    fn take_answers(&mut self, counter: &Counter<'_>) {
        let under_way = core::mem::take(&mut self.under_way);
        for (attempt, asked, told) in under_way {
            let Ok(result) = told.try_recv() else {
                self.under_way.push((attempt, asked, told));
                continue;
            };
            let number = attempt.number;
            match asked {
                Asked::Step(step) => match counter.provider.read(&step, result) {
                    Next::Ask(next) => self.step(attempt, next, counter),
                    Next::Done(outcome) => {
                        let _ =
                            self.session.handle(counter.now, Input::Answered { attempt: number, outcome });
                    }
                },
                Asked::LookUp => {
                    let found = counter.provider.found(&attempt, result);
                    let _ = self.session.handle(counter.now, Input::Found { attempt: number, found });
                }
            }
        }
    }
}

#[test]
fn three_hundred_payments_are_each_taken_once_or_not_and_known_to_be() {
    let settings = Settings {
        look_ups_fail: 25,
        seed: SEED,
        // Some twenty of the sessions' seconds: less than the least after which they take "none" for an answer.
        late: Duration::from_millis(800),
        ..Settings::default()
    };
    let sandbox = PspSandbox::for_a_test(settings).expect("a port");
    let (_directory, provider) = asking(&sandbox, sandbox.certificate());
    let house = House::new();
    let vault = Vault::new(2 * PAYMENTS as u32).expect("locked memory");
    let table = Arc::new(brands());
    let mut chance = Seed::new(SEED);
    let start = Instant::from_nanos(1_000_000_000);
    let mut tills: Vec<Till> =
        (0..PAYMENTS).map(|number| Till::new(number, &mut chance, start, &table, &vault)).collect();
    let mut now = start;
    let mut cards_were_held = false;
    while tills.iter().any(|till| !till.session.is_over()) {
        now = now + TURN;
        assert!(now.since(start) < AT_MOST, "seed {SEED}: some never end");
        house.pass(TURN);
        let counter = Counter { house: &house, provider: &provider, now };
        tills.iter_mut().for_each(|till| till.turn(&counter, &mut cards_were_held));
        std::thread::park_timeout(TURN_TAKES);
    }
    assert!(cards_were_held && vault.free() == vault.slots(), "every card is wiped");

    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut resolved, mut again) = (0, 0);
    for till in &tills {
        let Till { order, last, outcome, tries, .. } = till;
        let outcome = outcome.as_ref().expect("it has one");
        let charges = sandbox.charges(order);
        let told = format!("seed {SEED}: {order}, …{last:02}, {tries} tries: {outcome:?}, {charges} charges");
        assert!(charges <= 1, "{told}: a double charge");
        assert_ne!(outcome, &Outcome::Unknown, "{told}: the sandbox could have said");
        assert_eq!(charges == 1, matches!(outcome, Outcome::Approved { .. }), "{told}: the page lies");
        *ends.entry(outcome.name()).or_default() += 1;
        resolved += u32::from(till.was_resolved);
        again += u32::from(*tries > 1);
    }
    println!(
        "{PAYMENTS} payments in {} s: {ends:?}; {resolved} asked about, {again} tried again, {} requests",
        now.since(start).as_secs(),
        sandbox.requests()
    );
    // A mix in which nothing happens shows nothing.
    assert!(resolved > PAYMENTS as u32 / 3 && again > 20, "{resolved} {again}");
    for name in ["approved", "declined", "input_refused", "not_taken"] {
        assert!(ends.contains_key(name), "{ends:?}");
    }
    let stalls = |till: &&Till| {
        let by_amount = Behaviour::of(till.last, "5555555555554444");
        matches!(by_amount, Behaviour::Before(Trouble::Stalls) | Behaviour::After(Trouble::Stalls))
    };
    assert!(tills.iter().filter(stalls).count() > 10);
}
