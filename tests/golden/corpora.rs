//! Captures and messages that nobody here made.

use std::fs;

use calls::SecureDefault;
use handover::{Counter, MaskKey, Side};
use keyhush_tests::corpus;
use keyhush_tests::frame::udp;
use keyhush_tests::played::{play, play_capture};
use keyhush_tests::scene::{Carries, Kind, Scene};
use replay::ReplayError;
use replay::capture::{CaptureFault, Reader};

/// Either half of all addresses as the carrier's.
const HALVES: [&str; 2] = ["0.0.0.0/1", "128.0.0.0/1"];

#[test]
fn every_capture_passes_unchanged_and_none_panics() {
    let Some(files) = corpus::files("pcap") else { return };
    let mut read = 0;
    for file in &files {
        let name = file.display();
        let capture = fs::read(file).expect("a file");
        let mut records = Vec::new();
        let refused = match Reader::new(&capture[..]) {
            Err(error) => Some(error),
            Ok(mut reader) => loop {
                match reader.next_record() {
                    Ok(Some(record)) => records.push(record),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            },
        };
        for carrier in HALVES {
            let never = play_capture(&capture, carrier, SecureDefault::Never);
            let always = play_capture(&capture, carrier, SecureDefault::Always(MaskKey::Pound));
            let Some(refused) = &refused else {
                let never = never.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(never.left.len(), records.len(), "{name}");
                for (left, record) in never.left.iter().zip(&records) {
                    let same = left.bytes == record.bytes && left.original_length == record.original_length;
                    assert!(same, "{name}: a frame is changed");
                }
                let always = always.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(always.left.len() <= records.len(), "{name}: frames were invented");
                continue;
            };
            let known = matches!(refused.fault, CaptureFault::NotACapture(_) | CaptureFault::LinkType(_));
            assert!(known, "{name}: {refused}");
            for result in [never, always] {
                let Err(ReplayError::Capture(error)) = result else { panic!("{name} is taken") };
                assert_eq!(error.to_string(), refused.to_string(), "{name}");
            }
        }
        read += usize::from(refused.is_none());
    }
    assert!(read >= 40, "{read} of {} files are Ethernet captures", files.len());
}

/// RFC 4475: each message as a datagram from either side, with a call in SecureMode going on.
#[test]
fn torture_messages_pass_unchanged() {
    let Some(files) = corpus::files("sip-torture") else { return };
    let messages: Vec<_> =
        files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "dat")).collect();
    assert!(messages.len() >= 49, "RFC 4475 has 49 messages, here are {}", messages.len());
    let mut scene = Scene::default();
    let mut leg = keyhush_tests::leg::Leg::new(1);
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 60);
    for file in messages {
        let message = fs::read(file).expect("a file");
        for from in [Side::Carrier, Side::Customer] {
            let [source, destination] = match from {
                Side::Carrier => leg.signalling,
                Side::Customer => [leg.signalling[1], leg.signalling[0]],
            };
            let frame = udp(from, &[], source, destination, 1, &message);
            scene.send(from, Kind::Setup, Carries::Nothing, frame);
            scene.pass(3);
        }
    }
    // The call is as it was.
    leg.press(&mut scene, b'5', &keyhush_tests::rtp::KeyPlan::default());
    leg.hang_up(&mut scene, Side::Carrier);
    let sent = scene.in_order();
    for secure in [SecureDefault::Never, SecureDefault::Always(MaskKey::Pound)] {
        let is_secure = matches!(secure, SecureDefault::Always(_));
        let played = play(&sent, secure);
        assert_eq!(played.left.len(), sent.len());
        for (left, sent) in played.left.iter().zip(&sent) {
            let keeps = sent.carries == Carries::Nothing || !is_secure;
            assert!(!keeps || left.bytes == sent.frame, "a message is changed");
        }
        assert!(played.report.counter(Counter::PassSipUnreadable) > 0);
        assert_eq!(played.presses.len(), usize::from(is_secure));
    }
}
