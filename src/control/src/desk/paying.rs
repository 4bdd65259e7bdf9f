//! A payment on its way to the PSP and back: written down, sent step by step, its outcome told to the session and kept.

use core::time::Duration;
use std::sync::Arc;

use handover::Instant;
use payment::psp::{Next, Step};
use payment::session::Input;
use payment::{Attempt, FieldKind, Found, Outcome, SessionId};

use super::records::{Record, today, with_store, work_for_desk};
use super::{Desk, Payment};
use crate::provider::Outgoing;
use crate::site::Site;
use crate::store::{self, NewAttempt, State, StoreError};
use crate::web::{self, AskError, AskThen, Order};

/// Payments that are being written down at a time.
const WRITING: usize = 16;
/// How long a PSP may take when it is asked what became of a payment.
pub(super) const LOOK_UP: Duration = Duration::from_secs(20);

/// What of a session's attempts is not told any more once it is told.
#[derive(Default)]
pub(crate) struct Attempts {
    /// The last state that was handed to the disk, and of which attempt.
    kept: Option<(u32, State)>,
}

/// What is written down before an attempt is sent; it is owned, since it goes to the pool.
struct Prepared {
    session: String,
    attempt: Attempt,
    tenant: String,
    agent: i64,
    brand: Option<String>,
    first_six: Option<String>,
    last_four: Option<String>,
    psp: &'static str,
}

impl Prepared {
    fn of(payment: &Payment, attempt: &Attempt) -> Prepared {
        let view = payment.session.view();
        let pan = view.fields.into_iter().find(|field| field.kind == FieldKind::Pan);
        let brand = pan.as_ref().and_then(|pan| pan.brand.as_ref());
        let word = |name: &String| {
            let letters = name.chars().filter(char::is_ascii_alphabetic).take(20);
            Some(letters.collect::<String>().to_ascii_lowercase()).filter(|word| !word.is_empty())
        };
        Prepared {
            session: payment.name.clone(),
            attempt: attempt.clone(),
            tenant: payment.agent.tenant.clone(),
            agent: payment.agent.id,
            brand: brand.and_then(word),
            first_six: pan.as_ref().and_then(|pan| Some(pan.first_six?.as_str().to_owned())),
            last_four: pan.as_ref().and_then(|pan| Some(pan.last_four?.as_str().to_owned())),
            psp: payment.served.provider.name(),
        }
    }

    fn keep(&self, store: &mut store::Store) -> Result<(), StoreError> {
        let order = Some(self.attempt.order.as_str()).filter(|order| !order.is_empty());
        let new = NewAttempt {
            session: &self.session,
            our_reference: &self.attempt.reference,
            idempotency_key: &self.attempt.idempotency_key,
            tenant: &self.tenant,
            agent: self.agent,
            amount: i64::try_from(self.attempt.money.minor).unwrap_or(i64::MAX),
            currency: self.attempt.money.currency(),
            order_reference: order,
            brand: self.brand.as_deref(),
            first_six: self.first_six.as_deref(),
            last_four: self.last_four.as_deref(),
            psp: self.psp,
        };
        let now = today();
        store.prepare_attempt(&new, now)?;
        store.advance_attempt(&self.attempt.reference, &store::Outcome::of(State::Sent), now)?;
        Ok(())
    }
}

impl Desk {
    /// Sends a payment: it is on the disk before anything of it leaves.
    pub(super) fn send(&mut self, id: SessionId, attempt: Attempt) {
        let Some(payment) = self.payments.get(&id) else { return };
        let prepared = Prepared::of(payment, &attempt);
        let (directory, writing) = (self.records.directory().to_owned(), Arc::clone(&self.writing));
        let work = move || {
            let kept = with_store(&directory, |store| prepared.keep(store));
            drop(writing);
            kept
        };
        self.to_write.push_back(work_for_desk(work, move |kept, desk, now| match kept {
            Ok(()) => desk.ask_provider(now, id, attempt.number, Step::default()),
            Err(_) => {
                desk.figures.not_kept += 1;
                desk.outcome(now, id, attempt.number, Outcome::NotTaken);
            }
        }));
    }

    /// Has those written down whose turn it is: the pool keeps room for so many and no more.
    pub(super) fn write_down(&mut self) {
        while Arc::strong_count(&self.writing) - 1 < WRITING + self.to_write.len()
            && let Some(order) = self.to_write.pop_front()
        {
            self.orders.push(order);
        }
    }

