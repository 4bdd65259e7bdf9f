//! SecureMode by a payment, on several lcores: its rules, what the console may do to it, and what a payment is told of its
//! call.

use handover::{
    Answer, CallEvent, CallHandle, Command, Counter, Endpoint, Flow, FlowKey, FlowMode, FlowUpdate, Instant,
    MaskKey, Refusal, Rules, Side, Transport,
};
use keyhush_tests::appliance::{Appliance, Left};
use keyhush_tests::leg::Leg;
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Carries, Scene};
use keyhush_tests::seen::{Seen, event_blocks, rtp};
use pipeline::Mirror;

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

fn told(appliance: &mut Appliance) -> Vec<CallEvent> {
    appliance.take_events().into_iter().map(|(_, event)| event).collect()
}

/// The slots of the calls that began, and those that ended as negative numbers, from one.
fn lives(appliance: &mut Appliance) -> Vec<i64> {
    let life = |event| match event {
        CallEvent::Begun(begun) => i64::from(begun.call.slot) + 1,
        CallEvent::Ended { call, .. } => -i64::from(call.slot) - 1,
        other => panic!("{other:?}"),
    };
    told(appliance).into_iter().map(life).collect()
}

#[test]
fn beginnings_and_ends_are_told_and_told_again_and_wait_for_room() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let (mut first, _) = up(&mut appliance, &mut scene, 1);
    let (second, _) = up(&mut appliance, &mut scene, 2);
    assert_eq!(lives(&mut appliance), [1, 2]);
    first.hang_up(&mut scene, Side::Customer);
    carry(&mut appliance, &mut scene);
    assert_eq!(lives(&mut appliance), [-1]);
    assert!(matches!(appliance.order(Command::Announce), Some(Answer::Done { .. })));
    let again = told(&mut appliance);
    assert!(matches!(again.as_slice(), [CallEvent::Begun(begun)] if begun.call == find(&appliance, &second)));

    // Nobody listens for a while.
    appliance.set_room_for_events(1);
    let (mut third, _) = up(&mut appliance, &mut scene, 3);
    third.hang_up(&mut scene, Side::Carrier);
    let (..) = up(&mut appliance, &mut scene, 4);
    assert!(matches!(appliance.order(Command::Announce), Some(Answer::Done { .. })));
    assert_eq!(lives(&mut appliance).len(), 1);
    appliance.set_room_for_events(2);
    appliance.wait(5);
    assert_eq!(lives(&mut appliance).len(), 2);
    appliance.set_room_for_events(usize::MAX);
    appliance.wait(5);
    let rest = lives(&mut appliance);
    assert_eq!(rest.len(), 2, "the two that are up, again");
    assert!(rest.iter().all(|life| *life > 0) && rest.contains(&2));
}

#[test]
fn no_flood_of_calls_delays_what_ends_secure_mode_and_nothing_is_lost() {
    let mut appliance = Appliance::new(1);
    let mut scene = Scene::default();
    let (mut leg, call) = up(&mut appliance, &mut scene, 1);
    let (mut second, ended) = up(&mut appliance, &mut scene, 2);
    for call in [call, ended] {
        assert!(matches!(appliance.order(Command::Announce), Some(Answer::Done { .. })));
        assert!(
            told(&mut appliance)
                .iter()
                .any(|event| matches!(event, CallEvent::Begun(begun) if begun.call == call))
        );
    }
    appliance.set_room_for_events(0);
    let mut flood: Vec<Leg> = (3..30).map(|number| up(&mut appliance, &mut scene, number).0).collect();
    scene.now = scene.now.max(appliance.now());
    leg.talk(&mut scene, 1_200);
    carry(&mut appliance, &mut scene);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Ok(()));
    // Nothing of these is told: nobody heard of them.
    for other in &mut flood[..13] {
        other.hang_up(&mut scene, Side::Carrier);
    }
    second.hang_up(&mut scene, Side::Carrier);
    carry(&mut appliance, &mut scene);
    // It is lost, heard again, lost again, and forced off.
    for _ in 0..2 {
        scene.now = scene.now.max(appliance.now());
        leg.talk(&mut scene, 200);
        listen(&mut leg, &mut scene, 1_000);
        carry(&mut appliance, &mut scene);
    }
    let forced = Command::Release { call_id: leg.call_id.clone().into_bytes(), forced: true };
    assert!(matches!(appliance.order(forced), Some(Answer::Done { .. })));
    assert!(told(&mut appliance).is_empty());
    appliance.set_room_for_events(3);
    appliance.wait(1);
    let told = told(&mut appliance);
    assert_eq!(told[..2], [CallEvent::MediaLost { call }, CallEvent::ForcedOff { call }]);
    assert!(matches!(told[2..], [CallEvent::Ended { call, .. }] if call == ended), "{told:?}");
    assert!(appliance.counter(Counter::CallEventsDelayed) >= 30);
    appliance.set_room_for_events(usize::MAX);
    appliance.wait(1);
    let lives = lives(&mut appliance);
    assert!(lives.len() == 14 && lives.iter().all(|life| *life > 0), "{lives:?}");
}

