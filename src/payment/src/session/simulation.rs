//! Random interleavings of everything that can happen to a session, with a shadow of what the world knows of it. A failure
//! is told by its seed; `KEYHUSH_LONG` tries a hundred thousand of them.

use std::collections::HashMap;

use super::tests::{MASTERCARD, details, order};
use super::*;
use crate::brands::tests::shipped;
use crate::capture::FieldState;
use crate::psp::{Decline, Found, Outcome};

const NUMBERS: [&str; 5] =
    [MASTERCARD, "378282246310005", "4111111111111111#", "6304000000000000000", "4000000000000000006"];

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit.max(1)
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What the data path knows of a call.
#[derive(Default)]
struct Line {
    /// The order that holds, and whether it was acknowledged and nothing was lost since.
    secured: Option<(u64, bool)>,
    last_key: Option<Instant>,
    has_ended: bool,
}

struct World {
    seed: u64,
    chance: Chance,
    now: Instant,
    session: Session,
    vault: Vault,
    lines: HashMap<u32, Line>,
    /// The next call's slot.
    next_call: u32,
    keys: Vec<u8>,
    /// The try whose outcome nobody knows.
    under_way: Option<u32>,
    is_paid: bool,
    sent: Vec<String>,
    field: Option<FieldKind>,
    page: Option<View>,
    asks_reference: bool,
    states: HashMap<&'static str, u64>,
}

fn handle(slot: u32) -> CallHandle {
    CallHandle { slot, generation: 0 }
}

impl World {
    fn new(seed: u64, vault: &Vault, brands: &Arc<BrandTable>) -> Self {
        let mut chance = Chance(seed);
        let beside = Beside { expiry: chance.percent(20), valid_from: false, issue: chance.percent(20) };
        let settings = SessionSettings { beside, ..SessionSettings::default() };
        let now = Instant::from_nanos(1 << 40);
        let session = Session::new(now, SessionId(seed), settings, order(), brands.clone(), vault.clone());
        let mut world = World {
            seed,
            chance,
            now,
            session,
            vault: vault.clone(),
            lines: HashMap::new(),
            next_call: 0,
            keys: Vec::new(),
            under_way: None,
            is_paid: false,
            sent: Vec::new(),
            field: None,
            page: None,
            asks_reference: false,
            states: HashMap::new(),
        };
        world.observe(false);
        world
    }

    fn call(&mut self) -> CallHandle {
        handle(self.chance.below(u64::from(self.next_call.max(1))) as u32)
    }

    /// The keys of a caller who mostly keys what is asked.
    fn next_key(&mut self) -> u8 {
        if self.chance.percent(3) {
            return b"0123456789*#A"[self.chance.below(13) as usize];
        }
        if self.keys.is_empty() {
            let keys = match self.field {
                Some(FieldKind::Pan) | None => NUMBERS[self.chance.below(5) as usize],
                Some(FieldKind::Expiry | FieldKind::ValidFrom) => "1230",
                Some(FieldKind::Issue) => "7#",
                Some(FieldKind::Csc) => ["123", "1234"][self.chance.below(2) as usize],
            };
            self.keys = keys.bytes().rev().collect();
        }
        self.keys.pop().expect("there are some")
    }

    fn press(&mut self) -> Input {
        let call = self.call();
        self.press_on(call)
    }

    fn press_on(&mut self, call: CallHandle) -> Input {
        let key = self.next_key();
        let now = self.now;
        if let Some(line) = self.lines.get_mut(&call.slot) {
            line.last_key = Some(now);
        }
        Input::Press { call, digit: Digit::from_ascii(key).expect("a key") }
    }

    fn outcome(&mut self) -> Outcome {
        match self.chance.below(6) {
            0 => Outcome::Approved { psp_reference: "P".to_owned() },
            1 => Outcome::Declined { reason: Decline::Funds, psp_reference: None },
            2 => Outcome::InputRefused(crate::psp::WrongField::Code),
            3 => Outcome::NotTaken,
            4 => Outcome::Misconfigured,
            _ => Outcome::Unknown,
        }
    }

