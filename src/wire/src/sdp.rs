//! Session descriptions (RFC 8866) as offer and answer use them (RFC 3264), as views over the bytes of a body.
//!
//! No accessor panics or allocates, whatever the bytes; each walks over its part of the description. Lines end in LF,
//! CR, or both; what is not known is left out. A description that one receiver may read otherwise than another is
//! read all the same, and [`Session::is_doubtful`] and [`Media::is_doubtful`] say so.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a body is no session description that can be followed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SdpError {
    /// It does not begin with `v=` (RFC 8866 section 5.1).
    NoVersion,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SdpError::NoVersion => "it does not begin with v=",
        })
    }
}

impl core::error::Error for SdpError {}

/// A session description.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    body: &'a [u8],
    session: Lines<'a>,
    media: Lines<'a>,
}

impl<'a> Session<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it does not begin with `v=`.
    pub fn new_checked(body: &'a [u8]) -> Result<Self, SdpError> {
        let all = Lines { rest: body };
        if all.into_iter().next().is_none_or(|line| line.kind != b'v') {
            return Err(SdpError::NoVersion);
        }
        let (session, media) = all.until_media();
        Ok(Session { body, session, media })
    }

    /// Whether others may see other lines in it: carriage returns within a line, which end it for some only, and
    /// lines that are no `x=value` with a small letter.
    pub fn is_doubtful(&self) -> bool {
        let is_line = |line: &[u8]| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let read = matches!(line, [kind, b'=', ..] if kind.is_ascii_lowercase());
            !line.contains(&b'\r') && (read || line.trim_ascii().is_empty())
        };
        !self.body.split(|&byte| byte == b'\n').all(is_line)
    }

    /// The media descriptions in their order, rejected ones (port 0) included: their place is what an answer's
    /// refers to (RFC 3264 section 6).
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        let session = self.session;
        let mut rest = self.media;
        core::iter::from_fn(move || {
            let line = MediaLine::parse(rest.next()?.value);
            let (lines, following) = rest.until_media();
            rest = following;
            Some(Media { line, lines, session })
        })
    }
}

/// Without the values: SDES keys are among them (RFC 4568).
impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("media", &self.media().count()).finish_non_exhaustive()
    }
}

/// The direction of a stream as its describer sees it (RFC 8866 section 6.7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Direction {
    /// `sendrecv`
    #[default]
    SendReceive,
    /// `sendonly`
    SendOnly,
    /// `recvonly`
    ReceiveOnly,
    /// `inactive`
    Inactive,
}

/// What an `a=rtpmap` says (RFC 8866 section 6.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtpMap<'a> {
    /// The encoding's name, any case.
    pub encoding: &'a [u8],
    /// The RTP clock in Hz.
    pub clock: u32,
    /// Audio channels; 1 where none are given.
    pub channels: u8,
}

/// A media description: an `m=` line and what belongs to it.
#[derive(Clone, Copy)]
pub struct Media<'a> {
    line: MediaLine<'a>,
    lines: Lines<'a>,
    session: Lines<'a>,
}

