//! What the page shows of a session, as plain data. No digit is in it but those that a tenant lets its agents see.

use handover::{CallHandle, Instant};

use super::stages::Stage;
use super::{Click, End, Icon, Session, Stop};
use crate::capture::{FieldKind, FieldView};
use crate::psp::{Attempt, Outcome};

/// Everything that the page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// How far it is.
    pub stage: Shown,
    /// The icon.
    pub icon: Icon,
    /// The paired calls and when each began: the page tells the agent their number, so that a wrong pairing is seen.
    pub calls: Vec<(CallHandle, Instant)>,
    /// The fields, in their order; none before a call is paired.
    pub fields: Vec<FieldView>,
    /// The field that takes keys now.
    pub open: Option<FieldKind>,
    /// Keys that came while none did.
    pub dropped_keys: u64,
    /// The try that was made last.
    pub attempt: Option<Attempt>,
    /// What the agent may click.
    pub may: Clicks,
}

/// How far a session is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Shown {
    /// A reference is asked for.
    Waiting,
    /// The reference is shown, until then.
    Reference(Instant),
    /// SecureMode is asked for.
    Securing,
    /// Fields are keyed.
    Keying,
    /// The agent types the rest.
    Details,
    /// It is sent.
    Sending,
    /// The provider is asked what became of it.
    Resolving,
    /// What became of it.
    Result(Outcome),
    /// It does not go on.
    Stopped(Stop),
    /// It is over.
    Ended(End),
}

/// Which clicks are taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Clicks {
    /// [`Click::Next`].
    pub next: bool,
    /// [`Click::Reset`].
    pub reset: bool,
    /// [`Click::StartAgain`].
    pub start_again: bool,
    /// [`Click::Pay`].
    pub pay: bool,
    /// [`Click::AskAgain`].
    pub ask_again: bool,
    /// [`Click::Cancel`].
    pub cancel: bool,
}

impl Clicks {
    /// Whether a click is taken.
    pub fn takes(&self, click: &Click) -> bool {
        match click {
            Click::Next => self.next,
            Click::Reset(_) => self.reset,
            Click::StartAgain => self.start_again,
            Click::Pay(_) => self.pay,
            Click::AskAgain => self.ask_again,
            Click::Cancel => self.cancel,
        }
    }
}

impl Session {
    /// What the page shows now.
    pub fn view(&self) -> View {
        let stage = match &self.stage {
            Stage::Referring(stage) if stage.is_shown => Shown::Reference(stage.until),
            Stage::Referring(_) => Shown::Waiting,
            Stage::Keying(_) if !self.secure.is_in_force() => Shown::Securing,
            Stage::Keying(_) => Shown::Keying,
            Stage::Detailing(_) => Shown::Details,
            Stage::Sending(_) => Shown::Sending,
            Stage::Resolving(_) => Shown::Resolving,
            Stage::Finished(stage) => Shown::Result(stage.outcome.clone()),
            Stage::Stopped(stage) => Shown::Stopped(stage.why),
            Stage::Ended(stage) => Shown::Ended(stage.why),
        };
        let mut fields = match &self.stage {
            Stage::Keying(stage) => stage.capture.views(&self.brands),
            Stage::Detailing(stage) => stage.card.views(self.settings.beside, &self.brands),
            Stage::Sending(stage) => stage.card.views(self.settings.beside, &self.brands),
            Stage::Resolving(stage) => stage.kept.clone(),
            Stage::Finished(stage) => stage.kept.clone(),
            Stage::Referring(_) | Stage::Stopped(_) | Stage::Ended(_) => Vec::new(),
        };
        for field in &mut fields {
            field.first_six = field.first_six.filter(|_| self.settings.show_first_six);
            field.last_four = field.last_four.filter(|_| self.settings.show_last_four);
        }
        let attempt = match &self.stage {
            Stage::Sending(stage) => Some(stage.attempt.clone()),
            Stage::Resolving(stage) => Some(stage.attempt.clone()),
            Stage::Finished(stage) => Some(stage.attempt.clone()),
            _ => None,
        };
        View {
            stage,
            icon: self.icon(),
            calls: self.calls.iter().map(|paired| (paired.call, paired.since)).collect(),
            fields,
            open: self.open_field(),
            dropped_keys: self.dropped_keys,
            attempt,
            may: self.may(),
        }
    }

    /// The icon: what SecureMode is, and STOP where it was lost until the agent has done something about it.
    fn icon(&self) -> Icon {
        match &self.stage {
            Stage::Stopped(stage) if stage.why.is_loud() => Icon::Stop,
            _ => self.secure.icon(),
        }
    }

    /// The field that takes keys: none unless the icon is on.
    pub(super) fn open_field(&self) -> Option<FieldKind> {
        match &self.stage {
            Stage::Keying(stage) if self.secure.is_in_force() => Some(stage.capture.kind()),
            _ => None,
        }
    }

    fn may(&self) -> Clicks {
        let none = Clicks::default();
        match &self.stage {
            Stage::Referring(_) => Clicks { cancel: true, ..none },
            Stage::Keying(_) => {
                let next = self.secure.is_in_force();
                Clicks { next, reset: true, start_again: true, cancel: true, ..none }
            }
            Stage::Detailing(_) => Clicks { pay: true, reset: true, start_again: true, cancel: true, ..none },
            Stage::Sending(_) | Stage::Resolving(_) => none,
            Stage::Finished(stage) => Clicks {
                start_again: stage.outcome.may_retry(),
                ask_again: stage.outcome == Outcome::Unknown,
                cancel: true,
                ..none
            },
            Stage::Stopped(_) => Clicks { start_again: true, cancel: true, ..none },
            Stage::Ended(_) => none,
        }
    }
}
