//! A wire between a carrier and a customer: SIP texts go over it, and a shadow of the lcores' flow tables is kept
//! from the changes alone.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use calls::{Arrival, Calls, Followed, Limits, SecureDefault};
use handover::{
    CallEvent, CallHandle, Content, Counter, Endpoint, Flow, FlowKey, FlowMode, FlowUpdate, Instant, MaskKey,
    Refusal, Rules, Side, VlanStack, WireId,
};
use wire::sip::Message;

pub(crate) use handover::Side::{Carrier, Customer};

/// A SIP message in the making.
#[derive(Clone)]
pub(crate) struct Text {
    start: String,
    cseq: String,
    call_id: String,
    from: String,
    to: String,
    branch: String,
    headers: String,
    body: String,
}

pub(crate) fn request(method: &str, cseq: u32) -> Text {
    Text {
        start: format!("{method} sip:agent@example.org SIP/2.0"),
        cseq: format!("{cseq} {method}"),
        call_id: "call-1".into(),
        from: "a".into(),
        to: String::new(),
        branch: String::new(),
        headers: String::new(),
        body: String::new(),
    }
}

/// An answer to `request(method, cseq)`, with To tag `b`.
pub(crate) fn response(code: u16, method: &str, cseq: u32) -> Text {
    let text = request(method, cseq);
    Text { start: format!("SIP/2.0 {code} Whatever"), to: "b".into(), ..text }
}

impl Text {
    pub(crate) fn call(mut self, call_id: &str) -> Text {
        self.call_id = call_id.into();
        self
    }

    /// Tags of From and To; an empty one is left out.
    pub(crate) fn tags(mut self, from: &str, to: &str) -> Text {
        (self.from, self.to) = (from.into(), to.into());
        self
    }

    pub(crate) fn branch(mut self, branch: &str) -> Text {
        self.branch = branch.into();
        self
    }

    pub(crate) fn header(mut self, line: &str) -> Text {
        let _ = write!(self.headers, "{line}\r\n");
        self
    }

    pub(crate) fn body(self, content_type: &str, body: &str) -> Text {
        let mut text = self.header(&format!("Content-Type: {content_type}"));
        text.body = body.into();
        text
    }

    pub(crate) fn sdp(self, sdp: &str) -> Text {
        self.body("application/sdp", sdp)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let own = format!("z9hG4bK{}{}", self.from, self.cseq).replace(' ', "").replace("CANCEL", "INVITE");
        let branch = if self.branch.is_empty() { &own } else { &self.branch };
        let tag = |tag: &str| if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        format!(
            "{}\r\nVia: SIP/2.0/UDP 192.0.2.7;branch={}\r\nFrom: <sip:a@example.org>{}\r\nTo: <sip:b@example.org>{}\r\n\
             Call-ID: {}\r\nCSeq: {}\r\n{}Content-Length: {}\r\n\r\n{}",
            self.start,
            branch,
            tag(&self.from),
            tag(&self.to),
            self.call_id,
            self.cseq,
            self.headers,
            self.body.len(),
            self.body
        )
        .into_bytes()
    }
}

/// A description with one audio line: PCMU, and events as 101.
pub(crate) fn audio(address: &str, port: u16) -> String {
    lines(address, &format!("m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"))
}

pub(crate) fn lines(address: &str, media: &str) -> String {
    let kind = if address.contains(':') { "IP6" } else { "IP4" };
    format!("v=0\r\no=- 1 1 IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0\r\n{media}")
}

pub(crate) fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint::new(address.parse().expect("an address"), port)
}

/// The flow that arrives on side `from` towards an address, on wire 0 without VLAN.
pub(crate) fn key(from: Side, address: &str, port: u16) -> FlowKey {
    FlowKey { destination: endpoint(address, port), from, ..FlowKey::default() }
}

pub(crate) const PLAIN: (u8, VlanStack) = (0, VlanStack::UNTAGGED);

pub(crate) fn vlan(id: u16) -> (u8, VlanStack) {
    (0, VlanStack([id, VlanStack::NONE]))
}

