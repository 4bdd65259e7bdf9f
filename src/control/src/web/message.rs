//! A request as handlers read it, and an answer as they give it.

use std::net::IpAddr;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode, request};
use hyper::body::Bytes;

use super::body::Body;
use super::events::Subscription;
use super::pieces::Pieces;

/// A request, read to its end.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, path, header fields.
    pub parts: request::Parts,
    /// What the route left open: `{id}` by its name.
    pub params: Vec<(String, String)>,
    /// The body, as long as the limit allows.
    pub body: Bytes,
    /// Where it came from.
    pub address: IpAddr,
}

impl Request {
    /// What stands for `{name}` in the path.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A header field, if it is there and plain text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The last event that the page has seen, by its own word.
    pub fn last_event_id(&self) -> Option<&str> {
        self.header(HeaderName::from_static("last-event-id"))
    }
}

/// An answer. What every answer says (cache, content policy) is added where it does not say something else.
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

impl Response {
    /// Bytes of a content type, such as `text/html; charset=utf-8`.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Response { status, headers, body: Body::whole(body.into()) }
    }

    /// A page.
    pub fn html(status: StatusCode, page: impl Into<String>) -> Self {
        Self::new(status, "text/html; charset=utf-8", page.into())
    }

    /// A line of text.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text.into())
    }

    /// The value as JSON; 500 where it cannot be written so.
    pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => Self::new(status, "application/json", bytes),
            Err(_) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written\n"),
        }
    }

    /// Look there instead, with GET.
    pub fn see_other(path: &str) -> Self {
        Self::text(StatusCode::SEE_OTHER, "").with(header::LOCATION, path)
    }

    /// Events, until the channel ends.
    pub fn events(subscription: Subscription) -> Self {
        let kind = HeaderValue::from_static("text/event-stream");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
        Response { status: StatusCode::OK, headers, body: Body::events(subscription) }
    }

    /// So many bytes of a content type, which a thread of their own gives piece by piece.
    pub(crate) fn pieces(status: StatusCode, content_type: &'static str, pieces: Pieces) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Response { status, headers, body: Body::pieces(pieces) }
    }

    /// With one more header field. A value that cannot be one makes an error of the answer: what it was to say (a cookie, a
    /// policy) must not be left out unseen.
    pub fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        match HeaderValue::from_str(value.as_ref()) {
            Ok(value) => {
                self.headers.append(name, value);
                self
            }
            Err(_) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written\n"),
        }
    }

    /// The connection ends after this answer.
    pub fn closing(self) -> Self {
        self.with(header::CONNECTION, "close")
    }
}

const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds what every answer says.
pub(crate) fn dress(response: &mut Response, secure: bool) {
    let usual = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let strict = secure.then_some((header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"));
    for (name, value) in usual.into_iter().chain(strict) {
        response.headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
