//! What holds for the whole pipeline whatever arrives: nothing panics, every frame is accounted for, and what is not
//! masked leaves bit for bit.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod simulation;

use std::collections::HashMap;
use std::sync::LazyLock;

use calls::SecureDefault;
use handover::{Counter, Instant, MaskKey, Side};
use keyhush_tests::frame::{fragments, udp};
use keyhush_tests::leg::{CARRIER, Leg};
use keyhush_tests::played::{Played, play};
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Carries, Kind, Scene, Sent};
use proptest::prelude::*;

const SECURE: SecureDefault = SecureDefault::Always(MaskKey::Pound);

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A call with keys by every transport, a renegotiation and fragments: what the mutations below are made of.
static CALL: LazyLock<Vec<Sent>> = LazyLock::new(|| {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    for key in *b"4929" {
        leg.press(&mut scene, key, &KeyPlan::default());
        let relay = format!("Signal={}\r\nDuration=160\r\n", char::from(key));
        leg.press_by_sip(&mut scene, &[key], "INFO", "", ("application/dtmf-relay", relay.as_bytes()));
        let kpml = format!("<kpml-response version=\"1.0\" digits=\"{}\"/>", char::from(key));
        let headers = "Event: kpml\r\nSubscription-State: active\r\n";
        let body = ("application/kpml-response+xml", kpml.as_bytes());
        leg.press_by_sip(&mut scene, &[key], "NOTIFY", headers, body);
    }
    leg.fragment_sip = Some(200);
    leg.renegotiate(&mut scene, Side::Customer, "INVITE");
    leg.press(&mut scene, b'5', &KeyPlan::default());
    leg.fragment_sip = None;
    leg.hang_up(&mut scene, Side::Carrier);
    scene.in_order()
});

/// What one mutation does to a frame.
#[derive(Clone, Debug)]
enum Mutation {
    Byte {
        frame: prop::sample::Index,
        at: prop::sample::Index,
        value: u8,
    },
    Cut {
        frame: prop::sample::Index,
        at: prop::sample::Index,
    },
    Grow {
        frame: prop::sample::Index,
        by: u8,
    },
    Fragment {
        frame: prop::sample::Index,
        most: usize,
    },
    Repeat {
        frame: prop::sample::Index,
    },
    Lose {
        frame: prop::sample::Index,
    },
    /// Time runs back, or far ahead.
    Time {
        frame: prop::sample::Index,
        nanos: u64,
    },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (index(), index(), any::<u8>()).prop_map(|(frame, at, value)| Mutation::Byte { frame, at, value }),
        2 => (index(), index()).prop_map(|(frame, at)| Mutation::Cut { frame, at }),
        1 => (index(), any::<u8>()).prop_map(|(frame, by)| Mutation::Grow { frame, by }),
        2 => (index(), 1_usize..20).prop_map(|(frame, most)| Mutation::Fragment { frame, most: most * 8 }),
        1 => index().prop_map(|frame| Mutation::Repeat { frame }),
        1 => index().prop_map(|frame| Mutation::Lose { frame }),
        1 => (index(), any::<u64>()).prop_map(|(frame, nanos)| Mutation::Time { frame, nanos }),
    ]
}

fn mutate(sent: &mut Vec<Sent>, mutations: &[Mutation]) {
    for mutation in mutations {
        match mutation {
            Mutation::Byte { frame, at, value } => {
                let frame = &mut frame.get_mut(sent).frame;
                if !frame.is_empty() {
                    let at = at.index(frame.len());
                    frame[at] = *value;
                }
            }
            Mutation::Cut { frame, at } => {
                let frame = &mut frame.get_mut(sent).frame;
                frame.truncate(at.index(frame.len() + 1));
            }
            Mutation::Grow { frame, by } => {
                let frame = &mut frame.get_mut(sent).frame;
                frame.resize(frame.len() + usize::from(*by), *by);
            }
            Mutation::Fragment { frame, most } => {
                let number = frame.index(sent.len());
                // Only frames that are still whole can be taken apart.
                if CALL.iter().any(|whole| whole.frame == sent[number].frame && whole.kind != Kind::Fragment)
                {
                    let whole = sent.remove(number);
                    let parts = fragments(&whole.frame, *most);
                    let parts = parts.into_iter().map(|frame| Sent { frame, ..whole.clone() });
                    sent.splice(number..number, parts);
                }
            }
            Mutation::Repeat { frame } => {
                let number = frame.index(sent.len());
                sent.insert(number, sent[number].clone());
            }
            Mutation::Lose { frame } => {
                sent.remove(frame.index(sent.len()));
            }
            Mutation::Time { frame, nanos } => {
                let number = frame.index(sent.len());
                sent[number].time = Instant::from_nanos(*nanos);
            }
        }
    }
}

/// What must hold of any traffic at all.
fn assert_accounted(sent: &[Sent], played: &Played) {
    let many = |prefix: &str| -> u64 {
        let counters = played.report.counters.iter();
        counters.filter(|(counter, _)| counter.name().starts_with(prefix)).map(|(_, many)| many).sum()
    };
    assert_eq!(played.report.frames_in, sent.len() as u64);
    assert_eq!(played.report.frames_out, played.left.len() as u64);
    let dropped = many("drop_");
    // A dropped datagram that came in fragments is one reason and several frames.
    let in_fragments = sent.iter().any(|sent| is_fragment(&sent.frame));
    let lost = sent.len() as u64 - played.left.len() as u64;
    assert!(
        lost == dropped || (in_fragments && lost >= dropped),
        "{lost} frames lost, {dropped} accounted for"
    );
    assert!(lost == 0 || dropped > 0, "frames are lost without a reason");
    let changed = (played.left.len() - played.unchanged(sent)) as u64;
    let masked = played.report.counter(Counter::MaskedEvent)
        + played.report.counter(Counter::MaskedSip)
        + played.report.counter(Counter::MaskedTone)
        + played.report.counter(Counter::Silenced)
        + played.report.counter(Counter::SilencedLate);
    assert!(changed <= masked || in_fragments, "{changed} frames are changed, {masked} masked");
    assert!(changed == 0 || masked > 0, "frames are changed and none is masked");
    assert!(played.left.is_sorted_by_key(|record| record.time), "time goes back");
}

