//! Stripe: a PaymentMethod that holds the card, then a PaymentIntent that takes the money as an order by telephone
//! (`payment_method_options[card][moto]`). Requests are forms, answers JSON.

use core::fmt;

use serde_json::Value;

use super::{
    Answer, Attempt, Decline, Found, Next, Outcome, Psp, RequestSink, Step, Submission, WrongField, expiry,
};
use crate::details::Text;

/// One account at Stripe.
pub struct Stripe {
    secret_key: String,
    account: Option<String>,
}

impl Stripe {
    /// The account of this secret key.
    pub fn new(secret_key: String) -> Self {
        Stripe { secret_key, account: None }
    }

    /// In the name of a connected account, if there is one.
    pub fn on_behalf_of(mut self, account: Option<String>) -> Self {
        self.account = account;
        self
    }

    fn head(&self, method: &str, path: &str, idempotency_key: Option<&str>, sink: &mut dyn RequestSink) {
        sink.line(method, path);
        sink.header("Authorization", &format!("Bearer {}", self.secret_key));
        if let Some(account) = &self.account {
            sink.header("Stripe-Account", account);
        }
        sink.header("Content-Type", "application/x-www-form-urlencoded");
        if let Some(key) = idempotency_key {
            sink.header("Idempotency-Key", key);
        }
    }
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stripe(_)")
    }
}

impl Psp for Stripe {
    fn ask(&self, step: &Step, submission: &Submission<'_>, sink: &mut dyn RequestSink) {
        let attempt = submission.attempt;
        if step.number == 0 {
            let key = format!("{}-card", attempt.idempotency_key);
            self.head("POST", "/v1/payment_methods", Some(&key), sink);
            write_card(submission, sink);
            return;
        }
        self.head("POST", "/v1/payment_intents", Some(&attempt.idempotency_key), sink);
        for (name, value) in [
            ("amount", attempt.money.minor.to_string().as_str()),
            ("&currency", &attempt.money.currency().to_ascii_lowercase()),
            ("&payment_method", step.token.as_deref().unwrap_or_default()),
            ("&payment_method_types[]", "card"),
            ("&payment_method_options[card][moto]", "true"),
            ("&confirm", "true"),
            ("&error_on_requires_action", "true"),
            ("&description", &attempt.order),
            ("&metadata[reference]", &attempt.reference),
        ] {
            write_pair(name, value, sink);
        }
    }

    fn read(&self, step: &Step, answer: Answer<'_>) -> Next {
        let json = serde_json::from_slice::<Value>(answer.body).unwrap_or_default();
        let takes_money = step.number > 0;
        match answer.status {
            200..300 if !takes_money => match json.get("id").and_then(Value::as_str) {
                Some(id) => Next::Ask(Step { number: 1, token: Some(id.to_owned()) }),
                None => Next::Done(Outcome::NotTaken),
            },
            200..300 => Next::Done(intent(&json)),
            402 => Next::Done(declined(&json)),
            401 | 403 => Next::Done(Outcome::Misconfigured),
            400 | 404 => Next::Done(Outcome::InputRefused(wrong_field(&json))),
            // Too many requests: this one was not looked at.
            429 => Next::Done(Outcome::NotTaken),
            _ => Next::Done(self.lost(step)),
        }
    }

    fn lost(&self, step: &Step) -> Outcome {
        // A PaymentMethod alone takes no money.
        if step.number == 0 { Outcome::NotTaken } else { Outcome::Unknown }
    }

    fn look_up(&self, _: &Attempt, sink: &mut dyn RequestSink) -> bool {
        // Its search would take our reference, but lags behind by a minute, and by an hour on a bad day. The list does not.
        self.head("GET", "/v1/payment_intents?limit=100", None, sink);
        true
    }

    fn found(&self, attempt: &Attempt, answer: Answer<'_>) -> Found {
        let Ok(json) = serde_json::from_slice::<Value>(answer.body) else { return Found::NoAnswer };
        let intents = json.get("data").and_then(Value::as_array);
        let (200, Some(intents)) = (answer.status, intents) else { return Found::NoAnswer };
        let is_ours = |intent: &&Value| {
            let reference = intent.pointer("/metadata/reference").and_then(Value::as_str);
            reference == Some(attempt.reference.as_str())
        };
        match intents.iter().find(is_ours) {
            Some(ours) if ours.get("status").and_then(Value::as_str) == Some("processing") => Found::UnderWay,
            Some(ours) => Found::Settled(intent(ours)),
            // Where the list goes on, ours may stand behind.
            None if json.get("has_more").and_then(Value::as_bool) == Some(false) => Found::Nothing,
            None => Found::NoAnswer,
        }
    }
}

