//! Which requests are fresh.

use crate::network::*;

fn info(cseq: u32) -> Text {
    request("INFO", cseq).tags("a", "b").body("application/dtmf-relay", "Signal=5\r\n")
}

#[test]
fn a_request_sent_again_is_not_fresh() {
    let mut network = Network::new();
    network.call_up("call-1");
    assert!(network.send(Carrier, info(2)).fresh);
    for _ in 0..3 {
        assert!(!network.send(Carrier, info(2)).fresh);
    }
    assert!(network.send(Carrier, info(3)).fresh);
    assert!(
        network.send(Carrier, info(2).branch("z9hG4bKother")).fresh,
        "another request with the same CSeq"
    );
    assert!(network.send(Customer, response(200, "INFO", 2)).fresh, "responses are not asked");
    for cseq in 4..65 {
        assert!(network.send(Carrier, info(cseq)).fresh);
        assert!(!network.send(Carrier, info(cseq)).fresh);
        network.send(Carrier, request("OPTIONS", cseq).tags("a", "b"));
    }
    assert!(!network.send(Carrier, info(2)).fresh, "64 are remembered, whatever else is sent");
    assert!(network.send(Carrier, info(66)).fresh && network.send(Carrier, info(67)).fresh);
    assert!(!network.send(Carrier, info(2)).fresh, "a repetition counts anew");
    assert!(network.send(Carrier, info(3)).fresh);
    network.seconds(33);
    assert!(network.send(Carrier, info(2)).fresh, "nobody repeats for so long");
}

#[test]
fn the_same_request_seen_twice_counts_once() {
    let mut network = Network::new();
    for scope in [vlan(10), vlan(20), (1, vlan(10).1)] {
        network.send_on(scope, Carrier, request("INVITE", 1));
        network.send_on(scope, Customer, response(200, "INVITE", 1));
    }
    assert!(network.send_on(vlan(10), Carrier, info(2)).fresh);
    network.seconds(1);
    assert!(!network.send_on(vlan(20), Carrier, info(2).branch("z9hG4bKnext")).fresh);
    assert!(!network.send_on((1, vlan(10).1), Carrier, info(2).branch("z9hG4bKnext")).fresh);
    network.seconds(3);
    assert!(network.send_on(vlan(20), Carrier, info(2).branch("z9hG4bKlater")).fresh, "another one by then");
    assert!(!network.send_on(vlan(20), Carrier, info(2).branch("z9hG4bKnext")).fresh, "but not this one");
    // On a VLAN where the call was never seen to begin.
    assert!(!network.send_on(vlan(30), Carrier, info(2).branch("z9hG4bKfar")).fresh);
    assert!(network.send_on(vlan(30), Carrier, info(3)).fresh);
    assert!(!network.send_on(vlan(10), Carrier, info(3)).fresh);
}

#[test]
fn reports_of_keys_in_a_dialog_of_their_own_belong_to_the_call() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.secure("call-1");
    let call = network.find("call-1");
    let event = "Event: kpml ;remote-tag=\"b\";local-tag=\"a\" ; call-id=\"call\\-1\"";
    let subscribe = request("SUBSCRIBE", 1).call("sub-1").tags("s", "").header(event);
    assert_eq!(network.send(Customer, subscribe).call, Some(call));
    let notify = |cseq| request("NOTIFY", cseq).call("sub-1").tags("t", "s").header("Event: kpml");
    let followed = network.send(Carrier, notify(1));
    assert_eq!((followed.call, followed.secured.is_some(), followed.fresh), (Some(call), true, true));
    assert!(!network.send(Carrier, notify(1)).fresh);
    assert!(!network.send_on(vlan(9), Carrier, notify(1).branch("z9hG4bKn")).fresh);
    assert!(network.send(Carrier, notify(2)).fresh);
    // A NOTIFY may name the call itself; other packages, and calls that are not known, link nothing.
    let named = request("NOTIFY", 1).call("sub-2").header("o: KPML;call-id=call-1");
    assert_eq!(network.send(Carrier, named).call, Some(call));
    let other = request("SUBSCRIBE", 1).call("sub-3").header("Event: dialog;call-id=call-1");
    assert_eq!(network.send(Customer, other).call, None);
    let unknown = request("SUBSCRIBE", 1).call("sub-3").header("Event: kpml;call-id=call-7");
    assert_eq!(network.send(Customer, unknown).call, None);
    // Bounded: the oldest gives way, but not while there are some that reported nothing.
    for number in 10..60 {
        let subscribe =
            request("SUBSCRIBE", 1).call(&format!("sub-{number}")).header("Event: kpml;call-id=call-1");
        network.send(Customer, subscribe);
    }
    assert!(network.knows("sub-1") && network.knows("sub-2") && network.knows("sub-59"));
    assert_eq!((10..60).filter(|number| network.knows(&format!("sub-{number}"))).count(), 14);
    // They go with the call.
    network.hang_up("call-1");
    network.seconds(6);
    assert!(!network.knows("sub-2") && !network.knows("sub-59"));
}
