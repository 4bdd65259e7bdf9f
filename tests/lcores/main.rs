//! The signalling lcore and the others: what is held, what falls silent, and what happens when something is full or dead.

mod bench;

use handover::{Answer, Counter, Refusal, Side};
use keyhush_tests::leg::Leg;
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Kind, Scene, Sent};
use pipeline::{LcoreLimits, SignallingLimits};

use bench::{Bench, rtp_payload};

/// µ-law silence (ITU-T G.711: the code of +0).
const SILENCE: u8 = 0xff;

/// What one act of a scene sends.
fn act(scene: &mut Scene, act: impl FnOnce(&mut Scene)) -> Vec<Sent> {
    let before = scene.sent.len();
    act(scene);
    let mut sent = scene.sent[before..].to_vec();
    sent.sort_by_key(|sent| sent.time);
    sent
}

/// A call that is up and in SecureMode, on a bench of `lcores`.
fn secured(bench: &mut Bench) -> (Scene, Leg) {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    bench.play(&act(&mut scene, |scene| leg.set_up(scene)));
    bench.play(&act(&mut scene, |scene| leg.talk(scene, 200)));
    bench.secure(1, &leg.call_id);
    bench.turn();
    assert!(matches!(bench.answer(1), Some(Answer::Done { .. })));
    (scene, leg)
}

fn audio_towards_agent(left: &[(Side, Vec<u8>)]) -> Vec<Vec<u8>> {
    left.iter().filter(|(toward, _)| *toward == Side::Customer).map(|(_, frame)| rtp_payload(frame)).collect()
}

#[test]
fn secure_mode_is_answered_when_every_lcore_has_acknowledged_and_not_before() {
    let mut bench = Bench::new(3);
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    bench.play(&act(&mut scene, |scene| leg.set_up(scene)));
    bench.stalled[2] = true;
    bench.secure(9, &leg.call_id);
    bench.pass(100);
    assert!(bench.answer(9).is_none());
    bench.stalled[2] = false;
    bench.pass(1);
    assert!(matches!(bench.answer(9), Some(Answer::Done { .. })));
    bench.secure(10, "no such call");
    assert!(matches!(bench.answer(10), Some(Answer::Refused(Refusal::NoSuchCall))));
}

#[test]
fn a_message_that_changes_flows_waits_for_every_lcore_and_the_next_of_its_call_behind_it() {
    let mut bench = Bench::new(2);
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    let sent = act(&mut scene, |scene| leg.set_up(scene));
    let sip: Vec<_> = sent.iter().filter(|sent| sent.kind == Kind::Setup).collect();
    bench.stalled[1] = true;
    bench.now = sip[0].time;
    assert!(bench.arrive(sip[0]).is_empty(), "the offer waits");
    assert_eq!(bench.count(Counter::SipHeld), 1);
    let mut trying = sip[1].clone();
    trying.time = sip[0].time;
    assert!(bench.arrive(&trying).is_empty(), "what follows it does not overtake it");
    let other = act(&mut scene, |scene| {
        let mut other = Leg::new(2);
        other.request(scene, Side::Customer, "OPTIONS", "", None);
    });
    let mut other = other[0].clone();
    other.time = sip[0].time;
    assert_eq!(bench.arrive(&other).len(), 1, "other conversations go on");
    let before = bench.taken.left.len();
    bench.stalled[1] = false;
    bench.pass(1);
    let left: Vec<_> = bench.taken.left[before..].iter().map(|(_, frame)| frame.clone()).collect();
    assert_eq!(left, [sip[0].frame.clone(), sip[1].frame.clone()]);
    assert_eq!(bench.count(Counter::SipHoldExpired), 0);
}

