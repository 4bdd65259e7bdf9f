use secret::{Digit, Digits, Pan, Vault};

use super::*;

const CALL: CallHandle = CallHandle { slot: 1, generation: 0 };
const VISA: &str = "4532015112830366";
const MAESTRO: &str = "676770000008";
const REFERENCE: &str = "482913";

fn calls() -> Vec<PageCall> {
    let call = |number: &str, since: &str| PageCall {
        number: number.into(),
        since: since.into(),
        side: "The caller dialled",
    };
    vec![call("+44 20 7946 0123", "14:03:22")]
}

fn pan(number: &str) -> Pan {
    let vault = Vault::new(4).expect("a page");
    let mut digits = Digits::new(&vault).expect("room");
    for key in number.bytes() {
        assert!(digits.push(&Digit::from_ascii(key).expect("a key")));
    }
    Pan::new(digits).expect("a number")
}

fn field(kind: FieldKind, state: FieldState, length: usize) -> FieldView {
    FieldView { kind, length, first_six: None, last_four: None, state, brand: None }
}

fn card(number: &str, brand: &str) -> FieldView {
    let pan = pan(number);
    FieldView {
        first_six: pan.first_six(),
        last_four: Some(pan.last_four()),
        brand: Some(brand.to_owned()),
        ..field(FieldKind::Pan, FieldState::Complete, number.len())
    }
}

fn attempt() -> Attempt {
    Attempt {
        number: 1,
        idempotency_key: "k-1".into(),
        reference: "KH-0a1b2c3d4e5f60718293a4b5c6d7e8f9-1".into(),
        money: Money::new(12_450, "EUR").expect("money"),
        order: "INV-2041".into(),
    }
}

/// A view as a session makes it: with the clicks and calls of its stage.
fn view(stage: Shown, icon: Icon, fields: Vec<FieldView>, open: Option<FieldKind>) -> View {
    let none = Clicks::default();
    let may = match &stage {
        Shown::Waiting | Shown::Reference(_) => Clicks { cancel: true, ..none },
        Shown::Securing => Clicks { reset: true, start_again: true, cancel: true, ..none },
        Shown::Keying => Clicks { next: true, reset: true, start_again: true, cancel: true, ..none },
        Shown::Details => Clicks { pay: true, reset: true, start_again: true, cancel: true, ..none },
        Shown::Sending | Shown::Resolving | Shown::Ended(_) => none,
        Shown::Result(outcome) => Clicks {
            start_again: outcome.may_retry(),
            ask_again: *outcome == Outcome::Unknown,
            cancel: true,
            ..none
        },
        Shown::Stopped(_) => Clicks { start_again: true, cancel: true, ..none },
    };
    let is_paired = !matches!(&stage, Shown::Waiting | Shown::Reference(_) | Shown::Stopped(Stop::HungUp));
    let attempt = matches!(&stage, Shown::Sending | Shown::Resolving | Shown::Result(_)).then(attempt);
    let calls = if is_paired { vec![(CALL, Instant::ZERO)] } else { Vec::new() };
    View { stage, icon, calls, fields, open, dropped_keys: 0, attempt, may }
}

fn page(view: &View) -> PageView {
    page_with(view, None)
}

fn page_with(view: &View, prefix: Option<char>) -> PageView {
    let calls = calls();
    PageView::of(
        view,
        &Context {
            reference: Some(REFERENCE),
            reference_seconds: Some(272),
            prefix,
            calls: &calls,
            money: Money::new(12_450, "EUR").expect("money"),
            order: "INV-2041",
            typed: &[],
            code_length: None,
        },
    )
}

fn keying(field_of_pan: FieldView) -> PageView {
    let fields = vec![field_of_pan, field(FieldKind::Csc, FieldState::Waiting, 0)];
    page(&view(Shown::Keying, Icon::On, fields, Some(FieldKind::Pan)))
}

fn result(outcome: Outcome) -> PageView {
    let fields = vec![card(VISA, "Visa"), field(FieldKind::Csc, FieldState::Complete, 3)];
    page(&view(Shown::Result(outcome), Icon::Off, fields, None))
}

