//! Any messages in any order, damaged ones too: nothing panics, no bound is passed, the changes are always what the
//! table says, and whatever a call in SecureMode has announced is secured.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use calls::{Limits, SecureDefault};
use handover::{CallHandle, Content, FlowKey, MaskKey, Rules};
use proptest::prelude::*;

use crate::network::*;

#[derive(Clone, Debug)]
enum Step {
    Message { scope: u16, from: bool, what: Message, damage: Option<(u16, u8)> },
    Secure { call: u8, on: bool },
    Silence { call: u8, silent: bool },
    Payment { call: u8, order: u8 },
    Media { call: u8 },
    Learned { flow: u8, port: u16 },
    Pass { millis: u32 },
}

#[derive(Clone, Debug)]
struct Message {
    code: u16,
    method: u8,
    cseq: u32,
    call: u8,
    from: u8,
    to: u8,
    fork: u8,
    sdp: Option<(u8, u8, u8)>,
    replaces: Option<(u8, u8, u8)>,
    extra: u8,
}

const METHODS: [&str; 12] = [
    "INVITE",
    "INVITE",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "PRACK",
    "UPDATE",
    "INFO",
    "SUBSCRIBE",
    "NOTIFY",
    "OPTIONS",
];
const TAGS: [&str; 6] = ["a", "b", "c", "d", "e", ""];
const LIMITS: Limits = Limits {
    calls: 4,
    legs_per_call: 3,
    flows_per_call: 5,
    learned_per_leg: 2,
    flows: 16,
    idle: Duration::from_secs(100),
    unanswered: Duration::from_secs(40),
    linger: Duration::from_secs(5),
    media: Duration::from_secs(10),
};

impl Message {
    fn method(&self) -> &'static str {
        METHODS[usize::from(self.method) % METHODS.len()]
    }

    fn text(&self) -> Text {
        let tag = |tag: u8| TAGS[usize::from(tag) % TAGS.len()];
        let method = self.method();
        let mut text =
            if self.code == 0 { request(method, self.cseq) } else { response(self.code, method, self.cseq) };
        text = text.call(&format!("call-{}", self.call)).tags(tag(self.from), tag(self.to));
        if self.fork > 0 {
            text = text.branch(&format!("z9hG4bK{}", self.fork));
        }
        if let Some((call, one, two)) = self.replaces {
            text = text.header(&format!("Replaces: call-{call};to-tag={};from-tag={}", tag(one), tag(two)));
        }
        match self.extra {
            1 => text = text.header("Session-Expires: 90"),
            2 => text = text.header(&format!("Event: kpml;call-id=call-{}", self.from)),
            _ => {}
        }
        match self.sdp {
            Some((host, port, kind)) => {
                let port = if kind == 3 { 0 } else { 5000 + u16::from(port) * 2 };
                let address = if kind == 2 { "0.0.0.0".to_owned() } else { format!("10.0.0.{host}") };
                let profile = if kind == 4 { "RTP/SAVP" } else { "RTP/AVP" };
                let events = 96 + kind;
                let media = format!(
                    "m=audio {port} {profile} 0 {events}\r\na=rtpmap:{events} telephone-event/8000\r\nm=audio {} RTP/AVP 8\r\n",
                    5100 + u16::from(host)
                );
                text.sdp(&lines(&address, &media))
            }
            None => text,
        }
    }
}

