//! What a hostile customer side tries in SecureMode, to have keys go where nothing masks them.

use std::time::Duration;

use calls::{Limits, SecureDefault};
use handover::{FlowMode, FormatKind, MaskKey, Refusal};

use crate::network::*;

fn secured() -> Network {
    let mut network = Network::new();
    network.call_up("call-1");
    network.secure("call-1");
    network
}

fn offer(cseq: u32, sdp: &str) -> Text {
    request("INVITE", cseq).tags("b", "a").sdp(sdp)
}

fn assert_masked(network: &Network) {
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
}

#[test]
fn the_way_back_is_secured_too() {
    let mut network = Network::new();
    network.call_up("call-1");
    let reverse = |network: &Network| network.flow(Customer, "198.51.100.1", 4000).reverse;
    assert_eq!(reverse(&network), FlowMode::Pass);
    let call = network.secure("call-1");
    assert_eq!(reverse(&network), MASKED);
    let mut changes = Vec::new();
    network.calls.silence(call, true, &mut changes);
    network.apply(changes);
    assert_eq!(reverse(&network), FlowMode::Silence(MaskKey::Pound));
    let mut changes = Vec::new();
    network.calls.silence(call, false, &mut changes);
    network.apply(changes);
    // The carrier side moves, and the call is transferred.
    network.send(Carrier, request("INVITE", 2).tags("a", "b").sdp(&audio("198.51.100.1", 4002)));
    assert_eq!(network.flow(Customer, "198.51.100.1", 4002).reverse, MASKED);
    let invite =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    network.send(Customer, invite);
    let answer = response(200, "INVITE", 1).call("call-2").tags("c", "d").sdp(&audio("198.51.100.1", 4004));
    network.send(Carrier, answer);
    let flow = network.flow(Customer, "198.51.100.1", 4004);
    assert_eq!((flow.mode, flow.reverse), (FlowMode::Pass, MASKED));
    assert_eq!(flow.formats.get(101).map(|format| format.kind), Some(FormatKind::TelephoneEvent));
    network.release("call-1");
    assert!(network.shadow.values().all(|flow| flow.reverse == FlowMode::Pass));
}

#[test]
fn what_is_not_followed_in_full_is_told() {
    let mut network = secured();
    assert!(network.send(Customer, offer(1, &audio("203.0.113.2", 5002))).complete);
    for (number, (from, to)) in [
        ("IN IP4 203.0.113.2\r\nt", "IN IP4 203.0.113.024\r\nt"),
        ("IN IP4 203.0.113.2\r\nt", "IN IP4 agent.example.org\r\nt"),
        ("m=audio 5002", "m=audio +5002"),
        ("m=audio 5002", "m=x - udp x\r\nm=audio 5002"),
        ("v=0", " v=0"),
    ]
    .iter()
    .enumerate()
    {
        let sdp = audio("203.0.113.2", 5002).replace(from, to);
        let cseq = u32::try_from(number).expect("few") + 2;
        let followed = network.send(Customer, offer(cseq, &sdp));
        assert!(!followed.complete && followed.secured.is_some(), "{to}");
        let info = request("INFO", cseq).tags("b", "a").sdp(&sdp);
        assert!(network.send(Customer, info).complete, "nobody takes it for an offer");
    }
    assert!(network.send(Carrier, request("INFO", 2).tags("a", "b").body("application/dtmf", "5")).complete);
    assert!(network.send(Customer, request("BYE", 20).tags("b", "a")).complete);
}

#[test]
fn what_finds_no_room_is_told() {
    let limits = Limits { flows_per_call: 3, legs_per_call: 2, ..Default::default() };
    let mut network = Network::with(limits, SecureDefault::Always(MaskKey::Pound));
    network.call_up("call-1");
    let many = "m=audio 42000/2 RTP/AVP 0\r\n";
    assert!(!network.send(Customer, offer(1, &lines("203.0.113.2", many))).complete);
    network.send(Carrier, response(488, "INVITE", 1).tags("b", "a"));
    assert_masked(&network);
    let limits = Limits { legs_per_call: 2, ..Default::default() };
    let mut network = Network::with(limits, SecureDefault::Always(MaskKey::Pound));
    network.call_up("call-1");
    for (number, complete) in [(2, true), (3, false)] {
        let invite = request("INVITE", 1).tags(&format!("c{number}"), "").sdp(&audio("203.0.113.2", 42_000));
        assert_eq!(network.send(Customer, invite).complete, complete, "legs");
    }
}