fn is_fragment(frame: &[u8]) -> bool {
    let is_v4_fragment = frame.get(12..14) == Some(&[8, 0])
        && frame.get(20..22).is_some_and(|field| field[0] & 0x3f != 0 || field[1] != 0);
    is_v4_fragment || frame.get(12..14).is_some_and(|ether_type| ether_type != [8, 0])
}

/// Every frame of the customer's leaves as it came, but for SIP that could not be read or followed and was counted.
fn assert_customer_untouched(sent: &[Sent], played: &Played) {
    let mut left: HashMap<&[u8], usize> = HashMap::new();
    for record in &played.left {
        *left.entry(&record.bytes).or_default() += 1;
    }
    let (mut missing, mut in_fragments) = (0, false);
    for sent in sent.iter().filter(|sent| sent.from == Side::Customer) {
        match left.get_mut(&sent.frame[..]) {
            Some(many @ 1..) => *many -= 1,
            _ if sent.kind == Kind::Media => panic!("media of the customer's does not leave as it came"),
            // The fragments of a message are counted together.
            _ if sent.kind == Kind::Fragment => in_fragments = true,
            _ => missing += 1,
        }
    }
    let refused = [Counter::DropSecuredSip, Counter::DropSecuredSdp, Counter::DropSecuredFragment];
    let refused = refused.map(|counter| played.report.counter(counter)).iter().sum::<u64>();
    assert!(
        missing + u64::from(in_fragments) <= refused,
        "{missing} frames of the customer's do not leave, {refused} are counted"
    );
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn any_bytes_leave_bit_for_bit(
        frames in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u8>(), 0..120)), 0..40),
        secure in any::<bool>(),
    ) {
        let sent: Vec<Sent> = frames
            .into_iter()
            .map(|(nanos, frame)| Sent {
                time: Instant::from_nanos(nanos),
                from: Side::Customer,
                frame,
                carries: Carries::Nothing,
                kind: Kind::Media,
            })
            .collect();
        let played = play(&sent, if secure { SECURE } else { SecureDefault::Never });
        prop_assert_eq!(played.left.len(), sent.len());
        for (left, sent) in played.left.iter().zip(&sent) {
            prop_assert_eq!(&left.bytes, &sent.frame);
        }
        prop_assert!(played.presses.is_empty());
    }

    #[test]
    fn any_payload_on_the_ports_of_a_call_is_survived(
        payloads in prop::collection::vec((any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..60),
    ) {
        let mut scene = Scene::default();
        let mut leg = Leg::new(1);
        leg.set_up(&mut scene);
        for (from_carrier, is_rtp, mut payload) in payloads {
            let from = if from_carrier { Side::Carrier } else { Side::Customer };
            if is_rtp {
                payload.splice(0..0, [0x80, 101]);
            }
            leg.media(&mut scene, from, 0, Carries::Nothing, &payload);
            scene.pass(1);
        }
        let sent = scene.in_order();
        let played = play(&sent, SECURE);
        assert_accounted(&sent, &played);
        assert_customer_untouched(&sent, &played);
    }

    #[test]
    fn any_text_after_a_method_is_survived(
        method in prop::sample::select(vec!["INVITE", "INFO", "NOTIFY", "UPDATE", "SIP/2.0", "BYE"]),
        text in "[ -~\r\n]{0,300}",
        from_carrier in any::<bool>(),
    ) {
        let mut scene = Scene::default();
        let mut leg = Leg::new(1);
        leg.set_up(&mut scene);
        let from = if from_carrier { Side::Carrier } else { Side::Customer };
        let message = format!("{method} {text}");
        let [carrier, customer] = leg.signalling;
        let [source, destination] = if from_carrier { [carrier, customer] } else { [customer, carrier] };
        let frame = udp(from, &[], source, destination, 9, message.as_bytes());
        scene.send(from, Kind::Setup, Carries::Nothing, frame);
        let sent = scene.in_order();
        let played = play(&sent, SECURE);
        assert_accounted(&sent, &played);
        assert_customer_untouched(&sent, &played);
        let never = play(&sent, SecureDefault::Never);
        prop_assert_eq!(never.unchanged(&sent), sent.len());
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn a_call_with_anything_wrong_with_it_is_accounted_for(
        mutations in prop::collection::vec(mutation(), 1..40),
    ) {
        let mut sent = CALL.clone();
        mutate(&mut sent, &mutations);
        let never = play(&sent, SecureDefault::Never);
        prop_assert_eq!(never.left.len(), sent.len());
        prop_assert_eq!(never.unchanged(&sent), sent.len());
        prop_assert!(never.presses.is_empty());

        let played = play(&sent, SECURE);
        assert_accounted(&sent, &played);
        // Who sent a mutated frame is told by its address, which may be the mutated part; the others are known.
        let whole: Vec<Sent> =
            sent.iter().filter(|sent| CALL.iter().any(|whole| whole.frame == sent.frame)).cloned().collect();
        assert_customer_untouched(&whole, &played);
    }
}

#[test]
fn the_call_that_is_mutated_is_a_good_one() {
    let played = keyhush_tests::played::play_from(&CALL, CARRIER, SECURE);
    played.assert_only_keys_changed(&CALL, MaskKey::Pound);
    assert_eq!(played.presses.len(), 13);
}
