//! What payments are shown with: telephones with numbers, two on a host, tenants, agents, calls whose voice goes elsewhere.

use std::thread;
use std::time::Duration;

use keyhush_tests::live::During;
use keyhush_tests::live::contact_centre::{AGENTS, Call, ContactCentre, HARBOUR, MEADOW};
use keyhush_tests::live::elsewhere::Elsewhere;
use keyhush_tests::live::keyhush::console;
use keyhush_tests::live::phone::Sound;
use keyhush_tests::live::provider::Till;
use keyhush_tests::live::sandbox::ROOT;
use serde_json::Value;

use crate::{hosts, sandboxed};

#[test]
fn two_callers_reach_two_agents_over_one_wire() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let mut centre = ContactCentre::open(&[[&caller, &agent]], &Till::open()?.place())?;
        let listed = console(&["user", "list", "--json", "--config", &format!("{ROOT}/keyhush.toml")])?;
        let listed: Value = serde_json::from_str(&listed).during("reading the list of agents")?;
        let listed = listed["users"].as_array().map(Vec::len).unwrap_or_default();
        assert_eq!(listed, AGENTS.len());
        assert!(centre.management("/metrics")?.contains("keyhush_"), "metrics are served");

        let mut first = Call::begin(&caller, &agent, HARBOUR[0], Sound::Hum(440))?;
        let mut second = Call::begin_second(&caller, &agent, MEADOW)?;
        assert_eq!(centre.keyhush.counter("calls_begun")?, 2);
        centre.keyhush.secure(&first.call_id, true)?;
        thread::scope(|scope| {
            let other = scope.spawn(|| second.caller.key("2580"));
            first.caller.key("147")?;
            other.join().expect("it keys")
        })?;
        thread::sleep(Duration::from_millis(500));
        assert_eq!([first.agent.keys_heard(), second.agent.keys_heard()], ["###", "2580"]);
        first.hang_up()?;
        second.hang_up()?;

        let _call = Elsewhere::begin(&caller, &agent, HARBOUR[0], "12")?;
        centre.keyhush.wait(Duration::from_secs(10), "a call whose voice goes elsewhere", || {
            // sipp's Call-IDs begin with the call's number.
            let list: Value =
                serde_json::from_str(&console(&["calls", "--json"])?).during("reading the calls")?;
            let calls = list["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
            let is_it = |call: &Value| call["call_ids"][0].as_str().is_some_and(|id| id.starts_with("1-"));
            Ok(calls.iter().any(|call| is_it(call) && call["answered"] == true))
        })
    });
}
