use secret::{Csc, Digit, Digits, Letter, Pan, Vault};
use serde_json::{Value, json};

use super::adyen::Adyen;
use super::sandbox::Sandbox;
use super::stripe::Stripe;
use super::*;
use crate::brands::tests::shipped;
use crate::details::Text;

struct Request {
    head: String,
    body: Letter,
}

impl Request {
    fn new() -> Self {
        Request { head: String::new(), body: Letter::new(4_096).expect("a page") }
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.reveal().expect("it fits").to_vec()).expect("text")
    }
}

impl DigitSink for Request {
    fn digits(&mut self, ascii: &[u8]) {
        self.body.digits(ascii);
    }
}

impl RequestSink for Request {
    fn line(&mut self, method: &str, path: &str) {
        self.head = format!("{method} {path}\n");
    }

    fn header(&mut self, name: &str, value: &str) {
        self.head.push_str(&format!("{name}: {value}\n"));
    }

    fn body(&mut self, bytes: &[u8]) {
        self.body.write(bytes);
    }
}

fn digits(vault: &Vault, keys: &str) -> Digits {
    let mut digits = Digits::new(vault).expect("room");
    for key in keys.bytes() {
        digits.push(&Digit::from_ascii(key).expect("a key"));
    }
    digits
}

fn attempt() -> Attempt {
    Attempt {
        number: 1,
        idempotency_key: "key-1".to_owned(),
        reference: "KH-1".to_owned(),
        money: Money::new(1_250, "EUR").expect("money"),
        order: "chairs \"4\" & table".to_owned(),
    }
}

/// What an adapter writes for a step.
fn asked(psp: &dyn Psp, step: &Step) -> Request {
    let vault = Vault::new(8).expect("a page");
    let (brand, _) = shipped().brands().next().map(|(id, brand)| (id, brand.csc)).expect("a brand");
    let card = Card {
        pan: Pan::new(digits(&vault, "4111111111111111")).expect("a number"),
        brand,
        expiry: Some(CardMonth { month: 3, year: 30 }),
        valid_from: None,
        issue: None,
        csc: Csc::new(digits(&vault, "737")).expect("a code"),
    };
    let details = Details::new().with(Text::Name, "Zoë \"Z\" O'Neil").expect("a name");
    let attempt = attempt();
    let mut request = Request::new();
    psp.ask(step, &Submission { attempt: &attempt, card: &card, details: &details }, &mut request);
    request
}

fn read(psp: &dyn Psp, number: u8, status: u16, body: &Value) -> Outcome {
    let body = body.to_string();
    let step = Step { number, token: Some("pm_1".to_owned()) };
    match psp.read(&step, Answer { status, body: body.as_bytes() }) {
        Next::Done(outcome) => outcome,
        Next::Ask(_) => unreachable!("it asks again"),
    }
}

fn adyen() -> Adyen {
    let text = |text: &str| text.to_owned();
    Adyen::new(text("secret-key"), text("Acme"), text("https://pay.example/"), text("/v72"))
}

fn sandbox() -> Sandbox {
    Sandbox::new(Some("Acme".to_owned()), Some("secret-key".to_owned()))
}

