//! Captures and messages that nobody here made.

use core::time::Duration;
use std::fs;

use calls::SecureDefault;
use handover::{Counter, MaskKey, Side, Transport};
use keyhush_tests::corpus;
use keyhush_tests::frame::udp;
use keyhush_tests::played::{Played, play, play_capture};
use keyhush_tests::scene::{Carries, Kind, Scene};
use keyhush_tests::seen::{Seen, rtp};
use mask::tones::{Audio, Detector, Heard, Vigilance};
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

/// A gateway's stream: ten keys as events, and for nearly all of them a tenth of a second of the tone in the audio, a quarter of a
/// second after the event began.
#[test]
fn a_gateways_late_tones_do_not_leave() {
    let Some(files) = corpus::files("pcap") else { return };
    let file = files.iter().find(|file| file.ends_with("ast_ulaw-2013785496.pcap")).expect("the capture");
    let capture = fs::read(file).expect("a file");
    let mut scene = Scene::default();
    let mut leg = keyhush_tests::leg::Leg::new(1);
    leg.set_up(&mut scene);
    for (time, packet) in cooked(&capture) {
        let now = scene.now;
        scene.now = now + time;
        leg.media(&mut scene, Side::Carrier, 0, Carries::Nothing, packet);
        scene.now = now;
    }
    let sent = scene.in_order();
    let never = play(&sent, SecureDefault::Never);
    let always = play(&sent, SecureDefault::Always(MaskKey::Pound));
    let heard = |played: &Played| tones_heard(played.left.iter().map(|record| &record.bytes[..]));
    let in_the_audio = heard(&never);
    assert!(in_the_audio.len() >= 9 && !in_the_audio.contains('#'), "{in_the_audio}");
    assert!(heard(&always).chars().all(|key| key == '#'), "{}", heard(&always));
    let [events, tones] = [Transport::Event, Transport::Tone].map(|transport| always.keys(transport));
    assert_eq!(events, b"2013785496");
    assert!(tones.len() >= 9, "{} tones are captured beside the events", tones.len());
    assert_eq!(crate::merged::keys(&crate::merged::merged(&always.presses)).as_bytes(), events);
}

/// The UDP payloads of a capture of Linux's cooked frames, over IPv4, with the time since the first.
fn cooked(capture: &[u8]) -> Vec<(Duration, &[u8])> {
    let (mut at, mut packets, mut first) = (24, Vec::new(), None);
    while let Some(header) = capture.get(at..at + 16) {
        let field =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let time = Duration::new(field(0).into(), field(4) * 1_000);
        let frame = &capture[at + 16..at + 16 + field(8) as usize];
        let begun = *first.get_or_insert(time);
        packets.push((time - begun, &frame[16 + 20 + 8..]));
        at += 16 + frame.len();
    }
    packets
}

/// The keys that a receiver hears in the G.711 that comes from the carrier's side, by timestamps.
fn tones_heard<'a>(frames: impl Iterator<Item = &'a [u8]>) -> String {
    let mut detector = Detector::new();
    let (mut keys, mut next) = (String::new(), None);
    for frame in frames {
        let Some(seen) = Seen::of(frame).filter(|seen| seen.source.ip().to_string().starts_with("192.0.2."))
        else {
            continue;
        };
        let packet = &frame[seen.payload];
        let Some((0, audio)) = rtp(packet) else { continue };
        let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let gap = next.map_or(0, |next| timestamp.wrapping_sub(next));
        let mut take = |heard| {
            if let Heard::Onset { digit, .. } = heard {
                keys.push(char::from(digit.reveal()));
            }
        };
        if gap != 0 {
            detector.skip(u64::from(gap), &mut take);
        }
        detector.listen(Audio::Ulaw(audio), Vigilance::Ordinary, &mut take);
        next = Some(timestamp.wrapping_add(audio.len() as u32));
    }
    keys
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
        if is_secure {
            played.assert_only_keys_changed(&sent, MaskKey::Pound);
        } else {
            assert_eq!(played.unchanged(&sent), sent.len(), "a message is changed");
        }
        assert!(played.report.counter(Counter::PassSipUnreadable) > 0);
        assert_eq!(played.presses.len(), usize::from(is_secure));
    }
}
