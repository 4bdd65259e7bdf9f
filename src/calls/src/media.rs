//! What an SDP body says about where its sender wants to receive audio, and in which formats.

use handover::{Endpoint, Format, FormatKind, Formats};
use wire::sdp::{Media, RtpMap, Session};
use wire::sip::Message;

/// How many `m=` lines are read of one body.
const LINES_READ: usize = 32;
/// How many audio lines are kept of it, those that are wanted first.
const LINES: usize = 8;
/// How many destinations of one audio line are kept besides the first: ICE candidates, ports of a port count.
const FURTHER: usize = 8;

/// One audio `m=` line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Line {
    /// Its place among the `m=` lines, by which an answer refers to it (RFC 3264 section 6).
    pub(crate) index: u8,
    /// What its payload types mean to whoever wrote it.
    pub(crate) formats: Formats,
    /// Encrypted media (SDES, DTLS-SRTP).
    pub(crate) encrypted: bool,
    /// Port 0: the stream is not wanted.
    pub(crate) rejected: bool,
    /// Where the media is to go; first the one of `m=` and `c=`. Empty while it is held by address (RFC 2543).
    pub(crate) endpoints: Vec<Endpoint>,
}

/// What is kept of a line for the formats of the other party's flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    pub(crate) index: u8,
    pub(crate) rejected: bool,
    pub(crate) formats: Formats,
}

/// All audio lines of a message's SDP.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Description {
    pub(crate) lines: Vec<Line>,
}

impl Description {
    /// What a message describes; `None` where it holds no SDP that can be read. Several descriptions (as in
    /// multipart/alternative) count as one with all their lines, since any of them may be chosen.
    pub(crate) fn of(message: &Message<'_>) -> Option<Self> {
        let mut lines = Vec::new();
        let mut found = false;
        for part in message.parts() {
            let typed = part.content_type.is("application", "sdp") || part.content_type.is_absent();
            if lines.len() >= LINES_READ {
                break;
            }
            if let Some(session) = typed.then(|| Session::new_checked(message.part(&part)).ok()).flatten() {
                found = true;
                let media = session.media().take(LINES_READ).enumerate();
                let audio = media.filter(|(_, media)| media.is_audio());
                lines.extend(audio.map(|(index, media)| line(index, &media)));
            }
        }
        lines.sort_by_key(|line| line.rejected);
        lines.truncate(LINES);
        found.then_some(Description { lines })
    }

    /// What is kept of it.
    pub(crate) fn described(&self) -> Vec<Described> {
        let kept =
            |line: &Line| Described { index: line.index, rejected: line.rejected, formats: line.formats };
        self.lines.iter().map(kept).collect()
    }
}

fn line(index: usize, media: &Media<'_>) -> Line {
    let mut endpoints = Vec::new();
    let mut add = |endpoint: Endpoint| {
        if endpoint.port != 0 && !endpoint.is_unspecified() && !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    };
    if media.port() != 0 {
        if let Some(address) = media.connection() {
            let steps = (0..media.port_count().clamp(1, FURTHER as u16)).map(|step| step * 2);
            steps
                .filter_map(|step| media.port().checked_add(step))
                .for_each(|port| add(Endpoint::new(address, port)));
        }
        media.candidates().take(FURTHER).for_each(|(address, port)| add(Endpoint::new(address, port)));
    }
    endpoints.truncate(1 + FURTHER);
    Line {
        index: u8::try_from(index).unwrap_or(u8::MAX),
        formats: formats(media),
        encrypted: media.is_encrypted(),
        rejected: media.port() == 0,
        endpoints,
    }
}

/// Events and redundancy first. They count even where the `m=` line forgot to list them: a sender may use them.
fn formats(media: &Media<'_>) -> Formats {
    let mut mapped = [None; 128];
    let mut formats = Formats::default();
    for (payload_type, map) in media.rtpmaps() {
        if let Some(slot @ None) = mapped.get_mut(usize::from(payload_type)) {
            let format = mapped_format(payload_type, &map);
            *slot = Some(format);
            if is_first(format) {
                formats.push(format);
            }
        }
    }
    for payload_type in media.formats().take(mapped.len()) {
        let mapped = mapped.get(usize::from(payload_type)).copied().flatten();
        formats.push(mapped.unwrap_or_else(|| static_format(payload_type)));
    }
    formats
}

fn is_first(format: Format) -> bool {
    matches!(format.kind, FormatKind::TelephoneEvent | FormatKind::Redundancy)
}

fn mapped_format(payload_type: u8, map: &RtpMap<'_>) -> Format {
    let names: [(&[u8], FormatKind); 7] = [
        (b"telephone-event", FormatKind::TelephoneEvent),
        (b"red", FormatKind::Redundancy),
        (b"PCMU", FormatKind::Pcmu),
        (b"PCMA", FormatKind::Pcma),
        (b"G722", FormatKind::G722),
        (b"L16", FormatKind::L16),
        (b"CN", FormatKind::ComfortNoise),
    ];
    let found = names.iter().find(|(name, _)| map.encoding.eq_ignore_ascii_case(name));
    Format {
        payload_type,
        kind: found.map_or(FormatKind::Other, |(_, kind)| *kind),
        clock_khz: u8::try_from(map.clock / 1000).unwrap_or(u8::MAX),
    }
}

/// The payload types that need no `a=rtpmap` (RFC 3551 section 6, table 4).
fn static_format(payload_type: u8) -> Format {
    let (kind, clock_khz) = match payload_type {
        0 => (FormatKind::Pcmu, 8),
        8 => (FormatKind::Pcma, 8),
        9 => (FormatKind::G722, 8),
        10 | 11 => (FormatKind::L16, 44),
        13 => (FormatKind::ComfortNoise, 8),
        _ => (FormatKind::Other, 8),
    };
    Format { payload_type, kind, clock_khz }
}

/// The formats of several sources, of which an earlier one's meaning of a payload type stands; over all of them
/// events and redundancy come first, since only so many fit.
pub(crate) fn merged<'a>(sources: impl Iterator<Item = &'a Formats> + Clone) -> Formats {
    let mut formats = Formats::default();
    for (rank, source) in sources.clone().enumerate() {
        for format in source.iter().filter(|format| is_first(*format)) {
            let taken = sources.clone().take(rank).any(|earlier| earlier.get(format.payload_type).is_some());
            if !taken {
                formats.push(format);
            }
        }
    }
    for format in sources.flat_map(Formats::iter) {
        formats.push(format);
    }
    formats
}

/// The events and redundancy of several sources: what is remembered of formats that were superseded.
pub(crate) fn merged_events(earlier: [&Formats; 2]) -> Formats {
    let mut formats = Formats::default();
    for format in earlier.into_iter().flat_map(Formats::iter).filter(|format| is_first(*format)) {
        formats.push(format);
    }
    formats
}

#[cfg(test)]
mod tests;
