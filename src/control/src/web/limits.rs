//! What clients may cost, and every reason for which one is refused or closed.

use core::time::Duration;

use handover::Counter;

/// What clients of the pages may cost. All are bounds of memory or of time.
#[derive(Clone, Copy, Debug)]
pub struct WebLimits {
    /// Connections at a time. One more, and the one that has been idle longest is closed; where none is idle, the new one.
    pub connections: usize,
    /// Connections from one address: a contact centre behind one NAT has all its agents there.
    pub per_address: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub headers: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the head of a request may take, from its first byte, or from the handshake.
    pub head: Duration,
    /// How long the body may take.
    pub body: Duration,
    /// How long work that was put off may take before the client is told to come again.
    pub work: Duration,
    /// How long the client may take to read an answer, or a stalled stream of events.
    pub answer: Duration,
    /// How long a connection may wait for its next request.
    pub idle: Duration,
    /// How long a connection that we have closed may take to close its side.
    pub linger: Duration,
    /// How often a stream of events is given a comment, so that proxies keep it open and a lost client is noticed.
    pub beat: Duration,
    /// Requests of ours to others at a time.
    pub outgoing: usize,
    /// Bytes of an answer to a request of ours.
    pub answer_bytes: usize,
    /// Threads for work that blocks.
    pub threads: usize,
    /// Pieces of such work that wait or are done, in all.
    pub works: usize,
}

impl Default for WebLimits {
    fn default() -> Self {
        WebLimits {
            connections: 16_384,
            per_address: 4_096,
            head_bytes: 16 * 1024,
            headers: 64,
            body_bytes: 64 * 1024,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(20),
            work: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            beat: Duration::from_secs(15),
            outgoing: 256,
            answer_bytes: 256 * 1024,
            threads: 2,
            works: 128,
        }
    }
}

/// Why a connection or a request was refused, or closed by us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// Too many connections in all.
    Connections,
    /// Too many from one address.
    Address,
    /// The handshake failed, or a record was broken.
    Tls,
    /// The handshake took too long.
    SlowHandshake,
    /// The head took too long.
    SlowHead,
    /// The body took too long.
    SlowBody,
    /// The answer was not read in time.
    SlowReader,
    /// Nothing was asked for too long.
    Idle,
    /// The head has too many bytes or fields.
    HeadTooLarge,
    /// The body has too many bytes.
    BodyTooLarge,
    /// It was not HTTP.
    NotHttp,
    /// It was cut off in the middle.
    Broken,
    /// A page of another origin asked for a change.
    CrossOrigin,
    /// Nothing is at this path, or not by this method.
    NotFound,
    /// A handler panicked.
    Panic,
    /// The pool had no room for more work, or took too long for it.
    Work,
    /// A subscriber did not take its events in time.
    SlowSubscriber,
}

impl Reason {
    /// The counter that it is counted under.
    pub(crate) const fn counter(self) -> Counter {
        match self {
            Reason::Connections => Counter::WebConnectionsFull,
            Reason::Address => Counter::WebAddressFull,
            Reason::Tls => Counter::WebTlsFailed,
            Reason::SlowHandshake => Counter::WebSlowHandshake,
            Reason::SlowHead => Counter::WebSlowHead,
            Reason::SlowBody => Counter::WebSlowBody,
            Reason::SlowReader => Counter::WebSlowReader,
            Reason::Idle => Counter::WebIdle,
            Reason::HeadTooLarge => Counter::WebHeadTooLarge,
            Reason::BodyTooLarge => Counter::WebBodyTooLarge,
            Reason::NotHttp => Counter::WebNotHttp,
            Reason::Broken => Counter::WebBroken,
            Reason::CrossOrigin => Counter::WebCrossOrigin,
            Reason::NotFound => Counter::WebNotFound,
            Reason::Panic => Counter::WebPanics,
            Reason::Work => Counter::WebWorkRefused,
            Reason::SlowSubscriber => Counter::WebSubscribersDropped,
        }
    }
}
