//! Attempts go forward, and are found again.

use super::*;

const STATES: [State; 6] =
    [State::Prepared, State::Sent, State::Unknown, State::Approved, State::Declined, State::Failed];

fn advance(store: &mut Store, reference: &str, state: State) -> Result<Change, StoreError> {
    store.advance_attempt(reference, &Outcome::of(state), seconds(1))
}

#[test]
fn an_attempt_is_kept_as_it_was_given() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    let prepared = store.prepare_attempt(&new_attempt(anna.id, "kh-1"), NOW).expect("prepared");
    assert_eq!((prepared.state, prepared.created, prepared.amount), (State::Prepared, NOW, 1250));
    advance(&mut store, "kh-1", State::Sent).expect("forward");
    let outcome = Outcome {
        state: State::Approved,
        psp_reference: Some("pi_123"),
        reason: Some("Approved\nby the bank"),
    };
    assert_eq!(store.advance_attempt("kh-1", &outcome, seconds(2)).expect("forward"), Change::Forward);
    drop(store);
    let kept = directory.store().attempt("kh-1").expect("found").expect("there");
    let expected = Attempt {
        state: State::Approved,
        psp_reference: Some("pi_123".into()),
        reason: Some("Approved by the bank".into()),
        changed: seconds(2),
        ..prepared
    };
    assert_eq!(kept, expected);
    assert_eq!(kept.last_four.as_deref(), Some("1111"));
}

#[test]
fn an_attempt_only_goes_forward() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    let ways: [&[State]; 6] = [
        &[],
        &[State::Sent],
        &[State::Sent, State::Unknown],
        &[State::Sent, State::Approved],
        &[State::Sent, State::Unknown, State::Declined],
        &[State::Failed],
    ];
    for (from, way) in STATES.into_iter().zip(ways) {
        for to in STATES {
            let reference = format!("{}-{}", from.name(), to.name());
            store.prepare_attempt(&new_attempt(anna.id, &reference), NOW).expect("prepared");
            for state in way {
                advance(&mut store, &reference, *state).expect("forward");
            }
            match advance(&mut store, &reference, to) {
                Ok(Change::Forward) => assert!(from.leads_to(to)),
                Ok(Change::Already) => assert_eq!(from, to),
                Err(StoreError::Backwards { .. }) => assert!(from != to && !from.leads_to(to)),
                Err(other) => panic!("{other}"),
            }
            // Whoever writes past the store is held by the database itself.
            let now = store.attempt(&reference).expect("read").expect("there").state;
            let sql = "UPDATE attempts SET state = ?2 WHERE our_reference = ?1";
            for next in STATES {
                let transaction = store.connection.unchecked_transaction().expect("begun");
                let done = transaction.execute(sql, (&reference, next));
                assert_eq!(done.is_ok(), now.leads_to(next), "{now:?} {next:?}");
            }
        }
    }
    assert!(matches!(advance(&mut store, "nobody", State::Sent), Err(StoreError::NoSuchAttempt)));
}

#[test]
fn what_the_psp_called_it_stays_known() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    store.prepare_attempt(&new_attempt(anna.id, "kh-1"), NOW).expect("prepared");
    advance(&mut store, "kh-1", State::Sent).expect("forward");
    let outcome = Outcome { state: State::Unknown, psp_reference: Some("first"), reason: None };
    store.advance_attempt("kh-1", &outcome, seconds(1)).expect("forward");
    let outcome = Outcome { state: State::Approved, psp_reference: Some("second"), reason: None };
    store.advance_attempt("kh-1", &outcome, seconds(2)).expect("forward");
    assert_eq!(store.attempt("kh-1").expect("read").expect("there").psp_reference.as_deref(), Some("first"));
}

#[test]
fn references_and_keys_are_used_once() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    store.prepare_attempt(&new_attempt(anna.id, "kh-1"), NOW).expect("prepared");
    let again = store.prepare_attempt(&new_attempt(anna.id, "kh-1"), NOW);
    assert!(matches!(again, Err(StoreError::Taken(Field::OurReference))), "{again:?}");
    let again =
        store.prepare_attempt(&NewAttempt { idempotency_key: "kh-1", ..new_attempt(anna.id, "kh-2") }, NOW);
    assert!(matches!(again, Err(StoreError::Taken(Field::IdempotencyKey))), "{again:?}");
    let nobody = store.prepare_attempt(&new_attempt(anna.id + 1, "kh-3"), NOW);
    assert!(matches!(nobody, Err(StoreError::NoSuchAgent)), "{nobody:?}");
}

