//! A scene sent through `replay`, and what came of it.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use calls::SecureDefault;
use handover::{Counter, Instant, MaskKey, Side, Transport};
use replay::capture::{Reader, Record};
use replay::{Options, ReplayError, Report};
use secret::{Digit, Pad};

use crate::leg::CARRIER;
use crate::scene::{self, Carries, Sent};
use crate::seed::Seed;
use crate::seen::{self, Seen};

/// A captured press, opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenPress {
    /// The key in ASCII.
    pub key: u8,
    /// How it came.
    pub transport: Transport,
    /// Who pressed it.
    pub from: Side,
    /// When.
    pub onset: Instant,
    /// In which slot of the call table its call was.
    pub call: u32,
    /// How loud a tone was, in dBm0.
    pub level: Option<i8>,
}

/// What a replay gave.
#[derive(Clone, Debug)]
pub struct Played {
    /// What left, in order.
    pub left: Vec<Record>,
    /// The file that it was written to.
    pub capture: Vec<u8>,
    /// The presses in the order in which they were reported.
    pub presses: Vec<OpenPress>,
    /// The counts.
    pub report: Report,
}

/// A pad whose page is told by a seed.
pub fn pad() -> Pad {
    Pad::new(|page| {
        page.copy_from_slice(&Seed::new(7).bytes(page.len()));
        Ok(())
    })
    .expect("a page may be locked")
}

/// Replays a capture.
///
/// # Errors
/// Those of the replay.
pub fn play_capture(capture: &[u8], carrier: &str, secure: SecureDefault) -> Result<Played, ReplayError> {
    play_capture_with(capture, carrier, secure, |_| {})
}

/// Replays a capture with options that were changed by `change`.
///
/// # Errors
/// Those of the replay.
pub fn play_capture_with(
    capture: &[u8],
    carrier: &str,
    secure: SecureDefault,
    change: impl FnOnce(&mut Options),
) -> Result<Played, ReplayError> {
    let pad = pad();
    let mut written = Vec::new();
    let mut presses = Vec::new();
    let mut options = Options::new(carrier.parse().expect("a range"), secure, pad.clone());
    change(&mut options);
    let report = replay::run(capture, &mut written, options, &mut |press| {
        presses.push(OpenPress {
            key: pad.open(press.digit).expect("this pad sealed it").reveal(),
            transport: press.transport,
            from: press.from,
            onset: press.onset,
            call: press.call.slot,
            level: press.level,
        });
    })?;
    let mut left = Vec::new();
    let mut reader = Reader::new(&written[..]).expect("what replay wrote can be read");
    while let Some(record) = reader.next_record().expect("what replay wrote can be read") {
        left.push(record);
    }
    Ok(Played { left, capture: written, presses, report })
}

/// Replays frames in the order in which they are given.
pub fn play(sent: &[Sent], secure: SecureDefault) -> Played {
    play_from(sent, CARRIER, secure)
}

/// The same, with another range of the carrier's.
pub fn play_from(sent: &[Sent], carrier: &str, secure: SecureDefault) -> Played {
    play_capture(&scene::capture(sent), carrier, secure).expect("a scene is a capture")
}

impl Played {
    /// The keys captured, in order, by one transport.
    pub fn keys(&self, transport: Transport) -> Vec<u8> {
        self.presses.iter().filter(|press| press.transport == transport).map(|press| press.key).collect()
    }

    /// Holds what left against what arrived: all of it, within each stream in order, each frame as long as it was; those without
    /// keys of the cardholder's bit for bit, but for cells of audio in a secured stream that are replaced; those with keys with
    /// a payload that says nothing but the mask key; every checksum right. Only audio that came twice may be missing.
    pub fn assert_only_keys_changed(&self, sent: &[Sent], mask_key: MaskKey) {
        let mut left: HashMap<Name, VecDeque<&Record>> = HashMap::new();
        for record in &self.left {
            left.entry(Name::of(&record.bytes)).or_default().push_back(record);
        }
        let (mut missing, mut replaced) = (0, 0);
        for (number, sent) in sent.iter().enumerate() {
            let Some(left) = left.get_mut(&Name::of(&sent.frame)).and_then(VecDeque::pop_front) else {
                assert_eq!(sent.carries, Carries::Nothing, "frame {number} does not leave");
                missing += 1;
                continue;
            };
            assert!(left.time >= sent.time, "frame {number} leaves before it arrived");
            assert!(left.time.since(sent.time) < LONGEST_HOLD, "frame {number} is held too long");
            assert_eq!(left.bytes.len(), sent.frame.len(), "the length of frame {number}");
            assert_checksums(number, &left.bytes);
            if sent.carries == Carries::Nothing {
                if left.bytes != sent.frame {
                    let is_audio = sent.from == Side::Carrier && Name::of(&sent.frame).is_media();
                    assert!(is_audio, "frame {number} carries no key and is changed");
                    assert_cells(number, &left.bytes, &sent.frame);
                    replaced += 1;
                }
            } else if let Some(seen) = Seen::of(&left.bytes) {
                let headers = seen.payload.start - 2;
                assert_eq!(left.bytes[..headers], sent.frame[..headers], "the headers of frame {number}");
                assert_masked(number, &left.bytes[seen.payload], mask_key);
            }
        }
        assert_eq!(self.left.len() + missing, sent.len(), "nothing leaves that did not arrive");
        let of = |counter| self.report.counter(counter) as usize;
        let dropped = of(Counter::DropSecuredDuplicate) + of(Counter::DropSecuredUnmaskable);
        assert_eq!(missing, dropped, "what does not leave is counted");
        let counted = of(Counter::MaskedTone) + of(Counter::Silenced) + of(Counter::SilencedLate);
        assert_eq!(replaced, counted, "audio that is replaced is counted");
    }

