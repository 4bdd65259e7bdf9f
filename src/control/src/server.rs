//! The loop. Each turn empties the press ring first; nothing in it waits but the poll itself.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use handover::{Answer, Command, Counter, Counters, Instant, Request};
use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};

use secret::Vault;

use crate::archive::shelf::Shelf;
use crate::connection::{Connection, Step};
use crate::desk::directory::Directory;
use crate::desk::people::People;
use crate::desk::recordings::Link;
use crate::desk::{Desk, DeskConfig};
use crate::overview::{Metrics, Overview};
use crate::presses::Presses;
use crate::protocol::{Ask, CallLine, CounterLine, ErrorCode, Reply, RingLine, mask_key};
use crate::site::{self, Reread, Site};
use crate::socket::{SocketPath, may_speak};
use crate::store::Store;
use crate::web::{Door, Identity, Web, World};
use crate::{Config, StartError};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// The first door's number; a door is an address that HTTP is served at.
const FIRST_DOOR: usize = 2;
const DOORS_MAX: usize = 2;
/// The first number of a connection. Numbers are never used twice, so that a late event finds nobody.
const FIRST_CONNECTION: usize = FIRST_DOOR + DOORS_MAX;

/// How long the loop sleeps with nothing to do. The lcores do not wake it: that would cost them a system call.
const TICK: Duration = Duration::from_millis(50);
/// The same while keys are being pressed, or SecureMode is in force for a payment.
const LIVE_TICK: Duration = Duration::from_millis(4);
/// The same while the signalling lcore is being asked.
const ASKING_TICK: Duration = Duration::from_millis(1);
/// Connections accepted, and requests of one client answered, before the others have their turn.
const SHARE_OF_TURN: usize = 16;
/// Characters of a Call-ID that are shown. Real ones have fewer than 100.
const CALL_ID_SHOWN: usize = 256;

/// What outlives a panic of the loop.
pub(crate) struct Ground {
    config: Config,
    vault: Vault,
    payments: Option<Payments>,
    poll: Poll,
    listener: UnixListener,
    counters: Counters,
    overview: Arc<Overview>,
    metrics: Metrics,
    doors: Vec<Door<Site>>,
    identity: Option<Identity>,
    waker: Arc<Waker>,
    stop: Arc<AtomicBool>,
    next_connection: usize,
    next_token: u64,
    _path: SocketPath,
}

/// What payments are taken with, over a panic too.
pub(crate) struct Payments {
    desk: DeskConfig,
    reread: Reread,
}

impl Payments {
    pub(crate) fn new(given: crate::Payments, config: &Config, vault: &Vault) -> Result<Self, StartError> {
        let crate::Payments { tenants, secure_mode, wires, brands, store, calls } = given;
        let reread: Reread = Arc::new(move || Directory::new(tenants()?, &secure_mode, &wires));
        let directory = Arc::new(reread().map_err(StartError::Payments)?);
        // Whoever may not use the store hears it now, not when the first agent signs in.
        Store::open(&store).map_err(|error| StartError::Payments(error.to_string()))?;
        let desk = DeskConfig {
            directory,
            brands: Arc::new(brands),
            vault: vault.clone(),
            store,
            lcores: config.lcores.clone(),
            signalling_failed: Arc::clone(&config.signalling_failed),
            calls,
            recordings: config.recordings.clone().map(|ring| Link::new(ring, calls)),
            random: fill_with_random,
        };
        Ok(Payments { desk, reread })
    }
}

