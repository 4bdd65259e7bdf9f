//! One client's connection: its future, and in which phase it is. A phase has one deadline, so that nothing a client does
//! byte by byte moves it.

use core::time::Duration;
use std::cell::RefCell;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::server::conn::http1;

use super::desk::{Arrived, Desk, Front};
use super::events::Pulse;
use super::limits::{Reason, WebLimits};
use super::message::{Response, dress};
use super::stream::{Drained, Stream};

/// The least that hyper takes for its buffers.
const BUFFER_MIN: usize = 8192;

/// What a connection is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// TLS is being set up.
    Handshake,
    /// The first request, or the rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// The rest of a body whose sender sends nothing more: what has come is still on its way through hyper, or it is cut off.
    Torn,
    /// Work of ours.
    Work,
    /// That an answer is read.
    Answer,
    /// Nothing: events are sent as they come.
    Events,
    /// That events are read.
    Stalled,
    /// Another request.
    Idle,
    /// That the other side closes too.
    Closing,
}

impl Phase {
    /// How long it may take.
    pub(crate) fn span(self, limits: &WebLimits) -> Option<Duration> {
        match self {
            Phase::Handshake => Some(limits.handshake),
            Phase::Head => Some(limits.head),
            Phase::Body => Some(limits.body),
            Phase::Work => Some(limits.work),
            Phase::Answer | Phase::Stalled => Some(limits.answer),
            Phase::Events => None,
            Phase::Idle => Some(limits.idle),
            Phase::Torn | Phase::Closing => Some(limits.linger),
        }
    }

    /// Why it ends when it takes longer; a connection that we have closed has its reason already.
    pub(crate) fn reason(self) -> Option<Reason> {
        match self {
            Phase::Handshake => Some(Reason::SlowHandshake),
            Phase::Head => Some(Reason::SlowHead),
            Phase::Body => Some(Reason::SlowBody),
            Phase::Torn => Some(Reason::Broken),
            Phase::Work => Some(Reason::Work),
            Phase::Answer | Phase::Stalled => Some(Reason::SlowReader),
            Phase::Idle => Some(Reason::Idle),
            Phase::Events | Phase::Closing => None,
        }
    }
}

/// What came of a poll.
pub(crate) enum Polled {
    /// It waits for the socket, or for an answer.
    Waits,
    /// A request to answer.
    Asked(Box<Arrived>),
    /// It is over; if that is a fault, whose.
    Over(Option<Reason>),
    /// It is over, and the other side still sends.
    Drains,
    /// It is over, and the other side has closed too.
    Closed,
}

/// A client's connection.
pub(crate) struct Talk {
    pub(crate) stream: Stream,
    pub(crate) door: usize,
    pub(crate) address: IpAddr,
    /// In which phase of which request it was when its deadline was set.
    pub(crate) set: Option<(Phase, u64)>,
    desk: Rc<RefCell<Desk>>,
    future: Option<Pin<Box<dyn Future<Output = hyper::Result<()>>>>>,
    waker: Waker,
    /// Requests over, and bytes that had come by then: more are the next request's.
    mark: (u64, u64),
}

impl Talk {
    pub(crate) fn new(
        stream: Stream,
        door: usize,
        address: IpAddr,
        waker: Waker,
        limits: &WebLimits,
    ) -> Self {
        let desk = Desk { holds_end: stream.end_is_held(), ..Desk::default() };
        let desk = Rc::new(RefCell::new(desk));
        let front = Front { desk: Rc::clone(&desk), body_bytes: limits.body_bytes };
        let mut builder = http1::Builder::new();
        builder
            .half_close(false)
            .header_read_timeout(None)
            .max_headers(limits.headers)
            .max_header_size(limits.head_bytes)
            .max_buf_size((limits.head_bytes + 4096).max(BUFFER_MIN));
        let future = Box::pin(builder.serve_connection(stream.clone(), front));
        Talk { stream, door, address, set: None, desk, future: Some(future), waker, mark: (0, 0) }
    }

