//! What becomes of a payment when a part of Keyhush fails in the midst of a card number: no digit leaves, no call drops, and the page
//! says so. A single lcore that stalls, and a call whose sound never crossed the wire, are in `payments.rs`.

use std::ops::Range;
use std::thread;
use std::time::Duration;

use keyhush_tests::live::agent::{Agent, Button};
use keyhush_tests::live::browser::PATIENCE;
use keyhush_tests::live::capture::{Capture, Rtp, now};
use keyhush_tests::live::contact_centre::{Call, HARBOUR};
use keyhush_tests::live::keyhush::console;
use keyhush_tests::live::network::Host;
use keyhush_tests::live::{Outcome, Trouble};

use crate::payments::{MASTERCARD, Scene, assert_masked, pair, take};
use crate::sandboxed;
use crate::streams::Stream;

/// Longer than an update takes to reach every lcore, and a packet to cross the wire.
const SETTLING: Duration = Duration::from_millis(200);

/// The control core stands still and then panics. Lcores mask on; the page says STOP where it hears nothing, and that its payment is
/// lost; the same call is paired again.
#[test]
fn a_control_core_that_stalls_or_panics_lets_no_digit_leave_and_the_call_pays_anew() {
    sandboxed(|| {
        /// Of a number that is broken off, and of two cards with their codes.
        const KEYS: usize = 12 + 2 * (16 + 3);
        let mut scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        let captures = Captures::start(&scene)?;
        pair(&agent, &mut call, "45.00", "Stalled")?;
        let secured = now();
        call.caller.key(&MASTERCARD[..4])?;
        agent.wait_for_keys("pan", 4)?;

        agent.window.watch(Agent::STOP)?;
        let stalled = now();
        scene.centre.keyhush.hook_control(&["stall", "5000"])?;
        call.caller.key(&MASTERCARD[4..9])?;
        let said = stop_after("control core stalled", &agent, stalled)?;
        assert!(said < 2.0, "STOP only after {said} s");
        // What was pressed meanwhile has waited, and is in the field; the page knows again that it is masked.
        let shown = agent.wait_for_keys("pan", 9)?;
        assert_eq!((shown.text("stage"), shown.text("icon")), ("keying", "on"), "{shown:?}");

        agent.window.watch(Agent::STOP)?;
        let panicked = now();
        scene.centre.keyhush.hook_control(&["panic"])?;
        call.caller.key(&MASTERCARD[9..12])?;
        let said = stop_after("control core panicked", &agent, panicked)?;
        assert!(said < 2.0, "STOP only after {said} s");
        see(&agent, "Keyhush has lost this payment")?;
        agent.check("lost")?;
        assert_eq!(scene.centre.keyhush.counter("control_panics")?, 1);

        pair(&agent, &mut call, "45.00", "Anew")?;
        assert_eq!(take(&agent, &mut call, MASTERCARD, "123")?, "approved");
        agent.click(Button::Cancel)?;
        thread::sleep(Duration::from_secs(1));

        // The provider takes five seconds over this one, and whoever waited for its answer is gone.
        pair(&agent, &mut call, "45.72", "Sent")?;
        call.caller.key(MASTERCARD)?;
        agent.wait_for_field("csc")?;
        call.caller.key("123")?;
        agent.pay()?;
        agent.wait_for_stage("sending")?;
        scene.centre.keyhush.hook_control(&["panic"])?;
        see(&agent, "Do not take this payment again yet")?;
        see(&agent, "Keyhush has lost this page after the payment was sent")?;
        let over = now();
        call.hang_up()?;
        let orders = ["Stalled", "Anew", "Sent"];
        scene
            .centre
            .keyhush
            .wait(Duration::from_secs(8), "the provider takes it", || Ok(scene.till.charges("Sent") > 0))?;
        assert_eq!(orders.map(|order| scene.till.charges(order)), [0, 1, 1]);
        assert_masked(&call, KEYS);
        let heard = captures.finish(&scene)?;
        heard.assert_masked(secured..over, KEYS);
        Ok(())
    });
}

