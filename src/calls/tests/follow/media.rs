//! Where media goes, and in which formats.

use handover::{Counter, FlowKey, Format, FormatKind, VlanStack};

use crate::network::*;

fn kinds(flow: &handover::Flow) -> Vec<(u8, FormatKind, u8)> {
    flow.formats
        .iter()
        .map(|Format { payload_type, kind, clock_khz }| (payload_type, kind, clock_khz))
        .collect()
}

#[test]
fn the_receivers_payload_types_count_and_the_others_fill_the_gaps() {
    let mut network = Network::new();
    let offer =
        "m=audio 4000 RTP/AVP 8 0 96 97 13\r\na=rtpmap:96 telephone-event/8000\r\na=rtpmap:97 red/8000\r\n";
    network.send(Carrier, request("INVITE", 1).sdp(&lines("198.51.100.1", offer)));
    let answer = "m=audio 5000 RTP/AVP 96 101 9 11\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 TELEPHONE-EVENT/16000\r\n";
    network.send(Customer, response(200, "INVITE", 1).sdp(&lines("203.0.113.1", answer)));
    assert_eq!(
        kinds(network.flow(Carrier, "203.0.113.1", 5000)),
        [
            (101, FormatKind::TelephoneEvent, 16),
            (96, FormatKind::TelephoneEvent, 8),
            (97, FormatKind::Redundancy, 8),
            (9, FormatKind::G722, 8),
            (11, FormatKind::L16, 44),
            (8, FormatKind::Pcma, 8),
            (0, FormatKind::Pcmu, 8),
            (13, FormatKind::ComfortNoise, 8),
        ]
    );
    let towards_caller = kinds(network.flow(Customer, "198.51.100.1", 4000));
    assert!(towards_caller.contains(&(96, FormatKind::TelephoneEvent, 8)));
    assert!(towards_caller.contains(&(101, FormatKind::TelephoneEvent, 16)), "events first, so they fit");
}

#[test]
fn several_channels_are_another_coding() {
    let mut network = Network::new();
    let names = ["PCMU", "PCMA", "G722", "L16"];
    let maps: String =
        (102..).zip(names).map(|(number, name)| format!("a=rtpmap:{number} {name}/8000/2\r\n")).collect();
    let offer = format!("m=audio 4000 RTP/AVP 102 103 104 105\r\n{maps}");
    network.send(Carrier, request("INVITE", 1).sdp(&lines("198.51.100.1", &offer)));
    let kinds = kinds(network.flow(Customer, "198.51.100.1", 4000));
    assert!((102..106).all(|number| kinds.contains(&(number, FormatKind::Other, 8))), "{kinds:?}");
}

#[test]
fn each_line_has_its_own_payload_types() {
    let mut network = Network::new();
    let two = |base: u16, first: u8, second: u8| {
        format!(
            "m=audio {base} RTP/AVP 0 {first}\r\na=rtpmap:{first} telephone-event/8000\r\n\
             m=video 9000 RTP/AVP 31\r\nm=text 9100 RTP/AVP 98\r\nm=image 9200 udptl t38\r\n\
             m=audio {} RTP/AVP 8 {second}\r\na=rtpmap:{second} telephone-event/8000\r\n",
            base + 2
        )
    };
    network.send(Carrier, request("INVITE", 1).sdp(&lines("198.51.100.1", &two(4000, 96, 97))));
    network.send(Customer, response(200, "INVITE", 1).sdp(&lines("203.0.113.1", &two(5000, 100, 101))));
    assert_eq!(network.shadow.len(), 4, "audio only");
    let event = (100, FormatKind::TelephoneEvent, 8);
    assert_eq!(kinds(network.flow(Carrier, "203.0.113.1", 5000))[..2], [event, (96, event.1, 8)]);
    assert_eq!(kinds(network.flow(Carrier, "203.0.113.1", 5002))[..2], [(101, event.1, 8), (97, event.1, 8)]);
}