#[test]
fn after_five_milliseconds_a_message_leaves_and_secured_flows_are_silent_until_all_know() {
    let mut bench = Bench::new(2);
    let (mut scene, mut leg) = secured(&mut bench);
    bench.stalled[1] = true;
    leg.sdp[1].media.set_port(31_000);
    leg.media[1].set_port(31_000);
    let moved = act(&mut scene, |scene| leg.renegotiate(scene, Side::Customer, "INVITE"));
    assert!(bench.arrive(&moved[0]).is_empty());
    bench.pass(4);
    assert_eq!(bench.count(Counter::SipHoldExpired), 0);
    let before = bench.taken.left.len();
    bench.pass(2);
    assert_eq!(bench.count(Counter::SipHoldExpired), 1);
    assert_eq!(bench.taken.left[before..], [(Side::Carrier, moved[0].frame.clone())]);
    let talk = |bench: &mut Bench, scene: &mut Scene, leg: &mut Leg| {
        let sent = act(scene, |scene| leg.talk(scene, 40));
        let left: Vec<_> = sent.iter().flat_map(|sent| bench.arrive(sent)).collect();
        audio_towards_agent(&left)
    };
    let silent = talk(&mut bench, &mut scene, &mut leg);
    assert_eq!(silent.len(), 2);
    assert!(silent.iter().flatten().all(|&byte| byte == SILENCE), "silenced on the lcore that knows");
    bench.stalled[1] = false;
    bench.pass(2);
    let heard = talk(&mut bench, &mut scene, &mut leg);
    assert!(heard.iter().all(|payload| payload.iter().any(|&byte| byte != SILENCE)), "heard again");
}

#[test]
fn a_lost_lcore_is_an_alarm_calls_still_set_up_and_secured_flows_are_silent_until_it_is_back() {
    let mut bench = Bench::new(2);
    let (mut scene, mut leg) = secured(&mut bench);
    bench.stalled[1] = true;
    bench.pass(700);
    assert_eq!(bench.count(Counter::LcoresLost), 1);
    let mut other = Leg::new(2);
    let sent = act(&mut scene, |scene| other.set_up(scene));
    let left: usize = sent.iter().map(|sent| bench.arrive(sent).len()).sum();
    bench.pass(10);
    assert_eq!(left, sent.len(), "a new call sets up without waiting");
    let talk = act(&mut scene, |scene| leg.talk(scene, 40));
    let heard: Vec<_> = talk.iter().flat_map(|sent| bench.arrive(sent)).collect();
    assert!(audio_towards_agent(&heard).iter().flatten().all(|&byte| byte == SILENCE));
    let press = act(&mut scene, |scene| leg.press(scene, b'7', &KeyPlan::default()));
    let events = press.iter().filter(|sent| sent.from == Side::Carrier);
    let left: Vec<_> = events.flat_map(|sent| bench.arrive(sent)).collect();
    assert!(audio_towards_agent(&left).iter().all(|payload| payload.len() == 160), "events do not leave");
    bench.secure(2, &other.call_id);
    bench.pass(2);
    assert!(matches!(bench.answer(2), Some(Answer::Refused(Refusal::NotAcknowledged))));
    bench.stalled[1] = false;
    bench.pass(200);
    assert_eq!(bench.count(Counter::LcoresBack), 1);
    let talk = act(&mut scene, |scene| leg.talk(scene, 40));
    let heard: Vec<_> = talk.iter().flat_map(|sent| bench.arrive(sent)).collect();
    assert!(audio_towards_agent(&heard).iter().all(|payload| payload.iter().any(|&byte| byte != SILENCE)));
}

#[test]
fn a_panic_leaves_ordinary_calls_alone_and_secured_ones_silent() {
    let mut bench = Bench::new(1);
    let (mut scene, mut leg) = secured(&mut bench);
    let mut other = Leg::new(2);
    bench.play(&act(&mut scene, |scene| other.set_up(scene)));
    bench.lcores[0].fail_closed();
    let sent = act(&mut scene, |scene| other.talk(scene, 40));
    for sent in &sent {
        assert_eq!(bench.arrive(sent), [(sent.from.opposite(), sent.frame.clone())]);
    }
    let talk = act(&mut scene, |scene| leg.talk(scene, 40));
    let heard: Vec<_> = talk.iter().flat_map(|sent| bench.arrive(sent)).collect();
    assert!(audio_towards_agent(&heard).iter().flatten().all(|&byte| byte == SILENCE));
    assert_eq!(audio_towards_agent(&heard).len(), 2, "the call stays up");
}

