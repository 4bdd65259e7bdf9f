//! Whether what comes on a flow can be masked.

use handover::{Content, Flow, FormatKind};
use wire::rtp::Rtp;

use crate::carries::{Carries, clock_khz};
use crate::secured::Codec;

/// What an RTP packet of a flow carries. `payload` is the whole UDP payload; what is no RTP tells nothing.
pub fn content(flow: &Flow, payload: &[u8]) -> Content {
    let Ok(rtp) = Rtp::new_checked(payload) else { return Content::Events };
    let kind = match Carries::of(flow, rtp.payload_type(), rtp.payload()) {
        _ if flow.encrypted => return Content::Unmaskable,
        Carries::Events(regions) if !regions.beside_audio => return Content::Events,
        Carries::Audio(_) if rtp.payload().is_empty() => return Content::Events,
        Carries::Events(_) | Carries::Unreadable => return Content::Unmaskable,
        Carries::Audio(kind) => kind,
    };
    let codec = || Codec::of(kind, clock_khz(flow, rtp.payload_type()));
    match kind {
        FormatKind::ComfortNoise => Content::ComfortNoise,
        _ if codec().is_some_and(|codec| codec.samples(rtp.payload().len()).is_some()) => Content::Audio,
        _ => Content::Unmaskable,
    }
}

#[cfg(test)]
mod tests {
    use handover::{Format, Formats};

    use super::*;

    fn packet(payload_type: u8, length: usize) -> Vec<u8> {
        let mut packet = vec![0; 12 + length];
        (packet[0], packet[1]) = (0x80, 0x80 | payload_type);
        packet
    }

    #[test]
    fn content_is_told_by_type_length_and_encryption() {
        let mut formats = Formats::default();
        for (payload_type, kind, clock_khz) in [
            (0, FormatKind::Pcmu, 8),
            (13, FormatKind::ComfortNoise, 8),
            (18, FormatKind::Other, 8),
            (96, FormatKind::L16, 48),
            (97, FormatKind::L16, 16),
            (101, FormatKind::TelephoneEvent, 8),
        ] {
            formats.push(Format { payload_type, kind, clock_khz });
        }
        let flow = Flow { formats, ..Flow::default() };
        for (payload_type, length, found) in [
            (0, 160, Content::Audio),
            (0, 0, Content::Events),
            (0, 3_000, Content::Unmaskable),
            (97, 640, Content::Audio),
            (97, 639, Content::Unmaskable),
            (96, 640, Content::Unmaskable),
            (18, 20, Content::Unmaskable),
            (77, 160, Content::Unmaskable),
            (13, 1, Content::ComfortNoise),
            (101, 4, Content::Events),
        ] {
            let packet = packet(payload_type, length);
            assert_eq!(content(&flow, &packet), found, "{payload_type}, {length} bytes");
        }
        let encrypted = Flow { encrypted: true, ..flow };
        assert_eq!(content(&encrypted, &packet(0, 160)), Content::Unmaskable);
        assert_eq!(content(&flow, b"no RTP"), Content::Events);
    }
}