#[test]
fn the_console_cannot_end_a_payments_secure_mode_by_mistake() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let (leg, call) = up(&mut appliance, &mut scene, 1);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Ok(()));
    let release = |forced| Command::Release { call_id: leg.call_id.clone().into_bytes(), forced };
    assert!(matches!(appliance.order(release(false)), Some(Answer::Refused(Refusal::Paired))));
    appliance.take_events();
    assert!(matches!(appliance.order(release(true)), Some(Answer::Done { .. })));
    assert_eq!(told(&mut appliance), [CallEvent::ForcedOff { call }]);
    let rules = Rules::default();
    assert!(matches!(
        appliance.order(Command::Rule { call, rules }),
        Some(Answer::Refused(Refusal::NoSuchCall))
    ));
    let stranger = CallHandle { slot: 77, generation: 0 };
    assert_eq!(enter(&mut appliance, stranger, rules), Err(Refusal::NoSuchCall));
}

/// The caller's gateway sends comfort noise and falls silent.
fn fall_silent(leg: &mut Leg, scene: &mut Scene) {
    let stream = &mut leg.streams[Side::Carrier as usize];
    let timestamp = stream.timestamp;
    let noise = stream.packet(13, false, timestamp, &[0x40]);
    leg.media(scene, Side::Carrier, 0, Carries::Nothing, &noise);
}

/// The agent alone sends.
fn listen(leg: &mut Leg, scene: &mut Scene, milliseconds: u64) {
    for _ in 0..milliseconds / 20 {
        let packet = leg.streams[Side::Customer as usize].audio();
        leg.media(scene, Side::Customer, 0, Carries::Nothing, &packet);
        scene.pass(20);
    }
}

fn losses(appliance: &mut Appliance) -> Vec<Instant> {
    let is_loss = |event: &CallEvent| matches!(event, CallEvent::MediaLost { .. });
    appliance.take_events().into_iter().filter(|(_, event)| is_loss(event)).map(|(at, _)| at).collect()
}

#[test]
fn a_payment_is_refused_where_the_caller_is_not_heard() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    listen(&mut leg, &mut scene, 2_000);
    carry(&mut appliance, &mut scene);
    let call = find(&appliance, &leg);
    let rules = Rules::default();
    assert_eq!(enter(&mut appliance, call, rules), Err(Refusal::MediaElsewhere));
    // After any time of ordinary talk it is not.
    for _ in 0..30 {
        leg.talk(&mut scene, 100);
        let sent = scene.in_order();
        scene.sent.clear();
        appliance.carry(&sent);
        assert_eq!(enter(&mut appliance, call, rules), Ok(()));
        assert!(matches!(appliance.order(Command::Leave { call }), Some(Answer::Done { .. })));
        scene.now = scene.now.max(appliance.now());
    }
    // The agent's media moves to another network, past this wire.
    leg.sdp[1].media = "203.0.113.77:4000".parse().expect("an address");
    leg.renegotiate(&mut scene, Side::Customer, "INVITE");
    carry(&mut appliance, &mut scene);
    assert_eq!(enter(&mut appliance, call, rules), Err(Refusal::MediaElsewhere));
}

#[test]
fn a_payment_is_refused_where_the_callers_codec_cannot_be_masked() {
    let mut appliance = Appliance::new(1);
    let mut scene = Scene::default();
    let mut leg = Leg::new(1).with_events([101, 101], "telephone-event/48000");
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 500);
    carry(&mut appliance, &mut scene);
    let call = find(&appliance, &leg);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Err(Refusal::Codec));
    let passing = Rules::default().with_unmaskable_passed(true);
    assert_eq!(enter(&mut appliance, call, passing), Err(Refusal::Codec), "its tones would leave");
}

