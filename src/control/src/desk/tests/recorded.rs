//! Who is recorded, and what is suspended.

use handover::rings::Ring;

use super::*;
use crate::desk::recordings::{Link, NotSuspended};
use crate::desk::suspend_api::By;
use crate::recordings::order::{Fact, RecordingOrder};

const RECORDED: &str =
    "[recording]\nrecord = true\nkeep_months = 12\nsuspend_keys = \"*7*8\"\nsuspend_most_s = 60\n";

/// A rig whose first tenant has its calls recorded, and the recorder's end of the ring.
fn rig(capacity: usize) -> (Rig, Ring<RecordingOrder>) {
    let ring = Ring::new(capacity);
    let mut rig = Rig::made(RECORDED, Some(Link::new(ring.clone(), 16)));
    rig.wait(2_000);
    assert_eq!(taken(&ring), [RecordingOrder::AllTold]);
    (rig, ring)
}

fn taken(ring: &Ring<RecordingOrder>) -> Vec<RecordingOrder> {
    std::iter::from_fn(|| ring.pop()).collect()
}

fn begins(order: &RecordingOrder, call: CallHandle) -> bool {
    matches!(order, RecordingOrder::Begin(begun) if begun.call == call)
}

fn suspends(order: &RecordingOrder) -> bool {
    matches!(order, RecordingOrder::Suspend { call: CALL, .. })
}

fn resumes(order: &RecordingOrder) -> bool {
    matches!(order, RecordingOrder::Resume { call: CALL, .. })
}

fn agent_is(order: &RecordingOrder, name: &str) -> bool {
    matches!(order, RecordingOrder::Fact { call: CALL, fact: Fact::Agent(agent) } if agent == name)
}

fn recorded(rig: &Rig) -> Vec<(CallHandle, bool)> {
    let orders = rig.commands.iter().filter_map(|command| match command {
        Command::Record { call, on } => Some((*call, *on)),
        _ => None,
    });
    orders.collect()
}

/// The agent's page, as it is shown.
fn page(rig: &Rig) -> serde_json::Value {
    serde_json::from_str(&rig.desk.line(rig.now, &rig.agents[0]).0).expect("JSON")
}

/// Reads tenants again: the first of them with this at its end.
fn reload(rig: &mut Rig, more: &str) {
    let tenants = tenants(&rig.directory.join("tenants"), more);
    let served = served(tenants);
    rig.desk.serve(rig.now, Arc::new(served));
    rig.turn();
}

#[test]
fn a_call_of_a_tenant_who_records_is_recorded_from_its_beginning_to_its_end() {
    let (mut rig, ring) = rig(64);
    let since = rig.now;
    rig.call_begins(CALL, "+442079460100");
    rig.call_begins(OTHER_CALL, "+442079460200");
    rig.turn();
    assert_eq!(recorded(&rig), [(CALL, true)]);
    let orders = taken(&ring);
    let [RecordingOrder::Begin(begun)] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(
        (begun.call, begun.tenant.as_str(), begun.at, begun.from),
        (CALL, "one", since, Side::Carrier)
    );
    assert_eq!((begun.caller.as_str(), begun.called.as_str()), ("+441632960001", "+442079460100"));
    assert_eq!((begun.call_id.as_str(), begun.keep_days), ("call-1", 366));
    // Told of again, it changes nothing.
    rig.call_begins(CALL, "+442079460100");
    rig.turn();
    assert!(ring.is_empty() && recorded(&rig).len() == 1);
    // Told late, it is over since its last message came.
    let at = rig.now;
    rig.wait(40);
    let _meanwhile = taken(&ring);
    for call in [CALL, OTHER_CALL] {
        rig.desk.call_event(rig.now, CallEvent::Ended { call, at: Some(at) });
    }
    assert_eq!(taken(&ring), [RecordingOrder::End { call: CALL, at }]);
}

#[test]
fn without_a_recorder_nothing_is_recorded() {
    let mut rig = Rig::made(RECORDED, None);
    rig.call_begins(CALL, "+442079460100");
    rig.wait(1_000);
    assert!(recorded(&rig).is_empty());
    assert_eq!(rig.desk.suspend(rig.now, CALL, None), Err(NotSuspended::NotRecorded));
}

#[test]
fn what_the_recorder_has_no_room_for_is_told_in_order_later() {
    let (mut rig, ring) = rig(1);
    rig.call_begins(CALL, "+442079460100");
    rig.call_begins(OTHER_CALL, "+442079460100");
    rig.desk.suspend(rig.now, CALL, None).expect("it is recorded");
    rig.desk.call_event(rig.now, CallEvent::Ended { call: OTHER_CALL, at: None });
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.extend(taken(&ring));
        rig.turn();
    }
    assert_eq!(orders.len(), 4, "{orders:?}");
    assert!(begins(&orders[0], CALL) && begins(&orders[1], OTHER_CALL) && suspends(&orders[2]));
    assert!(matches!(orders[3], RecordingOrder::End { call: OTHER_CALL, .. }));
}

