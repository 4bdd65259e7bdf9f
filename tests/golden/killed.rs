//! A process that is killed and started again while calls are in SecureMode: it silences what the mirror tells of until it knows
//! better, and nothing else.

use handover::{Counter, Side, Transport};
use keyhush_tests::appliance::{Appliance, Left};
use keyhush_tests::leg::Leg;
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Scene, Sent};
use keyhush_tests::seen::{Seen, event_blocks, rtp};

fn carry(appliance: &mut Appliance, scene: &mut Scene) -> (Vec<Sent>, Vec<Left>) {
    let sent = scene.in_order();
    scene.sent.clear();
    appliance.carry(&sent);
    scene.pass(100);
    appliance.wait_until(scene.now);
    (sent, appliance.take_left())
}

fn press_all(leg: &mut Leg, scene: &mut Scene, keys: &[u8]) {
    for key in keys {
        leg.press(scene, *key, &KeyPlan::default());
        leg.talk(scene, 60);
    }
}

/// Audio and events in what left towards the customer.
fn heard(left: &[Left]) -> (Vec<&[u8]>, Vec<u8>) {
    let toward = left.iter().filter(|left| left.toward == Side::Customer);
    let payloads = toward.filter_map(|left| Seen::of(&left.frame).map(|seen| &left.frame[seen.payload]));
    let (events, audio): (Vec<_>, Vec<_>) =
        payloads.filter_map(rtp).partition(|(payload_type, _)| *payload_type == 101);
    let events = events.iter().flat_map(|(_, payload)| event_blocks(payload).map(|(event, ..)| event));
    (audio.iter().map(|(_, audio)| *audio).collect(), events.collect())
}

fn assert_silent(left: &[Left]) {
    let (audio, events) = heard(left);
    assert!(!audio.is_empty(), "the call stays up");
    assert!(audio.iter().all(|audio| audio.iter().all(|sample| *sample == 0xff)), "the caller is silent");
    assert!(events.is_empty(), "no key leaves");
}

/// Whether the caller's voice, and keys, leave as they came.
fn speaks(left: &[Left]) -> bool {
    let (audio, events) = heard(left);
    !events.is_empty()
        && !events.contains(&11)
        && audio.iter().all(|audio| audio.iter().any(|sample| *sample != 0xff))
}

/// Two calls, the first in SecureMode, in a process that was killed and started again.
fn killed(lcores: usize) -> (Appliance, Scene, [Leg; 2]) {
    let mut appliance = Appliance::new(lcores);
    let mut scene = Scene::default();
    let mut legs = [Leg::new(1), Leg::new(2)];
    legs.iter_mut().for_each(|leg| leg.set_up(&mut scene));
    carry(&mut appliance, &mut scene);
    assert_eq!(appliance.mirrored(), 0);
    assert!(appliance.secure(&legs[0].call_id));
    assert_eq!(appliance.mirrored(), 2, "to the agent, and back");
    scene.pass(5);
    press_all(&mut legs[0], &mut scene, b"49");
    carry(&mut appliance, &mut scene);
    let appliance = appliance.killed_and_started_again();
    assert_eq!(appliance.counter(Counter::FlowsRemembered), 2);
    (appliance, scene, legs)
}

#[test]
fn secured_flows_are_silent_from_the_first_packet_on_and_others_pass() {
    let (mut appliance, mut scene, [mut secured, mut other]) = killed(3);
    press_all(&mut secured, &mut scene, b"53");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_silent(&left);
    let agents = |sent: &&Sent| sent.from == Side::Customer;
    let heard = left.iter().filter(|left| left.toward == Side::Carrier);
    assert!(heard.map(|left| &left.frame).eq(sent.iter().filter(agents).map(|sent| &sent.frame)));
    press_all(&mut other, &mut scene, b"12");
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert!(left.iter().map(|left| &left.frame).eq(sent.iter().map(|sent| &sent.frame)));
    // Killed once more, it is silent still.
    let mut appliance = appliance.killed_and_started_again();
    press_all(&mut secured, &mut scene, b"53");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert_silent(&left);
    assert!(appliance.take_keys(Transport::Event).is_empty());
}

#[test]
fn keys_in_sip_are_masked_while_its_call_is_silent() {
    let (mut appliance, mut scene, [mut secured, mut other]) = killed(1);
    for (leg, masked) in [(&mut secured, true), (&mut other, false)] {
        let body = ("application/dtmf-relay", &b"Signal=5\r\nDuration=160\r\n"[..]);
        leg.request(&mut scene, Side::Carrier, "INFO", "", Some(body));
        let (sent, left) = carry(&mut appliance, &mut scene);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].frame != sent[0].frame, masked);
    }
}

/// Whether the caller's voice leaves, and every key as the mask key.
fn is_masked(left: &[Left]) -> bool {
    let (audio, events) = heard(left);
    let is_voice = |audio: &&[u8]| audio.iter().any(|sample| *sample != 0xff);
    audio.iter().any(is_voice) && !events.is_empty() && events.iter().all(|event| *event == 11)
}

