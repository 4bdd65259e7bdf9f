//! SecureMode by the console, on several lcores: it is one call's, it begins and ends when it is told to, it follows the
//! call, and it holds when an lcore is lost.

use handover::{Answer, Command, Counter, Refusal, Side, Transport};
use keyhush_tests::appliance::{Appliance, Left};
use keyhush_tests::frame::Tag;
use keyhush_tests::leg::Leg;
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Carries, Kind, Scene, Sent};
use keyhush_tests::seen::{Seen, event_blocks, rtp};

/// What a scene has sent since the last asking.
fn take(scene: &mut Scene) -> Vec<Sent> {
    let sent = scene.in_order();
    scene.sent.clear();
    sent
}

fn press_all(leg: &mut Leg, scene: &mut Scene, keys: &[u8]) {
    for key in keys {
        leg.press(scene, *key, &KeyPlan::default());
        leg.talk(scene, 60);
    }
}

/// Carries what the scene sent and waits until the scene's own time.
fn carry(appliance: &mut Appliance, scene: &mut Scene) -> (Vec<Sent>, Vec<Left>) {
    let sent = take(scene);
    appliance.carry(&sent);
    // What is held leaves meanwhile.
    scene.pass(100);
    appliance.wait_until(scene.now);
    (sent, appliance.take_left())
}

fn assert_unchanged(sent: &[Sent], left: &[Left]) {
    assert_eq!(left.len(), sent.len());
    // A stream that has just been in SecureMode is late; each side's frames are in order.
    for side in [Side::Carrier, Side::Customer] {
        let left = left.iter().filter(|left| left.toward == side).map(|left| &left.frame);
        assert!(left.eq(sent.iter().filter(|sent| sent.from != side).map(|sent| &sent.frame)));
    }
}

/// The event codes in what left towards the customer.
fn events(left: &[Left]) -> Vec<u8> {
    let toward = left.iter().filter(|left| left.toward == Side::Customer);
    let payloads = toward.filter_map(|left| Seen::of(&left.frame).map(|seen| &left.frame[seen.payload]));
    let packets = payloads.filter_map(rtp).filter(|(payload_type, _)| *payload_type == 101);
    packets.flat_map(|(_, payload)| event_blocks(payload).map(|(event, ..)| event)).collect()
}

#[test]
fn it_is_one_calls_and_lasts_from_on_to_off() {
    let mut appliance = Appliance::new(3);
    let mut scene = Scene::default();
    let (mut one, mut other) = (Leg::new(1), Leg::new(2));
    one.set_up(&mut scene);
    other.set_up(&mut scene);
    press_all(&mut one, &mut scene, b"11");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_unchanged(&sent, &left);

    assert!(appliance.secure(&one.call_id));
    scene.pass(5);
    press_all(&mut one, &mut scene, b"4929");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_eq!(left.len(), sent.len());
    assert!(events(&left).iter().all(|event| *event == 11));
    assert_eq!(appliance.take_keys(Transport::Event), "4929");

    press_all(&mut other, &mut scene, b"22");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_unchanged(&sent, &left);

    assert!(appliance.release(&one.call_id));
    scene.pass(5);
    press_all(&mut one, &mut scene, b"33");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_unchanged(&sent, &left);
    assert!(appliance.take_presses().is_empty(), "only the secured call's keys are captured");
}

#[test]
fn a_call_that_nobody_knows_is_refused() {
    let mut appliance = Appliance::new(1);
    let unknown = Command::Secure { call_id: b"nobody".to_vec(), mask_key: None };
    assert!(matches!(appliance.order(unknown), Some(Answer::Refused(Refusal::NoSuchCall))));
}

/// The INVITE that replaces the secured dialog is forwarded only when its call's flows are secured, and another call's is not.
#[test]
fn a_dialog_that_replaces_another_inherits_it() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let (mut first, mut stranger) = (Leg::new(1), Leg::new(3));
    first.set_up(&mut scene);
    stranger.set_up(&mut scene);
    carry(&mut appliance, &mut scene);
    assert!(appliance.secure(&first.call_id));
    scene.pass(5);

    let mut second = Leg::new(2);
    let [from_tag, to_tag] = first.tags.clone();
    let replaces = format!("Replaces: {};to-tag={to_tag};from-tag={from_tag}\r\n", first.call_id);
    second.set_up_with(&mut scene, &replaces);
    first.hang_up(&mut scene, Side::Customer);
    press_all(&mut second, &mut scene, b"49");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert!(events(&left).iter().all(|event| *event == 11));
    assert_eq!(appliance.take_keys(Transport::Event), "49");

    press_all(&mut stranger, &mut scene, b"12");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_unchanged(&sent, &left);
}

/// The call comes by again under another VLAN after it was secured.
#[test]
fn the_same_call_id_on_another_vlan_inherits_it() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let mut outer = Leg::new(1);
    outer.tags_on_wire = vec![Tag::dot1q(10)];
    outer.set_up(&mut scene);
    carry(&mut appliance, &mut scene);
    assert!(appliance.secure(&outer.call_id));
    scene.pass(5);
    let mut inner = Leg::new(1);
    inner.tags_on_wire = vec![Tag::service(30), Tag::dot1q(20)];
    inner.set_up(&mut scene);
    press_all(&mut inner, &mut scene, b"49");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert!(events(&left).iter().all(|event| *event == 11));
    assert_eq!(appliance.take_keys(Transport::Event), "49");
}

