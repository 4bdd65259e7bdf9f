use secret::Vault;

use super::*;
use crate::brands::tests::shipped;
use crate::capture::CardMonth;
use crate::capture::FieldState;
use crate::details::Details;
use crate::psp::Decline;
use crate::psp::{Found, Outcome};

const CALL: CallHandle = CallHandle { slot: 1, generation: 0 };
const OTHER: CallHandle = CallHandle { slot: 2, generation: 0 };
pub(super) const MASTERCARD: &str = "5555555555554444";

struct Desk {
    session: Session,
    vault: Vault,
    now: Instant,
    outputs: Vec<Output>,
}

pub(super) fn order() -> Order {
    Order::new(Money::new(1_250, "EUR").expect("money"), "order 1", [7; 16]).expect("a text")
}

pub(super) fn details() -> Box<Details> {
    Box::new(Details::new().with_expiry(CardMonth { month: 12, year: 30 }).expect("a month"))
}

impl Desk {
    fn new() -> Self {
        Desk::with(SessionSettings::default())
    }

    fn with(settings: SessionSettings) -> Self {
        let vault = Vault::new(64).expect("a page");
        let now = Instant::from_nanos(1_000_000_000);
        let brands = Arc::new(shipped());
        let session = Session::new(now, SessionId(1), settings, order(), brands, vault.clone());
        let mut desk = Desk { session, vault, now, outputs: Vec::new() };
        desk.drain();
        desk
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            self.outputs.push(output);
        }
    }

    fn give(&mut self, input: Input) -> Handled {
        let handled = self.session.handle(self.now, input);
        self.drain();
        handled
    }

    fn does(&mut self, input: Input) -> &mut Self {
        assert_eq!(self.give(input), Handled::Done);
        self
    }

    /// Lets time pass, deadline by deadline.
    fn wait(&mut self, milliseconds: u64) -> &mut Self {
        let end = self.now + Duration::from_millis(milliseconds);
        while let Some(due) = self.session.deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            let _ = self.give(Input::Tick);
        }
        self.now = end;
        self
    }

    fn paired(&mut self) -> &mut Self {
        let until = self.now + VALID_FOR;
        self.does(Input::Reference(Ok(until)));
        self.does(Input::Paired { call: CALL, since: Instant::ZERO })
    }

    fn acknowledge(&mut self) -> &mut Self {
        let token = self.session.secure.token();
        let calls: Vec<CallHandle> = self.session.calls.iter().map(|paired| paired.call).collect();
        for call in calls {
            let _ = self.give(Input::Acknowledged { call, token });
        }
        assert_eq!(self.session.view().icon, Icon::On);
        self
    }

    fn key(&mut self, call: CallHandle, keys: &str) -> &mut Self {
        for key in keys.bytes() {
            let digit = Digit::from_ascii(key).expect("a key");
            let _ = self.give(Input::Press { call, digit });
            self.now = self.now + Duration::from_millis(200);
        }
        self
    }

    fn click(&mut self, click: Click) -> &mut Self {
        self.does(Input::Click(click))
    }

    /// Up to a sent payment.
    fn sent(&mut self) -> &mut Self {
        self.paired().acknowledge().key(CALL, MASTERCARD).key(CALL, "123").wait(4_000);
        self.click(Click::Pay(details()))
    }

    fn answered(&mut self, attempt: u32, outcome: Outcome) -> &mut Self {
        self.does(Input::Answered { attempt, outcome })
    }

    fn shown(&self) -> Shown {
        self.session.view().stage
    }

    fn count(&self, is: impl Fn(&Output) -> bool) -> usize {
        self.outputs.iter().filter(|output| is(output)).count()
    }

    fn sends(&self) -> usize {
        self.count(|output| matches!(output, Output::Send(_)))
    }

    fn offs(&self) -> usize {
        self.count(|output| matches!(output, Output::SecureOff { .. }))
    }

    fn is_wiped(&self) -> bool {
        self.vault.free() == self.vault.slots()
    }
}

