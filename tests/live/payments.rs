//! Payments as agents take them: the page in Chromium, the keys on telephones, the data path on DPDK, a sandbox as provider.

use std::thread;
use std::time::Duration;

use keyhush_tests::live::agent::{Agent, Button};
use keyhush_tests::live::browser::PATIENCE;
use keyhush_tests::live::capture::{self, Capture, now};
use keyhush_tests::live::contact_centre::{Call, ContactCentre, HARBOUR, MEADOW};
use keyhush_tests::live::elsewhere::Elsewhere;
use keyhush_tests::live::network::Host;
use keyhush_tests::live::phone::Sound;
use keyhush_tests::live::provider::Till;
use keyhush_tests::live::sandbox::ROOT;
use keyhush_tests::live::{During, Outcome, Trouble};

use crate::dots::Dots;
use crate::{hosts, sandboxed};

/// Cards of their brands' own test numbers, and one of 19 digits, which no brand gives to tests.
pub(crate) const MASTERCARD: &str = "5555555555554444";
const VISA: &str = "4242424242424242";
const AMEX: &str = "371449635398431";
const LONG_VISA: &str = "4000001234567890124";

/// A wrong last digit.
const MISKEYED: &str = "5555555555554445";

const HUM: Sound<'_> = Sound::Hum(440);

/// Everything that a payment needs.
pub(crate) struct Scene {
    pub(crate) caller: Host,
    pub(crate) agent: Host,
    pub(crate) till: Till,
    pub(crate) centre: ContactCentre,
}

impl Scene {
    pub(crate) fn set() -> Outcome<Scene> {
        Self::set_beside(&[])
    }

    /// The same with further wires, which have lcores of their own.
    pub(crate) fn set_beside(wires: &[[&Host; 2]]) -> Outcome<Scene> {
        let [caller, agent] = hosts()?;
        let till = Till::open()?;
        let wires = [&[[&caller, &agent]], wires].concat();
        let centre = ContactCentre::open(&wires, &till.place())?;
        Ok(Scene { caller, agent, till, centre })
    }

    /// A call to `number`.
    pub(crate) fn call(&self, number: &str) -> Outcome<Call> {
        Call::begin(&self.caller, &self.agent, number, HUM)
    }
}

/// Starts a payment and keys its reference, until the caller may key the card number.
pub(crate) fn pair(agent: &Agent, call: &mut Call, amount: &str, order: &str) -> Outcome<()> {
    let reference = agent.new_payment(amount, order)?;
    call.key_reference(&reference)?;
    agent.wait_for_field("pan").map(drop)
}

/// The caller keys number and code, and the agent pays; answers the outcome.
pub(crate) fn take(agent: &Agent, call: &mut Call, card: &str, code: &str) -> Outcome<String> {
    call.caller.key(card)?;
    // Of brands with numbers of several lengths only the longest ends by itself.
    if agent.wait_for_keys("pan", card.len())?.0["may"]["next"] == true {
        agent.click(Button::Next)?;
    }
    agent.wait_for_field("csc")?;
    call.caller.key(code)?;
    agent.pay()?;
    agent.result()
}

/// That the agent's telephone was sent masks alone, `keys` of them.
pub(crate) fn assert_masked(call: &Call, keys: usize) {
    assert_eq!(call.agent.keys_heard(), "#".repeat(keys), "what the agent's telephone heard");
}