#[test]
fn hold_keeps_what_was_followed() {
    let held = [
        audio("0.0.0.0", 5000),
        audio("203.0.113.1", 5000) + "a=sendonly\r\n",
        audio("203.0.113.1", 5000) + "a=inactive\r\n",
        audio("203.0.113.1", 0),
        lines("::", "m=audio 5000 RTP/AVP 0\r\n"),
    ];
    for sdp in held {
        let mut network = Network::new();
        network.call_up("call-1");
        network.secure("call-1");
        network.send(Customer, request("INVITE", 1).tags("b", "a").sdp(&sdp));
        network.send(Carrier, response(200, "INVITE", 1).tags("b", "a").sdp(&audio("198.51.100.1", 4000)));
        assert_eq!(network.shadow.len(), 2, "{sdp}");
        assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED, "media in flight");
        network.send(Customer, request("INVITE", 2).tags("b", "a").sdp(&audio("203.0.113.1", 5000)));
        assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
    }
}

#[test]
fn a_reinvite_that_moves_media_is_secured_before_it_leaves() {
    let mut network = Network::new();
    network.call_up("call-1");
    let call = network.secure("call-1");
    let followed =
        network.send(Customer, request("INVITE", 1).tags("b", "a").sdp(&audio("203.0.113.2", 5002)));
    assert!(followed.secured.is_some());
    assert_eq!(network.mode(Carrier, "203.0.113.2", 5002), MASKED);
    assert_eq!(network.flow(Carrier, "203.0.113.2", 5002).call, call);
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED, "media in flight");
}

#[test]
fn a_refused_reinvite_goes_back() {
    let mut limits = calls::Limits { flows_per_call: 3, ..Default::default() };
    limits.linger *= 2;
    let mut network = Network::with(limits, Default::default());
    network.call_up("call-1");
    network.secure("call-1");
    for cseq in 1..20 {
        let offer = audio("203.0.113.2", 6000 + cseq as u16);
        network.send(Customer, request("INVITE", cseq).tags("b", "a").sdp(&offer));
        network.send(Carrier, response(488, "INVITE", cseq).tags("b", "a"));
        assert_eq!(
            network.mode(Carrier, "203.0.113.1", 5000),
            MASKED,
            "still current: refused offers go first"
        );
        assert_eq!(network.shadow.len(), 3);
    }
    let update = request("UPDATE", 30).tags("b", "a").sdp(&audio("203.0.113.2", 7000));
    network.send(Customer, update);
    network.send(Carrier, response(491, "UPDATE", 30).tags("b", "a"));
    network.send(Customer, request("INVITE", 31).tags("b", "a").sdp(&audio("203.0.113.2", 7002)));
    assert_eq!(network.mode(Carrier, "203.0.113.1", 5000), MASKED);
}

#[test]
fn events_of_an_offer_and_of_the_one_before_are_both_known() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).sdp(&lines("198.51.100.1", "m=audio 4000 RTP/AVP 0\r\n")));
    network.send(Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    let offer = "m=audio 5000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n";
    network.send(Customer, request("INVITE", 1).tags("b", "a").sdp(&lines("203.0.113.1", offer)));
    let formats = network.flow(Carrier, "203.0.113.1", 5000).formats;
    assert_eq!(formats.iter().take(2).map(|format| format.payload_type).collect::<Vec<_>>(), [96, 101]);
}

#[test]
fn an_old_answer_sent_again_does_not_turn_media_back() {
    let mut network =
        Network::with(calls::Limits { flows_per_call: 4, ..Default::default() }, Default::default());
    network.call_up("call-1");
    network.send(Carrier, request("INVITE", 2).tags("a", "b").sdp(&audio("198.51.100.1", 4000)));
    network.send(Customer, response(200, "INVITE", 2).sdp(&audio("203.0.113.2", 5002)));
    network.send(Customer, response(200, "INVITE", 1).sdp(&audio("203.0.113.1", 5000)));
    // There is room for one more only: what was superseded goes, not what is current.
    network.send(Carrier, request("INVITE", 3).tags("a", "b").sdp(&audio("198.51.100.1", 4002)));
    network.send(Customer, response(200, "INVITE", 3).sdp(&audio("203.0.113.3", 5004)));
    assert!(network.has(Carrier, "203.0.113.2", 5002) && network.has(Carrier, "203.0.113.3", 5004));
    assert!(!network.has(Carrier, "203.0.113.1", 5000));
}

