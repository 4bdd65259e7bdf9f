//! Every way in which keys come, as a call that uses it.

use handover::{Side, Transport};
use keyhush_tests::frame::Tag;
use keyhush_tests::leg::{Body, Leg};
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::Scene;
use keyhush_tests::sdp::Format;

/// How the keys of a call come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Event8,
    Event16,
    Event48,
    /// Types 96 towards the carrier, 97 towards the customer.
    EventTypePerDirection,
    EventWithoutMarker,
    EventWithLostEnds,
    /// Presses of 1.6 s on a 48 kHz clock: longer than the duration's 16 bits.
    EventInSegments,
    SeveralEventsInAPacket,
    EventInRedundancy,
    EventOverIpv6,
    EventUnderQinq,
    /// The customer dialled.
    EventOfAnOutgoingCall,
    InfoRelay,
    InfoRelayWithSpace,
    InfoDtmf,
    InfoTelephoneEvent,
    InfoMultipart,
    InfoOverIpv6,
    Kpml,
    /// One NOTIFY with several digits.
    KpmlOfMany,
}

pub(crate) const ALL: &[Way] = &[
    Way::Event8,
    Way::Event16,
    Way::Event48,
    Way::EventTypePerDirection,
    Way::EventWithoutMarker,
    Way::EventWithLostEnds,
    Way::EventInSegments,
    Way::SeveralEventsInAPacket,
    Way::EventInRedundancy,
    Way::EventOverIpv6,
    Way::EventUnderQinq,
    Way::EventOfAnOutgoingCall,
    Way::InfoRelay,
    Way::InfoRelayWithSpace,
    Way::InfoDtmf,
    Way::InfoTelephoneEvent,
    Way::InfoMultipart,
    Way::InfoOverIpv6,
    Way::Kpml,
    Way::KpmlOfMany,
];

/// A SIP body with keys.
struct SipKeys {
    method: &'static str,
    headers: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl SipKeys {
    fn body(&self) -> Body<'_> {
        (self.content_type, &self.body)
    }
}

const KPML_HEADERS: &str = "Event: kpml\r\nSubscription-State: active;expires=7200\r\n";
const MULTIPART: &str = "multipart/mixed;boundary=\"tear here\"";

impl Way {
    pub(crate) fn transport(self) -> Transport {
        match self {
            Way::Kpml | Way::KpmlOfMany => Transport::Kpml,
            Way::InfoRelay
            | Way::InfoRelayWithSpace
            | Way::InfoDtmf
            | Way::InfoTelephoneEvent
            | Way::InfoMultipart
            | Way::InfoOverIpv6 => Transport::Info,
            _ => Transport::Event,
        }
    }

