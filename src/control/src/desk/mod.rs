//! The desk: every payment session, the calls that they are paired with, and all that a session wants done. It takes what happens with
//! the time, and says what is to be done by others: commands to the signalling lcore, requests to PSPs, work for the pool.
//!
//! | module | holds |
//! |---|---|
//! | [`directory`] | the tenants: rules, references, PSPs |
//! | [`calls`] | the calls that are up, and whose they are |
//! | [`heartbeat`] | whether the data path lives |
//! | [`records`] | results on the disk, one after the other, until they are there |
//! | `on_page` | a session with its page |
//! | [`paying`] | a payment on its way to the PSP and back |
//! | [`leftovers`] | attempts of which nobody knows what became of them, asked about |
//! | [`people`] | who is signed in |
//! | [`api`] | what pages ask |
//! | [`pages`] | the pages themselves |
//! | [`figures`] | what is counted |
//! | [`recordings`] | who is recorded, and what is suspended |
//! | [`suspending`] | the agents' page for that |
//! | [`suspend_api`] | what is asked of it |
//! | [`shown`] | what pages show |

use core::time::Duration;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use handover::{Answer, CallEvent, CallHandle, Command, Instant, LcoreLink, Refusal, Request, Rules, Side};
use payment::pairing::PairingLimits;
use payment::session::{Click, Handled, Icon, Input, Output, Session, Unmaskable};
use payment::{BrandTable, Money, Pairing, SessionId, TenantId};
use secret::{Digit, Vault};

use crate::site::Site;
use crate::store::Agent;
use crate::web::{Channel, Order};

pub(crate) mod api;
pub(crate) mod calls;
pub(crate) mod directory;
pub(crate) mod figures;
pub(crate) mod heartbeat;
pub(crate) mod leftovers;
mod on_page;
pub(crate) mod pages;
pub(crate) mod paying;
pub(crate) mod people;
pub(crate) mod recordings;
pub(crate) mod records;
pub(crate) mod shown;
pub(crate) mod suspend_api;
pub(crate) mod suspending;

use calls::KnownCalls;
use directory::Directory;
use figures::Figures;
use heartbeat::Heartbeat;
use leftovers::Leftovers;
pub(crate) use on_page::{NoPayment, Payment};
use paying::Attempts;
use recordings::{Link, Recordings};
use records::Records;

/// The bit of a token that tells the desk's requests from the console's.
const DESK: u64 = 1 << 63;
/// How often a page hears that all is well while its icon is on.
const BEAT: Duration = Duration::from_millis(200);
/// How long an answer of the signalling lcore is waited for.
const UNANSWERED: Duration = Duration::from_secs(5);
/// How long the page of a session that is over is still there to be read.
const AFTERGLOW: Duration = Duration::from_secs(120);
/// Payments at a time; of one agent, and of one agent with those whose page is only read.
const PAYMENTS: usize = 10_000;
const OF_ONE_AGENT: usize = 16;
const PAGES_OF_ONE_AGENT: usize = 64;

/// What the desk is made with, and made again with after a panic of the loop.
#[derive(Clone)]
pub(crate) struct DeskConfig {
    pub(crate) directory: Arc<Directory>,
    pub(crate) brands: Arc<BrandTable>,
    pub(crate) vault: Vault,
    pub(crate) store: PathBuf,
    pub(crate) lcores: Vec<LcoreLink>,
    pub(crate) signalling_failed: Arc<AtomicBool>,
    /// How many calls there may be.
    pub(crate) calls: usize,
    pub(crate) recordings: Option<Link>,
    /// Fills bytes with what nobody can guess, or says that it cannot.
    pub(crate) random: fn(&mut [u8]) -> bool,
}

