//! What leaves of a recorded call, as the recorder knows it.

use control::recordings::recorder::key_of;
use handover::{Flow, FormatKind, Side};
use pipeline::{TapFull, Tapped};
use recording::feed::Feed;
use recording::frame::{Channel, Format, Frame};
use wire::redundancy;
use wire::rtp::Rtp;

/// Packets a second of a call: two directions of 20 ms.
const PACKETS_A_SECOND: usize = 100;
/// Fewer than so many packets are not worth the saving.
const LEAST: usize = 4_096;

/// How many packets may wait for the recorder: a second of all calls that are recorded at once.
pub(super) fn room(at_once: usize) -> usize {
    at_once.saturating_mul(PACKETS_A_SECOND).max(LEAST)
}

/// Hands a packet over.
#[inline]
pub(super) fn offer(feed: &Feed, tapped: &Tapped<'_>) -> Result<(), TapFull> {
    let Tapped { flow, arrived, is_secured, released } = *tapped;
    let channel = match flow.key.from {
        Side::Carrier => Channel::Caller,
        Side::Customer => Channel::Agent,
    };
    let (format, skipped) = format_of(flow, released.payload());
    let frame = Frame::new(channel, arrived.as_nanos(), format, released).secured(is_secured);
    feed.offer(key_of(flow.call), &frame.skipping(skipped)).map_err(|_| TapFull)
}

/// What a packet's payload is, and how much of it comes before that: of redundancy (RFC 2198) the primary block is recorded, since
/// its older ones were packets of their own.
fn format_of(flow: &Flow, packet: &[u8]) -> (Format, u16) {
    let payload_type = packet.get(1).map_or(0, |byte| byte & 0x7f);
    match mask::format(flow, payload_type) {
        Some(format) if format.kind == FormatKind::Redundancy => primary(flow, packet),
        Some(format) => (recorded(format), 0),
        None => (Format::Other, 0),
    }
}

#[cold]
fn primary(flow: &Flow, packet: &[u8]) -> (Format, u16) {
    let primary =
        Rtp::new_checked(packet).ok().and_then(|rtp| redundancy::blocks(rtp.payload()).ok()?.last());
    let format = primary.as_ref().and_then(|block| mask::format(flow, block.payload_type));
    match (format, primary.and_then(|block| u16::try_from(block.range.start).ok())) {
        (Some(format), Some(start)) => (recorded(format), start),
        _ => (Format::Other, 0),
    }
}

/// What can be decoded is what can be masked.
const fn recorded(format: handover::Format) -> Format {
    match (format.kind, format.clock_khz) {
        (FormatKind::Pcmu, 8) => Format::Pcmu,
        (FormatKind::Pcma, 8) => Format::Pcma,
        (FormatKind::G722, _) => Format::G722,
        (FormatKind::L16, 8) => Format::L16Narrow,
        (FormatKind::L16, 16) => Format::L16Wide,
        (FormatKind::ComfortNoise, _) => Format::ComfortNoise,
        (FormatKind::TelephoneEvent, _) => Format::Event,
        _ => Format::Other,
    }
}

#[cfg(test)]
mod tests {
    use handover::{CallHandle, FlowKey, Formats, Instant};
    use recording::feed::{Taken, feed};

    use super::*;

    fn flow(from: Side) -> Flow {
        let mut formats = Formats::default();
        for (payload_type, kind, clock_khz) in [
            (8, FormatKind::Pcma, 8),
            (101, FormatKind::TelephoneEvent, 8),
            (121, FormatKind::Redundancy, 8),
            (96, FormatKind::L16, 16),
            (97, FormatKind::L16, 48),
            (98, FormatKind::Pcmu, 16),
        ] {
            formats.push(handover::Format { payload_type, kind, clock_khz });
        }
        let call = CallHandle { slot: 7, generation: 2 };
        Flow { key: FlowKey { from, ..FlowKey::default() }, call, formats, ..Flow::default() }
    }

    fn packet(payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 0x80 | payload_type, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        packet.extend(payload);
        packet
    }

    #[test]
    fn a_packet_comes_to_the_recorder_with_what_the_pipeline_knows_of_it() {
        let (feed, mut intake) = feed(1);
        for (from, channel) in [(Side::Carrier, Channel::Caller), (Side::Customer, Channel::Agent)] {
            let (flow, packet) = (flow(from), packet(8, &[0x55; 160]));
            let released = mask::passing(&flow, &packet).expect("it passes");
            let arrived = Instant::from_nanos(123);
            let tapped = Tapped { flow: &flow, arrived, is_secured: true, released };
            assert_eq!(offer(&feed, &tapped), Ok(()));
            assert_eq!(offer(&feed, &tapped), Err(TapFull));
            let Some(Taken::Frame(taken)) = intake.take() else { unreachable!("there is one") };
            let frame = taken.frame();
            assert_eq!(taken.key(), (2 << 32) + 7);
            assert_eq!((frame.channel(), frame.arrived(), frame.format()), (channel, 123, Format::Pcma));
            assert_eq!((frame.is_secured(), frame.rtp()), (true, &packet[..]));
            drop(taken);
            assert!(matches!(intake.take(), Some(Taken::Lost(_))));
        }
    }

    #[test]
    fn formats_are_what_the_description_says_or_the_number_means() {
        let flow = flow(Side::Carrier);
        for (payload_type, format) in [
            (8, Format::Pcma),
            (0, Format::Pcmu),
            (9, Format::G722),
            (13, Format::ComfortNoise),
            (101, Format::Event),
            (96, Format::L16Wide),
            (97, Format::Other),
            (98, Format::Other),
            (18, Format::Other),
            (77, Format::Other),
        ] {
            let of_packet = format_of(&flow, &packet(payload_type, &[0; 160]));
            assert_eq!(of_packet, (format, 0), "{payload_type}");
        }
    }

    #[test]
    fn of_redundancy_the_primary_block_is_recorded() {
        let flow = flow(Side::Carrier);
        // One older block of three bytes, then the primary.
        let audio = [0x80 | 8, 0, 0, 3, 8, 1, 2, 3, 0x55, 0x55];
        assert_eq!(format_of(&flow, &packet(121, &audio)), (Format::Pcma, 8));
        let event = [0x80 | 101, 0, 0, 4, 101, 1, 2, 3, 4, 1, 2, 3, 4];
        assert_eq!(format_of(&flow, &packet(121, &event)), (Format::Event, 9));
        for broken in [&[0x80 | 8, 0][..], &[], &[0x80 | 8, 0, 0, 200, 8, 1]] {
            assert_eq!(format_of(&flow, &packet(121, broken)), (Format::Other, 0));
        }
        let within_itself = [121, 8, 1];
        assert_eq!(format_of(&flow, &packet(121, &within_itself)), (Format::Other, 1));
    }
}
