//! Which call belongs to which page.

use super::*;

#[test]
fn a_reference_that_is_keyed_in_a_call_puts_it_into_secure_mode_and_its_keys_onto_the_page() {
    let mut rig = Rig::new();
    let name = rig.paired();
    let entered = |command: &Command| matches!(command, Command::Enter { call: CALL, mask_key: MaskKey::Pound, rules } if rules.is_field_open());
    assert!(rig.has(entered));
    let view = rig.shown(&name);
    assert_eq!(view["calls"][0]["number"], "+441632960001");
    assert_eq!((view["icon"].as_str(), view["open"].as_str()), (Some("on"), Some("pan")));
    rig.keys(CALL, Side::Carrier, CARD);
    assert_eq!(rig.keyed(&name, FieldKind::Pan), 16);
    let view = rig.shown(&name);
    assert_eq!(view["fields"][0]["shown"], "411111••••••1111");
    assert_eq!((view["brand"].as_str(), view["open"].as_str()), (Some("Visa"), Some("csc")));
    rig.keys(CALL, Side::Carrier, "123");
    assert_eq!(rig.stage(&name), Shown::Details);
    rig.wait(4_000);
    assert_eq!(rig.icon(&name), Icon::Off);
    assert!(rig.has(|command| matches!(command, Command::Leave { call: CALL })));
    let text = rig.shown(&name).to_string();
    assert!(!text.contains("4111111111111111") && !text.contains("123\""), "{text}");
}

#[test]
fn a_reference_of_another_tenant_and_a_wrong_one_pair_nothing() {
    let mut rig = Rig::new();
    rig.call_begins(CALL, "+442079460200");
    let name = rig.begin(0);
    let reference = rig.reference(&name);
    rig.keys(CALL, Side::Customer, &reference);
    rig.wait(3_000);
    assert!(matches!(rig.stage(&name), Shown::Reference(_)), "the call is the other tenant's");
    rig.call_begins(OTHER_CALL, "+442079460100");
    let wrong: String = reference.bytes().map(|digit| char::from(b'0' + (digit - b'0' + 1) % 10)).collect();
    rig.keys(OTHER_CALL, Side::Customer, &wrong);
    rig.wait(3_000);
    assert!(matches!(rig.stage(&name), Shown::Reference(_)));
    assert!(!rig.has(|command| matches!(command, Command::Enter { .. })));
    rig.keys(OTHER_CALL, Side::Customer, &reference);
    rig.wait(1_500);
    assert_eq!(rig.stage(&name), Shown::Keying);
}

#[test]
fn callers_cannot_pair_and_a_call_of_nobody_pairs_nothing() {
    let mut rig = Rig::new();
    rig.call_begins(CALL, "+442079460100");
    rig.call_begins(OTHER_CALL, "+15550100");
    let name = rig.begin(0);
    let reference = rig.reference(&name);
    rig.keys(CALL, Side::Carrier, &reference);
    rig.wait(3_000);
    rig.keys(OTHER_CALL, Side::Customer, &reference);
    rig.wait(3_000);
    assert!(matches!(rig.stage(&name), Shown::Reference(_)));
}

#[test]
fn two_calls_at_once_keep_their_keys_apart() {
    let mut rig = Rig::new();
    let one = rig.paired();
    rig.call_begins(OTHER_CALL, "+442079460200");
    let two = rig.begin(1);
    let reference = rig.reference(&two);
    rig.keys(OTHER_CALL, Side::Customer, &reference);
    rig.wait(1_500);
    for key in ["4", "1", "1", "1"] {
        rig.keys(CALL, Side::Carrier, key);
        rig.keys(OTHER_CALL, Side::Carrier, "5");
    }
    rig.keys(OTHER_CALL, Side::Carrier, "5");
    assert_eq!((rig.keyed(&one, FieldKind::Pan), rig.keyed(&two, FieldKind::Pan)), (4, 5));
    let (one_agent, two_agent) = (rig.agents[0].clone(), rig.agents[1].clone());
    assert!(
        rig.desk.payment_of(&one_agent, &two).is_none() && rig.desk.payment_of(&two_agent, &two).is_some()
    );
}

#[test]
fn agents_keys_beside_a_payment_are_ignored_and_a_new_reference_in_the_same_call_takes_it_over() {
    let mut rig = Rig::new();
    let first = rig.paired();
    let second = rig.begin(0);
    let reference = rig.reference(&second);
    rig.keys(CALL, Side::Customer, &reference);
    rig.wait(3_000);
    assert!(matches!(rig.stage(&second), Shown::Reference(_)), "the first is under way");
    let agent = rig.agents[0].clone();
    assert_eq!(rig.desk.click(rig.now, &agent, &first, Click::Cancel), Some(Handled::Done));
    rig.wait(2_500);
    rig.commands.clear();
    rig.keys(CALL, Side::Customer, &reference);
    rig.wait(1_500);
    assert_eq!((rig.stage(&second), rig.icon(&second)), (Shown::Keying, Icon::On));
    rig.wait(10_000);
    let last = rig
        .commands
        .iter()
        .rev()
        .find(|command| matches!(command, Command::Enter { .. } | Command::Leave { .. }));
    assert!(matches!(last, Some(Command::Enter { .. })), "the first does not end what is the second's");
    rig.keys(CALL, Side::Carrier, "41");
    assert_eq!(rig.keyed(&second, FieldKind::Pan), 2);
}
