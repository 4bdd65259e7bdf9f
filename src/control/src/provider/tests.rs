//! The provider by itself, and against others over real TLS through the loop.

mod many;
mod others;
mod sandbox;

use std::path::Path;
use std::sync::mpsc;

use handover::Instant;
use payment::capture::{Card, CardMonth};
use payment::details::Text;
use payment::{BrandTable, Details, Money};
use secret::{Csc, Digit, Digits, Pan, Vault};
use settings::{BrandSettings, Tenants};

use super::*;
use crate::tests::Directory;
use crate::web::tests::{House, Room};
use crate::web::{Failure, Order};

const PATIENCE: Duration = Duration::from_secs(30);

/// The provider of a tenant whose file says `psp`, and has its files beside it.
fn provider(directory: &Directory, psp: &str) -> Provider {
    Provider::of(&settings(directory, psp)).expect("a provider")
}

fn settings(directory: &Directory, psp: &str) -> tenants::Psp {
    let file = directory.path("example.toml");
    std::fs::write(&file, format!("numbers = [\"+442079460123\"]\n[psp]\n{psp}\n")).expect("written");
    let tenants = Tenants::load(file.parent().expect("a directory"));
    let tenants = tenants.map_err(|error| error.to_string()).expect("it is right");
    tenants.iter().next().expect("one tenant").psp.clone()
}

/// A file that only its owner may read.
fn write_secret(directory: &Directory, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let file = directory.path(name);
    std::fs::write(&file, text).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("ours");
}

/// The table of `config/brands.toml`.
fn brands() -> BrandTable {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/brands.toml");
    let settings = BrandSettings::load(Path::new(file)).map_err(|error| error.to_string()).expect("right");
    crate::brand_table(settings)
        .map_err(|error| error.to_string())
        .expect("it is whole, and nothing overlaps")
}

fn digits(vault: &Vault, keys: &str) -> Digits {
    let mut digits = Digits::new(vault).expect("room");
    for key in keys.bytes() {
        digits.push(&Digit::from_ascii(key).expect("a key"));
    }
    digits
}

/// All that a payment is made of.
struct Payment {
    attempt: Attempt,
    card: Card,
    details: Details,
}

impl Payment {
    fn new(name: &str, minor: u64) -> Self {
        Self::by(name, minor, "5555555555554444")
    }

    fn by(name: &str, minor: u64, card: &str) -> Self {
        let vault = Vault::new(2).expect("a page");
        let (brand, _) = brands().brands().next().map(|(id, brand)| (id, brand.csc)).expect("a brand");
        let attempt = Attempt {
            number: 1,
            idempotency_key: format!("key-{name}"),
            reference: format!("KH-{name}"),
            money: Money::new(minor, "EUR").expect("money"),
            order: format!("order {name}"),
        };
        let card = Card {
            pan: Pan::new(digits(&vault, card)).expect("a number"),
            brand,
            expiry: Some(CardMonth { month: 12, year: 30 }),
            valid_from: None,
            issue: None,
            csc: Csc::new(digits(&vault, "737")).expect("a code"),
        };
        let details = Details::new().with(Text::Name, "Zoë Example").expect("a name");
        Payment { attempt, card, details }
    }

    fn submission(&self) -> Submission<'_> {
        Submission { attempt: &self.attempt, card: &self.card, details: &self.details }
    }
}

/// What comes of a request.
type Came = Result<Answer, AskError>;

/// Has the loop send a request; what comes of it comes by the channel.
fn send(house: &House, outgoing: Outgoing) -> mpsc::Receiver<Came> {
    let (tell, told) = mpsc::channel();
    house.errand(move |room: &mut Room, _: Instant| {
        // Who gave up waiting is not told.
        let ask = outgoing.ask(PATIENCE, Box::new(move |result, _: &mut Room, _| drop(tell.send(result))));
        room.orders.push(Order::Ask(Box::new(ask)));
    });
    told
}

fn wait(told: &mpsc::Receiver<Came>) -> Came {
    told.recv_timeout(Duration::from_secs(20)).expect("something comes of it")
}

/// Pays, step by step.
fn pay(house: &House, provider: &Provider, payment: &Payment) -> Outcome {
    let mut step = Step::default();
    loop {
        let outgoing = provider.request(&step, &payment.submission()).expect("locked memory");
        match provider.read(&step, wait(&send(house, outgoing))) {
            Next::Ask(next) => step = next,
            Next::Done(outcome) => return outcome,
        }
    }
}

/// What the provider says of a payment.
fn find(house: &House, provider: &Provider, attempt: &Attempt) -> Found {
    let outgoing = provider.look_up(attempt).expect("it can be asked");
    provider.found(attempt, wait(&send(house, outgoing)))
}

fn lost(sent: bool) -> Came {
    Err(AskError { failure: Failure::Late, sent })
}

fn sandbox_somewhere(directory: &Directory) -> Provider {
    let certificate =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    std::fs::write(directory.path("roots.pem"), certificate.cert.pem()).expect("written");
    provider(
        directory,
        "kind = \"sandbox\"\nendpoint = \"https://localhost:9/below\"\nauthorities = \"roots.pem\"",
    )
}

