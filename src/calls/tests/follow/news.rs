//! What is told of calls. That each begins once and ends once is seen to after every step of every test.

use calls::{Limits, SecureDefault};
use handover::{CallBegun, CallEvent, CallHandle, FlowMode, Instant, MaskKey, Rules, WireId};

use crate::network::*;

fn begun(network: &Network) -> CallBegun {
    let begun = network.last_news.last().and_then(|event| match event {
        CallEvent::Begun(begun) => Some((**begun).clone()),
        _ => None,
    });
    begun.expect("a call began")
}

fn ended(call: CallHandle, at: Option<Instant>) -> CallEvent {
    CallEvent::Ended { call, at }
}

#[test]
fn a_call_is_told_of_with_its_first_invite() {
    let mut network = Network::new();
    let identity = "P-Asserted-Identity: \"A\" <sip:+442079460123@example.org>, <tel:+442079460123>";
    let invite = request("INVITE", 1).header(identity).sdp(&audio("198.51.100.1", 4000));
    network.send_on(vlan(7), Carrier, invite.clone());
    let told = begun(&network);
    assert_eq!(told.call, network.find("call-1"));
    assert_eq!((told.since, told.wire, told.from, told.held), (network.now, WireId(0), Carrier, false));
    let text = |text: &str| Some(Box::from(text));
    assert_eq!(told.called, [text("sip:agent@example.org"), text("sip:b@example.org")]);
    assert_eq!(told.calling, [text("sip:+442079460123@example.org"), text("sip:a@example.org")]);
    // Seen again, on another VLAN, and answered: nothing is new.
    for text in [invite.clone(), invite.header("X: y"), response(200, "INVITE", 1)] {
        network.send(Customer, text);
        assert!(network.last_news.is_empty());
    }
}

#[test]
fn an_address_that_is_no_text_or_too_long_is_left_out() {
    let mut network = Network::new();
    let long = format!("P-Asserted-Identity: <sip:{}@x>", "9".repeat(251));
    let fits = format!("P-Asserted-Identity: <sip:{}@x>", "9".repeat(250));
    network.send(Carrier, request("INVITE", 1).header(&long));
    assert_eq!(begun(&network).calling[0], None);
    network.send(Carrier, request("INVITE", 1).call("call-2").header(&fits));
    assert_eq!(begun(&network).calling[0].as_ref().map(|text| text.len()), Some(256));
    let mut bytes = request("INVITE", 1).call("call-3").header("P-Asserted-Identity: <sip:?@x>").bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'?').expect("it is there");
    bytes[at] = 0xff;
    network.send_bytes(PLAIN, Carrier, &bytes);
    assert_eq!(begun(&network).calling[0], None);
    assert!(begun(&network).calling[1].is_some());
}

#[test]
fn the_end_is_told_when_all_legs_have_ended_and_not_again_when_the_call_is_forgotten() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.find("call-1");
    network.hang_up("call-1");
    assert_eq!(network.last_news, [ended(call, Some(network.now))]);
    network.seconds(60);
    assert!(network.calls.is_empty() && network.last_news.is_empty());
}

#[test]
fn the_end_is_told_of_calls_that_are_evicted_or_expire() {
    let mut network = Network::with(Limits { calls: 1, ..Limits::default() }, SecureDefault::Never);
    network.send(Carrier, request("INVITE", 1));
    let first = network.find("call-1");
    network.send(Carrier, request("INVITE", 1).call("call-2"));
    assert_eq!(network.last_news.first(), Some(&ended(first, None)));
    let second = begun(&network).call;
    network.seconds(100_000);
    assert!(network.calls.is_empty());
    assert!(!network.told[&second]);
}

/// The first INVITE is refused for want of credentials, and sent again with them.
#[test]
fn a_refused_try_is_no_end_while_another_may_follow() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).branch("one").sdp(&audio("198.51.100.1", 4000)));
    let call = network.find("call-1");
    network.send(Customer, response(407, "INVITE", 1).branch("one"));
    assert!(network.last_news.is_empty());
    network.send(Carrier, request("INVITE", 2).branch("two").sdp(&audio("198.51.100.1", 4000)));
    assert!(network.last_news.is_empty());
    network.send(Customer, response(486, "INVITE", 2).branch("two"));
    assert!(network.last_news.is_empty());
    network.seconds(60);
    assert!(network.calls.is_empty());
    assert!(!network.told[&call]);
}

/// The BYE of the replaced dialog overtakes the INVITE that replaces it.
#[test]
fn a_held_call_that_lives_again_is_held_still_and_says_so() {
    let mut network = Network::new();
    network.call_up("call-1");
    let first = network.find("call-1");
    network.enter(first, Rules::default());
    network.hang_up("call-1");
    let replaces =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    network.send(Customer, replaces.sdp(&audio("203.0.113.7", 7000)));
    let told = begun(&network);
    assert!(told.held && told.call != first);
    assert_eq!(network.mode(Carrier, "203.0.113.7", 7000), FlowMode::Mask(MaskKey::One));
    assert_eq!(network.find("call-2"), told.call);
    assert_eq!(network.flow(Carrier, "203.0.113.7", 7000).call, told.call);
    // What is on its way by the former handle arrives.
    assert!(network.calls.is_held(first) && network.calls.is_secured(first));
    network.release("call-2");
    assert_eq!(network.last_news, [CallEvent::ForcedOff { call: told.call }]);
}
