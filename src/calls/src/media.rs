//! What an SDP body says about where its sender wants to receive audio, and in which formats.

use handover::{Endpoint, Format, FormatKind, Formats};
use wire::sdp::{Media, RtpMap, Session};
use wire::sip::{MediaType, Message};

/// How many `m=` lines are read of one body.
const LINES_READ: usize = 32;
/// How many audio lines are kept of it, those that are wanted first.
const LINES: usize = 8;
/// How many destinations of one audio line are kept besides the first: ICE candidates, ports of a port count.
const FURTHER: usize = 8;

/// Whether the media of a line is encrypted, as far as whoever wrote it is concerned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Encryption {
    /// It is not.
    Plain,
    /// Keys stand beside a profile of plain media: it is if the other party has keys, too.
    Offered,
    /// The profile is one of encrypted media.
    Profile,
}

impl Encryption {
    fn of(media: &Media<'_>) -> Self {
        if media.is_encrypted() {
            Encryption::Profile
        } else if media.offers_encryption() {
            Encryption::Offered
        } else {
            Encryption::Plain
        }
    }

    /// Whether media to this party is, with what the other one says of the same line.
    pub(crate) fn with(self, other: Encryption) -> bool {
        self == Encryption::Profile || self.min(other) == Encryption::Offered
    }
}

/// One audio `m=` line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Line {
    /// Its place among the `m=` lines, by which an answer refers to it (RFC 3264 section 6).
    pub(crate) index: u8,
    /// What its payload types mean to whoever wrote it.
    pub(crate) formats: Formats,
    pub(crate) encryption: Encryption,
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
    pub(crate) encryption: Encryption,
    pub(crate) formats: Formats,
}

/// All audio lines of a message's SDP.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Description {
    pub(crate) lines: Vec<Line>,
    /// Whether there was a description that could be read.
    pub(crate) found: bool,
    /// Whether all that it says of audio is here, and nobody else may read it otherwise.
    pub(crate) complete: bool,
}

impl Description {
    /// What a message describes. Several descriptions (as in multipart/alternative) count as one with all their
    /// lines, since any of them may be chosen.
    pub(crate) fn of(message: &Message<'_>) -> Self {
        // What a receiver reads that does not heed Content-Length is not followed.
        let mut read =
            Description { complete: !contains(message.surplus(), b"m="), ..Description::default() };
        for part in message.parts() {
            match Carrier::of(&part.content_type) {
                Carrier::Description => read.take(message.part(&part)),
                Carrier::Unknown => read.complete = false,
                Carrier::Nothing => {}
            }
        }
        read.lines.sort_by_key(|line| line.rejected);
        read.complete &= read.lines.iter().skip(LINES).all(|line| line.rejected);
        read.lines.truncate(LINES);
        read
    }

    fn take(&mut self, body: &[u8]) {
        let Ok(session) = Session::new_checked(body) else {
            self.complete = false;
            return;
        };
        self.found = true;
        self.complete &= !session.is_doubtful();
        for (index, media) in session.media().enumerate() {
            if index >= LINES_READ || self.lines.len() >= LINES_READ {
                self.complete = false;
                return;
            }
            self.complete &= !media.is_doubtful();
            if media.is_audio() {
                let (line, complete) = line(index, &media);
                self.complete &= complete;
                self.lines.push(line);
            }
        }
    }

    /// What is kept of it.
    pub(crate) fn described(&self) -> Vec<Described> {
        let kept = |line: &Line| Described {
            index: line.index,
            rejected: line.rejected,
            encryption: line.encryption,
            formats: line.formats,
        };
        self.lines.iter().map(kept).collect()
    }
}

/// What a body may carry.
enum Carrier {
    /// A description, or what somebody may take for one.
    Description,
    /// What cannot be looked into.
    Unknown,
    Nothing,
}

impl Carrier {
    fn of(media_type: &MediaType<'_>) -> Self {
        let is = |kind: &[u8], word: &[u8]| kind.eq_ignore_ascii_case(word);
        if media_type.is_absent() || contains(media_type.kind, b"sdp") || contains(media_type.subtype, b"sdp")
        {
            Carrier::Description
        } else if is(media_type.kind, b"multipart")
            || is(media_type.subtype, b"pkcs7-mime")
            || is(media_type.subtype, b"x-pkcs7-mime")
        {
            Carrier::Unknown
        } else {
            Carrier::Nothing
        }
    }
}