    /// Goes on as far as it goes without waiting.
    pub(crate) fn poll(&mut self) -> Polled {
        self.stream.flush();
        let Some(future) = &mut self.future else {
            self.stream.finish();
            return match self.stream.drain() {
                Drained::Ended => Polled::Closed,
                Drained::More => Polled::Drains,
                Drained::Waits => Polled::Waits,
            };
        };
        let polled = future.as_mut().poll(&mut Context::from_waker(&self.waker));
        let mut desk = self.desk.borrow_mut();
        match polled {
            Poll::Pending => match desk.arrived.take() {
                Some(arrived) => Polled::Asked(Box::new(arrived)),
                None => Polled::Waits,
            },
            Poll::Ready(result) => {
                let in_request = desk.begun > desk.over;
                drop(desk);
                self.future = None;
                if self.stream.has_tls_failed() || self.stream.is_handshaking() {
                    // hyper takes it for an ordinary end when nothing came before it.
                    return Polled::Over(Some(Reason::Tls));
                }
                Polled::Over(result.err().and_then(|error| self.blame(&error, in_request)))
            }
        }
    }

    fn blame(&self, error: &hyper::Error, in_request: bool) -> Option<Reason> {
        if error.is_parse_too_large() {
            Some(Reason::HeadTooLarge)
        } else if error.is_parse() {
            Some(Reason::NotHttp)
        } else if self.desk.borrow().dropped {
            Some(Reason::SlowSubscriber)
        } else if in_request || error.is_incomplete_message() || error.is_user() {
            Some(Reason::Broken)
        } else {
            None // it was reset between two requests: that is how many clients close
        }
    }

    /// The request that is being answered.
    pub(crate) fn request(&self) -> u64 {
        self.desk.borrow().begun
    }

    /// Whether `request` is still without an answer.
    pub(crate) fn awaits(&self, request: u64) -> bool {
        let desk = self.desk.borrow();
        desk.begun == request && desk.over < request && desk.body_read && !desk.answering
    }

    /// Lays an answer down; the next poll sends it.
    pub(crate) fn answer(&mut self, mut response: Response, secure: bool) {
        dress(&mut response, secure);
        let mut answer = http::Response::new(response.body);
        *answer.status_mut() = response.status;
        *answer.headers_mut() = response.headers;
        let mut desk = self.desk.borrow_mut();
        desk.answering = true;
        desk.taken = answer.body().taken();
        desk.pulse = answer.body().subscription().map(|subscription| subscription.pulse());
        // A page that was left reads no more events.
        desk.holds_end.set(desk.pulse.is_none());
        desk.answer = Some(answer);
    }

    /// Keeps a stream of events alive; false where there is none.
    pub(crate) fn beat(&self) -> bool {
        match &self.desk.borrow().pulse {
            Some(pulse) => {
                pulse.beat();
                true
            }
            None => false,
        }
    }

    /// Whether it is a subscriber that does not keep up. hyper asks for no more events while it cannot send, so it does not find
    /// out.
    pub(crate) fn is_dropped(&self) -> bool {
        self.desk.borrow().pulse.as_ref().is_some_and(Pulse::was_dropped)
    }

    /// The phase that it is in, and the request that it is about.
    pub(crate) fn phase(&mut self) -> (Phase, u64) {
        let desk = self.desk.borrow();
        if self.future.is_some() && desk.over > self.mark.0 {
            self.mark = (desk.over, self.stream.received());
        }
        let phase = if self.future.is_none() {
            Phase::Closing
        } else if self.stream.is_handshaking() {
            Phase::Handshake
        } else if desk.pulse.is_some() {
            if self.stream.is_blocked() { Phase::Stalled } else { Phase::Events }
        } else if self.stream.is_blocked() {
            Phase::Answer
        } else if desk.begun > desk.over {
            match (desk.body_read, desk.answering) {
                (false, _) if self.stream.has_ended() => Phase::Torn,
                (false, _) => Phase::Body,
                (true, false) => Phase::Work,
                (true, true) => Phase::Answer,
            }
        } else if desk.begun == 0 || self.stream.received() > self.mark.1 {
            Phase::Head
        } else {
            Phase::Idle
        };
        // Each piece of a long answer has a time of its own to be read in.
        let taken = desk.taken.as_ref().map_or(0, |taken| taken.get());
        (phase, desk.begun.wrapping_add(taken << 32))
    }
}
