//! RTP, event blocks and redundancy: built packets, and no panic on any bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::redundancy::{self, MAX_BLOCKS, RedundancyError};
use wire::rtp::{Rtp, RtpError, holds_rtcp, is_rtcp};
use wire::telephone_event::{self, EventBlock};

#[derive(Clone, Debug)]
struct Plan {
    csrc: usize,
    extension: Option<usize>,
    payload: Vec<u8>,
    padding: u8,
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

fn build(plan: &Plan) -> Vec<u8> {
    let padded = u8::from(plan.padding > 0) << 5;
    let extended = u8::from(plan.extension.is_some()) << 4;
    let mut packet =
        vec![0x80 | padded | extended | plan.csrc as u8, u8::from(plan.marker) << 7 | plan.payload_type];
    packet.extend(plan.sequence.to_be_bytes());
    packet.extend(plan.timestamp.to_be_bytes());
    packet.extend(plan.ssrc.to_be_bytes());
    packet.extend(vec![0xcc; plan.csrc * 4]);
    if let Some(words) = plan.extension {
        packet.extend([0xbe, 0xde, 0, words as u8]);
        packet.extend(vec![0xee; words * 4]);
    }
    packet.extend(&plan.payload);
    packet.extend((0..plan.padding).map(|_| plan.padding));
    packet
}

prop_compose! {
    fn plans()(
        csrc in 0usize..16,
        extension in prop::option::of(0usize..20),
        payload in vec(any::<u8>(), 0..200),
        padding in 0u8..40,
        (marker, payload_type) in (any::<bool>(), 0u8..128),
        (sequence, timestamp, ssrc) in any::<(u16, u32, u32)>(),
    ) -> Plan {
        Plan { csrc, extension, payload, padding, marker, payload_type, sequence, timestamp, ssrc }
    }
}

proptest! {
    #[test]
    fn what_was_built_is_read(plan in plans()) {
        let packet = build(&plan);
        let rtp = Rtp::new_checked(&packet).expect("well formed");
        prop_assert_eq!(rtp.payload(), &plan.payload[..]);
        prop_assert_eq!(&packet[rtp.payload_range()], &plan.payload[..]);
        prop_assert_eq!((rtp.marker(), rtp.payload_type()), (plan.marker, plan.payload_type));
        prop_assert_eq!((rtp.sequence(), rtp.timestamp(), rtp.ssrc()), (plan.sequence, plan.timestamp, plan.ssrc));
        prop_assert_eq!(is_rtcp(&packet), plan.marker && (64..96).contains(&plan.payload_type));
    }

    #[test]
    fn nothing_panics_on_any_bytes(mut bytes in vec(any::<u8>(), 0..120), offset in 0usize..130) {
        if let Some(first) = bytes.first_mut() {
            *first = (*first & 0x3f) | 0x80;
        }
        is_rtcp(&bytes);
        if let Ok(rtp) = Rtp::new_checked(&bytes) {
            prop_assert_eq!(rtp.payload().len(), rtp.payload_range().len());
            let _ = (rtp.marker(), rtp.payload_type(), rtp.sequence(), rtp.timestamp(), rtp.ssrc());
        }
        for (at, block) in telephone_event::blocks(&bytes) {
            prop_assert_eq!(block.event, bytes[at]);
        }
        let before = bytes.clone();
        telephone_event::write_block(&mut bytes, offset, 11, 200);
        for (at, (new, old)) in bytes.iter().zip(&before).enumerate() {
            prop_assert!(new == old || at == offset || at == offset + 1);
        }
    }

    #[test]
    fn blocks_never_overlap_nor_leave_the_payload(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(blocks) = redundancy::blocks(&bytes) {
            let mut at = 1;
            let mut primaries = 0;
            for block in blocks {
                prop_assert!(block.range.start >= at && block.range.end >= block.range.start);
                at = block.range.end;
                primaries += usize::from(block.primary);
            }
            prop_assert_eq!(at, bytes.len());
            prop_assert_eq!(primaries, 1);
        }
    }

    #[test]
    fn redundant_blocks_are_found(
        older in vec((0u8..128, 0u16..0x4000, vec(any::<u8>(), 0..30)), 0..MAX_BLOCKS),
        primary in (0u8..128, vec(any::<u8>(), 0..30)),
    ) {
        let mut payload = Vec::new();
        for (payload_type, offset, data) in &older {
            let packed = u32::from(*offset) << 10 | data.len() as u32;
            payload.push(0x80 | payload_type);
            payload.extend(&packed.to_be_bytes()[1..]);
        }
        payload.push(primary.0);
        for (_, _, data) in &older {
            payload.extend(data);
        }
        payload.extend(&primary.1);
        let blocks: Vec<_> = redundancy::blocks(&payload).expect("well formed").collect();
        prop_assert_eq!(blocks.len(), older.len() + 1);
        for (block, (payload_type, offset, data)) in blocks.iter().zip(&older) {
            prop_assert_eq!((block.payload_type, block.timestamp_offset, block.primary), (*payload_type, *offset, false));
            prop_assert_eq!(&payload[block.range.clone()], &data[..]);
        }
        let last = blocks.last().expect("the primary");
        prop_assert_eq!((last.payload_type, last.timestamp_offset, last.primary), (primary.0, 0, true));
        prop_assert_eq!(&payload[last.range.clone()], &primary.1[..]);
    }
}

#[test]
fn each_contradiction_has_its_reason() {
    let reason = |bytes: &[u8]| Rtp::new_checked(bytes).expect_err("not RTP");
    let with = |first: u8, len: usize, last: u8| {
        let mut packet = vec![0; len];
        packet[len - 1] = last;
        packet[0] = first;
        packet
    };
    assert_eq!(reason(&with(0x80, 11, 0)), RtpError::TooShort);
    assert_eq!(reason(&with(0x40, 12, 0)), RtpError::NotVersion2);
    assert_eq!(reason(&with(0x82, 19, 0)), RtpError::CsrcBeyondEnd);
    assert_eq!(reason(&with(0x90, 15, 0)), RtpError::ExtensionBeyondEnd);
    assert_eq!(reason(&with(0x90, 16, 1)), RtpError::ExtensionBeyondEnd);
    assert_eq!(reason(&with(0xa0, 16, 0)), RtpError::BadPadding);
    assert_eq!(reason(&with(0xa0, 16, 5)), RtpError::BadPadding);
    assert!(Rtp::new_checked(&with(0xa0, 16, 4)).expect("all padding").payload().is_empty());
}

#[test]
fn redundancy_errors_are_told_apart() {
    let reason = |bytes: &[u8]| redundancy::blocks(bytes).err();
    assert_eq!(reason(&[]), Some(RedundancyError::HeaderBeyondEnd));
    assert_eq!(reason(&[0x80, 0, 0]), Some(RedundancyError::HeaderBeyondEnd));
    assert_eq!(reason(&[0x80, 0, 0, 1, 0]), Some(RedundancyError::BlockBeyondEnd));
    assert_eq!(reason(&[0x80; 100]), Some(RedundancyError::TooManyBlocks));
    assert_eq!(reason(&[5]), None);
}

#[test]
fn blocks_are_read_and_written_as_rfc_4733_draws_them() {
    let mut payload = [5, 0x8a, 0x03, 0x20, 11, 0x40, 0, 1, 99];
    let blocks: Vec<_> = telephone_event::blocks(&payload).collect();
    let first = EventBlock { event: 5, end: true, reserved: false, volume: 10, duration: 800 };
    let second = EventBlock { event: 11, end: false, reserved: true, volume: 0, duration: 1 };
    assert_eq!(blocks, [(0, first), (4, second)]);
    telephone_event::write_block(&mut payload, 4, 0, 63);
    assert_eq!(payload, [5, 0x8a, 0x03, 0x20, 0, 0x7f, 0, 1, 99]);
    telephone_event::write_block(&mut payload, 8, 1, 1);
    assert_eq!(payload[8], 99, "half a block is not written");
}

#[test]
fn rtcp_holds_as_much_as_it_says() {
    let report = |words: u8, length: usize| {
        let mut report = vec![0; length];
        report[..4].copy_from_slice(&[0x80, 200, 0, words]);
        report
    };
    assert!(holds_rtcp(&report(6, 28)) && holds_rtcp(&report(6, 60)));
    assert!(!holds_rtcp(&report(6, 27)) && !holds_rtcp(&report(0, 4)[..3]));
    let event_of_type_80 = [0x80, 0xd0, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 3, 32];
    assert!(is_rtcp(&event_of_type_80) && !holds_rtcp(&event_of_type_80));
}
