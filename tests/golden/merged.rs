//! Keys that come by several transports at once, merged as `payment` merges them.

use core::time::Duration;

use calls::SecureDefault;
use handover::{Instant, MaskKey, Transport};
use keyhush_tests::faults::BAD_WIRE;
use keyhush_tests::leg::Leg;
use keyhush_tests::played::{OpenPress, play};
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Scene, Sent};
use payment::{MergeInput, MergedPress, Merger};
use secret::Digit;

/// A gateway that tells each key by an event at once, by INFO 150 ms and by KPML 400 ms after it went down.
fn thrice_told(keys: &[u8]) -> Vec<Sent> {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 100);
    let mut later = Vec::new();
    for &key in keys {
        let onset = scene.now;
        leg.press(&mut scene, key, &KeyPlan { milliseconds: 60, ..KeyPlan::default() });
        later.push((key, onset));
    }
    leg.talk(&mut scene, 3_000);
    let end = scene.now;
    for (number, (key, onset)) in later.into_iter().enumerate() {
        let carries = keyhush_tests::scene::Carries::Keys { first: number, many: 1 };
        scene.now = onset + Duration::from_millis(150);
        let relay = format!("Signal={}\r\nDuration=60\r\n", char::from(key));
        leg.tell_by_sip(&mut scene, carries, "INFO", "", ("application/dtmf-relay", relay.as_bytes()));
        scene.now = onset + Duration::from_millis(400);
        let kpml = format!("<kpml-response version=\"1.0\" code=\"200\" digits=\"{}\"/>", char::from(key));
        let headers = "Event: kpml\r\nSubscription-State: active\r\n";
        let body = ("application/kpml-response+xml", kpml.as_bytes());
        leg.tell_by_sip(&mut scene, carries, "NOTIFY", headers, body);
    }
    scene.now = end;
    scene.in_order()
}

/// The presses of one call, merged in the order in which they were reported.
pub(crate) fn merged(presses: &[OpenPress]) -> Vec<MergedPress> {
    let mut merger = Merger::new();
    let mut merged = Vec::new();
    let mut now = Instant::ZERO;
    for press in presses {
        now = now.max(press.onset);
        merged.extend(core::iter::from_fn(|| merger.poll(now)));
        let digit = Digit::from_ascii(press.key).expect("a key");
        merger.report(now, MergeInput { transport: press.transport, digit, onset: press.onset });
    }
    merged.extend(core::iter::from_fn(|| merger.poll(now + Duration::from_secs(10))));
    merged
}

pub(crate) fn keys(presses: &[MergedPress]) -> String {
    presses.iter().map(|press| char::from(press.digit.reveal())).collect()
}

#[test]
fn fifty_five_keyed_fast_over_three_transports_at_once_is_two_presses() {
    let sent = thrice_told(b"55");
    let played = play(&sent, SecureDefault::Always(MaskKey::Pound));
    played.assert_only_keys_changed(&sent, MaskKey::Pound);
    for transport in [Transport::Event, Transport::Info, Transport::Kpml] {
        assert_eq!(played.keys(transport), b"55", "{transport:?}");
    }
    let merged = merged(&played.presses);
    assert_eq!(keys(&merged), "55");
    assert!(merged[1].onset.since(merged[0].onset) < Duration::from_millis(150), "keyed fast");
}

#[test]
fn a_whole_number_told_three_times_is_keyed_once_on_a_bad_wire_too() {
    let sent = thrice_told(b"4929123455551177");
    let played = play(&sent, SecureDefault::Always(MaskKey::Pound));
    assert_eq!(played.presses.len(), 3 * 16);
    assert_eq!(keys(&merged(&played.presses)), "4929123455551177");
    for seed in 0..12 {
        let arrived = BAD_WIRE.befall(&sent, seed);
        let played = play(&arrived, SecureDefault::Always(MaskKey::Pound));
        played.assert_only_keys_changed(&arrived, MaskKey::Pound);
        assert_eq!(keys(&merged(&played.presses)).len(), 16, "seed {seed}: none doubled, none lost");
    }
}
