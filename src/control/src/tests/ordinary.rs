//! What an ordinary console asks.

use core::time::Duration;
use std::sync::atomic::Ordering;

use handover::Counter;

use super::{House, eventually};
use crate::protocol::{Ask, ErrorCode, Reply};

fn code(reply: Reply) -> ErrorCode {
    match reply {
        Reply::Error { code, message } => {
            assert!(message.len() > 10, "{message}");
            code
        }
        other => unreachable!("{other:?}"),
    }
}

fn secure(call_id: &str) -> Ask {
    Ask::Secure { call_id: call_id.into(), mask_key: None }
}

#[test]
fn calls_are_listed() {
    let house = House::new();
    let _signalling = house.signalling();
    let Reply::Calls { calls, more } = house.ask(&Ask::Calls {}) else { unreachable!() };
    assert_eq!((calls.len(), more), (1, 2));
    let call = &calls[0];
    assert_eq!((call.age_s, call.legs, call.flows, call.answered), (10, 2, 4, true));
    assert_eq!(call.secured, Some('#'));
    assert_eq!(call.call_ids[0], "good");
    assert_eq!(call.call_ids[1].chars().count(), 257, "long ones are cut");
}

#[test]
fn secure_mode_is_driven_and_refusals_are_explained() {
    let house = House::new();
    let _signalling = house.signalling();
    assert_eq!(house.ask(&secure("good")), Reply::Done {});
    assert_eq!(house.ask(&Ask::Release { call_id: "good".into(), forced: false }), Reply::Done {});
    assert_eq!(code(house.ask(&secure("nobody"))), ErrorCode::NoSuchCall);
    assert_eq!(code(house.ask(&secure("secret"))), ErrorCode::Encrypted);
    assert_eq!(code(house.ask(&secure("late"))), ErrorCode::NotAcknowledged);
    let with = |key| Ask::Secure { call_id: "good".into(), mask_key: Some(key) };
    assert_eq!(house.ask(&with('0')), Reply::Done {});
    assert_eq!(code(house.ask(&with('1'))), ErrorCode::Busy, "the mask key reaches the signalling lcore");
    assert_eq!(code(house.ask(&with('*'))), ErrorCode::NotUnderstood);
}

#[test]
fn counters_are_summed_over_the_threads() {
    let house = House::new();
    house.counters[0].add(Counter::MaskedEvent, 5);
    house.counters[1].add(Counter::MaskedEvent, 7);
    let Reply::Stats { counters, rings } = house.ask(&Ask::Stats {}) else { unreachable!() };
    assert_eq!(counters.len(), Counter::ALL.len());
    let masked = counters.iter().find(|line| line.name == "masked_event").expect("all are listed");
    assert_eq!(masked.value, 12);
    assert!(masked.help.contains("telephone-event"));
    assert_eq!(rings[0].name, "presses");
    assert_eq!((rings[0].depth, rings[0].capacity), (0, 256));
}

#[test]
fn one_connection_asks_many_things() {
    let house = House::new();
    let _signalling = house.signalling();
    let mut client = house.client();
    for _ in 0..50 {
        assert_eq!(client.ask(&secure("good")).expect("an answer"), Reply::Done {});
        assert!(matches!(client.ask(&Ask::Stats {}), Ok(Reply::Stats { .. })));
    }
}

#[test]
fn an_answer_comes_within_milliseconds() {
    let house = House::new();
    let _signalling = house.signalling();
    let mut client = house.client();
    client.ask(&secure("good")).expect("an answer");
    #[allow(clippy::disallowed_methods, reason = "the test is about real time")]
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        client.ask(&secure("good")).expect("an answer");
    }
    assert!(begin.elapsed() < Duration::from_millis(20 * 40), "{:?}", begin.elapsed());
}

#[test]
fn a_dead_signalling_lcore_is_told() {
    let house = House::new();
    let mut client = house.client();
    let asking = std::thread::spawn(move || client.ask(&Ask::Calls {}).expect("an answer"));
    eventually("the request is in the ring", || house.requests.len() == 1);
    house.pass(Duration::from_secs(3));
    assert_eq!(code(asking.join().expect("no panic")), ErrorCode::NoAnswer);
    // Its answer, come after all, is nobody's.
    let _signalling = house.signalling();
    assert_eq!(house.ask(&secure("good")), Reply::Done {});
}

#[test]
fn a_full_request_ring_is_told() {
    let house = House::with(crate::Limits { connections: 100, ..Default::default() });
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let mut client = house.client();
            std::thread::spawn(move || client.ask(&Ask::Calls {}))
        })
        .collect();
    eventually("the ring is full", || house.requests.len() == 64);
    assert_eq!(code(house.ask(&Ask::Calls {})), ErrorCode::Busy);
    let _signalling = house.signalling();
    for one in asking {
        assert!(matches!(one.join().expect("no panic"), Ok(Reply::Calls { .. })));
    }
}

#[test]
fn a_panic_costs_the_connections_and_nothing_else() {
    let house = House::new();
    let _signalling = house.signalling();
    let mut open = house.client();
    assert_eq!(open.ask(&secure("good")).expect("an answer"), Reply::Done {});
    house.panic.store(true, Ordering::Relaxed);
    eventually("the loop has run into it", || !house.panic.load(Ordering::Relaxed));
    assert!(open.ask(&secure("good")).is_err());
    assert_eq!(house.ask(&secure("good")), Reply::Done {}, "the same socket is served again");
    assert_eq!(house.counter("control_panics"), 1);
}

#[test]
fn it_stops_with_requests_on_their_way() {
    let mut house = House::new();
    let mut client = house.client();
    let asking = std::thread::spawn(move || client.ask(&Ask::Calls {}));
    eventually("the request is in the ring", || house.requests.len() == 1);
    house.stop();
    assert!(asking.join().expect("no panic").is_err());
}

#[cfg(feature = "test-hooks")]
#[test]
fn hooks_reach_their_lcore() {
    use crate::protocol::HookAction;
    let house = House::new();
    assert_eq!(house.ask(&Ask::Hook { lcore: 1, action: HookAction::Stall }), Reply::Done {});
    assert_eq!(house.hooks[1].load(Ordering::Relaxed), crate::hooks::STALL);
    assert_eq!(house.hooks[0].load(Ordering::Relaxed), 0);
    assert_eq!(code(house.ask(&Ask::Hook { lcore: 2, action: HookAction::Panic })), ErrorCode::NoSuchLcore);
}

#[cfg(feature = "test-hooks")]
#[test]
#[allow(clippy::disallowed_methods, reason = "a thread that sleeps does so in real time")]
fn the_control_core_does_what_a_hook_says_once_it_has_answered_and_is_there_again() {
    use crate::protocol::ControlAction;
    let house = House::new();
    let panic = Ask::HookControl { action: ControlAction::Panic };
    assert_eq!(house.ask(&panic), Reply::Done {});
    assert_eq!(house.counter("control_panics"), 1);
    let began = std::time::Instant::now();
    assert_eq!(house.ask(&Ask::HookControl { action: ControlAction::Stall(300) }), Reply::Done {});
    assert_eq!(house.counter("control_panics"), 1);
    assert!(began.elapsed() >= Duration::from_millis(300), "it stood still");
}

#[cfg(not(feature = "test-hooks"))]
#[test]
fn there_are_no_hooks_in_the_appliance() {
    let hook: Result<Ask, _> = serde_json::from_str(r#"{"request":"hook","lcore":0,"action":"panic"}"#);
    assert!(hook.is_err());
}