/// What nobody can guess; `false` where the kernel gives none.
fn fill_with_random(bytes: &mut [u8]) -> bool {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(many) => filled += many,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// What is listened on.
pub(crate) struct Listeners {
    pub(crate) console: StdListener,
    pub(crate) socket: SocketPath,
    pub(crate) agents: Option<(TcpListener, Identity)>,
    pub(crate) management: Option<TcpListener>,
}

impl Ground {
    pub(crate) fn new(
        mut config: Config,
        vault: Vault,
        payments: Option<Payments>,
        listeners: Listeners,
        counters: Counters,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, StartError> {
        let tables = |error: &dyn core::fmt::Display| StartError::Tables(error.to_string());
        let system = StartError::System;
        let poll = Poll::new().map_err(system)?;
        let mut listener = UnixListener::from_std(listeners.console);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).map_err(system)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(system)?);
        let mut doors = Vec::new();
        let identity = listeners.agents.as_ref().map(|(_, identity)| identity.clone());
        if let Some((listener, identity)) = listeners.agents {
            let routes = site::agents().map_err(|error| tables(&error))?;
            doors.push(Door::new(listener, Some(identity), routes).map_err(system)?);
        }
        if let Some(listener) = listeners.management {
            let routes = site::management().map_err(|error| tables(&error))?;
            doors.push(Door::new(listener, None, routes).map_err(system)?);
        }
        for (number, door) in doors.iter_mut().enumerate() {
            door.register(poll.registry(), Token(FIRST_DOOR + number)).map_err(system)?;
        }
        let threads = std::mem::take(&mut config.counters).into_iter().chain([counters.clone()]).collect();
        let (gauges, lcores) = (std::mem::take(&mut config.gauges), config.lcores.clone());
        let overview = Overview::new(threads, gauges, lcores).recording(config.recorder.take());
        let overview = Arc::new(overview);
        let metrics = Metrics::new(Arc::clone(&overview)).map_err(|error| tables(&error))?;
        Ok(Ground {
            config,
            vault,
            payments,
            poll,
            listener,
            counters,
            overview,
            metrics,
            doors,
            identity,
            waker,
            stop,
            next_connection: FIRST_CONNECTION,
            next_token: 1,
            _path: listeners.socket,
        })
    }

    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Whether somebody waits to be accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accept {
    /// Nobody, until the system says otherwise.
    Nobody,
    /// Perhaps; the next turn tries.
    Now,
    /// Somebody whom the system did not let us accept; the next tick tries.
    Later,
}

/// What a panic of the loop ends.
pub(crate) struct Server<'g> {
    ground: &'g mut Ground,
    connections: BTreeMap<usize, Connection>,
    /// The connections of the requests that the signalling lcore is asked, by token.
    asked: BTreeMap<u64, usize>,
    /// Connections that used up their share of the turn.
    again: Vec<usize>,
    accept: Accept,
    presses: Presses,
    site: Site,
    web: Web<Site>,
    #[cfg(feature = "test-hooks")]
    ordered: Option<crate::protocol::ControlAction>,
}

impl<'g> Server<'g> {
    /// On the thread of the loop.
    pub(crate) fn new(ground: &'g mut Ground) -> io::Result<Self> {
        let (calls, vault, counters) = (ground.config.limits.calls, &ground.vault, &ground.counters);
        let presses = Presses::new(calls, vault.clone(), counters.clone());
        let mut site =
            Site::new(Arc::clone(&ground.overview), ground.metrics.clone(), ground.identity.clone());
        if let Some(Payments { desk, reread }) = &ground.payments {
            let panics = ground.overview.sum(Counter::LcorePanics);
            let (now, people) = ((ground.config.clock)(), People::new(desk.store.clone()));
            site = site.with_desk(Desk::new(now, desk.clone(), panics), people, Arc::clone(reread));
        }
        site.shelf = ground.config.archive.clone().map(|config| Arc::new(Shelf::new(config)));
        let web = Web::new(ground.doors.len(), ground.config.web, ground.counters.clone(), &ground.waker)?;
        Ok(Server {
            ground,
            connections: BTreeMap::new(),
            asked: BTreeMap::new(),
            again: Vec::new(),
            accept: Accept::Now,
            presses,
            site,
            web,
            #[cfg(feature = "test-hooks")]
            ordered: None,
        })
    }

