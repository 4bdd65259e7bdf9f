//! A payment session, from the call reference to the result (DESIGN sections 3.4–3.8). `LIFECYCLE.md` beside this room draws it.
//!
//! | module | holds |
//! |---|---|
//! | [`events`] | what comes to a session, and what it wants done |
//! | [`secure`] | SecureMode: asked for, in force, ending, lost |
//! | [`stages`] | how far the payment is, one struct a stage |
//! | [`view`] | what the page shows |
//! | `clicks`, `provider` | what the agent's clicks, and the provider's answers, make of a stage |
//!
//! Inputs come one by one with the time; what is to be done is asked for until nothing is left; there is one deadline. Cards lie in
//! locked slots and are wiped when the stage that holds them ends.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use handover::{CallHandle, Instant};
use secret::{Digit, Vault};

use crate::brands::BrandTable;
use crate::capture::{Beside, Capture, FieldKind, KeySettings};
use crate::details::{self, TextWrong};
use crate::pairing::{NotIssued, SessionId, VALID_FOR};
use crate::psp::{Money, Submission};

mod clicks;
pub mod events;
mod provider;
pub mod secure;
pub mod stages;
pub mod view;

pub use events::{Click, Handled, Input, Output};
use secure::{Due, Secure};
pub use secure::{Icon, Lost, SecureTimes};
pub use stages::{End, Stop, Unmaskable};
use stages::{Ended, Keying, Referring, Stage, Stopped};
pub use view::{Clicks, Shown, View};

/// Calls that one session pairs: a conversation that is hairpinned through the wire more often is not masked by us alone.
const MOST_CALLS: usize = 4;

/// Deadlines that can be due one after the other, however late anybody asks: of SecureMode two, of the stages two.
const MOST_DUE: usize = 6;

/// What a tenant and the box settle for a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionSettings {
    /// Fields keyed beside number and code.
    pub beside: Beside,
    /// What `*` and `#` do.
    pub keys: KeySettings,
    /// The mask key, by its telephone-event code.
    pub mask_key: u8,
    /// Whether agents see the first six digits.
    pub show_first_six: bool,
    /// Whether agents see the last four.
    pub show_last_four: bool,
    /// SecureMode's times.
    pub secure: SecureTimes,
    /// How long anything waits for the agent.
    pub idle: Duration,
    /// How long the provider has to answer.
    pub answer_within: Duration,
    /// How long it is asked what became of a payment before that stays unknown.
    pub resolve_for: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        SessionSettings {
            beside: Beside::default(),
            keys: KeySettings::default(),
            mask_key: 11,
            show_first_six: true,
            show_last_four: true,
            secure: SecureTimes::default(),
            idle: Duration::from_secs(900),
            answer_within: Duration::from_secs(40),
            resolve_for: Duration::from_secs(600),
        }
    }
}

/// What is to be paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    money: Money,
    text: String,
    unique: [u8; 16],
}

impl Order {
    /// An order. `text` is the merchant's name of it; `unique` is random, of this session alone, and names it to the provider.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn new(money: Money, text: &str, unique: [u8; 16]) -> Result<Self, TextWrong> {
        Ok(Order { money, text: details::check(text)?.to_owned(), unique })
    }
}

/// One payment.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    settings: SessionSettings,
    order: Order,
    brands: Arc<BrandTable>,
    vault: Vault,
    calls: Vec<PairedCall>,
    /// The call whose presses count, and whether it has shown a key that was no mask.
    source: Option<(CallHandle, bool)>,
    secure: Secure,
    stage: Stage,
    token: u64,
    attempts: u32,
    dropped_keys: u64,
    outputs: VecDeque<Output>,
    shown: Option<View>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct PairedCall {
    call: CallHandle,
    since: Instant,
}

