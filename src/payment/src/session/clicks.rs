//! What the agent's clicks make of a stage.

use handover::Instant;

use super::stages::{Detailing, Keying, Sending, Stage};
use super::{Click, End, Handled, Output, Session, Stop};
use crate::capture::{Capture, FieldKind, Step};
use crate::details::Details;
use crate::psp::Attempt;

impl Session {
    pub(super) fn click(&mut self, now: Instant, click: Click) -> Handled {
        if !self.view().may.takes(&click) {
            return Handled::Ignored;
        }
        match click {
            Click::Next => self.next(now),
            Click::Reset(kind) => self.reset(now, kind),
            Click::StartAgain => self.start_again(now),
            Click::Pay(details) => return self.pay(now, *details),
            Click::AskAgain => self.ask_again(now),
            Click::Cancel => self.cancel(now),
        }
        Handled::Done
    }

    fn next(&mut self, now: Instant) {
        match self.take_stage() {
            Stage::Keying(Keying { capture }) => {
                let step = capture.next(&self.brands, &self.vault);
                self.step(now, step);
            }
            stage => self.stage = stage,
        }
    }

    /// What a key or Next made of the fields.
    pub(super) fn step(&mut self, now: Instant, step: Step) {
        match step {
            Step::Stay(capture, pressed) => {
                self.dropped_keys += u64::from(pressed == crate::capture::Pressed::Dropped);
                self.stage = Stage::Keying(Keying { capture });
            }
            Step::Next(capture) => self.stage = Stage::Keying(Keying { capture }),
            Step::Done(card) => {
                self.stage = Stage::Detailing(Detailing { card, until: now + self.settings.idle });
                self.leave(now);
            }
            Step::NoRoom => {
                self.stop(now, Stop::NoRoom);
                self.leave(now);
            }
        }
    }

    fn reset(&mut self, now: Instant, kind: FieldKind) {
        let capture = match self.take_stage() {
            Stage::Keying(Keying { capture }) => capture.reset(kind, &self.brands, &self.vault),
            Stage::Detailing(Detailing { card, .. }) => {
                // A field that is not keyed at all is none to be opened: the code is, as the least that is asked anew.
                let kind = if self.settings.beside.has(kind) { kind } else { FieldKind::Csc };
                Capture::reopen(card, kind, &self.vault, self.settings.beside, &self.brands)
            }
            stage => {
                self.stage = stage;
                return;
            }
        };
        self.key(now, capture);
    }

    /// All again; of the same call without a new reference, and with one where it has ended.
    fn start_again(&mut self, now: Instant) {
        drop(self.take_stage());
        if self.calls.is_empty() {
            self.refer(now);
            self.leave(now);
        } else {
            self.key_from_start(now);
        }
    }

    fn pay(&mut self, now: Instant, details: Details) -> Handled {
        match self.take_stage() {
            Stage::Detailing(Detailing { card, .. }) if card.expiry.or(details.expiry()).is_some() => {
                self.attempts += 1;
                let attempt = self.attempt();
                self.outputs.push_back(Output::Send(attempt.clone()));
                let until = now + self.settings.answer_within;
                self.stage = Stage::Sending(Sending { card, details, attempt, until });
                Handled::Done
            }
            stage => {
                self.stage = stage;
                Handled::NoExpiry
            }
        }
    }

    /// The names of the next try: of this session and this try alone.
    fn attempt(&self) -> Attempt {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let number = self.attempts;
        Attempt {
            number,
            idempotency_key: format!("{}-{number}", hex(&self.order.unique)),
            reference: format!("KH-{}-{number}", hex(&self.order.unique)),
            money: self.order.money,
            order: self.order.text.clone(),
        }
    }

    fn cancel(&mut self, now: Instant) {
        let why = match self.take_stage() {
            Stage::Finished(_) => End::Closed,
            Stage::Referring(_) => {
                self.outputs.push_back(Output::WithdrawReference);
                End::Cancelled
            }
            _ => End::Cancelled,
        };
        self.end(now, why);
    }
}