    /// Serves until it is told to stop.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        while !self.ground.is_stopped() {
            let timeout = if self.accept == Accept::Now || !self.again.is_empty() || self.web.is_busy() {
                Duration::ZERO
            } else if !self.asked.is_empty() {
                ASKING_TICK
            } else if self.presses.is_active() || self.site.desk.as_ref().is_some_and(Desk::is_live) {
                LIVE_TICK
            } else {
                TICK
            };
            match self.ground.poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = (self.ground.config.clock)();
            self.take_call_events(now);
            self.take_presses(now);
            self.take_answers(now);
            for number in std::mem::take(&mut self.again) {
                self.serve(now, number);
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept = Accept::Now,
                    WAKER => {}
                    Token(door) if door < FIRST_CONNECTION => self.web.knock(door - FIRST_DOOR),
                    Token(number) if self.connections.contains_key(&number) => self.serve(now, number),
                    Token(number) => self.web.event(number),
                }
            }
            if self.accept != Accept::Nobody {
                self.accept(now);
            }
            self.expire(now);
            self.serve_web(now);
            self.give_commands();
            #[cfg(feature = "test-hooks")]
            self.misbehave();
        }
        Ok(())
    }

    /// Calls first: a press is of a call that has begun.
    fn take_call_events(&mut self, now: Instant) {
        let events = &self.ground.config.events;
        for _ in 0..events.capacity() {
            let Some(event) = events.pop() else { return };
            if let Some(desk) = &mut self.site.desk {
                desk.call_event(now, event);
            }
        }
    }

    fn take_presses(&mut self, now: Instant) {
        let (ring, pad) = (&self.ground.config.presses, &self.ground.config.pad);
        let desk = &mut self.site.desk;
        self.presses.empty(now, ring, pad, &mut |call, side, digit| {
            if let Some(desk) = desk {
                desk.press(now, call, side, digit);
            }
        });
    }

    /// What the desk wants of the signalling lcore; what its ring has no room for waits for the next turn.
    fn give_commands(&mut self) {
        let Some(desk) = &mut self.site.desk else { return };
        while let Some(request) = desk.commands().pop_front() {
            if let Err(request) = self.ground.config.requests.push(request) {
                desk.commands().push_front(request);
                return;
            }
        }
    }

    fn serve_web(&mut self, now: Instant) {
        self.site.presses = self.presses.totals();
        let Ground { poll, doors, next_connection, .. } = &mut *self.ground;
        self.web.turn(&mut World {
            now,
            state: &mut self.site,
            doors,
            registry: poll.registry(),
            numbers: next_connection,
        });
        self.ground.overview.connected(self.web.connections());
        if let (Some(desk), Some(payments)) = (&self.site.desk, &mut self.ground.payments)
            && !Arc::ptr_eq(desk.directory(), &payments.desk.directory)
        {
            payments.desk.directory = Arc::clone(desk.directory());
        }
        for (token, result) in self.site.take_reloaded() {
            let Some(number) = self.asked.remove(&token) else { continue };
            let reply = match result {
                Ok(()) => Reply::Done {},
                Err(message) => Reply::error(ErrorCode::NotReloaded, message),
            };
            if let Some(connection) = self.connections.get_mut(&number) {
                connection.answer(now, &reply);
                self.serve(now, number);
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..SHARE_OF_TURN {
            match self.ground.listener.accept() {
                Ok((stream, _)) => self.welcome(now, stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.accept = Accept::Nobody;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.accept = Accept::Later;
                    return;
                }
            }
        }
        self.accept = Accept::Now;
    }

    fn welcome(&mut self, now: Instant, mut stream: UnixStream) {
        if !may_speak(&stream) {
            self.ground.counters.count(Counter::ConsoleRefused);
            let reply = Reply::error(ErrorCode::Forbidden, "only the socket's owner and root may ask");
            if let Ok(line) = serde_json::to_vec(&reply) {
                // A socket that cannot take one short line at once is no loss.
                let _ = stream.write(&[line.as_slice(), b"\n"].concat());
            }
            return;
        }
        while self.connections.len() >= self.ground.config.limits.connections.max(1) {
            // Idle ones first, of those the one that has been longest.
            let rank = |(_, other): &(&usize, &Connection)| (!other.is_idle(), other.since);
            let Some(number) = self.connections.iter().min_by_key(rank).map(|(number, _)| *number) else {
                break;
            };
            self.refuse(number);
        }
        let number = self.ground.next_connection;
        self.ground.next_connection += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.ground.poll.registry().register(&mut stream, Token(number), interest).is_ok() {
            self.connections.insert(number, Connection::new(stream, now));
        }
    }

    /// Closes a connection that costs too much.
    fn refuse(&mut self, number: usize) {
        self.ground.counters.count(Counter::ConsoleRefused);
        self.close(number);
    }

    fn close(&mut self, number: usize) {
        // Dropping the stream closes it, and with that its registration ends.
        if let Some((token, _)) = self.connections.remove(&number).and_then(|connection| connection.asked) {
            self.asked.remove(&token);
        }
    }

    /// Sends and reads what can be without waiting, and answers.
    fn serve(&mut self, now: Instant, number: usize) {
        for _ in 0..SHARE_OF_TURN {
            let Some(connection) = self.connections.get_mut(&number) else { return };
            match connection.step(now, self.ground.config.limits.line) {
                Step::Wait => return,
                Step::Close => return self.close(number),
                Step::TooLong => {
                    let most = self.ground.config.limits.line;
                    let message = format!("a request has at most {most} bytes");
                    connection.answer(now, &Reply::error(ErrorCode::TooLong, message));
                    connection.close_after_answer();
                    self.ground.counters.count(Counter::ConsoleRefused);
                }
                Step::Request(line) => {
                    if let Some(reply) = self.request(now, number, &line)
                        && let Some(connection) = self.connections.get_mut(&number)
                    {
                        connection.answer(now, &reply);
                    }
                }
            }
        }
        self.again.push(number);
    }

    /// The answer to a request, or none yet where the signalling lcore has to be asked.
    fn request(&mut self, now: Instant, number: usize, line: &[u8]) -> Option<Reply> {
        let ask = match serde_json::from_slice(line) {
            Ok(ask) => ask,
            Err(error) => {
                return Some(Reply::error(ErrorCode::NotUnderstood, format!("no request: {error}")));
            }
        };
        let command = match ask {
            Ask::Stats {} => return Some(self.stats()),
            Ask::Reload {} => {
                let token = self.token(now, number);
                self.site.reload(token);
                return None;
            }
            Ask::Calls {} => Command::Calls,
            Ask::Release { call_id, forced } => Command::Release { call_id: call_id.into_bytes(), forced },
            Ask::Secure { call_id, mask_key: None } => {
                Command::Secure { call_id: call_id.into_bytes(), mask_key: None }
            }
            Ask::Secure { call_id, mask_key: Some(key) } => match mask_key(key) {
                Some(key) => Command::Secure { call_id: call_id.into_bytes(), mask_key: Some(key) },
                None => {
                    return Some(Reply::error(ErrorCode::NotUnderstood, "mask_key is \"#\", \"0\" or \"1\""));
                }
            },
            #[cfg(feature = "test-hooks")]
            Ask::Hook { lcore, action } => return Some(self.hook(lcore, action)),
            #[cfg(feature = "test-hooks")]
            Ask::HookControl { action } => {
                self.ordered = Some(action);
                return Some(Reply::Done {});
            }
        };
        let token = self.token(now, number);
        if self.ground.config.requests.push(Request { token, command }).is_err() {
            self.asked.remove(&token);
            return Some(Reply::from(handover::Refusal::Busy));
        }
        None
    }

    /// A number by which the answer to a connection's request is known when it comes.
    fn token(&mut self, now: Instant, number: usize) -> u64 {
        let token = self.ground.next_token;
        self.ground.next_token += 1;
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.asked = Some((token, now));
            self.asked.insert(token, number);
        }
        token
    }

    #[cfg(feature = "test-hooks")]
    fn hook(&self, lcore: usize, action: crate::protocol::HookAction) -> Reply {
        use crate::hooks::{PANIC, RESUME, STALL};
        use crate::protocol::HookAction;
        let Some(hook) = self.ground.config.hooks.get(lcore) else {
            let many = self.ground.config.hooks.len();
            return Reply::error(ErrorCode::NoSuchLcore, format!("there are {many} lcores, numbered from 0"));
        };
        let value = match action {
            HookAction::Stall => STALL,
            HookAction::Panic => PANIC,
            HookAction::Resume => RESUME,
        };
        hook.store(value, Ordering::Release);
        Reply::Done {}
    }

    /// Does what a test has ordered of the control core, which has answered it by now.
    #[cfg(feature = "test-hooks")]
    #[allow(clippy::panic, clippy::disallowed_methods, reason = "it is what the hook is for")]
    fn misbehave(&mut self) {
        use crate::protocol::ControlAction;
        match self.ordered.take() {
            None => {}
            Some(ControlAction::Panic) => panic!("ordered by a test"),
            Some(ControlAction::Stall(millis)) => std::thread::sleep(Duration::from_millis(millis)),
        }
    }

    fn stats(&self) -> Reply {
        let overview = &self.ground.overview;
        let counter = |&counter: &Counter| CounterLine {
            name: counter.name().to_owned(),
            value: overview.sum(counter),
            help: counter.help().to_owned(),
        };
        let ring = |(name, depth, capacity): (&str, usize, usize)| RingLine {
            name: name.to_owned(),
            depth,
            capacity,
        };
        Reply::Stats {
            counters: Counter::ALL.iter().map(counter).collect(),
            rings: overview.rings().map(ring).collect(),
        }
    }

    fn take_answers(&mut self, now: Instant) {
        // No more than were there at the beginning: the ring's other end may be fast.
        for _ in 0..self.ground.config.answers.capacity() {
            let Some((token, answer)) = self.ground.config.answers.pop() else { return };
            if Desk::is_own(token) {
                if let Some(desk) = &mut self.site.desk {
                    desk.answered(now, token, &answer);
                }
                continue;
            }
            let Some(number) = self.asked.remove(&token) else { continue };
            let reply = self.reply(now, answer);
            if let Some(connection) = self.connections.get_mut(&number) {
                connection.answer(now, &reply);
                self.serve(now, number);
            }
        }
    }

    fn reply(&self, now: Instant, answer: Answer) -> Reply {
        let (calls, more) = match answer {
            Answer::Done { .. } => return Reply::Done {},
            Answer::Refused(refusal) => return refusal.into(),
            Answer::Calls { calls, more } => (calls, more),
        };
        let line = |call: handover::CallSummary| CallLine {
            call_ids: call.call_ids.iter().map(|call_id| shown(call_id)).collect(),
            age_s: now.since(call.since).as_secs(),
            legs: call.legs,
            flows: call.flows,
            answered: call.answered,
            secured: call.secured.map(|key| char::from(key.ascii())),
            unmaskable: call.unmaskable,
            presses: self.presses.counts(call.call),
        };
        Reply::Calls { calls: calls.into_iter().map(line).collect(), more }
    }

    fn expire(&mut self, now: Instant) {
        let limits = self.ground.config.limits;
        let late = |since: Instant, patience: Duration| now.since(since) >= patience;
        let unanswered: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.asked.is_some_and(|(_, since)| late(since, limits.answer)))
            .map(|(number, _)| *number)
            .collect();
        for number in unanswered {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            if let Some((token, _)) = connection.asked {
                self.asked.remove(&token);
            }
            let message =
                "the signalling lcore does not answer; see lcores_lost and lcore_panics in `keyhush stats`";
            connection.answer(now, &Reply::error(ErrorCode::NoAnswer, message));
            self.serve(now, number);
        }
        let slow: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.asked.is_none() && late(connection.since, limits.patience))
            .map(|(number, _)| *number)
            .collect();
        for number in slow {
            self.refuse(number);
        }
    }
}

/// A Call-ID as it is shown.
fn shown(call_id: &str) -> String {
    match call_id.char_indices().nth(CALL_ID_SHOWN) {
        Some((end, _)) => format!("{}…", &call_id[..end]),
        None => call_id.to_owned(),
    }
}
