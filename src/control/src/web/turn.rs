//! One turn of the loop: answers of the pool, connections that are ready, new ones, deadlines, and what the state wants.
//! Each has a share of the turn, so that none keeps the others waiting.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use handover::{Counter, Counters, Instant};
use http::StatusCode;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ServerConnection;

use super::ask::{Answer, Ask, AskError, Call, Failure, Progress};
use super::deadlines::Deadlines;
use super::desk::{Arrived, Unread};
use super::limits::{Reason, WebLimits};
use super::message::{Request, Response};
use super::origin::{may_ask, names_its_host};
use super::pool::Pool;
use super::ready::Ready;
use super::routes::{Reply, Then, Work};
use super::stream::Stream;
use super::talk::{Phase, Polled, Talk};
use super::{Door, Order, State};

/// Connections that are polled in a turn. A turn costs little itself, and whoever has just asked waits for the end of it: many short ones
/// serve as many as few long ones.
const POLLS: usize = 32;
/// Of those, such as are still in their handshake: it costs a hundred times a request.
const HANDSHAKES: usize = 1;
/// Connections that are accepted in a turn at one address.
const ACCEPTS: usize = 4;
/// Requests of one connection that are answered in a turn; browsers send one at a time.
const PIPELINED: usize = 2;

/// Whether somebody waits to be accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Nobody, until the system says otherwise.
    Nobody,
    /// Perhaps; the next turn tries.
    Now,
    /// Somebody whom the system did not let us accept; the next tick tries.
    Later,
}

/// What a turn works with.
pub(crate) struct World<'w, S> {
    pub(crate) now: Instant,
    pub(crate) state: &'w mut S,
    pub(crate) doors: &'w [Door<S>],
    pub(crate) registry: &'w Registry,
    /// The next number of a connection.
    pub(crate) numbers: &'w mut usize,
}

impl<S> World<'_, S> {
    fn number(&mut self) -> usize {
        *self.numbers += 1;
        *self.numbers - 1
    }
}

/// What the pool gives back.
enum Done<S> {
    /// Work was done for a request, or for nobody.
    Work(Option<(usize, u64)>, Then<S>),
    /// Work panicked.
    Failed(Option<(usize, u64)>),
    /// A host was looked up for a request of ours.
    Names(usize, Vec<SocketAddr>),
}

/// All connections, both ways.
pub(crate) struct Web<S: 'static> {
    limits: WebLimits,
    counters: Counters,
    talks: HashMap<usize, Talk>,
    calls: HashMap<usize, Call<S>>,
    waiting: Vec<Waiting>,
    by_address: HashMap<IpAddr, usize>,
    idle: BTreeSet<(Instant, usize)>,
    idle_since: HashMap<usize, Instant>,
    ready: Arc<Ready>,
    deadlines: Deadlines,
    beats: Deadlines,
    pool: Pool<Done<S>>,
    /// Look-ups of names, which may take long where a resolver is dead, keep nothing else waiting.
    names: Pool<Done<S>>,
}

impl<S: State> Web<S> {
    /// For the loop of the calling thread, which sleeps in the poll of `waker`.
    ///
    /// # Errors
    /// The system's own where there are no threads to be had.
    pub(crate) fn new(
        doors: usize,
        limits: WebLimits,
        counters: Counters,
        waker: &Arc<mio::Waker>,
    ) -> io::Result<Self> {
        Ok(Web {
            limits,
            counters,
            talks: HashMap::new(),
            calls: HashMap::new(),
            waiting: vec![Waiting::Now; doors],
            by_address: HashMap::new(),
            idle: BTreeSet::new(),
            idle_since: HashMap::new(),
            ready: Ready::new(Arc::clone(waker)),
            deadlines: Deadlines::default(),
            beats: Deadlines::default(),
            pool: Pool::new(limits.threads, limits.works, Arc::clone(waker))?,
            names: Pool::new(limits.threads, limits.outgoing, Arc::clone(waker))?,
        })
    }

    /// Somebody may wait at a door.
    pub(crate) fn knock(&mut self, door: usize) {
        if let Some(waiting) = self.waiting.get_mut(door) {
            *waiting = Waiting::Now;
        }
    }

    /// The system has something to say of a connection.
    pub(crate) fn event(&mut self, number: usize) {
        self.ready.push(number);
    }

    /// Whether the next turn has something to do already.
    pub(crate) fn is_busy(&self) -> bool {
        self.ready.len() > 0 || self.waiting.contains(&Waiting::Now)
    }

