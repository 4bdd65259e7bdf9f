//! SIP messages (RFC 3261) as views over the bytes of a datagram.
//!
//! | module | holds |
//! |---|---|
//! | [`start`] | the start line and the methods |
//! | [`header`] | header names, compact forms included, and the walk over the header fields |
//! | [`value`] | what header values are made of: quoted strings, addresses, parameters |
//! | [`body`] | media types, and the walk over multipart bodies |
//! | [`error`] | why a datagram is no message that can be followed |
//!
//! # What is guaranteed
//! After [`Message::new_checked`] the message has a start line of SIP/2.0, exactly one meaning of Call-ID, CSeq, From
//! and To, and a body within the datagram. No accessor panics or allocates, whatever the bytes; each costs at most
//! one walk over the header fields.
//!
//! Where a fault leaves one meaning only, the message is read all the same (spaces too many, header lines without a
//! colon, bare line feeds, a request URI that is none): a phone may well accept it, and then its media must be
//! followed. Where the meaning is in doubt (two different Call-IDs, a Content-Length past the end) it is an error.

pub mod body;
pub mod error;
pub mod header;
pub mod start;
pub mod value;

use core::fmt;

pub use body::{MediaType, Part, Parts};
pub use error::{Field, SipError};
pub use header::{Header, HeaderName, Headers};
pub use start::{Method, StartLine, looks_like};
pub use value::{Parameter, Parameters};

use header::Line;

/// A SIP message in a datagram.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    headers: &'a [u8],
    body_at: usize,
    body: &'a [u8],
    call_id: &'a [u8],
    from_tag: Option<&'a [u8]>,
    to_tag: Option<&'a [u8]>,
    cseq: (u32, Method<'a>),
    via_branch: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
}

/// The dialog that an INVITE replaces (RFC 3891 section 6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// The tag of the one who receives the INVITE; empty where it is missing.
    pub to_tag: &'a [u8],
    /// The tag of the other one; empty where it is missing.
    pub from_tag: &'a [u8],
    /// Whether only an early dialog is to be replaced.
    pub early_only: bool,
}

/// An Event header (RFC 6665 section 8.2.1).
#[derive(Clone, Copy, Debug)]
pub struct EventHeader<'a> {
    /// The event package, as `kpml`.
    pub package: &'a [u8],
    /// What follows it.
    pub parameters: Parameters<'a>,
}

impl<'a> EventHeader<'a> {
    /// Whether it is of this package.
    pub fn is(&self, package: &str) -> bool {
        self.package.eq_ignore_ascii_case(package.as_bytes())
    }

    /// The value of a parameter, without its quotes.
    pub fn parameter(&self, name: &str) -> Option<&'a [u8]> {
        self.parameters.get(name)
    }
}