    fn attempt(&mut self) -> u32 {
        let wrong = u32::from(self.chance.percent(10));
        self.sent.len() as u32 + wrong
    }

    fn click(&mut self) -> Click {
        match self.chance.below(100) {
            0..4 => Click::Next,
            4..7 => Click::Reset(FieldKind::ALL[self.chance.below(5) as usize]),
            7..9 => Click::StartAgain,
            9..40 => Click::Pay(details()),
            40..98 => Click::AskAgain,
            _ => Click::Cancel,
        }
    }

    fn new_call(&mut self) -> Input {
        let call = handle(self.next_call);
        self.next_call += 1;
        self.lines.insert(call.slot, Line::default());
        Input::Paired { call, since: self.now }
    }

    /// What comes next where nothing goes wrong.
    fn likely(&mut self) -> Option<Input> {
        let view = self.session.view();
        Some(match view.stage {
            Shown::Reference(_) => self.new_call(),
            Shown::Keying if view.fields.iter().any(|field| field.state == FieldState::MayEnd) => {
                Input::Click(Click::Next)
            }
            Shown::Keying
                if view.fields.iter().any(|field| matches!(field.state, FieldState::Refused(_))) =>
            {
                self.keys.clear();
                Input::Click(Click::Reset(view.open?))
            }
            Shown::Keying => self.press_on(view.calls.first()?.0),
            Shown::Details => Input::Click(Click::Pay(details())),
            Shown::Sending => Input::Answered { attempt: self.attempt(), outcome: self.outcome() },
            Shown::Resolving if self.chance.percent(50) => {
                Input::Found { attempt: self.attempt(), found: Found::Nothing }
            }
            Shown::Stopped(_) | Shown::Result(_) if self.chance.percent(30) => {
                Input::Click(Click::StartAgain)
            }
            _ => return None,
        })
    }

    fn input(&mut self) -> Input {
        if core::mem::take(&mut self.asks_reference) && self.chance.percent(90) {
            let refused = Err(NotIssued::Random);
            return Input::Reference(if self.chance.percent(95) {
                Ok(self.now + VALID_FOR)
            } else {
                refused
            });
        }
        let asked = self.lines.iter().find_map(|(slot, line)| match line.secured {
            Some((token, false)) if !line.has_ended => Some((*slot, token)),
            _ => None,
        });
        if let Some((slot, token)) = asked
            && self.chance.percent(60)
        {
            let (call, why) = (handle(slot), Unmaskable::Codec);
            if self.chance.percent(3) {
                return Input::Unmaskable { call, token, why };
            }
            return Input::Acknowledged { call, token: token + u64::from(self.chance.percent(3)) };
        }
        if self.chance.percent(70)
            && let Some(likely) = self.likely()
        {
            return likely;
        }
        match self.chance.below(200) {
            0..120 => self.press(),
            120..150 => Input::Click(self.click()),
            150..165 if self.next_call == 0 => self.new_call(),
            150..153 if self.next_call < 8 => self.new_call(),
            150..165 => Input::Paired { call: self.call(), since: self.now },
            165..180 => Input::Answered { attempt: self.attempt(), outcome: self.outcome() },
            180..188 => {
                let found = match self.chance.below(4) {
                    0 => Found::Nothing,
                    1 => Found::NoAnswer,
                    2 => Found::UnderWay,
                    _ => Found::Settled(self.outcome()),
                };
                Input::Found { attempt: self.attempt(), found }
            }
            188 => Input::HeartbeatLost,
            189 => Input::MediaLost { call: self.call() },
            190 => Input::ForcedOff { call: self.call() },
            191 => Input::HungUp { call: self.call() },
            _ => Input::Tick,
        }
    }

