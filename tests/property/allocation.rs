//! Forwarding and masking allocate nothing per packet. What allocates is the control core, whose allocator wipes what is given
//! back: what that costs is printed.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod allocator;

use std::alloc::System;
use std::net::SocketAddr;
use std::time::Duration;

use handover::{
    Answer, Counter, Counters, Endpoint, Flow, FlowKey, FlowMode, FlowUpdate, Format, FormatKind, Formats,
    Instant, LcoreLink, MaskKey, NumberedUpdate, Press, Rules, Side, VlanStack, WireId,
};
use keyhush_tests::frame::udp;
use keyhush_tests::played::pad;
use keyhush_tests::rtp::{KeyPlan, Stream};
use pipeline::lcore::LcoreLimits;
use pipeline::{Arrival, Lcore, Outputs, Report, TapFull, Tapped};
use recording::feed::{Feed, Intake, Taken, feed};
use recording::frame::{Channel, Format as Recorded, Frame};
use zeroizing_alloc::ZeroAlloc;

use allocator::{Counting, allocations, time_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WIRE: WireId = WireId(0);

/// An edge with room for all that will come.
struct Room {
    left: Vec<Vec<u8>>,
    signals: Vec<Arrival<Vec<u8>>>,
    reports: Vec<Report>,
    presses: Vec<Press>,
    recorder: (Feed, Intake),
    recorded: usize,
}

impl Room {
    fn for_frames(many: usize) -> Self {
        Room {
            left: Vec::with_capacity(many),
            signals: Vec::with_capacity(many),
            reports: Vec::with_capacity(many),
            presses: Vec::with_capacity(many),
            recorder: feed(48),
            recorded: 0,
        }
    }

    /// What the recorder does now and then.
    fn record(&mut self) {
        while let Some(taken) = self.recorder.1.take() {
            self.recorded += usize::from(matches!(taken, Taken::Frame(_)));
        }
    }
}

impl Outputs<Vec<u8>> for Room {
    fn transmit(&mut self, _wire: WireId, _toward: Side, frame: Vec<u8>) {
        self.left.push(frame);
    }
    fn to_signalling(&mut self, arrival: Arrival<Vec<u8>>) -> Result<(), Arrival<Vec<u8>>> {
        self.signals.push(arrival);
        Ok(())
    }
    fn report(&mut self, report: Report) -> Result<(), Report> {
        self.reports.push(report);
        Ok(())
    }
    fn press(&mut self, press: Press) -> Result<(), Press> {
        self.presses.push(press);
        Ok(())
    }
    fn answer(&mut self, _token: u64, _answer: Answer) {}
    fn tap(&mut self, tapped: &Tapped<'_>) -> Result<(), TapFull> {
        let arrived = tapped.arrived.as_nanos();
        let frame = Frame::new(Channel::Caller, arrived, Recorded::Pcmu, tapped.released);
        self.recorder.0.offer(1, &frame).map_err(|_| TapFull)
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn flow(destination: SocketAddr, mode: FlowMode, rules: Rules) -> Flow {
    let mut formats = Formats::default();
    for (payload_type, kind) in
        [(101, FormatKind::TelephoneEvent), (121, FormatKind::Redundancy), (0, FormatKind::Pcmu)]
    {
        formats.push(Format { payload_type, kind, clock_khz: 8 });
    }
    let key = FlowKey {
        destination: Endpoint::new(destination.ip(), destination.port()),
        vlan: VlanStack::UNTAGGED,
        wire: WIRE,
        from: Side::Carrier,
    };
    Flow { key, mode, formats, learn: true, rules, ..Flow::default() }
}

/// Two thousand packets of audio, events, redundancy, other UDP and what is no UDP.
fn traffic(destination: SocketAddr) -> Vec<Vec<u8>> {
    let source = address("192.0.2.20:20000");
    let mut plain = Stream::new(1);
    let mut redundant = Stream::new(2);
    redundant.redundancy_type = Some(121);
    let mut frames = Vec::new();
    let mut send = |packet: &[u8]| frames.push(udp(Side::Carrier, &[], source, destination, 1, packet));
    for round in 0..100_u8 {
        for packet in plain.press(b"0123456789*#ABCD"[usize::from(round) % 16], &KeyPlan::default()) {
            send(&packet);
        }
        for packet in redundant.press(b'5', &KeyPlan::default()) {
            send(&packet);
        }
        for _ in 0..4 {
            send(&plain.audio());
        }
        // RTCP, STUN, a keep-alive, and something else.
        send(&[0x80, 200, 0, 1, 1, 2, 3, 4]);
        send(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
        send(b"\r\n");
        send(&[0x55; 40]);
    }
    let elsewhere = address("198.51.100.99:9");
    frames.push(udp(Side::Carrier, &[], source, elsewhere, 1, b"elsewhere"));
    frames.push(vec![0xff; 60]);
    frames.push(Vec::new());
    frames
}

fn run(mode: FlowMode, rules: Rules) -> (Counters, Room) {
    let destination = address("198.51.100.20:30000");
    let link = LcoreLink::new(64);
    let counters = Counters::default();
    let mut lcore = Lcore::new(LcoreLimits::default(), link.clone(), counters.clone(), pad(), 1);
    let update = FlowUpdate::Install(flow(destination, mode, rules));
    assert!(link.send(NumberedUpdate { number: 1, update }), "the ring is empty");
    lcore.follow();
    assert_eq!(link.acknowledged(), 1);
    let frames = traffic(destination);
    let many = frames.len();
    let mut room = Room::for_frames(many);
    let mut now = Instant::from_nanos(1_000_000_000);
    let mut frames = frames.into_iter();
    let (allocated, ()) = allocations(|| {
        while frames.len() > 0 {
            lcore.follow();
            lcore.process(now, WIRE, Side::Carrier, frames.by_ref().take(32), &mut room);
            room.record();
            now = now + core::time::Duration::from_millis(20);
        }
    });
    assert_eq!(allocated, 0, "allocations in {many} packets, {mode:?}");
    (counters, room)
}

#[test]
fn the_allocator_counts() {
    let (allocated, kept) = allocations(|| vec![1_u8; 100]);
    assert_eq!((allocated, kept.len()), (1, 100));
}

#[test]
fn forwarding_allocates_nothing() {
    let (counters, room) = run(FlowMode::Pass, Rules::default());
    assert!(counters.get(Counter::PassMedia) > 1_500);
    assert!(room.presses.is_empty() && !room.reports.is_empty());
}

#[test]
fn masking_allocates_nothing() {
    let (counters, room) = run(FlowMode::Mask(MaskKey::Pound), Rules::default());
    assert!(counters.get(Counter::MaskedEvent) > 1_000);
    assert!(counters.get(Counter::DropSecuredUnreadable) >= 100);
    assert_eq!(room.presses.len(), 200);
}

#[test]
fn silencing_allocates_nothing() {
    let (counters, room) = run(FlowMode::Silence(MaskKey::Pound), Rules::default());
    assert!(counters.get(Counter::Silenced) >= 400);
    assert!(counters.get(Counter::DropSilenced) > 1_000);
    assert!(room.presses.is_empty());
}

#[test]
fn recording_allocates_nothing_and_boxes_go_round() {
    let recorded = Rules::default().with_recorded(true);
    for mode in [FlowMode::Pass, FlowMode::Mask(MaskKey::Pound), FlowMode::Silence(MaskKey::Pound)] {
        let (counters, room) = run(mode, recorded);
        assert!(counters.get(Counter::Tapped) >= 400, "{mode:?}");
        assert_eq!(counters.get(Counter::TapLost), 0, "{mode:?}");
        assert_eq!(room.recorded as u64, counters.get(Counter::Tapped), "{mode:?}");
    }
}

#[test]
fn wiping_what_is_given_back_costs_a_small_multiple_of_an_allocation() {
    // A request's strings, a header map, buffers of hyper and of rustls.
    let sizes = [16, 32, 48, 64, 100, 200, 400, 1_000, 4_000, 8_192, 16_384];
    let rounds = 2_000;
    // The best of some tries: other tests share the cores.
    let best = |time: &dyn Fn() -> Duration| (0..7).map(|_| time()).min().expect("a try");
    let plain = best(&|| time_of(&System, &sizes, rounds));
    let wiped = best(&|| time_of(&ZeroAlloc(System), &sizes, rounds));
    let blocks = (rounds * sizes.len()) as f64;
    let [plain, wiped] = [plain, wiped].map(|time| time.as_secs_f64() * 1e9 / blocks);
    let ratio = wiped / plain;
    println!(
        "a block asked for, written, grown and given back: {plain:.0} ns, wiped {wiped:.0} ns ({ratio:.2} times)"
    );
    assert!(ratio < 8.0, "{ratio:.2} times");
}