#[test]
fn a_refused_offer_changes_no_meaning() {
    let mut network = secured();
    let kind = |network: &Network| {
        network.flow(Carrier, "203.0.113.1", 5000).formats.get(101).map(|format| format.kind)
    };
    let other = audio("203.0.113.1", 5000).replace("telephone-event", "speex");
    // Several offers before any is answered, too.
    for cseq in 1..4 {
        network.send(Customer, offer(cseq, &other));
        assert_eq!(kind(&network), Some(FormatKind::TelephoneEvent), "events in flight");
    }
    network.send(Carrier, response(488, "INVITE", 3).tags("b", "a"));
    assert_eq!(kind(&network), Some(FormatKind::TelephoneEvent));
    // Nor that of audio.
    let audio_kind = |network: &Network| {
        network.flow(Carrier, "203.0.113.1", 5000).formats.get(0).map(|format| format.kind)
    };
    for cseq in 4..6 {
        let sdp = audio("203.0.113.1", 5000) + "a=rtpmap:0 L16/8000\r\n";
        network.send(Customer, offer(cseq, &sdp));
    }
    assert_eq!(audio_kind(&network), Some(FormatKind::L16));
    network.send(Carrier, response(488, "INVITE", 5).tags("b", "a"));
    assert_eq!(audio_kind(&network), Some(FormatKind::Pcmu));
}

#[test]
fn the_state_before_a_pending_offer_is_never_pushed_out() {
    let mut network = secured();
    let five: String =
        (0..5).map(|line| format!("m=audio {}/8 RTP/AVP 97\r\n", 42_000 + 100 * line)).collect();
    let refused = |network: &mut Network, cseq: u32| {
        network.send(Carrier, response(488, "INVITE", cseq).tags("b", "a"));
    };
    assert!(!network.send(Customer, offer(1, &lines("203.0.113.2", &five))).complete);
    refused(&mut network, 1);
    assert_masked(&network);
    // One after the other without an answer, and refused ones.
    for cseq in 2..80 {
        network.send(Customer, offer(cseq, &audio("203.0.113.2", 43_000 + cseq as u16 * 2)));
        assert_masked(&network);
    }
    refused(&mut network, 79);
    for cseq in 80..160 {
        network.send(Customer, offer(cseq, &audio("203.0.113.2", 44_000 + cseq as u16 * 2)));
        refused(&mut network, cseq);
        assert_masked(&network);
    }
}

