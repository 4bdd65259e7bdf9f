//! SecureMode.

use calls::{Limits, SecureDefault};
use handover::{Counter, FlowMode, MaskKey, Refusal};

use crate::network::*;

#[test]
fn secure_mode_masks_what_comes_from_the_carrier_only() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.secure("call-1");
    assert_eq!(network.last_changes.len(), 2);
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
    assert_eq!(network.mode(Customer, "198.51.100.1", 4000), FlowMode::Pass);
    assert_eq!(network.flow(Customer, "198.51.100.1", 4000).reverse, MASKED);
    assert_eq!(network.calls.secured().collect::<Vec<_>>(), [call]);
    assert_eq!(network.calls.list(1)[0].secured, Some(MaskKey::Pound));
    let mut changes = Vec::new();
    network.calls.secure(network.now, call, MaskKey::One, &mut changes).expect("another mask key");
    network.apply(changes);
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), FlowMode::Mask(MaskKey::One));
    network.release("call-1");
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), FlowMode::Pass);
    assert_eq!(network.calls.secured_count(), 0);
}

#[test]
fn silence_holds_for_new_flows_and_ends_with_secure_mode() {
    let mut network = Network::new();
    network.call_up("call-1");
    let silence = |network: &mut Network, silent| {
        let mut changes = Vec::new();
        network.calls.silence(network.find("call-1"), silent, &mut changes);
        network.apply(changes);
    };
    silence(&mut network, true);
    assert!(network.last_changes.is_empty(), "only calls in SecureMode");
    network.secure("call-1");
    silence(&mut network, true);
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), FlowMode::Silence(MaskKey::Pound));
    assert_eq!(network.mode(Customer, "198.51.100.1", 4000), FlowMode::Pass);
    network.send(Customer, request("INVITE", 1).tags("b", "a").sdp(&audio("203.0.113.1", 5002)));
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5002), FlowMode::Silence(MaskKey::Pound));
    silence(&mut network, false);
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5002), MASKED);
    silence(&mut network, true);
    network.release("call-1");
    network.secure("call-1");
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
}

#[test]
fn every_call_can_begin_in_secure_mode() {
    let mut network = Network::with(Limits::default(), SecureDefault::Always(MaskKey::Zero));
    let followed = network.send(Customer, request("INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    assert_eq!(followed.secured, Some(MaskKey::Zero));
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), FlowMode::Mask(MaskKey::Zero));
}

#[test]
fn a_dialog_that_replaces_another_inherits_secure_mode_in_its_own_changes() {
    // The carrier side named first, and the customer side named first.
    for (to_tag, from_tag) in [("a", "b"), ("b", "a")] {
        let mut network = Network::new();
        network.call_up("call-1");
        let call = network.secure("call-1");
        let replaces = format!("Replaces: call-1;to-tag={to_tag};from-tag={from_tag}");
        let invite = request("INVITE", 1).call("call-2").tags("c", "").header(&replaces);
        let followed = network.send(Customer, invite.sdp(&audio("203.0.113.7", 7000)));
        assert_eq!((followed.call, followed.secured), (Some(call), Some(MaskKey::Pound)));
        assert_eq!(network.mode(Carrier, "203.0.113.7", 7000), MASKED);
        network.send(
            Carrier,
            response(200, "INVITE", 1).call("call-2").tags("c", "d").sdp(&audio("198.51.100.1", 4002)),
        );
        network.hang_up("call-1");
        network.seconds(10);
        assert!(!network.has(Carrier, "203.0.113.1", 5000), "the old leg is gone");
        assert_eq!(network.mode(Carrier, "203.0.113.7", 7000), MASKED, "the call is not");
        assert!(!network.knows("call-1"));
        assert_eq!(network.find("call-2"), call);
    }
}

#[test]
fn an_early_dialog_can_be_replaced_and_a_stranger_cannot() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    network.send(Customer, response(180, "INVITE", 1));
    network.secure("call-1");
    let invite =
        |call_id: &str, replaces: &str| request("INVITE", 1).call(call_id).tags("c", "").header(replaces);
    let picked_up = invite("call-2", "Replaces: call-1;to-tag=b;from-tag=a;early-only");
    assert_eq!(network.send(Customer, picked_up).call, Some(network.find("call-1")));
    for (number, replaces) in
        ["call-1;to-tag=b;from-tag=x", "call-1", "call-9;to-tag=b;from-tag=a", "call-1;to-tag=0;from-tag=a"]
            .iter()
            .enumerate()
    {
        let followed =
            network.send(Customer, invite(&format!("stranger-{number}"), &format!("Replaces: {replaces}")));
        assert_eq!(followed.secured, None, "{replaces}");
    }
}

#[test]
fn secure_mode_is_inherited_even_where_no_leg_can_be_added() {
    let mut network = Network::with(Limits { legs_per_call: 1, ..Default::default() }, SecureDefault::Never);
    network.call_up("call-1");
    network.secure("call-1");
    let invite =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    let followed = network.send(Customer, invite.sdp(&audio("203.0.113.7", 7000)));
    assert_ne!(followed.call, Some(network.find("call-1")));
    assert!(followed.secured.is_some());
    assert_eq!(network.mode(Carrier, "203.0.113.7", 7000), MASKED);
}

