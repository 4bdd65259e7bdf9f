//! How calls end and are forgotten.

use handover::Counter;

use crate::network::*;

#[test]
fn a_bye_that_is_answered_ends_the_call_and_its_flows_linger() {
    for code in [200, 202, 481, 408] {
        let mut network = Network::new();
        network.call_up("call-1");
        network.secure("call-1");
        network.send(Customer, request("BYE", 1).tags("b", "a"));
        network.send(Customer, request("BYE", 1).tags("b", "a"));
        network.seconds(20);
        assert_eq!(network.shadow.len(), 2, "not answered yet");
        network.send(Carrier, response(code, "BYE", 1).tags("b", "a"));
        network.seconds(4);
        assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED, "secured while it lingers");
        assert!(network.calls.list(9).is_empty());
        let again = network.send(Customer, request("BYE", 1).tags("b", "a"));
        assert!(again.call.is_some() && !again.fresh, "of this call still");
        network.send(Carrier, response(code, "BYE", 1).tags("b", "a"));
        network.seconds(1);
        assert!(network.shadow.is_empty() && network.calls.is_empty(), "{code}");
        assert_eq!(network.counted(Counter::CallsEnded), 1);
        assert_eq!(network.send(Customer, request("BYE", 1).tags("b", "a")).call, None);
    }
}

#[test]
fn a_bye_that_is_refused_ends_nothing_and_one_without_answer_does() {
    let mut network = Network::new();
    network.call_up("call-1");
    for code in [401, 407, 500] {
        network.send(Customer, request("BYE", u32::from(code)).tags("b", "a"));
        network.send(Carrier, response(code, "BYE", u32::from(code)).tags("b", "a"));
    }
    network.seconds(60);
    assert!(network.knows("call-1"));
    network.send(Customer, request("BYE", 900).tags("b", "a"));
    network.seconds(31);
    assert!(!network.calls.list(9).is_empty());
    network.seconds(1);
    assert!(network.calls.list(9).is_empty() && network.knows("call-1"));
    network.seconds(5);
    assert!(!network.knows("call-1"));
}

#[test]
fn a_bye_without_answer_does_not_end_a_call_that_still_has_media() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.secure("call-1");
    network.send(Customer, request("BYE", 1).tags("b", "a"));
    for _ in 0..50 {
        network.seconds(2);
        network.media("call-1");
    }
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
    network.seconds(60);
    assert!(network.calls.is_empty());
}

#[test]
fn a_bye_with_tags_of_no_dialog_ends_nothing() {
    let mut network = Network::new();
    network.call_up("call-1");
    for (from, to) in [("x", "y"), ("b", "x"), ("x", ""), ("", "")] {
        network.send(Customer, request("BYE", 5).tags(from, to));
        network.send(Carrier, response(481, "BYE", 5).tags(from, to));
    }
    // The right tags, but an answer to nothing.
    network.send(Carrier, response(481, "BYE", 1).tags("b", "a"));
    network.seconds(120);
    assert!(network.knows("call-1"));
}

#[test]
fn failure_and_cancellation_end_a_call_that_nobody_answered() {
    let mut network = Network::new();
    for code in [404, 486, 500, 603, 302] {
        network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
        network.send(Customer, response(code, "INVITE", 1));
        network.seconds(6);
        assert!(network.calls.is_empty() && network.shadow.is_empty(), "{code}");
    }
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    network.send(Customer, response(180, "INVITE", 1));
    network.send(Carrier, request("CANCEL", 1));
    network.send(Customer, response(200, "CANCEL", 1));
    assert_eq!(network.calls.list(9).len(), 1);
    network.send(Customer, response(487, "INVITE", 1));
    network.seconds(6);
    assert!(network.calls.is_empty());
    // The 487 is lost.
    network.send(Carrier, request("INVITE", 1));
    network.send(Carrier, request("CANCEL", 1));
    network.seconds(36);
    assert!(!network.calls.is_empty());
    network.seconds(2);
    assert!(network.calls.is_empty());
}

#[test]
fn an_answer_that_crosses_the_cancellation_makes_a_call() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    network.send(Carrier, request("CANCEL", 1));
    network.send(Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    network.send(Customer, response(481, "CANCEL", 1));
    network.seconds(100);
    assert_eq!(network.shadow.len(), 2);
}

#[test]
fn a_failed_reinvite_ends_nothing() {
    let mut network = Network::new();
    network.call_up("call-1");
    for (cseq, code) in [(2, 488), (3, 491), (4, 481), (5, 408)] {
        network.send(Carrier, request("INVITE", cseq).tags("a", "b"));
        network.send(Customer, response(code, "INVITE", cseq));
    }
    network.seconds(60);
    assert!(network.knows("call-1"));
}