#[test]
fn answers_to_nothing_and_second_answers_push_nothing_out() {
    let mut network = secured();
    for number in 0..80u16 {
        let sdp = audio("203.0.113.2", 43_000 + number * 2);
        network.send(Customer, response(200, "INVITE", 1).sdp(&sdp));
        network.send(Customer, response(200, "INVITE", 100 + u32::from(number)).sdp(&sdp));
        let fork = format!("b{number}");
        network.send(Customer, response(183, "INVITE", 1).tags("a", &fork).sdp(&sdp));
        assert_masked(&network);
    }
    assert!(!network.send(Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.2", 49_000))).complete);
    // Nor do forks, while nobody has answered.
    let mut network = Network::with(Limits::default(), SecureDefault::Always(MaskKey::Pound));
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    network.send(Customer, response(183, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    for number in 0..80u16 {
        let (fork, sdp) = (format!("b{number}"), audio("203.0.113.2", 43_000 + number * 2));
        let followed = network.send(Customer, response(183, "INVITE", 1).tags("a", &fork).sdp(&sdp));
        assert_eq!(followed.complete, number < 6, "eight parties");
        assert_masked(&network);
    }
}

#[test]
fn nobody_ends_a_leg_by_answering_himself() {
    let mut network = secured();
    network.send(Customer, request("BYE", 5).tags("b", "a"));
    network.send(Customer, response(200, "BYE", 5).tags("b", "a"));
    network.send(Customer, response(481, "BYE", 5).tags("b", "a").branch("z9hG4bKother"));
    network.send(Carrier, response(200, "BYE", 5).tags("b", "a").branch("z9hG4bKother"));
    network.media("call-1");
    network.seconds(8);
    assert_masked(&network);
    assert_eq!(network.calls.list(9).len(), 1);
    // Nor an early one.
    let mut network = Network::with(Limits::default(), SecureDefault::Always(MaskKey::Pound));
    network.send(Customer, request("INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    network.send(Carrier, response(183, "INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    network.send(Customer, response(486, "INVITE", 1));
    network.seconds(8);
    assert_masked(&network);
    network.send(Carrier, response(486, "INVITE", 1));
    network.seconds(8);
    assert!(network.shadow.is_empty());
}

#[test]
fn a_leg_with_media_stays_secured_though_it_seems_to_have_ended() {
    let limits = Limits { linger: Duration::from_secs(1), legs_per_call: 2, ..Default::default() };
    let mut network = Network::with(limits, SecureDefault::Never);
    network.call_up("call-1");
    network.secure("call-1");
    network.media("call-1");
    network.hang_up("call-1");
    for _ in 0..10 {
        network.seconds(5);
        network.media("call-1");
        assert_masked(&network);
    }
    // It does not give way to another leg either.
    for caller in ["c", "d", "e"] {
        network.send(Carrier, request("INVITE", 1).tags(caller, "").sdp(&audio("198.51.100.1", 4002)));
        assert_masked(&network);
    }
    // Whoever else claims the flow does not get the keys.
    network.call_up("call-2");
    assert_eq!(network.flow(Carrier, "203.0.113.1", 5000).call, network.find("call-1"));
    network.hang_up("call-2");
    network.seconds(4000);
    assert!(network.shadow.is_empty() && network.calls.is_empty());
    // Without SecureMode nothing is kept for it.
    network.call_up("call-1");
    network.media("call-1");
    network.hang_up("call-1");
    network.seconds(2);
    assert!(network.shadow.is_empty());
}

#[test]
fn a_bye_makes_no_dialog() {
    let mut network = secured();
    // One BYE each for more dialogs than are told apart.
    for number in 0..40 {
        let tag = format!("x{number}");
        network.send(Customer, request("BYE", 5).tags(&tag, "a"));
    }
    network.send(Customer, request("BYE", 6).tags("b", "a"));
    network.send(Carrier, response(200, "BYE", 6).tags("b", "a"));
    assert!(network.calls.list(9).is_empty());
}

#[test]
fn a_flood_of_sources_does_not_push_out_the_true_one() {
    let towards_caller = key(Customer, "198.51.100.1", 4000);
    let learned =
        |network: &mut Network, address: &str, port| network.learned(towards_caller, endpoint(address, port));
    let agent = ("192.0.2.50", 33_000);
    // Before SecureMode, in it, and both.
    for (before, after) in [(0, 200), (200, 0), (200, 200)] {
        let mut network = Network::new();
        network.call_up("call-1");
        learned(&mut network, agent.0, agent.1);
        (0..before).for_each(|port| learned(&mut network, "192.0.2.51", 1000 + port));
        network.secure("call-1");
        (0..after).for_each(|port| learned(&mut network, "192.0.2.52", 1000 + port));
        assert_eq!(network.mode(Carrier, agent.0, agent.1), MASKED);
        assert!(network.shadow.len() <= 10);
    }
    // One that is learned late goes on being learned while it sends.
    let mut network = Network::new();
    network.call_up("call-1");
    (0..50).for_each(|port| learned(&mut network, "192.0.2.51", 1000 + port));
    for round in 0..50 {
        learned(&mut network, agent.0, agent.1);
        (0..2).for_each(|port| learned(&mut network, "192.0.2.52", 1000 + round * 2 + port));
    }
    network.secure("call-1");
    (0..50).for_each(|port| learned(&mut network, "192.0.2.53", 1000 + port));
    assert_eq!(network.mode(Carrier, agent.0, agent.1), MASKED);
}

#[test]
fn a_second_call_captures_nothing_of_another() {
    let mut network = secured();
    let call = network.find("call-1");
    network.media("call-1");
    network.send(Carrier, request("INVITE", 1).call("call-2").sdp(&audio("198.51.100.9", 4900)));
    network.send(Customer, response(200, "INVITE", 1).call("call-2").sdp(&audio("203.0.113.1", 5000)));
    for secured in [false, true] {
        if secured {
            network.secure("call-2");
        }
        assert_eq!(network.flow(Carrier, "203.0.113.1", 5000).call, call);
        assert_masked(&network);
    }
    network.release("call-1");
    assert_eq!(network.flow(Carrier, "203.0.113.1", 5000).call, call);
    assert_masked(&network);
}

#[test]
fn keys_beside_a_plain_profile_encrypt_if_both_have_them() {
    let crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    let up = |offer: &str, answer: &str| {
        let mut network = Network::new();
        network.send(Customer, request("INVITE", 1).sdp(&(audio("203.0.113.1", 5000) + offer)));
        let call = network.find("call-1");
        assert_eq!(
            network.calls.secure(network.now, call, MaskKey::Pound, &mut Vec::new()),
            Ok(()),
            "not answered"
        );
        network.calls.release(network.now, call, &mut Vec::new()).expect("it is a call");
        network.send(Carrier, response(200, "INVITE", 1).sdp(&(audio("198.51.100.1", 4000) + answer)));
        let encrypted = network.flow(Carrier, "203.0.113.1", 5000).encrypted;
        network.learned(key(Customer, "198.51.100.1", 4000), endpoint("192.0.2.50", 33_000));
        assert_eq!(network.flow(Carrier, "192.0.2.50", 33_000).encrypted, encrypted);
        (encrypted, network.calls.secure(network.now, call, MaskKey::Pound, &mut Vec::new()))
    };
    assert_eq!(up(crypto, crypto), (true, Err(Refusal::Encrypted)));
    assert_eq!(up(crypto, ""), (false, Ok(())));
    assert_eq!(up("", crypto), (false, Ok(())));
    assert!(up("a=fingerprint:sha-256 00\r\n", "a=fingerprint:sha-256 11\r\n").0);
    // A re-INVITE in SecureMode that ends encrypted.
    let mut network = secured();
    network.send(Customer, offer(1, &(audio("203.0.113.1", 5000) + crypto)));
    assert!(!network.flow(Carrier, "203.0.113.1", 5000).encrypted);
    let answer = response(200, "INVITE", 1).tags("b", "a").sdp(&(audio("198.51.100.1", 4000) + crypto));
    network.send(Carrier, answer);
    let flow = network.flow(Carrier, "203.0.113.1", 5000);
    assert!(flow.encrypted && flow.mode == MASKED);
}

#[test]
fn what_was_masked_is_masked_again_when_it_is_sent_again() {
    let info = |cseq| request("INFO", cseq).tags("a", "b").body("application/dtmf-relay", "Signal=5\r\n");
    let mut network = Network::new();
    network.call_up("call-1");
    assert_eq!(network.send(Carrier, info(2)).mask, None);
    network.secure("call-1");
    assert_eq!(network.send(Carrier, info(3)).mask, Some(MaskKey::Pound));
    assert_eq!(network.send(Carrier, info(2)).mask, Some(MaskKey::Pound), "keys in SecureMode");
    network.seconds(3);
    network.release("call-1");
    for _ in 0..3 {
        network.seconds(7);
        let followed = network.send(Carrier, info(3));
        assert_eq!((followed.mask, followed.secured, followed.fresh), (Some(MaskKey::Pound), None, false));
    }
    assert_eq!(network.send(Carrier, info(4)).mask, None);
    // The call may be gone by then.
    network.hang_up("call-1");
    network.seconds(6);
    assert!(!network.knows("call-1"));
    let followed = network.send(Carrier, info(3));
    assert_eq!((followed.call, followed.mask, followed.fresh), (None, Some(MaskKey::Pound), false));
    assert_eq!(network.send(Carrier, info(4)).mask, None);
    network.seconds(40);
    assert_eq!(network.send(Carrier, info(3)).mask, None);
}

#[test]
fn who_joins_a_dialog_is_secured_with_it() {
    let mut network = secured();
    let invite = request("INVITE", 1).call("call-2").tags("c", "").header("Join: call-1;to-tag=a;from-tag=b");
    let followed = network.send(Customer, invite.sdp(&audio("203.0.113.7", 7000)));
    assert_eq!(followed.call, Some(network.find("call-1")));
    assert_eq!(network.mode(Carrier, "203.0.113.7", 7000), MASKED);
}

#[test]
fn methods_in_small_letters_are_methods() {
    let mut network = secured();
    network.send(Customer, request("invite", 1).tags("b", "a").sdp(&audio("203.0.113.2", 5002)));
    assert_eq!(network.mode(Carrier, "203.0.113.2", 5002), MASKED);
    let info = |method: &str| request(method, 2).tags("a", "b").branch("z9hG4bKone");
    assert!(network.send(Carrier, info("info")).fresh);
    assert!(!network.send(Carrier, info("INFO")).fresh);
}
