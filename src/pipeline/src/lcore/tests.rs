use core::time::Duration;

use handover::{
    Answer, CallHandle, Content, Format, FormatKind, Formats, MaskKey, NumberedUpdate, Press, Rules,
};

use super::*;

mod tapped;

/// A frame that goes on in further segments.
struct Chained(Vec<u8>);

impl Buffer for Chained {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
    fn is_chained(&self) -> bool {
        true
    }
}

struct Taken<B> {
    left: Vec<B>,
    reports: Vec<Report>,
}

impl<B> Default for Taken<B> {
    fn default() -> Self {
        Taken { left: Vec::new(), reports: Vec::new() }
    }
}

impl<B> Outputs<B> for Taken<B> {
    fn transmit(&mut self, _wire: WireId, _toward: Side, frame: B) {
        self.left.push(frame);
    }
    fn to_signalling(&mut self, arrival: Arrival<B>) -> Result<(), Arrival<B>> {
        Err(arrival)
    }
    fn report(&mut self, report: Report) -> Result<(), Report> {
        self.reports.push(report);
        Ok(())
    }
    fn press(&mut self, press: Press) -> Result<(), Press> {
        Err(press)
    }
    fn answer(&mut self, _token: u64, _answer: Answer) {}
}

/// The payload type of linear audio.
const LINEAR: u8 = 96;
const AGENT: [u8; 4] = [198, 51, 100, 20];

fn lcore<B: Buffer>() -> (Lcore<B>, LcoreLink, Counters) {
    let (link, counters) = (LcoreLink::new(16), Counters::default());
    let pad = Pad::new(|_| Ok(())).expect("a page may be locked");
    (
        Lcore::new(
            LcoreLimits { flows: 2, streams: 2, listeners: 2 },
            link.clone(),
            counters.clone(),
            pad,
            1,
        ),
        link,
        counters,
    )
}

fn flow(port: u16, from: Side, mode: FlowMode) -> Flow {
    let mut formats = Formats::default();
    formats.push(Format { payload_type: 0, kind: FormatKind::Pcmu, clock_khz: 8 });
    formats.push(Format { payload_type: LINEAR, kind: FormatKind::L16, clock_khz: 8 });
    formats.push(Format { payload_type: 101, kind: FormatKind::TelephoneEvent, clock_khz: 8 });
    Flow {
        key: FlowKey {
            destination: Endpoint::new(AGENT.into(), port),
            vlan: VlanStack::UNTAGGED,
            wire: WireId(0),
            from,
        },
        call: CallHandle { slot: 1, generation: 1 },
        mode,
        formats,
        rules: Rules::default(),
        order: 0,
        encrypted: false,
        reverse: FlowMode::Pass,
        learn: from == Side::Customer,
    }
}

