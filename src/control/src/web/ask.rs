//! Requests of ours to others, payment providers above all: one request a connection, which is closed after the answer.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use handover::Instant;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::body::Body;
use super::desk::{Unread, whole};
use super::stream::{Stream, TlsBroken};

/// Header fields of an answer.
const HEADERS: usize = 100;
/// Bytes of an answer's head.
const HEAD_BYTES: usize = 32 * 1024;

/// What is done with the answer.
pub type AskThen<S> = Box<dyn FnOnce(Result<Answer, AskError>, &mut S, Instant)>;

/// A request to somebody else, over TLS.
pub struct Ask<S> {
    /// The host's name, as its certificate has it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom to trust: see [`super::tls::client`].
    pub tls: Arc<ClientConfig>,
    /// The request; its URI is a path. `Host` and `Connection` are added. A body that holds what must not rest is made by
    /// `Bytes::from_owner` of something that wipes itself.
    pub request: http::Request<Bytes>,
    /// How long all of it may take, from the look-up of the name to the end of the answer.
    pub patience: Duration,
    /// What is done with the answer; always called, once.
    pub then: AskThen<S>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct AskError {
    /// What went wrong.
    pub failure: Failure,
    /// Whether any of the request may have reached the other side: if so, nobody knows what came of it.
    pub sent: bool,
}

/// What went wrong.
#[derive(Debug)]
pub enum Failure {
    /// Too many requests are on their way.
    Busy,
    /// The host's name was not found, or is none.
    Name,
    /// No connection came about.
    Connect(io::Error),
    /// The other side is not who it should be, or breaks TLS.
    Tls(rustls::Error),
    /// It took too long.
    Late,
    /// The connection ended, or what came was not HTTP.
    Broken(String),
    /// The answer is larger than it may be.
    TooLarge,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Busy => f.write_str("too many requests are on their way"),
            Failure::Name => f.write_str("the host's name was not found"),
            Failure::Connect(error) => write!(f, "no connection: {error}"),
            Failure::Tls(error) => write!(f, "TLS: {error}"),
            Failure::Late => f.write_str("it took too long"),
            Failure::Broken(why) => write!(f, "the connection broke: {why}"),
            Failure::TooLarge => f.write_str("the answer is too large"),
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)?;
        f.write_str(if self.sent { "; the request may have arrived" } else { "; nothing was sent" })
    }
}

impl core::error::Error for AskError {}

type Exchange = Pin<Box<dyn Future<Output = Result<Answer, Failure>>>>;

/// A request on its way.
pub(crate) struct Call<S> {
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    request: Option<http::Request<Bytes>>,
    then: AskThen<S>,
    addresses: VecDeque<SocketAddr>,
    open: Option<(Stream, Exchange)>,
    waker: Waker,
    answer_bytes: usize,
}

impl<S> Call<S> {
    /// A request whose host is to be looked up, or the failure that its name is none.
    pub(crate) fn new(
        ask: Ask<S>,
        waker: Waker,
        answer_bytes: usize,
    ) -> Result<Self, (AskThen<S>, AskError)> {
        let Ask { host, port, tls, mut request, then, .. } = ask;
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let authority = if port == 443 { authority.trim_end_matches(":443").to_owned() } else { authority };
        let named = (ServerName::try_from(host), HeaderValue::try_from(authority));
        let (Ok(name), Ok(authority)) = named else {
            return Err((then, AskError { failure: Failure::Name, sent: false }));
        };
        request.headers_mut().entry(header::HOST).or_insert(authority);
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        let (request, addresses) = (Some(request), VecDeque::new());
        Ok(Call { name, tls, request, then, addresses, open: None, waker, answer_bytes })
    }

    /// Where the host is.
    pub(crate) fn found(&mut self, addresses: Vec<SocketAddr>) {
        self.addresses = addresses.into();
    }

