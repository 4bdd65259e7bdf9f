//! RTP of senders that do not keep to what was said, and of those that an attacker would like to be taken for.

mod packets;

use handover::{Counter, Flow, FlowMode, Format, FormatKind, MaskKey};
use mask::{ChangeKind, Masked, MediaStream};
use packets::*;

const POUND: FlowMode = FlowMode::Mask(MaskKey::Pound);
const UNREADABLE: Done = Done::Drop(Counter::DropSecuredUnreadable);

fn masked(flow: &Flow, packet: &[u8]) -> (Done, Vec<u8>, usize) {
    let mut packet = packet.to_vec();
    let (done, keys) = mask(&mut MediaStream::new(), 10_000, flow, &mut packet);
    (done, packet, keys.len())
}

/// A flow with these types alone.
fn flow_of(formats: &[(u8, FormatKind)]) -> Flow {
    let mut flow = Flow { mode: POUND, ..Flow::default() };
    for &(payload_type, kind) in formats {
        assert!(flow.formats.push(Format { payload_type, kind, clock_khz: 8 }));
    }
    flow
}

#[test]
fn audio_with_the_events_number_is_left_alone() {
    for length in [65, 80, 160, 320] {
        let packet = rtp(EVENT, false, 7, 0, &vec![5; length]);
        assert_eq!(masked(&flow(POUND), &packet), (Done::Unchanged, packet.clone(), 0));
        let silenced = flow(FlowMode::Silence(MaskKey::Pound));
        assert_eq!(masked(&silenced, &packet).0, Done::Drop(Counter::DropSilenced));
    }
    let whole = rtp(EVENT, false, 7, 0, &block(5, false, 7, 160).repeat(16));
    assert_eq!(masked(&flow(POUND), &whole).0, Done::Changed, "64 bytes are events");
}

#[test]
fn what_is_said_to_be_an_event_and_is_none_does_not_leave() {
    let encrypted = [0xa7, 0x31, 0xee, 0x09, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209];
    let tone_by_chance = [16, 0x31, 0xee, 0x09, 16, 0x01, 0xca, 0xcb, 32, 0x0d, 0xce, 0xcf, 208, 209];
    let with_reserved_bit = [16, 0x47, 0, 160];
    for payload in [&encrypted[..], &tone_by_chance, &with_reserved_bit, &[200, 7, 0, 160]] {
        assert_eq!(masked(&flow(POUND), &rtp(EVENT, true, 7, 0, payload)).0, UNREADABLE, "{payload:?}");
        let redundant = [&[EVENT][..], payload].concat();
        assert_eq!(masked(&flow(POUND), &rtp(RED, true, 7, 0, &redundant)).0, UNREADABLE, "{payload:?}");
    }
    // The flash of the hook, and a fax machine's call.
    for event in [16, 32, 36] {
        let packet = rtp(EVENT, true, 7, 0, &block(event, false, 7, 160));
        assert_eq!(masked(&flow(POUND), &packet), (Done::Unchanged, packet.clone(), 0));
    }
}

#[test]
fn four_bytes_of_a_codec_are_an_event_only_where_events_have_no_number() {
    const BYTES: [u8; 4] = [5, 10, 3, 32];
    let with_events = flow_of(&[(111, FormatKind::Other), (101, FormatKind::TelephoneEvent)]);
    let without = flow_of(&[(111, FormatKind::Other), (0, FormatKind::Pcmu)]);
    let outcome = |flow: &Flow, payload: &[u8]| masked(flow, &rtp(111, false, 7, 0, payload)).0;
    assert_eq!(outcome(&with_events, &BYTES), Done::Unchanged, "comfort noise of Opus");
    assert_eq!(outcome(&without, &BYTES), Done::Changed);
    for other in [&[5, 10, 3][..], &[5, 10, 3, 32, 0], &[0x78, 10, 3, 32], &[5, 0x4a, 3, 32]] {
        assert_eq!(outcome(&without, other), Done::Unchanged, "{other:?}");
    }
    assert_eq!(masked(&without, &rtp(0, false, 7, 0, &BYTES)).0, Done::Unchanged, "G.711 is G.711");
}

#[test]
fn careless_events_of_a_type_that_nobody_announced_are_masked() {
    for payload in [&[5, 7, 0, 160, 1][..], &[5, 0x47, 0, 160], &[5, 7, 0, 160, 16, 7, 0, 160]] {
        for event in 0..16 {
            let payload = [&[event][..], &payload[1..]].concat();
            let (done, out, keys) = masked(&flow(POUND), &rtp(97, false, 7, 0, &payload));
            assert_eq!((done, out[12], keys), (Done::Changed, 11, 1), "{payload:?}");
        }
    }
}

#[test]
fn redundancy_that_nobody_announced_is_masked() {
    let event = block(5, false, 7, 160);
    let with_audio = [&[0x80 | EVENT, 0, 0, 4, 0][..], &event, &[0xd5; 160]].concat();
    for inner in [EVENT, 97] {
        let alone = [&[inner][..], &event].concat();
        for payload in [&alone, &with_audio] {
            let (done, out, keys) = masked(&flow(POUND), &rtp(122, false, 7, 1_000, payload));
            assert_eq!((done, keys), (Done::Changed, 1));
            assert!(!out.windows(4).any(|window| window == event), "the event leaves");
        }
    }
    let audio = [&[98][..], &[0xd5; 160]].concat();
    assert_eq!(masked(&flow(POUND), &rtp(122, false, 7, 0, &audio)).0, Done::Unchanged);
}

