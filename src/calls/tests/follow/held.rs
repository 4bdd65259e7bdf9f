//! SecureMode that a payment asked for: its rules are one call's, and go where the call's media goes.

use calls::{Limits, SecureDefault};
use handover::{CallEvent, CallHandle, FlowMode, MaskKey, Refusal, Rules};

use crate::network::*;

/// A field is open, and keys become silence.
fn open() -> Rules {
    Rules::default().with_field_open(true).with_silence(true)
}

fn rule(network: &mut Network, call: CallHandle, rules: Rules) -> Result<(), Refusal> {
    let mut changes = Vec::new();
    let ruled = network.calls.rule(call, rules, &mut changes);
    network.apply(changes);
    ruled
}

fn leave(network: &mut Network, call: CallHandle) -> Result<(), Refusal> {
    let mut changes = Vec::new();
    let left = network.calls.leave(network.now, call, &mut changes);
    network.apply(changes);
    left
}

fn usual(network: &mut Network, rules: Rules) {
    let mut changes = Vec::new();
    network.calls.set_rules(rules, &mut changes);
    network.apply(changes);
}

fn rules(network: &Network, address: &str, port: u16) -> Rules {
    network.flow(Carrier, address, port).rules
}

#[test]
fn every_order_into_secure_mode_is_told_though_nothing_else_is_new() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.find("call-1");
    let orders = |network: &Network| {
        [(Carrier, "203.0.113.1", 5000), (Customer, "198.51.100.1", 4000)]
            .map(|(from, address, port)| network.flow(from, address, port).order)
    };
    network.enter(call, open());
    let first = orders(&network);
    rule(&mut network, call, Rules::default()).expect("it is held");
    assert_eq!(orders(&network), first, "other rules are no order");
    network.enter(call, open());
    let second = orders(&network);
    assert!(second[0] != first[0] && second[1] != first[1], "{first:?} {second:?}");
    leave(&mut network, call).expect("it is there");
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), FlowMode::Pass);
}

#[test]
fn a_calls_rules_are_on_all_its_flows_those_that_come_later_too() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.find("call-1");
    network.enter(call, open());
    assert!(network.calls.is_held(call));
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), FlowMode::Mask(MaskKey::One));
    assert_eq!(rules(&network, "203.0.113.1", 5000), open());
    assert_eq!(network.flow(Customer, "198.51.100.1", 4000).rules, open(), "for strays");
    // By re-INVITE, by learning, by transfer, and by a fork.
    network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&audio("203.0.113.1", 5002)));
    network.learned(key(Customer, "198.51.100.1", 4000), endpoint("192.0.2.50", 33_000));
    let replaces =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    network.send(Customer, replaces.sdp(&audio("203.0.113.7", 7000)));
    network.send(Customer, response(183, "INVITE", 1).tags("a", "fork").sdp(&audio("203.0.113.9", 9000)));
    let all = [("203.0.113.1", 5002), ("192.0.2.50", 33_000), ("203.0.113.7", 7000), ("203.0.113.9", 9000)];
    for (address, port) in all {
        assert_eq!(rules(&network, address, port), open(), "{address}:{port}");
    }
    let closed = open().with_field_open(false);
    rule(&mut network, call, closed).expect("it is held");
    for (address, port) in all {
        assert_eq!(rules(&network, address, port), closed, "{address}:{port}");
    }
    leave(&mut network, call).expect("it is known");
    assert!(!network.calls.is_held(call) && !network.calls.is_secured(call));
    for (address, port) in all {
        let flow = network.flow(Carrier, address, port);
        assert_eq!((flow.mode, flow.rules), (FlowMode::Pass, Rules::default()), "{address}:{port}");
    }
    assert_eq!(rule(&mut network, call, open()), Err(Refusal::NoSuchCall), "no payment holds it");
}

#[test]
fn rules_do_not_leak_to_another_call() {
    let mut network = Network::new();
    let box_rules = Rules::default().with_reference_heard(true).with_field_open(true);
    usual(&mut network, box_rules);
    network.call_up("call-1");
    network.call_up("call-2");
    network
        .send(Customer, request("INVITE", 2).call("call-2").tags("b", "a").sdp(&audio("203.0.113.1", 5002)));
    let (first, second) = (network.find("call-1"), network.find("call-2"));
    let lax = Rules::default().with_unmaskable_passed(true);
    network.enter(first, lax);
    let heard = |rules: Rules| rules.with_reference_heard(true);
    assert_eq!(rules(&network, "203.0.113.1", 5000), heard(lax), "the other claimant is not in SecureMode");
    assert_eq!(rules(&network, "203.0.113.1", 5002), box_rules, "only the other call's");
    // On a flow of both, what either masks is masked.
    network.secure("call-2");
    assert_eq!(rules(&network, "203.0.113.1", 5000), box_rules);
    assert_eq!(rules(&network, "203.0.113.1", 5002), box_rules);
    network.enter(second, lax.with_silence(true));
    assert_eq!(rules(&network, "203.0.113.1", 5000), heard(lax.with_silence(true)));
    leave(&mut network, second).expect("it is known");
    assert_eq!(rules(&network, "203.0.113.1", 5000), heard(lax));
    leave(&mut network, first).expect("it is known");
    assert_eq!(rules(&network, "203.0.113.1", 5000), box_rules);
}