#[test]
fn superseded_destinations_go_first_and_current_ones_never() {
    let mut network =
        Network::with(calls::Limits { flows_per_call: 3, ..Default::default() }, Default::default());
    network.call_up("call-1");
    let move_to = |network: &mut Network, cseq: u32, port: u16| {
        let moved =
            network.send(Customer, request("INVITE", cseq).tags("b", "a").sdp(&audio("203.0.113.1", port)));
        network.send(Carrier, response(200, "INVITE", cseq).tags("b", "a").sdp(&audio("198.51.100.1", 4000)));
        moved.complete
    };
    assert!(move_to(&mut network, 1, 5002) && move_to(&mut network, 2, 5004));
    assert!(network.has(Customer, "198.51.100.1", 4000) && network.has(Carrier, "203.0.113.1", 5004));
    assert!(network.has(Carrier, "203.0.113.1", 5002), "what held before the last offer stays");
    assert!(!network.has(Carrier, "203.0.113.1", 5000), "superseded twice, and there is no room");
    let both = "m=audio 5004 RTP/AVP 0\r\nm=audio 5006 RTP/AVP 0\r\nm=audio 5008 RTP/AVP 0\r\n";
    let offer = network.send(Customer, request("INVITE", 3).tags("b", "a").sdp(&lines("203.0.113.1", both)));
    assert!(!offer.complete && !network.has(Carrier, "203.0.113.1", 5008), "current ones never go");
    assert_eq!(network.counted(Counter::FlowsFull), 1);
}

#[test]
fn an_offer_in_a_multipart_body_is_found() {
    let mut network = Network::new();
    let body = format!(
        "--x\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x02\r\n--x\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--x--\r\n",
        audio("198.51.100.1", 4000)
    );
    network.send(Carrier, request("INVITE", 1).body("multipart/mixed;boundary=x", &body));
    assert!(network.has(Customer, "198.51.100.1", 4000));
}

#[test]
fn ipv6_and_vlan_stacks_are_part_of_the_key() {
    let mut network = Network::new();
    let scope = (3, VlanStack([100, 7]));
    network.send_on(scope, Carrier, request("INVITE", 1).sdp(&audio("2001:db8::1", 4000)));
    let flow = network.shadow.values().next().expect("one flow");
    assert_eq!(
        flow.key,
        FlowKey {
            destination: endpoint("2001:db8::1", 4000),
            vlan: VlanStack([100, 7]),
            wire: handover::WireId(3),
            from: Customer
        }
    );
}

#[test]
fn addresses_that_overlap_between_vlans_are_kept_apart() {
    let mut network = Network::new();
    for (id, call_id) in [(10, "call-1"), (20, "call-2")] {
        network.send_on(vlan(id), Carrier, request("INVITE", 1).call(call_id).sdp(&audio("10.0.0.1", 4000)));
        let answer = response(200, "INVITE", 1).call(call_id).sdp(&audio("10.0.0.2", 5000));
        network.send_on(vlan(id), Customer, answer);
    }
    let call = network.secure("call-2");
    for flow in network.shadow.values().filter(|flow| flow.key.from == Carrier) {
        assert_eq!(flow.mode == MASKED, flow.key.vlan == vlan(20).1);
        assert_eq!(flow.call == call, flow.key.vlan == vlan(20).1);
    }
}