/// Nobody takes orders for a thousand calls: what waits is bounded, what is suspended is said to be only where it will be.
#[test]
fn orders_that_nobody_takes_are_bounded() {
    let (mut rig, ring) = rig(1);
    rig.call_begins(CALL, "+442079460100");
    for generation in 2..1_000 {
        let call = CallHandle { slot: 9, generation };
        rig.call_begins(call, "+442079460100");
        rig.desk.call_event(rig.now, CallEvent::Ended { call, at: None });
        rig.turn();
    }
    assert_eq!(rig.desk.suspend(rig.now, CALL, None), Err(NotSuspended::Busy));
    let figures = rig.desk.all_figures();
    let waiting =
        figures.now.iter().find(|(name, ..)| *name == "recording_orders_waiting").expect("it is shown");
    assert!(waiting.2 <= 64, "{waiting:?}");
    let lost =
        figures.counts.iter().find(|(name, ..)| *name == "recording_orders_lost").expect("it is shown");
    assert!(lost.2 > 0, "{lost:?}");
    let mut orders = Vec::new();
    for _ in 0..100 {
        orders.extend(taken(&ring));
        rig.turn();
    }
    let (begun, ended) = (
        orders.iter().filter(|order| matches!(order, RecordingOrder::Begin(_))).count(),
        orders.iter().filter(|order| matches!(order, RecordingOrder::End { .. })).count(),
    );
    assert_eq!(begun, ended + 1, "all but the one that is up have ended");
}

#[test]
fn an_order_that_the_data_path_did_not_take_is_given_again() {
    let (mut rig, _ring) = rig(64);
    rig.call_begins(CALL, "+442079460100");
    let Some(Request { token, command: Command::Record { call: CALL, on: true } }) =
        rig.desk.commands().pop_front()
    else {
        panic!("it is ordered")
    };
    rig.desk.answered(rig.now, token, &Answer::Refused(Refusal::Busy));
    rig.wait(900);
    assert!(recorded(&rig).is_empty());
    rig.wait(200);
    assert_eq!(recorded(&rig), [(CALL, true)]);
    // Nor is one that nobody answers forgotten.
    rig.call_begins(OTHER_CALL, "+442079460100");
    rig.desk.commands().clear();
    rig.wait(7_000);
    assert_eq!(recorded(&rig), [(CALL, true), (OTHER_CALL, true)]);
}

#[test]
fn tenants_that_are_read_again_begin_and_end_recordings() {
    let (mut rig, ring) = rig(64);
    rig.call_begins(CALL, "+442079460100");
    rig.turn();
    taken(&ring);
    reload(&mut rig, "");
    assert_eq!(taken(&ring), [RecordingOrder::End { call: CALL, at: rig.now }]);
    assert_eq!(recorded(&rig), [(CALL, true), (CALL, false)]);
    reload(&mut rig, RECORDED);
    assert!(matches!(&taken(&ring)[..], [order] if begins(order, CALL)));
    assert_eq!(recorded(&rig).last(), Some(&(CALL, true)));
}

#[test]
fn the_recorder_hears_whose_payment_a_call_is() {
    let (mut rig, ring) = rig(64);
    rig.paired();
    let orders = taken(&ring);
    assert!(orders.iter().any(|order| agent_is(order, "one")), "{orders:?}");
    let order = Fact::Order("INV-7".into());
    assert!(orders.contains(&RecordingOrder::Fact { call: CALL, fact: order }), "{orders:?}");
}

#[test]
fn keys_of_the_agents_suspend_and_resume() {
    let (mut rig, ring) = rig(64);
    rig.call_begins(CALL, "+442079460100");
    rig.turn();
    taken(&ring);
    for wrong in ["*7*7", "7*8", "*78*", "*7", "12345678"] {
        rig.keys(CALL, Side::Customer, wrong);
        rig.wait(2_100);
    }
    rig.keys(CALL, Side::Carrier, "*7*8");
    rig.keys(OTHER_CALL, Side::Customer, "*7*8");
    assert!(ring.is_empty(), "{:?}", taken(&ring));
    // The beginning may be in what was pressed before.
    rig.keys(CALL, Side::Customer, "**7*7*8");
    assert!(matches!(&taken(&ring)[..], [order] if suspends(order)));
    assert!(rig.desk.recordings.suspension(CALL).is_some());
    rig.keys(CALL, Side::Customer, "*7*8");
    assert!(matches!(&taken(&ring)[..], [order] if resumes(order)));
    // Keys that are far apart are none.
    rig.keys(CALL, Side::Customer, "*7*");
    rig.wait(2_100);
    rig.keys(CALL, Side::Customer, "8");
    assert!(ring.is_empty());
}

