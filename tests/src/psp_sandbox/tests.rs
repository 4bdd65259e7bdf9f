#![allow(clippy::disallowed_methods, reason = "real clients wait in real time")]

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use super::*;

fn sandbox() -> PspSandbox {
    PspSandbox::for_a_test(Settings { late: Duration::from_millis(300), ..Settings::default() })
        .expect("a port")
}

/// All that comes of a request.
fn ask(sandbox: &PspSandbox, request: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(sandbox.certificate().as_bytes()).expect("PEM"))
        .expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(sandbox.address()).expect("it listens");
    tcp.set_read_timeout(Some(Duration::from_secs(2))).expect("a socket");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("TLS"), tcp);
    let mut answer = Vec::new();
    if tls.write_all(request.as_bytes()).is_ok() {
        let _ = tls.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn status_and_body(answer: &str) -> (u16, Value) {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn get(sandbox: &PspSandbox, target: &str) -> Value {
    status_and_body(&ask(sandbox, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))).1
}

fn body(name: &str, amount: u64, card: &str, code: &str) -> Value {
    json!({
        "reference": format!("KH-{name}"), "order": "order 1", "amount": amount, "currency": "EUR",
        "card": { "number": card, "code": code, "expiry": { "month": 12, "year": 2030 } },
    })
}

fn post(sandbox: &PspSandbox, key: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let length = body.len();
    let head =
        format!("POST /payments HTTP/1.1\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n");
    status_and_body(&ask(sandbox, &(head + &body)))
}

fn pay(sandbox: &PspSandbox, name: &str, amount: u64) -> (u16, Value) {
    post(sandbox, name, &body(name, amount, "5555555555554444", "123"))
}

#[test]
fn a_payment_is_taken_once_however_often_it_is_asked_for() {
    let sandbox = sandbox();
    let (status, first) = pay(&sandbox, "a", 1200);
    assert_eq!((status, &first["status"], &first["last_four"]), (200, &json!("approved"), &json!("4444")));
    assert_eq!(pay(&sandbox, "a", 1200), (200, first.clone()), "its key says that it was done");
    assert_eq!(pay(&sandbox, "a", 1300).0, 422, "and for what");
    assert_eq!((sandbox.charges("order 1"), sandbox.payments()), (1, 1));
    assert_eq!(get(&sandbox, "/payments?reference=KH-a"), json!({ "payments": [first] }));
    assert_eq!(get(&sandbox, "/payments?reference=KH-b"), json!({ "payments": [] }));
    pay(&sandbox, "b", 1200);
    assert_eq!(
        get(&sandbox, "/charges?order=order%201"),
        json!({ "charges": 2 }),
        "another key: a double charge"
    );
}

#[test]
fn cards_are_looked_at_and_say_what_becomes_of_them() {
    let sandbox = sandbox();
    for (card, code, status, tells) in [
        ("5555555555554445", "123", 422, "number"),
        ("55555555555", "123", 422, "number"),
        ("5555 5555 5555 4444", "123", 422, "number"),
        ("5555555555554444", "1234", 422, "code"),
        ("378282246310005", "123", 422, "code"),
        ("378282246310005", "1234", 200, "approved"),
        ("4242424242424242", "123", 200, "approved"),
        ("4000000000009995", "123", 200, "funds"),
    ] {
        let (answered, body) = post(&sandbox, &format!("{card}{code}"), &body(card, 1200, card, code));
        assert!(answered == status && body.to_string().contains(tells), "{card}: {answered} {body}");
        let told = get(&sandbox, &format!("/payments?reference=KH-{card}")).to_string();
        assert!(!told.replace(&format!("KH-{card}"), "").contains(card), "{told}");
    }
    assert_eq!(post(&sandbox, "x", &json!({ "card": 7 })).0, 400);
    assert_eq!(post(&sandbox, "", &body("y", 1200, "5555555555554444", "123")).0, 400, "no key");
}

#[test]
fn each_amount_has_its_behaviour() {
    let sandbox = sandbox();
    let mut taken = 0;
    for (last, behaviour, _) in behaviour::TABLE {
        use behaviour::{Behaviour, Trouble};
        let stalls =
            matches!(behaviour, Behaviour::Before(Trouble::Stalls) | Behaviour::After(Trouble::Stalls));
        if stalls || behaviour.delay() > Duration::from_secs(1) {
            continue;
        }
        let name = format!("n{last}");
        let (status, answer) = pay(&sandbox, &name, 1000 + last);
        let expected = match behaviour {
            Behaviour::Approves(_) | Behaviour::Declines(_) => 200,
            Behaviour::Refuses(_) => 422,
            Behaviour::Denies => 401,
            Behaviour::Defers => 429,
            Behaviour::Pends => 202,
            Behaviour::Before(Trouble::Fails) | Behaviour::After(Trouble::Fails) => 503,
            Behaviour::After(Trouble::Redirects) => 307,
            Behaviour::Before(Trouble::Drops) | Behaviour::After(Trouble::Drops | Trouble::Noise) => 0,
            Behaviour::Hides | Behaviour::TakesLate => 0,
            _ => 200,
        };
        assert_eq!(status, expected, "{last}: {answer}");
        let found = |payments: &Value| payments["payments"].as_array().map_or(0, Vec::len);
        let once = found(&get(&sandbox, &format!("/payments?reference=KH-{name}")));
        let is_taken = matches!(
            behaviour,
            Behaviour::Approves(_) | Behaviour::Declines(_) | Behaviour::After(_) | Behaviour::Pends
        );
        assert_eq!(once, usize::from(is_taken), "{last}");
        taken += u32::from(is_taken && !matches!(behaviour, Behaviour::Declines(_)));
    }
    assert_eq!(sandbox.charges("order 1"), taken + 1, "the hidden one is taken, the late one is not");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(sandbox.charges("order 1"), taken + 2);
    for name in ["n93", "n94", "n95"] {
        let payments = get(&sandbox, &format!("/payments?reference=KH-{name}"));
        assert_eq!(payments["payments"][0]["status"], "approved", "{name}");
    }
}

#[test]
fn connections_are_hung_up_on_and_credentials_asked_for() {
    let settings = Settings { secret: Some("s3cret".into()), ..Settings::default() };
    let sandbox = PspSandbox::for_a_test(settings).expect("a port");
    assert_eq!(pay(&sandbox, "a", 1200).0, 401);
    let with = "GET /payments?reference=a HTTP/1.1\r\nAuthorization: Bearer s3cret\r\n\r\n";
    assert_eq!(status_and_body(&ask(&sandbox, with)).0, 200);
    let read = sandbox.requests();
    sandbox.hang_up_on_next(1);
    assert_eq!(ask(&sandbox, with), "");
    assert_eq!(sandbox.requests(), read);
    assert_eq!(status_and_body(&ask(&sandbox, with)).0, 200);
}

#[test]
fn a_stall_ends_with_the_sandbox() {
    let sandbox = sandbox();
    let (certificate, address) = (sandbox.certificate().to_owned(), sandbox.address());
    assert_eq!(pay(&sandbox, "a", 1286), (0, Value::Null), "nobody answers within the test's patience");
    let mut tcp = TcpStream::connect(address).expect("it listens");
    drop(sandbox);
    assert_eq!(tcp.read(&mut [0]).unwrap_or(0), 0, "it is closed");
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE"));
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}