/// The process is killed and started again. Between the two nothing crosses the wire, since nobody takes packets from its sockets; from
/// its first packet on the new process silences the call that was in SecureMode.
#[test]
fn a_process_that_was_killed_in_a_card_number_comes_back_silent_and_the_page_says_so() {
    sandboxed(|| {
        let mut scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        let captures = Captures::start(&scene)?;
        pair(&agent, &mut call, "46.00", "Killed")?;
        let secured = now();
        call.caller.key(&MASTERCARD[..6])?;
        agent.wait_for_keys("pan", 6)?;

        agent.window.watch(Agent::STOP)?;
        let killed = now();
        scene.centre.keyhush.kill()?;
        thread::scope(|scope| {
            let keying = scope.spawn(|| call.caller.key(&MASTERCARD[6..9]));
            scene.centre.start_again()?;
            keying.join().unwrap_or_else(|_| Err(Trouble::new("the caller's keys")))
        })?;
        let back = now();
        let said = stop_after("process killed", &agent, killed)?;
        assert!(said < 2.0, "STOP only after {said} s");
        call.caller.key(&MASTERCARD[9..12])?;
        see(&agent, "Keyhush has lost this payment")?;
        let over = now();
        call.hang_up()?;
        let remembered = scene.centre.keyhush.counter("flows_remembered")?;
        assert!(remembered > 0, "no flow was remembered");
        scene.centre.keyhush.wait_for_counter("flows_remembered_gone", remembered, Duration::from_secs(5))?;
        assert_eq!(scene.till.charges("Killed"), 0);

        let heard = captures.finish(&scene)?;
        heard.assert_masked(secured..killed, 6);
        // What was in the kernel's hands when the process was killed arrives within a tenth of a second, masked.
        let returned = killed + 0.1..over;
        assert_eq!(heard.keyed.keys(returned.clone()), &MASTERCARD[6..12]);
        heard.assert_silent(returned.clone());
        assert!(heard.to_caller.len(back..over) > 50, "the call stays up");
        let first = heard.to_agent.during(returned).next().map_or(over, |packet| packet.at);
        eprintln!("killed to the first packet of the new process: {:.0} ms", 1e3 * (first - killed));
        Ok(())
    });
}

/// Everything of the data path that can be lost while a number is keyed, one after the other; after each the agent starts again.
#[test]
fn a_lost_lcore_a_panic_lost_sound_and_force_each_say_stop_and_the_agent_starts_again() {
    sandboxed(|| {
        let idle =
            [Host::new("caller2", [10, 20, 0, 3].into())?, Host::new("agent2", [10, 20, 0, 4].into())?];
        let mut scene = Scene::set_beside(&[[&idle[0], &idle[1]]])?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        let captures = Captures::start(&scene)?;
        pair(&agent, &mut call, "47.00", "Lost")?;
        let keyhush = &mut scene.centre.keyhush;
        let secured = now();
        begin_number(&agent, &mut call)?;

        agent.window.watch(Agent::STOP)?;
        let stalled = now();
        keyhush.hook("stall", 1)?;
        let said = stop_after("lcore stalled", &agent, stalled)?;
        assert!(said < 0.5, "STOP only after {said} s");
        keyhush.wait_for_counter("lcores_lost", 1, Duration::from_secs(5))?;
        thread::sleep(SETTLING);
        let lost = now();
        call.caller.key("11")?;
        let resumed = now();
        keyhush.hook("resume", 1)?;
        keyhush.wait_for_counter("lcores_back", 1, Duration::from_secs(5))?;
        start_again(&agent, &mut call)?;

        agent.window.watch(Agent::STOP)?;
        let panicked = now();
        keyhush.hook("panic", 0)?;
        let said = stop_after("lcore panicked", &agent, panicked)?;
        assert!(said < 0.5, "STOP only after {said} s");
        thread::sleep(SETTLING);
        let failed = now();
        call.caller.key("22")?;
        let mended = now();
        start_again(&agent, &mut call)?;

        let refused = console(&["secure", &call.call_id, "off"]).err().map(|trouble| trouble.to_string());
        let reason = "a payment is being taken in this call";
        assert!(refused.as_ref().is_some_and(|said| said.contains(reason)), "{refused:?}");
        assert_eq!(agent.wait_for_keys("pan", 4)?.text("icon"), "on");

        agent.window.watch(Agent::STOP)?;
        let still = now();
        call.caller.stand_still()?;
        let said = stop_after("sound lost", &agent, still)?;
        // A page's beat, and a busy machine, beside the half second.
        assert!(said < 0.6, "STOP only after {said} s");
        see(&agent, "sound no longer passes through Keyhush")?;
        call.caller.go_on()?;
        thread::sleep(Duration::from_secs(1));
        start_again(&agent, &mut call)?;

        let forced = now();
        agent.window.watch(Agent::STOP)?;
        console(&["secure", &call.call_id, "off", "--force"])?;
        let said = stop_after("forced off", &agent, forced)?;
        assert!(said < 0.5, "STOP only after {said} s");
        see(&agent, "Somebody has switched SecureMode off")?;
        let over = now();
        call.hang_up()?;

        let heard = captures.finish(&scene)?;
        assert_eq!(heard.keyed.keys(secured..over), "55551155552255555555");
        heard.assert_silent(lost..resumed);
        heard.assert_silent(failed..mended);
        let masks = heard.to_agent.keys(secured..over);
        assert_eq!(masks, "#".repeat(16), "what was keyed in sound SecureMode, and nothing else");
        Ok(())
    });
}