#[test]
fn cards_of_every_length_are_taken_and_every_key_is_a_dot_within_a_tenth_of_a_second() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let visitor = scene.centre.visitor()?;
        visitor.window.open(&scene.centre.page)?;
        visitor.window.wait_for("#sign-in", PATIENCE)?;
        visitor.check("sign-in")?;
        drop(visitor);

        let agent = scene.centre.agent("cleo")?;
        agent.check("new payment")?;
        let mut call = scene.call(MEADOW)?;
        let capture = Capture::start("dots", &scene.caller)?;
        let mut dots = Dots::default();
        let cards = [
            ("12.00", MASTERCARD, "123", "approved"),
            ("12.51", VISA, "123", "approved"),
            ("7.52", MASTERCARD, "321", "declined"),
            ("1250.00", AMEX, "1234", "approved"),
            ("0.99", LONG_VISA, "999", "approved"),
            // More than a hundred keys in all, so that a hundredth of them is one.
            ("3.00", MASTERCARD, "000", "approved"),
        ];
        let mut keys = 0;
        for (number, (amount, card, code, outcome)) in cards.into_iter().enumerate() {
            let order = format!("INV-{number}");
            pair(&agent, &mut call, amount, &order)?;
            if number == 0 {
                // Before the measurement, which it would disturb.
                agent.check("keying")?;
            }
            dots.watch(&agent)?;
            assert_eq!(take(&agent, &mut call, card, code)?, outcome, "{card} for {amount}");
            dots.collect(&agent)?;
            keys += card.len() + code.len();
            assert_eq!(agent.shown()?.seen_of("pan"), "•".repeat(card.len()), "meadow shows no digit");
            assert_eq!(scene.till.charges(&order), u32::from(outcome == "approved"), "{order}");
            agent.check(outcome)?;
            agent.click(Button::Cancel)?;
            // SecureMode has ended when the next reference is keyed: what the agent keys is then a reference again.
            thread::sleep(Duration::from_secs(1));
        }
        call.hang_up()?;
        assert_masked(&call, keys);
        assert_eq!(agent.window.complaints()?, [""; 0]);
        let seen = capture.finish()?;
        let pressed = seen.iter().filter(|packet| packet.source == scene.caller.address());
        let delays = dots.delays(&capture::presses(pressed))?;
        assert_eq!(delays.len(), keys);
        // Nearest rank: the smallest that no more than a hundredth exceeds.
        let [median, late] = [50, 99].map(|share| delays[(delays.len() * share).div_ceil(100) - 1]);
        eprintln!("key to dot: median {:.0} ms, p99 {:.0} ms of {keys}", 1e3 * median, 1e3 * late);
        assert!(late < 0.1, "p99 is {late} s: {delays:?}");
        Ok(())
    });
}

#[test]
fn a_number_is_keyed_again_and_a_payment_begun_again_without_a_new_reference() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        pair(&agent, &mut call, "80.00", "Again 1")?;
        call.caller.key(MISKEYED)?;
        let shown = agent.wait_for_field_state("pan", "refused")?;
        assert_eq!(shown.field("pan")["problem"], "A digit is wrong or missing.");
        assert_eq!(shown.seen_of("pan"), "555555••••••••••", "the last four only of a number that is right");
        agent.check("refused")?;
        agent.click(Button::Reset("pan"))?;
        agent.wait_for_keys("pan", 0)?;

        call.caller.key(VISA)?;
        agent.wait_for_field_state("pan", "may_end")?;
        agent.check("may end")?;
        agent.click(Button::Next)?;
        agent.wait_for_field("csc")?;
        call.caller.key("123")?;
        agent.wait_for_stage("details")?;
        agent.check("details")?;
        // SecureMode ends by itself; then the agent begins again.
        agent.wait_for_icon("off")?;
        agent.click(Button::StartAgain)?;
        assert_eq!(agent.wait_for_field("pan")?.seen_of("pan"), "");
        assert_eq!(take(&agent, &mut call, MASTERCARD, "456")?, "approved");
        let shown = agent.shown()?;
        assert_eq!((shown.seen_of("pan"), shown.text("brand")), ("555555••••••4444", "Mastercard"));
        assert!(
            shown.0["calls"][0]["number"].as_str().unwrap_or_default().contains("7700900123"),
            "{shown:?}"
        );
        call.hang_up()?;
        assert_masked(&call, MISKEYED.len() + VISA.len() + 3 + MASTERCARD.len() + 3);
        Ok(())
    });
}

#[test]
fn a_page_loaded_again_goes_on_agents_keys_change_nothing_and_a_hang_up_ends_it() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        pair(&agent, &mut call, "31.00", "Loaded again")?;
        call.caller.key(&MASTERCARD[..5])?;
        agent.wait_for_keys("pan", 5)?;
        agent.window.reload()?;
        agent.wait_for_keys("pan", 5)?;
        thread::scope(|scope| {
            let agents = scope.spawn(|| call.agent.key("4711"));
            call.caller.key(&MASTERCARD[5..])?;
            agents.join().unwrap_or_else(|_| Err(Trouble::new("the agent's keys")))
        })?;
        agent.wait_for_field("csc")?;
        agent.window.reload()?;
        call.caller.key("123")?;
        agent.pay()?;
        assert_eq!(agent.result()?, "approved");
        assert!(call.caller.keys_heard().ends_with("4711"), "the agent's keys pass");
        assert_masked(&call, 19);

        agent.click(Button::Cancel)?;
        pair(&agent, &mut call, "32.00", "Hung up")?;
        call.caller.key(&MASTERCARD[..9])?;
        agent.wait_for_keys("pan", 9)?;
        call.hang_up()?;
        let shown = agent.wait_for_stage("stopped")?;
        assert_eq!((shown.text("headline"), shown.text("icon")), ("The call has ended", "off"));
        assert_eq!(shown.field("pan"), &serde_json::Value::Null, "nothing of the card is left");
        agent.check("stopped")?;
        assert_masked(&call, 28);
        assert_eq!(scene.till.charges("Hung up"), 0);
        Ok(())
    });
}

