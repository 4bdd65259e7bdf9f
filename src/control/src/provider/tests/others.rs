//! Other people's idea of Stripe and Adyen. What they lack is made up for before them, and told here.
#![allow(clippy::print_stderr, reason = "whoever runs the tests is told what is skipped")]

use std::sync::{Arc, Mutex};

use keyhush_tests::https::{Request, Server};
use keyhush_tests::psp_peers::Peer;

use super::*;

/// A request with another body.
fn with_body(request: &Request, body: &str) -> Vec<u8> {
    let text = String::from_utf8(request.bytes().to_vec()).expect("text");
    let (head, _) = text.split_once("\r\n\r\n").expect("a head");
    let lines = head.split("\r\n").filter(|line| !line.to_lowercase().starts_with("content-length:"));
    let head: Vec<&str> = lines.collect();
    format!("{}\r\ncontent-length: {}\r\n\r\n{body}", head.join("\r\n"), body.len()).into_bytes()
}

fn with_header(request: &Request, line: &str) -> Vec<u8> {
    let text = String::from_utf8(request.bytes().to_vec()).expect("text");
    text.replacen("\r\n", &format!("\r\n{line}\r\n"), 1).into_bytes()
}

fn before(front: &Server, peer: &Peer, kind: &str, account: &str) -> (Directory, Provider) {
    let directory = Directory::new();
    std::fs::write(directory.path("front.pem"), peer.certificate()).expect("written");
    write_secret(&directory, "psp.key", "sk_test_12345\n");
    let port = front.address().port();
    let provider = provider(
        &directory,
        &format!(
            "kind = \"{kind}\"\n{account}\ncredentials = \"psp.key\"\nendpoint = \"https://localhost:{port}\"\nauthorities = \"front.pem\""
        ),
    );
    (directory, provider)
}

#[test]
fn localstripe_takes_a_payment_and_finds_it_again() {
    let Some(peer) = Peer::localstripe().expect("it starts") else {
        eprintln!("skipped: localstripe is not installed (KEYHUSH_TOOLS; `make test` does it)");
        return;
    };
    // Two parameters of Stripe's that it does not know; those that it knows, and what they are, it looks at strictly.
    let unknown = ["description", "error_on_requires_action"];
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let front = peer
        .front(move |request| {
            let body = String::from_utf8(request.body().to_vec()).expect("text");
            let name = |pair: &&str| pair.split('=').next().unwrap_or_default().to_owned();
            noted.lock().expect("nobody panics").extend(body.split('&').map(|pair| name(&pair)));
            let known: Vec<&str> =
                body.split('&').filter(|pair| !unknown.contains(&name(pair).as_str())).collect();
            with_body(request, &known.join("&"))
        })
        .expect("a port");
    let (_files, stripe) = before(&front, &peer, "stripe", "");
    let house = House::new();
    let payment = Payment::by("a", 1250, "4242424242424242");
    let outcome = pay(&house, &stripe, &payment);
    assert!(
        matches!(&outcome, Outcome::Approved { psp_reference } if psp_reference.starts_with("pi_")),
        "{outcome:?}"
    );
    let seen = seen.lock().expect("nobody panics").clone();
    for name in unknown.into_iter().chain(["payment_method_options[card][moto]", "metadata[reference]"]) {
        assert!(seen.iter().any(|seen| seen == name), "{name} missing in {seen:?}");
    }
    assert_eq!(find(&house, &stripe, &payment.attempt), Found::Settled(outcome));
    assert_eq!(find(&house, &stripe, &Payment::new("b", 1).attempt), Found::Nothing);
    // The card that it declines.
    let outcome = pay(&house, &stripe, &Payment::by("c", 1250, "4000000000000341"));
    assert!(matches!(outcome, Outcome::Declined { .. }), "{outcome:?}");
}

#[test]
fn adyens_description_accepts_our_request_and_refuses_a_broken_one() {
    let Some(peer) = Peer::adyen().expect("it starts") else {
        eprintln!(
            "skipped: needs KEYHUSH_TOOLS (`make test`) and KEYHUSH_PSP_SPECS with adyen-checkout-v72.yaml"
        );
        return;
    };
    let house = House::new();
    // Of the answers that the description has, those to a card that needs nobody to be asked, and to one that does.
    for (example, approved) in [("card-direct", true), ("card-3d-secure-2-web", false)] {
        let prefer = format!("Prefer: example={example}");
        let front = peer.front(move |request| with_header(request, &prefer)).expect("a port");
        let (_files, adyen) = before(&front, &peer, "adyen", "account = \"AcmeMOTO\"");
        let payment = Payment::new(example, 1250);
        match pay(&house, &adyen, &payment) {
            Outcome::Approved { psp_reference } if approved => assert!(!psp_reference.is_empty()),
            Outcome::Declined { reason: payment::Decline::Authentication, .. } if !approved => {}
            other => unreachable!("{example}: {other:?}"),
        }
        assert!(adyen.look_up(&payment.attempt).is_none(), "it cannot be asked");
    }
    // Without what must be, and with what must not be.
    for (right, wrong) in [("returnUrl", "urlReturn"), ("\"value\":1250", "\"value\":\"12\"")] {
        let front = peer
            .front(move |request| {
                let body = String::from_utf8(request.body().to_vec()).expect("text");
                assert!(body.contains(right), "{right}");
                with_body(request, &body.replace(right, wrong))
            })
            .expect("a port");
        let (_files, adyen) = before(&front, &peer, "adyen", "account = \"AcmeMOTO\"");
        let outcome = pay(&house, &adyen, &Payment::new("broken", 1250));
        assert!(matches!(outcome, Outcome::InputRefused(_)), "{wrong}: {outcome:?}");
    }
}
