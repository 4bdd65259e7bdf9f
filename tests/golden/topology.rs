//! Calls that are not a plain line from A to B.

use calls::SecureDefault;
use handover::{Counter, MaskKey, Side, Transport};
use keyhush_tests::frame::Tag;
use keyhush_tests::leg::Leg;
use keyhush_tests::played::{Played, play};
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::Scene;

const SECURE: SecureDefault = SecureDefault::Always(MaskKey::Pound);

fn press_all(leg: &mut Leg, scene: &mut Scene, keys: &[u8]) {
    for key in keys {
        leg.press(scene, *key, &KeyPlan::default());
        leg.talk(scene, 60);
    }
}

fn assert_keys(played: &Played, expected: &[u8]) {
    let captured = played.keys(Transport::Event);
    assert_eq!(String::from_utf8_lossy(&captured), String::from_utf8_lossy(expected));
}

/// The agent at home: the SDP has a private address, media goes where the agent's RTP comes from.
#[test]
fn a_private_address_in_the_customers_sdp() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.sdp[1].media = "192.168.1.23:7078".parse().expect("an address");
    leg.media[1] = "203.0.113.77:41999".parse().expect("an address");
    leg.signalling[1] = "203.0.113.77:40100".parse().expect("an address");
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 100);
    press_all(&mut leg, &mut scene, b"4929");
    // The router at home gives the phone another port.
    leg.media[1] = "203.0.113.77:52000".parse().expect("an address");
    leg.talk(&mut scene, 100);
    press_all(&mut leg, &mut scene, b"1881");
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    assert_keys(&played, b"49291881");
    assert!(played.report.counter(Counter::FlowsLearned) >= 2);
}

/// The customer moves its media with an INVITE too long for one packet.
#[test]
fn a_fragmented_reinvite_moves_the_media() {
    for ipv6 in [false, true] {
        let mut scene = Scene::default();
        let mut leg = Leg::new(1);
        if ipv6 {
            leg = leg.over_ipv6();
        }
        leg.set_up(&mut scene);
        leg.talk(&mut scene, 100);
        press_all(&mut leg, &mut scene, b"49");
        leg.fragment_sip = Some(256);
        leg.media[1].set_port(31_000);
        leg.sdp[1].media.set_port(31_000);
        leg.renegotiate(&mut scene, Side::Customer, "INVITE");
        leg.talk(&mut scene, 100);
        press_all(&mut leg, &mut scene, b"29");
        let sent = scene.in_order();
        let carrier = if ipv6 { "2001:db8:c::/48" } else { keyhush_tests::leg::CARRIER };
        let played = keyhush_tests::played::play_from(&sent, carrier, SECURE);
        assert!(played.report.counter(Counter::Reassembled) >= 2, "the INVITE and its answer are read");
        played.assert_only_keys_changed(&sent, MaskKey::Pound);
        assert_keys(&played, b"4929");
    }
}

/// Keys by SIP in fragments: they are masked where they are, or do not leave at all.
#[test]
fn keys_in_a_fragmented_info() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 100);
    leg.fragment_sip = Some(200);
    for key in *b"4929" {
        let body = format!("Signal={}\r\nDuration=160\r\n", char::from(key));
        leg.press_by_sip(&mut scene, &[key], "INFO", "", ("application/dtmf-relay", body.as_bytes()));
    }
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    assert_eq!(played.keys(Transport::Info), b"4929");
    for left in &played.left {
        let text = String::from_utf8_lossy(&left.bytes);
        for key in ["Signal=4", "Signal=9", "Signal=2"] {
            assert!(!text.contains(key), "a digit leaves in a fragment");
        }
    }
    assert_eq!(played.left.len(), sent.len());
}

/// Hold and resume, codec change, UPDATE, PRACK: the flows follow.
#[test]
fn renegotiations_of_every_kind() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up_with(&mut scene, "Supported: 100rel, timer\r\n");
    leg.talk(&mut scene, 100);
    press_all(&mut leg, &mut scene, b"1");
    let prack = leg.request(&mut scene, Side::Carrier, "PRACK", "RAck: 1 101 INVITE\r\n", None);
    leg.respond(&mut scene, &prack, "200 OK", "", None);

    leg.sdp[1].direction = "sendonly";
    leg.sdp[0].direction = "recvonly";
    leg.renegotiate(&mut scene, Side::Customer, "INVITE");
    leg.talk(&mut scene, 60);
    leg.sdp[1].direction = "sendrecv";
    leg.sdp[0].direction = "sendrecv";
    leg.renegotiate(&mut scene, Side::Customer, "INVITE");
    press_all(&mut leg, &mut scene, b"2");

    // The carrier moves to another port and the customer to another payload type for events.
    leg.sdp[0].media.set_port(24_000);
    leg.media[0].set_port(24_000);
    leg.sdp[1].formats[1].payload_type = 110;
    leg.streams[0].event_type = 110;
    leg.renegotiate(&mut scene, Side::Carrier, "UPDATE");
    leg.talk(&mut scene, 60);
    press_all(&mut leg, &mut scene, b"3");
    leg.agent_presses(&mut scene, b'6');
    leg.hang_up(&mut scene, Side::Customer);
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    assert_keys(&played, b"123");
    assert_eq!(played.report.counter(Counter::CallsEnded), 1);
}