    /// The addresses that are the carrier's.
    pub(crate) fn carrier(self) -> &'static str {
        match self {
            Way::EventOverIpv6 | Way::InfoOverIpv6 => "2001:db8:c::/48",
            _ => keyhush_tests::leg::CARRIER,
        }
    }

    pub(crate) fn leg(self, number: u16) -> Leg {
        let mut leg = Leg::new(number);
        match self {
            Way::Event16 => leg = leg.with_events([101, 101], "telephone-event/16000"),
            Way::Event48 | Way::EventInSegments => leg = leg.with_events([101, 101], "telephone-event/48000"),
            Way::EventTypePerDirection => leg = leg.with_events([96, 97], "telephone-event/8000"),
            Way::EventInRedundancy => {
                for side in 0..2 {
                    leg.sdp[side].formats.push(Format::redundancy(121, 101));
                    leg.streams[side].redundancy_type = Some(121);
                }
            }
            Way::EventOverIpv6 | Way::InfoOverIpv6 => leg = leg.over_ipv6(),
            Way::EventUnderQinq => leg.tags_on_wire = vec![Tag::service(700), Tag::dot1q(12)],
            Way::EventOfAnOutgoingCall => leg.dialled = Side::Customer,
            _ => {}
        }
        leg
    }

    fn sip_keys(self, keys: &[u8]) -> SipKeys {
        let text: String = keys.iter().map(|&key| char::from(key)).collect();
        let kpml = |digits: &str| {
            format!(
                "<?xml version=\"1.0\"?>\r\n<kpml-response version=\"1.0\" code=\"200\" text=\"OK\" digits=\"{digits}\" tag=\"dtmf\"/>\r\n"
            )
        };
        let (headers, content_type, body) = match self {
            Way::InfoRelay | Way::InfoOverIpv6 => {
                ("", "application/dtmf-relay", format!("Signal={text}\r\nDuration=160\r\n").into_bytes())
            }
            Way::InfoRelayWithSpace => {
                ("", "application/dtmf-relay", format!("Signal= {text}\r\nDuration= 160\r\n").into_bytes())
            }
            Way::InfoDtmf => ("Info-Package: dtmf\r\n", "application/dtmf", text.into_bytes()),
            Way::InfoTelephoneEvent => {
                let block = [keyhush_tests::rtp::event_code(keys[0]), 0x87, 0x03, 0x20];
                ("", "audio/telephone-event", block.to_vec())
            }
            Way::InfoMultipart => (
                "MIME-Version: 1.0\r\n",
                MULTIPART,
                format!(
                    "--tear here\r\nContent-Type: text/plain\r\n\r\nSignal=9 is no key here\r\n--tear here\r\n\
                     Content-Type: application/dtmf-relay\r\n\r\nSignal={text}\r\nDuration=160\r\n\r\n--tear here--\r\n"
                )
                .into_bytes(),
            ),
            Way::Kpml | Way::KpmlOfMany => {
                (KPML_HEADERS, "application/kpml-response+xml", kpml(&text).into_bytes())
            }
            _ => panic!("{self:?} is no way by SIP"),
        };
        let method = if self.transport() == Transport::Kpml { "NOTIFY" } else { "INFO" };
        SipKeys { method, headers, content_type, body }
    }

    /// The cardholder keys `keys`, one after the other; `volume` only matters to events.
    pub(crate) fn key(self, leg: &mut Leg, scene: &mut Scene, keys: &[u8], volume: u8) {
        let plan = KeyPlan { volume, ..KeyPlan::default() };
        match self {
            Way::SeveralEventsInAPacket => {
                for group in keys.chunks(3) {
                    leg.press_together(scene, group);
                    leg.talk(scene, 400);
                }
                return;
            }
            Way::KpmlOfMany => {
                for group in keys.chunks(4) {
                    let sip = self.sip_keys(group);
                    leg.press_by_sip(scene, group, sip.method, sip.headers, sip.body());
                }
                return;
            }
            _ => {}
        }
        for key in keys {
            match self {
                Way::EventInSegments => {
                    leg.press(scene, *key, &KeyPlan { milliseconds: 1_600, ..plan });
                }
                Way::EventWithLostEnds => {
                    leg.press(scene, *key, &KeyPlan { ends: 0, ..plan });
                    leg.talk(scene, 200);
                }
                Way::EventWithoutMarker => leg.press(scene, *key, &KeyPlan { marker: false, ..plan }),
                _ if self.transport() == Transport::Event => leg.press(scene, *key, &plan),
                _ => {
                    let sip = self.sip_keys(&[*key]);
                    leg.press_by_sip(scene, &[*key], sip.method, sip.headers, sip.body());
                }
            }
            leg.talk(scene, 100);
        }
    }

    /// The agent keys something by the same way: the reverse direction passes.
    pub(crate) fn agent_keys(self, leg: &mut Leg, scene: &mut Scene) {
        if self.transport() == Transport::Event {
            leg.agent_presses(scene, b'8');
        } else {
            let sip = self.sip_keys(b"8");
            leg.agent_presses_by_sip(scene, sip.method, sip.headers, sip.body());
        }
        leg.talk(scene, 60);
    }

    /// A whole call: set up, keys from both sides, hung up.
    pub(crate) fn call(self, scene: &mut Scene, number: u16, keys: &[u8], volume: u8) {
        let mut leg = self.leg(number);
        leg.set_up(scene);
        leg.talk(scene, 100);
        self.key(&mut leg, scene, keys, volume);
        self.agent_keys(&mut leg, scene);
        leg.hang_up(scene, Side::Carrier);
    }
}