/// Media moves to another port in SecureMode; no message leaves before every lcore knows of it.
#[test]
fn it_follows_the_media() {
    let mut appliance = Appliance::new(4);
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    carry(&mut appliance, &mut scene);
    assert!(appliance.secure(&leg.call_id));
    scene.pass(5);
    for round in 0..4 {
        leg.media[1].set_port(31_000 + 2 * round);
        leg.sdp[1].media.set_port(31_000 + 2 * round);
        leg.renegotiate(&mut scene, Side::Customer, "INVITE");
        press_all(&mut leg, &mut scene, b"49");
    }
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_eq!(left.len(), sent.len());
    assert!(events(&left).iter().all(|event| *event == 11));
    assert_eq!(appliance.take_keys(Transport::Event), "49494949");
    assert_eq!(appliance.counter(Counter::SipHoldExpired), 0);
}

/// An lcore dies: calls are still set up, secured flows are silent, the alarm counter rises; when it is back they speak.
#[test]
fn a_lost_lcore_silences_secured_flows_and_harms_no_other_call() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let (mut secured, mut plain) = (Leg::new(1), Leg::new(2));
    secured.set_up(&mut scene);
    plain.set_up(&mut scene);
    carry(&mut appliance, &mut scene);
    assert!(appliance.secure(&secured.call_id));

    appliance.running[0] = false;
    scene.pass(1_500);
    carry(&mut appliance, &mut scene);
    assert_eq!(appliance.counter(Counter::LcoresLost), 1);

    // A call is set up all the same; its messages wait no longer than the limit.
    let mut late = Leg::new(3);
    late.set_up(&mut scene);
    press_all(&mut late, &mut scene, b"77");
    press_all(&mut plain, &mut scene, b"12");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_eq!(left.len(), sent.len());
    let unchanged = left.iter().filter(|left| sent.iter().any(|sent| sent.frame == left.frame)).count();
    assert_eq!(unchanged, sent.len(), "other calls pass");

    // The secured call stays up and says nothing.
    press_all(&mut secured, &mut scene, b"49");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert!(events(&left).is_empty(), "no event leaves while an lcore is lost");
    let customers = |sent: &&Sent| sent.from == Side::Customer;
    let agents = left.iter().filter(|left| left.toward == Side::Carrier);
    assert_eq!(agents.count(), sent.iter().filter(customers).count(), "the agent is heard");
    for left in left.iter().filter(|left| left.toward == Side::Customer) {
        let seen = Seen::of(&left.frame).expect("media");
        assert!(seen.checksums_verify);
        let (payload_type, audio) = rtp(&left.frame[seen.payload]).expect("RTP");
        assert_eq!(payload_type, 0);
        assert!(audio.iter().all(|sample| *sample == 0xff), "the caller is silent");
    }
    assert!(!appliance.secure(&secured.call_id), "SecureMode is not in force everywhere");

    appliance.running[0] = true;
    scene.pass(1_000);
    carry(&mut appliance, &mut scene);
    assert_eq!(appliance.counter(Counter::LcoresBack), 1);
    appliance.take_presses();
    press_all(&mut secured, &mut scene, b"2");
    let (_, left) = carry(&mut appliance, &mut scene);
    let events = events(&left);
    assert!(!events.is_empty() && events.iter().all(|event| *event == 11));
    assert_eq!(appliance.take_keys(Transport::Event), "2");
}

/// An lcore that does not answer holds a message for 5 ms and no longer; in SecureMode its flows are silent meanwhile.
#[test]
fn a_message_is_held_no_longer_than_five_milliseconds() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    carry(&mut appliance, &mut scene);
    assert!(appliance.secure(&leg.call_id));
    scene.pass(10);
    appliance.running[1] = false;
    leg.media[1].set_port(31_000);
    leg.sdp[1].media.set_port(31_000);
    let offer = leg.sdp[1].text();
    let body = Some(("application/sdp", offer.as_bytes()));
    leg.request(&mut scene, Side::Customer, "INVITE", "", body);
    let sent = take(&mut scene);
    appliance.carry(&sent);
    assert!(appliance.take_left().is_empty(), "it is held");
    appliance.wait(3);
    assert!(appliance.take_left().is_empty(), "it is held for longer than 3 ms");
    appliance.wait(3);
    let left = appliance.take_left();
    assert_eq!(left.len(), 1, "it leaves after 5 ms");
    assert_eq!(left[0].frame, sent[0].frame);
    assert_eq!(appliance.counter(Counter::SipHoldExpired), 1);

    scene.now = left[0].time;
    scene.pass(1);
    let packet = leg.streams[0].press(b'5', &KeyPlan::default()).swap_remove(0);
    leg.media(&mut scene, Side::Carrier, 0, Carries::Keys { first: 0, many: 1 }, &packet);
    let sent = take(&mut scene);
    assert_eq!(sent[0].kind, Kind::Media);
    appliance.carry(&sent);
    assert!(appliance.take_left().is_empty(), "an event on the unacknowledged flow does not leave");
}
