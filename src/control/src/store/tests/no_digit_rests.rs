//! Invariant 2: no card number and no security code rests in the database, its log, or what is said about either.

use super::*;

const PAN: &str = "4929123456789015";
const SPACED: &str = "4929 1234 5678 9015";
const AMEX: &str = "378282246310005";
/// Keys that callers press are all digits: what a wrong wiring might hand over as a text.
const CSC: &str = "8437";

fn everything(directory: &Directory) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut files = 0;
    for entry in fs::read_dir(&directory.0).expect("a directory") {
        bytes.extend(fs::read(entry.expect("an entry").path()).expect("readable"));
        files += 1;
    }
    assert!(files >= 2, "database and log lie there while it is open");
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn card_numbers_are_recognised() {
    for card in [
        PAN,
        SPACED,
        AMEX,
        "4929-1234-5678-9015",
        "order 378282246310005.",
        "x4929123456789015y",
        "74929123456789015",
        "4929.1234/5678_9015",
        "6304000000000000",
        "3528000000000007",
        "2223000048400011",
        "49291234567890157",
    ] {
        assert!(holds_card_number(card), "{card}");
    }
    for none in [
        "",
        "4929123456789016",
        "Order 42",
        "8815658961765250",
        "1234567890",
        "2026-11-25 07:00",
        "411111",
        "+442079460123",
    ] {
        assert!(!holds_card_number(none), "{none}");
    }
}

#[test]
fn no_function_leaves_a_card_number_on_the_disk() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    let mut said = Vec::new();
    let mut note = |answer: Result<String, StoreError>| {
        said.push(answer.unwrap_or_else(|error| format!("{error} {error:?}")));
    };
    for (number, card) in [PAN, SPACED, AMEX].into_iter().enumerate() {
        note(store.add_agent(card, "example", &password(PASSWORD), NOW).map(|agent| format!("{agent:?}")));
        note(store.add_agent("bob", card, &password(PASSWORD), NOW).map(|agent| format!("{agent:?}")));
        note(Ok(format!("{:?}", Password::new(Zeroizing::new(card.to_owned())))));
        note(store.sign_in(card, PASSWORD, NOW).map(|answer| format!("{answer:?}")));
        note(store.sign_in("anna", card, NOW).map(|answer| format!("{answer:?}")));
        note(store.set_password(card, &password(PASSWORD), NOW).map(|agent| format!("{agent:?}")));
        note(store.disable_agent(card, NOW).map(|agent| format!("{agent:?}")));
        note(store.enable_agent(card).map(|agent| format!("{agent:?}")));
        let right = new_attempt(anna.id, "kh-right");
        let wrong = [
            NewAttempt { session: card, ..right },
            NewAttempt { our_reference: card, ..right },
            NewAttempt { idempotency_key: card, ..right },
            NewAttempt { tenant: card, ..right },
            NewAttempt { currency: card, ..right },
            NewAttempt { order_reference: Some(card), ..right },
            NewAttempt { brand: Some(card), ..right },
            NewAttempt { first_six: Some(card), ..right },
            NewAttempt { last_four: Some(card), ..right },
            NewAttempt { psp: card, ..right },
            NewAttempt { brand: Some(CSC), ..right },
            NewAttempt { psp: CSC, ..right },
            NewAttempt { currency: CSC, ..right },
        ];
        for new in wrong {
            let answer = store.prepare_attempt(&new, NOW);
            assert!(answer.is_err(), "{answer:?}");
            note(answer.map(|attempt| format!("{attempt:?}")));
        }
        let reference = format!("kh-{number}");
        store.prepare_attempt(&new_attempt(anna.id, &reference), NOW).expect("prepared");
        note(store.advance_attempt(card, &Outcome::of(State::Sent), NOW).map(|change| format!("{change:?}")));
        store.advance_attempt(&reference, &Outcome::of(State::Sent), NOW).expect("forward");
        let spaceless = card.replace(' ', "-");
        let words = format!("card {card} was declined");
        let outcome =
            Outcome { state: State::Declined, psp_reference: Some(&spaceless), reason: Some(&words) };
        store.advance_attempt(&reference, &outcome, NOW).expect("an answer is never lost for its words");
        let kept = store.attempt(&reference).expect("read").expect("there");
        assert_eq!((kept.psp_reference.as_deref(), kept.reason.as_deref()), (None, Some("(withheld)")));
        note(Ok(format!("{kept:?}")));
    }
    store.add_agent("planted-7391058264", "example", &password(PASSWORD), NOW).expect("added");
    let bytes = everything(&directory);
    assert!(holds(&bytes, "planted-7391058264"), "what is there is found");
    let said = said.join("\n");
    for secret in
        [PAN, SPACED, AMEX, "4929-1234-5678-9015", "5678 9015", "56789015", "46310005", CSC, PASSWORD]
    {
        assert!(!holds(&bytes, secret), "{secret} rests on the disk");
        assert!(!said.contains(secret), "{secret} was said: {said}");
    }
    drop(store);
}

#[test]
fn neither_token_nor_password_rests() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    let SignIn::Welcome { token, .. } = store.sign_in("anna", PASSWORD, NOW).expect("no fault") else {
        panic!("refused")
    };
    let bytes = everything(&directory);
    let text = token.reveal();
    assert!(!holds(&bytes, &text) && !holds(&bytes, PASSWORD));
    let raw: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex")).collect();
    assert!(!bytes.windows(32).any(|window| window == raw));
    assert_eq!(format!("{token:?}"), "SessionToken(_)");
}