    /// What the world learns by an input, before the session has it.
    fn learn(&mut self, input: &Input) {
        match input {
            Input::HungUp { call } => {
                if let Some(line) = self.lines.get_mut(&call.slot) {
                    line.has_ended = true;
                }
            }
            Input::HeartbeatLost => {
                for line in self.lines.values_mut() {
                    line.secured = line.secured.map(|(token, _)| (token, false));
                }
            }
            Input::MediaLost { call } => {
                if let Some(line) = self.lines.get_mut(&call.slot) {
                    line.secured = line.secured.map(|(token, _)| (token, false));
                }
            }
            Input::ForcedOff { call } => {
                if let Some(line) = self.lines.get_mut(&call.slot) {
                    line.secured = None;
                }
            }
            Input::Acknowledged { call, token } => {
                if let Some(line) = self.lines.get_mut(&call.slot)
                    && line.secured.is_some_and(|(asked, _)| asked == *token)
                {
                    line.secured = Some((*token, true));
                }
            }
            _ => {}
        }
    }

    fn step(&mut self) {
        let pause = match self.chance.below(100) {
            0..90 => self.chance.below(400),
            90..98 => self.chance.below(4_000),
            98 => self.chance.below(60_000),
            _ => self.chance.below(1_000_000),
        };
        let next = self.now + Duration::from_millis(pause);
        // Mostly the session is asked when its deadline has come; sometimes whoever asks is late.
        while let Some(due) = self.session.deadline().filter(|due| *due < next)
            && self.chance.percent(95)
        {
            self.now = due.max(self.now);
            self.give(Input::Tick);
        }
        self.now = next;
        let input = self.input();
        self.learn(&input);
        self.give(input);
    }

    fn give(&mut self, input: Input) {
        let held = self.session.holds_card();
        let settles = match &input {
            Input::Answered { attempt, outcome } => Some((*attempt, outcome.clone())),
            Input::Found { attempt, found: Found::Settled(outcome) } => Some((*attempt, outcome.clone())),
            _ => None,
        };
        let handled = self.session.handle(self.now, input);
        if let Some((attempt, outcome)) = settles
            && handled == Handled::Done
            && outcome != Outcome::Unknown
            && self.under_way == Some(attempt)
        {
            self.under_way = None;
            self.is_paid |= matches!(outcome, Outcome::Approved { .. });
        }
        self.observe(held);
        self.check();
    }