    /// One turn.
    pub(crate) fn turn(&mut self, world: &mut World<'_, S>) {
        self.take_done(world);
        self.poll_ready(world);
        for door in 0..self.waiting.len() {
            if self.waiting[door] != Waiting::Nobody {
                self.waiting[door] = self.accept(door, world);
            }
        }
        while let Some(number) = self.beats.expired(world.now) {
            if self.talks.get(&number).is_some_and(Talk::beat) {
                self.beats.set(number, world.now + self.limits.beat);
            }
        }
        while let Some(number) = self.deadlines.expired(world.now) {
            self.expire(number, world);
        }
        for order in world.state.turn(world.now) {
            match order {
                Order::Work(work) => {
                    self.put_off(None, work);
                }
                Order::Ask(ask) => self.ask(*ask, world),
            }
        }
    }

    fn count(&self, reason: Reason) {
        self.counters.count(reason.counter());
    }

    fn poll_ready(&mut self, world: &mut World<'_, S>) {
        let mut handshakes = 0;
        let mut later = Vec::new();
        // No more than waited at the beginning: who is answered may be ready again at once.
        for _ in 0..self.ready.len().min(POLLS) {
            let Some(number) = self.ready.pop() else { break };
            if self.calls.contains_key(&number) {
                self.go_on(number, world);
            } else if let Some(talk) = self.talks.get(&number) {
                if talk.stream.is_handshaking() {
                    handshakes += 1;
                    if handshakes > HANDSHAKES {
                        later.push(number);
                        continue;
                    }
                }
                self.serve(number, world);
            }
        }
        later.into_iter().for_each(|number| self.ready.push(number));
    }

    fn accept(&mut self, door: usize, world: &mut World<'_, S>) -> Waiting {
        let Some(Door { listener, .. }) = world.doors.get(door) else { return Waiting::Nobody };
        for _ in 0..ACCEPTS {
            match listener.accept() {
                Ok((tcp, from)) => self.welcome(door, tcp, from.ip().to_canonical(), world),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Waiting::Nobody,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Waiting::Later,
            }
        }
        Waiting::Now
    }

    fn welcome(&mut self, door: usize, mut tcp: TcpStream, address: IpAddr, world: &mut World<'_, S>) {
        let network = network(address);
        if self.by_address.get(&network).is_some_and(|many| *many >= self.limits.per_address) {
            return self.count(Reason::Address);
        }
        if self.talks.len() >= self.limits.connections {
            self.count(Reason::Connections);
            let Some((_, idle)) = self.idle.first().copied() else { return };
            self.close(idle);
        }
        let identity = world.doors.get(door).and_then(|door| door.identity.as_ref());
        let tls = match identity.map(|identity| ServerConnection::new(identity.current())) {
            Some(Err(_)) => return self.count(Reason::Tls),
            Some(Ok(tls)) => Some(tls.into()),
            None => None,
        };
        let number = world.number();
        let _ = tcp.set_nodelay(true);
        // A client that has vanished is noticed by what it does not acknowledge.
        let unheard = u32::try_from(self.limits.answer.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&tcp, unheard);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if world.registry.register(&mut tcp, Token(number), interest).is_err() {
            return;
        }
        self.counters.count(Counter::WebConnections);
        *self.by_address.entry(network).or_default() += 1;
        let stream = Stream::accepted(tcp, tls);
        let talk = Talk::new(stream, door, address, self.ready.waker(number), &self.limits);
        self.talks.insert(number, talk);
        self.ready.push(number);
        self.settle(number, world.now);
    }

    fn serve(&mut self, number: usize, world: &mut World<'_, S>) {
        for _ in 0..PIPELINED {
            let Some(talk) = self.talks.get_mut(&number) else { return };
            match catch_unwind(AssertUnwindSafe(|| talk.poll())) {
                Ok(Polled::Waits) => return self.settle(number, world.now),
                Ok(Polled::Closed) => return self.close(number),
                Ok(Polled::Drains) => return self.ready.push(number),
                Ok(Polled::Over(reason)) => {
                    if let Some(reason) = reason {
                        self.count(reason);
                    }
                    // What was sent is read before we are gone; the next poll shuts our side.
                    self.ready.push(number);
                    return self.settle(number, world.now);
                }
                Ok(Polled::Asked(arrived)) => self.answer(number, *arrived, world),
                Err(_) => {
                    self.count(Reason::Panic);
                    return self.close(number);
                }
            }
        }
        self.ready.push(number);
        self.settle(number, world.now);
    }

    fn answer(&mut self, number: usize, arrived: Arrived, world: &mut World<'_, S>) {
        self.counters.count(Counter::WebRequests);
        let Some(talk) = self.talks.get(&number) else { return };
        let (address, request) = (talk.address, talk.request());
        let Some(door) = world.doors.get(talk.door) else { return };
        match self.reply(arrived, address, door, world.state, world.now) {
            Reply::Now(response) => self.lay_down(number, response, world.doors),
            Reply::Later(work) => {
                if !self.put_off(Some((number, request)), work) {
                    let busy =
                        Response::text(StatusCode::SERVICE_UNAVAILABLE, "too much to do; come again\n");
                    self.lay_down(number, busy, world.doors);
                }
            }
        }
    }

