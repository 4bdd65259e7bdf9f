//! The body of an answer: whole, a stream of events, or pieces that come from a thread that reads a disk.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};

use super::desk::Desk;
use super::events::{Dropped, Subscription};
use super::pieces::Pieces;

enum Kind {
    Whole(Bytes),
    Events(Subscription),
    Pieces(Pieces),
}

/// The body of an answer.
pub(crate) struct Body {
    kind: Kind,
    /// Who is told when hyper has taken all of it.
    desk: Option<Rc<RefCell<Desk>>>,
}

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Body { kind: Kind::Whole(bytes), desk: None }
    }

    pub(crate) fn events(subscription: Subscription) -> Self {
        Body { kind: Kind::Events(subscription), desk: None }
    }

    pub(crate) fn pieces(pieces: Pieces) -> Self {
        Body { kind: Kind::Pieces(pieces), desk: None }
    }

    /// How many pieces have been taken so far, where it comes in pieces.
    pub(crate) fn taken(&self) -> Option<Rc<Cell<u64>>> {
        match &self.kind {
            Kind::Pieces(pieces) => Some(pieces.taken()),
            _ => None,
        }
    }

    pub(crate) fn subscription(&self) -> Option<&Subscription> {
        match &self.kind {
            Kind::Whole(_) | Kind::Pieces(_) => None,
            Kind::Events(subscription) => Some(subscription),
        }
    }

    /// Tells `desk` when it is over.
    pub(crate) fn told_to(&mut self, desk: Rc<RefCell<Desk>>) {
        self.desk = Some(desk);
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            desk.borrow_mut().ended();
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        match &mut self.kind {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Events(subscription) => {
                subscription.poll(context).map(|next| next.transpose().map(|next| next.map(Frame::data)))
            }
            Kind::Pieces(pieces) => pieces.poll(context).map(|next| next.map(|next| next.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Events(_) => false,
            Kind::Pieces(pieces) => pieces.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Events(_) => SizeHint::default(),
            Kind::Pieces(pieces) => SizeHint::with_exact(pieces.left()),
        }
    }
}