/// Four keys of a card number, in the field.
fn begin_number(agent: &Agent, call: &mut Call) -> Outcome<()> {
    call.caller.key(&MASTERCARD[..4])?;
    agent.wait_for_keys("pan", 4).map(drop)
}

/// The agent does what the page says after STOP, and the caller keys again.
fn start_again(agent: &Agent, call: &mut Call) -> Outcome<()> {
    agent.click(Button::StartAgain)?;
    agent.wait_for_field("pan")?;
    begin_number(agent, call)
}

/// How long after `what` the watched page said STOP, in seconds; waits for it.
fn stop_after(what: &str, agent: &Agent, since: f64) -> Outcome<f64> {
    let said = agent.window.wait_until("STOP on the page", PATIENCE, |window| {
        Ok(window.watched()?.into_iter().find(|sight| sight.value == true && sight.at >= since))
    })?;
    let after = said.at - since;
    eprintln!("{what} to STOP: {:.0} ms", 1e3 * after);
    Ok(after)
}

/// Waits until the page shows a text.
fn see(agent: &Agent, text: &str) -> Outcome<()> {
    agent.window.wait_until(text, PATIENCE, |window| Ok(window.text("body")?.contains(text).then_some(())))
}

/// Captures at both ends of a call.
struct Captures([Capture; 2]);

impl Captures {
    fn start(scene: &Scene) -> Outcome<Captures> {
        Ok(Captures([Capture::start("faults", &scene.caller)?, Capture::start("faults", &scene.agent)?]))
    }

    fn finish(self, scene: &Scene) -> Outcome<Heard> {
        let [at_caller, at_agent] = self.0;
        let (at_caller, at_agent) = thread::scope(|scope| {
            let other = scope.spawn(|| at_agent.finish());
            (at_caller.finish(), other.join().unwrap_or_else(|_| Err(Trouble::new("a capture"))))
        });
        let (at_caller, at_agent) = (at_caller?, at_agent?);
        let from_caller = |packet: &&_| is_from(packet, &scene.caller);
        Ok(Heard {
            keyed: Stream::of(&at_caller, from_caller),
            to_agent: Stream::of(&at_agent, from_caller),
            to_caller: Stream::of(&at_caller, |packet| is_from(packet, &scene.agent)),
        })
    }
}

fn is_from(packet: &Rtp, host: &Host) -> bool {
    packet.source == host.address()
}

/// What was captured of a call.
struct Heard {
    /// What the caller's telephone sent.
    keyed: Stream,
    /// What of it arrived at the agent's.
    to_agent: Stream,
    /// What arrived at the caller's.
    to_caller: Stream,
}

impl Heard {
    /// The agent was sent `keys` masks and nothing else that is a key, and both heard each other.
    fn assert_masked(&self, span: Range<f64>, keys: usize) {
        assert_eq!(self.keyed.keys(span.clone()).len(), keys, "what was keyed");
        assert_eq!(self.to_agent.keys(span.clone()), "#".repeat(keys), "what left");
        for (voice, whose) in [(&self.to_agent, "the caller"), (&self.to_caller, "the agent")] {
            assert!(voice.len(span.clone()) > 50, "{whose} is heard");
            assert_eq!(voice.silent(span.clone()), 0, "{whose} is not silenced");
        }
    }

    /// The call stayed up, the agent heard silence and no key, the caller went on hearing the agent.
    fn assert_silent(&self, span: Range<f64>) {
        assert_eq!(self.to_agent.keys(span.clone()), "", "no event leaves");
        let sent = self.to_agent.len(span.clone());
        assert!(sent > 20, "the call stays up");
        assert_eq!(self.to_agent.silent(span.clone()), sent, "the caller is silent");
        assert!(self.to_caller.len(span.clone()) > 20, "the agent is heard");
        assert_eq!(self.to_caller.silent(span), 0, "the agent is not silent");
    }
}