    /// Connects to the next address; the stream is to be registered.
    pub(crate) fn connect(&mut self) -> Result<Stream, AskError> {
        let mut last = Failure::Name;
        while let Some(address) = self.addresses.pop_front() {
            let tls = ClientConnection::new(Arc::clone(&self.tls), self.name.clone());
            match (TcpStream::connect(address), tls) {
                (Ok(tcp), Ok(tls)) => {
                    // A request is small; waiting for more of it only costs time.
                    let _ = tcp.set_nodelay(true);
                    let stream = Stream::connecting(tcp, tls.into());
                    let Some(request) = self.request.clone() else { break };
                    let exchange = Box::pin(exchange(stream.clone(), request, self.answer_bytes));
                    self.open = Some((stream.clone(), exchange));
                    return Ok(stream);
                }
                (Err(error), _) => last = Failure::Connect(error),
                (_, Err(error)) => last = Failure::Tls(error),
            }
        }
        Err(AskError { failure: last, sent: false })
    }

    /// Goes on as far as it goes without waiting.
    pub(crate) fn poll(&mut self) -> Progress {
        let Some((stream, exchange)) = &mut self.open else { return Progress::Waits };
        stream.flush();
        match exchange.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => Progress::Waits,
            Poll::Ready(Ok(answer)) => Progress::Over(Ok(answer)),
            Poll::Ready(Err(_)) if !stream.is_connected() && !self.addresses.is_empty() => {
                self.open = None;
                Progress::NextAddress
            }
            Poll::Ready(Err(failure)) => {
                let failure = match failure {
                    Failure::Broken(why) if !stream.is_connected() => Failure::Connect(io::Error::other(why)),
                    other => other,
                };
                Progress::Over(Err(AskError { failure, sent: stream.sent() > 0 }))
            }
        }
    }

    /// What it ends with when it takes too long.
    pub(crate) fn late(&self) -> AskError {
        let sent = self.open.as_ref().is_some_and(|(stream, _)| stream.sent() > 0);
        AskError { failure: Failure::Late, sent }
    }

    /// Closes the connection; what is left is to be done with the answer.
    pub(crate) fn close(self) -> AskThen<S> {
        if let Some((stream, _)) = &self.open {
            stream.finish();
        }
        self.then
    }
}

/// What came of a poll.
pub(crate) enum Progress {
    Waits,
    NextAddress,
    Over(Result<Answer, AskError>),
}

/// Sends a request over an open stream, and reads the answer, whose body has `most` bytes at most.
///
/// # Errors
/// What went wrong.
pub(crate) async fn exchange<S>(
    stream: S,
    request: http::Request<Bytes>,
    most: usize,
) -> Result<Answer, Failure>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_headers(HEADERS).max_header_size(HEAD_BYTES);
    let (mut sender, connection) = builder.handshake(stream).await.map_err(failure)?;
    let mut connection = Some(Box::pin(connection));
    let mut answer = Box::pin(async move {
        let (parts, body) =
            sender.send_request(request.map(Body::whole)).await.map_err(failure)?.into_parts();
        let body = whole(body, most).await.map_err(|unread| match unread {
            Unread::TooLarge => Failure::TooLarge,
            Unread::Broken => Failure::Broken("the answer was cut off".into()),
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    });
    // The connection moves only when it is polled, and the answer comes out of it.
    let mut broke = None;
    poll_fn(move |context| {
        if let Some(Poll::Ready(ended)) =
            connection.as_mut().map(|connection| connection.as_mut().poll(context))
        {
            connection = None;
            broke = ended.err();
        }
        match answer.as_mut().poll(context) {
            // What broke the connection says more than that there is no answer.
            Poll::Ready(Err(other)) => Poll::Ready(Err(broke.take().map_or(other, failure))),
            answered => answered,
        }
    })
    .await
}

fn failure(error: hyper::Error) -> Failure {
    let mut cause: Option<&(dyn core::error::Error + 'static)> = Some(&error);
    let mut said = error.to_string();
    while let Some(this) = cause {
        let inside = this.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(TlsBroken(tls)) = inside.and_then(|inside| inside.downcast_ref()) {
            return Failure::Tls(tls.clone());
        }
        said = this.to_string();
        cause = this.source();
    }
    if error.is_parse_too_large() { Failure::TooLarge } else { Failure::Broken(said) }
}