#[test]
fn a_request_lies_in_locked_memory_and_says_all_that_the_adapter_wrote() {
    let directory = Directory::new();
    let provider = sandbox_somewhere(&directory);
    let payment = Payment::new("a", 1200);
    let outgoing = provider.request(&Step::default(), &payment.submission()).expect("locked memory");
    assert_eq!((outgoing.host.as_str(), outgoing.port, provider.name()), ("localhost", 9, "sandbox"));
    let request = &outgoing.request;
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/below/payments"));
    assert_eq!(request.headers()["idempotency-key"], "key-a");
    assert!(request.body().windows(16).any(|window| window == b"5555555555554444"));
    // Where the body lies is a mapping that is locked and left out of dumps.
    let address = request.body().as_ptr() as usize;
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("Linux");
    let mut flags = None;
    let mut is_ours = false;
    for line in smaps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let range = range.and_then(|(low, high)| {
            Some(usize::from_str_radix(low, 16).ok()?..usize::from_str_radix(high, 16).ok()?)
        });
        if let Some(range) = range {
            is_ours = range.contains(&address);
        } else if let Some(told) = line.strip_prefix("VmFlags:")
            && is_ours
        {
            flags = Some(format!("{told} "));
        }
    }
    let flags = flags.expect("the mapping is listed");
    assert!(flags.contains(" lo ") && flags.contains(" dd "), "{flags}");
    let told = format!("{outgoing:?} {provider:?} {:?}", outgoing.request.headers());
    assert!(!told.contains("5555") && !told.contains("key-a"), "{told}");

    let question = provider.look_up(&payment.attempt).expect("it can be asked").request;
    assert_eq!(question.uri(), "/below/payments?reference=KH-a");
    assert!(question.body().is_empty());
}

#[test]
fn without_locked_memory_nothing_is_sent() {
    let directory = Directory::new();
    let mut provider = sandbox_somewhere(&directory);
    let payment = Payment::new("a", 1200);
    for room in [usize::MAX / 4096 * 4096, 64] {
        // More than there is, and too little for the request.
        provider.body_bytes = room;
        assert!(provider.request(&Step::default(), &payment.submission()).is_none(), "{room}");
        assert!(provider.look_up(&payment.attempt).is_some(), "a question needs none");
    }
    assert_eq!(provider.not_sent(&Step::default()), Outcome::NotTaken);
}

#[test]
fn what_was_not_sent_is_not_taken_and_what_was_lost_may_be() {
    let directory = Directory::new();
    write_secret(&directory, "stripe.key", "sk_test_1\n");
    sandbox_somewhere(&directory);
    let stripe =
        provider(&directory, "kind = \"stripe\"\ncredentials = \"stripe.key\"\nauthorities = \"roots.pem\"");
    let sandbox = sandbox_somewhere(&directory);
    let order = Step { number: 1, token: Some("pm_1".to_owned()) };
    for (provider, step, sent, outcome) in [
        (&stripe, Step::default(), false, Outcome::NotTaken),
        (&stripe, Step::default(), true, Outcome::NotTaken),
        (&stripe, order.clone(), false, Outcome::NotTaken),
        (&stripe, order, true, Outcome::Unknown),
        (&sandbox, Step::default(), false, Outcome::NotTaken),
        (&sandbox, Step::default(), true, Outcome::Unknown),
        // No adapter has such a step: of an earlier one it could not be said that it took nothing.
        (&sandbox, Step { number: 1, token: None }, false, Outcome::Unknown),
    ] {
        assert_eq!(provider.read(&step, lost(sent)), Next::Done(outcome), "{provider:?} {step:?} {sent}");
    }
    for sent in [false, true] {
        assert_eq!(sandbox.found(&Payment::new("a", 1).attempt, lost(sent)), Found::NoAnswer);
    }
    assert_eq!((stripe.name(), stripe.host.as_str(), stripe.port), ("stripe", "api.stripe.com", 443));
}

#[test]
fn what_is_wrong_with_a_providers_files_is_said() {
    let directory = Directory::new();
    write_secret(&directory, "adyen.key", "key\n");
    let lines = "kind = \"adyen\"\naccount = \"Acme\"\ncredentials = \"adyen.key\"\nendpoint = \"https://localhost/v72\"\nauthorities = \"roots.pem\"";
    std::fs::write(directory.path("roots.pem"), "nothing").expect("written");
    let settings = settings(&directory, lines);
    let error = Provider::of(&settings).expect_err("no certificate");
    assert!(error.to_string().contains("roots.pem"), "{error}");
    std::fs::remove_file(directory.path("adyen.key")).expect("it was there");
    let error = Provider::of(&settings).expect_err("no key");
    assert!(matches!(&error, ProviderError::Credentials(file, _) if file.ends_with("adyen.key")), "{error}");
}

#[test]
fn without_authorities_of_its_own_a_provider_trusts_whom_the_system_trusts() {
    let directory = Directory::new();
    let settings = settings(&directory, "kind = \"sandbox\"\nendpoint = \"https://localhost\"");
    match Provider::of(&settings) {
        Ok(provider) => assert_eq!(provider.port, 443),
        // A machine may know none.
        Err(error) => assert!(error.to_string().contains("ca-certificates"), "{error}"),
    }
}
