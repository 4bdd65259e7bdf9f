//! Loss, duplication and reordering: no digit leaves, no press is doubled, none is invented.

use calls::SecureDefault;
use handover::{Counter, MaskKey, Side};
use keyhush_tests::faults::{BAD_WIRE, survivors};
use keyhush_tests::played::{Played, play_from};
use keyhush_tests::scene::{Scene, Sent};

use crate::ways::{ALL, Way};

const SEEDS: core::ops::Range<u64> = 0..12;
const KEYS: &[u8] = b"49291234558812340077";

fn assert_sound(way: Way, seed: u64, sent: &[Sent], arrived: &[Sent], played: &Played) {
    let told = format!("{way:?}, seed {seed}");
    played.assert_only_keys_changed(arrived, MaskKey::Pound);
    // A press of which every packet was lost cannot be known; of all others each is reported once.
    let survived = survivors(arrived, KEYS.len());
    let expected: Vec<u8> =
        KEYS.iter().zip(&survived).filter(|(_, survived)| **survived).map(|(key, _)| *key).collect();
    let captured = played.keys(way.transport());
    let [expected, captured] = [expected, captured].map(|keys| String::from_utf8(keys).expect("ASCII"));
    assert_eq!(captured, expected, "{told}");
    assert!(sent.len() != arrived.len() || sent != arrived, "{told}: nothing befell the wire");
    assert!(played.presses.iter().all(|press| press.from == Side::Carrier), "{told}");
    assert_eq!(played.report.counter(Counter::DropSecuredUnreadable), 0, "{told}");
}

#[test]
fn a_bad_wire_leaks_nothing_and_doubles_nothing() {
    for way in ALL {
        let mut scene = Scene::default();
        way.call(&mut scene, 1, KEYS, 3);
        let sent = scene.in_order();
        for seed in SEEDS {
            let arrived = BAD_WIRE.befall(&sent, seed);
            let played = play_from(&arrived, way.carrier(), SecureDefault::Always(MaskKey::Pound));
            assert_sound(*way, seed, &sent, &arrived, &played);
        }
    }
}

/// On such a wire too what leaves is the same whatever was keyed.
#[test]
fn on_a_bad_wire_what_leaves_does_not_depend_on_the_digits() {
    for way in ALL {
        let play = |keys: &[u8], seed: u64| {
            let mut scene = Scene::default();
            way.call(&mut scene, 1, keys, 20);
            let arrived = BAD_WIRE.befall(&scene.in_order(), seed);
            play_from(&arrived, way.carrier(), SecureDefault::Always(MaskKey::One)).capture
        };
        for seed in 100..103 {
            assert!(play(b"4111111111", seed) == play(b"ABCD05*#93", seed), "{way:?}, seed {seed}");
        }
    }
}