#[test]
fn a_payment_goes_from_its_reference_to_its_result() {
    let mut desk = Desk::new();
    assert_eq!(desk.shown(), Shown::Waiting);
    desk.paired();
    assert_eq!((desk.shown(), desk.session.view().icon), (Shown::Securing, Icon::Awaited));
    desk.key(CALL, "99");
    assert_eq!(desk.session.view().dropped_keys, 2, "the icon is not on");
    desk.acknowledge().key(CALL, MASTERCARD);
    let pan = desk.session.view().fields[0].clone();
    assert_eq!((pan.state, pan.length, pan.brand.as_deref()), (FieldState::Complete, 16, Some("Mastercard")));
    desk.key(CALL, "123");
    assert_eq!((desk.shown(), desk.session.view().icon), (Shown::Details, Icon::On));
    desk.wait(2_700);
    assert_eq!(desk.offs(), 0);
    desk.key(CALL, "4").wait(2_700);
    assert_eq!(
        (desk.offs(), desk.session.view().icon),
        (0, Icon::On),
        "a trailing key begins the guard anew"
    );
    desk.wait(300);
    assert_eq!((desk.offs(), desk.session.view().icon), (1, Icon::Off));
    assert_eq!(desk.give(Input::Click(Click::Pay(Box::default()))), Handled::NoExpiry);
    desk.click(Click::Pay(details()));
    let submission = desk.session.submission().expect("it is being sent");
    assert_eq!(submission.card.pan.last_four().as_str(), "4444");
    desk.answered(1, Outcome::Approved { psp_reference: "P1".to_owned() });
    assert!(desk.is_wiped() && desk.session.submission().is_none());
    let view = desk.session.view();
    assert_eq!(view.fields[0].last_four.as_ref().map(secret::LastFour::as_str), Some("4444"), "that stays");
    assert!(!view.may.start_again);
    desk.click(Click::Cancel);
    assert!(desk.session.is_over() && desk.session.deadline().is_none());
    assert_eq!((desk.sends(), desk.count(|output| *output == Output::Wiped)), (1, 1));
}

#[test]
fn a_decline_is_tried_again_without_a_reference_and_icon_first() {
    let mut desk = Desk::new();
    desk.sent().answered(1, Outcome::Declined { reason: Decline::Funds, psp_reference: None });
    assert!(desk.is_wiped());
    desk.click(Click::StartAgain);
    assert_eq!(desk.shown(), Shown::Securing);
    desk.acknowledge().key(CALL, MASTERCARD).key(CALL, "123").click(Click::Pay(details()));
    let keys = desk.outputs.iter().filter_map(|output| match output {
        Output::Send(attempt) => Some(attempt.idempotency_key.clone()),
        _ => None,
    });
    let keys: Vec<String> = keys.collect();
    assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
    assert_eq!(desk.count(|output| *output == Output::AskReference), 1);
}

#[test]
fn the_icon_is_on_only_for_the_order_that_was_acknowledged() {
    let mut desk = Desk::new();
    desk.paired();
    for token in [0, 2, 99] {
        assert_eq!(desk.give(Input::Acknowledged { call: CALL, token }), Handled::Ignored);
    }
    assert_eq!(desk.give(Input::Acknowledged { call: OTHER, token: 1 }), Handled::Ignored);
    assert_eq!(desk.session.view().icon, Icon::Awaited);
    desk.wait(2_000);
    assert_eq!(desk.shown(), Shown::Stopped(Stop::NotAcknowledged));
    assert_eq!(desk.session.view().icon, Icon::Stop);
    assert_eq!(desk.give(Input::Acknowledged { call: CALL, token: 1 }), Handled::Ignored, "too late");
    desk.wait(3_000);
    assert_eq!(desk.offs(), 1, "some lcores may have it in force");
    assert!(desk.is_wiped());
}

#[test]
fn a_call_that_cannot_be_masked_is_refused_with_its_reason() {
    let mut desk = Desk::new();
    desk.paired().does(Input::Unmaskable { call: CALL, token: 1, why: Unmaskable::Encrypted });
    assert_eq!(desk.shown(), Shown::Stopped(Stop::Refused(Unmaskable::Encrypted)));
    assert_ne!(desk.session.view().icon, Icon::On);
    desk.click(Click::StartAgain).acknowledge();
}

#[test]
fn what_is_lost_is_shown_loudly_and_capture_stops() {
    for (input, why) in [
        (Input::HeartbeatLost, Lost::Heartbeat),
        (Input::MediaLost { call: CALL }, Lost::Media),
        (Input::ForcedOff { call: CALL }, Lost::ForcedOff),
    ] {
        let mut desk = Desk::new();
        desk.paired().acknowledge().key(CALL, "55555").does(input);
        assert_eq!((desk.shown(), desk.session.view().icon), (Shown::Stopped(Stop::Lost(why)), Icon::Stop));
        assert!(desk.is_wiped());
        desk.key(CALL, "5");
        assert!(desk.session.view().fields.is_empty());
        desk.click(Click::StartAgain).acknowledge().key(CALL, MASTERCARD);
        assert_eq!(desk.session.view().fields[0].state, FieldState::Complete);
    }
    // Keys that nobody sees may be pressed meanwhile: it is not ended for a long time.
    let mut desk = Desk::new();
    desk.paired().acknowledge().does(Input::HeartbeatLost).wait(590_000);
    assert_eq!(desk.offs(), 0);
    desk.wait(14_000);
    assert_eq!(desk.offs(), 1);
}

