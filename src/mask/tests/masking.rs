//! What becomes of each kind of packet, and that it never depends on the digit.

mod packets;

use handover::{Counter, Flow, FlowMode, MaskKey};
use mask::{ChangeKind, Masked, MediaStream, mask_stateless};
use packets::*;
use proptest::collection::vec;
use proptest::prelude::*;

const POUND: FlowMode = FlowMode::Mask(MaskKey::Pound);

fn masked(flow: &Flow, packet: &[u8]) -> (Done, Vec<u8>, Vec<(char, u64)>) {
    let mut packet = packet.to_vec();
    let (done, keys) = mask(&mut MediaStream::new(), 10_000, flow, &mut packet);
    (done, packet, keys)
}

#[test]
fn a_stream_is_small() {
    assert!(size_of::<MediaStream>() <= 512, "{}", size_of::<MediaStream>());
}

#[test]
fn all_sixteen_keys_become_the_mask_key() {
    for (mode, code) in [(POUND, 11), (FlowMode::Mask(MaskKey::Zero), 0), (FlowMode::Mask(MaskKey::One), 1)] {
        for (key, letter) in (0..16).zip("0123456789*#ABCD".chars()) {
            let packet = rtp(EVENT, true, 7, 1000, &block(key, true, 5 + key, 800));
            let (done, out, keys) = masked(&flow(mode), &packet);
            assert_eq!(done, Done::Changed);
            assert_eq!(out[12..], block(code, true, 10, 800));
            assert_eq!(out[..12], packet[..12]);
            assert_eq!(keys, [(letter, 10_000 - 100)]);
        }
    }
}

#[test]
fn the_onset_is_told_by_the_duration_in_the_formats_clock() {
    for (payload_type, duration) in [(EVENT, 800), (EVENT_16, 1600), (EVENT_48, 4800)] {
        let packet = rtp(payload_type, false, 7, 1000, &block(4, false, 7, duration));
        assert_eq!(masked(&flow(POUND), &packet).2, [('4', 9_900)]);
    }
}

#[test]
fn several_events_in_a_packet_are_as_many_presses() {
    let payload = [block(4, true, 7, 800), block(4, true, 7, 400), block(2, false, 7, 160)].concat();
    let mut stream = MediaStream::new();
    let flow = flow(POUND);
    let mut packet = rtp(EVENT, false, 7, 1000, &payload);
    assert_eq!(mask(&mut stream, 10_000, &flow, &mut packet).1, [('4', 9_830), ('4', 9_930), ('2', 9_980)]);
    assert_eq!(
        packet[12..],
        [block(11, true, 10, 800), block(11, true, 10, 400), block(11, false, 10, 160)].concat()
    );
    // The third goes on by itself, and the second is repeated by itself: neither is new.
    for (timestamp, code) in [(2200, 2), (1800, 4)] {
        let mut packet = rtp(EVENT, false, 8, timestamp, &block(code, true, 7, 400));
        assert_eq!(mask(&mut stream, 10_100, &flow, &mut packet), (Done::Changed, vec![]));
    }
}

#[test]
fn redundant_blocks_are_masked_and_counted_once() {
    let red = |older: u8, newer: u8| {
        // Redundant: 5 at offset 1600. Then audio. Primary: an event.
        let mut payload = vec![0x80 | EVENT, 0x19, 0x00, 4, 0x80, 0x02, 0x80, 3, EVENT];
        payload.extend(block(older, true, 7, 800));
        payload.extend([1, 2, 3]);
        payload.extend(block(newer, false, 7, 160));
        payload
    };
    let mut stream = MediaStream::new();
    let flow = flow(POUND);
    let mut packet = rtp(RED, false, 7, 11_600, &red(5, 6));
    assert_eq!(
        mask(&mut stream, 10_000, &flow, &mut packet),
        (Done::Changed, vec![('5', 9_780), ('6', 9_980)])
    );
    assert_eq!(packet[12..21], red(5, 6)[..9]);
    assert_eq!(packet[21..25], block(11, true, 10, 800));
    assert_eq!(packet[25..28], [1, 2, 3]);
    assert_eq!(packet[28..], block(11, false, 10, 160));
    let mut plain = rtp(EVENT, false, 8, 10_000, &block(5, true, 7, 800));
    assert_eq!(mask(&mut stream, 10_020, &flow, &mut plain), (Done::Changed, vec![]));
}

