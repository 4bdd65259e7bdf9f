//! Dialogs that end, or seem to, and calls that claim another's media.

use core::time::Duration;

use handover::Side;
use keyhush_tests::appliance::Appliance;
use keyhush_tests::frame;
use keyhush_tests::leg::{CARRIER, Leg};
use keyhush_tests::played::pad;
use keyhush_tests::played::play;
use keyhush_tests::scene::{self, Carries, Kind, Scene};
use keyhush_tests::seen::Seen;
use replay::Options;
use replay::capture::Reader;

use crate::attack::*;

/// A port of the carrier's where nobody listens.
const NOBODY: &str = "192.0.2.10:9";

/// Sends the last frame, an answer of the carrier's, from the customer's side instead.
fn forge_last(scene: &mut Scene, by: &Leg) {
    let answer = scene.sent.pop().expect("an answer");
    let seen = Seen::of(&answer.frame).expect("a datagram");
    let nobody = NOBODY.parse().expect("an address");
    let id = scene.identification();
    let forged = frame::udp(Side::Customer, &[], by.signalling[1], nobody, id, &answer.frame[seen.payload]);
    scene.send(Side::Customer, Kind::Setup, Carries::Nothing, forged);
}

/// Software on the agent's desk sends a BYE to where nobody hears it, and its answer too. The carrier knows nothing of it
/// and media goes on: the call is not over.
#[test]
fn a_bye_and_its_answer_both_from_the_customer() {
    let (mut scene, mut leg) = call();
    let signalling = leg.signalling;
    leg.signalling[0] = NOBODY.parse().expect("an address");
    let bye = leg.request(&mut scene, Side::Customer, "BYE", "", None);
    scene.pass(5);
    leg.respond(&mut scene, &bye, "200 OK", "", None);
    forge_last(&mut scene, &leg);
    leg.signalling = signalling;
    leg.talk(&mut scene, 5_500);
    press_all(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, EVENT);
}

/// A BYE that is lost behind Keyhush, or that the carrier does not answer: media goes on beyond the transaction's 32 s and
/// what flows linger.
#[test]
fn a_bye_that_nobody_answers() {
    let (mut scene, mut leg) = call();
    leg.request(&mut scene, Side::Customer, "BYE", "", None);
    leg.talk(&mut scene, 45_000);
    press_all(&mut leg, &mut scene, b"4929");
    assert_no_event_leaves(&scene, EVENT);
}

/// The same where flows linger for a second only.
#[test]
fn a_bye_that_nobody_answers_where_flows_linger_shortly() {
    let (mut scene, mut leg) = call();
    leg.request(&mut scene, Side::Customer, "BYE", "", None);
    leg.talk(&mut scene, 37_000);
    press_all(&mut leg, &mut scene, b"4929");
    let mut options = Options::new(CARRIER.parse().expect("a range"), SECURE, pad());
    options.calls.linger = Duration::from_secs(1);
    let mut written = Vec::new();
    replay::run(&scene::capture(&scene.in_order())[..], &mut written, options, &mut |_| {})
        .expect("a scene is a capture");
    let mut reader = Reader::new(&written[..]).expect("what replay wrote can be read");
    let mut frames = Vec::new();
    while let Some(record) = reader.next_record().expect("what replay wrote can be read") {
        frames.push(record.bytes);
    }
    let leaving = events_read(frames.iter().map(|frame| &frame[..]), EVENT);
    assert!(leaving.is_empty(), "{leaving:?} leaves");
}

/// The customer dialled, early media is up, and software on the agent's desk answers its own INVITE with a refusal.
#[test]
fn an_early_dialog_that_the_customer_refuses_itself() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.dialled = Side::Customer;
    let (offer, answer) = (leg.sdp[1].text(), leg.sdp[0].text());
    let invite = leg.request(&mut scene, Side::Customer, "INVITE", "", Some((SDP, offer.as_bytes())));
    leg.respond(&mut scene, &invite, "183 Session Progress", "", Some((SDP, answer.as_bytes())));
    leg.talk(&mut scene, 1_000);
    leg.respond(&mut scene, &invite, "486 Busy", "", None);
    forge_last(&mut scene, &leg);
    leg.talk(&mut scene, 6_000);
    press_all(&mut leg, &mut scene, b"49");
    assert_no_event_leaves(&scene, EVENT);
}

/// Whoever can make calls announces in one of their own that they receive where another agent does: the card number keyed
/// in the other's call must not be reported for theirs.
#[test]
fn a_call_that_announces_anothers_place_does_not_get_its_presses() {
    let (mut scene, mut one) = call();
    press_all(&mut one, &mut scene, b"4");
    let mut two = Leg::new(2);
    two.sdp[1].media = one.sdp[1].media;
    two.set_up(&mut scene);
    press_all(&mut one, &mut scene, b"929");
    let played = play(&scene.in_order(), SECURE);
    let calls: Vec<u32> = played.presses.iter().map(|press| press.call).collect();
    assert!(!calls.is_empty());
    assert!(calls.iter().all(|call| *call == calls[0]), "presses are reported for the calls {calls:?}");
}