#[test]
fn keys_do_not_suspend_while_a_payment_is_under_way() {
    let (mut rig, ring) = rig(64);
    rig.paired();
    taken(&ring);
    rig.keys(CALL, Side::Customer, "*7*8");
    assert!(ring.is_empty(), "what the caller keys comes back as masks, by the agent's microphone");
}

#[test]
fn a_recording_that_nobody_resumes_goes_on_by_itself_and_it_is_said() {
    let (mut rig, ring) = rig(64);
    rig.call_begins(CALL, "+442079460100");
    let suspension = rig.desk.suspend(rig.now, CALL, Some("one")).expect("it is recorded");
    rig.wait(30_000);
    assert_eq!(rig.desk.suspend(rig.now, CALL, Some("one")), Ok(suspension), "it lasts no longer by that");
    rig.wait(29_900);
    let orders = taken(&ring);
    assert!(!orders.iter().any(resumes) && orders.iter().any(|order| agent_is(order, "one")), "{orders:?}");
    rig.wait(200);
    let [RecordingOrder::Fact { call: CALL, fact: Fact::SuspensionRanOut { at } }, ref resume] =
        taken(&ring)[..]
    else {
        panic!("it goes on")
    };
    assert!(resumes(resume) && at.since(suspension.since) >= Duration::from_secs(60));
    assert!(!rig.desk.resume(rig.now, CALL), "it is not suspended any more");
}

#[test]
fn a_desk_that_starts_again_forgets_neither_orders_nor_what_is_suspended() {
    let (mut rig, ring) = rig(2);
    rig.call_begins(CALL, "+442079460100");
    rig.call_begins(OTHER_CALL, "+442079460100");
    for call in [CALL, OTHER_CALL] {
        rig.desk.suspend(rig.now, call, Some("one")).expect("it is recorded");
    }
    rig.wait(20_000);
    // The loop panics, while the ring is full; one of the calls ends meanwhile.
    rig.desk = Desk::new(rig.now, rig.config.clone(), 0);
    let mut orders = taken(&ring);
    rig.call_begins(CALL, "+442079460100");
    for _ in 0..200 {
        rig.wait(10);
        orders.extend(taken(&ring));
    }
    assert!(!orders.iter().any(resumes), "{orders:?}");
    assert_eq!(orders.iter().filter(|order| begins(order, CALL)).count(), 2);
    assert_eq!(orders.iter().filter(|order| suspends(order)).count(), 2);
    assert_eq!(orders.last(), Some(&RecordingOrder::AllTold));
    let agents = orders.iter().filter(|order| matches!(order, RecordingOrder::Fact { .. }));
    assert_eq!(agents.count(), 2);
    assert!(rig.desk.recordings.suspension(CALL).is_some());
    assert!(rig.desk.recordings.suspension(OTHER_CALL).is_none());
    rig.wait(40_000);
    assert!(taken(&ring).iter().any(resumes), "its time is counted from its beginning");
}

/// The events of calls that are told of again come after the answer.
#[test]
fn all_is_told_only_when_no_call_comes_any_more() {
    let ring = Ring::new(64);
    let mut rig = Rig::made(RECORDED, Some(Link::new(ring.clone(), 16)));
    for slot in 0..10 {
        rig.wait(500);
        rig.call_begins(CallHandle { slot, generation: 0 }, "+442079460100");
    }
    assert!(!taken(&ring).contains(&RecordingOrder::AllTold));
    rig.wait(1_100);
    assert_eq!(taken(&ring), [RecordingOrder::AllTold]);
    rig.wait(20_000);
    assert!(ring.is_empty(), "once");
}

