//! What the recorder is handed: what left, as it left.

use super::*;
use crate::outputs::{TapFull, Tapped};

/// What was handed over, and what left, in order.
#[derive(Default)]
struct Recorded {
    /// Whose, when it came, whether its call was in SecureMode, and the packet.
    tapped: Vec<(Side, Instant, bool, Vec<u8>)>,
    left: Vec<(Side, Vec<u8>)>,
    is_full: bool,
}

impl Outputs<Vec<u8>> for Recorded {
    fn transmit(&mut self, _wire: WireId, toward: Side, frame: Vec<u8>) {
        self.left.push((toward.opposite(), frame[42..].to_vec()));
    }
    fn to_signalling(&mut self, arrival: Arrival<Vec<u8>>) -> Result<(), Arrival<Vec<u8>>> {
        Err(arrival)
    }
    fn report(&mut self, _report: Report) -> Result<(), Report> {
        Ok(())
    }
    fn press(&mut self, _press: Press) -> Result<(), Press> {
        Ok(())
    }
    fn answer(&mut self, _token: u64, _answer: Answer) {}
    fn tap(&mut self, tapped: &Tapped<'_>) -> Result<(), TapFull> {
        if self.is_full {
            return Err(TapFull);
        }
        let Tapped { flow, arrived, is_secured, released } = *tapped;
        self.tapped.push((flow.key.from, arrived, is_secured, released.payload().to_vec()));
        Ok(())
    }
}

impl Recorded {
    /// Holds what was handed over against what left, which it must be to the byte and in order.
    fn assert_as_left(&self) {
        let tapped: Vec<_> = self.tapped.iter().map(|(from, _, _, packet)| (*from, packet.clone())).collect();
        assert!(tapped == self.left);
    }
}

/// A call whose flows are recorded in both directions, as far as `mode` says in SecureMode.
fn call(lcore: &mut Lcore<Vec<u8>>, link: &LcoreLink, number: u64, mode: FlowMode, is_recorded: bool) {
    let rules = Rules::default().with_field_open(true).with_recorded(is_recorded);
    let caller = Flow { rules, ..flow(4000, Side::Carrier, mode) };
    let agent = Flow { rules, reverse: mode, ..flow(5000, Side::Customer, FlowMode::Pass) };
    install(link, number, caller);
    install(link, number + 1, agent);
    lcore.follow();
}

/// Both talk, the caller pressing a key all the time, in packets of 10 ms.
fn talk(lcore: &mut Lcore<Vec<u8>>, span: core::ops::Range<u16>, out: &mut Recorded) {
    let caller = ([192, 0, 2, 77], 9);
    for number in span {
        let now = Instant::ZERO + Duration::from_millis(10 * u64::from(number));
        lcore.serve(now, out);
        let key = keyed(caller, (AGENT, 4000), number);
        lcore.process(now, WireId(0), Side::Carrier, core::iter::once(key), out);
        let voice = keyed(caller, (AGENT, 5000), number);
        lcore.process(now, WireId(0), Side::Customer, core::iter::once(voice), out);
    }
}

#[test]
fn what_passes_of_a_recorded_call_is_handed_over_and_of_another_nothing() {
    let (mut lcore, link, counters) = lcore();
    call(&mut lcore, &link, 1, FlowMode::Pass, false);
    let mut out = Recorded::default();
    talk(&mut lcore, 0..20, &mut out);
    assert_eq!((out.left.len(), out.tapped.len()), (40, 0));
    call(&mut lcore, &link, 3, FlowMode::Pass, true);
    let mut out = Recorded::default();
    talk(&mut lcore, 20..40, &mut out);
    out.assert_as_left();
    assert_eq!((out.tapped.len(), counters.get(Counter::Tapped)), (40, 40));
    assert!(out.tapped.iter().all(|(_, _, is_secured, _)| !is_secured));
    // RTCP, STUN and a keep-alive are none of it.
    for payload in [&[0x80, 201, 0, 1, 0, 0, 0, 1][..], &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], b"\r\n"] {
        let mut frame = rtp(9, 4000);
        frame.truncate(42);
        frame.extend(payload);
        (frame[17], frame[39]) = (20 + 8 + payload.len() as u8, 8 + payload.len() as u8);
        lcore.process(Instant::ZERO, WireId(0), Side::Carrier, core::iter::once(frame), &mut out);
    }
    assert_eq!((out.left.len(), out.tapped.len()), (43, 40));
}