#[test]
fn adyen_is_asked_as_its_description_says() {
    let request = asked(&adyen(), &Step::default());
    assert!(request.head.starts_with("POST /v72/payments\n"), "{}", request.head);
    assert!(
        request.head.contains("Idempotency-Key: key-1\n") && request.head.contains("X-API-Key: secret-key")
    );
    let body: Value = serde_json::from_str(&request.text()).expect("JSON");
    let expected = json!({
        "amount": { "currency": "EUR", "value": 1250 },
        "merchantAccount": "Acme",
        "merchantOrderReference": "chairs \"4\" & table",
        "reference": "KH-1",
        "returnUrl": "https://pay.example/",
        "shopperInteraction": "Moto",
        "paymentMethod": {
            "type": "scheme", "number": "4111111111111111", "cvc": "737",
            "expiryMonth": "03", "expiryYear": "2030", "holderName": "Zoë \"Z\" O'Neil",
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn adyens_answers_are_understood() {
    let declined = |reason| Outcome::Declined { reason, psp_reference: Some("P1".to_owned()) };
    let adyen = adyen();
    for (status, body, outcome) in [
        (
            200,
            json!({"resultCode": "Authorised", "pspReference": "P1"}),
            Outcome::Approved { psp_reference: "P1".into() },
        ),
        (200, json!({"resultCode": "Authorised"}), Outcome::Unknown),
        (
            200,
            json!({"resultCode": "Refused", "pspReference": "P1", "refusalReasonCode": "2"}),
            declined(Decline::Refused),
        ),
        (
            200,
            json!({"resultCode": "Refused", "pspReference": "P1", "refusalReasonCode": "12"}),
            declined(Decline::Funds),
        ),
        (
            200,
            json!({"resultCode": "Refused", "pspReference": "P1", "refusalReasonCode": "24"}),
            declined(Decline::Code),
        ),
        (
            200,
            json!({"resultCode": "RedirectShopper", "pspReference": "P1"}),
            declined(Decline::Authentication),
        ),
        (200, json!({"resultCode": "Pending"}), Outcome::Unknown),
        (200, json!("no JSON of theirs"), Outcome::Unknown),
        (422, json!({"errorCode": "101"}), Outcome::InputRefused(WrongField::Number)),
        (422, json!({"errorCode": "704"}), Outcome::Unknown),
        (401, json!({}), Outcome::Misconfigured),
        (500, json!({}), Outcome::Unknown),
        (503, json!({"resultCode": "Authorised", "pspReference": "P1"}), Outcome::Unknown),
    ] {
        assert_eq!(read(&adyen, 0, status, &body), outcome, "{status} {body}");
    }
}

#[test]
fn stripe_gets_the_card_once_and_then_the_order() {
    let stripe = Stripe::new("sk_1".to_owned());
    let request = asked(&stripe, &Step::default());
    assert!(request.head.starts_with("POST /v1/payment_methods\n") && request.head.contains("Bearer sk_1"));
    assert!(request.head.contains("Idempotency-Key: key-1-card\n"));
    let body = request.text();
    assert!(
        body.starts_with("type=card&card[number]=4111111111111111&card[cvc]=737&card[exp_month]=3"),
        "{body}"
    );
    assert!(body.ends_with("&billing_details[name]=Zo%C3%AB%20%22Z%22%20O%27Neil"), "{body}");

    let answer = Answer { status: 200, body: b"{\"id\":\"pm_1\"}" };
    let Next::Ask(step) = stripe.read(&Step::default(), answer) else { unreachable!("the order comes next") };
    assert_eq!(step, Step { number: 1, token: Some("pm_1".to_owned()) });
    let request = asked(&stripe, &step);
    assert!(request.head.starts_with("POST /v1/payment_intents\n"));
    assert!(request.head.contains("Idempotency-Key: key-1\n"));
    let body = request.text();
    assert!(!body.contains("4111"), "{body}");
    for part in [
        "amount=1250&currency=eur&payment_method=pm_1",
        "&payment_method_options[card][moto]=true",
        "&confirm=true",
        "&description=chairs%20%224%22%20%26%20table",
        "&metadata[reference]=KH-1",
    ] {
        assert!(body.contains(part), "{part} missing in {body}");
    }
}

#[test]
fn stripes_answers_are_understood() {
    let stripe = Stripe::new("sk_1".to_owned());
    let declined = |reason| Outcome::Declined { reason, psp_reference: None };
    for (step, status, body, outcome) in [
        (
            1,
            200,
            json!({"id": "pi_1", "status": "succeeded"}),
            Outcome::Approved { psp_reference: "pi_1".into() },
        ),
        (1, 200, json!({"id": "pi_1", "status": "processing"}), Outcome::Unknown),
        (1, 200, json!({}), Outcome::Unknown),
        (
            1,
            402,
            json!({"error": {"code": "card_declined", "decline_code": "insufficient_funds"}}),
            declined(Decline::Funds),
        ),
        (1, 402, json!({"error": {"code": "incorrect_cvc"}}), declined(Decline::Code)),
        (0, 402, json!({"error": {"code": "invalid_number"}}), declined(Decline::Number)),
        (0, 400, json!({"error": {"param": "card[exp_year]"}}), Outcome::InputRefused(WrongField::Expiry)),
        (1, 401, json!({}), Outcome::Misconfigured),
        (1, 429, json!({}), Outcome::NotTaken),
        (1, 500, json!({}), Outcome::Unknown),
        (0, 500, json!({}), Outcome::NotTaken),
        (0, 200, json!({}), Outcome::NotTaken),
    ] {
        assert_eq!(read(&stripe, step, status, &body), outcome, "{step} {status} {body}");
    }
}

#[test]
fn stripe_is_asked_what_became_of_ours() {
    let stripe = Stripe::new("sk_1".to_owned());
    let mut request = Request::new();
    assert!(stripe.look_up(&attempt(), &mut request));
    assert!(request.head.starts_with("GET /v1/payment_intents?"), "{}", request.head);
    let theirs = json!({"id": "pi_0", "status": "succeeded", "metadata": {"reference": "KH-0"}});
    let ours = |status: &str| json!({"id": "pi_1", "status": status, "metadata": {"reference": "KH-1"}});
    for (status, body, found) in [
        (
            200,
            json!({"data": [theirs, ours("succeeded")]}),
            Found::Settled(Outcome::Approved { psp_reference: "pi_1".into() }),
        ),
        (200, json!({"data": [ours("processing")]}), Found::UnderWay),
        (200, json!({"data": [theirs], "has_more": false}), Found::Nothing),
        (200, json!({"data": [theirs], "has_more": true}), Found::NoAnswer),
        (200, json!({}), Found::NoAnswer),
        (500, json!({"data": [], "has_more": false}), Found::NoAnswer),
    ] {
        let text = body.to_string();
        assert_eq!(stripe.found(&attempt(), Answer { status, body: text.as_bytes() }), found, "{body}");
    }
}

#[test]
fn stripe_is_told_whose_name_it_is_asked_in() {
    let stripe = Stripe::new("sk_1".to_owned()).on_behalf_of(Some("acct_1".to_owned()));
    let mut look_up = Request::new();
    assert!(stripe.look_up(&attempt(), &mut look_up));
    for request in [asked(&stripe, &Step::default()), look_up] {
        assert!(request.head.contains("Stripe-Account: acct_1\n"), "{}", request.head);
    }
    assert!(!asked(&Stripe::new("sk_1".to_owned()), &Step::default()).head.contains("Stripe-Account"));
}

#[test]
fn the_sandbox_gets_all_that_a_payment_has() {
    let request = asked(&sandbox(), &Step::default());
    assert!(request.head.starts_with("POST /payments\n"), "{}", request.head);
    for header in ["Authorization: Bearer secret-key", "Keyhush-Account: Acme", "Idempotency-Key: key-1"] {
        assert!(request.head.contains(&format!("{header}\n")), "{header} missing in {}", request.head);
    }
    let body: Value = serde_json::from_str(&request.text()).expect("JSON");
    let expected = json!({
        "reference": "KH-1", "order": "chairs \"4\" & table", "amount": 1250, "currency": "EUR",
        "holder": { "name": "Zoë \"Z\" O'Neil", "street": "", "town": "", "postcode": "", "country": "" },
        "card": { "number": "4111111111111111", "code": "737", "expiry": { "month": 3, "year": 2030 } },
    });
    assert_eq!(body, expected);
    assert!(!asked(&Sandbox::new(None, None), &Step::default()).head.contains("Authorization"));
}

#[test]
fn the_sandboxs_answers_are_understood() {
    let declined = |reason| Outcome::Declined { reason, psp_reference: Some("S1".to_owned()) };
    for (status, body, outcome) in [
        (200, json!({"id": "S1", "status": "approved"}), Outcome::Approved { psp_reference: "S1".into() }),
        (200, json!({"status": "approved"}), Outcome::Unknown),
        (200, json!({"id": "S1", "status": "declined", "reason": "funds"}), declined(Decline::Funds)),
        (200, json!({"id": "S1", "status": "declined", "reason": "moon"}), declined(Decline::Refused)),
        (202, json!({"id": "S1", "status": "pending"}), Outcome::Unknown),
        (200, json!("not this"), Outcome::Unknown),
        (422, json!({"error": {"field": "code"}}), Outcome::InputRefused(WrongField::Code)),
        (422, json!({}), Outcome::InputRefused(WrongField::Other)),
        (401, json!({}), Outcome::Misconfigured),
        (409, json!({}), Outcome::Unknown),
        (429, json!({}), Outcome::NotTaken),
        (503, json!({"id": "S1", "status": "approved"}), Outcome::Unknown),
    ] {
        assert_eq!(read(&sandbox(), 0, status, &body), outcome, "{status} {body}");
    }
}

#[test]
fn the_sandbox_is_asked_what_became_of_ours() {
    let mut request = Request::new();
    assert!(sandbox().look_up(&attempt(), &mut request));
    assert!(request.head.starts_with("GET /payments?reference=KH-1\n"), "{}", request.head);
    let of = |reference: &str, status: &str| json!({"id": "S1", "reference": reference, "status": status});
    for (status, body, found) in [
        (
            200,
            json!({"payments": [of("KH-1", "approved")]}),
            Found::Settled(Outcome::Approved { psp_reference: "S1".into() }),
        ),
        (200, json!({"payments": [of("KH-1", "pending")]}), Found::UnderWay),
        (200, json!({"payments": []}), Found::Nothing),
        (200, json!({"payments": [of("KH-2", "approved")]}), Found::NoAnswer),
        (200, json!({}), Found::NoAnswer),
        (404, json!({"payments": []}), Found::NoAnswer),
        (500, json!({"payments": []}), Found::NoAnswer),
    ] {
        let text = body.to_string();
        assert_eq!(sandbox().found(&attempt(), Answer { status, body: text.as_bytes() }), found, "{body}");
    }
}

#[test]
fn whatever_a_provider_answers_is_read_without_harm() {
    let providers: [&dyn Psp; 3] = [&Stripe::new("sk_1".to_owned()), &adyen(), &sandbox()];
    for psp in providers {
        for status in (0..700).chain([u16::MAX]) {
            for body in [
                &b""[..],
                b"{",
                b"null",
                b"[]",
                b"\xff\xfe",
                b"{\"id\":7,\"status\":[],\"data\":7,\"error\":1}",
            ] {
                let answer = Answer { status, body };
                for number in [0, 1, 255] {
                    let step = Step { number, token: None };
                    let next = psp.read(&step, answer);
                    let approves = matches!(next, Next::Done(Outcome::Approved { .. }));
                    assert!(!approves, "{status} approves");
                }
                let found = psp.found(&attempt(), answer);
                assert!(!matches!(found, Found::Settled(Outcome::Approved { .. })), "{status} approves");
            }
        }
        let told = format!("{psp:?}");
        assert!(!told.contains("sk_1") && !told.contains("secret-key"), "{told}");
    }
}