    /// Sends a step. Where the session has given up meanwhile, no step that takes money follows.
    fn ask_provider(&mut self, now: Instant, id: SessionId, number: u32, step: Step) {
        let Some(payment) = self.payments.get(&id) else { return };
        let provider = &payment.served.provider;
        let submission =
            payment.session.submission().filter(|submission| submission.attempt.number == number);
        let outgoing = submission.and_then(|submission| provider.request(&step, &submission));
        let Some(outgoing) = outgoing else {
            let outcome = provider.not_sent(&step);
            return self.outcome(now, id, number, outcome);
        };
        let patience = payment.session.answer_due().map_or(LOOK_UP, |due| due.since(now));
        self.ask(outgoing, patience, move |result, site: &mut Site, now| {
            if let Some(desk) = &mut site.desk {
                desk.provider_answered(now, id, number, step, result);
            }
        });
    }

    fn provider_answered(
        &mut self,
        now: Instant,
        id: SessionId,
        number: u32,
        step: Step,
        result: Result<web::Answer, AskError>,
    ) {
        let Some(payment) = self.payments.get(&id) else { return };
        match payment.served.provider.read(&step, result) {
            Next::Ask(step) => self.ask_provider(now, id, number, step),
            Next::Done(outcome) => self.outcome(now, id, number, outcome),
        }
    }

    fn outcome(&mut self, now: Instant, id: SessionId, number: u32, outcome: Outcome) {
        self.give(now, id, Input::Answered { attempt: number, outcome });
        self.keep_outcome(id);
    }

    /// Asks the PSP what became of an attempt.
    pub(super) fn ask_outcome(&mut self, now: Instant, id: SessionId, attempt: Attempt) {
        // That nobody knows is on the disk while it is asked.
        self.keep_outcome(id);
        let Some(payment) = self.payments.get_mut(&id) else { return };
        let Some(outgoing) = payment.served.provider.look_up(&attempt) else {
            let found = Found::NoAnswer;
            let _ = payment.session.handle(now, Input::Found { attempt: attempt.number, found });
            return;
        };
        self.ask(outgoing, LOOK_UP, move |result, site: &mut Site, now| {
            if let Some(desk) = &mut site.desk
                && let Some(payment) = desk.payments.get(&id)
            {
                let found = payment.served.provider.found(&attempt, result);
                desk.give(now, id, Input::Found { attempt: attempt.number, found });
                desk.keep_outcome(id);
            }
        });
    }

    pub(super) fn ask(
        &mut self,
        outgoing: Outgoing,
        patience: Duration,
        then: impl FnOnce(Result<web::Answer, AskError>, &mut Site, Instant) + 'static,
    ) {
        let then: AskThen<Site> = Box::new(then);
        self.orders.push(Order::Ask(Box::new(outgoing.ask(patience, then))));
    }

    /// Keeps what is known of a session's last attempt, once.
    fn keep_outcome(&mut self, id: SessionId) {
        let Some(payment) = self.payments.get_mut(&id) else { return };
        let view = payment.session.view();
        let Some(attempt) = view.attempt else { return };
        let outcome = match view.stage {
            payment::session::Shown::Result(outcome) => outcome,
            payment::session::Shown::Resolving => Outcome::Unknown,
            _ => return,
        };
        let record = record(&attempt.reference, &outcome);
        if payment.attempts.kept == Some((attempt.number, record.state)) {
            return;
        }
        payment.attempts.kept = Some((attempt.number, record.state));
        self.figures.outcome(outcome.name());
        self.records.push(record);
    }
}

/// An outcome as it is kept.
pub(super) fn record(our_reference: &str, outcome: &Outcome) -> Record {
    let (state, psp_reference, reason) = match outcome {
        Outcome::Approved { psp_reference } => (State::Approved, Some(psp_reference.clone()), None),
        Outcome::Declined { reason, psp_reference } => {
            (State::Declined, psp_reference.clone(), Some(decline(*reason)))
        }
        Outcome::InputRefused(_) => (State::Failed, None, Some("the provider found a field wrong")),
        Outcome::Misconfigured => (State::Failed, None, Some("the provider does not serve us")),
        Outcome::NotTaken => (State::Failed, None, Some("nothing was sent, or the provider knows of none")),
        Outcome::Unknown => (State::Unknown, None, None),
    };
    let psp_reference = psp_reference.filter(|reference| !reference.is_empty());
    Record { our_reference: our_reference.to_owned(), state, psp_reference, reason, at: today() }
}

fn decline(reason: payment::Decline) -> &'static str {
    use payment::Decline;
    match reason {
        Decline::Refused => "refused",
        Decline::Funds => "funds",
        Decline::Expired => "expired",
        Decline::Code => "security code",
        Decline::Number => "number",
        Decline::Card => "card",
        Decline::Fraud => "fraud",
        Decline::Authentication => "authentication",
        Decline::Later => "later",
    }
}