#[test]
fn a_session_that_is_not_refreshed_expires_at_one_and_a_half() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).header("Session-Expires: 100"));
    network.send(
        Customer,
        response(200, "INVITE", 1).header("x: 100;refresher=uas").sdp(&audio("203.0.113.1", 5000)),
    );
    network.seconds(149);
    network.send(Carrier, request("UPDATE", 2).tags("a", "b").header("Session-Expires: 100"));
    network.send(Customer, response(200, "UPDATE", 2).header("Session-Expires: 100"));
    network.seconds(149);
    assert!(network.knows("call-1"));
    network.seconds(1);
    assert!(network.calls.is_empty() && network.shadow.is_empty());
    assert_eq!((network.counted(Counter::CallsExpired), network.counted(Counter::CallsEnded)), (1, 0));
}

#[test]
fn an_absurd_session_interval_is_cut() {
    let mut network = Network::new();
    for (interval, seconds) in [("4294967295", 129_600), ("1", 135)] {
        network.send(Carrier, request("INVITE", 1));
        network.send(Customer, response(200, "INVITE", 1).header(&format!("Session-Expires: {interval}")));
        network.seconds(seconds - 1);
        assert!(network.knows("call-1"));
        network.seconds(1);
        assert!(!network.knows("call-1"), "{interval}");
    }
}

#[test]
fn media_and_secure_mode_keep_a_call_alive() {
    let mut network = Network::new();
    let answer = response(200, "INVITE", 1).header("Session-Expires: 90").sdp(&audio("203.0.113.1", 5000));
    network.send(Carrier, request("INVITE", 1));
    network.send(Customer, answer);
    for _ in 0..20 {
        network.seconds(30);
        network.media("call-1");
    }
    assert!(network.knows("call-1"), "somebody talks");
    network.secure("call-1");
    network.seconds(3500);
    assert!(network.knows("call-1"), "SecureMode keeps it");
    network.seconds(200);
    assert!(!network.knows("call-1"), "but not for ever");
    assert_eq!(network.calls.secured_count(), 0);
}

#[test]
fn silence_for_too_long_is_the_end_and_sooner_for_calls_nobody_answers() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.send(Carrier, request("INVITE", 1).call("call-2"));
    network.seconds(299);
    assert!(network.knows("call-2"));
    network.seconds(1);
    assert!(!network.knows("call-2") && network.knows("call-1"));
    network.seconds(3000);
    network.send(Carrier, request("OPTIONS", 2).tags("a", "b"));
    network.seconds(3599);
    assert!(network.knows("call-1"));
    network.seconds(1);
    assert!(network.calls.is_empty());
}

#[test]
fn an_expiry_of_an_old_call_never_touches_the_new_one_in_its_slot() {
    let mut network = Network::new();
    network.call_up("call-1");
    let old = network.find("call-1");
    network.hang_up("call-1");
    network.seconds(6);
    network.call_up("call-2");
    let new = network.find("call-2");
    assert_eq!((old.slot, old.generation + 1), (new.slot, new.generation));
    let mut changes = Vec::new();
    assert!(network.calls.secure(network.now, old, Default::default(), &mut changes).is_err());
    assert!(network.calls.release(network.now, old, &mut changes).is_err());
    network.calls.silence(old, true, &mut changes);
    network.calls.media_seen(network.now, old);
    assert!(changes.is_empty() && !network.calls.is_secured(old));
    network.seconds(3000);
    assert!(network.knows("call-2"));
}

#[test]
fn at_the_end_of_time_expiry_still_returns() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.media("call-1");
    network.now = handover::Instant::from_nanos(u64::MAX);
    network.media("call-1");
    let mut changes = Vec::new();
    network.calls.expire(network.now, &mut changes);
    network.apply(changes);
}

#[test]
fn a_call_that_ends_on_one_vlan_is_known_while_it_goes_on_on_another() {
    let mut network = Network::new();
    for scope in [vlan(10), vlan(20)] {
        network.send_on(scope, Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
        network.send_on(scope, Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    }
    let call = network.secure("call-1");
    network.send_on(vlan(10), Carrier, request("BYE", 2).tags("a", "b"));
    network.send_on(vlan(10), Customer, response(200, "BYE", 2));
    network.seconds(6);
    assert_eq!((network.find("call-1"), network.shadow.len()), (call, 2));
    assert!(network.send_on(vlan(20), Carrier, request("INFO", 3).tags("a", "b")).secured.is_some());
}