#[test]
fn two_calls_at_once_are_two_payments() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agents = [scene.centre.agent("ann")?, scene.centre.agent("ben")?];
        let mut first = scene.call(HARBOUR[0])?;
        let mut second = Call::begin_second(&scene.caller, &scene.agent, HARBOUR[1])?;
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                pair(&agents[1], &mut second, "20.00", "Second")?;
                take(&agents[1], &mut second, AMEX, "4321")
            });
            pair(&agents[0], &mut first, "10.52", "First")?;
            assert_eq!(take(&agents[0], &mut first, MASTERCARD, "123")?, "declined");
            let other = other.join().unwrap_or_else(|_| Err(Trouble::new("the second payment")))?;
            assert_eq!(other, "approved");
            Ok::<_, Trouble>(())
        })?;
        for (agent, number, amount) in
            [(&agents[0], "7700900123", "£10.52"), (&agents[1], "7700900456", "£20.00")]
        {
            let shown = agent.shown()?;
            assert!(shown.0["calls"].to_string().contains(number), "{shown:?}");
            assert_eq!(shown.text("amount"), amount);
        }
        assert_eq!([scene.till.charges("First"), scene.till.charges("Second")], [0, 1]);
        assert_masked(&first, 19);
        assert_masked(&second, 19);
        Ok(())
    });
}

#[test]
fn a_wrong_reference_and_one_of_another_tenant_pair_nothing() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let [agent, stranger] = [scene.centre.agent("ann")?, scene.centre.agent("cleo")?];
        let mut call = scene.call(HARBOUR[0])?;
        let others = stranger.new_payment("5.00", "Not here")?;
        let own = agent.new_payment("6.00", "Here")?;
        // One digit off, and not the stranger's by chance.
        let last = own.bytes().last().map_or(0, |digit| digit - b'0');
        let near = |by: u8| format!("{}{}", &own[..own.len() - 1], (last + by) % 10);
        let wrong = if near(1) == others { near(2) } else { near(1) };
        for reference in [&wrong, &others] {
            call.key_reference(reference)?;
            thread::sleep(Duration::from_secs(3));
            for (agent, whose) in [(&agent, "ann"), (&stranger, "cleo")] {
                let shown = agent.shown()?;
                assert_eq!((shown.text("stage"), shown.text("icon")), ("reference", "off"), "{whose}");
            }
        }
        agent.check("reference")?;
        call.caller.key("1")?;
        assert_eq!(call.agent.keys_heard(), "1", "nothing is masked yet");
        call.key_reference(&own)?;
        agent.wait_for_field("pan")?;
        assert_eq!(stranger.shown()?.text("stage"), "reference");
        Ok(())
    });
}

#[test]
fn the_page_says_stop_within_half_a_second_of_a_lost_lcore() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        pair(&agent, &mut call, "44.00", "Stalled")?;
        call.caller.key(&MASTERCARD[..6])?;
        agent.wait_for_keys("pan", 6)?;
        agent.window.watch(Agent::STOP)?;
        let stalled = now();
        scene.centre.keyhush.hook("stall", 0)?;
        let shown = agent.wait_for_icon("stop")?;
        assert!(
            shown.0["loud"] == true && shown.text("headline").contains("press no more keys"),
            "{shown:?}"
        );
        let said = agent.window.watched()?.into_iter().find(|sight| sight.value == true);
        let after = said.ok_or_else(|| Trouble::new("the page did not say STOP"))?.at - stalled;
        eprintln!("lcore stalled to STOP: {:.0} ms", 1e3 * after);
        assert!(after < 0.5, "only after {after} s");
        agent.check("stop")?;
        call.caller.key("55")?;
        scene.centre.keyhush.hook("resume", 0)?;
        thread::sleep(Duration::from_secs(1));
        call.caller.key("5")?;
        let heard = call.agent.keys_heard();
        assert!(heard.starts_with("######") && heard.bytes().all(|key| key == b'#'), "{heard}");
        Ok(())
    });
}