#[test]
fn redundancy_that_cannot_be_read_does_not_leave() {
    for payload in
        [&[0x80 | EVENT, 0, 0][..], &[0x80 | EVENT, 0, 0, 4, EVENT, 1], &[RED, EVENT, 5, 7, 0, 160]]
    {
        let (done, ..) = masked(&flow(POUND), &rtp(RED, false, 7, 0, payload));
        assert_eq!(done, Done::Drop(Counter::DropSecuredUnreadable));
    }
    assert_eq!(masked(&flow(POUND), &rtp(RED, false, 7, 0, &[])).0, Done::Unchanged);
    assert_eq!(masked(&flow(POUND), &rtp(RED, false, 7, 0, &[0, 1, 2])).0, Done::Unchanged, "audio alone");
}

#[test]
fn flash_stays_and_trunk_digits_do_not() {
    let flash = rtp(EVENT, true, 7, 0, &block(16, false, 33, 160));
    assert_eq!(masked(&flow(POUND), &flash), (Done::Unchanged, flash.clone(), vec![]));
    let outcomes: Vec<_> = (128..138)
        .map(|code| masked(&flow(POUND), &rtp(EVENT, true, 7, 0, &block(code, false, code - 120, 160))))
        .collect();
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!(outcomes[0].0, Done::Changed);
}

#[test]
fn what_is_not_a_whole_block_and_padding_are_wiped() {
    let mut packet = rtp(EVENT, false, 7, 0, &[5, 7, 0, 160, 5, 7, 1, 5, 5, 3]);
    packet[0] |= 0x20;
    let (done, out, _) = masked(&flow(POUND), &packet);
    assert_eq!(done, Done::Changed);
    assert_eq!(out[12..], [11, 10, 0, 160, 0, 0, 0, 0, 0, 3]);
    let (done, out, _) = masked(&flow(POUND), &rtp(EVENT, false, 7, 0, &[5, 7, 1]));
    assert_eq!((done, &out[12..]), (Done::Changed, &[0, 0, 0][..]));
}

#[test]
fn an_unannounced_type_that_reads_as_keys_is_masked() {
    let packet = |payload_type| {
        rtp(payload_type, false, 7, 0, &[block(5, false, 7, 160), block(6, false, 7, 160)].concat())
    };
    // Also those that no profile assigns.
    for payload_type in [96, 100, 127, 19, 35, 95] {
        let (done, out, keys) = masked(&flow(POUND), &packet(payload_type));
        assert_eq!((done, keys.len()), (Done::Changed, 2));
        assert_eq!(out[12..], [block(11, false, 10, 160), block(11, false, 10, 160)].concat());
    }
    for payload_type in [0, 3, 18, OPUS] {
        assert_eq!(masked(&flow(POUND), &packet(payload_type)).0, Done::Unchanged, "{payload_type}");
    }
    for payload in [&[16, 7, 0, 160][..], &[5, 7, 0, 160, 200, 7, 0, 160], &[0; 36], &[]] {
        assert_eq!(masked(&flow(POUND), &rtp(96, false, 7, 0, payload)).0, Done::Unchanged, "{payload:?}");
    }
}