impl<'a> Media<'a> {
    /// `audio`, `video`, `image`, `text`, …
    pub fn kind(&self) -> &'a [u8] {
        self.line.kind
    }

    /// Whether it is audio.
    pub fn is_audio(&self) -> bool {
        self.line.kind.eq_ignore_ascii_case(b"audio")
    }

    /// The port on which the describer receives; 0 rejects or removes the stream, and stands for one that is no
    /// number up to 65535.
    pub fn port(&self) -> u16 {
        self.line.port.unwrap_or_default()
    }

    /// Whether a part of what tells where its media goes cannot be read, or may be read otherwise: a port that is no
    /// number, an address that is missing, a name, or has zeros in front (octal to some), a way of giving addresses
    /// that is not followed (RFC 6947, RFC 7006). Only kind and port count where the stream is rejected.
    pub fn is_doubtful(&self) -> bool {
        let MediaLine { port, port_count, .. } = self.line;
        match port {
            Some(0) => false,
            Some(_) => port_count.is_none() || self.is_audio() && self.is_doubtfully_addressed(),
            None => true,
        }
    }

    fn is_doubtfully_addressed(&self) -> bool {
        let is_plain = |line: &Line<'a>| connection(line.value).is_some_and(|(_, plain)| plain);
        let own = || self.lines.filter(|line| line.kind == b'c');
        let of_session = || self.session.filter(|line| line.kind == b'c');
        let addressed = if own().next().is_some() {
            own().all(|line| is_plain(&line))
        } else {
            of_session().next().is_some() && of_session().all(|line| is_plain(&line))
        };
        let candidates = attributes(self.lines, b"candidate").all(|value| {
            candidate(value).is_none_or(|candidate| candidate.is_some_and(|(_, _, plain)| plain))
        });
        let elsewhere =
            [&b"altc"[..], b"ccap"].iter().any(|name| attributes(self.lines, name).next().is_some());
        !addressed || !candidates || elsewhere
    }

    /// How many ports in steps of two, mostly 1.
    pub fn port_count(&self) -> u16 {
        self.line.port_count.unwrap_or(1)
    }

    /// The transport, as `RTP/AVP`; empty where none is given.
    pub fn profile(&self) -> &'a [u8] {
        self.line.profile
    }

    /// Whether the profile is of encrypted media: SRTP (RFC 3711, 5124, 5764) or anything over TLS or DTLS.
    pub fn is_encrypted(&self) -> bool {
        self.line.profile.split(|&byte| byte == b'/').any(|word| {
            [&b"SAVP"[..], b"SAVPF", b"TLS", b"DTLS"].iter().any(|name| word.eq_ignore_ascii_case(name))
        })
    }

    /// Whether keys for encrypted media are offered beside the profile, whatever that is: SDES (RFC 4568), DTLS-SRTP
    /// (RFC 5763), ZRTP (RFC 6189 section 8), or another profile to choose (RFC 5939 section 3.5.1).
    pub fn offers_encryption(&self) -> bool {
        [&b"crypto"[..], b"fingerprint", b"zrtp-hash", b"pcfg"]
            .iter()
            .any(|name| attributes(self.lines, name).chain(attributes(self.session, name)).next().is_some())
    }

    /// The payload types of the `m=` line in their order; what is no number from 0 to 127 is left out.
    pub fn formats(&self) -> impl Iterator<Item = u8> + use<'a> {
        words(self.line.formats).filter_map(payload_type)
    }

    /// The address at which the describer receives: the media's, else the session's (RFC 8866 section 5.7). `None`
    /// where it is missing or a name.
    pub fn connection(&self) -> Option<IpAddr> {
        self.connections().next()
    }

    /// All such addresses, mostly one: there may be more for multicast only, but who knows which of them is used. The
    /// session's count too where one of the media's cannot be read.
    pub fn connections(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let read = |line: Line<'a>| connection(line.value).map(|(address, _)| address);
        let mut own = self.lines.filter(|line| line.kind == b'c').map(read).peekable();
        let all_read = own.peek().is_some()
            && self.lines.filter(|line| line.kind == b'c').all(|line| read(line).is_some());
        let session = self.session.filter(|line| line.kind == b'c').map(read);
        own.chain(session.take_while(move |_| !all_read)).flatten()
    }

    /// What a payload type means.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap<'a>> {
        self.rtpmaps().find(|(mapped, _)| *mapped == payload_type).map(|(_, map)| map)
    }

    /// All `a=rtpmap` in their order, those that stand where only session attributes should last. A missing clock is
    /// taken for 8000 Hz, as it is by those who leave it out.
    pub fn rtpmaps(&self) -> impl Iterator<Item = (u8, RtpMap<'a>)> + use<'a> {
        attributes(self.lines, b"rtpmap").chain(attributes(self.session, b"rtpmap")).filter_map(|value| {
            let mut words = words(value);
            let payload_type = payload_type(words.next()?)?;
            let mut parts = words.next()?.split(|&byte| byte == b'/');
            let encoding = parts.next()?;
            let clock = parts.next().and_then(number).unwrap_or(8000);
            let channels = parts.next().and_then(number).and_then(|channels| u8::try_from(channels).ok());
            Some((payload_type, RtpMap { encoding, clock, channels: channels.unwrap_or(1) }))
        })
    }

    /// The format parameters of a payload type (RFC 8866 section 6.15).
    pub fn fmtp(&self, wanted: u8) -> Option<&'a [u8]> {
        attributes(self.lines, b"fmtp").find_map(|value| {
            let mut words = value.splitn(2, |&byte| is_space(byte));
            let of = payload_type(words.next()?)?;
            (of == wanted).then(|| words.next().unwrap_or_default().trim_ascii())
        })
    }

    /// The packet time wished for, in ms (RFC 8866 section 6.4).
    pub fn ptime(&self) -> Option<u16> {
        let value = attributes(self.lines, b"ptime").next()?;
        u16::try_from(number(value)?).ok()
    }

    /// Where RTCP goes, if not to the next port (RFC 3605).
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        let mut words = attributes(self.lines, b"rtcp").next()?.splitn(2, |&byte| is_space(byte));
        let port = number(words.next()?).and_then(|port| u16::try_from(port).ok())?;
        Some((port, words.next().and_then(connection).map(|(address, _)| address)))
    }

    /// Whether RTP and RTCP may share the port (RFC 5761).
    pub fn rtcp_mux(&self) -> bool {
        attributes(self.lines, b"rtcp-mux").next().is_some()
    }

    /// The direction: the media's, else the session's, else both ways.
    pub fn direction(&self) -> Direction {
        let find = |lines: Lines<'a>| {
            [
                (&b"sendrecv"[..], Direction::SendReceive),
                (b"sendonly", Direction::SendOnly),
                (b"recvonly", Direction::ReceiveOnly),
                (b"inactive", Direction::Inactive),
            ]
            .into_iter()
            .find_map(|(name, direction)| attributes(lines, name).next().map(|_| direction))
        };
        find(self.lines).or_else(|| find(self.session)).unwrap_or_default()
    }

    /// The addresses and ports of the ICE candidates for RTP over UDP (RFC 8839 section 5.1): with ICE, media may go
    /// to any of them. Names (mDNS) are left out.
    pub fn candidates(&self) -> impl Iterator<Item = (IpAddr, u16)> + use<'a> {
        attributes(self.lines, b"candidate")
            .filter_map(|value| candidate(value).flatten().map(|(address, port, _)| (address, port)))
    }
}

