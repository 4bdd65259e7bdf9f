//! A request while an adapter writes it.

use http::header::{HeaderName, HeaderValue};
use http::request::Builder;
use http::{Method, Request};
use hyper::body::Bytes;
use payment::psp::RequestSink;
use secret::{DigitSink, Letter};

/// What an adapter has written. What cannot be sent as it was written is not sent at all.
pub(super) struct Written<'p> {
    path: &'p str,
    room: usize,
    head: Option<Builder>,
    body: Body,
}

enum Body {
    /// No locked memory is taken for a request without one.
    None,
    Letter(Letter),
    /// There is no locked memory.
    NoRoom,
}

/// A letter as the bytes of a body: wiped when the last that holds them lets go.
struct Sealed(Letter);

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        self.0.reveal().unwrap_or_default()
    }
}

impl<'p> Written<'p> {
    /// Nothing yet. `path` comes before every path, `room` is the most bytes of a body.
    pub(super) fn new(path: &'p str, room: usize) -> Self {
        Written { path, room, head: None, body: Body::None }
    }

    /// The request; `None` where there was no locked memory for it, or it did not fit.
    pub(super) fn finish(self) -> Option<Request<Bytes>> {
        let body = match self.body {
            Body::None => Bytes::new(),
            Body::Letter(letter) => {
                letter.reveal()?;
                Bytes::from_owner(Sealed(letter))
            }
            Body::NoRoom => return None,
        };
        self.head?.body(body).ok()
    }

    fn write(&mut self, bytes: &[u8]) {
        if matches!(self.body, Body::None) {
            self.body = Letter::new(self.room).map_or(Body::NoRoom, Body::Letter);
        }
        if let Body::Letter(letter) = &mut self.body {
            letter.write(bytes);
        }
    }
}

impl DigitSink for Written<'_> {
    fn digits(&mut self, ascii: &[u8]) {
        self.write(ascii);
    }
}

impl RequestSink for Written<'_> {
    fn line(&mut self, method: &str, path: &str) {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        self.head = Some(Request::builder().method(method).uri(format!("{}{path}", self.path)));
    }

    fn header(&mut self, name: &str, value: &str) {
        let head = self.head.take();
        let value = HeaderValue::from_str(value).map(|mut value| {
            // Some are credentials; none is to be shown.
            value.set_sensitive(true);
            value
        });
        self.head = match (head, HeaderName::from_bytes(name.as_bytes()), value) {
            (Some(head), Ok(name), Ok(value)) => Some(head.header(name, value)),
            _ => None,
        };
    }

    fn body(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }
}