fn stopped(why: Stop) -> PageView {
    let icon = if why.is_loud() { Icon::Stop } else { Icon::Off };
    page(&view(Shown::Stopped(why), icon, Vec::new(), None))
}

/// A page of each state and reason, by a name of its own.
pub(super) fn all() -> Vec<(String, PageView)> {
    let until = Instant::ZERO + Duration::from_secs(300);
    let waiting = field(FieldKind::Csc, FieldState::Waiting, 0);
    let open = |length| field(FieldKind::Pan, FieldState::Open, length);
    let details = || vec![card(VISA, "Visa"), field(FieldKind::Csc, FieldState::Complete, 3)];
    let mut all = vec![
        ("waiting", page(&view(Shown::Waiting, Icon::Off, Vec::new(), None))),
        ("reference", page(&view(Shown::Reference(until), Icon::Off, Vec::new(), None))),
        (
            "reference-prefix",
            page_with(&view(Shown::Reference(until), Icon::Off, Vec::new(), None), Some('*')),
        ),
        ("securing", page(&view(Shown::Securing, Icon::Awaited, vec![open(0), waiting.clone()], None))),
        ("pan-empty", keying(open(0))),
        ("pan-7", keying(FieldView { brand: Some("Visa".into()), ..open(7) })),
        (
            "pan-may-end",
            keying(FieldView {
                brand: Some("Maestro".into()),
                ..field(FieldKind::Pan, FieldState::MayEnd, 12)
            }),
        ),
        ("details", page(&view(Shown::Details, Icon::On, details(), None))),
        ("details-off", page(&view(Shown::Details, Icon::Off, details(), None))),
        ("details-stop", page(&view(Shown::Details, Icon::Stop, details(), None))),
        ("sending", page(&view(Shown::Sending, Icon::Off, details(), None))),
        ("resolving", page(&view(Shown::Resolving, Icon::Off, details(), None))),
        ("approved", result(Outcome::Approved { psp_reference: "8836183819713023".into() })),
        ("misconfigured", result(Outcome::Misconfigured)),
        ("not-taken", result(Outcome::NotTaken)),
        ("unknown", result(Outcome::Unknown)),
    ]
    .into_iter()
    .map(|(name, page)| (name.to_owned(), page))
    .collect::<Vec<_>>();

    for why in [Refused::NoBrand, Refused::CheckDigit, Refused::Length] {
        let refused = field(FieldKind::Pan, FieldState::Refused(why), 16);
        all.push((format!("pan-{why:?}"), keying(refused)));
    }
    // A tenant that has everything keyed: each field open after those before it.
    for kind in FieldKind::ALL.into_iter().skip(1) {
        for length in [0, 1] {
            let of = |own: FieldKind| match own.cmp(&kind) {
                core::cmp::Ordering::Less if own == FieldKind::Pan => card(VISA, "Visa"),
                core::cmp::Ordering::Less if own == FieldKind::Issue => field(own, FieldState::Skipped, 0),
                core::cmp::Ordering::Less => field(own, FieldState::Complete, 4),
                core::cmp::Ordering::Equal => field(own, FieldState::Open, length),
                core::cmp::Ordering::Greater => field(own, FieldState::Waiting, 0),
            };
            let fields = FieldKind::ALL.into_iter().map(of).collect();
            let mut view = view(Shown::Keying, Icon::On, fields, Some(kind));
            view.dropped_keys = 2 - length as u64;
            all.push((format!("{}-{length}", view::kind(kind)), page(&view)));
        }
    }
    for kind in [FieldKind::Expiry, FieldKind::ValidFrom] {
        let refused = field(kind, FieldState::Refused(Refused::Month), 2);
        let view =
            view(Shown::Keying, Icon::On, vec![card(VISA, "Visa"), refused, waiting.clone()], Some(kind));
        all.push((format!("{}-Month", view::kind(kind)), page(&view)));
    }
    for reason in [
        Decline::Refused,
        Decline::Funds,
        Decline::Expired,
        Decline::Code,
        Decline::Number,
        Decline::Card,
        Decline::Fraud,
        Decline::Authentication,
        Decline::Later,
    ] {
        let outcome = Outcome::Declined { reason, psp_reference: Some("8836183819713024".into()) };
        all.push((format!("declined-{reason:?}"), result(outcome)));
    }
    for field in [
        WrongField::Number,
        WrongField::Expiry,
        WrongField::Code,
        WrongField::Details,
        WrongField::Order,
        WrongField::Other,
    ] {
        all.push((format!("input-{field:?}"), result(Outcome::InputRefused(field))));
    }
    let refused = [
        Unmaskable::MediaElsewhere,
        Unmaskable::Encrypted,
        Unmaskable::Codec,
        Unmaskable::NoSuchCall,
        Unmaskable::Busy,
        Unmaskable::Contested,
    ];
    let lost = [Lost::Heartbeat, Lost::Media, Lost::ForcedOff];
    let not_issued = [NotIssued::Full, NotIssued::NoRoom, NotIssued::Random];
    let stops =
        [Stop::NoAnswer, Stop::Lapsed, Stop::NotAcknowledged, Stop::TooLong, Stop::HungUp, Stop::NoRoom];
    let stops = stops
        .into_iter()
        .chain(refused.map(Stop::Refused))
        .chain(lost.map(Stop::Lost))
        .chain(not_issued.map(Stop::NoReference));
    for why in stops {
        let name: String = format!("{why:?}").chars().filter(char::is_ascii_alphanumeric).collect();
        all.push((format!("stopped-{name}"), stopped(why)));
    }
    for why in [End::Cancelled, End::Closed, End::Idle] {
        all.push((format!("ended-{why:?}"), page(&view(Shown::Ended(why), Icon::Off, Vec::new(), None))));
    }
    all
}

