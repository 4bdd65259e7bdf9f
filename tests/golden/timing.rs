//! Virtual time, and captures that are not whole.

use core::time::Duration;

use calls::SecureDefault;
use handover::{Counter, MaskKey, Side};
use keyhush_tests::frame::{ethernet, fragments, udp};
use keyhush_tests::leg::{CARRIER, Leg};
use keyhush_tests::played::{play, play_capture};
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Carries, Kind, Scene};
use keyhush_tests::seen::Seen;
use replay::capture::Writer;

const SECURE: SecureDefault = SecureDefault::Always(MaskKey::Pound);

/// The first fragment of a message whose rest never comes.
fn lonely_fragment(leg: &Leg) -> Vec<u8> {
    let [source, destination] = leg.signalling;
    let message = [&b"OPTIONS sip:x@198.51.100.10 SIP/2.0\r\n"[..], &[b'x'; 900]].concat();
    let whole = udp(Side::Carrier, &[], source, destination, 77, &message);
    fragments(&whole, 480).swap_remove(0)
}

#[test]
fn what_is_due_between_frames_happens_at_its_own_time() {
    for is_last in [false, true] {
        let mut scene = Scene::default();
        let mut leg = Leg::new(1);
        leg.set_up(&mut scene);
        let fragment = lonely_fragment(&leg);
        let arrived = scene.now;
        scene.send(Side::Carrier, Kind::Fragment, Carries::Nothing, fragment.clone());
        if !is_last {
            scene.pass(60_000);
            leg.talk(&mut scene, 20);
        }
        let played = play(&scene.in_order(), SecureDefault::Never);
        assert_eq!(played.left.len(), scene.sent.len());
        let left = played.left.iter().find(|left| left.bytes == fragment).expect("the fragment leaves");
        let waited = left.time.since(arrived);
        assert!(waited > Duration::ZERO && waited < Duration::from_secs(1), "it leaves after {waited:?}");
        assert_eq!(played.report.counter(Counter::ReassemblyFailed), 1);
    }
}

#[test]
fn messages_leave_at_the_time_at_which_they_came_when_the_lcore_answers_at_once() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    leg.renegotiate(&mut scene, Side::Customer, "INVITE");
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    assert!(played.report.counter(Counter::SipHeld) > 0, "messages that change flows are held");
    assert_eq!(played.report.counter(Counter::SipHoldExpired), 0);
    let is_message = |frame: &[u8]| Seen::of(frame).is_some_and(|seen| seen.destination.port() == 5060);
    let left = played.left.iter().filter(|left| is_message(&left.bytes));
    let sent = sent.iter().filter(|sent| is_message(&sent.frame));
    assert!(sent.clone().count() > 3);
    assert!(left.map(|left| (left.time, &left.bytes)).eq(sent.map(|sent| (sent.time, &sent.frame))));
}

#[test]
fn a_clock_that_goes_back_does_not_turn_time_back() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    leg.press(&mut scene, b'5', &KeyPlan::default());
    leg.talk(&mut scene, 100);
    let mut sent = scene.in_order();
    for (number, sent) in sent.iter_mut().enumerate() {
        if number % 7 == 3 {
            sent.time = sent.time - Duration::from_secs(3_600);
        }
    }
    let played = play(&sent, SECURE);
    assert!(played.left.is_sorted_by_key(|left| left.time));
    assert_eq!(played.left.len(), sent.len());
    assert_eq!(played.presses.len(), 1);
}

/// Frames of which the capture holds only the beginning: as they are outside SecureMode; in it what is towards the call and
/// could not be read does not leave.
#[test]
fn frames_cut_by_the_snapshot_length() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    let setup = scene.sent.len();
    leg.press(&mut scene, b'5', &KeyPlan::default());
    let sent = scene.in_order();
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for (number, sent) in sent.iter().enumerate() {
        let kept = if number < setup { sent.frame.len() } else { sent.frame.len() - 1 };
        writer.write(sent.time, &sent.frame[..kept], sent.frame.len() as u32).expect("memory");
    }
    let capture = writer.finish().expect("memory");

    let never = play_capture(&capture, CARRIER, SecureDefault::Never).expect("a capture");
    assert_eq!(never.left.len(), sent.len());
    assert_eq!(never.report.frames_sliced, (sent.len() - setup) as u64);
    for (left, sent) in never.left.iter().zip(&sent) {
        assert!(sent.frame.starts_with(&left.bytes));
        assert_eq!(left.original_length as usize, sent.frame.len());
    }

    let secure = play_capture(&capture, CARRIER, SECURE).expect("a capture");
    let events = sent.iter().filter(|sent| matches!(sent.carries, Carries::Keys { .. })).count();
    assert_eq!(secure.left.len(), sent.len() - events, "the customer's frames leave, the cut events do not");
    assert_eq!(secure.report.counter(Counter::DropSecuredChained), events as u64);
}

#[test]
fn a_capture_cut_in_the_middle_of_a_record_is_played_as_far_as_it_goes() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    let sent = scene.in_order();
    let capture = keyhush_tests::scene::capture(&sent);
    let played = play_capture(&capture[..capture.len() - 1], CARRIER, SECURE).expect("a capture");
    assert_eq!(played.left.len(), sent.len() - 1);
    let last = sent.last().expect("frames").frame.len() + 16;
    assert_eq!(played.report.cut_at, Some((capture.len() - last) as u64));
}

/// Frames without addresses cross too, and are counted on the side of their station.
#[test]
fn what_is_not_ip_passes_from_the_side_of_its_station() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.talk(&mut scene, 20);
    for from in [Side::Carrier, Side::Customer] {
        for (ether_type, payload) in
            [(0x88cc_u16, &[2_u8, 7, 4][..]), (0x8863, &[0x11; 30]), (0x0027, &[0x42; 39])]
        {
            scene.send(from, Kind::Media, Carries::Nothing, ethernet(from, &[], ether_type, payload));
        }
    }
    scene.send(Side::Carrier, Kind::Media, Carries::Nothing, vec![1, 2, 3]);
    let sent = scene.in_order();
    let played = play(&sent, SECURE);
    assert_eq!(played.unchanged(&sent), sent.len());
    assert_eq!(played.report.frames_from_carrier, 4);
    assert_eq!((played.report.frames_in, played.report.frames_out), (9, 9));
}