#[test]
fn a_reference_that_is_keyed_suspends_and_the_page_shows_it() {
    let (mut rig, ring) = rig(64);
    let agent = rig.agents[0].clone();
    assert_eq!(page(&rig)["stage"], "idle");
    rig.call_begins(CALL, "+442079460100");
    rig.desk.show_reference(rig.now, &agent).expect("there is room");
    let shown = page(&rig);
    assert_eq!((shown["stage"].as_str(), shown["left_s"].as_u64()), (Some("reference"), Some(300)));
    let reference = shown["reference"].as_str().expect("it is shown").to_owned();
    let channel = rig.desk.line(rig.now, &agent).1.expect("it is there").clone();
    let before = channel.last_id();
    rig.keys(CALL, Side::Customer, &reference);
    rig.wait(1_500);
    let shown = page(&rig);
    assert_eq!((shown["stage"].as_str(), shown["reference"].as_str()), (Some("suspended"), None));
    assert_eq!(shown["call"]["number"], "+441632960001");
    assert_ne!(channel.last_id(), before, "the page hears of it");
    let orders = taken(&ring);
    assert!(orders.iter().any(suspends) && orders.iter().any(|order| agent_is(order, "one")), "{orders:?}");
    assert_eq!(rig.desk.click_line(rig.now, &agent, false), Some(Ok(())));
    assert_eq!(page(&rig)["stage"], "recording");
    assert!(taken(&ring).iter().any(resumes));
    // By keys meanwhile: the page shows that too.
    rig.keys(CALL, Side::Customer, "*7*8");
    assert_eq!(page(&rig)["stage"], "suspended");
    rig.wait(61_000);
    assert_eq!(page(&rig)["stage"], "recording");
    assert_eq!(rig.desk.click_line(rig.now, &agent, true), Some(Ok(())));
    rig.desk.call_event(rig.now, CallEvent::Ended { call: CALL, at: None });
    assert_eq!(page(&rig)["stage"], "call_over");
    assert_eq!(rig.desk.click_line(rig.now, &agent, true), None);
    rig.wait(121_000);
    assert!(rig.desk.line(rig.now, &agent).1.is_none(), "nobody reads it");
    assert_eq!(rig.config.vault.free(), rig.config.vault.slots());
}

#[test]
fn a_reference_of_a_call_that_is_not_recorded_or_that_nobody_keyed_suspends_nothing() {
    let (mut rig, ring) = rig(64);
    let agent = rig.agents[0].clone();
    rig.desk.show_reference(rig.now, &agent).expect("there is room");
    rig.wait(301_000);
    assert_eq!(page(&rig)["stage"], "reference_over");
    rig.desk.show_reference(rig.now, &agent).expect("there is room");
    let reference = page(&rig)["reference"].as_str().expect("it is shown").to_owned();
    // It is the other tenant's call.
    rig.call_begins(OTHER_CALL, "+442079460200");
    rig.keys(OTHER_CALL, Side::Customer, &reference);
    rig.wait(1_500);
    assert_eq!(page(&rig)["stage"], "reference");
    assert!(ring.is_empty());
    reload(&mut rig, "");
    assert_eq!(page(&rig)["stage"], "not_recorded");
}

#[test]
fn calls_are_found_by_number_and_call_id_of_the_own_tenant_only() {
    let (mut rig, _ring) = rig(64);
    rig.call_begins(CALL, "+442079460100");
    rig.call_begins(OTHER_CALL, "+442079460200");
    for number in ["+441632960001", "00441632960001", "+44 1632 960001"] {
        assert_eq!(rig.desk.recorded_calls("one", By::Number(number)), [CALL], "{number}");
    }
    assert_eq!(rig.desk.recorded_calls("one", By::CallId("call-1")), [CALL]);
    for by in
        [By::Number(""), By::Number("+"), By::Number("+441632960002"), By::CallId(""), By::CallId("call")]
    {
        assert!(rig.desk.recorded_calls("one", by).is_empty(), "{by:?}");
    }
    assert!(rig.desk.recorded_calls("two", By::Number("+441632960001")).is_empty());
}

#[test]
fn a_call_that_has_become_another_tenants_is_no_more_on_the_first_ones_page() {
    let (mut rig, _ring) = rig(64);
    let agent = rig.agents[0].clone();
    rig.call_begins(CALL, "+442079460100");
    rig.desk.show_reference(rig.now, &agent).expect("there is room");
    let reference = page(&rig)["reference"].as_str().expect("it is shown").to_owned();
    rig.keys(CALL, Side::Customer, &reference);
    rig.wait(1_500);
    assert_eq!(page(&rig)["stage"], "suspended");
    assert!(rig.desk.resume(rig.now, CALL));
    // The number is moved to the other tenant, who records too.
    let directory = rig.directory.join("tenants");
    tenants(&directory, RECORDED);
    let [one, two] = ["one.toml", "two.toml"].map(|name| directory.join(name));
    let text = std::fs::read_to_string(&one).expect("written");
    std::fs::write(&one, text.replace("0100", "0300")).expect("written");
    std::fs::write(&two, text).expect("written");
    let moved = Tenants::load(&directory).map_err(|error| error.to_string()).expect("right");
    rig.desk.serve(rig.now, Arc::new(served(moved)));
    rig.turn();
    assert_eq!(rig.desk.recordings.tenant(CALL), Some("two"));
    assert_eq!(page(&rig)["stage"], "call_over");
    assert_eq!(rig.desk.click_line(rig.now, &agent, true), None);
    assert_eq!(rig.desk.recordings.suspension(CALL), None);
}
