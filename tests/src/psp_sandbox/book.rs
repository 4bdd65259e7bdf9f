//! Payments that were taken, by key and by reference, and how often each order was paid.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::{Value, json};

/// Payments that are remembered; of one more nothing is taken.
pub const PAYMENTS: usize = 100_000;

/// A payment, as it was asked for. The card has gone but for its last four digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The merchant's own name of it.
    pub reference: String,
    /// The merchant's order.
    pub order: String,
    /// In the currency's smallest unit.
    pub amount: u64,
    /// Three letters.
    pub currency: String,
    /// The last four digits of the card.
    pub last_four: String,
}

/// What became of it, and since when who shall know.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Why it was declined; `None`: it was approved.
    pub declined: Option<&'static str>,
    /// Until when it is said to be pending.
    pub pending_until: Option<Instant>,
    /// Until when nobody finds it.
    pub hidden_until: Option<Instant>,
}

#[derive(Debug)]
struct Payment {
    id: String,
    asked: Asked,
    taken: Taken,
}

/// What a key says of a request.
#[derive(Debug)]
pub enum Begun {
    /// It is new, and now reserved.
    New,
    /// Another with this key is under way.
    UnderWay,
    /// It was done before, and this was its answer.
    Done(Value),
    /// It was used for something else.
    Other,
    /// There is no room for more payments.
    Full,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Book {
    payments: HashMap<String, Payment>,
    /// By idempotency key: what was asked, and the payment's name once it is done.
    keys: HashMap<String, (Asked, bool)>,
    charges: HashMap<String, u32>,
    ids: u64,
}

impl Book {
    /// Begins a payment under a key.
    pub fn begin(&mut self, key: &str, asked: &Asked, now: Instant) -> Begun {
        match self.keys.get(key) {
            Some((before, _)) if before != asked => Begun::Other,
            Some((_, false)) => Begun::UnderWay,
            Some((_, true)) => {
                let payment = self.payments.get(key).map(|payment| payment.json(now));
                payment.map_or(Begun::UnderWay, Begun::Done)
            }
            None if self.keys.len() >= PAYMENTS => Begun::Full,
            None => {
                self.keys.insert(key.to_owned(), (asked.clone(), false));
                Begun::New
            }
        }
    }

    /// Takes what was begun, and gives the answer.
    pub fn take(&mut self, key: &str, taken: Taken, now: Instant) -> Option<Value> {
        let (asked, done) = self.keys.get_mut(key)?;
        if std::mem::replace(done, true) {
            return None;
        }
        if taken.declined.is_none() {
            *self.charges.entry(asked.order.clone()).or_default() += 1;
        }
        self.ids += 1;
        let payment = Payment { id: format!("sandbox-{:06}", self.ids), asked: asked.clone(), taken };
        let json = payment.json(now);
        self.payments.insert(key.to_owned(), payment);
        Some(json)
    }

    /// The payments of a reference that may be found.
    pub fn find(&self, reference: &str, now: Instant) -> Vec<Value> {
        let is_seen = |payment: &&Payment| {
            payment.asked.reference == reference
                && payment.taken.hidden_until.is_none_or(|until| now >= until)
        };
        self.payments.values().filter(is_seen).map(|payment| payment.json(now)).collect()
    }

    /// How often an order was paid.
    pub fn charges(&self, order: &str) -> u32 {
        self.charges.get(order).copied().unwrap_or(0)
    }

    /// How many payments were taken, paid or not.
    pub fn payments(&self) -> usize {
        self.payments.len()
    }
}

impl Payment {
    fn json(&self, now: Instant) -> Value {
        let Asked { reference, order, amount, currency, last_four } = &self.asked;
        let status = match (self.taken.declined, self.taken.pending_until) {
            (Some(_), _) => "declined",
            (None, Some(until)) if now < until => "pending",
            (None, _) => "approved",
        };
        json!({
            "id": self.id, "reference": reference, "order": order, "amount": amount, "currency": currency,
            "last_four": last_four, "status": status, "reason": self.taken.declined,
        })
    }
}