#[test]
fn what_may_not_be_kept_is_refused() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    let right = new_attempt(anna.id, "kh-1");
    let long = "a".repeat(129);
    let wrong = [
        (Field::Amount, NewAttempt { amount: 0, ..right }),
        (Field::Amount, NewAttempt { amount: -1, ..right }),
        (Field::Currency, NewAttempt { currency: "gbp", ..right }),
        (Field::Currency, NewAttempt { currency: "\u{20ac}", ..right }),
        (Field::OrderReference, NewAttempt { order_reference: Some("4111 1111 1111 1111"), ..right }),
        (Field::OrderReference, NewAttempt { order_reference: Some("a\nb"), ..right }),
        (Field::OrderReference, NewAttempt { order_reference: Some(&long), ..right }),
        (Field::Brand, NewAttempt { brand: Some("4111111111111111"), ..right }),
        (Field::FirstSix, NewAttempt { first_six: Some("4111111"), ..right }),
        (Field::LastFour, NewAttempt { last_four: Some("11 1"), ..right }),
        (Field::Psp, NewAttempt { psp: "", ..right }),
        (Field::Tenant, NewAttempt { tenant: "Example", ..right }),
        (Field::SessionId, NewAttempt { session: "", ..right }),
        (Field::OurReference, NewAttempt { our_reference: "4111-1111-1111-1111", ..right }),
        (Field::IdempotencyKey, NewAttempt { idempotency_key: "a b", ..right }),
    ];
    for (field, new) in wrong {
        let answer = store.prepare_attempt(&new, NOW);
        assert!(
            matches!(&answer, Err(StoreError::Invalid(found)) if *found == field),
            "{field:?} {answer:?}"
        );
    }
    store.prepare_attempt(&right, NOW).expect("nothing of it was kept");
    let outcome = Outcome { state: State::Sent, psp_reference: Some(&long), reason: None };
    assert!(matches!(
        store.advance_attempt("kh-1", &outcome, NOW),
        Err(StoreError::Invalid(Field::PspReference))
    ));
}

#[test]
fn attempts_are_listed_by_tenant_and_time_page_by_page() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    for number in 0..25u64 {
        let reference = format!("kh-{number}");
        let tenant = if number % 5 == 4 { "other" } else { "example" };
        // Two in each second: the number decides.
        let new = NewAttempt { tenant, ..new_attempt(anna.id, &reference) };
        store.prepare_attempt(&new, seconds(number / 2)).expect("prepared");
    }
    let mut page = Page { from: seconds(1), until: seconds(12), after: None, limit: 7 };
    let mut seen = Vec::new();
    loop {
        let some = store.attempts("example", &page).expect("listed");
        let Some(last) = some.last() else { break };
        page.after = Some((last.created, last.id));
        seen.extend(some);
    }
    let expected: Vec<String> =
        (2..24).rev().filter(|number| number % 5 != 4).map(|number| format!("kh-{number}")).collect();
    assert_eq!(seen.iter().map(|attempt| attempt.our_reference.clone()).collect::<Vec<_>>(), expected);
}

#[test]
fn after_a_restart_what_is_unresolved_is_known() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    let ways: [&[State]; 5] = [
        &[],
        &[State::Sent],
        &[State::Sent, State::Unknown],
        &[State::Sent, State::Approved],
        &[State::Sent, State::Unknown, State::Failed],
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let reference = format!("kh-{number}");
        store.prepare_attempt(&new_attempt(anna.id, &reference), NOW).expect("prepared");
        for state in way {
            advance(&mut store, &reference, *state).expect("forward");
        }
    }
    drop(store);
    let left = directory.store().unresolved_attempts(0).expect("listed");
    let left: Vec<&str> = left.iter().map(|attempt| attempt.our_reference.as_str()).collect();
    assert_eq!(left, ["kh-0", "kh-1", "kh-2"]);
}

/// A worker waits for another's transaction, and what one wrote the other reads.
#[test]
fn workers_write_side_by_side() {
    let directory = Directory::new();
    let (_, anna) = with_anna(&directory);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (directory, anna) = (&directory, anna.id);
            scope.spawn(move || {
                let mut store = directory.store();
                for number in 0..10 {
                    let reference = format!("kh-{worker}-{number}");
                    store.prepare_attempt(&new_attempt(anna, &reference), NOW).expect("prepared");
                    advance(&mut store, &reference, State::Sent).expect("forward");
                }
            });
        }
    });
    assert_eq!(directory.store().unresolved_attempts(0).expect("listed").len(), 40);
}