    /// The frames that left with exactly the bytes of a frame that arrived, however often.
    pub fn unchanged(&self, sent: &[Sent]) -> usize {
        let mut arrived: HashMap<&[u8], usize> = HashMap::new();
        for sent in sent {
            *arrived.entry(&sent.frame).or_default() += 1;
        }
        let is_known = |record: &&Record| match arrived.get_mut(&record.bytes[..]) {
            Some(many @ 1..) => {
                *many -= 1;
                true
            }
            _ => false,
        };
        self.left.iter().filter(is_known).count()
    }
}

/// No packet waits longer for what follows it.
const LONGEST_HOLD: Duration = Duration::from_millis(120);
/// Samples of G.711 that are replaced together.
const CELL: usize = 40;

/// What tells a frame from others, whatever becomes of its payload: the stream, and in RTP the packet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(Option<(SocketAddr, SocketAddr, Vec<u16>)>, Option<[u8; 10]>);

impl Name {
    /// The name of a frame.
    pub fn of(frame: &[u8]) -> Self {
        let Some(seen) = Seen::of(frame) else { return Name(None, None) };
        let datagram = &frame[seen.payload];
        // Payload type, number, timestamp and source; the marker is as it was.
        let packet = seen::rtp(datagram).and_then(|_| datagram.get(2..12)?.try_into().ok());
        Name(Some((seen.source, seen.destination, seen.vlans)), packet)
    }

    /// Whether it is a packet of RTP.
    pub fn is_media(&self) -> bool {
        self.1.is_some()
    }
}

/// Holds audio that left against what arrived: it is as it was but for whole cells.
pub fn assert_cells(number: usize, left: &[u8], sent: &[u8]) {
    let seen = Seen::of(sent).expect("a datagram");
    // UDP's checksum aside, all before the audio is as it was.
    let (checksum, audio) = (seen.payload.start - 2, seen.payload.start + 12);
    assert_eq!(left[..checksum], sent[..checksum], "the headers of frame {number}");
    assert_eq!(left[checksum + 2..audio], sent[checksum + 2..audio], "the RTP header of frame {number}");
    for (left, sent) in left[audio..].chunks(CELL).zip(sent[audio..].chunks(CELL)) {
        // Random bytes agree with a tone's now and then.
        let equal = left.iter().zip(sent).filter(|(left, sent)| left == sent).count();
        assert!(left == sent || equal < CELL / 4, "frame {number} leaves with a part of a cell");
    }
}

/// Every checksum of a UDP frame is right.
pub fn assert_checksums(number: usize, frame: &[u8]) {
    if let Some(seen) = Seen::of(frame) {
        assert!(seen.checksums_verify, "a checksum of frame {number} is wrong");
    }
}

/// What the tests' own eyes find in a masked payload: RTP events, redundant ones, SIP bodies.
fn assert_masked(number: usize, payload: &[u8], mask_key: MaskKey) {
    if let Some((_, events)) = seen::rtp(payload) {
        let blocks = match events.first() {
            // Redundancy begins with a block header; no event code is that high in these tests.
            Some(first) if *first >= 96 => seen::redundancy(events).expect("a redundancy payload"),
            _ => vec![(0, events)],
        };
        for (_, block) in blocks {
            for (event, volume, _) in seen::event_blocks(block) {
                assert_eq!(event, mask_key.event_code(), "frame {number} carries another event");
                assert_eq!(volume & 0x3f, 10, "frame {number} carries a volume");
            }
        }
        return;
    }
    for key in keys_in_message(payload) {
        assert_eq!(char::from(key), char::from(mask_key.ascii()), "frame {number} carries another key");
    }
}

/// The keys that a receiver would read in a SIP message.
fn keys_in_message(message: &[u8]) -> Vec<u8> {
    let split = message.windows(4).position(|end| end == b"\r\n\r\n").expect("a SIP message");
    let (head, body) = (String::from_utf8_lossy(&message[..split]), &message[split + 4..]);
    if head.contains("Content-Type: audio/telephone-event") {
        let digits = seen::event_blocks(body).map(|(event, ..)| Digit::from_event_code(event));
        return digits.map(|digit| digit.expect("a key").reveal()).collect();
    }
    let body = String::from_utf8_lossy(body);
    let part = match body.split_once("Content-Type: application/dtmf-relay\r\n\r\n") {
        Some((_, part)) => part,
        None => &body,
    };
    if let Some((_, rest)) = part.split_once("digits=\"") {
        return rest.split('"').next().unwrap_or_default().bytes().collect();
    }
    if let Some((_, rest)) = part.split_once("Signal=") {
        return rest.trim_start().bytes().take(1).collect();
    }
    if head.contains("Content-Type: application/dtmf") {
        return part.trim().bytes().take(1).collect();
    }
    panic!("a body that the tests cannot read: {head}");
}
