//! The web over loopback: real TLS clients, a clock that the test moves.

mod asking;
mod crowd;
mod hostile;
mod ordinary;
mod subscribed;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use handover::rings::Ring;
use handover::{Counter, Counters, Instant};
use http::{Method, StatusCode};
use mio::{Events, Poll, Token};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::*;
pub(super) use crate::tests::{Directory, eventually};

const WAKER: Token = Token(0);
const DOOR: Token = Token(1);
const FIRST: usize = 2;

/// What a test does to the state, in the loop.
type Errand = Box<dyn FnOnce(&mut Room, Instant) + Send>;

/// The state of the tests.
pub(crate) struct Room {
    channel: Channel,
    pub(crate) orders: Vec<Order<Room>>,
    errands: Ring<Errand>,
    hellos: u32,
}

impl State for Room {
    fn turn(&mut self, now: Instant) -> Vec<Order<Self>> {
        while let Some(errand) = self.errands.pop() {
            errand(self, now);
        }
        std::mem::take(&mut self.orders)
    }
}

fn hello(_: &Request, room: &mut Room, _: Instant) -> Reply<Room> {
    room.hellos += 1;
    Response::text(StatusCode::OK, format!("hello {}\n", room.hellos)).into()
}

fn echo(request: &Request, _: &mut Room, _: Instant) -> Reply<Room> {
    Response::new(StatusCode::OK, "application/octet-stream", request.body.clone()).into()
}

fn named(request: &Request, _: &mut Room, _: Instant) -> Reply<Room> {
    Response::text(StatusCode::OK, request.param("name").unwrap_or("nobody")).into()
}

#[allow(clippy::panic, reason = "it is what the test is about")]
fn panics(_: &Request, _: &mut Room, _: Instant) -> Reply<Room> {
    panic!("the test's own panic")
}

fn large(_: &Request, _: &mut Room, _: Instant) -> Reply<Room> {
    Response::new(StatusCode::OK, "application/octet-stream", vec![b'x'; 32 << 20]).into()
}

fn subscribe(request: &Request, room: &mut Room, _: Instant) -> Reply<Room> {
    match room.channel.subscribe(request.last_event_id()) {
        Ok(subscription) => Response::events(subscription),
        Err(_) => Response::text(StatusCode::SERVICE_UNAVAILABLE, "too many\n"),
    }
    .into()
}

/// Work that waits as many milliseconds as its path says.
fn work(request: &Request, _: &mut Room, _: Instant) -> Reply<Room> {
    let millis = request.param("millis").and_then(|millis| millis.parse().ok());
    Reply::Later(Work::new(
        move || {
            let span = Duration::from_millis(millis.expect("a number, or the test's own panic"));
            let gate = std::sync::Mutex::new(());
            let held = gate.lock().expect("nobody else has it");
            let _ = std::sync::Condvar::new().wait_timeout(held, span);
            span
        },
        |span, room: &mut Room, _| {
            room.hellos += 100;
            Response::text(StatusCode::OK, format!("worked {} ms, {}\n", span.as_millis(), room.hellos))
        },
    ))
}

fn routes() -> Routes<Room> {
    Routes::new([
        Route(Method::GET, "/hello", hello as Handler<Room>),
        Route(Method::POST, "/echo", echo),
        Route(Method::GET, "/named/{name}", named),
        Route(Method::GET, "/panic", panics),
        Route(Method::GET, "/large", large),
        Route(Method::GET, "/events", subscribe),
        Route(Method::GET, "/later/{millis}", work),
    ])
    .expect("they go together")
}

