//! The call that is attacked, and the reader on the agent's side.

use calls::SecureDefault;
use handover::{MaskKey, Side};
use keyhush_tests::frame;
use keyhush_tests::leg::Leg;
use keyhush_tests::played::{Played, play};
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Carries, Scene, Sent};
use keyhush_tests::seen::Seen;

/// Every call is in SecureMode from its beginning.
pub(crate) const SECURE: SecureDefault = SecureDefault::Always(MaskKey::Pound);
/// The type of a session description.
pub(crate) const SDP: &str = "application/sdp";
/// The payload type of events, where nothing else is said.
pub(crate) const EVENT: u8 = 101;
/// A place of the agent's that the call's first session descriptions do not name.
pub(crate) const ELSEWHERE: &str = "198.51.100.20:41000";
/// Of the mask key, as an event.
const POUND: u8 = 11;

/// A call that is up, with some media.
pub(crate) fn call() -> (Scene, Leg) {
    let mut scene = Scene::default();
    let leg = call_in(&mut scene, Leg::new(1));
    (scene, leg)
}

/// The same with a leg that was made ready.
pub(crate) fn call_in(scene: &mut Scene, mut leg: Leg) -> Leg {
    leg.set_up(scene);
    leg.talk(scene, 100);
    leg
}

/// The cardholder keys while both talk.
pub(crate) fn press_all(leg: &mut Leg, scene: &mut Scene, keys: &[u8]) {
    for key in keys {
        leg.press(scene, *key, &KeyPlan::default());
        leg.talk(scene, 60);
    }
}

/// The cardholder keys, and nothing comes from the customer's side by which the agent's place could be learned.
pub(crate) fn press_to_a_mute_agent(leg: &mut Leg, scene: &mut Scene, keys: &[u8]) {
    for key in keys {
        let carries = scene.note_pressed(&[*key]);
        for packet in leg.streams[Side::Carrier as usize].press(*key, &KeyPlan::default()) {
            leg.media(scene, Side::Carrier, 0, carries, &packet);
            scene.pass(20);
        }
        scene.pass(60);
    }
}

/// The cardholder's gateway sends there from now on.
pub(crate) fn send_to(leg: &mut Leg, place: &str) {
    leg.media[Side::Customer as usize] = place.parse().expect("an address");
}

/// A re-INVITE of the customer's with that session description, which the carrier takes.
pub(crate) fn accepted_offer(leg: &mut Leg, scene: &mut Scene, offer: &str) {
    let answer = leg.sdp[Side::Carrier as usize].text();
    answered_offer(leg, scene, offer, &answer);
}

/// A re-INVITE of the customer's with that session description, and that answer.
pub(crate) fn answered_offer(leg: &mut Leg, scene: &mut Scene, offer: &str, answer: &str) {
    let invite = leg.request(scene, Side::Customer, "INVITE", "", Some((SDP, offer.as_bytes())));
    scene.pass(20);
    leg.respond(scene, &invite, "200 OK", "", Some((SDP, answer.as_bytes())));
    leg.request(scene, Side::Customer, "ACK", "", None);
    scene.pass(10);
}

/// A re-INVITE of the customer's with that session description, which the carrier refuses.
pub(crate) fn refused_offer(leg: &mut Leg, scene: &mut Scene, offer: &str) {
    let invite = leg.request(scene, Side::Customer, "INVITE", "", Some((SDP, offer.as_bytes())));
    scene.pass(20);
    leg.respond(scene, &invite, "488 Not Acceptable Here", "", None);
    leg.request(scene, Side::Customer, "ACK", "", None);
    scene.pass(10);
}

/// Writes the SIP message of a frame anew.
pub(crate) fn rewrite(sent: &mut Sent, change: impl FnOnce(String) -> String) {
    let seen = Seen::of(&sent.frame).expect("a datagram");
    let message = change(String::from_utf8_lossy(&sent.frame[seen.payload]).into_owned());
    sent.frame = frame::udp(sent.from, &[], seen.source, seen.destination, 1, message.as_bytes());
}

/// The event codes, other than the mask key's, that somebody on the customer's side reads in what comes from the carrier
/// with that payload type; each once where it is repeated.
pub(crate) fn events_read<'a>(frames: impl Iterator<Item = &'a [u8]>, event_type: u8) -> Vec<u8> {
    let mut events = Vec::new();
    for frame in frames {
        let Some(seen) = Seen::of(frame) else { continue };
        if !seen.source.ip().to_string().starts_with("192.0.2.") {
            continue;
        }
        if let [first, second, _, _, _, _, _, _, _, _, _, _, event, _, _, _, ..] = frame[seen.payload]
            && first >> 6 == 2
            && second & 0x7f == event_type
            && event < 16
            && event != POUND
        {
            events.push(event);
        }
    }
    events.dedup();
    events
}

/// Replays the scene in SecureMode: keys arrive as events of that type, and none leaves.
pub(crate) fn assert_no_event_leaves(scene: &Scene, event_type: u8) -> Played {
    let sent = scene.in_order();
    let arriving = events_read(sent.iter().map(|sent| &sent.frame[..]), event_type);
    assert!(!arriving.is_empty(), "the scene has no keys of type {event_type}");
    let played = play(&sent, SECURE);
    let leaving = events_read(played.left.iter().map(|record| &record.bytes[..]), event_type);
    assert!(leaving.is_empty(), "of {arriving:?} these leave: {leaving:?}");
    played
}

/// Whether somebody reads that text in what leaves.
pub(crate) fn is_read(played: &Played, text: &str) -> bool {
    played.left.iter().any(|record| contains(&record.bytes, text))
}

/// Whether a frame holds that text.
pub(crate) fn contains(frame: &[u8], text: &str) -> bool {
    frame.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The frames that left: what nobody on the customer's side can look behind.
pub(crate) fn left(played: &Played) -> Vec<&[u8]> {
    played.left.iter().map(|record| &record.bytes[..]).collect()
}

/// A packet of the cardholder's with any payload, at the stream's present time.
pub(crate) fn send_packet(leg: &mut Leg, scene: &mut Scene, payload_type: u8, first: u8, payload: &[u8]) {
    let stream = &mut leg.streams[Side::Carrier as usize];
    let timestamp = stream.timestamp;
    let mut packet = stream.packet(payload_type, true, timestamp, payload);
    packet[0] = first;
    leg.media(scene, Side::Carrier, 0, Carries::Nothing, &packet);
}

/// A key for SRTP (RFC 4568), where the profile does not say that there is one.
pub(crate) const CRYPTO: &str =
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