#[test]
fn sip_that_announces_the_flow_makes_its_call_known_and_masked() {
    let (mut appliance, mut scene, [mut secured, _]) = killed(2);
    secured.renegotiate(&mut scene, Side::Customer, "INVITE");
    carry(&mut appliance, &mut scene);
    press_all(&mut secured, &mut scene, b"12");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert!(is_masked(&left));
    assert_eq!((appliance.mirrored(), appliance.counter(Counter::FlowsRememberedGone)), (2, 2));
    let body = ("application/dtmf-relay", &b"Signal=5\r\nDuration=160\r\n"[..]);
    secured.request(&mut scene, Side::Carrier, "INFO", "", Some(body));
    let (sent, left) = carry(&mut appliance, &mut scene);
    assert_ne!(left[0].frame, sent[0].frame);
    // The console ends it, and it does not come back with the next message.
    assert!(appliance.release(&secured.call_id));
    scene.now = appliance.now();
    secured.renegotiate(&mut scene, Side::Customer, "INVITE");
    press_all(&mut secured, &mut scene, b"4");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert!(speaks(&left));
    assert_eq!(appliance.mirrored(), 0);
}

#[test]
fn secure_mode_of_a_call_that_is_known_again_ends_after_ten_minutes_unless_it_was_taken_over() {
    for taken_over in [false, true] {
        let (mut appliance, mut scene, [mut secured, _]) = killed(1);
        secured.renegotiate(&mut scene, Side::Customer, "INVITE");
        carry(&mut appliance, &mut scene);
        if taken_over {
            assert!(appliance.secure(&secured.call_id));
            scene.now = appliance.now();
        }
        for _ in 0..29 {
            scene.pass(20_000);
            press_all(&mut secured, &mut scene, b"1");
            let (_, left) = carry(&mut appliance, &mut scene);
            assert!(is_masked(&left));
        }
        scene.pass(20_000);
        carry(&mut appliance, &mut scene);
        press_all(&mut secured, &mut scene, b"12");
        let (_, left) = carry(&mut appliance, &mut scene);
        assert_eq!((is_masked(&left), speaks(&left)), (taken_over, !taken_over));
    }
}

#[test]
fn another_call_that_names_the_same_address_does_not_make_it_speak() {
    let (mut appliance, mut scene, [mut secured, _]) = killed(2);
    let mut rogue = Leg::new(3);
    rogue.media = secured.media;
    rogue.sdp[0].media = secured.media[0];
    rogue.sdp[1].media = secured.media[1];
    rogue.set_up(&mut scene);
    carry(&mut appliance, &mut scene);
    press_all(&mut secured, &mut scene, b"12");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert_silent(&left);
    // Nor does it when it ends, or when this process is killed as well.
    rogue.hang_up(&mut scene, Side::Carrier);
    scene.pass(10_000);
    carry(&mut appliance, &mut scene);
    press_all(&mut secured, &mut scene, b"12");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert_silent(&left);
    rogue.set_up(&mut scene);
    carry(&mut appliance, &mut scene);
    let mut appliance = appliance.killed_and_started_again();
    press_all(&mut secured, &mut scene, b"12");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert_silent(&left);
    // Its own Call-ID does.
    secured.renegotiate(&mut scene, Side::Customer, "INVITE");
    carry(&mut appliance, &mut scene);
    press_all(&mut secured, &mut scene, b"12");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert!(is_masked(&left));
}

#[test]
fn an_answered_bye_of_its_call_id_ends_it_and_an_unanswered_one_does_not() {
    let (mut appliance, mut scene, [mut secured, mut other]) = killed(2);
    other.hang_up(&mut scene, Side::Carrier);
    let bye = secured.request(&mut scene, Side::Carrier, "BYE", "", None);
    secured.respond(&mut scene, &bye, "401 Unauthorized", "", None);
    press_all(&mut secured, &mut scene, b"1");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert_silent(&left);
    secured.hang_up(&mut scene, Side::Carrier);
    carry(&mut appliance, &mut scene);
    assert_eq!((appliance.mirrored(), appliance.counter(Counter::FlowsRememberedGone)), (0, 2));
    press_all(&mut secured, &mut scene, b"12");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert!(speaks(&left));
}

#[test]
fn it_ends_after_a_minute_without_media_and_after_ten_minutes() {
    let (mut appliance, mut scene, [mut secured, _]) = killed(1);
    for _ in 0..5 {
        scene.pass(50_000);
        press_all(&mut secured, &mut scene, b"1");
        let (_, left) = carry(&mut appliance, &mut scene);
        assert_silent(&left);
    }
    scene.pass(59_000);
    carry(&mut appliance, &mut scene);
    assert_eq!(appliance.mirrored(), 2);
    scene.pass(2_000);
    carry(&mut appliance, &mut scene);
    assert_eq!(appliance.mirrored(), 0);

    let (mut appliance, mut scene, [mut secured, _]) = killed(1);
    let mut silent = 0;
    while appliance.mirrored() > 0 {
        scene.pass(20_000);
        secured.talk(&mut scene, 100);
        carry(&mut appliance, &mut scene);
        silent += 20;
    }
    assert!((580..=600).contains(&silent), "{silent} s");
    press_all(&mut secured, &mut scene, b"12");
    let (_, left) = carry(&mut appliance, &mut scene);
    assert!(speaks(&left));
}