#[test]
fn what_is_not_rtp_passes_or_does_not_leave() {
    let mut binding = [0; 28];
    binding[..8].copy_from_slice(&[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42]);
    let mut classic = [1; 24];
    classic[2..4].copy_from_slice(&[0, 4]);
    // More follows than the length says; without cookie that is no STUN.
    let mut longer = [1; 28];
    longer[2..4].copy_from_slice(&[0, 4]);
    let pass = [&[][..], &[0], &[0; 4], &binding, &classic, &[22, 254, 253], &[0x80, 200, 0, 6], b"\r\n\r\n"];
    let event_of_version_0 = [0, 101, 0, 9, 0, 0, 0, 160, 1, 2, 3, 4, 5, 10, 3, 32];
    let drop = [
        &[0x80][..],
        &[0x90; 12],
        &[16; 30],
        &[64, 1, 2],
        b"\r\n5\r",
        b"INFO",
        b"5",
        &[0, 1, 0, 0, 0x21, 0x12],
        &[1; 20],
        &longer,
        &event_of_version_0,
    ];
    for mode in MODES {
        for payload in pass {
            assert_eq!(masked(&flow(mode), payload), (Done::NotRtp, payload.to_vec(), vec![]), "{payload:?}");
        }
        for payload in drop {
            assert_eq!(
                masked(&flow(mode), payload).0,
                Done::Drop(Counter::DropSecuredUnreadable),
                "{payload:?}"
            );
        }
    }
    for payload in pass.iter().chain(&drop) {
        assert_eq!(masked(&flow(FlowMode::Pass), payload).0, Done::NotRtp);
    }
}

#[test]
fn silence_is_the_codecs_own_and_all_else_is_dropped() {
    let silenced = flow(FlowMode::Silence(MaskKey::Pound));
    for (payload_type, byte) in [(0, 0xff), (8, 0xd5), (9, 0xff), (10, 0), (11, 0)] {
        let packet = rtp(payload_type, true, 9, 5, &[1, 2, 3, 4]);
        let (done, out, _) = masked(&silenced, &packet);
        assert_eq!((done, &out[..12], &out[12..]), (Done::Changed, &packet[..12], &[byte; 4][..]));
    }
    for payload_type in [EVENT, RED, OPUS, 13, 3, 18, 96] {
        let packet = rtp(payload_type, true, 9, 5, &block(5, false, 7, 160));
        assert_eq!(masked(&silenced, &packet).0, Done::Drop(Counter::DropSilenced), "{payload_type}");
    }
    let mut audio = rtp(0, false, 1, 1, &[1; 160]);
    let kind = MediaStream::new().mask(at(0), &silenced, &mut audio, &mut |_| {});
    assert!(matches!(kind, Masked::Changed(_, ChangeKind::Silence)));
}

#[test]
fn encrypted_media_does_not_leave_in_secure_mode() {
    for mode in MODES {
        let flow = Flow { encrypted: true, ..flow(mode) };
        assert_eq!(masked(&flow, &rtp(0, false, 1, 1, &[1; 160])).0, Done::Drop(Counter::DropSilenced));
        assert_eq!(masked(&flow, &rtp(EVENT, false, 1, 1, &[1; 14])).0, Done::Drop(Counter::DropSilenced));
        assert_eq!(masked(&flow, &[0x80, 201, 0, 1]).0, Done::NotRtp);
    }
}

#[test]
fn observing_tells_the_same_and_changes_nothing() {
    let flow = flow(FlowMode::Pass);
    let mut stream = MediaStream::new();
    let mut keys = Vec::new();
    for (sequence, code) in [(1, 5), (2, 5), (3, 6)] {
        let packet = rtp(EVENT, false, sequence, u32::from(code) * 1000, &block(code, true, 7, 800));
        stream.observe(at(10_000), &flow, &packet, &mut |captured| {
            keys.push((captured.digit.reveal(), captured.onset))
        });
    }
    assert_eq!(keys, [(b'5', at(9_900)), (b'6', at(9_900))]);
}

/// A packet with keys in it, as a function of the keys.
#[derive(Clone, Debug)]
struct Plan {
    payload_type: u8,
    header: (u16, u32, bool),
    blocks: Vec<(bool, u16)>,
    redundant: Vec<(u16, bool, u16)>,
    trailing: usize,
    padding: u8,
}

impl Plan {
    fn keys(&self) -> usize {
        self.blocks.len() + self.redundant.len()
    }

