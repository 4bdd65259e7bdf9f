//! Calls whose flows are shown to the recorder: that goes where the call's media goes, and nowhere else.

use handover::{CallEvent, CallHandle, Refusal, Rules};

use crate::network::*;

fn record(network: &mut Network, call: CallHandle, on: bool) -> Result<usize, Refusal> {
    let mut changes = Vec::new();
    let recorded = network.calls.record(call, on, &mut changes);
    let many = changes.len();
    network.apply(changes);
    recorded.map(|()| many)
}

fn is_recorded(network: &Network, address: &str, port: u16) -> bool {
    network.flow(Carrier, address, port).rules.is_recorded()
}

#[test]
fn a_recorded_call_is_so_on_all_its_flows_those_that_come_later_too() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.find("call-1");
    assert!(!is_recorded(&network, "203.0.113.1", 5000));
    assert_eq!(record(&mut network, call, true), Ok(2));
    assert_eq!(record(&mut network, call, true), Ok(0), "nothing is new");
    assert!(network.flow(Customer, "198.51.100.1", 4000).rules.is_recorded());
    network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&audio("203.0.113.1", 5002)));
    network.learned(key(Customer, "198.51.100.1", 4000), endpoint("192.0.2.50", 33_000));
    let replaces =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    network.send(Customer, replaces.sdp(&audio("203.0.113.7", 7000)));
    let all = [("203.0.113.1", 5002), ("192.0.2.50", 33_000), ("203.0.113.7", 7000)];
    assert!(all.iter().all(|(address, port)| is_recorded(&network, address, *port)));
    record(&mut network, call, false).expect("it is known");
    assert!(!all.iter().any(|(address, port)| is_recorded(&network, address, *port)));
}

#[test]
fn what_becomes_of_secure_mode_is_no_matter_to_the_recorder() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.find("call-1");
    record(&mut network, call, true).expect("it is known");
    network.enter(call, Rules::default().with_silence(true));
    assert!(is_recorded(&network, "203.0.113.1", 5000));
    let mut changes = Vec::new();
    network.calls.rule(call, Rules::default(), &mut changes).expect("it is held");
    network.calls.leave(network.now, call, &mut changes).expect("it is there");
    network.calls.set_rules(Rules::default().with_reference_heard(true), &mut changes);
    network.apply(changes);
    assert!(is_recorded(&network, "203.0.113.1", 5000));
    network.enter(call, Rules::default());
    record(&mut network, call, false).expect("it is known");
    assert!(!is_recorded(&network, "203.0.113.1", 5000));
    assert!(network.calls.is_secured(call));
}

#[test]
fn another_call_is_not_recorded_with_one_whose_flow_it_claims() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.call_up("call-2");
    let (first, second) = (network.find("call-1"), network.find("call-2"));
    record(&mut network, second, true).expect("it is known");
    let flow = network.flow(Carrier, "203.0.113.1", 5000);
    assert_eq!((flow.call, flow.rules.is_recorded()), (first, false));
    // The port is the next call's when the first has ended.
    network.hang_up("call-1");
    let flow = network.flow(Carrier, "203.0.113.1", 5000);
    assert_eq!((flow.call, flow.rules.is_recorded()), (second, true));
}

#[test]
fn a_call_that_lives_again_is_recorded_only_when_that_is_ordered_again() {
    let mut network = Network::new();
    network.call_up("call-1");
    let first = network.find("call-1");
    record(&mut network, first, true).expect("it is known");
    network.hang_up("call-1");
    let replaces =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    network.send(Customer, replaces.sdp(&audio("203.0.113.7", 7000)));
    let told = network.find("call-2");
    assert!(told != first && !is_recorded(&network, "203.0.113.7", 7000));
    record(&mut network, told, true).expect("it is known");
    assert_eq!(record(&mut network, first, false), Err(Refusal::NoSuchCall), "of the one that has ended");
    assert!(is_recorded(&network, "203.0.113.7", 7000));
    assert_eq!(record(&mut network, CallHandle { slot: 99, generation: 0 }, true), Err(Refusal::NoSuchCall));
}

#[test]
fn the_call_id_of_the_first_invite_is_told_or_its_beginning() {
    let mut network = Network::new();
    let mut told = |call_id: &str| {
        network.send(Carrier, request("INVITE", 1).call(call_id));
        match network.last_news.last() {
            Some(CallEvent::Begun(begun)) => begun.call_id.clone(),
            _ => unreachable!("a call began"),
        }
    };
    assert_eq!(&*told("one@example.org"), "one@example.org");
    assert_eq!(told(&"9".repeat(257)).len(), 256);
    assert_eq!(told(&"ä".repeat(200)).len(), 256);
    assert_eq!(told(&format!("9{}", "ä".repeat(200))).len(), 255, "no half of a character");
}
