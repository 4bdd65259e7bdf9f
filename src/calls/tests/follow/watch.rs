//! Whether the caller is heard: before SecureMode is entered for a payment, and while it lasts.

use std::time::Duration;

use handover::{CallEvent, CallHandle, Content, Refusal, Rules};

use crate::network::*;

const AGENT: &str = "203.0.113.1";

fn up() -> (Network, CallHandle) {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.find("call-1");
    (network, call)
}

fn millis(network: &mut Network, millis: u64) {
    network.pass(Duration::from_millis(millis));
}

/// Whether the loss of the caller was told since the last step.
fn lost(network: &Network) -> bool {
    network.last_news.iter().any(|event| matches!(event, CallEvent::MediaLost { .. }))
}

fn enter(network: &mut Network, call: CallHandle) -> Result<(), Refusal> {
    network.try_enter(call, Rules::default())
}

#[test]
fn it_is_not_entered_where_the_caller_was_not_heard_lately() {
    let (mut network, call) = up();
    assert_eq!(enter(&mut network, call), Err(Refusal::MediaElsewhere));
    network.hear("203.0.113.9", 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Err(Refusal::MediaElsewhere), "another's");
    network.hear(AGENT, 5000, Content::Audio);
    millis(&mut network, 1_501);
    assert_eq!(enter(&mut network, call), Err(Refusal::MediaElsewhere), "too long ago");
    assert!(!network.calls.is_held(call) && !network.calls.is_secured(call));
    network.hear(AGENT, 5000, Content::Events);
    assert_eq!(enter(&mut network, call), Ok(()), "events alone are media");
}

#[test]
fn comfort_noise_may_be_the_last_for_long() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Audio);
    network.hear(AGENT, 5000, Content::ComfortNoise);
    network.seconds(20);
    assert_eq!(enter(&mut network, call), Ok(()));
    network.seconds(9);
    assert!(!lost(&network));
    network.hear(AGENT, 5000, Content::Events);
    millis(&mut network, 29_000);
    assert!(!lost(&network), "a key within the pause does not end it");
    network.seconds(2);
    assert!(lost(&network));
}

#[test]
fn what_was_heard_before_the_last_sdp_does_not_count() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::ComfortNoise);
    network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&audio(AGENT, 5002)));
    assert_eq!(enter(&mut network, call), Err(Refusal::MediaElsewhere), "it moved");
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Err(Refusal::MediaElsewhere), "what is in flight");
    network.hear(AGENT, 5002, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    // It says the same again.
    network.send(Customer, request("INVITE", 3).tags("b", "a").sdp(&audio(AGENT, 5002)));
    assert_eq!(enter(&mut network, call), Ok(()));
    // And goes back to where it was.
    network.send(Customer, request("INVITE", 4).tags("b", "a").sdp(&audio(AGENT, 5000)));
    assert_eq!(enter(&mut network, call), Err(Refusal::MediaElsewhere));
}

#[test]
fn a_codec_that_cannot_be_masked_is_refused_even_if_it_may_pass() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Unmaskable);
    network.hear(AGENT, 5000, Content::Events);
    assert_eq!(enter(&mut network, call), Err(Refusal::Codec));
    let passing = Rules::default().with_unmaskable_passed(true);
    assert_eq!(network.try_enter(call, passing), Err(Refusal::Codec), "its tones would leave");
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(network.try_enter(call, passing), Ok(()));
    // It changes while it lasts.
    for _ in 0..10 {
        millis(&mut network, 50);
        network.hear(AGENT, 5000, Content::Unmaskable);
    }
    assert_eq!(network.last_news, [CallEvent::MediaLost { call }], "where its tones leave");
    network.apply(Vec::new());
    for _ in 0..20 {
        millis(&mut network, 50);
        network.hear(AGENT, 5000, Content::Unmaskable);
    }
    assert!(!lost(&network), "once");
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    for _ in 0..20 {
        millis(&mut network, 50);
        network.hear(AGENT, 5000, Content::Unmaskable);
    }
    assert!(!lost(&network), "where such audio does not leave");
    // Encryption is told as such, and first.
    let (mut network, call) = up();
    let offer = lines(AGENT, "m=audio 5000 RTP/SAVP 0\r\n");
    network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&offer));
    assert_eq!(enter(&mut network, call), Err(Refusal::Encrypted));
}

#[test]
fn a_caller_who_falls_silent_is_lost_once_until_heard_again() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    for _ in 0..20 {
        millis(&mut network, 60);
        network.hear(AGENT, 5000, Content::Audio);
    }
    assert!(!lost(&network));
    millis(&mut network, 449);
    assert!(!lost(&network));
    millis(&mut network, 1);
    assert_eq!(network.last_news, [CallEvent::MediaLost { call }]);
    network.apply(Vec::new());
    network.seconds(10);
    assert!(!lost(&network), "once");
    network.hear(AGENT, 5000, Content::Audio);
    millis(&mut network, 450);
    assert!(lost(&network), "again");
    network.seconds(2);
    assert_eq!(enter(&mut network, call), Err(Refusal::MediaElsewhere));
    assert!(network.calls.is_held(call), "it stays where it is");
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    network.release("call-1");
    network.apply(Vec::new());
    network.seconds(10);
    assert!(!lost(&network), "nobody awaits keys any more");
}