    /// What becomes of a request. A panic costs this request alone.
    fn reply(
        &self,
        Arrived { parts, body }: Arrived,
        address: IpAddr,
        door: &Door<S>,
        state: &mut S,
        now: Instant,
    ) -> Reply<S> {
        let refuse = |reason: Reason, status: StatusCode, text: &str| {
            self.count(reason);
            Reply::Now(Response::text(status, text))
        };
        let body = match body {
            Ok(body) => body,
            Err(Unread::TooLarge | Unread::Broken) => {
                self.count(Reason::BodyTooLarge);
                let most = format!("a body has at most {} bytes\n", self.limits.body_bytes);
                return Reply::Now(Response::text(StatusCode::PAYLOAD_TOO_LARGE, most).closing());
            }
        };
        if !names_its_host(parts.version, &parts.headers) {
            return refuse(Reason::NotHttp, StatusCode::BAD_REQUEST, "name one host\n");
        }
        let scheme = if door.identity.is_some() { "https" } else { "http" };
        if !may_ask(&parts.method, &parts.headers, scheme) {
            return refuse(
                Reason::CrossOrigin,
                StatusCode::FORBIDDEN,
                "a page of another origin may not ask this\n",
            );
        }
        let found = match door.routes.find(&parts.method, parts.uri.path()) {
            Ok(found) => found,
            Err(response) => {
                self.count(Reason::NotFound);
                return Reply::Now(*response);
            }
        };
        let request = Request { parts, params: found.params, body, address };
        match catch_unwind(AssertUnwindSafe(|| (found.handler)(&request, state, now))) {
            Ok(reply) => reply,
            Err(_) => refuse(Reason::Panic, StatusCode::INTERNAL_SERVER_ERROR, "a fault of ours\n"),
        }
    }

    fn lay_down(&mut self, number: usize, response: Response, doors: &[Door<S>]) {
        if let Some(talk) = self.talks.get_mut(&number) {
            let secure = doors.get(talk.door).is_some_and(|door| door.identity.is_some());
            talk.answer(response, secure);
        }
    }

    /// Gives work to the pool; `to` is the request that it is for. False where there is no room.
    fn put_off(&mut self, to: Option<(usize, u64)>, Work(work): Work<S>) -> bool {
        // The last quarter is the state's own: clients cannot keep it from being done.
        let has_room = to.is_none() || self.pool.out() < self.limits.works - self.limits.works / 4;
        let taken = has_room && self.pool.submit(move || Done::Work(to, work()), Done::Failed(to));
        if !taken {
            self.count(Reason::Work);
        }
        taken
    }

    fn take_done(&mut self, world: &mut World<'_, S>) {
        // No more than there can be at a time.
        for _ in 0..self.limits.works + self.limits.outgoing {
            let Some(done) = self.pool.take().or_else(|| self.names.take()) else { return };
            let fault = || Response::text(StatusCode::INTERNAL_SERVER_ERROR, "a fault of ours\n");
            let (to, response) = match done {
                Done::Names(number, addresses) => {
                    if let Some(call) = self.calls.get_mut(&number) {
                        call.found(addresses);
                        self.connect(number, world);
                    }
                    continue;
                }
                Done::Work(to, then) => {
                    let (state, now) = (&mut *world.state, world.now);
                    let response = catch_unwind(AssertUnwindSafe(|| then(state, now)));
                    (to, response.ok())
                }
                Done::Failed(to) => (to, None),
            };
            if response.is_none() {
                self.count(Reason::Panic);
            }
            let Some((number, request)) = to else { continue };
            // The client may have gone, or have been told to come again.
            if self.talks.get(&number).is_some_and(|talk| talk.awaits(request)) {
                self.lay_down(number, response.unwrap_or_else(fault), world.doors);
                self.ready.push(number);
            }
        }
    }

    /// Sets the deadline of the phase that a connection is in, when it is a new one.
    fn settle(&mut self, number: usize, now: Instant) {
        let Some(talk) = self.talks.get_mut(&number) else { return };
        let (phase, request) = talk.phase();
        if matches!(phase, Phase::Events | Phase::Stalled | Phase::Idle) && talk.stream.has_ended() {
            // A page that was left, or a client that has had its answer and asks nothing more.
            return self.close(number);
        }
        if talk.is_dropped() {
            self.count(Reason::SlowSubscriber);
            return self.close(number);
        }
        if talk.set == Some((phase, request)) {
            return;
        }
        let before = talk.set.replace((phase, request)).map(|(phase, _)| phase);
        match phase.span(&self.limits) {
            Some(span) => self.deadlines.set(number, now + span),
            None => self.deadlines.clear(number),
        }
        if phase == Phase::Events && before != Some(Phase::Stalled) {
            self.beats.set(number, now + self.limits.beat);
        }
        self.not_idle(number);
        if phase == Phase::Idle {
            self.idle.insert((now, number));
            self.idle_since.insert(number, now);
        }
    }

