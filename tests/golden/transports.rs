//! Each transport alone: no digit leaves, each press is reported once and in order, and nothing else is touched.

use std::collections::BTreeSet;

use calls::SecureDefault;
use handover::{Counter, MaskKey, Side, Transport};
use keyhush_tests::frame::station;
use keyhush_tests::leg::CARRIER;
use keyhush_tests::played::play_from;
use keyhush_tests::scene::{self, Carries, Scene, Sent};
use keyhush_tests::tshark;
use replay::Report;

use crate::ways::{ALL, Way};

/// All sixteen keys, and equal ones in a row.
const KEYS: &[u8] = b"0123456789*#ABCD5577";

fn call(way: Way, keys: &[u8], volume: u8) -> Vec<Sent> {
    let mut scene = Scene::default();
    way.call(&mut scene, 1, keys, volume);
    assert_eq!(scene.pressed, keys);
    scene.in_order()
}

#[test]
fn outside_secure_mode_every_frame_leaves_bit_for_bit_and_nothing_is_captured() {
    for way in ALL {
        let sent = call(*way, b"4711", 10);
        let played = play_from(&sent, way.carrier(), SecureDefault::Never);
        assert!(played.presses.is_empty(), "{way:?}");
        assert_eq!(played.left.len(), sent.len(), "{way:?}");
        for (left, sent) in played.left.iter().zip(&sent) {
            assert_eq!(left.bytes, sent.frame, "{way:?}");
        }
        let Report { calls, legs, flows, .. } = played.report;
        // One flow towards each side, and what was learned of where the customer's media comes from.
        assert_eq!((calls, legs), (1, 1), "{way:?}");
        assert!((2..=3).contains(&flows), "{way:?}: {flows} flows");
        assert_eq!(played.report.counter(Counter::PassUnknownUdp), 0, "{way:?}: media is followed");
    }
}

#[test]
fn in_secure_mode_only_keys_change_and_each_press_is_reported_once_in_order() {
    for way in ALL {
        for mask_key in [MaskKey::Pound, MaskKey::Zero, MaskKey::One] {
            let sent = call(*way, KEYS, 3);
            let played = play_from(&sent, way.carrier(), SecureDefault::Always(mask_key));
            let captured: String = played.keys(way.transport()).iter().map(|&key| char::from(key)).collect();
            assert_eq!(captured.as_bytes(), KEYS, "{way:?}: {captured}");
            assert_eq!(played.presses.len(), KEYS.len(), "{way:?}: another transport reports presses");
            assert!(played.presses.iter().all(|press| press.from == Side::Carrier), "{way:?}");
            assert!(played.presses.is_sorted_by_key(|press| press.onset), "{way:?}: onsets in order");
            played.assert_only_keys_changed(&sent, mask_key);
        }
    }
}

/// What leaves is the same to the bit, whatever was keyed, how loud it was keyed, and whatever the checksums were: so nothing
/// that leaves can tell one digit from another.
#[test]
fn what_leaves_does_not_depend_on_the_digits() {
    for way in ALL {
        let one = call(*way, b"4929123456781234", 3);
        let other = call(*way, b"0081#*ABCD765567", 30);
        let secure = SecureDefault::Always(MaskKey::Pound);
        let one = play_from(&one, way.carrier(), secure);
        let other = play_from(&other, way.carrier(), secure);
        assert!(one.capture == other.capture, "{way:?}: the digits show in what leaves");
    }
}

fn carrier_station() -> String {
    station(Side::Carrier).map(|byte| format!("{byte:02x}")).join(":")
}

/// Keys that tshark reads in frames from the carrier's side, with their volumes.
fn events_read_by_tshark(capture: &[u8]) -> Vec<(u8, u8)> {
    let names = ["eth.src", "rtpevent.event_id", "rtpevent.volume"];
    let rows = tshark::fields(capture, "rtpevent", &[], &names);
    let rows = rows.into_iter().filter(|row| row[0] == carrier_station());
    let number = |text: &str| text.parse::<u8>().expect("a number");
    rows.flat_map(|row| {
        let volumes: Vec<u8> = row[2].split(',').map(number).collect();
        row[1].split(',').map(number).zip(volumes).collect::<Vec<_>>()
    })
    .collect()
}

/// All ways in one capture, each in a call of its own.
fn all_ways() -> Scene {
    let mut scene = Scene::default();
    for (number, way) in (1..).zip(ALL) {
        if way.carrier() == CARRIER {
            way.call(&mut scene, number, b"2580", 3);
            scene.pass(500);
        }
    }
    scene
}

#[test]
fn tshark_reads_every_key_before_and_only_the_mask_key_after() {
    let sent = all_ways().in_order();
    let before = events_read_by_tshark(&scene::capture(&sent));
    let events_sent = sent
        .iter()
        .filter(|sent| matches!(sent.carries, Carries::Keys { .. }))
        .filter(|sent| sent.kind == scene::Kind::Media)
        .count();
    // What tshark did not decode in what arrived it would not decode in what leaves either.
    assert!(before.len() >= events_sent, "tshark reads {} of {events_sent} events", before.len());
    for key in [2, 5, 8, 0] {
        assert!(before.iter().any(|(event, _)| *event == key), "tshark reads {key}");
    }

    let played = play_from(&sent, CARRIER, SecureDefault::Always(MaskKey::Pound));
    let after = events_read_by_tshark(&played.capture);
    assert_eq!(after.len(), before.len(), "as many events are read as before");
    assert!(after.iter().all(|event| *event == (11, 10)), "{after:?}");

    let wrong = "udp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed";
    let wrong = tshark::fields(&played.capture, wrong, &[], &["frame.number"]);
    assert!(wrong.is_empty(), "tshark finds these frames at fault: {wrong:?}");
}

#[test]
fn tshark_reads_no_key_in_sip_bodies() {
    let sent = all_ways().in_order();
    let played = play_from(&sent, CARRIER, SecureDefault::Always(MaskKey::Pound));
    let filter = format!("eth.src == {} && (sip.Method == INFO || sip.Method == NOTIFY)", carrier_station());
    // The lines of the body, as tshark shows them.
    let read = |capture: &[u8]| -> Vec<String> {
        let rows = tshark::fields(capture, &filter, &[], &["sip.Content-Type", "text"]);
        rows.into_iter().map(|row| row.concat()).collect()
    };
    let (before, after) = (read(&scene::capture(&sent)), read(&played.capture));
    assert_eq!(before.len(), after.len());
    let ways =
        ALL.iter().filter(|way| way.transport() != Transport::Event && way.carrier() == CARRIER).count();
    assert_eq!(distinct(&after), ways, "each way has one body, whatever was keyed: {after:#?}");
    assert!(distinct(&before) >= 3 * ways, "tshark reads the keys in what arrives: {before:#?}");
}

fn distinct(texts: &[String]) -> usize {
    texts.iter().collect::<BTreeSet<_>>().len()
}