#[test]
fn every_state_says_what_is_the_case_and_what_to_do() {
    let all = all();
    assert!(all.len() > 50, "{}", all.len());
    for (name, page) in &all {
        assert!(!page.headline.is_empty() && page.headline.len() <= 80, "{name}: {}", page.headline);
        assert!(page.say.ends_with('.') && page.say.len() <= 330, "{name}: {}", page.say);
        assert!(!page.say.contains("  ") && !page.say.contains('\n'), "{name}: {}", page.say);
        assert!(["calm", "busy", "good", "bad", "stop"].contains(&page.tone), "{name}");
        assert_eq!(page.loud, page.icon == "stop", "{name}");
        assert_eq!(page.loud, page.tone == "stop", "{name}");
        assert_eq!(page.icon_text == "STOP", page.loud, "{name}");
    }
}

#[test]
fn no_state_is_without_a_way_on() {
    for (name, page) in all() {
        let may = page.may;
        let is_busy = ["sending", "resolving"].contains(&page.stage);
        let clicks = may.next || may.reset || may.start_again || may.pay || may.ask_again || may.cancel;
        assert_eq!(clicks, !is_busy && page.stage != "ended", "{name}");
    }
}

#[test]
fn a_card_number_is_masked_but_for_what_may_be_seen() {
    let shown = |field: FieldView| keying(field).fields[0].shown.clone();
    assert_eq!(shown(card(VISA, "Visa")), "453201••••••0366");
    assert_eq!(shown(FieldView { first_six: None, ..card(VISA, "Visa") }), "••••••••••••0366");
    assert_eq!(shown(FieldView { last_four: None, ..card(VISA, "Visa") }), "453201••••••••••");
    // Of twelve digits the first six are never seen.
    assert_eq!(shown(card(MAESTRO, "Maestro")), "••••••••0008");
    let hidden = FieldView { first_six: None, last_four: None, ..card(VISA, "Visa") };
    assert_eq!(shown(hidden), "••••••••••••••••");
}

#[test]
fn of_other_fields_no_digit_is_ever_seen() {
    let code = FieldView { kind: FieldKind::Csc, length: 4, ..card(VISA, "Visa") };
    assert_eq!(keying(code).fields[0].shown, "••••");
}

/// Beside reference, times and numbers of the call, digits of a card are in `shown` alone.
#[test]
fn no_text_of_a_page_holds_digits_of_a_card() {
    for (name, mut page) in all() {
        for field in &mut page.fields {
            let digits: String = field.shown.chars().filter(char::is_ascii_digit).collect();
            let allowed = digits.is_empty() || field.kind == "pan" && digits == "4532010366";
            assert!(allowed, "{name}: {digits}");
            assert_eq!(field.shown.chars().count(), field.length, "{name}");
            field.shown.clear();
        }
        let json = serde_json::to_string(&page).expect("JSON");
        for part in ["453201", "0366", "1128", VISA] {
            assert!(!json.contains(part), "{name}: {json}");
        }
    }
}

