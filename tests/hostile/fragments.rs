//! IP fragments: twice, late, and cut so that no piece can be read alone.

use core::time::Duration;

use handover::{Counter, Side};
use keyhush_tests::frame;
use keyhush_tests::leg::Leg;
use keyhush_tests::played::play;
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Carries, Kind, Scene};

use crate::attack::*;

/// Where SIP messages are cut.
const CUT: usize = 360;

/// The customer moves its media by a re-INVITE in fragments, of which the first comes twice or the last comes late.
fn move_in_fragments(delay: u64, twice: bool) -> Scene {
    let (mut scene, mut leg) = call();
    let offer = leg.sdp[1].text().replace("audio 20012", "audio 41000");
    let answer = leg.sdp[0].text();
    let first = scene.sent.len();
    leg.fragment_sip = Some(CUT);
    let invite = leg.request(&mut scene, Side::Customer, "INVITE", "", Some((SDP, offer.as_bytes())));
    leg.fragment_sip = None;
    assert!(scene.sent.len() > first + 1, "it is in fragments");
    if twice {
        let twin = scene.sent[first].clone();
        scene.sent.insert(first, twin);
    }
    let last = scene.sent.last_mut().expect("a fragment");
    last.time = last.time + Duration::from_millis(delay);
    scene.pass(20 + delay);
    leg.respond(&mut scene, &invite, "200 OK", "", Some((SDP, answer.as_bytes())));
    leg.request(&mut scene, Side::Customer, "ACK", "", None);
    send_to(&mut leg, ELSEWHERE);
    press_to_a_mute_agent(&mut leg, &mut scene, b"4929");
    scene
}

/// So that the other tests of this file say something.
#[test]
fn an_offer_in_fragments() {
    assert_no_event_leaves(&move_in_fragments(1, false), EVENT);
}

/// Switches with a span port in the path send frames twice; so does whoever wants reassembly to give up.
#[test]
fn an_offer_whose_first_fragment_comes_twice() {
    assert_no_event_leaves(&move_in_fragments(1, true), EVENT);
}

/// Later than reassembly waits, but receivers wait for 30 s (RFC 1122 section 3.3.2).
#[test]
fn an_offer_whose_last_fragment_is_late() {
    assert_no_event_leaves(&move_in_fragments(60, false), EVENT);
}

/// An INFO with a key in fragments; the header is long, as it is behind some proxies. Gives where it begins.
fn info_in_fragments(scene: &mut Scene, leg: &mut Leg) -> usize {
    let padding = format!("X-Pad: {}\r\n", ".".repeat(120));
    let first = scene.sent.len();
    leg.fragment_sip = Some(CUT);
    let body: &[u8] = b"Signal=5\r\nDuration=160\r\n";
    leg.press_by_sip(scene, b"5", "INFO", &padding, ("application/dtmf-relay", body));
    assert!(scene.sent[first..first + 2].iter().all(|sent| sent.kind == Kind::Fragment));
    assert!(scene.sent[first..first + 2].iter().any(|sent| contains(&sent.frame, "Signal=5")));
    first
}

/// As above.
#[test]
fn an_info_whose_first_fragment_comes_twice() {
    let (mut scene, mut leg) = call();
    let first = info_in_fragments(&mut scene, &mut leg);
    let twin = scene.sent[first].clone();
    scene.sent.insert(first, twin);
    assert!(!is_read(&play(&scene.in_order(), SECURE), "Signal=5"));
}

/// As above.
#[test]
fn an_info_whose_last_fragment_is_late() {
    let (mut scene, mut leg) = call();
    let last = info_in_fragments(&mut scene, &mut leg) + 1;
    scene.sent[last].time = scene.sent[last].time + Duration::from_millis(40);
    assert!(!is_read(&play(&scene.in_order(), SECURE), "Signal=5"));
}

/// An event packet of 24 bytes in two fragments, as no honest sender cuts it: an attacker on the path before the carrier
/// could. Dropped whole.
#[test]
fn events_in_fragments_do_not_leave() {
    let (mut scene, mut leg) = call();
    let place = (leg.media[0], leg.media[1]);
    for packet in leg.streams[0].press(b'5', &KeyPlan::default()) {
        let whole = frame::udp(Side::Carrier, &[], place.0, place.1, scene.identification(), &packet);
        for fragment in frame::fragments(&whole, 16) {
            scene.send(Side::Carrier, Kind::Fragment, Carries::Nothing, fragment);
        }
        scene.pass(20);
    }
    let sent = scene.in_order();
    let fragments = sent.iter().filter(|sent| sent.kind == Kind::Fragment).count();
    let played = play(&sent, SECURE);
    assert_eq!(played.left.len() + fragments, sent.len(), "all but the fragments leave");
    assert_eq!(played.report.counter(Counter::DropSecuredFragment), fragments as u64);
}
