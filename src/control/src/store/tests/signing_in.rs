//! Agents, passwords and sessions.

use super::super::sessions::{IDLE, LONGEST};
use super::super::sign_in::wait_after;
use super::*;

fn token(answer: Result<SignIn, StoreError>) -> SessionToken {
    match answer.expect("no fault") {
        SignIn::Welcome { token, .. } => token,
        SignIn::Refused(why) => panic!("refused: {why:?}"),
    }
}

fn refusal(answer: Result<SignIn, StoreError>) -> Refusal {
    match answer.expect("no fault") {
        SignIn::Welcome { agent, .. } => panic!("{agent:?}"),
        SignIn::Refused(why) => why,
    }
}

#[test]
fn an_agent_signs_in_and_is_known_until_signing_out() {
    let directory = Directory::new();
    let (mut store, anna) = with_anna(&directory);
    assert_eq!((anna.user_name.as_str(), anna.tenant.as_str(), anna.disabled), ("anna", "example", None));
    let token = token(store.sign_in("ANNA", PASSWORD, NOW));
    let text = token.reveal();
    assert_eq!(text.len(), 64);
    let session = SessionToken::parse(&text).map(|token| directory.store().session(&token, seconds(1)));
    let session = session.expect("a token").expect("no fault").expect("she is signed in");
    assert_eq!((session.agent.id, session.begun, session.agent.last_sign_in), (anna.id, NOW, Some(NOW)));
    store.end_session(&token).expect("ended");
    assert_eq!(store.session(&token, seconds(1)).expect("no fault"), None);
    for wrong in ["", "zz", &"g".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
        assert!(SessionToken::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn sessions_end_by_themselves() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    let idle = token(store.sign_in("anna", PASSWORD, NOW));
    assert!(store.session(&idle, NOW.after(IDLE - Duration::from_secs(1))).expect("no fault").is_some());
    assert!(store.session(&idle, NOW.after(2 * IDLE)).expect("no fault").is_none());
    let busy = token(store.sign_in("anna", PASSWORD, NOW));
    let mut now = NOW;
    while now < NOW.after(LONGEST) {
        assert!(store.session(&busy, now).expect("no fault").is_some());
        now = now.after(IDLE / 2);
    }
    assert!(store.session(&busy, NOW.after(LONGEST)).expect("no fault").is_none());
    assert_eq!(store.remove_ended_sessions(NOW.after(LONGEST)).expect("removed"), 2);
}

#[test]
fn an_agent_has_a_few_sessions_and_the_oldest_ends() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    let tokens: Vec<SessionToken> =
        (0..9).map(|second| token(store.sign_in("anna", PASSWORD, seconds(second)))).collect();
    let known: Vec<bool> =
        tokens.iter().map(|token| store.session(token, seconds(9)).expect("no fault").is_some()).collect();
    assert_eq!(known, [false, true, true, true, true, true, true, true, true]);
}

#[test]
fn who_is_barred_is_out_at_once() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    let before = token(store.sign_in("anna", PASSWORD, NOW));
    assert_eq!(store.disable_agent("Anna", seconds(1)).expect("barred").disabled, Some(seconds(1)));
    assert_eq!(store.disable_agent("anna", seconds(9)).expect("still").disabled, Some(seconds(1)));
    assert!(store.session(&before, seconds(1)).expect("no fault").is_none());
    assert_eq!(refusal(store.sign_in("anna", PASSWORD, seconds(2))), Refusal::Disabled);
    assert_eq!(store.enable_agent("anna").expect("back").disabled, None);
    assert!(store.session(&before, seconds(3)).expect("no fault").is_none());
    token(store.sign_in("anna", PASSWORD, seconds(3)));
    for nobody in ["nobody", "", "a b", "4111111111111111"] {
        assert!(matches!(store.disable_agent(nobody, NOW), Err(StoreError::NoSuchAgent)));
    }
}

#[test]
fn another_password_ends_sessions_and_waits() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    let before = token(store.sign_in("anna", PASSWORD, NOW));
    for _ in 0..10 {
        refusal(store.sign_in("anna", "wrong", NOW));
    }
    store.set_password("anna", &password("another long sentence"), seconds(1)).expect("set");
    assert!(store.session(&before, seconds(1)).expect("no fault").is_none());
    assert_eq!(refusal(store.sign_in("anna", PASSWORD, seconds(1))), Refusal::WrongPassword);
    token(store.sign_in("anna", "another long sentence", seconds(1)));
}

