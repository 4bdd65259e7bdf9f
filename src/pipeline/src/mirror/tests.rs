use handover::{FlowMode, MaskKey};

use super::*;

fn flow(number: u16, from: Side) -> Flow {
    let mask = FlowMode::Mask(MaskKey::Pound);
    let (mode, reverse) = match from {
        Side::Carrier => (mask, FlowMode::Pass),
        Side::Customer => (FlowMode::Pass, mask),
    };
    let key = FlowKey {
        destination: Endpoint::new([198, 51, 100, 7].into(), number),
        vlan: VlanStack([number, VlanStack::NONE]),
        wire: WireId(3),
        from,
    };
    Flow { key, mode, reverse, ..Flow::default() }
}

fn follow(mirror: &mut Mirror, update: FlowUpdate, call_id: &'static [u8]) -> bool {
    mirror.follow(&update, |_| Some(call_id))
}

/// A file that takes part in every change.
fn written(mirror: &mut Mirror, file: &mut [u8]) -> usize {
    let mut many = 0;
    while let Some((at, slot)) = mirror.next_change() {
        file[at as usize..][..slot.len()].copy_from_slice(slot);
        many += 1;
    }
    many
}

#[test]
fn what_was_mirrored_is_read_and_what_left_secure_mode_is_not() {
    let mut mirror = Mirror::new(11);
    let mut file = mirror.image().to_vec();
    written(&mut mirror, &mut file);
    let flows = [flow(1, Side::Carrier), flow(2, Side::Customer), flow(3, Side::Carrier)];
    for flow in flows {
        assert!(follow(&mut mirror, FlowUpdate::Install(flow), b"call-1"));
    }
    assert_eq!(written(&mut mirror, &mut file), 3);
    assert!(follow(&mut mirror, FlowUpdate::Install(flows[0]), b"call-1"));
    assert_eq!(written(&mut mirror, &mut file), 0, "nothing is new");
    let left = Flow { mode: FlowMode::Pass, ..flows[0] };
    assert!(follow(&mut mirror, FlowUpdate::Install(left), b"call-1"));
    assert!(follow(&mut mirror, FlowUpdate::Remove(flows[2].key), b"call-1"));
    assert_eq!(written(&mut mirror, &mut file), 2);
    assert_eq!(file, mirror.image());
    let (again, read, damaged) = Mirror::read(&file).expect("it is whole");
    assert_eq!(damaged, 0);
    let call = mirror.fingerprint(b"call-1");
    assert_eq!(read, [Mirrored { key: flows[1].key, call }]);
    assert_eq!(again.fingerprint(b"call-1"), call, "by the same seed");
    assert_ne!(Mirror::new(12).fingerprint(b"call-1"), call);
}

#[test]
fn a_process_that_is_killed_again_leaves_what_the_first_one_left() {
    let mut mirror = Mirror::new(11);
    let flow = flow(1, Side::Carrier);
    assert!(follow(&mut mirror, FlowUpdate::Install(flow), b"call-1"));
    let (mut second, read, _) = Mirror::read(mirror.image()).expect("it is whole");
    // Its Call-ID is not known to the second.
    assert!(second.follow(&FlowUpdate::Install(flow), |_| None));
    let (_, again, _) = Mirror::read(second.image()).expect("it is whole");
    assert_eq!(again, read);
}

#[test]
fn a_foreign_a_torn_and_another_versions_file_are_refused() {
    let read = |file: &[u8]| Mirror::read(file).map(|_| ()).expect_err("it is refused");
    let whole = Mirror::new(11).image().to_vec();
    for foreign in [&b""[..], b"\x7fELF", &[0; 64], &whole[..63]] {
        assert_eq!(read(foreign), MirrorError::Foreign);
    }
    assert_eq!(read(&whole[..LENGTH - 1]), MirrorError::Torn);
    assert_eq!(read(&[whole.clone(), vec![0]].concat()), MirrorError::Torn);
    for at in 16..SLOT {
        let mut torn = whole.clone();
        torn[at] ^= 4;
        assert_eq!(read(&torn), MirrorError::Torn, "byte {at}");
    }
    let mut other = *whole.first_chunk::<SLOT>().expect("a header");
    other[16] = 2;
    let other = [&sealed(0, other)[..], &whole[SLOT..]].concat();
    assert_eq!(read(&other), MirrorError::Version(2));
}

#[test]
fn a_damaged_slot_costs_no_other() {
    let mut mirror = Mirror::new(11);
    for number in 1..=3 {
        assert!(follow(&mut mirror, FlowUpdate::Install(flow(number, Side::Carrier)), b"call-1"));
    }
    for at in 0..SLOT {
        let mut file = mirror.image().to_vec();
        file[2 * SLOT + at] ^= 0x10;
        let (_, read, damaged) = Mirror::read(&file).expect("its header is whole");
        assert_eq!((read.len(), damaged), (2, 1), "byte {at}");
    }
    let mut file = mirror.image().to_vec();
    file.copy_within(SLOT..2 * SLOT, 5 * SLOT);
    assert_eq!(Mirror::read(&file).expect("whole").2, 1, "a slot that belongs elsewhere");
}

#[test]
fn a_full_mirror_says_so_and_has_room_again() {
    let mut mirror = Mirror::new(11);
    for number in 0..FLOWS {
        assert!(follow(&mut mirror, FlowUpdate::Install(flow(number as u16, Side::Carrier)), b"c"));
    }
    let more = FlowUpdate::Install(flow(1, Side::Customer));
    assert!(!follow(&mut mirror, more, b"c"));
    assert!(follow(&mut mirror, FlowUpdate::Remove(flow(7, Side::Carrier).key), b"c"));
    assert!(follow(&mut mirror, more, b"c"));
    assert_eq!(Mirror::read(mirror.image()).expect("whole").1.len(), FLOWS);
}
