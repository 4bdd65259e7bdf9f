//! What ends or stops a payment: losses, refusals, hang-ups, time.

use super::*;
use payment::session::{End, Lost, Unmaskable};

#[test]
fn a_call_that_cannot_be_masked_is_refused_with_the_reason() {
    for (refusal, why) in [
        (Refusal::MediaElsewhere, Unmaskable::MediaElsewhere),
        (Refusal::Codec, Unmaskable::Codec),
        (Refusal::Encrypted, Unmaskable::Encrypted),
        (Refusal::NoSuchCall, Unmaskable::NoSuchCall),
        (Refusal::Busy, Unmaskable::Busy),
        (Refusal::Contested, Unmaskable::Contested),
    ] {
        let mut rig = Rig::new();
        rig.answer = Some(Err(refusal));
        rig.call_begins(CALL, "+442079460100");
        let name = rig.begin(0);
        let reference = rig.reference(&name);
        rig.keys(CALL, Side::Customer, &reference);
        rig.wait(1_500);
        assert_eq!(rig.stage(&name), Shown::Stopped(Stop::Refused(why)));
        assert_ne!(rig.icon(&name), Icon::On);
        rig.keys(CALL, Side::Carrier, "4111");
        assert_eq!(rig.keyed(&name, FieldKind::Pan), 0);
    }
}

#[test]
fn without_every_lcores_word_the_icon_is_never_on() {
    let mut rig = Rig::new();
    rig.answer = None;
    rig.call_begins(CALL, "+442079460100");
    let name = rig.begin(0);
    let reference = rig.reference(&name);
    rig.keys(CALL, Side::Customer, &reference);
    for _ in 0..60 {
        rig.wait(100);
        assert_ne!(rig.icon(&name), Icon::On);
    }
    assert_eq!(rig.stage(&name), Shown::Stopped(Stop::NotAcknowledged));
    assert!(rig.shown(&name)["loud"].as_bool().expect("a truth value"));
}

#[test]
fn a_heartbeat_that_stops_puts_the_icon_out_within_half_a_second() {
    let mut rig = Rig::new();
    let name = rig.paired();
    rig.keys(CALL, Side::Carrier, "4111");
    let lost = (1..60).find(|_| {
        rig.now = rig.now + Duration::from_millis(10);
        rig.turn_without_heartbeat();
        rig.icon(&name) == Icon::Stop
    });
    assert!(lost.is_some_and(|turns| turns <= 42), "{lost:?}");
    assert_eq!(rig.stage(&name), Shown::Stopped(Stop::Lost(Lost::Heartbeat)));
    rig.keys(CALL, Side::Carrier, "1111");
    assert_eq!(rig.keyed(&name, FieldKind::Pan), 0, "nothing is captured any more");
    let agent = rig.agents[0].clone();
    assert_eq!(rig.desk.click(rig.now, &agent, &name, Click::StartAgain), Some(Handled::Done));
    rig.wait(100);
    assert_eq!((rig.stage(&name), rig.icon(&name)), (Shown::Keying, Icon::On));
}

#[test]
fn lost_media_and_somebody_elses_end_of_secure_mode_are_told_loudly() {
    for (event, why) in [
        (CallEvent::MediaLost { call: CALL }, Lost::Media),
        (CallEvent::ForcedOff { call: CALL }, Lost::ForcedOff),
    ] {
        let mut rig = Rig::new();
        let name = rig.paired();
        rig.desk.call_event(rig.now, event);
        assert_eq!((rig.stage(&name), rig.icon(&name)), (Shown::Stopped(Stop::Lost(why)), Icon::Stop));
    }
}

#[test]
fn a_hang_up_wipes_what_was_keyed_and_the_page_goes_after_a_while() {
    let mut rig = Rig::new();
    let name = rig.paired();
    let before = rig.config.vault.free();
    rig.keys(CALL, Side::Carrier, "41111");
    rig.desk.call_event(rig.now, CallEvent::Ended { call: CALL, at: None });
    assert_eq!(rig.stage(&name), Shown::Stopped(Stop::HungUp));
    rig.wait(200);
    assert!(rig.config.vault.free() > before, "the field's place is free again");
    let agent = rig.agents[0].clone();
    assert_eq!(rig.desk.click(rig.now, &agent, &name, Click::Cancel), Some(Handled::Done));
    rig.wait(10_000);
    assert_eq!(rig.stage(&name), Shown::Ended(End::Cancelled));
    rig.wait(130_000);
    assert!(rig.desk.payment_of(&agent, &name).is_none());
    assert_eq!((rig.desk.payments.len(), rig.desk.names.len(), rig.desk.timers.len()), (0, 0, 0));
    assert_eq!(rig.config.vault.free(), rig.config.vault.slots());
}

#[test]
fn a_desk_that_starts_again_lets_calls_of_lost_payments_go_only_after_long_quiet() {
    let mut rig = Rig::new();
    let begun = |rig: &Rig| CallBegun {
        call: CALL,
        since: rig.now,
        wire: WireId(0),
        from: Side::Carrier,
        called: [Some("sip:+442079460100@x".into()), None],
        calling: [None, None],
        call_id: "call-1".into(),
        held: true,
    };
    let event = CallEvent::Begun(Box::new(begun(&rig)));
    rig.desk.call_event(rig.now, event);
    let leaves = |command: &Command| matches!(command, Command::Leave { call: CALL });
    rig.wait(598_000);
    rig.keys(CALL, Side::Carrier, "4444444444");
    rig.wait(2_000);
    assert!(!rig.has(leaves), "the caller still keys");
    rig.wait(2_000);
    assert!(rig.has(leaves));
    // An agent who pairs again before takes it over.
    let mut rig = Rig::new();
    let event = CallEvent::Begun(Box::new(begun(&rig)));
    rig.desk.call_event(rig.now, event);
    let name = rig.begin(0);
    let reference = rig.reference(&name);
    rig.keys(CALL, Side::Customer, &reference);
    rig.wait(1_500);
    assert_eq!(rig.stage(&name), Shown::Keying);
}

#[test]
fn agents_cannot_open_payments_without_end() {
    let mut rig = Rig::new();
    for _ in 0..OF_ONE_AGENT {
        rig.begin(0);
    }
    let money = Money::new(1, "GBP").expect("money");
    let agent = rig.agents[0].clone();
    assert_eq!(rig.desk.begin(rig.now, agent.clone(), money, ""), Err(NoPayment::TooMany));
    // Nor cancel and begin without end: pages that are only read count too.
    let names: Vec<String> = rig.desk.names.keys().cloned().collect();
    for name in names {
        assert_eq!(rig.desk.click(rig.now, &agent, &name, Click::Cancel), Some(Handled::Done));
    }
    let mut begun = OF_ONE_AGENT;
    while let Ok(name) = rig.desk.begin(rig.now, agent.clone(), money, "") {
        begun += 1;
        assert_eq!(rig.desk.click(rig.now, &agent, &name, Click::Cancel), Some(Handled::Done));
    }
    assert_eq!(begun, PAGES_OF_ONE_AGENT);
    let other = Agent { tenant: "nobody".into(), ..rig.agents[1].clone() };
    assert_eq!(rig.desk.begin(rig.now, other, money, ""), Err(NoPayment::NoTenant));
    let other = rig.agents[1].clone();
    assert_eq!(rig.desk.begin(rig.now, other, money, "4111 1111 1111 1111"), Err(NoPayment::Order));
}
