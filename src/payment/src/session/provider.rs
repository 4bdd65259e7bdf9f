//! What the provider's answers make of a stage. A payment is sent once; what became of it is asked for by our own reference until
//! that is known, and what nobody knows is shown as just that.

use core::time::Duration;

use handover::Instant;

use super::stages::{Finished, Resolving, Sending, Stage};
use super::{Handled, Output, Session};
use crate::capture::FieldView;
use crate::psp::{Attempt, Found, Outcome};

/// How long after the first time the provider is asked again; twice as long each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A provider that knows of no payment, so often and for so long, has not had it: before, it may be under way.
const NOTHING_TIMES: u32 = 3;
const NOTHING_FOR: Duration = Duration::from_secs(90);

impl Session {
    pub(super) fn answered(&mut self, now: Instant, number: u32, outcome: Outcome) -> Handled {
        match self.take_stage() {
            Stage::Sending(stage) if stage.attempt.number == number => {
                if outcome == Outcome::Unknown {
                    self.resolve(now, stage);
                } else {
                    let kept = stage.card.views(self.settings.beside, &self.brands);
                    self.finish(now, stage.attempt, kept, outcome);
                }
            }
            // It came late, and says more than what we know.
            Stage::Resolving(stage) if stage.attempt.number == number && outcome != Outcome::Unknown => {
                self.finish(now, stage.attempt, stage.kept, outcome);
            }
            Stage::Finished(stage)
                if stage.attempt.number == number
                    && matches!(stage.outcome, Outcome::Unknown | Outcome::NotTaken)
                    && outcome != Outcome::Unknown =>
            {
                self.finish(now, stage.attempt, stage.kept, outcome);
            }
            stage => {
                self.stage = stage;
                return Handled::Ignored;
            }
        }
        Handled::Done
    }

    /// No answer came: the card is wiped, and the provider is asked.
    pub(super) fn resolve(&mut self, now: Instant, sending: Sending) {
        let Sending { card, attempt, .. } = sending;
        let kept = card.views(self.settings.beside, &self.brands);
        self.ask(now, attempt, kept);
    }

    pub(super) fn ask_again(&mut self, now: Instant) {
        match self.take_stage() {
            Stage::Finished(Finished { attempt, kept, .. }) => self.ask(now, attempt, kept),
            stage => self.stage = stage,
        }
    }

    fn ask(&mut self, now: Instant, attempt: Attempt, kept: Vec<FieldView>) {
        let until = now + self.settings.resolve_for;
        self.ask_outcome(
            now,
            Resolving { attempt, kept, next: now, asked: 0, nothing: 0, since: now, until },
        );
    }

    /// Asks once more, or gives up.
    pub(super) fn ask_outcome(&mut self, now: Instant, mut stage: Resolving) {
        if now >= stage.until {
            self.finish(now, stage.attempt, stage.kept, Outcome::Unknown);
            return;
        }
        self.outputs.push_back(Output::AskOutcome(stage.attempt.clone()));
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(stage.asked).unwrap_or(u32::MAX));
        stage.asked += 1;
        stage.next = now + wait.min(LONGEST_WAIT);
        self.stage = Stage::Resolving(stage);
    }

    pub(super) fn found(&mut self, now: Instant, number: u32, found: Found) -> Handled {
        let mut stage = match self.take_stage() {
            Stage::Resolving(stage) if stage.attempt.number == number => stage,
            stage => {
                self.stage = stage;
                return Handled::Ignored;
            }
        };
        match found {
            Found::Settled(outcome) if outcome != Outcome::Unknown => {
                self.finish(now, stage.attempt, stage.kept, outcome);
                return Handled::Done;
            }
            Found::Nothing => {
                stage.nothing += 1;
                if stage.nothing >= NOTHING_TIMES && now.since(stage.since) >= NOTHING_FOR {
                    self.finish(now, stage.attempt, stage.kept, Outcome::NotTaken);
                    return Handled::Done;
                }
            }
            Found::UnderWay => stage.nothing = 0,
            Found::NoAnswer | Found::Settled(_) => {}
        }
        self.stage = Stage::Resolving(stage);
        Handled::Done
    }

    fn finish(&mut self, now: Instant, attempt: Attempt, kept: Vec<FieldView>, outcome: Outcome) {
        let until = now + self.settings.idle;
        self.stage = Stage::Finished(Finished { outcome, attempt, kept, until });
    }
}
