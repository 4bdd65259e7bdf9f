//! Media types and multipart bodies (RFC 2046 section 5.1, RFC 5621).

use core::ops::Range;

use super::header::{self, Headers, Line};
use super::value::{Parameters, trim, with_parameters};
use super::{HeaderName, Parameter};

/// A media type such as `application/sdp`.
#[derive(Clone, Copy, Default, Debug)]
pub struct MediaType<'a> {
    /// Before the slash; empty where none was given.
    pub kind: &'a [u8],
    /// After it.
    pub subtype: &'a [u8],
    /// What follows.
    pub parameters: Parameters<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads the value of a Content-Type.
    pub fn parse(value: &'a [u8]) -> Self {
        let (name, parameters) = with_parameters(value);
        let slash = name.iter().position(|&byte| byte == b'/').unwrap_or(name.len());
        let (kind, subtype) = name.split_at_checked(slash).unwrap_or((name, &[]));
        MediaType { kind: trim(kind), subtype: trim(subtype.get(1..).unwrap_or_default()), parameters }
    }

    /// Whether it is this one, in any case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// Whether none was given.
    pub fn is_absent(&self) -> bool {
        self.kind.is_empty()
    }

    /// The parameters in their order.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> {
        self.parameters
    }

    fn boundary(&self) -> Option<&'a [u8]> {
        if !self.kind.eq_ignore_ascii_case(b"multipart") {
            return None;
        }
        self.parameters.get("boundary").filter(|boundary| !boundary.is_empty())
    }
}

/// A body, or a part of one.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// What it says that it is; a part that says nothing is `text/plain` (RFC 2046 section 5.1), a whole body that
    /// says nothing has an absent type.
    pub content_type: MediaType<'a>,
    /// Where it is in the datagram.
    pub range: Range<usize>,
}

/// How deep multipart bodies are opened.
const DEPTH: usize = 4;

/// A walk over the parts of a body. What is nested deeper than four levels, and a multipart body whose boundary
/// cannot be found, comes as one part of its multipart type.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    bytes: &'a [u8],
    found: Option<Part<'a>>,
    levels: [Level<'a>; DEPTH],
    depth: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn new(bytes: &'a [u8], content_type: MediaType<'a>, range: Range<usize>) -> Self {
        let found = (!range.is_empty()).then_some(Part { content_type, range });
        Parts { bytes, found, levels: Default::default(), depth: 0 }
    }

    /// Opens a part that is a multipart body itself.
    fn open(&mut self, part: &Part<'a>) -> bool {
        let Some(boundary) = part.content_type.boundary() else { return false };
        let Some(level) = self.levels.get_mut(self.depth) else { return false };
        *level = Level { boundary, at: part.range.start, end: part.range.end };
        let opens = level.delimiter(self.bytes, level.at).is_some_and(|delimiter| !delimiter.closing);
        self.depth += usize::from(opens);
        opens
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        loop {
            if let Some(part) = self.found.take()
                && !self.open(&part)
            {
                return Some(part);
            }
            let level = self.levels.get_mut(self.depth.checked_sub(1)?)?;
            self.found = level.next(self.bytes);
            if self.found.is_none() {
                self.depth -= 1;
            }
        }
    }
}

/// One multipart body: where the next delimiter is looked for, and where the body ends.
#[derive(Clone, Default, Debug)]
struct Level<'a> {
    boundary: &'a [u8],
    at: usize,
    end: usize,
}

struct Delimiter {
    /// Where its line begins.
    at: usize,
    /// Where the line after it begins.
    next: usize,
    closing: bool,
}

impl<'a> Level<'a> {
    fn next(&mut self, bytes: &'a [u8]) -> Option<Part<'a>> {
        let opening = self.delimiter(bytes, self.at).filter(|delimiter| !delimiter.closing)?;
        let following = self.delimiter(bytes, opening.next);
        let end = match &following {
            // The line break before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
            Some(delimiter) => opening.next.max(before_break(bytes, delimiter.at)),
            None => self.end,
        };
        self.at = following.map_or(self.end, |delimiter| delimiter.at);
        let part = bytes.get(..end).unwrap_or_default();
        // Without an empty line all of it may be meant as header or as body: it is read as both.
        let (headers_end, body_at) = header::end(part, opening.next).unwrap_or((end, opening.next));
        let mut content_type = MediaType::parse(b"text/plain");
        for header in Headers::new(part.get(opening.next..headers_end).unwrap_or_default()) {
            if header.name == HeaderName::ContentType {
                content_type = MediaType::parse(header.value);
            }
        }
        Some(Part { content_type, range: body_at..end })
    }

    /// The first delimiter line at or after `at`.
    fn delimiter(&self, bytes: &[u8], mut at: usize) -> Option<Delimiter> {
        let bytes = bytes.get(..self.end)?;
        while at < bytes.len() {
            let (line, next) = match Line::at(bytes, at) {
                Some(line) => (line.text, line.next),
                None => (bytes.get(at..)?, bytes.len()),
            };
            let after = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(self.boundary));
            if let Some(after) = after {
                let closing = after.starts_with(b"--");
                if trim(after.strip_prefix(b"--").unwrap_or(after)).is_empty() {
                    return Some(Delimiter { at, next, closing });
                }
            }
            at = next;
        }
        None
    }
}

fn before_break(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(..at).unwrap_or_default();
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before).len()
}