    /// What the session wants done, and whether it may want it.
    fn observe(&mut self, held: bool) {
        let (seed, now) = (self.seed, self.now);
        let mut is_wiped = false;
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::AskReference => self.asks_reference = true,
                Output::WithdrawReference => {}
                Output::SecureOn { call, token } => {
                    let line = self.lines.entry(call.slot).or_default();
                    line.secured = Some((token, false));
                }
                Output::SecureOff { call } => {
                    let line = self.lines.entry(call.slot).or_default();
                    let is_quiet = line.last_key.is_none_or(|key| now.since(key) >= Duration::from_secs(3));
                    assert!(line.has_ended || is_quiet, "seed {seed}: a trailing key leaks");
                    line.secured = None;
                }
                Output::Field(field) => {
                    self.field = field;
                    self.keys.clear();
                }
                Output::Send(attempt) => {
                    assert_eq!(self.under_way, None, "seed {seed}: sent while another may be paid");
                    assert!(!self.is_paid, "seed {seed}: sent though it is paid");
                    assert!(!self.sent.contains(&attempt.idempotency_key), "seed {seed}: sent twice");
                    assert!(self.session.submission().is_some(), "seed {seed}: sent without a card");
                    self.under_way = Some(attempt.number);
                    self.sent.push(attempt.idempotency_key);
                }
                Output::AskOutcome(attempt) => {
                    assert_eq!(attempt.number, self.sent.len() as u32, "seed {seed}: asks of another try");
                }
                Output::Wiped => is_wiped = true,
                Output::View(view) => self.page = Some(*view),
            }
        }
        let is_gone = held && !self.session.holds_card();
        assert_eq!(is_wiped, is_gone, "seed {seed}: wiped, and not told, or told and not wiped");
        // The provider knew of none for long enough: that is an outcome.
        if matches!(self.session.view().stage, Shown::Result(Outcome::NotTaken)) {
            self.under_way = None;
        }
    }

    /// The invariants of DESIGN section 4, after each step.
    fn check(&mut self) {
        let seed = self.seed;
        let view = self.session.view();
        assert_eq!(self.page.as_ref(), Some(&view), "seed {seed}: the page shows something else");
        assert_eq!(self.field, view.open, "seed {seed}: the data path knows of another field");
        if view.icon == Icon::On {
            let mut secured =
                self.lines.values().filter(|line| !line.has_ended).filter_map(|line| line.secured);
            assert!(secured.all(|(_, is_true)| is_true), "seed {seed}: the icon lies (invariant 4)");
            let paired = |(call, _): &(CallHandle, Instant)| self.lines[&call.slot].secured.is_some();
            assert!(view.calls.iter().all(paired), "seed {seed}: a paired call is not masked (invariant 4)");
        }
        assert!(
            view.open.is_none() || view.icon == Icon::On,
            "seed {seed}: a field is open without the icon"
        );
        let held = self.vault.slots() - self.vault.free();
        assert!(held <= 2, "seed {seed}: {held} slots are held");
        assert!(self.session.holds_card() || held == 0, "seed {seed}: something is not wiped (invariant 2)");
        if !self.session.is_over() {
            assert!(self.session.deadline().is_some(), "seed {seed}: no way out of {:?}", view.stage);
        }
        if self.chance.percent(5) {
            let told = format!("{:?} {view:?}", self.session);
            let tells = NUMBERS.iter().any(|number| told.contains(number.trim_end_matches('#')));
            assert!(!tells, "seed {seed}: a number is told (invariant 2)");
        }
        let state = match view.stage {
            Shown::Waiting => "waiting",
            Shown::Reference(_) => "reference",
            Shown::Securing => "securing",
            Shown::Keying => "keying",
            Shown::Details => "details",
            Shown::Sending => "sending",
            Shown::Resolving => "resolving",
            Shown::Result(Outcome::Approved { .. }) => "approved",
            Shown::Result(Outcome::Unknown) => "unknown",
            Shown::Result(_) => "not paid",
            Shown::Stopped(_) => "stopped",
            Shown::Ended(_) => "ended",
        };
        *self.states.entry(state).or_default() += 1;
    }

    /// Nobody does anything any more: it must come to its end by its deadlines alone.
    fn run_out(&mut self) {
        let seed = self.seed;
        for _ in 0..200 {
            let Some(due) = self.session.deadline() else { break };
            self.now = due.max(self.now);
            self.give(Input::Tick);
        }
        assert!(self.session.is_over(), "seed {seed}: it does not end");
        assert_eq!(self.vault.free(), self.vault.slots(), "seed {seed}: something is not wiped");
        let is_left = self.lines.values().any(|line| line.secured.is_some());
        assert!(!is_left, "seed {seed}: a call stays in SecureMode");
    }
}

#[test]
fn random_interleavings_keep_the_invariants() {
    let runs = if std::env::var_os("KEYHUSH_LONG").is_some() { 100_000 } else { 4_000 };
    let vault = Vault::new(64).expect("a page");
    let brands = Arc::new(shipped());
    let mut states: HashMap<&'static str, u64> = HashMap::new();
    let mut sent = 0;
    for seed in 0..runs {
        let mut world = World::new(seed, &vault, &brands);
        for _ in 0..150 {
            world.step();
        }
        world.run_out();
        sent += world.sent.len();
        for (state, times) in world.states {
            *states.entry(state).or_default() += times;
        }
    }
    println!("{runs} runs, {sent} payments sent, steps in each state: {states:?}");
    // A simulation that does not come everywhere shows nothing.
    assert_eq!(states.len(), 12, "{states:?}");
    assert!(states.values().all(|times| *times > runs / 20), "{states:?}");
    assert!(sent as u64 > runs / 4, "{sent}");
}