/// Whether a word in small letters stands in a text, in any case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|here| here.eq_ignore_ascii_case(word))
}

/// An audio line, and whether all its destinations are in it.
fn line(index: usize, media: &Media<'_>) -> (Line, bool) {
    let mut endpoints = Vec::new();
    let mut complete = true;
    let mut add = |endpoint: Endpoint| {
        if endpoint.port != 0 && !endpoint.is_unspecified() && !endpoints.contains(&endpoint) {
            if endpoints.len() <= FURTHER {
                endpoints.push(endpoint);
            } else {
                complete = false;
            }
        }
    };
    if media.port() != 0 {
        let ports = || (0..=FURTHER as u16).map(|step| media.port().checked_add(step * 2));
        let ports = || ports().take(usize::from(media.port_count().max(1))).map_while(|port| port);
        for address in media.connections().take(FURTHER + 1) {
            ports().for_each(|port| add(Endpoint::new(address, port)));
        }
        media.candidates().for_each(|(address, port)| add(Endpoint::new(address, port)));
        complete &= usize::from(media.port_count()) <= FURTHER + 1;
    }
    let line = Line {
        index: u8::try_from(index).unwrap_or(u8::MAX),
        formats: formats(media),
        encryption: Encryption::of(media),
        rejected: media.port() == 0,
        endpoints,
    };
    (line, complete)
}

/// Events and redundancy first. They count even where the `m=` line forgot to list them, and where another meaning of
/// the type stands before them: a sender may use them. A dynamic type that is not mapped is left out, so that what
/// comes under it is judged by what it looks like.
fn formats(media: &Media<'_>) -> Formats {
    let mut mapped = [None; 128];
    let mut formats = Formats::default();
    for (payload_type, map) in media.rtpmaps() {
        let Some(slot) = mapped.get_mut(usize::from(payload_type)) else { continue };
        let format = mapped_format(payload_type, &map);
        if slot.is_none_or(|known| !is_first(known) && is_first(format)) {
            *slot = Some(format);
        }
    }
    mapped.iter().flatten().filter(|format| is_first(**format)).for_each(|format| {
        formats.push(*format);
    });
    for payload_type in media.formats().take(mapped.len()) {
        let mapped = mapped.get(usize::from(payload_type)).copied().flatten();
        if let Some(format) = mapped.or_else(|| static_format(payload_type)) {
            formats.push(format);
        }
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
    let kind = found.map_or(FormatKind::Other, |(_, kind)| *kind);
    let is_samples = matches!(kind, FormatKind::Pcmu | FormatKind::Pcma | FormatKind::G722 | FormatKind::L16);
    Format {
        payload_type,
        // Several channels are interleaved, which is another coding.
        kind: if map.channels > 1 && is_samples { FormatKind::Other } else { kind },
        clock_khz: u8::try_from(map.clock / 1000).unwrap_or(u8::MAX).max(1),
    }
}

/// The payload types that need no `a=rtpmap` (RFC 3551 section 6, tables 4 and 5).
fn static_format(payload_type: u8) -> Option<Format> {
    let (kind, clock_khz) = match payload_type {
        0 => (FormatKind::Pcmu, 8),
        8 => (FormatKind::Pcma, 8),
        9 => (FormatKind::G722, 8),
        10 | 11 => (FormatKind::L16, 44),
        13 => (FormatKind::ComfortNoise, 8),
        _ if payload_type <= 34 => (FormatKind::Other, 8),
        _ => return None,
    };
    Some(Format { payload_type, kind, clock_khz })
}

/// The formats of several sources, of which an earlier one's meaning of a payload type stands. But whatever any of
/// them calls an event, or redundancy, is that: parties number their types each for themselves, some send by their
/// own numbers, and audio that is taken for an event is told by its length. These come first, since only so many fit.
pub(crate) fn merged<'a>(sources: impl Iterator<Item = &'a Formats> + Clone) -> Formats {
    let mut formats = Formats::default();
    let all = || sources.clone().flat_map(Formats::iter);
    for format in all().filter(|format| is_first(*format)).chain(all()) {
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