#[test]
fn a_caller_heard_on_the_flow_that_media_moved_to_is_not_lost() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    network.hear(AGENT, 5000, Content::ComfortNoise);
    network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&audio(AGENT, 5002)));
    millis(&mut network, 400);
    assert!(!lost(&network));
    network.hear(AGENT, 5002, Content::Audio);
    for _ in 0..10 {
        millis(&mut network, 400);
        assert!(!lost(&network));
        network.hear(AGENT, 5002, Content::Audio);
    }
    // Comfort noise where the media was tells nothing.
    millis(&mut network, 460);
    assert!(lost(&network));
}

#[test]
fn a_call_that_ended_loses_nobody() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    network.hang_up("call-1");
    assert_eq!(network.last_news, [CallEvent::Ended { call, at: Some(network.now) }]);
    network.apply(Vec::new());
    network.seconds(60);
    assert!(network.calls.is_empty());
}

/// Somebody on the customer's side claims the agent's place in a call of their own.
fn claim(network: &mut Network, call_id: &str) -> CallHandle {
    network.send(Customer, request("INVITE", 1).call(call_id).sdp(&audio(AGENT, 5000)));
    network.send(Carrier, response(200, "INVITE", 1).call(call_id).sdp(&audio("198.51.100.9", 4100)));
    network.send(Customer, request("ACK", 1).call(call_id).tags("a", "b"));
    network.find(call_id)
}

#[test]
fn audio_that_two_calls_claim_is_nobodys_until_one_has_ended() {
    let mut network = Network::new();
    let rogue = claim(&mut network, "rogue");
    network.call_up("call-1");
    let call = network.find("call-1");
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(network.flow(Carrier, AGENT, 5000).call, rogue, "it came first");
    assert_eq!(enter(&mut network, call), Err(Refusal::Contested));
    assert_eq!(enter(&mut network, rogue), Err(Refusal::Contested));
    assert!(!network.calls.is_secured(call) && !network.calls.is_secured(rogue));
    network.send(Customer, request("BYE", 9).call("rogue").tags("a", "b"));
    network.send(Carrier, response(200, "BYE", 9).call("rogue"));
    assert_eq!(
        enter(&mut network, call),
        Err(Refusal::MediaElsewhere),
        "what was heard before was not its own"
    );
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
}

#[test]
fn a_held_call_keeps_its_audio_when_others_claim_it() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    // More than are looked at where it is heard.
    let mut rogue = call;
    for number in 0..12 {
        rogue = claim(&mut network, &format!("rogue-{number}"));
    }
    for _ in 0..10 {
        network.hear(AGENT, 5000, Content::Audio);
        millis(&mut network, 400);
        assert!(!lost(&network));
    }
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(network.flow(Carrier, AGENT, 5000).call, call, "presses are its own");
    assert_eq!(enter(&mut network, call), Ok(()), "it is held already");
    assert_eq!(enter(&mut network, rogue), Err(Refusal::Contested));
}

#[test]
fn a_held_call_whose_media_moves_to_what_another_claimed_before_loses_its_caller() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    network.send(Customer, request("INVITE", 1).call("rogue").sdp(&audio(AGENT, 5002)));
    network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&audio(AGENT, 5002)));
    for _ in 0..3 {
        network.hear(AGENT, 5002, Content::Audio);
        millis(&mut network, 200);
    }
    assert_eq!(network.last_news, [CallEvent::MediaLost { call }]);
}

#[test]
fn one_conversation_that_comes_by_as_two_calls_is_heard_in_both() {
    let (mut network, call) = up();
    network.call_up("call-2");
    let other = network.find("call-2");
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    assert_eq!(enter(&mut network, other), Ok(()));
}

#[test]
fn media_that_comes_where_it_went_before_counts_until_the_offer_is_answered_and_a_second_more() {
    let (mut network, call) = up();
    network.hear(AGENT, 5000, Content::Audio);
    assert_eq!(enter(&mut network, call), Ok(()));
    let talk = |network: &mut Network, port: u16, rounds: u32| {
        let mut losses = 0;
        for _ in 0..rounds {
            network.apply(Vec::new());
            network.hear(AGENT, port, Content::Audio);
            millis(network, 50);
            losses += usize::from(lost(network));
        }
        losses
    };
    network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&audio(AGENT, 5002)));
    assert_eq!(talk(&mut network, 5000, 100), 0, "it is not answered");
    network.send(Carrier, response(200, "INVITE", 2).tags("b", "a").sdp(&audio("198.51.100.1", 4000)));
    assert_eq!(talk(&mut network, 5000, 19), 0, "in flight");
    assert_eq!(talk(&mut network, 5000, 100), 1, "the agent is elsewhere");
    assert_eq!(talk(&mut network, 5002, 100), 0);
    // An offer that is refused changes nothing.
    network.send(Customer, request("INVITE", 3).tags("b", "a").sdp(&audio(AGENT, 5004)));
    network.send(Carrier, response(488, "INVITE", 3).tags("b", "a"));
    assert_eq!(talk(&mut network, 5002, 100), 0);
}