#[test]
fn a_reference_is_shown_while_it_can_be_keyed_and_no_longer() {
    for (name, page) in all() {
        let is_referring = page.stage == "reference";
        assert_eq!(page.reference.as_deref(), is_referring.then_some(REFERENCE), "{name}");
        assert_eq!(page.reference_seconds, is_referring.then_some(272), "{name}");
        assert!(!page.say.contains(REFERENCE), "{name}");
    }
    let reference =
        |prefix| page_with(&view(Shown::Reference(Instant::ZERO), Icon::Off, Vec::new(), None), prefix).say;
    assert!(reference(None).contains("these 6 digits") && reference(None).contains("two seconds"));
    assert!(reference(Some('*')).contains("press * and then these 6 digits"));
}

#[test]
fn next_is_there_only_where_it_does_something() {
    let may_next = |page: PageView| page.may.next;
    assert!(!may_next(keying(field(FieldKind::Pan, FieldState::Open, 0))));
    assert!(!may_next(keying(field(FieldKind::Pan, FieldState::Open, 12))));
    assert!(may_next(keying(field(FieldKind::Pan, FieldState::MayEnd, 12))));
    let expiry = |length| {
        let fields = vec![field(FieldKind::Expiry, FieldState::Open, length)];
        page(&view(Shown::Keying, Icon::On, fields, Some(FieldKind::Expiry))).may.next
    };
    assert!(expiry(0) && !expiry(2));
}

#[test]
fn the_agent_types_what_was_not_keyed() {
    let typed = |fields: Vec<FieldView>, wanted: &[FieldKind]| {
        let view = view(Shown::Details, Icon::Off, fields, None);
        super::view::PageView::of(
            &view,
            &Context {
                reference: None,
                reference_seconds: None,
                prefix: None,
                calls: &[],
                money: Money::new(1, "EUR").expect("money"),
                order: "",
                typed: wanted,
                code_length: None,
            },
        )
        .typed
    };
    assert_eq!(typed(vec![card(VISA, "Visa")], &[]), ["expiry"]);
    assert_eq!(typed(vec![card(VISA, "Visa")], &[FieldKind::Issue]), ["expiry", "issue"]);
    let keyed = |state| vec![field(FieldKind::Expiry, state, 4)];
    assert!(typed(keyed(FieldState::Complete), &[FieldKind::Expiry]).is_empty());
    assert_eq!(typed(keyed(FieldState::Skipped), &[]), ["expiry"]);
}

#[test]
fn unknown_is_never_offered_again_and_names_our_reference() {
    let page = result(Outcome::Unknown);
    assert!(page.say.contains("Do not take it again") && !page.may.start_again && page.may.ask_again);
    let shown = page.result.expect("a result");
    assert_eq!((shown.outcome, shown.reference), ("unknown", Some(attempt().reference)));
}

#[test]
fn the_code_is_asked_for_as_the_brand_has_it() {
    let say = |code_length| {
        let fields = vec![card(VISA, "Visa"), field(FieldKind::Csc, FieldState::Open, 0)];
        let view = view(Shown::Keying, Icon::On, fields, Some(FieldKind::Csc));
        let context = Context {
            reference: None,
            reference_seconds: None,
            prefix: None,
            calls: &[],
            money: Money::new(1, "EUR").expect("money"),
            order: "",
            typed: &[],
            code_length,
        };
        PageView::of(&view, &context).say
    };
    assert!(say(Some(3)).contains("three digits on the back"));
    assert!(say(Some(4)).contains("four digits on the front"));
    assert!(say(None).contains("three digits on the back") && say(None).contains("four on the front"));
}

#[test]
fn kinds_are_read_as_they_are_written() {
    for kind in FieldKind::ALL {
        assert_eq!(super::view::kind_of(super::view::kind(kind)), Some(kind));
    }
    assert_eq!(super::view::kind_of("PAN"), None);
}