#[test]
fn a_loss_in_the_guard_time_puts_the_icon_out_and_keeps_the_card() {
    let mut desk = Desk::new();
    desk.paired().acknowledge().key(CALL, MASTERCARD).key(CALL, "123").does(Input::MediaLost { call: CALL });
    assert_eq!((desk.shown(), desk.session.view().icon), (Shown::Details, Icon::Stop));
    desk.wait(3_000);
    assert_eq!((desk.shown(), desk.session.view().icon), (Shown::Details, Icon::Off));
}

#[test]
fn reset_and_start_again_work_at_any_time_before_sending() {
    let mut desk = Desk::new();
    desk.paired().acknowledge().key(CALL, "5555");
    desk.click(Click::Reset(FieldKind::Pan)).key(CALL, MASTERCARD).key(CALL, "12");
    desk.click(Click::Reset(FieldKind::Csc)).key(CALL, "1");
    desk.click(Click::Reset(FieldKind::Pan)).key(CALL, MASTERCARD).key(CALL, "123");
    assert_eq!(desk.shown(), Shown::Details);
    // Within the guard time SecureMode is still in force; after it the icon comes first.
    desk.click(Click::Reset(FieldKind::Csc)).key(CALL, "123");
    assert_eq!(desk.shown(), Shown::Details);
    desk.wait(5_000).click(Click::Reset(FieldKind::Csc));
    assert_eq!(desk.shown(), Shown::Securing);
    desk.acknowledge().key(CALL, "123").wait(5_000).click(Click::StartAgain).acknowledge();
    assert_eq!(desk.session.view().fields[0].length, 0);
    assert_eq!(desk.vault.free() + 1, desk.vault.slots(), "one field is open");
    desk.click(Click::Cancel);
    assert!(desk.is_wiped() && !desk.session.is_over(), "the guard time is kept");
    desk.wait(3_000);
    assert!(desk.session.is_over());
}

#[test]
fn hanging_up_ends_it_before_sending_and_not_after() {
    for keys in ["", "5555", MASTERCARD, "5555555555554444123"] {
        let mut desk = Desk::new();
        desk.paired().acknowledge().key(CALL, keys).does(Input::HungUp { call: CALL });
        assert_eq!((desk.shown(), desk.session.view().icon), (Shown::Stopped(Stop::HungUp), Icon::Off));
        assert!(desk.is_wiped());
        desk.wait(3_000);
        assert_eq!(desk.offs(), 1);
        desk.click(Click::StartAgain);
        assert_eq!(desk.shown(), Shown::Waiting, "another call needs another reference");
    }
    let mut desk = Desk::new();
    desk.sent().does(Input::HungUp { call: CALL });
    desk.answered(1, Outcome::Approved { psp_reference: "P1".to_owned() });
    assert!(matches!(desk.shown(), Shown::Result(Outcome::Approved { .. })));
}

#[test]
fn the_longest_time_closes_the_field_and_then_keeps_the_guard() {
    let mut desk = Desk::new();
    desk.paired().acknowledge().key(CALL, "5555").wait(599_000);
    assert_eq!(desk.shown(), Shown::Keying);
    desk.wait(1_000);
    assert_eq!((desk.shown(), desk.offs()), (Shown::Stopped(Stop::TooLong), 0));
    for _ in 0..10 {
        desk.key(CALL, "5").wait(2_700);
    }
    assert_eq!(desk.offs(), 0, "keys go on coming");
    desk.wait(400);
    assert_eq!(desk.offs(), 1);
}

#[test]
fn an_answer_that_is_lost_is_asked_for_and_never_sent_again() {
    let mut desk = Desk::new();
    desk.sent().wait(40_000);
    assert!(desk.is_wiped());
    assert_eq!((desk.shown(), desk.sends()), (Shown::Resolving, 1));
    for found in [Found::NoAnswer, Found::Nothing, Found::UnderWay, Found::Settled(Outcome::Unknown)] {
        desk.does(Input::Found { attempt: 1, found }).wait(10_000);
        assert_eq!(desk.shown(), Shown::Resolving);
    }
    let approved = Outcome::Approved { psp_reference: "P1".to_owned() };
    assert_eq!(desk.give(Input::Found { attempt: 2, found: Found::Nothing }), Handled::Ignored);
    desk.does(Input::Found { attempt: 1, found: Found::Settled(approved.clone()) });
    assert_eq!((desk.shown(), desk.sends()), (Shown::Result(approved), 1));
}