#[test]
fn names_are_one_agents_whatever_their_case() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    let again = store.add_agent("aNNa", "other", &password(PASSWORD), NOW);
    assert!(matches!(again, Err(StoreError::Taken(Field::UserName))), "{again:?}");
    for wrong in ["", "a b", "änna", "4111 1111 1111 1111", "4111-1111-1111-1111", &"a".repeat(65)] {
        let answer = store.add_agent(wrong, "example", &password(PASSWORD), NOW);
        assert!(matches!(answer, Err(StoreError::Invalid(Field::UserName))), "{wrong}");
    }
    let answer = store.add_agent("bob", "../x", &password(PASSWORD), NOW);
    assert!(matches!(answer, Err(StoreError::Invalid(Field::Tenant))));
    store.add_agent("bob@example.com", "other", &password(PASSWORD), NOW).expect("added");
    let names = |tenant| {
        let agents = store.agents(tenant).expect("listed");
        agents.into_iter().map(|agent| agent.user_name).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["anna", "bob@example.com"]);
    assert_eq!(names(Some("other")), ["bob@example.com"]);
}

#[test]
fn passwords_are_long_and_no_card_numbers() {
    let refused = |text: &str| Password::new(Zeroizing::new(text.to_owned())).expect_err("refused");
    assert_eq!(refused("eleven char"), WeakPassword::TooShort);
    assert_eq!(refused(&"a".repeat(257)), WeakPassword::TooLong);
    assert_eq!(refused("my 4111 1111 1111 1111"), WeakPassword::CardNumber);
    assert_eq!(format!("{:?}", password(PASSWORD)), "Password(_)");
    let (one, two) = (password(PASSWORD).hash().expect("hashed"), password(PASSWORD).hash().expect("hashed"));
    assert!(one.starts_with("$argon2id$v=19$m=") && one != two, "{one}");
}

#[test]
fn wrong_passwords_make_wait_longer_and_longer() {
    assert_eq!(wait_after(4), None);
    let waits: Vec<u64> = (5..12).filter_map(wait_after).map(|wait| wait.as_secs()).collect();
    assert_eq!(waits, [30, 60, 120, 240, 480, 1800, 1800]);

    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    for _ in 0..4 {
        assert_eq!(refusal(store.sign_in("anna", "wrong", NOW)), Refusal::WrongPassword);
    }
    token(store.sign_in("anna", PASSWORD, NOW));
    for _ in 0..5 {
        assert_eq!(refusal(store.sign_in("anna", "wrong", NOW)), Refusal::WrongPassword);
    }
    let locked = Refusal::Locked { until: seconds(30) };
    for _ in 0..20 {
        assert_eq!(refusal(store.sign_in("anna", PASSWORD, seconds(29))), locked);
    }
    assert_eq!(refusal(store.sign_in("anna", "wrong", seconds(30))), Refusal::WrongPassword);
    assert_eq!(refusal(store.sign_in("anna", PASSWORD, seconds(31))), Refusal::Locked { until: seconds(90) });
    token(directory.store().sign_in("anna", PASSWORD, seconds(90)));
}

/// Of what was typed as a name nothing is kept but that it was wrong.
#[test]
fn wrong_names_are_counted_and_forgotten() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    for name in ["nobody", "", "4111111111111111", "a\0b", "'; DROP TABLE agents; --"] {
        assert_eq!(refusal(store.sign_in(name, PASSWORD, NOW)), Refusal::UnknownName);
    }
    let sql = "SELECT failures, last_refusal FROM unknown_sign_ins";
    let counted = store.connection.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(counted.expect("there"), (5, NOW));
    assert_eq!(store.agents(None).expect("listed").len(), 1);
}

/// The answer must not tell whether there is such an agent, nor must the time that it takes: the same is written for each...
#[test]
fn every_refusal_costs_the_disk_the_same() {
    let directory = Directory::new();
    let (mut store, _) = with_anna(&directory);
    store.add_agent("bob", "example", &password(PASSWORD), NOW).expect("added");
    store.disable_agent("bob", NOW).expect("barred");
    let log = directory.0.join(format!("{FILE}-wal"));
    let mut written = Vec::new();
    for second in 0..12 {
        for (name, tried) in
            [("anna", "wrong"), ("nobody", "wrong"), ("bob", PASSWORD), ("bob", "wrong"), ("a b", "")]
        {
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            store.connection.query_row(sql, (), |_| Ok(())).expect("emptied");
            refusal(store.sign_in(name, tried, seconds(second)));
            written.push(fs::metadata(&log).expect("there").len());
        }
    }
    assert!(written[0] > 0 && written.iter().all(|bytes| *bytes == written[0]), "{written:?}");
}

/// ... and the same argon2id is computed.
#[test]
#[allow(clippy::disallowed_methods, reason = "the test is about real time")]
fn unknown_names_take_as_long_as_wrong_passwords() {
    let kept = password(PASSWORD).hash().expect("hashed");
    let mut least = [f64::MAX; 2];
    for _ in 0..200 {
        for (least, kept) in least.iter_mut().zip([Some(kept.as_str()), None]) {
            let begun = std::time::Instant::now();
            assert!(!super::super::password::is_right("not the password", kept));
            *least = least.min(begun.elapsed().as_secs_f64());
        }
    }
    let [known, unknown] = least;
    assert!((0.7..1.4).contains(&(known / unknown)), "{known} {unknown}");
}