/// The desk.
pub(crate) struct Desk {
    directory: Arc<Directory>,
    /// Numbers of tenants, which stay when they are read again.
    tenants: HashMap<String, TenantId>,
    brands: Arc<BrandTable>,
    vault: Vault,
    random: fn(&mut [u8]) -> bool,
    pairing: Pairing,
    calls: KnownCalls,
    payments: HashMap<SessionId, Payment>,
    /// By the names in their pages' addresses.
    names: HashMap<String, SessionId>,
    timers: BTreeSet<(Instant, SessionId)>,
    /// The payments that are to be watched every few milliseconds: a turn of the loop must not cost all the others.
    live: HashSet<SessionId>,
    /// Of each agent: how many payments are not over, and how many there are.
    of_agents: HashMap<i64, (usize, usize)>,
    /// Those that are over, the first of them in front: they make room for new ones.
    over: VecDeque<SessionId>,
    /// What each request that is under way is for.
    asked: HashMap<u64, (Instant, Asked)>,
    commands: VecDeque<Request>,
    heartbeat: Heartbeat,
    beaten: Instant,
    next_number: u64,
    records: Records,
    /// Payments that wait for being written down, before they are sent; each that waits or is being written holds the other.
    to_write: VecDeque<Order<Site>>,
    writing: Arc<()>,
    leftovers: Leftovers,
    pub(crate) recordings: Recordings,
    pub(crate) figures: Figures,
    orders: Vec<Order<Site>>,
}

/// What a request was for.
#[derive(Clone, Copy)]
enum Asked {
    /// A session's order for a call, with the session's own token.
    Enter { payment: SessionId, call: CallHandle, token: u64 },
    /// That a call is recorded, or not any more.
    Record { call: CallHandle },
    /// That all calls are told of.
    Announce,
    /// Something that is done, whatever is answered.
    Other,
}

impl Desk {
    pub(crate) fn new(now: Instant, config: DeskConfig, panics: u64) -> Desk {
        let DeskConfig { directory, brands, vault, store, lcores, signalling_failed, .. } = config;
        let mut desk = Desk {
            directory,
            tenants: HashMap::new(),
            brands,
            pairing: Pairing::new(PairingLimits::default(), vault.clone()),
            vault,
            random: config.random,
            calls: KnownCalls::new(config.calls),
            payments: HashMap::new(),
            names: HashMap::new(),
            timers: BTreeSet::new(),
            live: HashSet::new(),
            of_agents: HashMap::new(),
            over: VecDeque::new(),
            asked: HashMap::new(),
            commands: VecDeque::new(),
            heartbeat: Heartbeat::new(&lcores, signalling_failed, panics),
            beaten: now,
            // Numbers are never used twice, those of an earlier desk included.
            next_number: now.as_nanos() >> 8,
            records: Records::new(store),
            to_write: VecDeque::new(),
            writing: Arc::default(),
            leftovers: Leftovers::new(now),
            recordings: Recordings::new(now, config.recordings),
            figures: Figures::default(),
            orders: Vec::new(),
        };
        // What an earlier control core knew of the calls is gone with it.
        desk.command(now, Command::Announce, Asked::Announce);
        desk
    }