#[test]
fn in_secure_mode_what_is_masked_is_handed_over_when_it_leaves_and_as_it_leaves() {
    let (mut lcore, link, counters) = lcore();
    let mut out = Recorded::default();
    for (round, mode) in
        [FlowMode::Pass, FlowMode::Mask(MaskKey::Pound), FlowMode::Pass, FlowMode::Silence(MaskKey::One)]
            .into_iter()
            .enumerate()
    {
        call(&mut lcore, &link, 1 + 2 * round as u64, mode, true);
        let first = 50 * round as u16;
        talk(&mut lcore, first..first + 50, &mut out);
    }
    lcore.serve(Instant::from_nanos(10_000_000_000), &mut out);
    out.assert_as_left();
    assert_eq!((out.tapped.len(), counters.get(Counter::Tapped)), (400, 400));
    for from in [Side::Carrier, Side::Customer] {
        let of_side = || out.tapped.iter().filter(|(side, ..)| *side == from);
        let came = |number: u64| Instant::ZERO + Duration::from_millis(10 * number);
        assert!(of_side().map(|(_, arrived, ..)| *arrived).eq((0..200).map(came)), "when it came");
        let is_secured = |number: u64| matches!(number, 50..100 | 150..);
        assert!(of_side().map(|(_, _, is_secured, _)| *is_secured).eq((0..200).map(is_secured)));
    }
    // What was keyed is not in what was handed over.
    let clear = |packet: &[u8]| {
        let number = u16::from_be_bytes([packet[2], packet[3]]);
        keyed(([192, 0, 2, 77], 9), (AGENT, 4000), number)[42..] == *packet
    };
    let masked = out.tapped.iter().filter(|(from, _, is_secured, _)| *is_secured && *from == Side::Carrier);
    assert!(masked.clone().count() == 100 && masked.clone().all(|(.., packet)| !clear(packet)));
}

#[test]
fn a_recorder_without_room_costs_the_call_nothing() {
    let (mut lcore, link, counters) = lcore();
    for (round, mode) in [FlowMode::Pass, FlowMode::Mask(MaskKey::Pound)].into_iter().enumerate() {
        call(&mut lcore, &link, 1 + 2 * round as u64, mode, true);
        let mut out = Recorded { is_full: true, ..Recorded::default() };
        let first = 20 * round as u16;
        talk(&mut lcore, first..first + 20, &mut out);
        lcore.serve(Instant::from_nanos(10_000_000_000), &mut out);
        assert_eq!((out.left.len(), out.tapped.len()), (40, 0));
    }
    assert_eq!((counters.get(Counter::TapLost), counters.get(Counter::Tapped)), (80, 0));
}

#[test]
fn nothing_encrypted_is_handed_over_but_it_is_counted() {
    let (mut lcore, link, counters) = lcore();
    let rules = Rules::default().with_recorded(true).with_unmaskable_passed(true);
    let mut out = Recorded::default();
    for (nth, mode) in [FlowMode::Pass, FlowMode::Mask(MaskKey::Pound)].into_iter().enumerate() {
        install(&link, 1 + nth as u64, Flow { rules, encrypted: true, ..flow(4000, Side::Carrier, mode) });
        lcore.follow();
        let packet = keyed(([192, 0, 2, 77], 9), (AGENT, 4000), nth as u16);
        lcore.process(Instant::ZERO, WireId(0), Side::Carrier, core::iter::once(packet), &mut out);
    }
    assert_eq!((out.left.len(), out.tapped.len()), (2, 0));
    assert_eq!((counters.get(Counter::TapEncrypted), counters.get(Counter::Tapped)), (2, 0));
}

#[test]
fn without_room_for_its_stream_a_secured_packet_is_handed_over_silent() {
    let (link, counters) = (LcoreLink::new(16), Counters::default());
    let pad = Pad::new(|_| Ok(())).expect("a page may be locked");
    let limits = LcoreLimits { flows: 2, streams: 0, listeners: 0 };
    let mut lcore = Lcore::new(limits, link.clone(), counters, pad, 1);
    call(&mut lcore, &link, 1, FlowMode::Mask(MaskKey::Pound), true);
    let mut out = Recorded::default();
    talk(&mut lcore, 0..10, &mut out);
    out.assert_as_left();
    let silent = out.tapped.iter().filter(|(_, _, _, packet)| packet[12..].iter().all(|byte| *byte == 0));
    assert_eq!((out.tapped.len(), silent.count()), (20, 10));
}