#[test]
fn the_loss_of_the_caller_is_told_within_half_a_second() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let (mut leg, call) = up(&mut appliance, &mut scene, 1);
    assert_eq!(enter(&mut appliance, call, Rules::default().with_field_open(true)), Ok(()));
    scene.now = scene.now.max(appliance.now());
    for round in 0..25 {
        leg.talk(&mut scene, 400 + 20 * round);
        leg.press(&mut scene, b'7', &KeyPlan::default());
        leg.talk(&mut scene, 60);
        let last = scene.in_order().into_iter().rev().find(|sent| sent.from == Side::Carrier);
        let last = last.expect("the caller talked").time;
        listen(&mut leg, &mut scene, 1_000 + round);
        carry(&mut appliance, &mut scene);
        let losses = losses(&mut appliance);
        assert_eq!(losses.len(), 1, "once");
        let told = losses[0].since(last).as_millis();
        assert!((400..500).contains(&told), "{told} ms");
    }
}

#[test]
fn silence_after_comfort_noise_and_jitter_are_no_loss() {
    let mut appliance = Appliance::new(2);
    let mut scene = Scene::default();
    let (mut leg, call) = up(&mut appliance, &mut scene, 1);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Ok(()));
    scene.now = scene.now.max(appliance.now());
    for round in 0..10 {
        leg.talk(&mut scene, 200 + 20 * round);
        fall_silent(&mut leg, &mut scene);
        listen(&mut leg, &mut scene, 5_000);
        leg.talk(&mut scene, 100);
        // A gap in the network.
        listen(&mut leg, &mut scene, 340);
        leg.talk(&mut scene, 100);
        carry(&mut appliance, &mut scene);
    }
    assert!(losses(&mut appliance).is_empty());
}

#[test]
fn media_that_moves_in_secure_mode_is_not_lost_and_a_held_call_is() {
    let mut appliance = Appliance::new(4);
    let mut scene = Scene::default();
    let (mut leg, call) = up(&mut appliance, &mut scene, 1);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Ok(()));
    scene.now = scene.now.max(appliance.now());
    for round in 0..4 {
        leg.media[1].set_port(31_000 + 2 * round);
        leg.sdp[1].media.set_port(31_000 + 2 * round);
        leg.renegotiate(&mut scene, Side::Customer, "INVITE");
        leg.talk(&mut scene, 700);
    }
    carry(&mut appliance, &mut scene);
    assert!(losses(&mut appliance).is_empty());
    leg.renegotiate(&mut scene, Side::Customer, "INVITE");
    scene.pass(600);
    carry(&mut appliance, &mut scene);
    assert_eq!(losses(&mut appliance).len(), 1, "on hold");
    leg.talk(&mut scene, 300);
    carry(&mut appliance, &mut scene);
    assert!(losses(&mut appliance).is_empty());
}

#[test]
fn a_payments_leaving_and_its_rules_are_never_refused() {
    let limits = pipeline::SignallingLimits { orders: 1, ..pipeline::SignallingLimits::default() };
    let mut appliance = Appliance::with_signalling(2, limits);
    let mut scene = Scene::default();
    let (leg, call) = up(&mut appliance, &mut scene, 1);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Ok(()));
    // One order waits for an lcore, and there is no room for another.
    appliance.stall(0, 900);
    let waiting = Command::Rule { call, rules: Rules::default().with_field_open(true) };
    appliance.ask(waiting);
    assert_eq!(enter(&mut appliance, call, Rules::default()), Err(Refusal::Busy));
    let asked = appliance.now();
    for command in
        [Command::Rule { call, rules: Rules::default().with_silence(true) }, Command::Leave { call }]
    {
        let answer = appliance.order(command);
        assert!(matches!(answer, Some(Answer::Refused(Refusal::NotAcknowledged))), "{answer:?}");
    }
    assert_eq!(appliance.now(), asked, "at once");
    appliance.wait(1_000);
    assert!(appliance.release(&leg.call_id), "no payment holds it any more");
}

#[test]
fn a_payment_is_refused_where_its_flows_could_not_be_mirrored() {
    // Of 8 191 places two are free, or one: the call has two flows.
    for (taken, entered) in [(8_189, Ok(())), (8_190, Err(Refusal::Busy))] {
        let mut mirror = Mirror::new(1);
        for number in 1..=taken {
            let destination = Endpoint::new([10, 0, 0, 1].into(), number);
            let key = FlowKey { destination, ..FlowKey::default() };
            let flow = Flow { key, mode: FlowMode::Mask(MaskKey::Pound), ..Flow::default() };
            assert!(mirror.follow(&FlowUpdate::Install(flow), |_| Some(b"another")));
        }
        let mut appliance = Appliance::with_mirror(2, mirror);
        let mut scene = Scene::default();
        let (_, call) = up(&mut appliance, &mut scene, 1);
        assert_eq!(enter(&mut appliance, call, Rules::default()), entered);
        assert_eq!(appliance.counter(Counter::MirrorLost), 0);
    }
}
