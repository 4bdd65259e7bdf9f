//! What is known of calls.

use super::*;

#[test]
fn calls_that_ended_are_forgotten_and_there_are_no_more_than_may_be() {
    let mut rig = Rig::new();
    for slot in 0..20 {
        rig.call_begins(CallHandle { slot, generation: 0 }, "+442079460100");
    }
    assert_eq!((rig.desk.calls.len(), rig.desk.figures.calls_unknown), (16, 4));
    for slot in 0..20 {
        rig.desk.call_event(rig.now, CallEvent::Ended { call: CallHandle { slot, generation: 0 }, at: None });
    }
    assert_eq!(rig.desk.calls.len(), 0);
}

#[test]
fn tenants_that_are_read_again_have_their_calls_at_once_and_payments_go_on() {
    let mut rig = Rig::new();
    let name = rig.paired();
    let directory = rig.directory.join("tenants");
    fs::remove_file(directory.join("one.toml")).expect("it is there");
    let tenants = Tenants::load(&directory).map_err(|error| error.to_string()).expect("right");
    let text = "[[wire]]\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n[[lcore]]\ncore = 0\nwires = [\"wire-1\"]\nsignalling = true\n";
    let settings = Settings::parse(std::path::Path::new("x.toml"), text);
    let settings = settings.map_err(|problems| problems.to_string()).expect("right");
    let served = Directory::new(tenants, &settings.secure_mode, &["wire-1".to_owned()]).expect("served");
    rig.desk.serve(rig.now, Arc::new(served));
    rig.keys(CALL, Side::Carrier, "41");
    assert_eq!(rig.keyed(&name, FieldKind::Pan), 2);
    assert!(rig.desk.calls.get(CALL).is_some_and(|known| known.tenant.is_none()));
}
