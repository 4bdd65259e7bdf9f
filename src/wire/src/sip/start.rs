//! The start line, and the cheap look that tells SIP from everything else.

use super::SipError;
use super::value::{is_token, trim};

/// A method. Methods are case-sensitive (RFC 3261 section 7.1), but not to every receiver: one in small letters is read
/// as what it would be there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method<'a> {
    /// INVITE, RFC 3261
    Invite,
    /// ACK, RFC 3261
    Ack,
    /// BYE, RFC 3261
    Bye,
    /// CANCEL, RFC 3261
    Cancel,
    /// OPTIONS, RFC 3261
    Options,
    /// REGISTER, RFC 3261
    Register,
    /// PRACK, RFC 3262
    Prack,
    /// UPDATE, RFC 3311
    Update,
    /// INFO, RFC 6086
    Info,
    /// SUBSCRIBE, RFC 6665
    Subscribe,
    /// NOTIFY, RFC 6665
    Notify,
    /// REFER, RFC 3515
    Refer,
    /// MESSAGE, RFC 3428
    Message,
    /// PUBLISH, RFC 3903
    Publish,
    /// Any other token.
    Other(&'a [u8]),
}

const KNOWN: [(&[u8], Method<'static>); 14] = [
    (b"INVITE", Method::Invite),
    (b"ACK", Method::Ack),
    (b"BYE", Method::Bye),
    (b"CANCEL", Method::Cancel),
    (b"OPTIONS", Method::Options),
    (b"REGISTER", Method::Register),
    (b"PRACK", Method::Prack),
    (b"UPDATE", Method::Update),
    (b"INFO", Method::Info),
    (b"SUBSCRIBE", Method::Subscribe),
    (b"NOTIFY", Method::Notify),
    (b"REFER", Method::Refer),
    (b"MESSAGE", Method::Message),
    (b"PUBLISH", Method::Publish),
];

impl<'a> Method<'a> {
    /// The method written so.
    pub fn from_bytes(name: &'a [u8]) -> Self {
        KNOWN
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Method::Other(name), |(_, method)| *method)
    }

    /// As RFCs write it; another as it is written.
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Method::Other(name) => name,
            known => KNOWN.iter().find(|(_, method)| method == known).map_or(&[], |(name, _)| *name),
        }
    }
}

/// The first line of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// What is asked.
        method: Method<'a>,
        /// Of whom, as it was written.
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// The status code, 100–699.
        code: u16,
    },
}

const VERSION: &[u8] = b"SIP/2.0";

impl<'a> StartLine<'a> {
    /// Reads a line without its line break.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, SipError> {
        // More than one space, and spaces at the end, are faults that leave one meaning (RFC 4475 section 3.1.2.9).
        let line = trim(line);
        let (first, rest) = split_at_space(line).ok_or(SipError::StartLine)?;
        if is_version(first) {
            return if first.eq_ignore_ascii_case(VERSION) {
                Self::response(rest)
            } else {
                Err(SipError::Version)
            };
        }
        if !first.iter().copied().all(is_token) {
            return Err(SipError::StartLine);
        }
        let last = rest.iter().rposition(|&byte| is_space(byte)).ok_or(SipError::StartLine)?;
        let (uri, version) = rest.split_at_checked(last).ok_or(SipError::StartLine)?;
        let version = trim(version);
        if version.eq_ignore_ascii_case(VERSION) {
            Ok(StartLine::Request { method: Method::from_bytes(first), uri: trim(uri) })
        } else if is_version(version) {
            Err(SipError::Version)
        } else {
            Err(SipError::StartLine)
        }
    }

    fn response(rest: &'a [u8]) -> Result<Self, SipError> {
        let code = rest.split(|&byte| is_space(byte)).next().unwrap_or_default();
        match *code {
            [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
                Ok(StartLine::Response { code })
            }
            _ => Err(SipError::StatusCode),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_version(word: &[u8]) -> bool {
    word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

fn split_at_space(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|&byte| is_space(byte))?;
    let (first, rest) = line.split_at_checked(at)?;
    Some((first, trim(rest)))
}

/// How far [`looks_like`] reads to find `SIP/2.0` at the end of a request line whose method it does not know.
const LONGEST_START_LINE: usize = 2048;

/// Whether a UDP payload may be SIP: a known method and a space, `SIP/2.0` and a space, or any token and a first
/// line that ends in `SIP/2.0`. RTP, RTCP, STUN and DTLS are told apart by their first byte.
#[inline]
pub fn looks_like(payload: &[u8]) -> bool {
    match payload.first() {
        Some(&byte) if is_token(byte) || matches!(byte, b'\r' | b'\n') => looks_closer(payload),
        _ => false,
    }
}

fn looks_closer(payload: &[u8]) -> bool {
    let Some(begin) = payload.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else { return false };
    let payload = payload.get(begin..).unwrap_or_default();
    let window = payload.get(..LONGEST_START_LINE).unwrap_or(payload);
    let word = window.iter().take_while(|&&byte| is_token(byte) || byte == b'/').count();
    let (word, rest) = window.split_at_checked(word).unwrap_or_default();
    if !rest.first().copied().is_some_and(is_space) {
        return false;
    }
    if is_version(word) || KNOWN.iter().any(|(known, _)| known.eq_ignore_ascii_case(word)) {
        return true;
    }
    let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return false };
    let line = trim(rest.get(..end).unwrap_or_default());
    let version = line.len().checked_sub(VERSION.len()).and_then(|at| line.get(at..));
    version.is_some_and(|version| version.eq_ignore_ascii_case(VERSION))
}
