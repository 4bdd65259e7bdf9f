use super::*;
use crate::brands::tests::shipped;

const PLAIN: Beside = Beside { expiry: false, valid_from: false, issue: false };
const ALL: Beside = Beside { expiry: true, valid_from: true, issue: true };

fn digit(key: u8) -> Digit {
    Digit::from_ascii(key).expect("a key")
}

struct Desk {
    vault: Vault,
    brands: BrandTable,
    beside: Beside,
}

enum Outcome {
    Open(Capture),
    Done(Card),
}

impl Desk {
    fn new(beside: Beside) -> Self {
        Desk { vault: Vault::new(16).expect("a page"), brands: shipped(), beside }
    }

    /// Keys; `>` is the agent's Next, `<` Reset of the open field.
    fn key(&self, keys: &str) -> Outcome {
        let mut capture = Capture::open(&self.vault, self.beside).expect("room");
        let mut keys = keys.bytes();
        while let Some(key) = keys.next() {
            let step = match key {
                b'>' => capture.next(&self.brands, &self.vault),
                b'<' => {
                    let kind = capture.kind();
                    capture = capture.reset(kind, &self.brands, &self.vault).expect("room");
                    continue;
                }
                key => capture.press(&digit(key), &self.brands, KeySettings::default(), &self.vault),
            };
            capture = match step {
                Step::Stay(capture, _) | Step::Next(capture) => capture,
                Step::Done(card) => {
                    assert_eq!(keys.next(), None, "keys are left");
                    return Outcome::Done(card);
                }
                Step::NoRoom => unreachable!("the vault is large"),
            };
        }
        Outcome::Open(capture)
    }

    /// What the page sees of the first field that is not complete; of the last where all are.
    fn sees(&self, keys: &str) -> FieldView {
        let views = match self.key(keys) {
            Outcome::Open(capture) => capture.views(&self.brands),
            Outcome::Done(card) => card.views(self.beside, &self.brands),
        };
        let is_under_way =
            |view: &&FieldView| !matches!(view.state, FieldState::Complete | FieldState::Skipped);
        views.iter().find(is_under_way).or(views.last()).cloned().expect("fields")
    }
}

#[test]
fn numbers_end_as_their_brands_do() {
    use FieldKind::{Csc, Pan};
    use FieldState::{Complete, MayEnd, Open, Refused as No};
    let desk = Desk::new(PLAIN);
    for (keys, kind, length, state) in [
        ("", Pan, 0, Open),
        ("411111111111111", Pan, 15, Open),
        ("4111111111111111", Pan, 16, MayEnd),
        ("4111111111111111#", Csc, 0, Open),
        ("4111111111111111>", Csc, 0, Open),
        ("4111111111111112", Pan, 16, Open),
        ("4111111111111112#", Pan, 16, No(Refused::Length)),
        ("4111111111111112>", Pan, 16, Open),
        ("4000000000000000006", Csc, 0, Open),
        ("4000000000000000007", Pan, 19, No(Refused::CheckDigit)),
        ("4222222222222", Pan, 13, MayEnd),
        ("4222222222222#737", Csc, 3, Complete),
        ("5555555555554444", Csc, 0, Open),
        ("5555555555554445", Pan, 16, No(Refused::CheckDigit)),
        ("2223003122003222", Csc, 0, Open),
        ("378282246310005", Csc, 0, Open),
        ("378282246310005737", Csc, 3, Open),
        ("3782822463100057373", Csc, 4, Complete),
        ("6304000000000000>", Csc, 0, Open),
        ("676100000006", Pan, 12, MayEnd),
        ("30569309025904#", Csc, 0, Open),
        ("2721", Pan, 4, No(Refused::NoBrand)),
        ("9", Pan, 1, No(Refused::NoBrand)),
        ("94111", Pan, 1, No(Refused::NoBrand)),
        ("9*4111", Pan, 4, Open),
        ("9<4111", Pan, 4, Open),
        ("5555555555554445*5555555555554444123", Csc, 3, Complete),
        ("#>41#", Pan, 2, No(Refused::Length)),
        ("41ABCD", Pan, 2, Open),
        ("5555555555554444*1*1", Csc, 1, Open),
        ("5555555555554444#1#", Csc, 1, Open),
    ] {
        let seen = desk.sees(keys);
        assert_eq!((seen.kind, seen.length, seen.state), (kind, length, state), "{keys}");
    }
    assert_eq!(desk.vault.free(), desk.vault.slots(), "a slot is still held");
}

