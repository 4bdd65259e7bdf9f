//! Adyen, Checkout API 72: `POST /payments` with `shopperInteraction: Moto`. A refusal is an answer 200 with a `resultCode`.

use core::fmt;

use serde_json::{Value, json};

use super::{
    Answer, Attempt, Decline, Found, Next, Outcome, Psp, RequestSink, Step, Submission, WrongField, expiry,
};
use crate::details::Text;

/// One merchant account at Adyen.
pub struct Adyen {
    api_key: String,
    merchant_account: String,
    /// Required by the API, and never used: nobody is sent anywhere by telephone.
    return_url: String,
    /// `/v72` on the test platform, `/checkout/v72` on the live one.
    path: String,
}

impl Adyen {
    /// The account. `path` is what stands before `/payments`.
    pub fn new(api_key: String, merchant_account: String, return_url: String, path: String) -> Self {
        Adyen { api_key, merchant_account, return_url, path }
    }
}

impl fmt::Debug for Adyen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adyen(_)")
    }
}

impl Psp for Adyen {
    fn ask(&self, _: &Step, submission: &Submission<'_>, sink: &mut dyn RequestSink) {
        let attempt = submission.attempt;
        sink.line("POST", &format!("{}/payments", self.path));
        sink.header("X-API-Key", &self.api_key);
        sink.header("Content-Type", "application/json");
        sink.header("Idempotency-Key", &attempt.idempotency_key);
        // The card is written between the other members by its own hand: no JSON value ever holds it.
        let order = json!({
            "amount": { "currency": attempt.money.currency(), "value": attempt.money.minor },
            "merchantAccount": self.merchant_account,
            "reference": attempt.reference,
            "merchantOrderReference": attempt.order,
            "returnUrl": self.return_url,
            "shopperInteraction": "Moto",
        });
        let order = order.to_string();
        sink.body(order.strip_suffix('}').unwrap_or(&order).as_bytes());
        sink.body(b",\"paymentMethod\":{\"type\":\"scheme\",\"number\":\"");
        submission.card.pan.write_to(sink);
        sink.body(b"\",\"cvc\":\"");
        submission.card.csc.write_to(sink);
        sink.body(b"\"");
        if let Some(expiry) = expiry(submission) {
            let month =
                format!(",\"expiryMonth\":\"{:02}\",\"expiryYear\":\"20{:02}\"", expiry.month, expiry.year);
            sink.body(month.as_bytes());
        }
        let name = submission.details.text(Text::Name);
        if !name.is_empty() {
            sink.body(format!(",\"holderName\":{}", Value::from(name)).as_bytes());
        }
        sink.body(b"}}");
    }

    fn read(&self, step: &Step, answer: Answer<'_>) -> Next {
        let json = serde_json::from_slice::<Value>(answer.body).unwrap_or_default();
        Next::Done(match answer.status {
            200..300 => result(&json),
            401 | 403 => Outcome::Misconfigured,
            400 | 422 => refused_input(&json),
            429 => Outcome::NotTaken,
            _ => self.lost(step),
        })
    }

    fn lost(&self, _: &Step) -> Outcome {
        Outcome::Unknown
    }

    fn look_up(&self, _: &Attempt, _: &mut dyn RequestSink) -> bool {
        // This API tells nothing by a merchant's reference; the same request could be repeated by its key, but the card is wiped.
        false
    }

    fn found(&self, _: &Attempt, _: Answer<'_>) -> Found {
        Found::NoAnswer
    }
}

fn result(json: &Value) -> Outcome {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let psp_reference = text("pspReference").map(str::to_owned);
    let declined = |reason| Outcome::Declined { reason, psp_reference: psp_reference.clone() };
    match text("resultCode") {
        Some("Authorised") => match psp_reference {
            Some(psp_reference) => Outcome::Approved { psp_reference },
            None => Outcome::Unknown,
        },
        Some("Refused" | "Error") => declined(reason(text("refusalReasonCode").unwrap_or_default())),
        Some("Cancelled") => declined(Decline::Refused),
        Some("RedirectShopper" | "IdentifyShopper" | "ChallengeShopper") => declined(Decline::Authentication),
        // Pending, Received, authorised in part, and what there may be one day.
        _ => Outcome::Unknown,
    }
}

/// Adyen's "Refusal reasons", by their codes.
fn reason(code: &str) -> Decline {
    match code {
        "3" | "5" | "22" | "25" | "26" | "27" | "28" => Decline::Card,
        "4" | "9" | "10" | "46" => Decline::Later,
        "6" => Decline::Expired,
        "7" | "12" | "29" => Decline::Funds,
        "8" => Decline::Number,
        "11" | "38" | "42" => Decline::Authentication,
        "14" | "20" | "31" => Decline::Fraud,
        "24" => Decline::Code,
        _ => Decline::Refused,
    }
}

fn refused_input(json: &Value) -> Outcome {
    let code = json.get("errorCode").and_then(Value::as_str).unwrap_or_default();
    match code {
        "101" | "105" | "130" => Outcome::InputRefused(WrongField::Number),
        "103" | "153" => Outcome::InputRefused(WrongField::Code),
        "129" | "131" | "140" | "141" => Outcome::InputRefused(WrongField::Expiry),
        "100" | "137" | "138" => Outcome::InputRefused(WrongField::Order),
        "132" | "133" | "134" | "135" | "136" => Outcome::InputRefused(WrongField::Details),
        "901" | "905" | "907" | "010" => Outcome::Misconfigured,
        // Our own key, at work or done: what became of it is not said.
        "704" => Outcome::Unknown,
        _ => Outcome::InputRefused(WrongField::Other),
    }
}