pub(crate) struct Network {
    pub(crate) calls: Calls,
    pub(crate) now: Instant,
    pub(crate) shadow: HashMap<FlowKey, Flow>,
    pub(crate) last_changes: Vec<FlowUpdate>,
    /// The calls that were told of, and whether they are still up.
    pub(crate) told: HashMap<CallHandle, bool>,
    pub(crate) last_news: Vec<CallEvent>,
    counts: HashMap<Counter, u64>,
}

impl Network {
    pub(crate) fn new() -> Self {
        Network::with(Limits::default(), SecureDefault::Never)
    }

    pub(crate) fn with(limits: Limits, secure: SecureDefault) -> Self {
        Network {
            calls: Calls::new(limits, secure, 7),
            now: Instant::from_nanos(1_000_000_000_000),
            shadow: HashMap::new(),
            last_changes: Vec::new(),
            told: HashMap::new(),
            last_news: Vec::new(),
            counts: HashMap::new(),
        }
    }

    pub(crate) fn send(&mut self, from: Side, text: Text) -> Followed {
        self.send_on(PLAIN, from, text)
    }

    pub(crate) fn send_on(&mut self, (wire, vlan): (u8, VlanStack), from: Side, text: Text) -> Followed {
        self.send_bytes((wire, vlan), from, &text.bytes()).expect("a message")
    }

    pub(crate) fn send_bytes(
        &mut self,
        (wire, vlan): (u8, VlanStack),
        from: Side,
        bytes: &[u8],
    ) -> Option<Followed> {
        let message = Message::new_checked(bytes).ok()?;
        let mut changes = Vec::new();
        let arrival = Arrival {
            now: self.now,
            wire: WireId(wire),
            from,
            vlan,
            source: Endpoint::default(),
            destination: Endpoint::default(),
            message: &message,
        };
        let followed = self.calls.handle(&arrival, &mut changes);
        self.apply(changes);
        Some(followed)
    }

    pub(crate) fn apply(&mut self, changes: Vec<FlowUpdate>) {
        for change in &changes {
            match change {
                FlowUpdate::Install(flow) => self.shadow.insert(flow.key, *flow),
                FlowUpdate::Remove(key) => {
                    Some(self.shadow.remove(key).expect("only what was installed is removed"))
                }
            };
        }
        self.last_changes = changes;
        self.last_news = self.calls.take_news().collect();
        for event in &self.last_news {
            match event {
                CallEvent::Begun(begun) => {
                    assert_eq!(self.told.insert(begun.call, true), None, "each call begins once");
                }
                CallEvent::Ended { call, .. } => {
                    assert_eq!(self.told.insert(*call, false), Some(true), "each call that began ends once");
                }
                CallEvent::MediaLost { call } | CallEvent::ForcedOff { call } => {
                    assert_eq!(self.told.get(call), Some(&true), "nothing is told after the end");
                }
            }
        }
        self.check();
    }

    /// What holds after every step.
    pub(crate) fn check(&self) {
        let flows: HashMap<FlowKey, Flow> = self.calls.flows().map(|flow| (flow.key, flow)).collect();
        assert_eq!(flows, self.shadow, "the changes are what the table says");
        for flow in self.shadow.values() {
            assert_eq!(flow.learn, flow.key.from == Customer);
            let (towards_customer, towards_carrier) = (flow.mode.is_secured(), flow.reverse.is_secured());
            assert!(!(if flow.key.from == Carrier { towards_carrier } else { towards_customer }), "{flow:?}");
            let secured = towards_customer || towards_carrier;
            assert!(secured || !self.calls.is_secured(flow.call), "{flow:?}");
            assert!(!secured || self.calls.secured_count() > 0, "{flow:?}");
        }
        let mut up: Vec<CallHandle> = Vec::new();
        while let Some((begun, _)) = self.calls.begun_from(up.last().map_or(0, |call| call.slot + 1)) {
            up.push(begun.call);
        }
        assert!(up.iter().all(|call| self.told.get(call) == Some(&true)), "who is up was told of");
        assert_eq!(up.len(), self.told.values().filter(|up| **up).count(), "and nobody else");
        assert_eq!(self.calls.secured().count(), self.calls.secured_count());
        assert!(self.calls.secured().all(|call| self.calls.is_secured(call)));
        assert_eq!(self.calls.deadline().is_none(), self.calls.is_empty());
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(deadline) = self.calls.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            let mut changes = Vec::new();
            self.calls.expire(self.now, &mut changes);
            self.apply(changes);
        }
        self.now = until;
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    pub(crate) fn find(&self, call_id: &str) -> CallHandle {
        self.calls.find(call_id.as_bytes()).expect("the call is known")
    }

