//! The sandbox that comes with Keyhush: a small JSON API of our own, in which whatever can happen to a payment can be had.
//!
//! | request | answer |
//! |---|---|
//! | `POST /payments`, with `Idempotency-Key` and our reference | 200 and the payment; 422 and the wrong field; 401, 409, 429, 5xx |
//! | `GET /payments?reference=…` | 200 and the payments of that reference: one or none |
//!
//! A payment is `{"id", "reference", "order", "amount", "currency", "last_four", "status", "reason"}`; its status is `approved`,
//! `declined` or `pending`, its reason one of [`REASONS`].

use core::fmt;

use serde_json::{Value, json};

use super::{
    Answer, Attempt, Decline, Found, Next, Outcome, Psp, RequestSink, Step, Submission, WrongField, expiry,
};
use crate::capture::CardMonth;
use crate::details::Text;

/// Why a payment is declined, as the sandbox says it.
pub const REASONS: [(&str, Decline); 9] = [
    ("refused", Decline::Refused),
    ("funds", Decline::Funds),
    ("expired", Decline::Expired),
    ("code", Decline::Code),
    ("number", Decline::Number),
    ("card", Decline::Card),
    ("fraud", Decline::Fraud),
    ("authentication", Decline::Authentication),
    ("later", Decline::Later),
];

/// Which field is wrong, as the sandbox says it.
pub const FIELDS: [(&str, WrongField); 6] = [
    ("number", WrongField::Number),
    ("expiry", WrongField::Expiry),
    ("code", WrongField::Code),
    ("details", WrongField::Details),
    ("order", WrongField::Order),
    ("other", WrongField::Other),
];

/// The sandbox, as one of its accounts or as nobody.
pub struct Sandbox {
    account: Option<String>,
    key: Option<String>,
}

impl Sandbox {
    /// The sandbox. `account` is any name, `key` what it is shown where it asks for something.
    pub fn new(account: Option<String>, key: Option<String>) -> Self {
        Sandbox { account, key }
    }

    fn head(&self, method: &str, path: &str, sink: &mut dyn RequestSink) {
        sink.line(method, path);
        if let Some(key) = &self.key {
            sink.header("Authorization", &format!("Bearer {key}"));
        }
        if let Some(account) = &self.account {
            sink.header("Keyhush-Account", account);
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sandbox(_)")
    }
}

impl Psp for Sandbox {
    fn ask(&self, _: &Step, submission: &Submission<'_>, sink: &mut dyn RequestSink) {
        let Submission { attempt, card, details } = submission;
        self.head("POST", "/payments", sink);
        sink.header("Content-Type", "application/json");
        sink.header("Idempotency-Key", &attempt.idempotency_key);
        let order = json!({
            "reference": attempt.reference,
            "order": attempt.order,
            "amount": attempt.money.minor,
            "currency": attempt.money.currency(),
            "holder": {
                "name": details.text(Text::Name),
                "street": details.text(Text::Street),
                "town": details.text(Text::Town),
                "postcode": details.text(Text::Postcode),
                "country": details.text(Text::Country),
            },
        });
        let order = order.to_string();
        // As of every adapter: no JSON value ever holds the card.
        sink.body(order.strip_suffix('}').unwrap_or(&order).as_bytes());
        sink.body(b",\"card\":{\"number\":\"");
        card.pan.write_to(sink);
        sink.body(b"\",\"code\":\"");
        card.csc.write_to(sink);
        sink.body(b"\"");
        let month =
            |CardMonth { month, year }| json!({ "month": month, "year": 2000 + u16::from(year) }).to_string();
        if let Some(expiry) = expiry(submission) {
            sink.body(format!(",\"expiry\":{}", month(expiry)).as_bytes());
        }
        if let Some(valid_from) = card.valid_from.or(details.valid_from()) {
            sink.body(format!(",\"valid_from\":{}", month(valid_from)).as_bytes());
        }
        if let Some(issue) = card.issue.or(details.issue()) {
            sink.body(format!(",\"issue\":{issue}").as_bytes());
        }
        sink.body(b"}}");
    }

    fn read(&self, step: &Step, answer: Answer<'_>) -> Next {
        let json = serde_json::from_slice::<Value>(answer.body).unwrap_or_default();
        Next::Done(match answer.status {
            200..300 => payment(&json),
            401 | 403 | 404 => Outcome::Misconfigured,
            400 | 422 => {
                let named = json.pointer("/error/field").and_then(Value::as_str);
                let field = FIELDS.iter().find(|(name, _)| named == Some(name));
                Outcome::InputRefused(field.map_or(WrongField::Other, |(_, field)| *field))
            }
            429 => Outcome::NotTaken,
            _ => self.lost(step),
        })
    }

    fn lost(&self, _: &Step) -> Outcome {
        Outcome::Unknown
    }

    fn look_up(&self, attempt: &Attempt, sink: &mut dyn RequestSink) -> bool {
        // Our references are letters, digits and hyphens.
        self.head("GET", &format!("/payments?reference={}", attempt.reference), sink);
        true
    }

    fn found(&self, attempt: &Attempt, answer: Answer<'_>) -> Found {
        let json = serde_json::from_slice::<Value>(answer.body).unwrap_or_default();
        let payments = json.get("payments").and_then(Value::as_array);
        let (200, Some(payments)) = (answer.status, payments) else { return Found::NoAnswer };
        let text = |payment: &Value, key: &str| payment.get(key).and_then(Value::as_str).map(str::to_owned);
        let is_ours =
            |payment: &&Value| text(payment, "reference").as_deref() == Some(attempt.reference.as_str());
        match payments.iter().find(is_ours) {
            Some(ours) if text(ours, "status").as_deref() == Some("pending") => Found::UnderWay,
            Some(ours) => Found::Settled(payment(ours)),
            None if payments.is_empty() => Found::Nothing,
            // It told of others: it was not our question that it answered.
            None => Found::NoAnswer,
        }
    }
}

fn payment(json: &Value) -> Outcome {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    match (text("status"), text("id")) {
        (Some("approved"), Some(id)) => Outcome::Approved { psp_reference: id.to_owned() },
        (Some("declined"), id) => {
            let reason = REASONS.iter().find(|(name, _)| text("reason") == Some(name));
            let reason = reason.map_or(Decline::Refused, |(_, reason)| *reason);
            Outcome::Declined { reason, psp_reference: id.map(str::to_owned) }
        }
        _ => Outcome::Unknown,
    }
}
