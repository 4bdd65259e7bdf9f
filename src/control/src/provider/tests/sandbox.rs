//! Everything that the sandbox does, and what it must be to us.

use keyhush_tests::psp_sandbox::behaviour::{Behaviour, TABLE, Trouble};
use keyhush_tests::psp_sandbox::{PspSandbox, Settings};
use payment::psp::sandbox::{FIELDS, REASONS};

use super::*;
use crate::tests::eventually;

fn start(settings: Settings) -> (PspSandbox, Directory, Provider) {
    let sandbox = PspSandbox::for_a_test(settings).expect("a port");
    let (directory, provider) = asking(&sandbox, sandbox.certificate());
    (sandbox, directory, provider)
}

/// The provider that asks a sandbox and trusts a certificate.
pub(super) fn asking(sandbox: &PspSandbox, certificate: &str) -> (Directory, Provider) {
    let directory = Directory::new();
    std::fs::write(directory.path("sandbox.pem"), certificate).expect("written");
    let port = sandbox.address().port();
    let lines =
        format!("kind = \"sandbox\"\nendpoint = \"https://localhost:{port}\"\nauthorities = \"sandbox.pem\"");
    let provider = provider(&directory, &lines);
    (directory, provider)
}

/// What the sandbox says when it is asked after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// The answer says it all.
    Known,
    /// It was taken, as the sandbox says when it is asked.
    Paid,
    /// It was not taken, as it says.
    Nothing,
    /// Paid, as it says a while later, and something else until then.
    PaidLater(Meanwhile),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meanwhile {
    /// That it has not done with it.
    UnderWay,
    /// That it knows of none.
    Nothing,
}

fn is_approved(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Approved { psp_reference } if psp_reference.starts_with("sandbox-"))
}

/// What an answer must become, and what the sandbox knows afterwards.
fn expected(behaviour: Behaviour, outcome: &Outcome) -> (bool, Then) {
    let unknown = *outcome == Outcome::Unknown;
    match behaviour {
        Behaviour::Approves(_) | Behaviour::After(Trouble::Twice | Trouble::Drips) => {
            (is_approved(outcome), Then::Known)
        }
        Behaviour::Declines(named) => {
            let reason = REASONS.iter().find(|(name, _)| *name == named).expect("the adapter knows it").1;
            let is = matches!(outcome, Outcome::Declined { reason: said, .. } if *said == reason);
            (is, Then::Known)
        }
        Behaviour::Refuses(named) => {
            let field = FIELDS.iter().find(|(name, _)| *name == named).expect("the adapter knows it").1;
            (*outcome == Outcome::InputRefused(field), Then::Known)
        }
        Behaviour::Denies => (*outcome == Outcome::Misconfigured, Then::Known),
        Behaviour::Defers => (*outcome == Outcome::NotTaken, Then::Known),
        Behaviour::Before(_) => (unknown, Then::Nothing),
        Behaviour::After(_) => (unknown, Then::Paid),
        Behaviour::Pends => (unknown, Then::PaidLater(Meanwhile::UnderWay)),
        Behaviour::Hides | Behaviour::TakesLate => (unknown, Then::PaidLater(Meanwhile::Nothing)),
    }
}

#[test]
fn every_behaviour_becomes_the_outcome_that_it_is() {
    // Long enough for the first look to come before it, on a machine that is busy.
    let (sandbox, _directory, provider) =
        start(Settings { late: Duration::from_secs(4), ..Settings::default() });
    let house = House::new();
    let mut under_way = Vec::new();
    for (last, behaviour, text) in TABLE {
        let waits =
            matches!(behaviour, Behaviour::Before(Trouble::Stalls) | Behaviour::After(Trouble::Stalls));
        if waits || behaviour.delay() > Duration::from_secs(1) {
            continue;
        }
        let payment = Payment::new(&last.to_string(), 1000 + last);
        let outgoing = provider.request(&Step::default(), &payment.submission()).expect("locked memory");
        under_way.push((*behaviour, text, payment, send(&house, outgoing)));
    }
    let mut later = Vec::new();
    for (behaviour, text, payment, told) in under_way {
        let Next::Done(outcome) = provider.read(&Step::default(), wait(&told)) else {
            unreachable!("one step is all")
        };
        let (is_right, then) = expected(behaviour, &outcome);
        assert!(is_right, "{text}: {outcome:?}");
        let found = || find(&house, &provider, &payment.attempt);
        let charges = sandbox.charges(&payment.attempt.order);
        match then {
            Then::Known => assert_eq!(charges, u32::from(is_approved(&outcome)), "{text}"),
            Then::Paid => {
                assert!(matches!(found(), Found::Settled(outcome) if is_approved(&outcome)), "{text}");
                assert_eq!(charges, 1, "{text}");
            }
            Then::Nothing => assert_eq!((found(), charges), (Found::Nothing, 0), "{text}"),
            Then::PaidLater(Meanwhile::UnderWay) => assert_eq!(found(), Found::UnderWay, "{text}"),
            Then::PaidLater(Meanwhile::Nothing) => assert_eq!(found(), Found::Nothing, "{text}"),
        }
        if matches!(then, Then::PaidLater(_)) {
            later.push((text, payment));
        }
    }
    for (text, payment) in later {
        let mut last = Found::NoAnswer;
        eventually("a while has passed", || {
            last = find(&house, &provider, &payment.attempt);
            matches!(&last, Found::Settled(outcome) if is_approved(outcome))
        });
        assert_eq!(sandbox.charges(&payment.attempt.order), 1, "{text}: {last:?}");
    }
}