    pub(crate) fn knows(&self, call_id: &str) -> bool {
        self.calls.find(call_id.as_bytes()).is_some()
    }

    pub(crate) fn secure(&mut self, call_id: &str) -> CallHandle {
        let call = self.find(call_id);
        let mut changes = Vec::new();
        self.calls.secure(self.now, call, MaskKey::Pound, &mut changes).expect("it may be secured");
        self.apply(changes);
        call
    }

    pub(crate) fn release(&mut self, call_id: &str) {
        let call = self.find(call_id);
        let mut changes = Vec::new();
        self.calls.release(self.now, call, &mut changes).expect("it may be released");
        self.apply(changes);
    }

    pub(crate) fn learned(&mut self, flow: FlowKey, source: Endpoint) {
        let mut changes = Vec::new();
        self.calls.learned(self.now, &flow, source, &mut changes);
        self.apply(changes);
    }

    pub(crate) fn media(&mut self, call_id: &str) {
        let call = self.find(call_id);
        self.calls.media_seen(self.now, call);
    }

    /// The caller is heard on a flow.
    pub(crate) fn hear(&mut self, address: &str, port: u16, content: Content) {
        self.calls.caller_heard(self.now, &key(Carrier, address, port), self.now, content);
    }

    pub(crate) fn try_enter(&mut self, call: CallHandle, rules: Rules) -> Result<(), Refusal> {
        let mut changes = Vec::new();
        let entered = self.calls.enter(self.now, call, MaskKey::One, rules, &mut changes);
        self.apply(changes);
        entered
    }

    /// A payment puts a call into SecureMode whose caller is heard everywhere.
    pub(crate) fn enter(&mut self, call: CallHandle, rules: Rules) {
        for flow in self.shadow.values() {
            self.calls.caller_heard(self.now, &flow.key, self.now, Content::Audio);
        }
        self.try_enter(call, rules).expect("it may be secured");
    }

    pub(crate) fn flow(&self, from: Side, address: &str, port: u16) -> &Flow {
        let key = key(from, address, port);
        assert!(self.shadow.contains_key(&key), "{key:?} is followed");
        &self.shadow[&key]
    }

    pub(crate) fn has(&self, from: Side, address: &str, port: u16) -> bool {
        self.shadow.contains_key(&key(from, address, port))
    }

    pub(crate) fn mode(&self, from: Side, address: &str, port: u16) -> FlowMode {
        self.flow(from, address, port).mode
    }

    pub(crate) fn counted(&mut self, counter: Counter) -> u64 {
        for (counter, many) in self.calls.take_counts() {
            *self.counts.entry(counter).or_default() += many;
        }
        self.counts.get(&counter).copied().unwrap_or_default()
    }

    /// A call from the carrier side, answered: the caller receives at 198.51.100.1:4000, the agent at
    /// 203.0.113.1:5000.
    pub(crate) fn call_up(&mut self, call_id: &str) {
        self.send(Carrier, request("INVITE", 1).call(call_id).sdp(&audio("198.51.100.1", 4000)));
        self.send(Customer, response(200, "INVITE", 1).call(call_id).sdp(&audio("203.0.113.1", 5000)));
        self.send(Carrier, request("ACK", 1).call(call_id).tags("a", "b"));
    }

    /// The caller hangs up.
    pub(crate) fn hang_up(&mut self, call_id: &str) {
        self.send(Carrier, request("BYE", 9).call(call_id).tags("a", "b"));
        self.send(Customer, response(200, "BYE", 9).call(call_id));
    }
}

pub(crate) const MASKED: FlowMode = FlowMode::Mask(MaskKey::Pound);
