//! What becomes of payments: sent once, kept, found out.

use http::{HeaderMap, StatusCode};
use payment::session::Shown;
use payment::{Details, Outcome};

use super::*;
use crate::store::{Page, State, Timestamp};

fn answer(status: u16, body: &str) -> Option<Result<web::Answer, AskError>> {
    let status = StatusCode::from_u16(status).expect("a status");
    Some(Ok(web::Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() }))
}

fn lost() -> Option<Result<web::Answer, AskError>> {
    Some(Err(AskError { failure: web::Failure::Late, sent: true }))
}

impl Rig {
    fn pay(&mut self, name: &str) {
        let expiry = payment::CardMonth { month: 12, year: 30 };
        let details = Details::new().with_expiry(expiry).expect("a month");
        let agent = self.agents[0].clone();
        let click = Click::Pay(Box::new(details));
        assert_eq!(self.desk.click(self.now, &agent, name, click), Some(Handled::Done));
    }

    /// A payment of which everything is keyed.
    fn keyed_whole(&mut self) -> String {
        let name = self.paired();
        self.keys(CALL, Side::Carrier, CARD);
        self.keys(CALL, Side::Carrier, "123");
        assert_eq!(self.stage(&name), Shown::Details);
        name
    }

    fn kept(&self) -> Vec<crate::store::Attempt> {
        let store = Store::open(&self.config.store).map_err(|error| error.to_string()).expect("it opens");
        let (from, until) = (Timestamp::from_unix_millis(0), Timestamp::from_unix_millis(i64::MAX));
        let page = Page { from, until, after: None, limit: 500 };
        store.attempts("one", &page).map_err(|error| error.to_string()).expect("a list")
    }
}

/// The reference of an attempt, as the sandbox's answers name it.
fn approved(reference: &str) -> String {
    format!(
        "{{\"id\":\"sb-1\",\"reference\":\"{reference}\",\"order\":\"INV-7\",\"amount\":1234,\"currency\":\"GBP\",\"last_four\":\"1111\",\"status\":\"approved\",\"reason\":null}}"
    )
}

#[test]
fn a_payment_is_on_the_disk_before_it_is_sent_and_its_end_is_kept() {
    let mut rig = Rig::new();
    let name = rig.keyed_whole();
    let store = rig.config.store.clone();
    rig.psp = Box::new(move |_| {
        let open = Store::open(&store).map_err(|error| error.to_string()).expect("it opens");
        let left = open.unresolved_attempts(0).map_err(|error| error.to_string()).expect("a list");
        assert_eq!(left.len(), 1, "it is written down before it is sent");
        assert_eq!(left[0].state, State::Sent);
        answer(200, &approved(&left[0].our_reference))
    });
    rig.pay(&name);
    rig.wait(100);
    let paid = Shown::Result(Outcome::Approved { psp_reference: "sb-1".into() });
    assert_eq!(rig.stage(&name), paid);
    rig.wait(100);
    let kept = rig.kept();
    assert_eq!(
        (kept.len(), kept[0].state, kept[0].psp_reference.as_deref()),
        (1, State::Approved, Some("sb-1"))
    );
    assert_eq!((kept[0].brand.as_deref(), kept[0].first_six.as_deref()), (Some("visa"), Some("411111")));
    let sent = rig.asked.iter().filter(|(line, _)| line.starts_with("POST")).count();
    assert_eq!(sent, 1);
}

/// SecureMode ends three seconds after the last key, whatever the provider is doing.
#[test]
fn the_end_of_secure_mode_does_not_hurry_the_provider() {
    let mut rig = Rig::new();
    let name = rig.keyed_whole();
    rig.wait(2_400);
    assert_eq!(rig.icon(&name), Icon::On, "the guard time is not over");
    rig.psp = Box::new(|_| None);
    rig.pay(&name);
    rig.wait(50);
    let (line, patience) = rig.asked.last().cloned().expect("it is sent");
    assert!(line.starts_with("POST") && patience > Duration::from_secs(39), "{line} {patience:?}");
}

#[test]
fn a_lost_answer_is_asked_for_and_the_disk_knows_at_each_moment() {
    let mut rig = Rig::new();
    let name = rig.keyed_whole();
    let reference = std::rc::Rc::new(std::cell::RefCell::new(String::new()));
    rig.psp = Box::new(|_| lost());
    rig.pay(&name);
    rig.wait(100);
    assert_eq!(rig.stage(&name), Shown::Resolving);
    rig.wait(100);
    let kept = rig.kept();
    assert_eq!(kept[0].state, State::Unknown);
    reference.borrow_mut().push_str(&kept[0].our_reference);
    let told = reference.borrow().clone();
    rig.psp = Box::new(move |_| answer(200, &format!("{{\"payments\":[{}]}}", approved(&told))));
    rig.wait(10_000);
    assert!(matches!(rig.stage(&name), Shown::Result(Outcome::Approved { .. })));
    rig.wait(100);
    assert_eq!(rig.kept()[0].state, State::Approved);
}

/// A provider's name of a payment that holds a card number is neither shown nor kept.
#[test]
fn a_providers_name_that_is_a_card_number_is_left_out() {
    let mut rig = Rig::new();
    let name = rig.keyed_whole();
    rig.psp = Box::new(|_| {
        let told = approved("KH").replace("sb-1", "4111111111111111").replace("\"KH\"", "\"x\"");
        answer(200, &told)
    });
    rig.pay(&name);
    rig.wait(200);
    let shown = rig.shown(&name).to_string();
    assert!(!shown.contains("4111111111111111"), "{shown}");
}

/// What an earlier process left, and what nobody can be asked about, does not keep the rest from being found out.
#[test]
fn attempts_whose_page_is_gone_are_asked_about_all_of_them() {
    let mut rig = Rig::new();
    let mut store = Store::open(&rig.config.store).map_err(|error| error.to_string()).expect("it opens");
    let agent = rig.agents[0].id;
    for number in 0..620 {
        let reference = format!("KH-left-{number}");
        let new = crate::store::NewAttempt {
            session: "gone",
            our_reference: &reference,
            idempotency_key: &reference,
            tenant: "one",
            agent,
            amount: 1_234,
            currency: "GBP",
            order_reference: None,
            brand: None,
            first_six: None,
            last_four: None,
            // Those of another provider cannot be asked about here.
            psp: if number < 600 { "adyen" } else { "sandbox" },
        };
        let now = records::today();
        store.prepare_attempt(&new, now).map_err(|error| error.to_string()).expect("prepared");
        let sent = crate::store::Outcome::of(State::Sent);
        store.advance_attempt(&reference, &sent, now).map_err(|error| error.to_string()).expect("sent");
    }
    rig.psp = Box::new(|ask| {
        let reference = ask.request.uri().query().and_then(|query| query.strip_prefix("reference="));
        let reference = reference.expect("it is asked by our own reference");
        answer(200, &format!("{{\"payments\":[{}]}}", approved(reference)))
    });
    rig.wait(90_000);
    let asked = rig.asked.iter().filter(|(line, _)| line.starts_with("GET")).count();
    assert_eq!(asked, 20);
    let kept = rig.kept();
    assert_eq!(kept.iter().filter(|one| one.state == State::Approved).count(), 20);
    assert_eq!(rig.desk.figures.resolved_late, 20);
}