#[test]
fn the_console_does_not_change_what_a_payment_set() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.find("call-1");
    network.enter(call, open());
    network.secure("call-1");
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), FlowMode::Mask(MaskKey::One));
    assert!(network.calls.is_held(call));
    network.release("call-1");
    assert!(!network.calls.is_held(call));
    assert_eq!(rules(&network, "203.0.113.1", 5000), Rules::default());
    network.secure("call-1");
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
    network.enter(call, open());
    assert_eq!(rules(&network, "203.0.113.1", 5000), open(), "a payment takes over from the console");
}

#[test]
fn a_call_that_inherited_from_a_held_one_leaves_with_it() {
    let limits = Limits { legs_per_call: 1, ..Default::default() };
    let mut network = Network::with(limits, SecureDefault::Never);
    network.call_up("call-1");
    let call = network.find("call-1");
    network.enter(call, open());
    let invite =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    network.send(Customer, invite.sdp(&audio("203.0.113.7", 7000)));
    let heir = network.find("call-2");
    assert_ne!(heir, call);
    assert_eq!(rules(&network, "203.0.113.7", 7000), open());
    rule(&mut network, call, open().with_field_open(false)).expect("it is held");
    assert_eq!(rules(&network, "203.0.113.7", 7000), open().with_field_open(false));
    leave(&mut network, call).expect("it is known");
    assert_eq!(network.mode(Carrier, "203.0.113.7", 7000), FlowMode::Pass);
    assert!(!network.calls.is_secured(heir));
}

#[test]
fn forcing_it_off_ends_it_for_heirs_too_and_what_the_console_asks_for_later_stays() {
    let limits = Limits { legs_per_call: 1, ..Default::default() };
    let mut network = Network::with(limits, SecureDefault::Never);
    network.call_up("call-1");
    let call = network.find("call-1");
    network.enter(call, open());
    let invite =
        request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
    network.send(Customer, invite.sdp(&audio("203.0.113.7", 7000)));
    network.release("call-1");
    assert_eq!(network.calls.secured_count(), 0);
    network.secure("call-1");
    leave(&mut network, call).expect("it is known");
    assert!(network.calls.is_secured(call), "no payment's any more");
}

#[test]
fn an_heir_is_held_as_well_and_its_release_is_told_of_the_call_that_the_payment_knows() {
    let limits = Limits { legs_per_call: 1, ..Default::default() };
    let mut network = Network::with(limits, SecureDefault::Never);
    let heir_of = |network: &mut Network| {
        network.call_up("call-1");
        let call = network.find("call-1");
        network.enter(call, open());
        let invite =
            request("INVITE", 1).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b");
        network.send(Customer, invite.sdp(&audio("203.0.113.7", 7000)));
        (call, network.find("call-2"))
    };
    let (call, heir) = heir_of(&mut network);
    assert!(network.calls.is_held(heir), "the console does not release it unless forced");
    assert_eq!(rule(&mut network, heir, open()), Err(Refusal::NoSuchCall), "its rules are the other's");
    network.release("call-2");
    assert_eq!(network.last_news, [CallEvent::ForcedOff { call }]);
    assert_eq!(network.calls.secured_count(), 0);
    // One whose payment's call has gone is told of as held, so that a control core that starts ends it.
    network.enter(call, open());
    network.send(
        Customer,
        request("INVITE", 2).call("call-2").tags("c", "").header("Replaces: call-1;to-tag=a;from-tag=b"),
    );
    assert!(network.calls.is_held(heir));
    let held = |network: &Network| network.calls.begun_from(heir.slot).is_some_and(|(begun, _)| begun.held);
    assert!(!held(&network));
    network.hang_up("call-1");
    network.seconds(20);
    assert!(!network.knows("call-1") && held(&network));
    leave(&mut network, heir).expect("it is known");
    assert!(!network.calls.is_secured(heir));
}
