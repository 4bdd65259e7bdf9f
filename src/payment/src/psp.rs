//! Payments as payment service providers take them, as plain data: what is asked, what may be answered, and what an adapter
//! of one provider does. Nothing here sends anything.
//!
//! | module | is |
//! |---|---|
//! | [`adyen`] | Adyen, Checkout API 72 |
//! | [`sandbox`] | the sandbox that comes with Keyhush |
//! | [`stripe`] | Stripe |
//!
//! A request is made once. Its idempotency key and our own reference are told by it, so that a provider that has it twice
//! does it once, and one whose answer was lost can be asked what became of it.

use core::fmt;

use secret::DigitSink;

use crate::capture::{Card, CardMonth};
use crate::details::Details;

pub mod adyen;
pub mod sandbox;
pub mod stripe;

/// An amount in the currency's smallest unit (ISO 4217).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    /// In the smallest unit: cents, pence, yen.
    pub minor: u64,
    /// Three capital letters.
    pub currency: [u8; 3],
}

impl Money {
    /// An amount; `None` if it is nothing, or the currency is not three capital letters.
    pub fn new(minor: u64, currency: &str) -> Option<Self> {
        let currency: [u8; 3] = currency.as_bytes().try_into().ok()?;
        (minor > 0 && currency.iter().all(u8::is_ascii_uppercase)).then_some(Money { minor, currency })
    }

    /// The currency's letters.
    pub fn currency(&self) -> &str {
        core::str::from_utf8(&self.currency).unwrap_or_default()
    }
}

/// One try to take a payment. All of it may be stored and logged.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Attempt {
    /// Counted from 1 within its session.
    pub number: u32,
    /// The key by which a provider knows a request that it has had.
    pub idempotency_key: String,
    /// Our own name of the payment, by which the provider is asked about it.
    pub reference: String,
    /// How much.
    pub money: Money,
    /// The merchant's order.
    pub order: String,
}

/// All that a request is made of, for as long as the card is held.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'s> {
    /// The try.
    pub attempt: &'s Attempt,
    /// The card.
    pub card: &'s Card,
    /// What the agent typed.
    pub details: &'s Details,
}

/// What became of an attempt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It is paid.
    Approved {
        /// The provider's name of it.
        psp_reference: String,
    },
    /// The card's issuer, or the provider, does not pay.
    Declined {
        /// Why.
        reason: Decline,
        /// The provider's name of it, if it gave one.
        psp_reference: Option<String>,
    },
    /// The provider finds a field wrong: nothing is paid.
    InputRefused(WrongField),
    /// The provider does not serve us: nothing is paid, and the administrator must see to it.
    Misconfigured,
    /// Nothing was paid for certain: no request left, or the provider knows of none.
    NotTaken,
    /// Nobody knows: it may be paid.
    Unknown,
}

/// Why a payment was declined, as far as an agent can do something about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Decline {
    /// The issuer says no more than that.
    Refused,
    /// Not enough money, or over a limit.
    Funds,
    /// The card has expired, or the date is wrong.
    Expired,
    /// The security code is wrong.
    Code,
    /// The number is of no card.
    Number,
    /// The card is lost, stolen, blocked or not allowed for this.
    Card,
    /// Suspected fraud.
    Fraud,
    /// The issuer wants its customer to be asked, which cannot be done by telephone.
    Authentication,
    /// It was tried too often, or the issuer cannot be reached: later it may go.
    Later,
}

/// Which field a provider finds wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WrongField {
    /// The card number.
    Number,
    /// The expiry.
    Expiry,
    /// The security code.
    Code,
    /// Name or address.
    Details,
    /// Amount, currency or order.
    Order,
    /// It does not say.
    Other,
}

impl Outcome {
    /// Whether the same order may be tried again: never where it is or may be paid.
    pub const fn may_retry(&self) -> bool {
        !matches!(self, Outcome::Approved { .. } | Outcome::Unknown)
    }

    /// Its name in metrics and in the store.
    pub const fn name(&self) -> &'static str {
        match self {
            Outcome::Approved { .. } => "approved",
            Outcome::Declined { .. } => "declined",
            Outcome::InputRefused(_) => "input_refused",
            Outcome::Misconfigured => "misconfigured",
            Outcome::NotTaken => "not_taken",
            Outcome::Unknown => "unknown",
        }
    }
}

/// What a provider says when it is asked about our reference.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Found {
    /// It knows it, and this became of it.
    Settled(Outcome),
    /// It knows of none. It may not have come yet.
    Nothing,
    /// It knows it and has not done with it.
    UnderWay,
    /// It did not answer, or not so that it could be understood.
    NoAnswer,
}

/// Where in a payment of several requests an adapter is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Step {
    /// 0 at first.
    pub number: u8,
    /// What an earlier answer gave to go on with; never card data.
    pub token: Option<String>,
}

/// What an answer means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Another request is to be made, without the card or with it.
    Ask(Step),
    /// That is it.
    Done(Outcome),
}

/// An answer of the provider's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, bounded by whoever read it.
    pub body: &'a [u8],
}

/// Where an adapter writes a request. Its body may hold a PAN: it stands in locked memory and is wiped once sent.
pub trait RequestSink: DigitSink {
    /// The request line: once, first.
    fn line(&mut self, method: &str, path: &str);
    /// A header.
    fn header(&mut self, name: &str, value: &str);
    /// Bytes of the body, after all headers.
    fn body(&mut self, bytes: &[u8]);
}

/// One provider. Adapters are sans-IO: bytes out by a sink, bytes in.
pub trait Psp: fmt::Debug {
    /// Writes the request of a step.
    fn ask(&self, step: &Step, submission: &Submission<'_>, sink: &mut dyn RequestSink);

    /// Reads its answer. What cannot be understood is [`Outcome::Unknown`], unless the step takes no money yet.
    fn read(&self, step: &Step, answer: Answer<'_>) -> Next;

    /// What became of the attempt if the answer to this step was lost on its way.
    fn lost(&self, step: &Step) -> Outcome;

    /// Writes the question what became of an attempt, by our own reference. `false` if this provider cannot be asked: then that
    /// stays unknown until its answer comes otherwise.
    fn look_up(&self, attempt: &Attempt, sink: &mut dyn RequestSink) -> bool;

    /// Reads its answer.
    fn found(&self, attempt: &Attempt, answer: Answer<'_>) -> Found;
}

/// The expiry of a payment, as it was keyed or typed.
fn expiry(submission: &Submission<'_>) -> Option<CardMonth> {
    submission.card.expiry.or(submission.details.expiry())
}

#[cfg(test)]
mod tests;
