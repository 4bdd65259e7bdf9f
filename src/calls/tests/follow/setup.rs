//! How calls and legs begin.

use handover::Counter;

use crate::network::*;

#[test]
fn an_offer_installs_its_flow_and_the_answer_the_other() {
    let mut network = Network::new();
    let followed = network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    assert_eq!(followed.call, Some(network.find("call-1")));
    assert!(followed.fresh && followed.secured.is_none());
    assert!(network.has(Customer, "198.51.100.1", 4000), "before the offer leaves");
    assert_eq!(network.shadow.len(), 1);
    network.send(Customer, response(100, "INVITE", 1).tags("a", ""));
    network.send(Customer, response(180, "INVITE", 1));
    assert!(!network.calls.list(9)[0].answered);
    network.send(Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    assert!(network.has(Carrier, "203.0.113.1", 5000));
    assert_eq!(network.shadow.len(), 2);
    let summary = &network.calls.list(9)[0];
    assert_eq!(
        (summary.call_ids.as_slice(), summary.legs, summary.flows),
        (&["call-1".to_owned()][..], 1, 2)
    );
    assert!(summary.answered && network.calls.list(0).is_empty());
    assert_eq!(network.counted(Counter::CallsBegun), 1);
}

#[test]
fn a_call_from_the_customer_side_is_the_same_the_other_way_round() {
    let mut network = Network::new();
    network.send(Customer, request("INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    assert!(network.has(Carrier, "203.0.113.1", 5000));
    network.send(Carrier, response(200, "INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    assert!(network.has(Customer, "198.51.100.1", 4000));
    network.secure("call-1");
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
}

#[test]
fn an_offer_in_the_200_is_answered_in_the_ack() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1));
    network.send(Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    network.send(Carrier, request("ACK", 1).tags("a", "b").sdp(&audio("198.51.100.1", 4000)));
    assert!(network.has(Carrier, "203.0.113.1", 5000) && network.has(Customer, "198.51.100.1", 4000));
}

#[test]
fn early_media_prack_and_update_carry_sdp() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    network.send(Customer, response(183, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    assert!(network.has(Carrier, "203.0.113.1", 5000));
    network.send(Carrier, request("PRACK", 2).tags("a", "b").sdp(&audio("198.51.100.1", 4002)));
    network.send(Customer, response(200, "PRACK", 2).sdp(&audio("203.0.113.1", 5002)));
    network.send(Carrier, request("UPDATE", 3).tags("a", "b").sdp(&audio("198.51.100.1", 4004)));
    network.send(Customer, response(200, "UPDATE", 3).sdp(&audio("203.0.113.1", 5004)));
    for step in [0, 2, 4] {
        assert!(
            network.has(Customer, "198.51.100.1", 4000 + step)
                && network.has(Carrier, "203.0.113.1", 5000 + step)
        );
    }
}

#[test]
fn sdp_elsewhere_announces_nothing() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1));
    network.send(Customer, response(488, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    network.send(Carrier, request("OPTIONS", 2).tags("a", "b").sdp(&audio("203.0.113.1", 5000)));
    network.send(Carrier, request("INFO", 3).tags("a", "b").sdp(&audio("203.0.113.1", 5000)));
    assert!(network.shadow.is_empty());
}

#[test]
fn forks_are_followed_each_where_it_is() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    for (tag, port) in [("b1", 5000), ("b2", 5002), ("b3", 5004)] {
        let ringing = response(183, "INVITE", 1).tags("a", tag);
        network.send(Customer, ringing.sdp(&audio("203.0.113.1", port)));
    }
    network.send(Customer, response(200, "INVITE", 1).tags("a", "b2").sdp(&audio("203.0.113.1", 5002)));
    assert_eq!(network.calls.list(9)[0].legs, 1);
    network.secure("call-1");
    for port in [5000, 5002, 5004] {
        assert_eq!(network.mode(Carrier, "203.0.113.1", port), MASKED);
    }
}

#[test]
fn one_fork_that_fails_ends_nothing() {
    let mut network = Network::new();
    let invite = request("INVITE", 1).sdp(&audio("198.51.100.1", 4000));
    network.send(Carrier, invite.clone().branch("z9hG4bKx"));
    network.send(Carrier, invite.branch("z9hG4bKy"));
    network.send(Customer, response(486, "INVITE", 1).tags("a", "bx").branch("z9hG4bKx"));
    network.seconds(20);
    assert!(network.has(Customer, "198.51.100.1", 4000));
    network.send(Customer, response(200, "INVITE", 1).tags("a", "by").branch("z9hG4bKy"));
    network.seconds(20);
    assert!(network.knows("call-1"));
}

#[test]
fn forks_one_after_the_other_keep_the_call() {
    let mut network = Network::new();
    let invite = request("INVITE", 1).sdp(&audio("198.51.100.1", 4000));
    network.send(Carrier, invite.clone().branch("z9hG4bKx"));
    network.send(Customer, response(486, "INVITE", 1).tags("a", "bx").branch("z9hG4bKx"));
    network.seconds(1);
    network.send(Carrier, invite.clone().branch("z9hG4bKy"));
    network.send(Carrier, invite.branch("z9hG4bKx"));
    network.seconds(20);
    assert!(network.knows("call-1"), "the second fork rings");
    network.send(Customer, response(486, "INVITE", 1).tags("a", "by").branch("z9hG4bKy"));
    network.seconds(6);
    assert!(!network.knows("call-1") && network.shadow.is_empty());
}

#[test]
fn the_first_try_without_credentials_does_not_end_the_call() {
    for code in [401, 407] {
        let mut network = Network::new();
        network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
        network.send(Customer, response(code, "INVITE", 1));
        network.send(Carrier, request("ACK", 1).tags("a", "b"));
        network.seconds(1);
        let call = network.find("call-1");
        network.send(Carrier, request("INVITE", 2).sdp(&audio("198.51.100.1", 4000)));
        network.send(Customer, response(200, "INVITE", 2).tags("a", "c").sdp(&audio("203.0.113.1", 5000)));
        network.seconds(60);
        assert_eq!(network.find("call-1"), call, "one and the same call");
        assert!(network.has(Customer, "198.51.100.1", 4000) && network.has(Carrier, "203.0.113.1", 5000));
        // After the first try is forgotten, the next one is simply a call.
        network.hang_up("call-1");
        network.send(Customer, request("BYE", 9).tags("a", "c"));
        network.send(Carrier, response(200, "BYE", 9).tags("a", "c"));
        network.seconds(10);
        network.call_up("call-1");
        assert!(network.knows("call-1"));
    }
}

#[test]
fn what_is_no_call_leaves_no_trace() {
    let mut network = Network::new();
    for method in
        ["REGISTER", "OPTIONS", "MESSAGE", "PUBLISH", "SUBSCRIBE", "NOTIFY", "INFO", "BYE", "ACK", "FOO"]
    {
        let followed = network.send(Customer, request(method, 1).sdp(&audio("203.0.113.1", 5000)));
        assert_eq!((followed.call, followed.fresh), (None, true), "{method}");
        let followed = network.send(Carrier, response(200, method, 1).sdp(&audio("203.0.113.1", 5000)));
        assert_eq!(followed.call, None, "{method}");
    }
    assert!(network.calls.is_empty() && network.shadow.is_empty() && network.calls.deadline().is_none());
}

#[test]
fn the_same_call_on_two_vlans_and_wires_is_one_call() {
    let mut network = Network::new();
    for (scope, address) in
        [(vlan(10), "198.51.100.1"), (vlan(20), "198.51.100.2"), ((1, vlan(10).1), "198.51.100.3")]
    {
        network.send_on(scope, Carrier, request("INVITE", 1).sdp(&audio(address, 4000)));
        network.send_on(scope, Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    }
    assert_eq!((network.calls.len(), network.calls.list(9)[0].legs, network.shadow.len()), (1, 3, 6));
    let call = network.secure("call-1");
    let secured: Vec<_> = network.shadow.values().filter(|flow| flow.mode == MASKED).collect();
    assert_eq!(secured.len(), 3, "the same address on each VLAN and wire");
    assert!(secured.iter().all(|flow| flow.call == call));
}

#[test]
fn a_call_that_was_up_before_us_is_followed_from_its_next_offer_on() {
    let mut network = Network::new();
    network.send(Customer, request("INVITE", 7).tags("b", "a").sdp(&audio("203.0.113.1", 5000)));
    network.send(Carrier, response(200, "INVITE", 7).tags("b", "a").sdp(&audio("198.51.100.1", 4000)));
    network.secure("call-1");
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
    network.send(Carrier, request("BYE", 2).tags("a", "b"));
    network.send(Customer, response(200, "BYE", 2).tags("a", "b"));
    network.seconds(6);
    assert!(network.calls.is_empty());
}

#[test]
fn two_dialogs_with_one_call_id_are_two_legs() {
    let mut network = Network::new();
    network.call_up("call-1");
    // A back-to-back agent that keeps the Call-ID and draws its own tags.
    network.send(Customer, request("INVITE", 1).tags("c", "").sdp(&audio("203.0.113.9", 5900)));
    network.send(Carrier, response(200, "INVITE", 1).tags("c", "d").sdp(&audio("198.51.100.9", 4900)));
    assert_eq!((network.calls.len(), network.calls.list(9)[0].legs), (1, 2));
    network.hang_up("call-1");
    network.seconds(6);
    assert!(!network.has(Carrier, "203.0.113.1", 5000) && network.has(Carrier, "203.0.113.9", 5900));
}

#[test]
fn a_call_that_passes_the_wire_twice_is_followed_in_both_directions() {
    let mut network = Network::new();
    let invite = request("INVITE", 1).sdp(&audio("198.51.100.1", 4000));
    network.send(Carrier, invite.clone());
    network.send(Customer, invite.branch("z9hG4bKproxy"));
    let answer = response(200, "INVITE", 1).sdp(&audio("198.51.100.2", 4002));
    network.send(Carrier, answer.clone().branch("z9hG4bKproxy"));
    network.send(Customer, answer);
    assert_eq!((network.calls.len(), network.calls.list(9)[0].legs), (1, 1));
    network.secure("call-1");
    for (address, port) in [("198.51.100.1", 4000), ("198.51.100.2", 4002)] {
        assert!(network.has(Customer, address, port));
        assert_eq!(network.mode(Carrier, address, port), MASKED);
    }
}