/// A transfer: the new dialog replaces the old one and keeps its SecureMode, its media elsewhere.
#[test]
fn a_transfer_with_replaces() {
    let mut scene = Scene::default();
    let mut first = Leg::new(1);
    first.set_up(&mut scene);
    first.talk(&mut scene, 100);
    press_all(&mut first, &mut scene, b"49");

    let mut second = Leg::new(2);
    second.signalling[1] = "198.51.100.11:5060".parse().expect("an address");
    second.media[1] = "198.51.100.31:30100".parse().expect("an address");
    second.sdp[1].media = second.media[1];
    let [from_tag, to_tag] = first.tags.clone();
    let replaces = format!("Replaces: {};to-tag={to_tag};from-tag={from_tag}\r\n", first.call_id);
    second.set_up_with(&mut scene, &replaces);
    first.hang_up(&mut scene, Side::Customer);
    second.talk(&mut scene, 100);
    press_all(&mut second, &mut scene, b"29");
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    assert_keys(&played, b"4929");
    let calls: Vec<u32> = played.presses.iter().map(|press| press.call).collect();
    assert!(calls.iter().all(|call| *call == calls[0]), "it is one call: {calls:?}");
    assert_eq!(played.report.calls, 1);
}

/// The wire carries the call twice, on its way to a B2BUA and back, under two VLANs with the same Call-ID.
#[test]
fn the_same_call_id_on_two_vlans() {
    let mut scene = Scene::default();
    let mut outer = Leg::new(1);
    outer.tags_on_wire = vec![Tag::dot1q(10)];
    let mut inner = Leg::new(1);
    inner.tags_on_wire = vec![Tag::dot1q(20)];
    inner.signalling[0] = "192.0.2.99:5060".parse().expect("an address");
    inner.media[1].set_port(33_000);
    inner.sdp[1].media.set_port(33_000);
    outer.set_up(&mut scene);
    inner.set_up(&mut scene);
    for key in *b"4929" {
        // The same key press goes by on both.
        let start = scene.now;
        outer.press(&mut scene, key, &KeyPlan::default());
        let end = scene.now;
        scene.now = start;
        scene.pass(1);
        scene.pressed.pop();
        inner.press(&mut scene, key, &KeyPlan::default());
        scene.now = end;
        outer.talk(&mut scene, 60);
    }
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    assert_eq!(played.report.calls, 1, "legs of the same Call-ID are one call");
    assert_eq!(played.presses.len(), 8, "each leg reports each press");
}

/// Two customers with the same addresses on VLANs of their own; only one of the calls has keys for us to see.
#[test]
fn addresses_that_overlap_between_vlans() {
    let mut scene = Scene::default();
    let mut one = Leg::new(1);
    one.tags_on_wire = vec![Tag::dot1q(10)];
    let mut other = Leg::new(1).with_events([96, 98], "telephone-event/8000");
    other.call_id = "other@192.0.2.10".to_owned();
    other.tags = ["b1".to_owned(), "b2".to_owned()];
    other.tags_on_wire = vec![Tag::dot1q(11)];
    one.set_up(&mut scene);
    other.set_up(&mut scene);
    press_all(&mut one, &mut scene, b"49");
    press_all(&mut other, &mut scene, b"29");
    one.hang_up(&mut scene, Side::Carrier);
    press_all(&mut other, &mut scene, b"77");
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    assert_keys(&played, b"492977");
    assert_eq!(played.report.calls, 2);
    assert_ne!(played.presses[0].call, played.presses[2].call);
}

/// A fork: two phones answer with early media, one is taken.
#[test]
fn a_forked_call() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    let offer = leg.sdp[0].text();
    let invite =
        leg.request(&mut scene, Side::Carrier, "INVITE", "", Some(("application/sdp", offer.as_bytes())));
    let mut forks: Vec<Leg> = (0..2_u16).map(|_| leg.clone()).collect();
    for (number, fork) in (0..).zip(&mut forks) {
        fork.tags[1] = format!("fork{number}");
        fork.media[1].set_port(35_000 + 2 * number);
        fork.sdp[1].media.set_port(35_000 + 2 * number);
        let answer = fork.sdp[1].text();
        let body = Some(("application/sdp", answer.as_bytes()));
        fork.respond(&mut scene, &invite, "183 Session Progress", "", body);
        scene.pass(10);
    }
    press_all(&mut forks[0], &mut scene, b"1");
    press_all(&mut forks[1], &mut scene, b"2");
    let answer = forks[1].sdp[1].text();
    let body = Some(("application/sdp", answer.as_bytes()));
    forks[1].respond(&mut scene, &invite, "200 OK", "", body);
    forks[1].request(&mut scene, Side::Carrier, "ACK", "", None);
    press_all(&mut forks[1], &mut scene, b"34");
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    assert_keys(&played, b"1234");
    assert_eq!(played.report.calls, 1);
}