/// Without the attributes, as [`Session`].
impl fmt::Debug for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media").field("port", &self.port()).finish_non_exhaustive()
    }
}

/// One `x=value` line, white space around the value left out.
struct Line<'a> {
    kind: u8,
    value: &'a [u8],
}

/// The lines of (a part of) a description; what is no `x=value` line is left out.
#[derive(Clone, Copy)]
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    /// What stands before the next `m=` line, and the rest from that line on.
    fn until_media(self) -> (Lines<'a>, Lines<'a>) {
        let mut ahead = self;
        loop {
            let here = ahead.rest;
            if ahead.next().is_none_or(|line| line.kind == b'm') {
                let before = self.rest.len() - here.len();
                return (Lines { rest: self.rest.get(..before).unwrap_or_default() }, Lines { rest: here });
            }
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        while !self.rest.is_empty() {
            let is_break = |&byte: &u8| matches!(byte, b'\n' | b'\r');
            let end = self.rest.iter().position(is_break).unwrap_or(self.rest.len());
            let (line, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest.get(1..).unwrap_or_default();
            if let [kind, b'=', value @ ..] = line {
                return Some(Line { kind: *kind, value: value.trim_ascii() });
            }
        }
        None
    }
}

#[derive(Clone, Copy)]
struct MediaLine<'a> {
    kind: &'a [u8],
    /// `None` where it is no number up to 65535.
    port: Option<u16>,
    /// `None` where it is there and no such number.
    port_count: Option<u16>,
    profile: &'a [u8],
    formats: &'a [u8],
}

