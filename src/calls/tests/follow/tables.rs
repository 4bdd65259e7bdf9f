//! Full tables.

use calls::{Limits, SecureDefault};
use handover::{Counter, FlowMode};

use crate::network::*;

fn invite(network: &mut Network, call_id: &str, port: u16) -> bool {
    let invite = request("INVITE", 1).call(call_id).sdp(&audio("203.0.113.1", port));
    network.send(Customer, invite).call.is_some()
}

#[test]
fn the_call_that_was_idle_longest_gives_way() {
    let mut network = Network::with(Limits { calls: 3, ..Default::default() }, SecureDefault::Never);
    for (number, call_id) in ["call-1", "call-2", "call-3"].iter().enumerate() {
        assert!(invite(&mut network, call_id, 5000 + number as u16));
        network.seconds(1);
    }
    network.media("call-1");
    network.send(Carrier, response(180, "INVITE", 1).call("call-2"));
    network.seconds(1);
    assert!(invite(&mut network, "call-4", 5010));
    assert!(!network.knows("call-3") && !network.has(Carrier, "203.0.113.1", 5002), "its flows went with it");
    assert_eq!((network.calls.len(), network.counted(Counter::CallsEvicted)), (3, 1));
    assert_eq!(network.counted(Counter::CallsBegun), 4);
}

#[test]
fn calls_with_media_or_in_secure_mode_never_give_way() {
    let mut network = Network::with(Limits { calls: 2, ..Default::default() }, SecureDefault::Never);
    assert!(invite(&mut network, "call-1", 5000));
    assert!(invite(&mut network, "call-2", 5002));
    network.media("call-1");
    network.secure("call-2");
    network.seconds(60);
    assert!(!invite(&mut network, "call-3", 5004));
    assert_eq!((network.counted(Counter::CallsFull), network.counted(Counter::CallsEvicted)), (1, 0));
    assert!(!network.has(Carrier, "203.0.113.1", 5004));
    network.seconds(1);
    assert!(invite(&mut network, "call-3", 5004), "the media stopped a minute ago");
    assert!(!network.knows("call-1") && network.mode(Carrier, "203.0.113.1", 5002) == MASKED);
    network.release("call-2");
    network.seconds(1);
    network.media("call-3");
    assert!(invite(&mut network, "call-4", 5006));
    assert!(!network.knows("call-2"));
}

#[test]
fn a_call_that_has_ended_gives_way_before_the_new_one_is_refused() {
    let mut network = Network::with(Limits { calls: 1, ..Default::default() }, SecureDefault::Never);
    network.call_up("call-1");
    network.media("call-1");
    assert!(!invite(&mut network, "call-2", 5002));
    network.hang_up("call-1");
    assert!(invite(&mut network, "call-2", 5002));
}

#[test]
fn the_flow_table_keeps_some_for_secure_mode() {
    let mut network = Network::with(Limits { flows: 16, ..Default::default() }, SecureDefault::Never);
    for number in 0..20 {
        invite(&mut network, &format!("call-{number}"), 5000 + number);
    }
    assert_eq!((network.shadow.len(), network.counted(Counter::FlowsFull)), (15, 5));
    network.secure("call-3");
    network
        .send(Customer, request("INVITE", 2).call("call-3").tags("a", "b").sdp(&audio("203.0.113.1", 7000)));
    assert_eq!(network.mode(Carrier, "203.0.113.1", 7000), MASKED);
    // What is known already needs no room.
    invite(&mut network, "call-30", 5001);
    assert_eq!(network.flow(Carrier, "203.0.113.1", 5001).call, network.find("call-1"), "who came first");
}

#[test]
fn too_many_legs_are_not_followed_but_belong_to_the_call() {
    let mut network = Network::with(Limits { legs_per_call: 2, ..Default::default() }, SecureDefault::Never);
    for id in [10, 20, 30] {
        network.send_on(vlan(id), Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    }
    assert_eq!((network.shadow.len(), network.counted(Counter::LegsFull)), (2, 1));
    network.secure("call-1");
    let info = request("INFO", 2).tags("a", "b");
    assert!(network.send_on(vlan(30), Carrier, info).secured.is_some());
    // A leg that has ended gives way.
    network.send_on(vlan(10), Customer, response(486, "INVITE", 1));
    network.send_on(vlan(30), Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    assert_eq!(network.shadow.keys().filter(|key| key.vlan == vlan(30).1).count(), 1);
    assert!(network.shadow.values().all(|flow| flow.mode == FlowMode::Pass));
}

#[test]
fn many_forks_stay_within_bounds() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    for fork in 0..200 {
        let ringing = response(183, "INVITE", 1).tags("a", &format!("b{fork}"));
        network.send(Customer, ringing.sdp(&audio("203.0.113.1", 5000 + fork)));
    }
    assert!(network.shadow.len() <= 33, "{}", network.shadow.len());
    network.send(Customer, response(200, "INVITE", 1).tags("a", "b199").sdp(&audio("203.0.113.1", 5199)));
    assert!(network.has(Carrier, "203.0.113.1", 5199));
    assert!(network.has(Customer, "198.51.100.1", 4000), "the caller's is current");
    network.send(Carrier, request("BYE", 2).tags("a", "b199"));
    network.send(Customer, response(200, "BYE", 2).tags("a", "b199"));
    network.seconds(6);
    assert!(network.calls.is_empty());
}

#[test]
fn a_long_call_id_is_cut_when_shown_and_found_whole() {
    let mut network = Network::new();
    let long = "x".repeat(1000);
    network.call_up(&long);
    assert!(network.knows(&long) && !network.knows(&long[..256]));
    assert_eq!(network.calls.list(1)[0].call_ids, [&long[..256]]);
}
