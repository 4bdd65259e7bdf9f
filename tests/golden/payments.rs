//! SecureMode by a payment, on several lcores: its rules, what the console may do to it, and what a payment is told of its
//! call.

use handover::{Answer, CallHandle, Command, MaskKey, Refusal, Rules, Side, Transport};
use keyhush_tests::appliance::{Appliance, Left};
use keyhush_tests::leg::Leg;
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::Scene;
use keyhush_tests::seen::{Seen, event_blocks, rtp};

/// Carries what the scene sent since the last asking, and waits until the scene's own time.
fn carry(appliance: &mut Appliance, scene: &mut Scene) -> Vec<Left> {
    let sent = scene.in_order();
    scene.sent.clear();
    appliance.carry(&sent);
    // What is held leaves meanwhile.
    scene.pass(100);
    appliance.wait_until(scene.now);
    appliance.take_left()
}

fn press_all(leg: &mut Leg, scene: &mut Scene, keys: &[u8]) {
    for key in keys {
        leg.press(scene, *key, &KeyPlan::default());
        leg.talk(scene, 60);
    }
}

/// The payloads of a type in what left towards the customer.
fn payloads(left: &[Left], wanted: u8) -> Vec<&[u8]> {
    let toward = left.iter().filter(|left| left.toward == Side::Customer);
    let payloads = toward.filter_map(|left| Seen::of(&left.frame).map(|seen| &left.frame[seen.payload]));
    payloads
        .filter_map(rtp)
        .filter(|(payload_type, _)| *payload_type == wanted)
        .map(|(_, payload)| payload)
        .collect()
}

fn events(left: &[Left]) -> Vec<u8> {
    payloads(left, 101)
        .into_iter()
        .flat_map(|payload| event_blocks(payload).map(|(event, ..)| event))
        .collect()
}

fn find(appliance: &Appliance, leg: &Leg) -> CallHandle {
    appliance.find(&leg.call_id).expect("the call is known")
}

fn enter(appliance: &mut Appliance, call: CallHandle, rules: Rules) -> Result<(), Refusal> {
    match appliance.order(Command::Enter { call, mask_key: MaskKey::Zero, rules }) {
        Some(Answer::Done { call: done }) if done == call => Ok(()),
        Some(Answer::Refused(refusal)) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

/// A call that is up and has media.
fn up(appliance: &mut Appliance, scene: &mut Scene, number: u16) -> (Leg, CallHandle) {
    let mut leg = Leg::new(number);
    leg.set_up(scene);
    leg.talk(scene, 1_200);
    carry(appliance, scene);
    let call = find(appliance, &leg);
    (leg, call)
}

#[test]
fn a_payments_rules_hold_for_its_call_alone_and_follow_its_media() {
    let mut appliance = Appliance::new(3);
    let mut scene = Scene::default();
    let (mut leg, call) = up(&mut appliance, &mut scene, 1);
    let (mut other, _) = up(&mut appliance, &mut scene, 2);
    leg.talk(&mut scene, 100);
    carry(&mut appliance, &mut scene);
    // While a field is open, silence from the first key on.
    let rules = Rules::default().with_silence_while_keying(true).with_field_open(true);
    assert_eq!(enter(&mut appliance, call, rules), Ok(()));
    assert!(appliance.secure(&other.call_id));
    scene.pass(5);
    let silent = |left: &[Left]| {
        let audio = payloads(left, 0);
        audio.iter().skip(audio.len() / 2).all(|audio| audio.iter().all(|sample| *sample == 0xff))
    };
    press_all(&mut leg, &mut scene, b"49");
    leg.talk(&mut scene, 400);
    let left = carry(&mut appliance, &mut scene);
    assert!(events(&left).iter().all(|event| *event == 0), "its own mask key");
    assert!(silent(&left));
    press_all(&mut other, &mut scene, b"49");
    other.talk(&mut scene, 400);
    let left = carry(&mut appliance, &mut scene);
    assert!(events(&left).iter().all(|event| *event == 11));
    assert!(!silent(&left), "another call's rules are the box's");

    // The field is closed: the caller is heard. It is opened again after the media has moved.
    let closed = Command::Rule { call, rules: rules.with_field_open(false) };
    assert!(matches!(appliance.order(closed), Some(Answer::Done { .. })));
    scene.pass(5);
    press_all(&mut leg, &mut scene, b"7");
    leg.talk(&mut scene, 400);
    let left = carry(&mut appliance, &mut scene);
    assert!(!events(&left).is_empty() && events(&left).iter().all(|event| *event == 0));
    assert!(!silent(&left));
    assert!(matches!(appliance.order(Command::Rule { call, rules }), Some(Answer::Done { .. })));
    scene.pass(5);
    leg.media[1].set_port(31_000);
    leg.sdp[1].media.set_port(31_000);
    leg.renegotiate(&mut scene, Side::Customer, "INVITE");
    press_all(&mut leg, &mut scene, b"53");
    leg.talk(&mut scene, 400);
    let left = carry(&mut appliance, &mut scene);
    assert!(silent(&left), "on the new flow, too");
    assert_eq!(appliance.take_keys(Transport::Event), "4949753");

    assert!(matches!(appliance.order(Command::Leave { call }), Some(Answer::Done { .. })));
    scene.pass(600);
    leg.talk(&mut scene, 600);
    carry(&mut appliance, &mut scene);
    press_all(&mut leg, &mut scene, b"12");
    let left = carry(&mut appliance, &mut scene);
    assert!(events(&left).iter().all(|event| [1, 2].contains(event)), "{:?}", events(&left));
    assert!(appliance.take_presses().is_empty());
}

#[test]
fn the_console_cannot_end_a_payments_secure_mode_by_mistake() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let (leg, call) = up(&mut appliance, &mut scene, 1);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Ok(()));
    let release = |forced| Command::Release { call_id: leg.call_id.clone().into_bytes(), forced };
    assert!(matches!(appliance.order(release(false)), Some(Answer::Refused(Refusal::Paired))));
    assert!(matches!(appliance.order(release(true)), Some(Answer::Done { .. })));
    let rules = Rules::default();
    assert!(matches!(
        appliance.order(Command::Rule { call, rules }),
        Some(Answer::Refused(Refusal::NoSuchCall))
    ));
    let stranger = CallHandle { slot: 77, generation: 0 };
    assert_eq!(enter(&mut appliance, stranger, rules), Err(Refusal::NoSuchCall));
}