#[test]
fn with_full_rings_sip_passes_unread_or_is_dropped_while_a_call_is_secured() {
    let mut bench = Bench::new(1);
    let mut scene = Scene::default();
    let mut leg = Leg::new(5);
    bench.taken.full = true;
    let invite = act(&mut scene, |scene| {
        leg.request(scene, Side::Carrier, "OPTIONS", "", None);
    });
    assert_eq!(bench.arrive(&invite[0]).len(), 1);
    assert_eq!(bench.count(Counter::PassSipRingFull), 1);
    bench.taken.full = false;
    let (mut scene, mut leg) = secured(&mut bench);
    bench.taken.full = true;
    let options = act(&mut scene, |scene| {
        leg.request(scene, Side::Carrier, "OPTIONS", "", None);
    });
    assert!(bench.arrive(&options[0]).is_empty());
    assert_eq!(bench.count(Counter::DropSipRingFull), 1);
    let press = act(&mut scene, |scene| leg.press(scene, b'7', &KeyPlan::default()));
    let left: Vec<_> = press.iter().flat_map(|sent| bench.arrive(sent)).collect();
    assert_eq!(left.len(), press.len(), "masked packets leave");
    assert_eq!(bench.count(Counter::PressesLost), 1);
    let keys: Vec<_> = audio_towards_agent(&left).into_iter().filter(|payload| payload.len() == 4).collect();
    assert!(!keys.is_empty() && keys.iter().all(|payload| payload[0] == 11));
}

#[test]
fn without_a_free_stream_state_keys_are_masked_all_the_same() {
    let own = LcoreLimits { streams: 0, ..LcoreLimits::default() };
    let mut bench = Bench::with(1, SignallingLimits::default(), calls::Limits::default(), own);
    let (mut scene, mut leg) = secured(&mut bench);
    let press = act(&mut scene, |scene| leg.press(scene, b'7', &KeyPlan::default()));
    let left: Vec<_> = press.iter().flat_map(|sent| bench.arrive(sent)).collect();
    let keys: Vec<_> = audio_towards_agent(&left).into_iter().filter(|payload| payload.len() == 4).collect();
    assert!(!keys.is_empty() && keys.iter().all(|payload| payload[0] == 11));
    assert!(bench.taken.presses.is_empty());
    assert!(bench.count(Counter::StreamsFull) > 0);
}

#[test]
fn a_message_too_many_to_hold_leaves_at_once() {
    let limits = SignallingLimits { held: 0, ..SignallingLimits::default() };
    let mut bench = Bench::with(2, limits, calls::Limits::default(), LcoreLimits::default());
    bench.stalled[1] = true;
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    let sent = act(&mut scene, |scene| leg.set_up(scene));
    assert_eq!(bench.arrive(&sent[0]).len(), 1);
    assert_eq!(bench.count(Counter::SipHoldFull), 1);
}

#[test]
fn an_lcore_whose_ring_is_full_still_learns_every_flow() {
    let mut bench = Bench::new(2);
    bench.stalled[1] = true;
    let mut scene = Scene::default();
    for number in 0..200 {
        let mut leg = Leg::new(number);
        bench.play(&act(&mut scene, |scene| leg.set_up(scene)));
    }
    assert!(bench.count(Counter::UpdatesDelayed) > 0);
    bench.stalled[1] = false;
    bench.pass(100);
    assert_eq!(bench.lcores[0].flows(), bench.lcores[1].flows());
    assert!(bench.lcores[0].flows() >= 400);
}

#[test]
fn fragments_that_cannot_be_read_are_dropped_only_towards_a_secured_call() {
    let mut bench = Bench::new(1);
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    bench.play(&act(&mut scene, |scene| leg.set_up(scene)));
    // Media in fragments, from the carrier to the agent's address.
    let fragments = |scene: &mut Scene, leg: &mut Leg| {
        let packet = leg.streams[0].audio();
        let frame = keyhush_tests::frame::udp(
            Side::Carrier,
            &[],
            leg.media[0],
            leg.media[1],
            scene.identification(),
            &packet,
        );
        act(scene, |scene| {
            for fragment in keyhush_tests::frame::fragments(&frame, 64) {
                scene.send(Side::Carrier, Kind::Fragment, keyhush_tests::scene::Carries::Nothing, fragment);
            }
        })
    };
    let sent = fragments(&mut scene, &mut leg);
    for sent in &sent {
        assert_eq!(bench.arrive(sent), [(Side::Customer, sent.frame.clone())]);
    }
    bench.secure(1, &leg.call_id);
    bench.turn();
    let sent = fragments(&mut scene, &mut leg);
    assert!(sent.iter().all(|sent| bench.arrive(sent).is_empty()));
    assert_eq!(bench.count(Counter::DropSecuredFragment), sent.len() as u64);
    // A fragment whose others never come.
    let sent = fragments(&mut scene, &mut leg);
    assert!(bench.arrive(&sent[1]).is_empty());
    bench.pass(50);
    assert_eq!(bench.count(Counter::DropSecuredFragment), sent.len() as u64 * 2 - (sent.len() as u64 - 1));
    assert_eq!(bench.count(Counter::ReassemblyFailed), 1);
}