impl<'a> MediaLine<'a> {
    /// Profile and formats may be missing: some reject a stream so.
    fn parse(value: &'a [u8]) -> Self {
        let (kind, rest) = word(value).unwrap_or_default();
        let (ports, rest) = word(rest).unwrap_or_default();
        let mut ports = ports.split(|&byte| byte == b'/');
        let port = ports.next().and_then(number).and_then(|port| u16::try_from(port).ok());
        let port_count = ports.next().map_or(Some(1), |count| u16::try_from(number(count)?).ok());
        let (profile, formats) = word(rest).unwrap_or_default();
        MediaLine { kind, port, port_count, profile, formats }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The first word and what follows it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|&byte| is_space(byte)).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| is_space(byte)).filter(|word| !word.is_empty())
}

/// The values of the `a=` lines of that name; empty for those without one.
fn attributes<'a>(lines: Lines<'a>, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    lines.filter(|line| line.kind == b'a').filter_map(move |line| {
        let (start, rest) = line.value.split_at_checked(name.len())?;
        let rest = if rest.is_empty() { rest } else { rest.trim_ascii_start().strip_prefix(b":")? };
        start.eq_ignore_ascii_case(name).then(|| rest.trim_ascii())
    })
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |number, digit| {
        digit.is_ascii_digit().then_some(())?;
        number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    })
}

fn payload_type(word: &[u8]) -> Option<u8> {
    number(word).and_then(|number| u8::try_from(number).ok()).filter(|number| *number < 128)
}

/// The address of `IN IP4 192.0.2.1` or `IN IP6 2001:db8::1`, a multicast TTL or count left out, and whether it means
/// the same to everybody.
fn connection(value: &[u8]) -> Option<(IpAddr, bool)> {
    let mut words = words(value);
    let (network, kind) = (words.next()?, words.next()?);
    let known = network.eq_ignore_ascii_case(b"IN")
        && (kind.eq_ignore_ascii_case(b"IP4") || kind.eq_ignore_ascii_case(b"IP6"));
    address(words.next()?.split(|&byte| byte == b'/').next()?).filter(|_| known)
}

/// Address and port of an ICE candidate, and whether the address means the same to everybody. `None` where the
/// candidate is not for RTP over UDP, `Some(None)` where its address or port cannot be read.
#[expect(clippy::option_option, reason = "no candidate of ours, and one that cannot be read")]
fn candidate(value: &[u8]) -> Option<Option<(IpAddr, u16, bool)>> {
    // foundation, component, transport, priority, address, port
    let mut words = words(value);
    let component = words.nth(1)?;
    let transport = words.next()?;
    if component != b"1" || !transport.eq_ignore_ascii_case(b"udp") {
        return None;
    }
    let (at, port) = (words.nth(1).and_then(address), words.next().and_then(number));
    let port = port.and_then(|port| u16::try_from(port).ok());
    Some(at.zip(port).map(|((address, plain), port)| (address, port, plain)))
}

/// An address, and whether it means the same to everybody.
fn address(word: &[u8]) -> Option<(IpAddr, bool)> {
    if word.contains(&b':') {
        let word = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")).unwrap_or(word);
        return Some((core::str::from_utf8(word).ok()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)?, true));
    }
    let mut octets = [0; 4];
    let mut plain = true;
    let mut parts = word.split(|&byte| byte == b'.');
    for octet in &mut octets {
        // Padded octets (192.000.002.001) are decimal here, as phones that write them mean it; to inet_aton they are
        // octal.
        let part = parts.next()?;
        plain &= part.len() == 1 || !part.starts_with(b"0");
        *octet = number(part).and_then(|number| u8::try_from(number).ok())?;
    }
    parts.next().is_none().then_some((IpAddr::V4(Ipv4Addr::from(octets)), plain))
}

#[cfg(test)]
mod tests;
