//! Session descriptions (RFC 8866) as offer and answer use them (RFC 3264), as views over the bytes of a body.
//!
//! After [`Session::new_checked`] every media description has a kind and a port. No accessor panics or allocates,
//! whatever the bytes; each walks over its part of the description. Lines end in LF, with or without CR; what is not
//! known is left out.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a body is no session description that can be followed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SdpError {
    /// It does not begin with `v=` (RFC 8866 section 5.1).
    NoVersion,
    /// An `m=` line without a port between 0 and 65535 (RFC 8866 section 5.14).
    MediaLine,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SdpError::NoVersion => "it does not begin with v=",
            SdpError::MediaLine => "an m= line without a port between 0 and 65535",
        })
    }
}

impl core::error::Error for SdpError {}

/// A session description.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    session: Lines<'a>,
    media: Lines<'a>,
}

impl<'a> Session<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it does not begin with `v=`, or where an `m=` line has no port.
    pub fn new_checked(body: &'a [u8]) -> Result<Self, SdpError> {
        let all = Lines { rest: body };
        if all.into_iter().next().is_none_or(|line| line.kind != b'v') {
            return Err(SdpError::NoVersion);
        }
        let (session, media) = all.until_media();
        let read = Session { session, media };
        for line in media.filter(|line| line.kind == b'm') {
            MediaLine::parse(line.value).ok_or(SdpError::MediaLine)?;
        }
        Ok(read)
    }

    /// The media descriptions in their order, rejected ones (port 0) included: their place is what an answer's
    /// refers to (RFC 3264 section 6).
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        let session = self.session;
        let mut rest = self.media;
        core::iter::from_fn(move || {
            let line = MediaLine::parse(rest.next()?.value)?;
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

    /// The port on which the describer receives; 0 rejects or removes the stream.
    pub fn port(&self) -> u16 {
        self.line.port
    }

    /// How many ports in steps of two, mostly 1.
    pub fn port_count(&self) -> u16 {
        self.line.port_count
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

    /// The payload types of the `m=` line in their order; what is no number from 0 to 127 is left out.
    pub fn formats(&self) -> impl Iterator<Item = u8> + use<'a> {
        words(self.line.formats).filter_map(payload_type)
    }

    /// The address at which the describer receives: the media's, else the session's (RFC 8866 section 5.7). `None`
    /// where it is missing or a name.
    pub fn connection(&self) -> Option<IpAddr> {
        let own = self.lines.find(|line| line.kind == b'c');
        own.or_else(|| self.session.find(|line| line.kind == b'c')).and_then(|line| connection(line.value))
    }

    /// What a payload type means.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap<'a>> {
        self.rtpmaps().find(|(mapped, _)| *mapped == payload_type).map(|(_, map)| map)
    }

    /// All `a=rtpmap` in their order.
    pub fn rtpmaps(&self) -> impl Iterator<Item = (u8, RtpMap<'a>)> + use<'a> {
        attributes(self.lines, b"rtpmap").filter_map(|value| {
            let mut words = words(value);
            let payload_type = payload_type(words.next()?)?;
            let mut parts = words.next()?.split(|&byte| byte == b'/');
            let encoding = parts.next()?;
            let clock = parts.next().and_then(number)?;
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
        Some((port, words.next().and_then(connection)))
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
        attributes(self.lines, b"candidate").filter_map(|value| {
            // foundation, component, transport, priority, address, port
            let mut words = words(value);
            let component = words.nth(1)?;
            let transport = words.next()?;
            let address = words.nth(1).and_then(address)?;
            let port = words.next().and_then(number).and_then(|port| u16::try_from(port).ok())?;
            (component == b"1" && transport.eq_ignore_ascii_case(b"udp")).then_some((address, port))
        })
    }
}

/// Without the attributes, as [`Session`].
impl fmt::Debug for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media").field("port", &self.line.port).finish_non_exhaustive()
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

    fn find(mut self, wanted: impl Fn(&Line<'a>) -> bool) -> Option<Line<'a>> {
        Iterator::find(&mut self, wanted)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|&byte| byte == b'\n').unwrap_or(self.rest.len());
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
    port: u16,
    port_count: u16,
    profile: &'a [u8],
    formats: &'a [u8],
}

impl<'a> MediaLine<'a> {
    /// Profile and formats may be missing: some reject a stream so.
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (kind, rest) = word(value)?;
        let (ports, rest) = word(rest)?;
        let mut ports = ports.split(|&byte| byte == b'/');
        let port = ports.next().and_then(number).and_then(|port| u16::try_from(port).ok())?;
        let port_count = ports.next().and_then(number).and_then(|count| u16::try_from(count).ok());
        let (profile, formats) = word(rest).unwrap_or_default();
        Some(MediaLine { kind, port, port_count: port_count.unwrap_or(1), profile, formats })
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

/// The address of `IN IP4 192.0.2.1` or `IN IP6 2001:db8::1`, a multicast TTL or count left out.
fn connection(value: &[u8]) -> Option<IpAddr> {
    let mut words = words(value);
    let (network, kind) = (words.next()?, words.next()?);
    let known = network.eq_ignore_ascii_case(b"IN")
        && (kind.eq_ignore_ascii_case(b"IP4") || kind.eq_ignore_ascii_case(b"IP6"));
    address(words.next()?.split(|&byte| byte == b'/').next()?).filter(|_| known)
}

fn address(word: &[u8]) -> Option<IpAddr> {
    if word.contains(&b':') {
        let word = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")).unwrap_or(word);
        return core::str::from_utf8(word).ok()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let mut octets = [0; 4];
    let mut parts = word.split(|&byte| byte == b'.');
    for octet in &mut octets {
        // Padded octets (192.000.002.001) are decimal here, as phones that write them mean it.
        *octet = parts.next().and_then(number).and_then(|number| u8::try_from(number).ok())?;
    }
    parts.next().is_none().then_some(IpAddr::V4(Ipv4Addr::from(octets)))
}

#[cfg(test)]
mod tests;
