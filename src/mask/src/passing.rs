//! What leaves of a flow that is not in SecureMode, to be recorded.

use handover::Flow;
use tap::Released;
use wire::rtp::Rtp;

use crate::stream::is_control;

/// An RTP packet that leaves as it came, of a flow that is not in SecureMode. `payload` is the whole UDP payload. `None` of one in
/// SecureMode, of what is encrypted, and of what is no RTP: nothing of these is recorded.
pub fn passing<'a>(flow: &Flow, payload: &'a [u8]) -> Option<Released<'a>> {
    if flow.mode.is_secured() || flow.encrypted || is_control(flow, payload) {
        return None;
    }
    Rtp::new_checked(payload).ok().map(|_| Released::by_masker(payload))
}

#[cfg(test)]
mod tests {
    use handover::{FlowMode, MaskKey};

    use super::*;

    const RTP: [u8; 13] = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x55];

    #[test]
    fn only_rtp_in_the_clear_of_a_flow_that_is_not_secured_is_passing() {
        let flow = Flow::default();
        assert_eq!(passing(&flow, &RTP).map(|released| released.payload()), Some(&RTP[..]));
        let encrypted = Flow { encrypted: true, ..flow };
        assert!(passing(&encrypted, &RTP).is_none());
        for mode in [FlowMode::Mask(MaskKey::Pound), FlowMode::Silence(MaskKey::Pound)] {
            assert!(passing(&Flow { mode, ..flow }, &RTP).is_none());
        }
        let receiver_report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for other in [&receiver_report[..], &stun, b"\r\n", b"", &RTP[..11]] {
            assert!(passing(&flow, other).is_none(), "{other:?}");
        }
    }
}