/// An RTP packet to the agent's address, from a port of the test's choice.
fn rtp(source_port: u16, port: u16) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([0x08, 0, 0x45, 0, 0, 20 + 8 + 12 + 160, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 20]);
    frame.extend(AGENT);
    frame.extend(source_port.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend([0, 8 + 12 + 160, 0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    frame.extend([0x55; 160]);
    frame
}

fn install(link: &LcoreLink, number: u64, flow: Flow) {
    assert!(link.send(NumberedUpdate { number, update: FlowUpdate::Install(flow) }));
}

#[test]
fn chained_frames_pass_except_towards_a_secured_call() {
    let (mut lcore, link, counters) = lcore();
    let arrive = |lcore: &mut Lcore<Chained>, frame: Vec<u8>| {
        let mut out = Taken::default();
        lcore.process(
            Instant::ZERO,
            WireId(0),
            Side::Carrier,
            core::iter::once(Chained(frame.clone())),
            &mut out,
        );
        out.left.iter().inspect(|left| assert_eq!(left.0, frame)).count()
    };
    assert_eq!(arrive(&mut lcore, rtp(9, 4000)), 1);
    install(&link, 1, flow(4000, Side::Carrier, FlowMode::Mask(MaskKey::Pound)));
    lcore.follow();
    assert_eq!(arrive(&mut lcore, rtp(9, 4000)), 0);
    let mut elsewhere = rtp(9, 4000);
    elsewhere[33] ^= 1;
    assert_eq!(arrive(&mut lcore, elsewhere), 1);
    assert_eq!(arrive(&mut lcore, vec![7; 10]), 1, "a runt");
    assert_eq!(counters.get(Counter::DropSecuredChained), 1);
    assert_eq!(counters.get(Counter::PassChained), 3);
}

#[test]
fn a_source_is_reported_once_and_a_flood_of_sources_at_most_every_fifty_milliseconds() {
    let (mut lcore, link, _) = lcore();
    install(&link, 1, flow(4000, Side::Customer, FlowMode::Pass));
    lcore.follow();
    let mut out = Taken::default();
    let mut arrive = |now: u64, port: u16| {
        let now = Instant::from_nanos(now * 1_000_000);
        lcore.process(now, WireId(0), Side::Customer, core::iter::once(rtp(port, 4000)), &mut out);
        out.reports.drain(..).filter(|report| matches!(report, Report::Source { .. })).count()
    };
    assert_eq!(arrive(1, 500), 1);
    assert_eq!(arrive(2, 500), 0);
    assert_eq!((3..40).map(|now| arrive(now, now as u16)).sum::<usize>(), 0);
    assert_eq!(arrive(60, 700), 1);
}

/// Sends a packet of a type every 20 ms, from one time to another in milliseconds; when reports were made, and of what.
fn reports_of(
    lcore: &mut Lcore<Vec<u8>>,
    side: Side,
    span: core::ops::Range<u64>,
    payload_type: impl Fn(u64) -> u8,
) -> Vec<(u64, Option<Content>)> {
    let mut reports = Vec::new();
    for at in span.step_by(20) {
        let mut out = Taken::default();
        let now = Instant::from_nanos(at * 1_000_000);
        let mut frame = rtp(9, 4000);
        frame[43] = payload_type(at);
        frame[45] = (at / 20) as u8;
        lcore.serve(now, &mut out);
        lcore.process(now, WireId(0), side, core::iter::once(frame), &mut out);
        reports.extend(out.reports.into_iter().filter_map(|report| match report {
            Report::MediaSeen(_) => Some((at, None)),
            Report::Caller { content, at: came, .. } => {
                assert_eq!(came, now);
                Some((at, Some(content)))
            }
            _ => None,
        }));
    }
    reports
}

#[test]
fn media_is_reported_once_a_period() {
    let (mut lcore, link, _) = lcore();
    install(&link, 1, flow(4000, Side::Customer, FlowMode::Pass));
    install(&link, 2, flow(4000, Side::Carrier, FlowMode::Pass));
    lcore.follow();
    let agent = reports_of(&mut lcore, Side::Customer, 0..20_000, |_| 0);
    assert_eq!(agent, [0, 5_000, 10_000, 15_000].map(|at| (at, None)));
    let caller = reports_of(&mut lcore, Side::Carrier, 20_000..23_000, |_| 0);
    assert_eq!(caller, [20_000, 21_000, 22_000].map(|at| (at, Some(Content::Audio))));
    // In SecureMode, at once and often.
    install(&link, 3, flow(4000, Side::Carrier, FlowMode::Mask(MaskKey::Pound)));
    lcore.follow();
    let caller = reports_of(&mut lcore, Side::Carrier, 23_000..24_000, |_| 0);
    assert_eq!(caller.len(), 17);
    assert_eq!(caller[..2], [23_000, 23_060].map(|at| (at, Some(Content::Audio))));
}

#[test]
fn another_payload_type_is_reported_at_once_but_no_flood_of_them() {
    let (mut lcore, link, _) = lcore();
    install(&link, 1, flow(4000, Side::Carrier, FlowMode::Pass));
    lcore.follow();
    let kind = |at| if at < 400 { 0 } else { 101 };
    let caller = reports_of(&mut lcore, Side::Carrier, 0..800, kind);
    // As events they are too long.
    assert_eq!(caller, [(0, Some(Content::Audio)), (400, Some(Content::Unmaskable))]);
    let mut reports = 0;
    for at in 800_000..900_000_u64 {
        let mut out = Taken::default();
        let mut frame = rtp(9, 4000);
        frame[43] = (at % 2) as u8;
        lcore.process(
            Instant::from_nanos(at * 1_000),
            WireId(0),
            Side::Carrier,
            core::iter::once(frame),
            &mut out,
        );
        reports += out.reports.len();
    }
    assert!(reports <= 6, "{reports} in 100 ms");
}

#[test]
fn a_full_flow_table_fails_closed_and_streams_come_back() {
    let (mut lcore, link, counters) = lcore();
    let secured = FlowMode::Mask(MaskKey::Pound);
    for port in 1..=3 {
        install(&link, u64::from(port), flow(port, Side::Carrier, secured));
    }
    lcore.follow();
    assert_eq!((lcore.flows(), link.acknowledged(), counters.get(Counter::FlowsFull)), (2, 3, 1));
    let mut out = Taken::default();
    lcore.process(Instant::ZERO, WireId(0), Side::Carrier, core::iter::once(rtp(9, 3)), &mut out);
    assert!(out.left.is_empty(), "a secured flow without room does not leave");
    for round in 0..10_u64 {
        let number = 4 + round * 2;
        let mut out = Taken::default();
        let mut frame = rtp(9, 1);
        // The sequence number.
        frame[45] = round as u8;
        lcore.process(Instant::ZERO, WireId(0), Side::Carrier, core::iter::once(frame), &mut out);
        lcore.serve(Instant::from_nanos(1_000_000_000), &mut out);
        assert_eq!(out.left.len(), 1);
        let key = flow(1, Side::Carrier, secured).key;
        if round % 2 == 0 {
            install(&link, number, flow(1, Side::Carrier, FlowMode::Pass));
        } else {
            assert!(link.send(NumberedUpdate { number, update: FlowUpdate::Remove(key) }));
        }
        install(&link, number + 1, flow(1, Side::Carrier, secured));
        lcore.follow();
    }
    assert_eq!(counters.get(Counter::StreamsFull), 0, "each stream's state was given back");
}

/// 10 ms of a tone, linear: `number` counts packets from the first one on.
fn keyed(source: ([u8; 4], u16), destination: ([u8; 4], u16), number: u16) -> Vec<u8> {
    let mut frame = rtp(source.1, destination.1);
    frame[26..30].copy_from_slice(&source.0);
    frame[30..34].copy_from_slice(&destination.0);
    frame[43] = LINEAR;
    frame[44..46].copy_from_slice(&number.to_be_bytes());
    frame[46..50].copy_from_slice(&(u32::from(number) * 80).to_be_bytes());
    for (place, at) in frame[54..].as_chunks_mut::<2>().0.iter_mut().zip(u32::from(number) * 80..) {
        let angle = core::f64::consts::TAU * f64::from(at) / 8000.0;
        let sample = 6000.0 * ((770.0 * angle).sin() + (1336.0 * angle).sin());
        *place = (sample as i16).to_be_bytes();
    }
    frame
}

#[test]
fn keys_of_strays_are_heard_while_the_other_side_talks() {
    let (mut lcore, link, counters) = lcore();
    let caller =
        Flow { reverse: FlowMode::Mask(MaskKey::Pound), ..flow(4000, Side::Customer, FlowMode::Pass) };
    install(&link, 1, caller);
    lcore.follow();
    let mut out = Taken::default();
    for number in 0..20 {
        let now = Instant::ZERO + Duration::from_millis(10 * u64::from(number));
        lcore.serve(now, &mut out);
        let stray = keyed((AGENT, 4000), ([192, 0, 2, 77], 9), number);
        lcore.process(now, WireId(0), Side::Carrier, core::iter::once(stray), &mut out);
        lcore.process(now, WireId(0), Side::Customer, core::iter::once(rtp(9, 4000)), &mut out);
    }
    lcore.serve(Instant::from_nanos(10_000_000_000), &mut out);
    assert_eq!(counters.get(Counter::PressesLost), 1, "the key was heard");
    assert_eq!(out.left.len(), 40);
}

#[test]
fn what_is_held_when_masking_fails_leaves_silent_and_at_once() {
    let (mut lcore, link, _) = lcore();
    install(&link, 1, flow(4000, Side::Carrier, FlowMode::Mask(MaskKey::Pound)));
    lcore.follow();
    let mut out = Taken::default();
    let frames = (0..2).map(|number| keyed(([192, 0, 2, 77], 9), (AGENT, 4000), number));
    lcore.process(Instant::ZERO, WireId(0), Side::Carrier, frames, &mut out);
    assert!(out.left.is_empty());
    lcore.fail_closed();
    lcore.serve(Instant::ZERO, &mut out);
    assert_eq!(out.left.len(), 2);
    assert!(out.left.iter().all(|frame| frame[54..].iter().all(|byte| *byte == 0)));
}

#[test]
fn after_masking_failed_a_flow_is_silent_until_it_is_ordered_into_secure_mode_anew_or_leaves_it() {
    let (mut lcore, link, _) = lcore();
    let paid = flow(4000, Side::Carrier, FlowMode::Mask(MaskKey::Pound));
    let other = flow(4002, Side::Carrier, FlowMode::Mask(MaskKey::Pound));
    let mut updates = 0;
    let mut tell = |lcore: &mut Lcore<_>, flow: Flow| {
        updates += 1;
        install(&link, updates, flow);
        lcore.follow();
    };
    let mut clock = Instant::ZERO;
    let mut number = 0;
    let mut events = |lcore: &mut Lcore<_>, port: u16| {
        let mut out = Taken::default();
        for _ in 0..4 {
            clock = clock + Duration::from_millis(20);
            number += 1;
            let key = keyed(([192, 0, 2, 77], 9), (AGENT, port), number);
            lcore.process(clock, WireId(0), Side::Carrier, core::iter::once(key), &mut out);
        }
        clock = clock + Duration::from_secs(1);
        lcore.serve(clock, &mut out);
        out.left.iter().filter(|frame| frame[54..].iter().any(|byte| *byte != 0)).count()
    };
    tell(&mut lcore, paid);
    tell(&mut lcore, other);
    assert_eq!((events(&mut lcore, 4000), events(&mut lcore, 4002)), (4, 4));
    lcore.fail_closed();
    assert_eq!((events(&mut lcore, 4000), events(&mut lcore, 4002)), (0, 0), "silent");
    tell(&mut lcore, paid);
    assert_eq!(events(&mut lcore, 4000), 0, "described anew, and nothing else");
    tell(&mut lcore, Flow { rules: Rules::default().with_field_open(true), ..paid });
    assert_eq!(events(&mut lcore, 4000), 0, "its field opens");
    tell(&mut lcore, Flow { order: 1, ..paid });
    assert_eq!((events(&mut lcore, 4000), events(&mut lcore, 4002)), (4, 0), "ordered anew");
    tell(&mut lcore, Flow { mode: FlowMode::Pass, ..other });
    tell(&mut lcore, other);
    assert_eq!(events(&mut lcore, 4002), 4, "it had left");
}

/// A payment opens and closes its fields while keys come: what is held, and what was heard, stays.
#[test]
fn other_rules_leave_a_streams_state_alone() {
    let (mut lcore, link, counters) = lcore();
    let secured = flow(4000, Side::Carrier, FlowMode::Mask(MaskKey::Pound));
    install(&link, 1, secured);
    lcore.follow();
    let mut out = Taken::default();
    let caller = ([192, 0, 2, 77], 9);
    for number in 0..30_u16 {
        let now = Instant::ZERO + Duration::from_millis(10 * u64::from(number));
        let rules = Rules::default().with_field_open(number % 2 == 0);
        install(&link, 2 + u64::from(number), Flow { rules, ..secured });
        lcore.follow();
        lcore.serve(now, &mut out);
        let key = keyed(caller, (AGENT, 4000), number);
        lcore.process(now, WireId(0), Side::Carrier, core::iter::once(key), &mut out);
    }
    assert!(out.left.len() < 30, "some are held all the time");
    lcore.serve(Instant::from_nanos(10_000_000_000), &mut out);
    assert_eq!(out.left.len(), 30);
    assert_eq!(counters.get(Counter::PressesLost), 1, "the key that was down all the time was heard once");
    let sequence = |frame: &Vec<u8>| u16::from_be_bytes([frame[44], frame[45]]);
    assert!(out.left.iter().map(sequence).eq(0..30), "in order");
    let first = keyed(caller, (AGENT, 4000), 15);
    assert!(out.left.iter().all(|frame| frame[54..] != first[54..]), "and masked");
}
