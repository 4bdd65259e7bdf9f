//! One payment from its reference to its end, with a call of its own.

use std::thread;
use std::time::Duration;

use keyhush_tests::live::network::Host;
use keyhush_tests::live::plain_agent::{PlainAgent, PlainPayment};
use keyhush_tests::live::small_call::{End, Keys, SmallCall};
use keyhush_tests::live::{Outcome, Trouble};
use keyhush_tests::rest::Card;
use serde_json::{Value, json};

use super::cards::miskeyed;

/// How a payment is to end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Ending {
    Approved,
    /// After five seconds.
    ApprovedLate,
    Declined,
    /// The number is reset in its midst.
    Reset,
    /// A digit is wrong, and the number is keyed again.
    Miskeyed,
    /// All is keyed again after the code.
    StartedAgain,
    HungUpInNumber,
    HungUpInCode,
    CancelledInNumber,
    /// When all is keyed.
    CancelledBeforeSending,
    /// The provider hangs up, and has taken it.
    Dropped,
    /// The provider hangs up, and knows of it a while later.
    FoundLater,
    /// The provider finds the code wrong.
    Refused,
    /// The provider never answers.
    Stalled,
}

/// Every ending; the last one takes the longest.
pub(super) const ENDINGS: [Ending; 14] = [
    Ending::Approved,
    Ending::HungUpInNumber,
    Ending::Declined,
    Ending::Reset,
    Ending::CancelledInNumber,
    Ending::Dropped,
    Ending::StartedAgain,
    Ending::Miskeyed,
    Ending::HungUpInCode,
    Ending::ApprovedLate,
    Ending::CancelledBeforeSending,
    Ending::FoundLater,
    Ending::Refused,
    Ending::Stalled,
];

/// Every way of keying.
pub(super) const KEYS: [Keys; 3] = [Keys::Events, Keys::Tones, Keys::Info];

/// Long enough for a machine that is busy with other things.
const SOON: Duration = Duration::from_secs(20);
/// How long keys that were sent may be under way.
const KEYED: Duration = Duration::from_secs(5);
/// How long a number that does not fit is looked at.
const UNFIT: Duration = Duration::from_secs(1);
/// What is awaited of a provider that never answers.
const RESOLVED: Duration = Duration::from_secs(120);
/// The quiet before a reference.
const QUIET: Duration = Duration::from_millis(2_200);

/// A payment that is under way.
pub(crate) struct UnderWay {
    pub(super) payment: PlainPayment,
    pub(super) call: SmallCall,
    card: Card,
    keys: Keys,
    /// How often keys had to be pressed again: audio that a busy machine sends late is lost.
    pub(crate) again: u32,
}

/// What is told of a payment that is over.
pub(crate) struct Told {
    /// What marked the caller's packets.
    pub(crate) ssrc: [u8; 4],
    pub(crate) again: u32,
    /// What the page said, where the payment was stopped.
    pub(crate) stopped: Option<String>,
}

impl Ending {
    /// What makes the provider do it: an amount by the sandbox's table.
    fn amount(self) -> &'static str {
        match self {
            Ending::Declined => "12.52",
            Ending::ApprovedLate => "12.72",
            Ending::Dropped => "12.83",
            Ending::FoundLater => "12.94",
            Ending::Refused => "12.62",
            Ending::Stalled => "12.86",
            _ => "12.00",
        }
    }

    /// The outcome that is to be shown, where there is one.
    fn outcome(self) -> &'static str {
        match self {
            Ending::Declined => "declined",
            Ending::Refused => "input_refused",
            _ => "approved",
        }
    }
}

impl UnderWay {
    /// Begins payment `place` and the call for it, until the caller may key the number.
    pub(crate) fn begin(
        hosts: [&Host; 2],
        (agent, number): (&PlainAgent, &str),
        place: u16,
        (card, keys): (&Card, Keys),
        ending: Ending,
    ) -> Outcome<UnderWay> {
        let call = SmallCall::begin(hosts[0], hosts[1], number, place)?;
        let mut payment = agent.begin(ending.amount(), &format!("Rest {place}"))?;
        let shown = payment.wait("a reference", SOON, |shown| shown["reference"].is_string())?;
        let reference = shown["reference"].as_str().unwrap_or_default().to_owned();
        thread::sleep(QUIET);
        let mut this = UnderWay { payment, call, card: card.clone(), keys, again: 0 };
        this.call.key(End::Agent, &reference, Keys::Events)?;
        let is_decided = |shown: &Value| shown["open"] == "pan" || shown["stage"] == "stopped";
        this.payment.wait("the number is awaited", SOON, is_decided)?;
        Ok(this)
    }