#[test]
fn what_nobody_knows_stays_unknown_and_bars_another_try() {
    let mut desk = Desk::new();
    desk.sent().answered(1, Outcome::Unknown).wait(600_000);
    assert_eq!(desk.shown(), Shown::Result(Outcome::Unknown));
    let asked = desk.count(|output| matches!(output, Output::AskOutcome(_)));
    assert!((10..30).contains(&asked), "{asked}");
    assert_eq!(desk.give(Input::Click(Click::StartAgain)), Handled::Ignored);
    desk.click(Click::AskAgain);
    assert_eq!(desk.shown(), Shown::Resolving);
    desk.answered(1, Outcome::Declined { reason: Decline::Refused, psp_reference: None });
    assert!(desk.session.view().may.start_again, "now it is known");
    assert_eq!(desk.sends(), 1);
}

#[test]
fn a_provider_that_knows_of_none_for_long_has_not_taken_it() {
    let mut desk = Desk::new();
    desk.sent().answered(1, Outcome::Unknown);
    for _ in 0..12 {
        let _ = desk.give(Input::Found { attempt: 1, found: Found::Nothing });
        if desk.shown() != Shown::Resolving {
            break;
        }
        desk.wait(10_000);
    }
    assert_eq!(desk.shown(), Shown::Result(Outcome::NotTaken));
    let approved = Outcome::Approved { psp_reference: "P1".to_owned() };
    desk.answered(1, approved.clone());
    assert_eq!(desk.shown(), Shown::Result(approved), "the truth came late");
}

#[test]
fn a_conversation_on_two_calls_is_keyed_on_the_one_that_is_not_masked() {
    let mut desk = Desk::new();
    desk.paired().acknowledge();
    desk.does(Input::Paired { call: OTHER, since: Instant::ZERO });
    assert_eq!(desk.session.view().icon, Icon::Awaited, "the other call is not secured yet");
    desk.acknowledge();
    desk.key(OTHER, "#");
    for key in MASTERCARD.chars() {
        desk.key(CALL, &key.to_string()).key(OTHER, "#");
    }
    assert_eq!(desk.session.view().fields[0].state, FieldState::Complete);
    desk.does(Input::HungUp { call: OTHER });
    desk.acknowledge().key(CALL, "123");
    assert_eq!(desk.shown(), Shown::Details);
}

#[test]
fn references_lapse_and_are_asked_for_anew() {
    let mut desk = Desk::new();
    desk.wait(2_000);
    assert_eq!(desk.shown(), Shown::Stopped(Stop::NoAnswer));
    desk.click(Click::StartAgain).does(Input::Reference(Err(NotIssued::Full)));
    assert_eq!(desk.shown(), Shown::Stopped(Stop::NoReference(NotIssued::Full)));
    let until = desk.now + VALID_FOR;
    desk.click(Click::StartAgain).does(Input::Reference(Ok(until))).wait(300_000);
    assert_eq!(desk.shown(), Shown::Stopped(Stop::Lapsed));
    desk.wait(900_000);
    assert!(desk.session.is_over());
    assert_eq!(desk.count(|output| *output == Output::WithdrawReference), 2);
}

#[test]
fn a_full_vault_stops_a_payment_and_says_so() {
    let mut desk = Desk::new();
    let held: Vec<secret::Digits> = core::iter::from_fn(|| secret::Digits::new(&desk.vault)).collect();
    desk.paired();
    assert_eq!(desk.shown(), Shown::Stopped(Stop::NoRoom));
    drop(held);
    desk.click(Click::StartAgain).acknowledge();
}

#[test]
fn an_order_in_which_a_card_number_hides_is_refused() {
    let money = Money::new(1, "EUR").expect("money");
    assert_eq!(Order::new(money, "for 4111 1111 1111 1111", [7; 16]), Err(TextWrong::CardNumber));
    assert!(
        Money::new(0, "EUR").is_none() && Money::new(1, "eur").is_none() && Money::new(1, "EURO").is_none()
    );
}

#[test]
fn tenants_choose_what_agents_see() {
    let settings =
        SessionSettings { show_first_six: false, show_last_four: false, ..SessionSettings::default() };
    let mut desk = Desk::with(settings);
    desk.paired().acknowledge().key(CALL, MASTERCARD);
    let pan = &desk.session.view().fields[0];
    assert!(pan.first_six.is_none() && pan.last_four.is_none());
}