impl<'a> Message<'a> {
    /// Reads a datagram. Line breaks before the start line are skipped (RFC 3261 section 7.5), what follows the body
    /// is left out (section 18.3).
    ///
    /// # Errors
    /// Where there is no start line of SIP/2.0 or no end of the header, where Call-ID, CSeq, From or To is missing,
    /// unreadable or there twice with different values, and where Content-Length is no number or more than there is.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, SipError> {
        let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).ok_or(SipError::Empty)?;
        let first = Line::at(bytes, begin).ok_or(SipError::NoEmptyLine)?;
        let start = StartLine::parse(first.text)?;
        let (headers_end, body_at) = header::end(bytes, first.next).ok_or(SipError::NoEmptyLine)?;
        let headers = bytes.get(first.next..headers_end).unwrap_or_default();
        let rest = bytes.get(body_at..).unwrap_or_default();

        let mut fields = Fields::default();
        for header in Headers::new(headers) {
            fields.take(&header)?;
        }
        let call_id = fields.call_id.ok_or(SipError::Missing(Field::CallId))?;
        if call_id.is_empty() {
            return Err(SipError::Unreadable(Field::CallId));
        }
        let cseq = value::cseq(fields.cseq.ok_or(SipError::Missing(Field::CSeq))?)?;
        if let StartLine::Request { method, .. } = start
            && method != cseq.1
        {
            return Err(SipError::MethodMismatch);
        }
        let tag = |value: Option<&'a [u8]>, field| -> Result<Option<&'a [u8]>, SipError> {
            let value = value.ok_or(SipError::Missing(field))?;
            Ok(value::address_parameters(value).ok_or(SipError::Unreadable(field))?.get("tag"))
        };
        let body = match fields.content_length {
            None => rest,
            Some(value) => {
                let length = value::number(value).ok_or(SipError::Unreadable(Field::ContentLength))?;
                let length = usize::try_from(length).map_err(|_| SipError::ContentLengthTooLarge)?;
                rest.get(..length).ok_or(SipError::ContentLengthTooLarge)?
            }
        };
        Ok(Message {
            bytes,
            start,
            headers,
            body_at,
            body,
            call_id,
            from_tag: tag(fields.from, Field::From)?,
            to_tag: tag(fields.to, Field::To)?,
            cseq,
            via_branch: fields.via.and_then(value::via_branch),
            content_type: fields.content_type,
        })
    }

    /// The start line.
    pub fn start_line(&self) -> StartLine<'a> {
        self.start
    }

    /// The method of the request that this is or answers, from CSeq.
    pub fn method_of_transaction(&self) -> Method<'a> {
        self.cseq.1
    }

    /// The header fields in their order.
    pub fn headers(&self) -> Headers<'a> {
        Headers::new(self.headers)
    }

    /// The value of the first header field of that name.
    pub fn header(&self, name: HeaderName<'_>) -> Option<&'a [u8]> {
        self.headers().find(|header| header.name == name).map(|header| header.value)
    }

    /// Call-ID, never empty.
    pub fn call_id(&self) -> &'a [u8] {
        self.call_id
    }

    /// The tag of From.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.from_tag
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.to_tag
    }

    /// The Request-URI, as it was written; a response has none.
    pub fn request_uri(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { uri, .. } => Some(uri).filter(|uri| !uri.is_empty()),
            StartLine::Response { .. } => None,
        }
    }

    /// The address in From, without name, brackets and parameters of the header.
    pub fn from_address(&self) -> Option<&'a [u8]> {
        value::address(self.header(HeaderName::From)?)
    }

    /// The address in To.
    pub fn to_address(&self) -> Option<&'a [u8]> {
        value::address(self.header(HeaderName::To)?)
    }

    /// The first address in P-Asserted-Identity, which may name two (RFC 3325 section 9.1).
    pub fn asserted_identity(&self) -> Option<&'a [u8]> {
        value::address(self.header(HeaderName::PAssertedIdentity)?)
    }

    /// CSeq: number and method.
    pub fn cseq(&self) -> (u32, Method<'a>) {
        self.cseq
    }

    /// The branch of the topmost Via.
    pub fn via_branch(&self) -> Option<&'a [u8]> {
        self.via_branch
    }

    /// Content-Type as it was written.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.content_type
    }

    /// The dialog that this message would replace.
    pub fn replaces(&self) -> Option<Replaces<'a>> {
        self.dialog_in(HeaderName::Replaces)
    }

    /// The dialog that this message would join (RFC 3911): the same words, never early only.
    pub fn join(&self) -> Option<Replaces<'a>> {
        self.dialog_in(HeaderName::Join)
    }

    fn dialog_in(&self, name: HeaderName<'_>) -> Option<Replaces<'a>> {
        let (call_id, parameters) = value::with_parameters(self.header(name)?);
        (!call_id.is_empty()).then(|| Replaces {
            call_id,
            to_tag: parameters.get("to-tag").unwrap_or_default(),
            from_tag: parameters.get("from-tag").unwrap_or_default(),
            early_only: parameters.has("early-only"),
        })
    }

    /// Session-Expires in seconds (RFC 4028 section 4).
    pub fn session_expires(&self) -> Option<u32> {
        let (seconds, _) = value::with_parameters(self.header(HeaderName::SessionExpires)?);
        value::number(seconds)
    }

    /// The Event header.
    pub fn event(&self) -> Option<EventHeader<'a>> {
        let (package, parameters) = value::with_parameters(self.header(HeaderName::Event)?);
        Some(EventHeader { package, parameters })
    }

    /// The body, as long as Content-Length says; without it, all that follows the header (RFC 3261 section 18.3).
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Where the body begins in the datagram.
    pub fn body_at(&self) -> usize {
        self.body_at
    }

    /// What follows the body. It is to be left out (RFC 3261 section 18.3), but not every receiver heeds
    /// Content-Length.
    pub fn surplus(&self) -> &'a [u8] {
        self.bytes.get(self.body_at + self.body.len()..).unwrap_or_default()
    }

    /// The parts of the body: each leaf of a multipart body, or the one body there is; none where it is empty.
    pub fn parts(&self) -> Parts<'a> {
        let media_type = MediaType::parse(self.content_type.unwrap_or_default());
        Parts::new(self.bytes, media_type, self.body_at..self.body_at + self.body.len())
    }

    /// The bytes of a part. Empty where the part is of another message.
    pub fn part(&self, part: &Part<'_>) -> &'a [u8] {
        self.bytes.get(part.range.clone()).unwrap_or_default()
    }
}

/// Without body: it may hold keys.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("start", &self.start)
            .field("cseq", &self.cseq)
            .finish_non_exhaustive()
    }
}

/// The header fields that a message cannot do without, and those that every message is asked for.
#[derive(Default)]
struct Fields<'a> {
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    via: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, header: &Header<'a>) -> Result<(), SipError> {
        let (slot, field) = match header.name {
            HeaderName::CallId => (&mut self.call_id, Field::CallId),
            HeaderName::CSeq => (&mut self.cseq, Field::CSeq),
            HeaderName::From => (&mut self.from, Field::From),
            HeaderName::To => (&mut self.to, Field::To),
            HeaderName::ContentLength => (&mut self.content_length, Field::ContentLength),
            HeaderName::ContentType => (&mut self.content_type, Field::ContentType),
            HeaderName::Via => {
                self.via.get_or_insert(header.value);
                return Ok(());
            }
            _ => return Ok(()),
        };
        match slot {
            Some(earlier) if *earlier != header.value => Err(SipError::Repeated(field)),
            _ => {
                *slot = Some(header.value);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