/// The same where the attacker's call alone is in SecureMode: nothing of the other is captured for it.
///
/// Whether the other's keys are masked meanwhile is not asked. A call whose BYE was lost keeps its place until it
/// expires, and the next call at that place may be in SecureMode: masking for whichever of them is secured is the
/// side to err on.
#[test]
fn a_secured_call_does_not_capture_the_keys_of_an_ordinary_one() {
    let (mut scene, mut one) = call();
    let mut appliance = Appliance::new(2);
    let play_on = |appliance: &mut Appliance, scene: &mut Scene| -> Vec<u32> {
        scene.pass(100);
        appliance.carry(&scene.in_order());
        scene.now = scene.now + Duration::from_secs(3);
        scene.sent.clear();
        appliance.take_presses().iter().map(|press| press.call).collect()
    };
    play_on(&mut appliance, &mut scene);
    assert!(appliance.secure(&one.call_id));
    press_all(&mut one, &mut scene, b"1");
    let victim = play_on(&mut appliance, &mut scene);
    assert_eq!(victim.len(), 1);
    assert!(appliance.release(&one.call_id));

    let mut two = Leg::new(2);
    two.sdp[1].media = one.sdp[1].media;
    two.set_up(&mut scene);
    play_on(&mut appliance, &mut scene);
    assert!(appliance.secure(&two.call_id));
    press_all(&mut one, &mut scene, b"49");
    let captured = play_on(&mut appliance, &mut scene);
    assert!(captured.iter().all(|call| *call == victim[0]), "of call {victim:?}, for {captured:?}");
}

const RELAY: (&str, &[u8]) = ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n");

/// An INFO whose answer was lost is sent again for 32 s (RFC 3261 section 17.1.2.2), perhaps when SecureMode is over: the
/// digit was keyed in it.
#[test]
fn a_request_sent_again_when_secure_mode_is_over() {
    let (mut scene, mut leg) = call();
    let mut appliance = Appliance::new(2);
    appliance.carry(&scene.in_order());
    scene.sent.clear();
    assert!(appliance.secure(&leg.call_id));
    scene.pass(100);
    let carries = scene.note_pressed(b"5");
    leg.tell_by_sip(&mut scene, carries, "INFO", "", RELAY);
    scene.sent.truncate(1);
    let mut info = scene.sent.clone();
    assert!(contains(&info[0].frame, "Signal=5"));
    appliance.take_left();
    appliance.carry(&info);
    assert!(appliance.take_left().iter().all(|left| !contains(&left.frame, "Signal=5")));
    appliance.wait(3_000);
    assert!(appliance.release(&leg.call_id));
    info[0].time = scene.now + Duration::from_millis(7_500);
    appliance.carry(&info);
    let leaves = appliance.take_left().iter().any(|left| contains(&left.frame, "Signal=5"));
    assert!(!leaves, "the digit leaves with the repetition");
}

/// A repetition of a request long ago is no press, though eighteen others were seen since.
#[test]
fn a_request_sent_again_after_many_others_is_counted_once() {
    const KEYS: &[u8] = b"4929000000000000000";
    let (mut scene, mut leg) = call();
    let first = scene.sent.len();
    for key in KEYS {
        let carries = scene.note_pressed(&[*key]);
        let body = format!("Signal={}\r\nDuration=160\r\n", char::from(*key));
        leg.tell_by_sip(&mut scene, carries, "INFO", "", ("application/dtmf-relay", body.as_bytes()));
        scene.pass(1_500);
    }
    let mut again = scene.sent[first].clone();
    again.time = scene.now;
    scene.sent.push(again);
    let played = play(&scene.in_order(), SECURE);
    assert_eq!(played.keys(handover::Transport::Info), KEYS);
}

const KPML: (&str, &[u8]) = (
    "application/kpml-response+xml",
    b"<?xml version=\"1.0\"?><kpml-response version=\"1.0\" code=\"200\" text=\"OK\" digits=\"5\" tag=\"d\"/>",
);
const KPML_HEADERS: &str = "Event: kpml\r\nSubscription-State: active\r\n";

/// Software on the agent's desk subscribes five times to the call's keys. The first subscription's dialog finds no room
/// beside the others, and is told the keys all the same.
#[test]
fn keys_told_to_a_subscription_that_was_pushed_out() {
    let (mut scene, leg) = call();
    let event = format!(
        "Event: kpml;call-id=\"{}\";from-tag={};to-tag={}\r\n",
        leg.call_id, leg.tags[0], leg.tags[1]
    );
    let mut subscribe = |number: u16| {
        let mut subscription = leg.clone();
        subscription.call_id = format!("subscription{number}");
        subscription.tags = [format!("x{number}"), format!("y{number}")];
        subscription.request(&mut scene, Side::Customer, "SUBSCRIBE", &event, None);
        scene.pass(5);
        subscription
    };
    let mut first = subscribe(1);
    for number in 2..6 {
        subscribe(number);
    }
    first.request(&mut scene, Side::Carrier, "NOTIFY", KPML_HEADERS, Some(KPML));
    assert!(!is_read(&play(&scene.in_order(), SECURE), "digits=\"5\""));
}

/// A NOTIFY with a Call-ID that nobody knows: a subscription made before Keyhush was started, or through another way.
#[test]
fn keys_told_outside_any_known_dialog() {
    let (mut scene, mut leg) = call();
    leg.call_id = "unknown".to_owned();
    leg.request(&mut scene, Side::Carrier, "NOTIFY", KPML_HEADERS, Some(KPML));
    assert!(!is_read(&play(&scene.in_order(), SECURE), "digits=\"5\""));
}