    fn not_idle(&mut self, number: usize) {
        if let Some(since) = self.idle_since.remove(&number) {
            self.idle.remove(&(since, number));
        }
    }

    fn expire(&mut self, number: usize, world: &mut World<'_, S>) {
        if let Some(call) = self.calls.get(&number) {
            let late = call.late();
            return self.end_call(number, Err(late), world);
        }
        let Some(phase) = self.talks.get(&number).and_then(|talk| talk.set).map(|(phase, _)| phase) else {
            return;
        };
        if let Some(reason) = phase.reason() {
            self.count(reason);
        }
        if phase == Phase::Work {
            let late = Response::text(StatusCode::SERVICE_UNAVAILABLE, "it takes too long; come again\n");
            self.lay_down(number, late, world.doors);
            return self.ready.push(number);
        }
        self.close(number);
    }

    /// Forgets a connection, and with it closes its socket.
    fn close(&mut self, number: usize) {
        let Some(talk) = self.talks.remove(&number) else { return };
        talk.stream.finish();
        self.deadlines.clear(number);
        self.beats.clear(number);
        self.not_idle(number);
        let network = network(talk.address);
        if let Some(many) = self.by_address.get_mut(&network) {
            *many -= 1;
            if *many == 0 {
                self.by_address.remove(&network);
            }
        }
    }

    fn ask(&mut self, ask: Ask<S>, world: &mut World<'_, S>) {
        let number = world.number();
        let (host, port, patience) = (ask.host.clone(), ask.port, ask.patience);
        if self.calls.len() >= self.limits.outgoing {
            return self.tell(ask.then, Err(AskError { failure: Failure::Busy, sent: false }), world);
        }
        match Call::new(ask, self.ready.waker(number), self.limits.answer_bytes) {
            Ok(call) => self.calls.insert(number, call),
            Err((then, error)) => return self.tell(then, Err(error), world),
        };
        self.deadlines.set(number, world.now + patience);
        if let Ok(address) = host.parse::<IpAddr>() {
            if let Some(call) = self.calls.get_mut(&number) {
                call.found(vec![SocketAddr::new(address, port)]);
            }
            return self.connect(number, world);
        }
        let look_up = move || {
            let found = (host.as_str(), port).to_socket_addrs();
            Done::Names(number, found.map(Iterator::collect).unwrap_or_default())
        };
        if !self.names.submit(look_up, Done::Names(number, Vec::new())) {
            self.end_call(number, Err(AskError { failure: Failure::Busy, sent: false }), world);
        }
    }

    fn connect(&mut self, number: usize, world: &mut World<'_, S>) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        match call.connect() {
            Ok(stream) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registered =
                    stream.with_socket(|tcp| world.registry.register(tcp, Token(number), interest));
                match registered {
                    Ok(()) => self.ready.push(number),
                    Err(error) => {
                        let error = AskError { failure: Failure::Connect(error), sent: false };
                        self.end_call(number, Err(error), world);
                    }
                }
            }
            Err(error) => self.end_call(number, Err(error), world),
        }
    }

    fn go_on(&mut self, number: usize, world: &mut World<'_, S>) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        match call.poll() {
            Progress::Waits => {}
            Progress::NextAddress => self.connect(number, world),
            Progress::Over(result) => self.end_call(number, result, world),
        }
    }

    fn end_call(&mut self, number: usize, result: Result<Answer, AskError>, world: &mut World<'_, S>) {
        self.deadlines.clear(number);
        if let Some(call) = self.calls.remove(&number) {
            self.tell(call.close(), result, world);
        }
    }

    fn tell(
        &mut self,
        then: super::ask::AskThen<S>,
        result: Result<Answer, AskError>,
        world: &mut World<'_, S>,
    ) {
        if result.is_err() {
            self.counters.count(Counter::WebAsksFailed);
        }
        let (state, now) = (&mut *world.state, world.now);
        if catch_unwind(AssertUnwindSafe(|| then(result, state, now))).is_err() {
            self.count(Reason::Panic);
        }
    }

    /// Connections of clients.
    pub(crate) fn connections(&self) -> usize {
        self.talks.len()
    }
}

/// What counts as one address: of IPv6 the network that a client chooses its addresses from.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}