#[test]
fn a_call_that_is_known_already_inherits_too() {
    let mut network = Network::new();
    network.call_up("call-1");
    network
        .send(Customer, request("INVITE", 1).call("call-2").tags("c", "").sdp(&audio("203.0.113.7", 7000)));
    network.secure("call-1");
    let invite =
        request("INVITE", 2).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    assert!(network.send(Customer, invite).secured.is_some());
    assert_eq!(network.mode(Carrier, "203.0.113.7", 7000), MASKED);
}

#[test]
fn a_flow_that_two_calls_claim_is_secured_for_the_one_that_is() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.call_up("call-2");
    let (first, second) = (network.find("call-1"), network.find("call-2"));
    assert_eq!(network.shadow.len(), 2);
    let flow = |network: &Network| {
        let flow = network.flow(Carrier, "203.0.113.1", 5000);
        assert_eq!(flow.mode, network.flow(Customer, "198.51.100.1", 4000).reverse);
        (flow.call, flow.mode)
    };
    assert_eq!(flow(&network), (first, FlowMode::Pass), "who came first");
    network.secure("call-2");
    assert_eq!(flow(&network), (first, MASKED), "whose keys they are cannot be told");
    network.release("call-2");
    network.secure("call-1");
    network.call_up("call-3");
    network.hang_up("call-2");
    network.hang_up("call-1");
    network.seconds(4);
    let third = network.find("call-3");
    assert_eq!(
        flow(&network),
        (third, MASKED),
        "secured while the first lingers, and what is keyed is the one's that is up"
    );
    network.seconds(2);
    assert_eq!(flow(&network), (network.find("call-3"), FlowMode::Pass));
    assert_ne!(network.find("call-3"), second);
    network.hang_up("call-3");
    network.seconds(6);
    assert!(network.shadow.is_empty());
}

#[test]
fn a_call_that_ended_or_fell_silent_passes_its_flow_on() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.call_up("call-2");
    network.hang_up("call-1");
    assert_eq!(network.flow(Carrier, "203.0.113.1", 5000).call, network.find("call-2"), "at once");
    // Its end was not seen.
    network.seconds(61);
    network.call_up("call-3");
    assert_eq!(network.flow(Carrier, "203.0.113.1", 5000).call, network.find("call-3"));
    network.seconds(50);
    network.media("call-3");
    network.seconds(50);
    network.call_up("call-4");
    assert_eq!(network.flow(Carrier, "203.0.113.1", 5000).call, network.find("call-3"));
}

#[test]
fn what_either_claimant_calls_an_event_is_one() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.secure("call-1");
    let answer = "m=audio 5000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n";
    network.send(Carrier, request("INVITE", 1).call("call-2"));
    network.send(Customer, response(200, "INVITE", 1).call("call-2").sdp(&lines("203.0.113.1", answer)));
    let formats = network.flow(Carrier, "203.0.113.1", 5000).formats;
    assert!(formats.get(101).is_some() && formats.get(96).is_some());
}

#[test]
fn what_is_learned_on_a_shared_flow_is_learned_for_all() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.call_up("call-2");
    network.learned(key(Customer, "198.51.100.1", 4000), endpoint("192.0.2.50", 33_000));
    network.secure("call-1");
    assert_eq!(network.mode(Carrier, "192.0.2.50", 33_000), MASKED);
}

#[test]
fn encrypted_media_refuses_and_a_rejected_choice_does_not() {
    let secure = |network: &mut Network| {
        let mut changes = Vec::new();
        let call = network.find("call-1");
        let secured = network.calls.secure(network.now, call, MaskKey::Pound, &mut changes);
        network.apply(changes);
        secured
    };
    let mut network = Network::new();
    network.send(Customer, request("INVITE", 1).sdp(&lines("203.0.113.1", "m=audio 5000 RTP/SAVP 0\r\n")));
    assert_eq!(secure(&mut network), Err(Refusal::Encrypted));
    // In SecureMode already: it is secured, and told to be encrypted, so that it falls silent.
    let mut network = Network::new();
    network.call_up("call-1");
    assert_eq!(secure(&mut network), Ok(()));
    let offer = lines("203.0.113.1", "m=audio 5000 RTP/SAVP 0\r\n");
    network.send(Customer, request("INVITE", 1).tags("b", "a").sdp(&offer));
    let flow = *network.flow(Carrier, "203.0.113.1", 5000);
    assert!(flow.encrypted && flow.mode == MASKED);
    // Both offered, the plain one chosen.
    let mut network = Network::new();
    let both = "m=audio 5000 RTP/SAVP 0\r\nm=audio 5002 RTP/AVP 0\r\n";
    network.send(Customer, request("INVITE", 1).sdp(&lines("203.0.113.1", both)));
    assert_eq!(secure(&mut network), Err(Refusal::Encrypted));
    let choice = "m=audio 0 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0\r\n";
    network.send(Carrier, response(200, "INVITE", 1).sdp(&lines("198.51.100.1", choice)));
    assert_eq!(secure(&mut network), Ok(()));
    assert_eq!(network.counted(Counter::FlowsFull), 0);
}
