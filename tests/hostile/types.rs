//! Payload types that mean something else than they say.

use calls::SecureDefault;
use handover::{Counter, MaskKey};
use keyhush_tests::leg::Leg;
use keyhush_tests::played::play;
use keyhush_tests::scene::Scene;
use keyhush_tests::sdp::Format;

use crate::attack::*;

/// An answer may take over the offer's numbers and leave the map out; old gateways do.
#[test]
fn an_answer_that_lists_the_type_without_a_map() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.sdp[1].formats[1].map = "";
    leg.set_up(&mut scene);
    press_all(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, EVENT);
}

/// RFC 8866 wants a clock rate in the map; phones with hand-written templates forget it.
#[test]
fn a_map_without_a_clock() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.sdp[1].formats[1].map = "telephone-event";
    leg.set_up(&mut scene);
    press_all(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, EVENT);
}

/// A re-INVITE that the carrier refuses changes nothing (RFC 3261 section 14.1), whatever it says of the events' number:
/// software on the agent's desk needs one message to try it.
#[test]
fn a_refused_offer_that_gives_the_events_number_to_a_codec() {
    let (mut scene, mut leg) = call();
    press_all(&mut leg, &mut scene, b"4");
    let offer = leg.sdp[1].text().replace("telephone-event", "speex");
    refused_offer(&mut leg, &mut scene, &offer);
    press_all(&mut leg, &mut scene, b"929");
    assert_no_event_leaves(&scene, EVENT);
}

/// With the marker bit, types 64–95 look like RTCP (RFC 5761 section 4). Some PBXs let the type be set to any number, and
/// the first packet of an event has the marker.
#[test]
fn events_of_a_type_that_looks_like_rtcp() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1).with_events([80, 80], "telephone-event/8000");
    leg.set_up(&mut scene);
    press_all(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, 80);
}

/// Each side announces with which numbers it wants to receive (RFC 3264 section 5.1), but many a gateway sends with the
/// numbers that it announced itself. Here the agent calls that number iLBC.
#[test]
fn a_sender_that_uses_its_own_number_which_is_a_codec_to_the_other() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.sdp[1].formats.push(Format::new(96, "iLBC/8000"));
    leg.sdp[0].formats[1].payload_type = 96;
    leg.streams[0].event_type = 96;
    leg.set_up(&mut scene);
    press_all(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, 96);
}

/// The same the other way round: the number that one side gave to events carries the other's audio. It is not the
/// length of an event, so it is none; but nobody said which codec it is, so it cannot be listened to.
#[test]
fn audio_of_a_sender_that_uses_its_own_number_which_is_events_to_the_other() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.sdp[0].formats = vec![Format::new(101, "PCMU/8000"), Format::events(96, "telephone-event/8000")];
    leg.streams[0].audio_type = 101;
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 400);
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    assert!(played.presses.is_empty());
    assert!(played.report.counter(Counter::DropSecuredUnmaskable) > 0, "its tones could not be masked");
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    let played = play(&sent, SecureDefault::Never);
    assert_eq!(played.unchanged(&sent), sent.len());
}

/// Events as no session description promised them: gateways that were told a number by hand (Cisco's 97, 100 and 121),
/// numbers outside the dynamic range, half a block too many, a reserved bit, redundancy that nobody announced, an RTP
/// header that is none. Whoever captures on the agent's side reads them without being told.
///
/// A number that is announced as G.711 is G.711: nobody reads events there, so that is not asked.
#[test]
fn events_that_nobody_announced() {
    const EVENT_OF_FIVE: [u8; 4] = [5, 10, 3, 32];
    let odd = [
        ("a dynamic type", 97, 0x80, &EVENT_OF_FIVE[..]),
        ("five bytes", 97, 0x80, &[5, 10, 3, 32, 0]),
        ("the reserved bit", 97, 0x80, &[5, 0x4a, 3, 32]),
        ("redundancy", 121, 0x80, &[101, 5, 10, 3, 32]),
        ("redundancy with the event before", 121, 0x80, &[0xe5, 0, 0, 4, 101, 4, 10, 3, 32, 5, 10, 3, 32]),
        ("redundancy within the announced type", 97, 0x80, &[97, 5, 10, 3, 32]),
        ("a reserved type", 19, 0x80, &EVENT_OF_FIVE),
        ("a type that is not assigned", 35, 0x80, &EVENT_OF_FIVE),
        ("a type that looks like RTCP", 80, 0x80, &EVENT_OF_FIVE),
        ("version 0", EVENT, 0x00, &EVENT_OF_FIVE),
        ("version 1", EVENT, 0x40, &EVENT_OF_FIVE),
        ("padding longer than the packet", EVENT, 0xa0, &EVENT_OF_FIVE),
        ("Cisco's type", 121, 0x80, &[7, 0, 5, 0]),
    ];
    for (name, payload_type, first, payload) in odd {
        let play_with = |secure| {
            let (mut scene, mut leg) = call();
            send_packet(&mut leg, &mut scene, payload_type, first, payload);
            let played = play(&scene.in_order(), secure);
            played.left.iter().any(|record| record.bytes.ends_with(payload))
        };
        assert!(play_with(SecureDefault::Never), "{name}: it passes outside SecureMode");
        assert!(!play_with(SECURE), "{name}: it leaves as it came");
    }
}

/// After a re-INVITE to best-effort SRTP (keys in the SDP, profile RTP/AVP as some phones write it) the payload is
/// encrypted: an event of four bytes with a tag of ten. Nothing of it is an event any more, and whoever has the key
/// of the SDP reads it.
#[test]
fn events_encrypted_with_a_key_of_a_plain_profile() {
    let (mut scene, mut leg) = call();
    let offer = leg.sdp[1].text() + CRYPTO;
    accepted_offer(&mut leg, &mut scene, &offer);
    let cipher = [0xa7, 0x31, 0xee, 0x09, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209];
    send_packet(&mut leg, &mut scene, EVENT, 0x80, &cipher);
    let played = play(&scene.in_order(), SECURE);
    let whole = left(&played).iter().any(|frame| frame.windows(12).any(|window| window == &cipher[..12]));
    assert!(!whole, "the encrypted event leaves, whole but for its last two bytes");
}