/// Its signalling crosses the wire, and the agent's voice with the reference; the caller's voice goes another way.
#[test]
fn a_call_whose_caller_is_not_heard_is_refused_with_the_reason() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let reference = agent.new_payment("9.00", "Not heard")?;
        let mut call = Call::begin(&scene.caller, &scene.agent, HARBOUR[0], Sound::Nothing)?;
        call.key_reference(&reference)?;
        let shown = agent.wait_for_stage("stopped")?;
        assert_eq!((shown.text("headline"), shown.text("icon")), ("This call cannot be secured", "off"));
        assert!(shown.text("say").starts_with("Its sound does not pass through Keyhush."), "{shown:?}");
        Ok(())
    });
}

/// No voice crosses the wire at all: the reference is keyed by SIP INFO.
#[test]
fn a_call_whose_voice_goes_elsewhere_is_refused_with_the_reason() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let reference = agent.new_payment("9.00", "Elsewhere")?;
        let _call = Elsewhere::begin(&scene.caller, &scene.agent, HARBOUR[0], &reference)?;
        let shown = agent.wait_for_stage("stopped")?;
        assert_eq!((shown.text("headline"), shown.text("icon")), ("This call cannot be secured", "off"));
        assert!(shown.text("say").starts_with("Its sound does not pass through Keyhush."), "{shown:?}");
        Ok(())
    });
}

/// The telephones know no telephone-events here: the caller's audio is a file with the keys in it.
#[test]
fn a_card_is_keyed_as_tones() {
    sandboxed(|| {
        use keyhush_tests::keyed_audio::KeyedAudio;
        use keyhush_tests::live::tone_call::save;

        const CARD_AT: f64 = 14.0;
        const CODE_AT: f64 = 20.0;
        let scene = Scene::set()?;
        let file = std::path::Path::new(ROOT).join("card.wav");
        let audio = KeyedAudio::quiet(60.0).speak(2.0..4.0).key(CARD_AT, MASTERCARD).key(CODE_AT, "123");
        save(&file, &audio.speak(22.0..24.0).samples())?;
        let agent = scene.centre.agent("ann")?;
        let reference = agent.new_payment("15.00", "Tones")?;
        let began = std::time::Instant::now();
        let mut call = Call::begin(&scene.caller, &scene.agent, HARBOUR[0], Sound::File(&file))?;
        call.key_reference(&reference)?;
        agent.wait_for_field("pan")?;
        assert!(began.elapsed().as_secs_f64() < CARD_AT - 1.0, "the card was to be keyed only now");
        agent.wait_for_keys("pan", MASTERCARD.len())?;
        agent.pay()?;
        assert_eq!(agent.result()?, "approved");
        assert_eq!(agent.shown()?.seen_of("pan"), "555555••••••4444");
        Ok(())
    });
}

/// Nothing of what the page is sent for is shown to who is not its agent.
#[test]
fn a_payment_is_its_own_agents_alone_and_a_card_number_is_no_order() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let [ann, ben, cleo] = ["ann", "ben", "cleo"].map(|name| scene.centre.agent(name));
        let (ann, ben, cleo, visitor) = (ann?, ben?, cleo?, scene.centre.visitor()?);
        visitor.window.open(&scene.centre.page)?;
        ann.new_payment("3.00", "Mine")?;
        let path = ann.window.address()?.replace(&scene.centre.page, "");
        assert_eq!(ann.request("GET", &format!("/api{path}"), None)?.0, 200);
        for (other, status) in [(&ben, 404), (&cleo, 404), (&visitor, 401)] {
            assert_eq!(other.request("GET", &format!("/api{path}"), None)?.0, status);
            let click = Some(serde_json::json!({ "click": "cancel" }));
            assert_eq!(other.request("POST", &format!("/api{path}/clicks"), click)?.0, status);
        }
        ann.type_payment("3.00", "4242 4242-4242 4242")?;
        ann.window.wait_for("#order-error", PATIENCE)?;
        ann.check("a refused order")?;
        ann.sign_out()?;
        assert_eq!(ann.request("GET", &format!("/api{path}"), None)?.0, 401);
        let metrics = scene.centre.management("/metrics")?;
        let tells =
            |what: &str| metrics.lines().any(|line| line.starts_with("keyhush_") && line.contains(what));
        assert!(tells("payment"), "{metrics}");
        let file = format!("{ROOT}/keyhush.log");
        let log = std::fs::read_to_string(&file).during(file)?;
        assert!(!log.contains("4242"), "{log}");
        Ok(())
    });
}
