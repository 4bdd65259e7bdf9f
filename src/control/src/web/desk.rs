//! Where a connection's future and the loop meet: the future lays a request down and waits, the loop answers it with the
//! state in its hands. So a handler is a plain function, and one that panics does not take the connection with it.

use core::fmt;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use http::request;
use hyper::body::{Body as _, Bytes, Incoming};

use super::body::Body;
use super::events::Pulse;

/// A request whose body was read, or is too large.
pub(crate) struct Arrived {
    pub(crate) parts: request::Parts,
    pub(crate) body: Result<Bytes, Unread>,
}

/// Why a body was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    /// It has more bytes than it may have.
    TooLarge,
    /// It was cut off, or is not what HTTP says it should be.
    Broken,
}

/// The end of a connection that broke while its request was read.
#[derive(Debug)]
pub(crate) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was cut off")
    }
}

impl core::error::Error for Gone {}

/// What lies between a connection and the loop; one request at a time.
#[derive(Default)]
pub(crate) struct Desk {
    /// Requests whose head was read, and those whose answer was taken.
    pub(crate) begun: u64,
    pub(crate) over: u64,
    pub(crate) body_read: bool,
    pub(crate) answering: bool,
    /// While the answer is a stream of events.
    pub(crate) pulse: Option<Pulse>,
    /// While the answer is sent in pieces: how many were taken.
    pub(crate) taken: Option<Rc<Cell<u64>>>,
    /// Whether the subscriber did not keep up.
    pub(crate) dropped: bool,
    pub(crate) arrived: Option<Arrived>,
    pub(crate) answer: Option<http::Response<Body>>,
    /// See [`super::stream::Stream::end_is_held`].
    pub(crate) holds_end: Rc<Cell<bool>>,
}

impl Desk {
    fn begin(&mut self) {
        self.begun += 1;
        self.body_read = false;
        self.answering = false;
        // hyper looks for the end before it lets us read the body.
        self.holds_end.set(true);
    }

    /// The answer has been taken, or the connection has been given up.
    pub(crate) fn ended(&mut self) {
        self.over = self.begun;
        self.answering = false;
        self.holds_end.set(false);
        self.taken = None;
        self.dropped |= self.pulse.take().is_some_and(|pulse| pulse.was_dropped());
    }
}

/// Reads a body to its end.
pub(crate) async fn whole(mut body: Incoming, most: usize) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > most as u64 {
        return Err(Unread::TooLarge);
    }
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if data.len() > most - whole.len() {
            return Err(Unread::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// What hyper calls with each request.
pub(crate) struct Front {
    pub(crate) desk: Rc<RefCell<Desk>>,
    pub(crate) body_bytes: usize,
}

impl hyper::service::Service<http::Request<Incoming>> for Front {
    type Response = http::Response<Body>;
    type Error = Gone;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Gone>>>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let (desk, most) = (Rc::clone(&self.desk), self.body_bytes);
        desk.borrow_mut().begin();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = whole(body, most).await;
            if body == Err(Unread::Broken) {
                return Err(Gone);
            }
            {
                let mut desk = desk.borrow_mut();
                desk.body_read = true;
                desk.arrived = Some(Arrived { parts, body });
            }
            let mut answer = poll_fn(|_| {
                // The loop polls again when it has laid the answer down.
                desk.borrow_mut().answer.take().map_or(Poll::Pending, Poll::Ready)
            })
            .await;
            answer.body_mut().told_to(Rc::clone(&desk));
            Ok(answer)
        })
    }
}