    /// Begins a payment of an agent's; the name of its page.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        agent: Agent,
        money: Money,
        order: &str,
    ) -> Result<String, NoPayment> {
        let served = self.directory.get(&agent.tenant).cloned().ok_or(NoPayment::NoTenant)?;
        let (open, all) = self.of_agents.get(&agent.id).copied().unwrap_or_default();
        if open >= OF_ONE_AGENT || all >= PAGES_OF_ONE_AGENT {
            return Err(NoPayment::TooMany);
        }
        if self.payments.len() >= PAYMENTS {
            let Some(over) = self.over.front().copied() else { return Err(NoPayment::TooMany) };
            self.let_go(over);
        }
        let (mut unique, mut name, mut epoch) = ([0; 16], [0; 16], [0; 8]);
        if ![&mut unique[..], &mut name, &mut epoch].into_iter().all(self.random) {
            return Err(NoPayment::NoRandom);
        }
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let paid = payment::Order::new(money, order, unique).map_err(|_| NoPayment::Order)?;
        let id = SessionId(self.next_number);
        self.next_number += 1;
        let tenant = self.tenant(&agent.tenant);
        let (brands, vault) = (Arc::clone(&self.brands), self.vault.clone());
        let session = Session::new(now, id, served.session.clone(), paid, brands, vault);
        let payment = Payment {
            session,
            name: name.clone(),
            agent,
            served,
            channel: Channel::new(crate::web::ChannelLimits::default(), u64::from_ne_bytes(epoch)),
            money,
            order: order.trim().to_owned(),
            tenant,
            timer: None,
            icon: Icon::Off,
            field_open: false,
            over: None,
            attempts: Attempts::default(),
        };
        let own = self.of_agents.entry(payment.agent.id).or_default();
        *own = (own.0 + 1, own.1 + 1);
        self.payments.insert(id, payment);
        self.names.insert(name.clone(), id);
        self.figures.begun += 1;
        self.settle(now, id);
        Ok(name)
    }

    /// The payment of this name, if it is the agent's own.
    pub(crate) fn payment_of(&self, agent: &Agent, name: &str) -> Option<&Payment> {
        let payment = self.payments.get(self.names.get(name)?)?;
        (payment.agent.id == agent.id).then_some(payment)
    }

    /// The agent clicked; the payment is the agent's own. `None` where there is no such payment.
    pub(crate) fn click(&mut self, now: Instant, agent: &Agent, name: &str, click: Click) -> Option<Handled> {
        let id = self.payment_of(agent, name)?.session.id();
        Some(self.handle(now, id, Input::Click(click)))
    }

    /// A key was pressed.
    pub(crate) fn press(&mut self, now: Instant, call: CallHandle, from: Side, digit: &Digit) {
        match from {
            Side::Customer => self.agent_pressed(now, call, digit),
            Side::Carrier => self.caller_pressed(now, call, digit),
        }
    }

    fn agent_pressed(&mut self, now: Instant, call: CallHandle, digit: &Digit) {
        let Some(known) = self.calls.get(call) else { return };
        // What agents key beside a payment that is under way is nothing of ours.
        let is_busy = known.payment.and_then(|id| self.payments.get(&id)).is_some_and(Payment::is_under_way);
        let Some(served) = known.tenant.as_ref().and_then(|tenant| self.directory.get(tenant)) else {
            self.figures.keys_of_nobody += 1;
            return;
        };
        if is_busy {
            self.figures.agents_keys_ignored += 1;
            return;
        }
        let (rules, id) = (served.reference, served.tenant.id.clone());
        let tenant = self.tenant(&id);
        self.suspended_by_key(now, call, digit);
        self.hear(now);
        self.pairing.press(now, call, tenant, rules, digit);
    }

    fn caller_pressed(&mut self, now: Instant, call: CallHandle, digit: &Digit) {
        let Some(known) = self.calls.get_mut(call) else {
            self.figures.keys_of_nobody += 1;
            return;
        };
        if let Some((_, key)) = &mut known.orphan {
            *key = now;
        }
        let Some((id, digit)) = known.payment.zip(Digit::from_event_code(digit.event_code())) else {
            self.figures.keys_of_nobody += 1;
            return;
        };
        self.give(now, id, Input::Press { call, digit });
    }

    /// The signalling lcore tells of a call.
    pub(crate) fn call_event(&mut self, now: Instant, event: CallEvent) {
        match event {
            CallEvent::Begun(begun) => {
                let tenant = self.directory.of_call(&begun).map(|served| served.tenant.id.clone());
                let call = begun.call;
                if self.calls.begun(now, *begun, tenant) {
                    self.recorded_begun(now, call);
                } else {
                    self.figures.calls_unknown += 1;
                }
            }
            CallEvent::Ended { call, at } => {
                self.pairing.call_ended(call);
                let payment = self.calls.get(call).and_then(|known| known.payment);
                if let Some(id) = payment {
                    self.give(now, id, Input::HungUp { call });
                }
                self.calls.remove(call);
                self.recorded_ended(now, call, at);
            }
            CallEvent::MediaLost { call } => self.tell(now, call, Input::MediaLost { call }),
            CallEvent::ForcedOff { call } => self.tell(now, call, Input::ForcedOff { call }),
        }
    }

    fn tell(&mut self, now: Instant, call: CallHandle, input: Input) {
        if let Some(id) = self.calls.get(call).and_then(|known| known.payment) {
            self.give(now, id, input);
        }
    }

    /// The signalling lcore has answered a request of the desk's.
    pub(crate) fn answered(&mut self, now: Instant, token: u64, answer: &Answer) {
        let (payment, call, token) = match self.asked.remove(&token) {
            Some((_, Asked::Enter { payment, call, token })) => (payment, call, token),
            Some((_, Asked::Record { call })) => return self.record_answered(now, call, Some(answer)),
            Some((_, Asked::Announce)) => return self.announce_answered(now, Some(answer)),
            Some((_, Asked::Other)) | None => return,
        };
        let refusal = match answer {
            Answer::Done { .. } => return self.give(now, payment, Input::Acknowledged { call, token }),
            Answer::Refused(refusal) => refusal,
            Answer::Calls { .. } => return,
        };
        let why = match refusal {
            // The page says so when the time for acknowledgements is over, or one comes after all.
            Refusal::NotAcknowledged => return,
            Refusal::NoSuchCall => Unmaskable::NoSuchCall,
            Refusal::Encrypted => Unmaskable::Encrypted,
            Refusal::MediaElsewhere => Unmaskable::MediaElsewhere,
            Refusal::Codec => Unmaskable::Codec,
            Refusal::Contested => Unmaskable::Contested,
            Refusal::Busy | Refusal::Paired => Unmaskable::Busy,
        };
        self.give(now, payment, Input::Unmaskable { call, token, why });
    }

    /// Whether a token is one of the desk's.
    pub(crate) fn is_own(token: u64) -> bool {
        token & DESK != 0
    }

    /// What the signalling lcore is to be asked, in order. What it has no room for stays.
    pub(crate) fn commands(&mut self) -> &mut VecDeque<Request> {
        &mut self.commands
    }

    /// Whether something is to be watched every few milliseconds.
    pub(crate) fn is_live(&self) -> bool {
        !self.commands.is_empty() || !self.asked.is_empty() || !self.live.is_empty()
    }

    /// Once a turn of the loop: what is due. `panics` is how often lcores have panicked since the start.
    pub(crate) fn turn(&mut self, now: Instant, panics: u64) -> Vec<Order<Site>> {
        if self.heartbeat.look(now, panics) {
            self.figures.heartbeats_lost += 1;
            self.tell_all(now, || Input::HeartbeatLost);
        }
        self.forget_unanswered(now);
        self.hear(now);
        while let Some((due, id)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, id));
            if let Some(payment) = self.payments.get_mut(&id) {
                payment.timer = None;
            }
            self.give(now, id, Input::Tick);
            self.forget(now, id);
        }
        for call in self.calls.orphans_due(now) {
            self.figures.orphans_released += 1;
            self.command(now, Command::Leave { call }, Asked::Other);
        }
        if now.since(self.beaten) >= BEAT {
            self.beaten = now;
            for payment in self.with_icon(Icon::On) {
                payment.channel.tell("beat");
            }
        }
        self.turn_recordings(now);
        self.turn_lines(now);
        self.ask_about_leftovers(now);
        self.write_down();
        self.records.turn(now, &mut self.orders);
        std::mem::take(&mut self.orders)
    }

    /// The payments whose icon is this one, which is not off: they are all watched.
    fn with_icon(&self, icon: Icon) -> impl Iterator<Item = &Payment> {
        let live = self.live.iter().filter_map(|id| self.payments.get(id));
        live.filter(move |payment| payment.icon == icon)
    }

    fn tell_all(&mut self, now: Instant, input: impl Fn() -> Input) {
        let all: Vec<SessionId> = self.payments.keys().copied().collect();
        for id in all {
            self.give(now, id, input());
        }
    }

    /// Pairs what agents have keyed.
    fn hear(&mut self, now: Instant) {
        while let Some(heard) = self.pairing.poll(now) {
            let Some(since) = self.calls.get(heard.call).map(|known| known.begun.since) else { continue };
            if self.heard_on_line(now, heard.session, heard.call) {
                continue;
            }
            if self.handle(now, heard.session, Input::Paired { call: heard.call, since }) == Handled::Ignored
            {
                continue;
            }
            let Some(known) = self.calls.get_mut(heard.call) else { continue };
            known.orphan = None;
            // The call is this payment's from now on; another that had it does not end what is not its own any more.
            let former = known.payment.replace(heard.session).filter(|former| *former != heard.session);
            self.tell_of_payment(heard.call, heard.session);
            if let Some(former) = former {
                self.give(now, former, Input::HungUp { call: heard.call });
            }
        }
    }

    /// Gives a session what happened, and does what it wants.
    fn handle(&mut self, now: Instant, id: SessionId, input: Input) -> Handled {
        let Some(payment) = self.payments.get_mut(&id) else { return Handled::Ignored };
        let handled = payment.session.handle(now, input);
        self.settle(now, id);
        handled
    }

    /// The same where nobody waits for what it meant.
    fn give(&mut self, now: Instant, id: SessionId, input: Input) {
        let _ = self.handle(now, id, input);
    }

    fn settle(&mut self, now: Instant, id: SessionId) {
        while let Some(output) = self.payments.get_mut(&id).and_then(|payment| payment.session.poll_output())
        {
            self.carry_out(now, id, output);
        }
        let Some(payment) = self.payments.get_mut(&id) else { return };
        if payment.session.is_over() && payment.over.is_none() {
            payment.over = Some(now);
            payment.channel.forget_all_but_last();
            self.over.push_back(id);
            if let Some((open, _)) = self.of_agents.get_mut(&payment.agent.id) {
                *open = open.saturating_sub(1);
            }
        }
        if payment.is_live() {
            self.live.insert(id);
        } else {
            self.live.remove(&id);
        }
        let due = payment.over.map(|over| over + AFTERGLOW).or(payment.session.deadline());
        if due != payment.timer {
            if let Some(timer) = payment.timer {
                self.timers.remove(&(timer, id));
            }
            payment.timer = due;
            self.timers.extend(due.map(|due| (due, id)));
        }
    }

    fn carry_out(&mut self, now: Instant, id: SessionId, output: Output) {
        let Some(payment) = self.payments.get_mut(&id) else { return };
        match output {
            Output::AskReference => {
                let mut random = [0; 256];
                let random = if (self.random)(&mut random) { &random[..] } else { &[] };
                let rules = payment.served.reference;
                let issued = self.pairing.issue(now, payment.tenant, id, rules, random);
                let answer = issued.map(|(_, until)| until);
                let _ = payment.session.handle(now, Input::Reference(answer));
            }
            Output::WithdrawReference => self.pairing.withdraw(id),
            Output::SecureOn { call, token } => {
                payment.field_open = true;
                let (mask_key, rules) = (payment.served.mask_key, payment.served.rules.with_field_open(true));
                let asked = Asked::Enter { payment: id, call, token };
                self.command(now, Command::Enter { call, mask_key, rules }, asked);
            }
            Output::SecureOff { call } => {
                // It may be another payment's by now. One that has ended is let go all the same: its flows may be another call's.
                if self.calls.get(call).is_none_or(|known| known.payment == Some(id)) {
                    self.command(now, Command::Leave { call }, Asked::Other);
                }
            }
            Output::Field(kind) => self.field(now, id, kind.is_some()),
            Output::Send(attempt) => self.send(id, attempt),
            Output::AskOutcome(attempt) => self.ask_outcome(now, id, attempt),
            Output::Wiped => self.figures.wiped += 1,
            Output::View(view) => self.show(now, id, &view),
        }
    }

    /// Keys are awaited, or not any more: the lcores mask by that. What follows the last field's last key, and keys that nobody
    /// sees any more, are masked as carefully as the field's own; only a caller who is silent while keying is to be heard again
    /// where SecureMode goes on without its page.
    fn field(&mut self, now: Instant, id: SessionId, open: bool) {
        let Some(payment) = self.payments.get_mut(&id) else { return };
        let view = payment.session.view();
        let is_gone = view.icon == Icon::Stop && payment.served.rules.is_silent_while_keying();
        let open = open || !is_gone;
        if payment.field_open == open {
            return;
        }
        payment.field_open = open;
        let rules: Rules = payment.served.rules.with_field_open(open);
        let calls: Vec<CallHandle> = view.calls.into_iter().map(|(call, _)| call).collect();
        for call in calls {
            self.command(now, Command::Rule { call, rules }, Asked::Other);
        }
    }

    fn show(&mut self, now: Instant, id: SessionId, view: &payment::View) {
        let Some(payment) = self.payments.get_mut(&id) else { return };
        if payment.icon != view.icon && view.icon == Icon::Stop {
            self.figures.stops += 1;
        }
        payment.icon = view.icon;
        if let Some(payment) = self.payments.get(&id) {
            payment.channel.publish("view", &self.shown(now, payment, view));
        }
    }

    /// A session whose page nobody needs any more is let go.
    fn forget(&mut self, now: Instant, id: SessionId) {
        let is_due = |payment: &Payment| payment.over.is_some_and(|over| now.since(over) >= AFTERGLOW);
        if self.payments.get(&id).is_some_and(is_due) {
            self.let_go(id);
        }
    }

    /// Forgets a session that is over.
    fn let_go(&mut self, id: SessionId) {
        self.over.retain(|over| *over != id);
        if let Some(payment) = self.payments.remove(&id) {
            payment.channel.close();
            if let Some(timer) = payment.timer {
                self.timers.remove(&(timer, id));
            }
            if let Some((_, all)) = self.of_agents.get_mut(&payment.agent.id) {
                *all = all.saturating_sub(1);
                if *all == 0 {
                    self.of_agents.remove(&payment.agent.id);
                }
            }
            self.names.remove(&payment.name);
            self.live.remove(&id);
            self.pairing.withdraw(id);
            for known in self.calls.iter_mut().filter(|known| known.payment == Some(id)) {
                known.payment = None;
            }
        }
    }

    fn command(&mut self, now: Instant, command: Command, asked: Asked) {
        let token = DESK | self.next_number;
        self.next_number += 1;
        self.asked.insert(token, (now, asked));
        self.commands.push_back(Request { token, command });
    }

    fn tenant(&mut self, id: &str) -> TenantId {
        if let Some(tenant) = self.tenants.get(id) {
            return *tenant;
        }
        let tenant = TenantId(u32::try_from(self.tenants.len()).unwrap_or(u32::MAX));
        self.tenants.insert(id.to_owned(), tenant);
        tenant
    }

    /// Sends the pages of these agents' payments away: whoever is still signed in comes again.
    pub(crate) fn send_away(&self, agents: &[i64]) {
        let theirs = self.payments.values().filter(|payment| agents.contains(&payment.agent.id));
        theirs.for_each(|payment| payment.channel.close());
        self.recordings.lines.send_away(agents);
    }

    /// Other tenants from now on. Sessions under way go on as they began.
    pub(crate) fn serve(&mut self, now: Instant, directory: Arc<Directory>) {
        for known in self.calls.iter_mut() {
            known.tenant = directory.of_call(&known.begun).map(|served| served.tenant.id.clone());
        }
        self.directory = directory;
        self.record_all(now);
    }

    /// The tenants.
    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }
}

#[cfg(test)]
mod tests;