    /// Goes on until it has ended so, or is stopped because the machine was too busy for voice.
    pub(crate) fn end(mut self, ending: Ending) -> Outcome<Told> {
        let played = self.play(ending);
        let shown = self.payment.shown()?;
        let is_stopped = shown["stage"] == "stopped";
        let hangs_up = match played {
            Ok(hangs_up) => hangs_up,
            Err(_) if is_stopped => false,
            Err(trouble) => return Err(Trouble::new(format!("{trouble}; shown is {shown}"))),
        };
        let leaked = self.call.heard_by_agent().into_iter().filter(|code| *code < 10).count();
        if leaked > 0 {
            return Err(Trouble::new(format!(
                "{leaked} packets with digits reached {}",
                self.call.call_id()
            )));
        }
        let stopped = is_stopped.then(|| shown["headline"].to_string());
        let told = Told { ssrc: self.call.callers_ssrc(), again: self.again, stopped };
        let UnderWay { mut payment, call, .. } = self;
        if hangs_up {
            call.hang_up()?;
            payment.wait("it has ended", SOON, |shown| {
                matches!(shown["stage"].as_str(), Some("ended" | "stopped"))
            })?;
            // As the agent of a payment that does not go on would, where there is anything to cancel.
            let _ = payment.click(&json!({ "click": "cancel" }));
            return Ok(told);
        }
        payment.click(&json!({ "click": "cancel" }))?;
        payment.wait("it has ended", SOON, |shown| shown["stage"] == "ended")?;
        call.hang_up()?;
        Ok(told)
    }

    /// All that comes before the end; whether the caller hangs up then.
    fn play(&mut self, ending: Ending) -> Outcome<bool> {
        let number = self.card.number.clone();
        let half = &number[..number.len() - 2];
        match ending {
            Ending::HungUpInNumber => {
                self.key("pan", half)?;
                return Ok(true);
            }
            Ending::CancelledInNumber => {
                self.key("pan", half)?;
                return Ok(false);
            }
            Ending::Reset => {
                self.key("pan", half)?;
                self.reset("pan")?;
            }
            Ending::Miskeyed => {
                self.key("pan", &miskeyed(&number))?;
                // One that may be longer is not refused: the agent sees that nothing comes of it.
                self.payment.watch(UNFIT, |shown| field(shown, "pan")["state"] == "refused")?;
                self.reset("pan")?;
            }
            _ => {}
        }
        self.key_number()?;
        let code = self.card.code.clone();
        if ending == Ending::HungUpInCode {
            self.key("csc", &code[..2])?;
            return Ok(true);
        }
        self.key("csc", &code)?;
        if ending == Ending::StartedAgain {
            self.payment.click(&json!({ "click": "start_again" }))?;
            self.payment.wait("all is keyed again", SOON, |shown| {
                shown["open"] == "pan" && field(shown, "pan")["length"] == 0
            })?;
            self.key_number()?;
            self.key("csc", &code)?;
        }
        self.payment.wait("details are typed", SOON, |shown| shown["stage"] == "details")?;
        if ending == Ending::CancelledBeforeSending {
            return Ok(false);
        }
        let name = "Ada Byron";
        self.payment.click(&json!({ "click": "pay", "details": { "expiry": "12/39", "name": name } }))?;
        let shown = self.payment.wait("an outcome", RESOLVED, |shown| shown["result"].is_object())?;
        if shown["result"]["outcome"] != ending.outcome() {
            return Err(Trouble::new(format!("{ending:?} is {}", shown["result"])));
        }
        Ok(false)
    }

    /// The caller presses keys of a field, again where one got lost.
    pub(super) fn key(&mut self, kind: &str, keys: &str) -> Outcome<()> {
        for try_ in 0..4 {
            if try_ > 0 {
                self.again += 1;
                self.reset(kind)?;
            }
            self.call.key(End::Caller, keys, self.keys)?;
            // A code that is whole closes its field.
            let is_there = |shown: &Value| field(shown, kind)["length"] == keys.len();
            if self.payment.watch(KEYED, is_there)?.1 {
                return Ok(());
            }
        }
        let shown = self.payment.shown()?;
        Err(Trouble::new(format!("{} keys by {:?} did not come: {shown}", keys.len(), self.keys)))
    }

    fn key_number(&mut self) -> Outcome<()> {
        let number = self.card.number.clone();
        self.key("pan", &number)?;
        if self.payment.shown()?["may"]["next"] == true {
            self.payment.click(&json!({ "click": "next" }))?;
        }
        self.payment.wait("the code is awaited", SOON, |shown| shown["open"] == "csc").map(drop)
    }

    fn reset(&mut self, kind: &str) -> Outcome<()> {
        self.payment.click(&json!({ "click": "reset", "field": kind }))?;
        let is_empty = |shown: &Value| shown["open"] == kind && field(shown, kind)["length"] == 0;
        self.payment.wait("the field is empty", SOON, is_empty).map(drop)
    }
}

fn field<'s>(shown: &'s Value, kind: &str) -> &'s Value {
    let fields = shown["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    fields.iter().find(|field| field["kind"] == kind).unwrap_or(&Value::Null)
}