#[test]
fn an_announced_type_wins_over_the_look_of_rtcp() {
    let announced = flow_of(&[(80, FormatKind::TelephoneEvent), (81, FormatKind::Redundancy)]);
    let event = block(5, false, 7, 160);
    for sequence in [0, 3, 9_000] {
        let plain = rtp(80, true, sequence, 0, &event);
        assert_eq!(masked(&announced, &plain).0, Done::Changed);
        let redundant = rtp(81, true, sequence, 0, &[&[80][..], &event].concat());
        assert_eq!(masked(&announced, &redundant).0, Done::Changed);
        let mut keys = 0;
        MediaStream::new().observe(at(1), &announced, &plain, &mut |_| keys += 1);
        assert_eq!(keys, 1);
    }
    // Nobody announced it: RTCP has a length that the datagram holds.
    assert_eq!(masked(&flow(POUND), &rtp(80, true, 9_000, 0, &event)).0, Done::Changed);
    let report = [&[0x80, 200, 0, 6][..], &[0; 24]].concat();
    assert_eq!(masked(&flow(POUND), &report), (Done::NotRtp, report.clone(), 0));
}

/// A stream that masked the beginning of a press, and its flow when SecureMode is over.
fn begun() -> (MediaStream, Flow) {
    let mut stream = MediaStream::new();
    for duration in [160, 320] {
        let mut packet = rtp(EVENT, duration == 160, 7, 1_000, &block(5, false, 7, duration));
        mask(&mut stream, 10_000, &flow(POUND), &mut packet);
    }
    (stream, flow(FlowMode::Pass))
}

fn finish(stream: &mut MediaStream, now_ms: u64, flow: &Flow, packet: &mut [u8]) -> bool {
    let masked = stream.finish(at(now_ms), flow, MaskKey::One, packet);
    assert!(matches!(masked, None | Some(Masked::Changed(_, ChangeKind::Event))), "{masked:?}");
    masked.is_some()
}

#[test]
fn a_press_that_began_in_secure_mode_is_masked_to_its_end() {
    let (mut stream, flow) = begun();
    let mut now = 10_000;
    for (duration, end) in [(480, false), (7_680, false), (7_680, true), (7_680, true), (7_680, true)] {
        now += 900;
        assert!(stream.is_open(at(now)));
        let mut packet = rtp(EVENT, false, 8, 1_000, &block(5, end, 7, duration));
        assert!(finish(&mut stream, now, &flow, &mut packet));
        assert_eq!(packet[12..], block(1, end, 10, duration));
    }
    // Another press, and one that was not seen to begin, leave as they came.
    for (timestamp, marker) in [(9_000, true), (500, false)] {
        let packet = rtp(EVENT, marker, 9, timestamp, &block(5, false, 7, 160));
        let mut left = packet.clone();
        assert!(!finish(&mut stream, now, &flow, &mut left));
        assert_eq!(left, packet);
    }
    now += 1_001;
    assert!(!stream.is_open(at(now)));
    let mut late = rtp(EVENT, false, 8, 1_000, &block(5, true, 7, 7_680));
    assert!(!finish(&mut stream, now, &flow, &mut late));
}

#[test]
fn further_segments_and_redundant_blocks_of_such_a_press_are_masked() {
    let (mut stream, flow) = begun();
    let mut full = rtp(EVENT, false, 8, 1_000, &block(5, false, 7, 0xffff));
    assert!(finish(&mut stream, 10_020, &flow, &mut full));
    let next = 1_000 + 0xffff;
    let mut segment = rtp(EVENT, false, 9, next, &block(5, false, 7, 160));
    assert!(finish(&mut stream, 10_040, &flow, &mut segment));
    assert_eq!(segment[12..], block(1, false, 10, 160));
    // The next press has this one's end as its redundant block.
    let mut payload = vec![0x80 | EVENT, 0x19, 0x00, 4, EVENT];
    payload.extend(block(5, true, 7, 320));
    payload.extend(block(6, false, 7, 160));
    let mut redundant = rtp(RED, false, 10, next + 1_600, &payload);
    assert!(finish(&mut stream, 10_060, &flow, &mut redundant));
    assert_eq!(redundant[17..], [block(1, true, 10, 320), block(6, false, 7, 160)].concat());
}

#[test]
fn what_leaves_of_a_press_that_is_finished_does_not_depend_on_it() {
    let leaves = |key: u8| {
        let mut stream = MediaStream::new();
        let mut first = rtp(EVENT, true, 7, 1_000, &block(key, false, key, 160));
        mask(&mut stream, 10_000, &flow(POUND), &mut first);
        let mut last = rtp(EVENT, false, 8, 1_000, &[&block(key, true, key, 320)[..], &[key]].concat());
        assert!(finish(&mut stream, 10_020, &flow(FlowMode::Pass), &mut last));
        last
    };
    assert!((1..16).all(|key| leaves(key) == leaves(0)));
}

#[test]
fn nothing_else_is_finished() {
    let (mut stream, flow) = begun();
    for packet in [vec![], vec![0x80], rtp(0, false, 8, 1_000, &[1; 160]), vec![0x80, 200, 0, 0], vec![0; 4]]
    {
        let mut left = packet.clone();
        assert!(!finish(&mut stream, 10_020, &flow, &mut left));
        assert_eq!(left, packet);
    }
    assert!(!MediaStream::new().is_open(at(0)));
}