/// A certificate of `localhost` and 127.0.0.1 in files of its own.
pub(crate) fn certify(directory: &Directory, name: &str) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
    let paths = (directory.path(&format!("{name}.pem")), directory.path(&format!("{name}.key")));
    std::fs::write(&paths.0, certificate.pem()).expect("written");
    std::fs::write(&paths.1, key.serialize_pem()).expect("written");
    paths
}

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A loop with one door, until dropped.
pub(crate) struct House {
    directory: Directory,
    address: SocketAddr,
    certificate: PathBuf,
    identity: Identity,
    counters: Counters,
    errands: Ring<Errand>,
    connections: Arc<AtomicUsize>,
    millis: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(WebLimits::default())
    }

    fn with(limits: WebLimits) -> Self {
        let directory = Directory::new();
        let (certificate, key) = certify(&directory, "box");
        let identity = Identity::load(certificate.clone(), key).expect("both are right");
        let listener = StdListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut door = Door::new(listener, Some(identity.clone()), routes()).expect("a door");
        let mut house = House {
            directory,
            address,
            certificate,
            identity,
            counters: Counters::default(),
            errands: Ring::new(1024),
            connections: Arc::default(),
            millis: Arc::new(AtomicU64::new(1_000)),
            stop: Arc::default(),
            thread: None,
        };
        let (counters, errands) = (house.counters.clone(), house.errands.clone());
        let (connections, millis) = (Arc::clone(&house.connections), Arc::clone(&house.millis));
        let stop = Arc::clone(&house.stop);
        house.thread = Some(std::thread::spawn(move || {
            let mut poll = Poll::new().expect("a poll");
            door.register(poll.registry(), DOOR).expect("registered");
            let doors = [door];
            let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER).expect("a waker"));
            let mut web = Web::new(1, limits, counters, &waker).expect("threads");
            let channel = Channel::new(ChannelLimits { subscribers: 10_000, ..ChannelLimits::default() }, 7);
            let mut room = Room { channel, orders: Vec::new(), errands, hellos: 0 };
            let (mut events, mut numbers) = (Events::with_capacity(256), FIRST);
            while !stop.load(Ordering::Relaxed) {
                let wait = if web.is_busy() { Duration::ZERO } else { Duration::from_millis(2) };
                match poll.poll(&mut events, Some(wait)) {
                    Err(error) if error.kind() != ErrorKind::Interrupted => return,
                    _ => {}
                }
                for event in &events {
                    match event.token() {
                        WAKER => {}
                        DOOR => web.knock(0),
                        Token(number) => web.event(number),
                    }
                }
                let now = Instant::from_nanos(millis.load(Ordering::Relaxed) * 1_000_000);
                let registry = poll.registry();
                let (state, numbers) = (&mut room, &mut numbers);
                web.turn(&mut World { now, state, doors: &doors, registry, numbers });
                connections.store(web.connections(), Ordering::Relaxed);
            }
        }));
        house
    }

    fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(self.address).expect("somebody listens");
        tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        tcp.set_write_timeout(Some(Duration::from_secs(20))).expect("a socket");
        tcp
    }

    fn client(&self) -> Tls {
        self.client_by(trusting(&self.certificate))
    }

    fn client_by(&self, config: Arc<ClientConfig>) -> Tls {
        let name = ServerName::try_from("localhost").expect("a name");
        StreamOwned::new(ClientConnection::new(config, name).expect("a client"), self.tcp())
    }

    /// Moves the clock on.
    pub(crate) fn pass(&self, span: Duration) {
        self.millis.fetch_add(span.as_millis() as u64, Ordering::Relaxed);
    }

    fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    /// Waits until the counter has the value.
    fn counts(&self, counter: Counter, value: u64) {
        eventually(counter.name(), || self.count(counter) >= value);
        assert_eq!(self.count(counter), value, "{}", counter.name());
    }

    /// Waits until so many connections are left.
    fn holds(&self, connections: usize) {
        eventually("connections", || self.connections.load(Ordering::Relaxed) == connections);
    }

    pub(crate) fn errand(&self, errand: impl FnOnce(&mut Room, Instant) + Send + 'static) {
        assert!(self.errands.push(Box::new(errand)).is_ok(), "room for an errand");
    }

    fn publish(&self, data: &str) {
        let data = data.to_owned();
        self.errand(move |room, _| room.channel.publish("digit", &data));
    }

    fn is_well(&self) -> bool {
        ask(&mut self.client(), "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the loop panicked");
        }
    }
}

/// A client of `address` that trusts `certificate`.
pub(crate) fn client(address: SocketAddr, certificate: &Path) -> Tls {
    let tcp = TcpStream::connect(address).expect("somebody listens");
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(trusting(certificate), name).expect("a client"), tcp)
}

fn trusting(certificate: &Path) -> Arc<ClientConfig> {
    tls::client(certificate).expect("it is a certificate")
}

/// An answer as it came.
#[derive(Debug)]
struct Answered {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answered {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).to_lowercase())
}

fn answer(stream: &mut impl Read) -> io::Result<Answered> {
    let head = head(stream)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split_once("\r\n"));
    let mut body = vec![0; length.map_or(0, |(length, _)| length.parse().expect("a number"))];
    stream.read_exact(&mut body)?;
    Ok(Answered { status, head, body })
}

fn ask(stream: &mut (impl Read + Write), request: &str) -> Answered {
    stream.write_all(request.as_bytes()).expect("sent");
    answer(stream).expect("an answer")
}

fn get(stream: &mut (impl Read + Write), path: &str) -> Answered {
    ask(stream, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// Whether the other side closes without another byte.
fn closes(stream: &mut impl Read) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
