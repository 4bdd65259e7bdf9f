//! Keys from the customer's side: the agent keys a call reference, and what the agent's telephone sounds comes back.

use core::time::Duration;

use calls::SecureDefault;
use handover::{MaskKey, Rules, Side, Transport};
use keyhush_tests::keyed_audio::KeyedAudio;
use keyhush_tests::leg::{CARRIER, Leg};
use keyhush_tests::played::{Played, play_capture_with};
use keyhush_tests::scene::{Carries, Scene, Sent, capture};
use lanes::g711;
use payment::Echoes;
use secret::Digit;

/// Sends audio from a side, at 20 ms a packet.
fn say(
    leg: &Leg,
    scene: &mut Scene,
    from: Side,
    stream_of: &mut keyhush_tests::rtp::Stream,
    samples: &[i16],
) {
    let begun = scene.now;
    for (number, samples) in samples.chunks(160).enumerate() {
        scene.now = begun + Duration::from_millis(20 * number as u64);
        let codes: Vec<u8> = samples.iter().map(|sample| g711::to_ulaw(*sample)).collect();
        let timestamp = stream_of.timestamp;
        let packet = stream_of.packet(0, false, timestamp, &codes);
        stream_of.elapse(20);
        leg.media(scene, from, 0, Carries::Nothing, &packet);
    }
    scene.now = begun;
}

/// A call in which the customer's side, and the caller's, send this audio.
fn call(customer: &[i16], caller: &[i16]) -> Vec<Sent> {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 100);
    for (from, samples) in [(Side::Customer, customer), (Side::Carrier, caller)] {
        let mut stream = leg.streams[from as usize].clone();
        say(&leg, &mut scene, from, &mut stream, samples);
    }
    scene.in_order()
}

fn played(sent: &[Sent], secure: SecureDefault, rules: Rules) -> Played {
    play_capture_with(&capture(sent), CARRIER, secure, |options| options.rules = rules).expect("a capture")
}

fn keys(played: &Played, from: Side) -> String {
    played.presses.iter().filter(|press| press.from == from).map(|press| char::from(press.key)).collect()
}

#[test]
fn a_reference_keyed_in_the_audio_is_heard_and_passes_as_it_came() {
    let reference = KeyedAudio::quiet(4.0).speak(0.2..1.5).key(2.0, "482913").samples();
    let sent = call(&reference, &[0; 32_000]);
    let heard = played(&sent, SecureDefault::Never, Rules::default().with_reference_heard(true));
    assert_eq!(keys(&heard, Side::Customer), "482913");
    assert_eq!(keys(&heard, Side::Carrier), "", "the caller is not listened to");
    assert!(heard.presses.iter().all(|press| press.transport == Transport::Tone));
    assert_eq!(heard.unchanged(&sent), sent.len());
    let onset = heard.presses[0].onset.since(sent[0].time);
    assert!((Duration::from_millis(2_050)..Duration::from_millis(2_400)).contains(&onset), "{onset:?}");
    let unheard = played(&sent, SecureDefault::Never, Rules::default());
    assert!(unheard.presses.is_empty(), "nobody asked for it");
}

#[test]
fn a_reference_keyed_as_events_is_heard_and_passes_as_it_came() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    for key in *b"482913" {
        leg.agent_presses(&mut scene, key);
        leg.talk(&mut scene, 60);
    }
    let sent = scene.in_order();
    let heard = played(&sent, SecureDefault::Never, Rules::default().with_reference_heard(true));
    assert_eq!(keys(&heard, Side::Customer), "482913");
    assert_eq!(heard.unchanged(&sent), sent.len());
}

#[test]
fn a_reference_keyed_by_info_is_heard_and_passes_as_it_came() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.set_up(&mut scene);
    for key in *b"482913" {
        let body = format!("Signal={}\r\nDuration=160\r\n", char::from(key));
        leg.agent_presses_by_sip(&mut scene, "INFO", "", ("application/dtmf-relay", body.as_bytes()));
    }
    let sent = scene.in_order();
    let heard = played(&sent, SecureDefault::Never, Rules::default().with_reference_heard(true));
    assert_eq!(keys(&heard, Side::Customer), "482913");
    assert!(heard.presses.iter().all(|press| press.transport == Transport::Info));
    assert_eq!(heard.unchanged(&sent), sent.len());
    assert!(played(&sent, SecureDefault::Never, Rules::default()).presses.is_empty(), "nobody asked for it");
}

/// In SecureMode a key that the agent presses comes back from the caller's hybrid, 14 dB weaker.
#[test]
fn an_echo_of_the_agents_keys_is_masked_and_not_captured() {
    let agent = KeyedAudio::quiet(4.0).key(1.0, "57").samples();
    let delay = 8 * 120;
    let mut caller = KeyedAudio::quiet(4.0).key(2.5, "9").samples();
    for (at, sample) in agent.iter().enumerate() {
        if let Some(place) = caller.get_mut(at + delay) {
            *place = place.saturating_add(sample / 5);
        }
    }
    let sent = call(&agent, &caller);
    let rules = Rules::default().with_field_open(true);
    let played = played(&sent, SecureDefault::Always(MaskKey::Pound), rules);
    assert_eq!(keys(&played, Side::Customer), "57");
    assert_eq!(keys(&played, Side::Carrier), "579", "the masker tells all that it hears");
    let mut echoes = Echoes::new();
    let mut captured = String::new();
    for press in &played.presses {
        let digit = Digit::from_ascii(press.key).expect("a key");
        let level = press.level.expect("a tone has a level");
        match press.from {
            Side::Customer => echoes.sent(&digit, press.onset, level),
            Side::Carrier if echoes.is_echo(&digit, press.onset, level) => {}
            Side::Carrier => captured.push(char::from(press.key)),
        }
    }
    assert_eq!(captured, "9");
}