fn message() -> impl Strategy<Value = Message> {
    let code = prop_oneof![5 => Just(0u16), 1 => Just(183), 4 => Just(200), 1 => Just(487), 1 => Just(401), 1 => Just(481)];
    let sdp = proptest::option::weighted(0.7, (0..4u8, 0..4u8, 0..5u8));
    let replaces = proptest::option::weighted(0.1, (0..6u8, 0..3u8, 0..3u8));
    let tags =
        (prop_oneof![4 => Just(0u8), 1 => 0..6u8], prop_oneof![3 => Just(1u8), 2 => Just(5), 1 => 0..6u8]);
    (code, 0..12u8, 1..5u32, 0..6u8, tags, 0..3u8, sdp, replaces, 0..6u8).prop_map(
        |(code, method, cseq, call, (from, to), fork, sdp, replaces, extra)| Message {
            code,
            method,
            cseq,
            call,
            from,
            to,
            fork,
            sdp,
            replaces,
            extra,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let damage = proptest::option::weighted(0.1, (any::<u16>(), any::<u8>()));
    let scope = prop_oneof![4 => Just(10u16), 1 => 10..13u16];
    prop_oneof![
        12 => (scope, any::<bool>(), message(), damage)
            .prop_map(|(scope, from, what, damage)| Step::Message { scope, from, what, damage }),
        2 => (0..6u8, prop::bool::weighted(0.7)).prop_map(|(call, on)| Step::Secure { call, on }),
        1 => (0..6u8, any::<bool>()).prop_map(|(call, silent)| Step::Silence { call, silent }),
        2 => (0..6u8, 0..5u8).prop_map(|(call, order)| Step::Payment { call, order }),
        2 => (0..6u8).prop_map(|call| Step::Media { call }),
        2 => (any::<u8>(), 0..6u16).prop_map(|(flow, port)| Step::Learned { flow, port }),
        2 => (0..40_000u32).prop_map(|millis| Step::Pass { millis }),
    ]
}

/// What each call has announced or learned towards the customer side.
#[derive(Default)]
struct Announced(HashMap<CallHandle, HashSet<FlowKey>>);

impl Announced {
    fn note(&mut self, call: CallHandle, scope: u16, what: &Message) {
        let carries = ["INVITE", "ACK", "PRACK", "UPDATE"].contains(&what.method());
        let Some((host, port, kind)) = what.sdp.filter(|_| carries && matches!(what.code, 0 | 183 | 200))
        else {
            return;
        };
        let address = format!("10.0.0.{host}");
        let key = |port| FlowKey { vlan: vlan(scope).1, ..key(Carrier, &address, port) };
        let keys = self.0.entry(call).or_default();
        if kind != 2 {
            keys.insert(key(5100 + u16::from(host)));
        }
        if kind != 2 && kind != 3 {
            keys.insert(key(5000 + u16::from(port) * 2));
        }
    }

    fn check(&self, network: &Network) {
        for (call, keys) in &self.0 {
            for key in keys {
                let flow = network.shadow.get(key).expect("what was announced is followed");
                assert!(flow.mode.is_secured() || !network.calls.is_secured(*call), "{flow:?} of {call:?}");
            }
        }
    }
}

/// Nothing is forgotten here, so that whatever a call in SecureMode has ever announced must be secured, no matter
/// which other calls announced the same, and whether the leg has ended.
fn run_without_end(steps: &[Step]) {
    let limits = Limits { calls: 50, legs_per_call: 500, flows_per_call: 5000, flows: 50_000, ..LIMITS };
    let mut network = Network::with(limits, SecureDefault::Never);
    let mut announced = Announced::default();
    for step in steps {
        match step {
            Step::Message { scope, from, what, .. } => {
                let side = if *from { Carrier } else { Customer };
                let followed = network.send_on(vlan(*scope), side, what.text());
                if let Some(call) = followed.call.filter(|_| side == Customer) {
                    announced.note(call, *scope, what);
                }
            }
            Step::Secure { call, on } => {
                let Some(call) = network.calls.find(format!("call-{call}").as_bytes()) else { continue };
                let mut changes = Vec::new();
                let _ = if *on {
                    network.calls.secure(network.now, call, MaskKey::Pound, &mut changes)
                } else {
                    network.calls.release(network.now, call, &mut changes)
                };
                network.apply(changes);
            }
            Step::Silence { call, silent } => {
                let Some(call) = network.calls.find(format!("call-{call}").as_bytes()) else { continue };
                let mut changes = Vec::new();
                network.calls.silence(call, *silent, &mut changes);
                network.apply(changes);
            }
            Step::Payment { call, order } => pay(&mut network, *call, *order),
            Step::Media { .. } | Step::Learned { .. } | Step::Pass { .. } => {}
        }
        announced.check(&network);
    }
}

/// An order of a payment, or the caller heard on every flow.
fn pay(network: &mut Network, call: u8, order: u8) {
    let Some(call) = network.calls.find(format!("call-{call}").as_bytes()) else { return };
    let (now, mut changes) = (network.now, Vec::new());
    let rules = Rules::default().with_unmaskable_passed(order == 2).with_field_open(true);
    match order {
        0 | 1 => {
            let content = if order == 0 { Content::Audio } else { Content::ComfortNoise };
            let flows: Vec<FlowKey> = network.shadow.keys().copied().collect();
            flows.iter().for_each(|flow| network.calls.caller_heard(now, flow, now, content));
        }
        2 => {
            let entered = network.calls.enter(now, call, MaskKey::One, rules, &mut changes);
            assert!(entered.is_err() || network.calls.is_secured(call));
        }
        3 => assert_eq!(network.calls.rule(call, rules, &mut changes).is_ok(), network.calls.is_held(call)),
        _ => {
            network.calls.leave(now, call, &mut changes).expect("the call is known");
            assert!(!network.calls.is_held(call));
        }
    }
    network.apply(changes);
}

fn run(steps: &[Step], secure: SecureDefault) {
    let mut network = Network::with(LIMITS, secure);
    for step in steps {
        let id = |call: &u8| format!("call-{call}");
        match step {
            Step::Message { scope, from, what, damage } => {
                let side = if *from { Carrier } else { Customer };
                let mut bytes = what.text().bytes();
                if let Some((at, byte)) = damage {
                    let at = usize::from(*at) % bytes.len();
                    bytes[at] = *byte;
                }
                let before: HashSet<FlowKey> = network.shadow.keys().copied().collect();
                let scope = vlan(*scope);
                let Some(followed) = network.send_bytes(scope, side, &bytes) else { continue };
                assert_eq!(
                    followed.secured.is_some(),
                    followed.call.is_some_and(|call| network.calls.is_secured(call))
                );
                if followed.secured.is_some() && side == Customer {
                    // Whatever a secured call's message has made known is secured at once.
                    for (key, flow) in network.shadow.iter().filter(|(key, _)| !before.contains(key)) {
                        assert!(key.from == Customer || flow.mode.is_secured(), "{flow:?}");
                    }
                }
            }
            Step::Secure { call, on } => {
                let Some(call) = network.calls.find(id(call).as_bytes()) else { continue };
                let mut changes = Vec::new();
                let now = network.now;
                let done = if *on {
                    network.calls.secure(now, call, MaskKey::Pound, &mut changes)
                } else {
                    network.calls.release(now, call, &mut changes)
                };
                network.apply(changes);
                assert_eq!(
                    network.calls.is_secured(call),
                    if done.is_ok() { *on } else { network.calls.is_secured(call) }
                );
            }
            Step::Silence { call, silent } => {
                let Some(call) = network.calls.find(id(call).as_bytes()) else { continue };
                let mut changes = Vec::new();
                network.calls.silence(call, *silent, &mut changes);
                network.apply(changes);
            }
            Step::Payment { call, order } => pay(&mut network, *call, *order),
            Step::Media { call } => {
                if let Some(call) = network.calls.find(id(call).as_bytes()) {
                    network.calls.media_seen(network.now, call);
                }
            }
            Step::Learned { flow, port } => {
                let mut keys: Vec<FlowKey> = network.shadow.keys().copied().collect();
                keys.sort_unstable();
                if let Some(key) = keys.get(usize::from(*flow) % keys.len().max(1)).copied() {
                    network.learned(key, endpoint("192.0.2.99", *port));
                }
            }
            Step::Pass { millis } => network.pass(Duration::from_millis(u64::from(*millis))),
        }
        network.check();
        assert!(network.calls.len() <= LIMITS.calls && network.shadow.len() <= LIMITS.flows);
        for summary in network.calls.list(usize::MAX) {
            assert!(summary.legs as usize <= LIMITS.legs_per_call);
            let learned = LIMITS.learned_per_leg * LIMITS.legs_per_call;
            assert!(summary.flows as usize <= LIMITS.flows_per_call + learned);
        }
    }
    // Everything is forgotten in the end; damage can make a session's interval ten times as long.
    network.seconds(2_000);
    assert!(network.calls.is_empty() && network.shadow.is_empty());
    assert_eq!((network.calls.secured_count(), network.calls.deadline()), (0, None));
    assert!((0..6).all(|call| !network.knows(&format!("call-{call}"))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn no_sequence_of_messages_breaks_the_table(steps in proptest::collection::vec(step(), 1..120)) {
        run(&steps, SecureDefault::Never);
    }

    #[test]
    fn what_a_secured_call_announced_is_secured(steps in proptest::collection::vec(step(), 1..120)) {
        run_without_end(&steps);
    }

    #[test]
    fn nor_when_all_are_in_secure_mode(steps in proptest::collection::vec(step(), 1..60)) {
        run(&steps, SecureDefault::Always(MaskKey::One));
    }
}
