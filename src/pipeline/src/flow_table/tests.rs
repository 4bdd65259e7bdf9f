use std::collections::BTreeMap;

use handover::{CallHandle, Side, VlanStack, WireId};

use super::*;

fn key(n: u16) -> FlowKey {
    let mut address = [0; 16];
    address[15] = (n % 7) as u8;
    FlowKey {
        destination: Endpoint { address, port: n },
        vlan: VlanStack([n % 3, VlanStack::NONE]),
        wire: WireId((n % 2) as u8),
        from: if n.is_multiple_of(5) { Side::Carrier } else { Side::Customer },
    }
}

#[test]
fn agrees_with_a_map_over_random_installs_and_removals() {
    let mut table = FlowTable::new(64, 42);
    let mut shadow = BTreeMap::new();
    let mut state = 1_u64;
    for step in 0..20_000_u32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = key((state >> 40) as u16 % 100);
        if state >> 63 == 0 {
            let flow = Flow { key, call: CallHandle { slot: step, generation: 0 }, ..Flow::default() };
            match table.install(flow) {
                Ok(former) => assert_eq!(former, shadow.insert(key, flow)),
                Err(Full) => assert!(shadow.len() == 64 && !shadow.contains_key(&key)),
            }
        } else {
            assert_eq!(table.remove(&key).map(|(flow, _)| flow), shadow.remove(&key));
        }
        assert_eq!(table.len(), shadow.len());
    }
    for n in 0..100 {
        let found = table.find(&key(n)).map(|slot| *table.get_mut(slot).0);
        assert_eq!(found, shadow.get(&key(n)).copied());
    }
}

#[test]
fn local_state_survives_a_new_description_and_moves() {
    let mut table = FlowTable::new(64, 7);
    for n in 0..64 {
        table.install(Flow { key: key(n), ..Flow::default() }).expect("room for 64");
        let slot = table.find(&key(n)).expect("just installed");
        table.get_mut(slot).1.stream = u32::from(n) + 1;
    }
    for n in (0..64).step_by(2) {
        table.remove(&key(n)).expect("installed");
    }
    for n in (1..64).step_by(2) {
        table.install(Flow { key: key(n), learn: true, ..Flow::default() }).expect("known");
        let slot = table.find(&key(n)).expect("still there");
        assert_eq!(table.get_mut(slot).1.stream, u32::from(n) + 1);
    }
}