#[test]
fn fields_beside_come_between_number_and_code() {
    use FieldKind::{Csc, Expiry, Issue, ValidFrom};
    use FieldState::{Complete, MayEnd, Open, Refused as No};
    let desk = Desk::new(ALL);
    for (keys, kind, length, state) in [
        ("", Expiry, 0, Open),
        ("13", Expiry, 2, No(Refused::Month)),
        ("00", Expiry, 2, No(Refused::Month)),
        ("13*1227", ValidFrom, 0, Open),
        ("1227>", Issue, 0, Open),
        ("12271225", Issue, 0, Open),
        ("122712251", Issue, 1, MayEnd),
        ("122712251#", Csc, 0, Open),
        ("1227122510", Csc, 0, Open),
        (">>>", Csc, 0, Open),
        (">>>123", Csc, 3, Complete),
    ] {
        let seen = desk.sees(&format!("5555555555554444{keys}"));
        assert_eq!((seen.kind, seen.length, seen.state), (kind, length, state), "{keys}");
    }
    let Outcome::Done(card) = desk.key("55555555555544441227>7#123") else { unreachable!("all was keyed") };
    assert_eq!(card.expiry, Some(CardMonth { month: 12, year: 27 }));
    assert_eq!((card.valid_from, card.issue), (None, Some(7)));
}

#[test]
fn the_page_sees_no_more_than_it_may() {
    let desk = Desk::new(PLAIN);
    let six = |keys: &str| desk.sees(keys).first_six.map(|six| six.as_str().to_owned());
    assert_eq!(six("41111111111111"), None);
    assert_eq!(six("411111111111111"), Some("411111".to_owned()));
    for (keys, first_six, last_four) in [
        ("4111111111111111#", Some("411111"), "1111"),
        ("30569309025904#", None, "5904"),
        ("676100000006#", None, "0006"),
        ("378282246310005", Some("378282"), "0005"),
    ] {
        let Outcome::Open(capture) = desk.key(keys) else { unreachable!("the code is awaited") };
        let pan = &capture.views(&desk.brands)[0];
        assert_eq!(pan.first_six.as_ref().map(secret::FirstSix::as_str), first_six, "{keys}");
        assert_eq!(pan.last_four.as_ref().map(secret::LastFour::as_str), Some(last_four), "{keys}");
    }
    assert!(desk.sees("4111111111111111").last_four.is_none(), "it may go on");
    let shown = format!("{:?}", desk.key("5555555555554444").views(&desk));
    assert!(!shown.contains("5555"), "{shown}");
}

impl Outcome {
    fn views(&self, desk: &Desk) -> Vec<FieldView> {
        match self {
            Outcome::Open(capture) => capture.views(&desk.brands),
            Outcome::Done(card) => card.views(desk.beside, &desk.brands),
        }
    }
}

#[test]
fn reset_opens_a_field_again_and_wipes_what_follows() {
    let desk = Desk::new(ALL);
    let open = |keys: &str| match desk.key(keys) {
        Outcome::Open(capture) => capture,
        Outcome::Done(_) => unreachable!("something is left to key"),
    };
    let reset =
        open("55555555555544441227>7#12").reset(FieldKind::Expiry, &desk.brands, &desk.vault).expect("room");
    let states: Vec<_> = reset.views(&desk.brands).iter().map(|view| view.state).collect();
    use FieldState::{Complete, Open, Waiting};
    assert_eq!(states, [Complete, Open, Waiting, Waiting, Waiting]);
    drop(reset);

    let Outcome::Done(card) = desk.key("3782822463100051227>7#7373") else { unreachable!("all was keyed") };
    let again = Capture::reopen(card, FieldKind::Csc, &desk.vault, ALL, &desk.brands).expect("room");
    let views = again.views(&desk.brands);
    assert_eq!((views[0].state, views[4].state, again.kind()), (Complete, Open, FieldKind::Csc));
    let Step::Stay(again, _) = again.press(&digit(b'1'), &desk.brands, KeySettings::default(), &desk.vault)
    else {
        unreachable!("four digits are awaited")
    };
    drop(again.reset(FieldKind::Pan, &desk.brands, &desk.vault).expect("room"));
    assert_eq!(desk.vault.free(), desk.vault.slots(), "a slot is still held");
}

#[test]
fn a_full_vault_opens_no_field_and_loses_none() {
    let desk = Desk::new(PLAIN);
    let held: Vec<Digits> = core::iter::from_fn(|| Digits::new(&desk.vault)).collect();
    assert!(Capture::open(&desk.vault, PLAIN).is_none());
    drop(held);
    assert!(Capture::open(&desk.vault, PLAIN).is_some());
}

#[test]
fn keys_that_a_tenant_does_not_use_mean_nothing() {
    let desk = Desk::new(PLAIN);
    let keys = KeySettings { star_clears: false, pound_ends: false };
    let mut capture = Capture::open(&desk.vault, PLAIN).expect("room");
    for key in "4111111111111111*#".bytes() {
        let Step::Stay(same, _) = capture.press(&digit(key), &desk.brands, keys, &desk.vault) else {
            unreachable!("only Next ends it")
        };
        capture = same;
    }
    assert_eq!(capture.views(&desk.brands)[0].length, 16);
}
