//! Why a datagram is not a SIP message that can be followed.

use core::fmt;

/// A header field that can make a message unreadable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// Call-ID
    CallId,
    /// CSeq
    CSeq,
    /// From
    From,
    /// To
    To,
    /// Content-Length
    ContentLength,
    /// Content-Type
    ContentType,
}

impl Field {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Field::CallId => "Call-ID",
            Field::CSeq => "CSeq",
            Field::From => "From",
            Field::To => "To",
            Field::ContentLength => "Content-Length",
            Field::ContentType => "Content-Type",
        }
    }
}

/// Why a datagram is not a SIP message that can be followed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SipError {
    /// Nothing but line breaks: a keep-alive (RFC 5626 section 3.5.1).
    Empty,
    /// The first line is neither a request line nor a status line.
    StartLine,
    /// A version other than SIP/2.0.
    Version,
    /// A status code that is not between 100 and 699.
    StatusCode,
    /// No empty line ends the header.
    NoEmptyLine,
    /// A header field that must be there is not.
    Missing(Field),
    /// A header field that may be there once is there twice and says different things.
    Repeated(Field),
    /// A header field that cannot be read: no number, a number too large, a quote or bracket that does not end.
    Unreadable(Field),
    /// The method of CSeq is not the request's (RFC 3261 section 8.1.1.5).
    MethodMismatch,
    /// Content-Length is more than the datagram holds (RFC 3261 section 18.3).
    ContentLengthTooLarge,
}

impl fmt::Display for SipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SipError::Empty => f.write_str("nothing but line breaks"),
            SipError::StartLine => f.write_str("neither a request line nor a status line"),
            SipError::Version => f.write_str("a version other than SIP/2.0"),
            SipError::StatusCode => f.write_str("a status code that is not between 100 and 699"),
            SipError::NoEmptyLine => f.write_str("no empty line ends the header"),
            SipError::Missing(field) => write!(f, "{} is missing", field.name()),
            SipError::Repeated(field) => write!(f, "{} is there twice with different values", field.name()),
            SipError::Unreadable(field) => write!(f, "{} cannot be read", field.name()),
            SipError::MethodMismatch => f.write_str("CSeq names another method than the request line"),
            SipError::ContentLengthTooLarge => f.write_str("Content-Length is more than the datagram holds"),
        }
    }
}

impl core::error::Error for SipError {}
