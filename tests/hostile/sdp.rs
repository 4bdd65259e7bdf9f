//! Session descriptions that are read in two ways, or not at all: by the carrier so that it sends the media there, by
//! Keyhush so that it does not know where. The media is sent to the new place whether or not the message got through.

use handover::Side;
use keyhush_tests::appliance::Appliance;
use keyhush_tests::leg::Leg;
use keyhush_tests::scene::Scene;

use crate::attack::*;

/// The customer's audio line in the plain session description.
const AUDIO: &str = "audio 20012";

/// The customer moves its media with that change to its session description, and the carrier follows to `place`.
#[track_caller]
fn assert_no_event_leaves_to(place: &str, change: impl FnOnce(String) -> String) {
    let (mut scene, mut leg) = call();
    let plain = leg.sdp[1].text();
    let offer = change(plain.clone());
    assert_ne!(offer, plain, "the change changes something");
    accepted_offer(&mut leg, &mut scene, &offer);
    send_to(&mut leg, place);
    press_to_a_mute_agent(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, EVENT);
}

fn moved(offer: &str) -> String {
    offer.replace(AUDIO, "audio 41000")
}

/// So that the other tests of this file say something.
#[test]
fn media_that_moves_plainly() {
    assert_no_event_leaves_to(ELSEWHERE, |offer| moved(&offer));
}

/// C libraries read `024` as octal: 20.
#[test]
fn an_address_with_a_leading_zero() {
    assert_no_event_leaves_to(ELSEWHERE, |offer| {
        moved(&offer).replace("IP4 198.51.100.20", "IP4 198.51.100.024")
    });
}

/// RFC 8866 section 5.7 allows a host name, and SBCs resolve it.
#[test]
fn a_host_name_for_an_address() {
    assert_no_event_leaves_to("198.51.100.99:20012", |offer| {
        offer.replace("c=IN IP4 198.51.100.20", "c=IN IP4 agent.example.com")
    });
}

/// A second media line that is none: most parsers skip it and take the first.
#[test]
fn another_media_line_without_a_port() {
    assert_no_event_leaves_to(ELSEWHERE, |offer| moved(&offer) + "m=x - udp x\r\n");
}

/// `strtol` takes the sign.
#[test]
fn a_port_with_a_sign() {
    assert_no_event_leaves_to(ELSEWHERE, |offer| offer.replace(AUDIO, "audio +41000"));
}

/// Some parsers take a carriage return alone for the end of a line.
#[test]
fn lines_that_end_in_carriage_returns_alone() {
    assert_no_event_leaves_to(ELSEWHERE, |offer| moved(&offer).replace("\r\n", "\r"));
}

/// Some parsers skip white space before the first line.
#[test]
fn a_space_before_the_first_line() {
    assert_no_event_leaves_to(ELSEWHERE, |offer| moved(&offer).replacen("v=0\r\n", " v=0\r\n", 1));
}

/// Bundled media (RFC 9143): the line that carries the calls' media has a port, the other has none.
#[test]
fn bundled_media_with_a_line_of_port_zero() {
    assert_no_event_leaves_to(ELSEWHERE, |offer| {
        let bundle = "t=0 0\r\na=group:BUNDLE a b\r\nm=audio 41000 RTP/AVP 0 101\r\na=mid:a\r\n\
                      a=rtpmap:101 telephone-event/8000\r\n";
        offer.replace("t=0 0\r\n", bundle).replace(AUDIO, "audio 0")
    });
}

/// Eight audio lines that the answer refuses, and a ninth that it takes: tables have an end, attackers do not.
#[test]
fn the_ninth_audio_line_is_the_one_that_is_taken() {
    const NOBODY: &str = "m=audio 40000 RTP/AVP 97\r\na=rtpmap:97 nobody/8000\r\n";
    let (mut scene, mut leg) = call();
    let before_audio = |text: &str, lines: &str| {
        let (head, rest) = text.split_at(text.find("m=audio").expect("an audio line"));
        format!("{head}{lines}{rest}")
    };
    let offer = before_audio(&moved(&leg.sdp[1].text()), &NOBODY.repeat(8));
    let answer = before_audio(&leg.sdp[0].text(), &"m=audio 0 RTP/AVP 97\r\n".repeat(8));
    answered_offer(&mut leg, &mut scene, &offer, &answer);
    send_to(&mut leg, ELSEWHERE);
    press_to_a_mute_agent(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, EVENT);
}

/// An offer with forty ports that the carrier refuses: the flow in use must not give way to what it names.
#[test]
fn a_refused_offer_with_more_ports_than_there_is_room_for() {
    let (mut scene, mut leg) = call();
    press_all(&mut leg, &mut scene, b"4");
    let text = leg.sdp[1].text();
    let mut offer = text.split("m=audio").next().expect("a session description").to_owned();
    for number in 0..5 {
        let port = 42_000 + 100 * number;
        offer += &format!("m=audio {port}/8 RTP/AVP 97\r\na=rtpmap:97 nobody/8000\r\n");
    }
    refused_offer(&mut leg, &mut scene, &offer);
    press_all(&mut leg, &mut scene, b"929");
    assert_no_event_leaves(&scene, EVENT);
}

/// A re-INVITE that is against RFC 3261, but that a lenient carrier acts upon: a Content-Length beyond the datagram, two
/// From, a version to come.
#[test]
fn a_message_that_cannot_be_read_moves_the_media() {
    let broken = [
        ("Content-Length: ", "Content-Length: 9"),
        ("Max-Forwards: 70", "From: <sip:x@y>;tag=zz\r\nMax-Forwards: 70"),
        ("SIP/2.0\r\nVia", "SIP/2.1\r\nVia"),
    ];
    for (from, to) in broken {
        let (mut scene, mut leg) = call();
        let invite = scene.sent.len();
        let offer = moved(&leg.sdp[1].text());
        accepted_offer(&mut leg, &mut scene, &offer);
        rewrite(&mut scene.sent[invite], |message| {
            assert!(message.contains(from));
            message.replacen(from, to, 1)
        });
        send_to(&mut leg, ELSEWHERE);
        press_to_a_mute_agent(&mut leg, &mut scene, b"4929");
        assert_no_event_leaves(&scene, EVENT);
    }
}

/// SRTP that the profile does not tell (RTP/AVP with `a=crypto`, "best effort"): its keys cannot be seen, so SecureMode
/// must be refused rather than shown to be on.
#[test]
fn secure_mode_is_refused_where_media_is_encrypted_at_best_effort() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    let (offer, answer) = (leg.sdp[0].text() + CRYPTO, leg.sdp[1].text() + CRYPTO);
    let invite = leg.request(&mut scene, Side::Carrier, "INVITE", "", Some((SDP, offer.as_bytes())));
    leg.respond(&mut scene, &invite, "200 OK", "", Some((SDP, answer.as_bytes())));
    leg.request(&mut scene, Side::Carrier, "ACK", "", None);
    leg.talk(&mut scene, 100);
    let mut appliance = Appliance::new(1);
    appliance.carry(&scene.in_order());
    assert!(!appliance.secure(&leg.call_id), "SecureMode is granted on encrypted media");
}