fn write_card(submission: &Submission<'_>, sink: &mut dyn RequestSink) {
    sink.body(b"type=card&card[number]=");
    submission.card.pan.write_to(sink);
    sink.body(b"&card[cvc]=");
    submission.card.csc.write_to(sink);
    if let Some(expiry) = expiry(submission) {
        write_pair("&card[exp_month]", &expiry.month.to_string(), sink);
        write_pair("&card[exp_year]", &format!("20{:02}", expiry.year), sink);
    }
    for (name, text) in [
        ("&billing_details[name]", Text::Name),
        ("&billing_details[address][line1]", Text::Street),
        ("&billing_details[address][city]", Text::Town),
        ("&billing_details[address][postal_code]", Text::Postcode),
        ("&billing_details[address][country]", Text::Country),
    ] {
        let typed = submission.details.text(text);
        if !typed.is_empty() {
            write_pair(name, typed, sink);
        }
    }
}

/// `name=value`, the value percent-encoded (WHATWG URL section 5.2).
fn write_pair(name: &str, value: &str, sink: &mut dyn RequestSink) {
    let mut pair = format!("{name}=");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            pair.push(char::from(byte));
        } else {
            pair.push_str(&format!("%{byte:02X}"));
        }
    }
    sink.body(pair.as_bytes());
}

fn intent(json: &Value) -> Outcome {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let id = text("id").map(str::to_owned);
    match (text("status"), id) {
        (Some("succeeded"), Some(id)) => Outcome::Approved { psp_reference: id },
        (Some("requires_action"), id) => {
            Outcome::Declined { reason: Decline::Authentication, psp_reference: id }
        }
        (Some("requires_payment_method"), id) => {
            let reason = json.get("last_payment_error").map_or(Decline::Refused, reason);
            Outcome::Declined { reason, psp_reference: id }
        }
        (Some("canceled"), id) => Outcome::Declined { reason: Decline::Refused, psp_reference: id },
        _ => Outcome::Unknown,
    }
}

fn declined(json: &Value) -> Outcome {
    let error = json.get("error").unwrap_or(&Value::Null);
    let intent = error.pointer("/payment_intent/id").and_then(Value::as_str);
    Outcome::Declined { reason: reason(error), psp_reference: intent.map(str::to_owned) }
}

fn reason(error: &Value) -> Decline {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("code"), text("decline_code")) {
        ("expired_card" | "invalid_expiry_month" | "invalid_expiry_year", _) => Decline::Expired,
        ("incorrect_cvc" | "invalid_cvc", _) => Decline::Code,
        ("incorrect_number" | "invalid_number", _) => Decline::Number,
        ("authentication_required" | "payment_intent_authentication_failure", _) => Decline::Authentication,
        (_, "insufficient_funds" | "card_velocity_exceeded" | "withdrawal_count_limit_exceeded") => {
            Decline::Funds
        }
        (_, "lost_card" | "stolen_card" | "pickup_card" | "restricted_card" | "card_not_supported") => {
            Decline::Card
        }
        (_, "fraudulent" | "merchant_blacklist") => Decline::Fraud,
        (_, "authentication_required") => Decline::Authentication,
        (_, "try_again_later" | "issuer_not_available" | "processing_error") | ("processing_error", _) => {
            Decline::Later
        }
        _ => Decline::Refused,
    }
}

fn wrong_field(json: &Value) -> WrongField {
    match json.pointer("/error/param").and_then(Value::as_str).unwrap_or_default() {
        "card[number]" | "number" => WrongField::Number,
        "card[exp_month]" | "card[exp_year]" | "exp_month" | "exp_year" => WrongField::Expiry,
        "card[cvc]" | "cvc" => WrongField::Code,
        "amount" | "currency" | "description" => WrongField::Order,
        param if param.starts_with("billing_details") => WrongField::Details,
        _ => WrongField::Other,
    }
}