#[test]
fn encrypted_profiles_are_told() {
    for profile in ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"] {
        let mut network = Network::new();
        let media = format!("m=audio 4000 {profile} 0\r\n");
        network.send(Carrier, request("INVITE", 1).sdp(&lines("198.51.100.1", &media)));
        assert!(network.flow(Customer, "198.51.100.1", 4000).encrypted);
    }
}

#[test]
fn ice_candidates_are_destinations_too() {
    let mut network = Network::new();
    let media = "m=audio 5000 RTP/AVP 0\r\na=candidate:1 1 UDP 1 10.0.0.9 5010 typ host\r\n\
                 a=candidate:1 1 UDP 1 203.0.113.1 5000 typ srflx\r\n";
    network.send(Customer, request("INVITE", 1).sdp(&lines("203.0.113.1", media)));
    assert!(network.has(Carrier, "203.0.113.1", 5000) && network.has(Carrier, "10.0.0.9", 5010));
    assert_eq!(network.shadow.len(), 2);
}

#[test]
fn behind_a_nat_the_source_is_a_second_destination() {
    let mut network = Network::new();
    network.call_up("call-1");
    network.secure("call-1");
    let towards_caller = key(Customer, "198.51.100.1", 4000);
    network.learned(towards_caller, endpoint("192.0.2.50", 33_000));
    let learned = *network.flow(Carrier, "192.0.2.50", 33_000);
    assert_eq!(learned.mode, MASKED);
    assert_eq!(learned.formats, network.flow(Carrier, "203.0.113.1", 5000).formats);
    // What is known is not learned again.
    network.learned(towards_caller, endpoint("203.0.113.1", 5000));
    network.learned(towards_caller, endpoint("192.0.2.50", 33_000));
    assert_eq!((network.shadow.len(), network.counted(Counter::FlowsLearned)), (3, 1));
    // Neither is what comes on a flow that is nobody's, from the carrier side, or from nowhere.
    network.learned(key(Customer, "198.51.100.1", 4002), endpoint("192.0.2.50", 1));
    network.learned(key(Carrier, "203.0.113.1", 5000), endpoint("192.0.2.50", 1));
    network.learned(towards_caller, endpoint("0.0.0.0", 1));
    network.learned(towards_caller, endpoint("192.0.2.50", 0));
    assert_eq!(network.shadow.len(), 3);
    // Only so many are kept, and in SecureMode not the newest.
    for port in 1..=100 {
        network.learned(towards_caller, endpoint("192.0.2.51", port));
    }
    assert_eq!(network.shadow.len(), 10);
    assert!(network.has(Carrier, "192.0.2.50", 33_000) && network.has(Carrier, "192.0.2.51", 1));
    // A new answer describes what was learned, too.
    let answer = "m=audio 5000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n";
    network.send(Customer, request("INVITE", 1).tags("b", "a").sdp(&lines("203.0.113.1", answer)));
    assert!(network.flow(Carrier, "192.0.2.51", 1).formats.get(96).is_some());
    network.hang_up("call-1");
    network.seconds(6);
    assert!(network.shadow.is_empty());
}

#[test]
fn what_is_learned_before_the_answer_has_the_offers_formats() {
    let mut network = Network::new();
    network.send(Carrier, request("INVITE", 1).sdp(&audio("198.51.100.1", 4000)));
    network.learned(key(Customer, "198.51.100.1", 4000), endpoint("192.0.2.50", 33_000));
    let formats = network.flow(Carrier, "192.0.2.50", 33_000).formats;
    assert_eq!(formats.get(101).map(|format| format.kind), Some(FormatKind::TelephoneEvent));
}

#[test]
fn sdp_that_cannot_be_read_changes_nothing() {
    let mut network = Network::new();
    network.call_up("call-1");
    for sdp in [
        "",
        "nonsense",
        "v=0\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\r\nc=IN IP4 name.example.org\r\nm=audio 1 RTP/AVP 0\r\n",
    ] {
        network.send(Customer, request("INVITE", 1).tags("b", "a").sdp(sdp));
        assert_eq!(network.shadow.len(), 2);
    }
}
