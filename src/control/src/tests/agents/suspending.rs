//! Suspending recordings by HTTPS.

use super::*;
use crate::recordings::order::RecordingOrder;

fn begun(call: CallHandle, called: &str) -> CallEvent {
    CallEvent::Begun(Box::new(CallBegun {
        call,
        since: handover::Instant::from_nanos(50_000_000_000),
        wire: WireId(0),
        from: Side::Carrier,
        called: [Some(format!("sip:{called}@sbc.example").into()), None],
        calling: [Some("sip:+441632960001@carrier.example".into()), None],
        call_id: format!("call-{}@carrier", call.slot).into(),
        held: false,
    }))
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

#[test]
fn a_program_suspends_and_resumes_by_number_and_call_id() {
    let centre = Centre::new();
    let orders = &centre.house.recordings;
    centre.house.events.push(begun(CALL, "+442079460100")).expect("room");
    eventually(
        "it is recorded",
        || matches!(orders.pop(), Some(RecordingOrder::Begin(begun)) if begun.call == CALL),
    );
    let (one, two) = (centre.sign_in("one"), centre.sign_in("two"));
    let post = |cookie: &str, what: &str, body: &str| {
        centre.ask("POST", &format!("/api/recordings/{what}"), &format!("{JSON}{cookie}"), body)
    };
    let by_number = "{\"number\":\"+44 1632 960001\"}";
    assert_eq!(post("", "suspend", by_number).status, 401);
    assert_eq!(post(&two, "suspend", by_number).status, 404, "it is another company's");
    for unclear in ["{}", "{\"number\":\"1\",\"call_id\":\"2\"}", "{\"call\":\"1\"}", "x"] {
        assert_eq!(post(&one, "suspend", unclear).status, 400, "{unclear}");
    }
    let answer = post(&one, "suspend", by_number);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = json(&answer)["calls"][0].clone();
    assert_eq!((told["suspended"].as_bool(), told["left_s"].as_u64()), (Some(true), Some(600)));
    assert!(matches!(orders.pop(), Some(RecordingOrder::Suspend { call: CALL, .. })));
    assert!(matches!(orders.pop(), Some(RecordingOrder::Fact { call: CALL, .. })));
    let answer = post(&one, "resume", "{\"call_id\":\"call-3@carrier\"}");
    assert_eq!(json(&answer)["calls"][0]["suspended"], false, "{}", answer.body);
    assert!(matches!(orders.pop(), Some(RecordingOrder::Resume { call: CALL, .. })));
    assert!(post(&one, "resume", "{\"call_id\":\"call-9@carrier\"}").status == 404);
}

#[test]
fn an_agent_suspends_by_the_reference_on_the_page() {
    let centre = Centre::new();
    centre.house.events.push(begun(CALL, "+442079460100")).expect("room");
    let cookie = centre.sign_in("one");
    let page = centre.ask("GET", "/recordings/suspend", &cookie, "");
    assert!(page.status == 200 && page.body.contains("/assets/suspend.js"), "{}", page.body);
    assert_eq!(centre.ask("GET", "/recordings/suspend", "", "").status, 303);
    let view = || json(&centre.ask("GET", "/api/suspension", &cookie, ""))["view"].clone();
    let click = |click: &str| {
        let body = format!("{{\"click\":\"{click}\"}}");
        centre.ask("POST", "/api/suspension", &format!("{JSON}{cookie}"), &body).status
    };
    assert_eq!(view()["stage"], "idle");
    assert_eq!((click("suspend"), click("fly")), (409, 400));
    assert_eq!(click("reference"), 204);
    let reference = view()["reference"].as_str().expect("it is shown").to_owned();
    centre.keys(Side::Customer, &reference);
    centre.house.pass(Duration::from_secs(2));
    eventually("it is suspended", || view()["stage"] == "suspended");
    assert_eq!(click("resume"), 204);
    assert_eq!(view()["stage"], "recording");
}