#[test]
fn a_stall_is_unknown_until_the_sandbox_is_asked() {
    let (sandbox, _directory, provider) = start(Settings::default());
    let house = House::new();
    for (minor, charges) in [(1085, 0), (1086, 1), (1074, 0)] {
        let payment = Payment::new(&minor.to_string(), minor);
        let read = sandbox.requests();
        let outgoing = provider.request(&Step::default(), &payment.submission()).expect("locked memory");
        let told = send(&house, outgoing);
        eventually("it has come", || {
            sandbox.requests() > read && sandbox.charges(&payment.attempt.order) == charges
        });
        house.pass(PATIENCE);
        let result = wait(&told);
        assert!(matches!(&result, Err(error) if error.sent), "{result:?}");
        assert_eq!(provider.read(&Step::default(), result), Next::Done(Outcome::Unknown));
        let found = find(&house, &provider, &payment.attempt);
        assert_eq!(matches!(found, Found::Settled(_)), charges == 1, "{found:?}");
    }
}

#[test]
fn who_is_not_reached_takes_nothing() {
    let (sandbox, _directory, provider) = start(Settings::default());
    let house = House::new();
    sandbox.hang_up_on_next(1);
    let payment = Payment::new("hung-up", 1200);
    assert_eq!(
        pay(&house, &provider, &payment),
        Outcome::NotTaken,
        "it was hung up on before anything was sent"
    );
    // The same attempt may not be sent again; another may.
    let payment = Payment::new("again", 1200);
    assert!(is_approved(&pay(&house, &provider, &payment)));
    // Another's certificate: not even a handshake.
    let other = PspSandbox::for_a_test(Settings::default()).expect("a port");
    let (_files, stranger) = asking(&sandbox, other.certificate());
    let read = sandbox.requests();
    assert_eq!(pay(&house, &stranger, &Payment::new("stranger", 1200)), Outcome::NotTaken);
    assert_eq!(sandbox.requests(), read);
    let (_files, gone) = asking(&other, other.certificate());
    drop(other);
    assert_eq!(pay(&house, &gone, &Payment::new("gone", 1200)), Outcome::NotTaken);
    assert_eq!(find(&house, &gone, &payment.attempt), Found::NoAnswer);
}

#[test]
fn a_card_says_what_becomes_of_it_and_is_checked() {
    let (_sandbox, _directory, provider) = start(Settings::default());
    let house = House::new();
    let by = |name: &str, card: &str| pay(&house, &provider, &Payment::by(name, 1251, card));
    assert!(is_approved(&by("a", "4242424242424242")), "whatever the amount");
    assert!(matches!(by("b", "4000000000009995"), Outcome::Declined { .. }));
    assert_eq!(by("c", "4242424242424241"), Outcome::InputRefused(payment::WrongField::Number));
}

#[test]
fn the_sandbox_is_shown_its_credentials() {
    let settings = Settings { secret: Some("s3cret".to_owned()), ..Settings::default() };
    let (sandbox, directory, stranger) = start(settings);
    let house = House::new();
    assert_eq!(pay(&house, &stranger, &Payment::new("a", 1200)), Outcome::Misconfigured);
    write_secret(&directory, "sandbox.key", "s3cret\n");
    let port = sandbox.address().port();
    let known = provider(
        &directory,
        &format!(
            "kind = \"sandbox\"\ncredentials = \"sandbox.key\"\nendpoint = \"https://127.0.0.1:{port}\"\nauthorities = \"sandbox.pem\""
        ),
    );
    assert!(is_approved(&pay(&house, &known, &Payment::new("b", 1200))));
}
