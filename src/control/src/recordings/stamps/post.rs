//! One request to an authority, as RFC 3161 section 3.4 has it: a POST, and its answer. hyper speaks HTTP over a socket that does not wait, and
//! the thread, which has nothing else to do, looks again in a while.

use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use http::header;
use hyper::body::Bytes;
use hyper::rt::ReadBufCursor;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use settings::TimeStamps;

use crate::web::ask::{Failure, exchange};
use crate::web::tls;

/// For all of it, but the look-up of the name.
const PATIENCE: Duration = Duration::from_secs(30);
/// For a connection to one address.
const TO_CONNECT: Duration = Duration::from_secs(10);
/// How often it is looked whether more has come.
const EVERY: Duration = Duration::from_millis(20);
/// The largest answer: a stamp with its certificates has 3 to 8 KB.
const MOST: usize = 64 * 1024;

/// Why there is no stamp.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The request failed.
    Failed(Failure),
    /// The authority answered something else.
    Status(http::StatusCode),
    /// The machine's authorities for HTTPS.
    Tls(tls::TlsError),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoAnswer::Failed(failure) => failure.fmt(f),
            NoAnswer::Status(status) => write!(f, "the authority answers {status}"),
            NoAnswer::Tls(error) => error.fmt(f),
        }
    }
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        NoAnswer::Failed(failure)
    }
}

/// Sends a query, and waits for the answer, until it is late or `stop` is set.
#[allow(clippy::disallowed_methods, reason = "an edge: an authority is waited for in real time")]
pub(super) fn post(to: &TimeStamps, query: &[u8], stop: &AtomicBool) -> Result<Vec<u8>, NoAnswer> {
    let host = &to.endpoint.host;
    let request = request(to, query).map_err(|_| Failure::Name)?;
    let addresses = (host.as_str(), to.endpoint.port).to_socket_addrs().map_err(|_| Failure::Name)?;
    let until = Instant::now() + PATIENCE;
    let mut tcp = Err(Failure::Name);
    for address in addresses {
        if stop.load(Ordering::Acquire) || Instant::now() >= until {
            return Err(Failure::Late.into());
        }
        tcp = TcpStream::connect_timeout(&address, TO_CONNECT).map_err(Failure::Connect);
        if tcp.is_ok() {
            break;
        }
    }
    let tcp = tcp?;
    tcp.set_nonblocking(true).map_err(Failure::Connect)?;
    let duplex: Box<dyn Duplex> = if to.is_https {
        let trusted = tls::public_client().map_err(NoAnswer::Tls)?;
        let name = ServerName::try_from(host.clone()).map_err(|_| Failure::Name)?;
        let session = ClientConnection::new(Arc::clone(&trusted), name).map_err(Failure::Tls)?;
        Box::new(StreamOwned::new(session, tcp))
    } else {
        Box::new(tcp)
    };
    let mut exchange = Box::pin(exchange(Line(duplex), request, MOST));
    loop {
        if let Poll::Ready(answered) = exchange.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            let answer = answered?;
            let is_ok = answer.status == http::StatusCode::OK;
            return if is_ok { Ok(answer.body.to_vec()) } else { Err(NoAnswer::Status(answer.status)) };
        }
        if stop.load(Ordering::Acquire) || Instant::now() >= until {
            return Err(Failure::Late.into());
        }
        thread::sleep(EVERY);
    }
}

fn request(to: &TimeStamps, query: &[u8]) -> http::Result<http::Request<Bytes>> {
    let (host, port) = (&to.endpoint.host, to.endpoint.port);
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let is_usual = port == if to.is_https { 443 } else { 80 };
    let host = if is_usual { host } else { format!("{host}:{port}") };
    let path = if to.endpoint.path.is_empty() { "/" } else { &to.endpoint.path };
    http::Request::post(path)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .header(header::CONTENT_TYPE, "application/timestamp-query")
        .header(header::ACCEPT, "application/timestamp-reply")
        .body(Bytes::copy_from_slice(query))
}

/// Plain or through TLS.
trait Duplex: Read + Write {}

impl<T: Read + Write> Duplex for T {}

/// A socket that does not wait, to hyper.
struct Line(Box<dyn Duplex>);

fn polled<T>(done: io::Result<T>) -> Poll<io::Result<T>> {
    match done {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Poll::Pending,
        done => Poll::Ready(done),
    }
}

impl hyper::rt::Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4_096];
        let most = bytes.len().min(to.remaining());
        polled(self.0.read(&mut bytes[..most])).map_ok(|read| to.put_slice(&bytes[..read]))
    }
}

impl hyper::rt::Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        polled(self.0.write(from))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        polled(self.0.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}