impl Session {
    /// A session that asks for its reference.
    pub fn new(
        now: Instant,
        id: SessionId,
        settings: SessionSettings,
        order: Order,
        brands: Arc<BrandTable>,
        vault: Vault,
    ) -> Self {
        let mut session = Session {
            id,
            settings,
            order,
            brands,
            vault,
            calls: Vec::new(),
            source: None,
            secure: Secure::Off,
            stage: Stage::Ended(Ended { why: End::Idle }),
            token: 0,
            attempts: 0,
            dropped_keys: 0,
            outputs: VecDeque::new(),
            shown: None,
        };
        session.refer(now);
        session.settle(None, false);
        session
    }

    /// Which it is.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input) -> Handled {
        let (open, held_card) = (self.open_field(), self.stage.holds_card());
        // A key tells that SecureMode must not end yet, however late we come to end it.
        if let Input::Press { call, .. } = &input
            && self.secure.covers(*call)
        {
            self.secure.key(now);
        }
        // What is due comes first: an input that is late does not find the state that it was meant for.
        for _ in 0..MOST_DUE {
            if self.deadline().is_some_and(|due| now >= due) {
                self.tick(now);
            }
        }
        let handled = match input {
            Input::Reference(answer) => self.reference(now, answer),
            Input::Paired { call, since } => self.paired(now, PairedCall { call, since }),
            Input::Press { call, digit } => self.press(now, call, &digit),
            Input::Click(click) => self.click(now, click),
            Input::Acknowledged { call, token } => self.acknowledged(now, call, token),
            Input::Unmaskable { call, token, why } => self.unmaskable(now, call, token, why),
            Input::ForcedOff { call } => self.forced_off(now, call),
            Input::HeartbeatLost => self.lost(now, Lost::Heartbeat),
            Input::MediaLost { call } if self.is_paired(call) => self.lost(now, Lost::Media),
            Input::MediaLost { .. } => Handled::Ignored,
            Input::HungUp { call } => self.hung_up(now, call),
            Input::Answered { attempt, outcome } => self.answered(now, attempt, outcome),
            Input::Found { attempt, found } => self.found(now, attempt, found),
            Input::Tick => Handled::Done,
        };
        self.settle(open, held_card);
        handled
    }

    /// What is to be done next; `None` when nothing is.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is to come; `None` once the session is over.
    pub fn deadline(&self) -> Option<Instant> {
        let secure = self.secure.deadline(&self.settings.secure);
        self.stage.deadline().into_iter().chain(secure).min()
    }

    /// Whether nothing more comes of it: it can be let go.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ended(_)) && self.secure.is_off()
    }

    /// The payment that is being sent, for as long as its card is held.
    pub fn submission(&self) -> Option<Submission<'_>> {
        match &self.stage {
            Stage::Sending(sending) => {
                Some(Submission { attempt: &sending.attempt, card: &sending.card, details: &sending.details })
            }
            _ => None,
        }
    }

    /// Until when the provider has to answer, while a payment is being sent. SecureMode's own end is no reason to hurry it.
    pub fn answer_due(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Sending(sending) => Some(sending.until),
            _ => None,
        }
    }

    /// Whether digits of a card are held.
    pub fn holds_card(&self) -> bool {
        self.stage.holds_card()
    }

    /// Tells what has changed since the state before.
    fn settle(&mut self, open: Option<FieldKind>, held_card: bool) {
        if self.open_field() != open {
            self.outputs.push_back(Output::Field(self.open_field()));
        }
        if held_card && !self.stage.holds_card() {
            self.outputs.push_back(Output::Wiped);
        }
        let view = self.view();
        if self.shown.as_ref() != Some(&view) {
            self.outputs.push_back(Output::View(Box::new(view.clone())));
            self.shown = Some(view);
        }
    }

    fn tick(&mut self, now: Instant) {
        let due = self.with_secure(|secure, times, out| secure.tick(now, times, out));
        match due {
            Due::Nothing => {}
            Due::NotAcknowledged => self.stop_keying(now, Stop::NotAcknowledged),
            Due::TooLong => self.stop_keying(now, Stop::TooLong),
        }
        if self.stage.deadline().is_none_or(|due| now < due) {
            return;
        }
        match self.take_stage() {
            Stage::Referring(stage) => {
                self.outputs.push_back(Output::WithdrawReference);
                self.stop(now, if stage.is_shown { Stop::Lapsed } else { Stop::NoAnswer });
            }
            Stage::Sending(stage) => self.resolve(now, stage),
            Stage::Resolving(stage) => self.ask_outcome(now, stage),
            // What it held is wiped with it. SecureMode, where there is still some, has its own deadline.
            stage @ (Stage::Keying(_) | Stage::Ended(_)) => self.stage = stage,
            Stage::Detailing(_) | Stage::Finished(_) | Stage::Stopped(_) => self.end(now, End::Idle),
        }
    }

    /// Asks for a reference.
    fn refer(&mut self, now: Instant) {
        self.outputs.push_back(Output::AskReference);
        let until = now + self.settings.secure.acknowledged_within;
        self.stage = Stage::Referring(Referring { until, is_shown: false });
    }

    fn reference(&mut self, now: Instant, answer: Result<Instant, NotIssued>) -> Handled {
        match &mut self.stage {
            Stage::Referring(stage) if !stage.is_shown => match answer {
                Ok(until) => *stage = Referring { until: until.min(now + VALID_FOR), is_shown: true },
                Err(why) => self.stop(now, why.into()),
            },
            _ => return Handled::Ignored,
        }
        Handled::Done
    }

    fn paired(&mut self, now: Instant, paired: PairedCall) -> Handled {
        let is_known = self.is_paired(paired.call);
        let takes = match &self.stage {
            Stage::Referring(stage) => stage.is_shown,
            // The same conversation on another call.
            Stage::Keying(_) => !is_known && self.calls.len() < MOST_CALLS,
            _ => false,
        };
        if !takes {
            return Handled::Ignored;
        }
        self.calls.push(paired);
        match self.take_stage() {
            Stage::Keying(stage) => {
                self.stage = Stage::Keying(stage);
                self.enter(now);
            }
            _ => self.key_from_start(now),
        }
        Handled::Done
    }

    /// Opens the number's field, SecureMode first.
    fn key_from_start(&mut self, now: Instant) {
        self.source = None;
        let capture = Capture::open(&self.vault, self.settings.beside);
        self.key(now, capture);
    }

    /// Lets fields be keyed, SecureMode first; without room for their digits the session stops.
    fn key(&mut self, now: Instant, capture: Option<Capture>) {
        match capture {
            Some(capture) => {
                self.stage = Stage::Keying(Keying { capture });
                self.enter(now);
            }
            None => {
                self.stop(now, Stop::NoRoom);
                self.leave(now);
            }
        }
    }

    fn press(&mut self, now: Instant, call: CallHandle, digit: &Digit) -> Handled {
        if !self.is_paired(call) && !self.secure.covers(call) {
            return Handled::Ignored;
        }
        if !self.is_from_source(call, digit) {
            return Handled::Ignored;
        }
        match self.take_stage() {
            Stage::Keying(Keying { capture }) if self.secure.is_in_force() => {
                let step = capture.press(digit, &self.brands, self.settings.keys, &self.vault);
                self.step(now, step);
            }
            stage => {
                self.stage = stage;
                self.dropped_keys += 1;
            }
        }
        Handled::Done
    }

    /// Of several calls of one conversation, that one counts whose caller's side shows keys that are not masked yet: the masks
    /// of the others are of our making. The first to show a key is it, until another shows the first that is no mask.
    fn is_from_source(&mut self, call: CallHandle, digit: &Digit) -> bool {
        if self.calls.len() < 2 || !self.secure.is_in_force() {
            return true;
        }
        let is_plain = digit.event_code() != self.settings.mask_key;
        match self.source {
            Some((source, was_plain)) if source == call => self.source = Some((call, was_plain || is_plain)),
            None => self.source = Some((call, is_plain)),
            Some((_, false)) if is_plain => {
                self.source = Some((call, true));
                // What the other showed were masks.
                if let Stage::Keying(stage) = &mut self.stage {
                    stage.capture.clear_open();
                }
            }
            Some(_) => return false,
        }
        true
    }

    fn acknowledged(&mut self, now: Instant, call: CallHandle, token: u64) -> Handled {
        if self.secure.acknowledged(now, call, token) { Handled::Done } else { Handled::Ignored }
    }

    fn unmaskable(&mut self, now: Instant, call: CallHandle, token: u64, why: Unmaskable) -> Handled {
        let is_ours = matches!(self.secure, Secure::Asked(_)) && self.secure.token() == token;
        if !is_ours || !self.secure.covers(call) {
            return Handled::Ignored;
        }
        self.stop_keying(now, Stop::Refused(why));
        self.leave(now);
        Handled::Done
    }

    fn forced_off(&mut self, now: Instant, call: CallHandle) -> Handled {
        if !self.secure.covers(call) {
            return Handled::Ignored;
        }
        self.with_secure(|secure, _, _| (secure.forced_off(now, call), ()));
        self.stop_keying(now, Stop::Lost(Lost::ForcedOff));
        Handled::Done
    }

    fn lost(&mut self, now: Instant, why: Lost) -> Handled {
        if self.secure.is_off() {
            return Handled::Ignored;
        }
        self.with_secure(|secure, _, _| (secure.lose(now), ()));
        self.stop_keying(now, Stop::Lost(why));
        Handled::Done
    }

    fn hung_up(&mut self, now: Instant, call: CallHandle) -> Handled {
        if !self.is_paired(call) {
            return Handled::Ignored;
        }
        self.calls.retain(|paired| paired.call != call);
        if self.source.is_some_and(|(source, _)| source == call) {
            self.source = None;
        }
        if !self.calls.is_empty() {
            // Another call of the conversation is still up; its SecureMode was of both.
            if matches!(self.stage, Stage::Keying(_)) {
                self.enter(now);
            }
            return Handled::Done;
        }
        self.with_secure(|secure, _, _| (secure.hung_up(now), ()));
        match self.take_stage() {
            Stage::Keying(_) | Stage::Detailing(_) => self.stop(now, Stop::HungUp),
            stage => self.stage = stage,
        }
        Handled::Done
    }

    /// Keying stops, if it goes on: what was keyed is wiped.
    fn stop_keying(&mut self, now: Instant, why: Stop) {
        if matches!(self.stage, Stage::Keying(_)) {
            self.stop(now, why);
        }
    }

    fn stop(&mut self, now: Instant, why: Stop) {
        self.stage = Stage::Stopped(Stopped { why, until: now + self.settings.idle });
    }

    fn end(&mut self, now: Instant, why: End) {
        self.stage = Stage::Ended(Ended { why });
        self.leave(now);
    }

    fn enter(&mut self, now: Instant) {
        let calls: Vec<CallHandle> = self.calls.iter().map(|paired| paired.call).collect();
        let mut token = self.token;
        self.with_secure(|secure, times, out| (secure.enter(now, &calls, &mut token, times, out), ()));
        self.token = token;
    }

    fn leave(&mut self, now: Instant) {
        self.with_secure(|secure, _, _| (secure.leave(now), ()));
    }

    fn with_secure<T>(
        &mut self,
        change: impl FnOnce(Secure, &SecureTimes, &mut Vec<Output>) -> (Secure, T),
    ) -> T {
        let mut out = Vec::new();
        let secure = core::mem::replace(&mut self.secure, Secure::Off);
        let (secure, told) = change(secure, &self.settings.secure, &mut out);
        self.secure = secure;
        self.outputs.extend(out);
        told
    }

    /// The stage, to be consumed. Whoever takes it puts another in its place.
    fn take_stage(&mut self) -> Stage {
        core::mem::replace(&mut self.stage, Stage::Ended(Ended { why: End::Idle }))
    }

    /// Whether a call belongs to this session: nobody else may end its SecureMode then without force.
    pub fn is_paired(&self, call: CallHandle) -> bool {
        self.calls.iter().any(|paired| paired.call == call)
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
