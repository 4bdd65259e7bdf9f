//! RTP packets and flows for the tests.
#![allow(dead_code, reason = "each test uses some of it")]

use core::time::Duration;

use handover::{Flow, FlowMode, Format, FormatKind, Instant, MaskKey};
use mask::{Masked, MediaStream};

pub(crate) const EVENT: u8 = 101;
pub(crate) const EVENT_16: u8 = 102;
pub(crate) const EVENT_48: u8 = 103;
pub(crate) const RED: u8 = 121;
pub(crate) const OPUS: u8 = 111;
pub(crate) const SSRC: u32 = 0xfeed_beef;

pub(crate) fn flow(mode: FlowMode) -> Flow {
    let mut flow = Flow { mode, ..Flow::default() };
    let formats = [
        (EVENT, FormatKind::TelephoneEvent, 8),
        (EVENT_16, FormatKind::TelephoneEvent, 16),
        (EVENT_48, FormatKind::TelephoneEvent, 48),
        (RED, FormatKind::Redundancy, 8),
        (0, FormatKind::Pcmu, 8),
        (8, FormatKind::Pcma, 8),
        (9, FormatKind::G722, 8),
        (OPUS, FormatKind::Other, 48),
    ];
    for (payload_type, kind, clock_khz) in formats {
        assert!(flow.formats.push(Format { payload_type, kind, clock_khz }));
    }
    flow
}

pub(crate) fn rtp(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, u8::from(marker) << 7 | payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(SSRC.to_be_bytes());
    packet.extend(payload);
    packet
}

pub(crate) fn block(code: u8, end: bool, volume: u8, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [code, u8::from(end) << 7 | volume, high, low]
}

/// What a masker did, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    Unchanged,
    Changed,
    NotRtp,
    Drop(handover::Counter),
}

/// Masks a packet in place; returns what was done and the keys captured with their onsets in ms.
pub(crate) fn mask(
    stream: &mut MediaStream,
    now_ms: u64,
    flow: &Flow,
    packet: &mut [u8],
) -> (Done, Vec<(char, u64)>) {
    let mut keys = Vec::new();
    let done = match stream.mask(at(now_ms), flow, packet, &mut |captured| {
        keys.push((char::from(captured.digit.reveal()), captured.onset.as_nanos() / 1_000_000));
    }) {
        Masked::Unchanged(_) => Done::Unchanged,
        Masked::Changed(..) => Done::Changed,
        Masked::NotRtp => Done::NotRtp,
        Masked::Drop(counter) => Done::Drop(counter),
    };
    (done, keys)
}

pub(crate) fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

pub(crate) const MODES: [FlowMode; 4] = [
    FlowMode::Mask(MaskKey::Pound),
    FlowMode::Mask(MaskKey::Zero),
    FlowMode::Mask(MaskKey::One),
    FlowMode::Silence(MaskKey::Pound),
];