    /// `keys` and what rides on them: level, and the bytes that nobody should read.
    fn build(&self, keys: &[u8]) -> Vec<u8> {
        let mut keys = keys.iter().copied().cycle();
        let mut next = || keys.next().unwrap_or_default();
        let mut payload = Vec::new();
        if self.payload_type == RED {
            for (offset, ..) in &self.redundant {
                payload.push(0x80 | EVENT);
                payload.extend(&(u32::from(*offset) << 10 | 4).to_be_bytes()[1..]);
            }
            payload.push(EVENT);
            for (_, end, duration) in &self.redundant {
                let key = next();
                payload.extend(block(key, *end, key + 3, *duration));
            }
        }
        for (end, duration) in &self.blocks {
            let key = next();
            payload.extend(block(key, *end, key + 3, *duration));
        }
        let unannounced = self.payload_type == 96;
        payload.extend((0..if unannounced { 0 } else { self.trailing }).map(|_| next()));
        let (sequence, timestamp, marker) = self.header;
        let mut packet = rtp(self.payload_type, marker, sequence, timestamp, &payload);
        if self.padding > 0 {
            packet[0] |= 0x20;
            packet.extend((1..self.padding).map(|_| next()));
            packet.push(self.padding);
        }
        packet
    }
}

prop_compose! {
    fn plans()(
        payload_type in prop::sample::select(vec![EVENT, EVENT_16, RED, 96]),
        header in any::<(u16, u32, bool)>(),
        blocks in vec(any::<(bool, u16)>(), 1..6),
        redundant in vec((0u16..0x4000, any::<bool>(), any::<u16>()), 0..4),
        trailing in 0usize..4,
        padding in 0u8..9,
    ) -> Plan {
        Plan { payload_type, header, blocks, redundant, trailing, padding }
    }
}

proptest! {
    #[test]
    fn what_leaves_never_depends_on_the_digits(
        plan in plans(),
        one in vec(0u8..16, 10),
        other in vec(0u8..16, 10),
        mode in prop::sample::select(MODES.to_vec()),
    ) {
        let flow = flow(mode);
        let (first, first_keys) = {
            let (done, packet, keys) = masked(&flow, &plan.build(&one));
            ((done, packet), keys)
        };
        let (second, second_keys) = {
            let (done, packet, keys) = masked(&flow, &plan.build(&other));
            ((done, packet), keys)
        };
        prop_assert!(first == second || matches!(first.0, Done::Drop(_)) && first.0 == second.0);
        if let FlowMode::Mask(_) = mode {
            prop_assert_eq!(&first.0, &Done::Changed);
            // How many presses contiguous blocks are depends on whether their keys are equal; never more than blocks.
            prop_assert!(first_keys.len() <= plan.keys() && second_keys.len() <= plan.keys());
        } else {
            prop_assert!(first_keys.is_empty() && second_keys.is_empty());
        }
        // Without state the same bytes leave.
        let mut stateless = plan.build(&one);
        let done = match mask_stateless(&flow, &mut stateless) {
            Masked::Changed(..) => Done::Changed,
            Masked::Drop(counter) => Done::Drop(counter),
            _ => Done::Unchanged,
        };
        prop_assert_eq!(&done, &first.0);
        prop_assert!(matches!(done, Done::Drop(_)) || stateless == first.1);
    }

    #[test]
    fn any_bytes_do_not_panic_and_what_is_not_masked_is_not_altered(
        mut bytes in vec(any::<u8>(), 0..80),
        rtp_like in any::<bool>(),
        payload_type in prop::sample::select(vec![EVENT, RED, 0, 96, OPUS]),
        mode in prop::sample::select([&MODES[..], &[FlowMode::Pass]].concat()),
    ) {
        if rtp_like && bytes.len() > 1 {
            bytes[0] = 0x80 | (bytes[0] & 0x30);
            bytes[1] = payload_type;
        }
        let flow = flow(mode);
        let (done, out, keys) = masked(&flow, &bytes);
        prop_assert_eq!(out.len(), bytes.len());
        if matches!(done, Done::Unchanged | Done::NotRtp) {
            prop_assert_eq!(&out, &bytes);
        }
        if mode == FlowMode::Pass {
            prop_assert!(matches!(done, Done::Unchanged | Done::NotRtp) && keys.is_empty());
        }
        MediaStream::new().observe(at(1), &flow, &bytes, &mut |_| {});
    }
}
