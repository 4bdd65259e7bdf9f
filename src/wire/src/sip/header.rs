//! Header fields: their names, compact forms, folded lines.

use super::value::{is_token, trim};

/// A line of a message, without the line break that ends it.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    /// Where the next one begins.
    pub(super) next: usize,
}

impl<'a> Line<'a> {
    /// The line that begins at `at`, if a line feed ends it. A carriage return before it belongs to the break.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let text = rest.get(..end)?;
        Some(Line { text: text.strip_suffix(b"\r").unwrap_or(text), next: at + end + 1 })
    }
}

/// Where the header that begins at `at` ends, and where the body begins: before and after the first empty line.
pub(super) fn end(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    loop {
        let line = Line::at(bytes, at)?;
        if line.text.is_empty() {
            return Some((at, line.next));
        }
        at = line.next;
    }
}

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal $(| $compact:literal)?,)+) => {
        /// A header field's name, whatever its case and whether written in full or compact (RFC 3261 section 7.3.3).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum HeaderName<'a> {
            $($(#[doc = $doc])+ $variant,)+
            /// Any other, as it was written.
            Other(&'a [u8]),
        }

        impl<'a> HeaderName<'a> {
            /// The name written so.
            pub fn from_bytes(name: &'a [u8]) -> Self {
                $(if name.eq_ignore_ascii_case($name.as_bytes())
                    $(|| name.eq_ignore_ascii_case($compact.as_bytes()))?
                {
                    return HeaderName::$variant;
                })+
                HeaderName::Other(name)
            }
        }
    };
}

names! {
    /// Call-ID, `i`
    CallId = "Call-ID" | "i",
    /// Contact, `m`
    Contact = "Contact" | "m",
    /// Content-Encoding, `e`
    ContentEncoding = "Content-Encoding" | "e",
    /// Content-Length, `l`
    ContentLength = "Content-Length" | "l",
    /// Content-Type, `c`
    ContentType = "Content-Type" | "c",
    /// CSeq
    CSeq = "CSeq",
    /// Event (RFC 6665), `o`
    Event = "Event" | "o",
    /// From, `f`
    From = "From" | "f",
    /// Join (RFC 3911)
    Join = "Join",
    /// P-Asserted-Identity (RFC 3325)
    PAssertedIdentity = "P-Asserted-Identity",
    /// Refer-To (RFC 3515), `r`
    ReferTo = "Refer-To" | "r",
    /// Replaces (RFC 3891)
    Replaces = "Replaces",
    /// Session-Expires (RFC 4028), `x`
    SessionExpires = "Session-Expires" | "x",
    /// Subscription-State (RFC 6665)
    SubscriptionState = "Subscription-State",
    /// To, `t`
    To = "To" | "t",
    /// Via, `v`
    Via = "Via" | "v",
}

/// A header field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    /// Its name.
    pub name: HeaderName<'a>,
    /// Its value without the white space around it; folded lines are as they were written.
    pub value: &'a [u8],
}

/// The header fields of a message or a body part in their order. A line that is none is left out.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    pub(super) fn new(headers: &'a [u8]) -> Self {
        Headers { rest: headers }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        while !self.rest.is_empty() {
            let (field, rest) = self.rest.split_at_checked(field_len(self.rest))?;
            self.rest = rest;
            let Some(colon) = field.iter().position(|&byte| byte == b':') else { continue };
            let (name, value) = field.split_at_checked(colon)?;
            let name = name.trim_ascii_end();
            if !name.is_empty() && name.iter().copied().all(is_token) {
                let value = trim(value.get(1..).unwrap_or_default());
                return Some(Header { name: HeaderName::from_bytes(name), value });
            }
        }
        None
    }
}

/// The length of the first field with its line breaks: lines that begin with white space continue the one before
/// (RFC 3261 section 7.3.1).
fn field_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let Some(line) = Line::at(bytes, at) else { return bytes.len() };
        at = line.next;
        if !matches!(bytes.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
}
