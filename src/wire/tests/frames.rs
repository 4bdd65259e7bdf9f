//! Frames: what the dissection finds in built ones, and that nothing panics on any bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::checksum;
use wire::frame::{Dissection, Fragment, NO_VLAN, Udp, dissect};

/// What a frame is built from.
#[derive(Clone, Debug)]
struct Plan {
    tags: Vec<(u16, u16)>,
    ip: Ip,
    ports: (u16, u16),
    payload: Vec<u8>,
    /// Bytes between the end of the UDP datagram and the end of the IP datagram.
    slack: usize,
    /// Bytes after the IP datagram.
    padding: usize,
}

#[derive(Clone, Debug)]
enum Ip {
    V4 { source: [u8; 4], destination: [u8; 4], options: usize },
    V6 { source: [u8; 16], destination: [u8; 16], extensions: Vec<Extension> },
}

#[derive(Clone, Debug)]
enum Extension {
    Options { kind: u8, words: u8 },
    AtomicFragment,
}

fn udp(plan: &Plan) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(plan.ports.0.to_be_bytes());
    datagram.extend(plan.ports.1.to_be_bytes());
    datagram.extend((plan.payload.len() as u16 + 8).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(&plan.payload);
    datagram.extend(vec![0xee; plan.slack]);
    datagram
}

fn ethernet(tags: &[(u16, u16)], ethertype: u16) -> Vec<u8> {
    let mut frame = vec![0x02; 12];
    for (kind, tag) in tags {
        frame.extend(kind.to_be_bytes());
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame
}

fn ipv4(
    source: [u8; 4],
    destination: [u8; 4],
    options: usize,
    fragmentation: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = vec![0x45 + options as u8, 0];
    packet.extend((20 + options * 4 + payload.len()).to_be_bytes().last_chunk::<2>().expect("two bytes"));
    packet.extend([0x12, 0x34]);
    packet.extend(fragmentation.to_be_bytes());
    packet.extend([64, 17, 0, 0]);
    packet.extend(source);
    packet.extend(destination);
    packet.extend(vec![1; options * 4]);
    packet.extend(payload);
    packet
}

fn ipv6(source: [u8; 16], destination: [u8; 16], next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next_header, 64]);
    packet.extend(source);
    packet.extend(destination);
    packet.extend(payload);
    packet
}

fn build(plan: &Plan) -> Vec<u8> {
    let datagram = udp(plan);
    let mut frame;
    match &plan.ip {
        Ip::V4 { source, destination, options } => {
            frame = ethernet(&plan.tags, 0x0800);
            frame.extend(ipv4(*source, *destination, *options, 0x4000, &datagram));
        }
        Ip::V6 { source, destination, extensions } => {
            frame = ethernet(&plan.tags, 0x86dd);
            let mut payload = datagram;
            let mut next_header = 17;
            for extension in extensions.iter().rev() {
                let mut header = vec![next_header, 0, 0, 0, 0, 0, 0, 0];
                match extension {
                    Extension::Options { kind, words } => {
                        header[1] = *words;
                        header.extend(vec![0; usize::from(*words) * 8]);
                        next_header = *kind;
                    }
                    Extension::AtomicFragment => {
                        header[4..].copy_from_slice(&[1, 2, 3, 4]);
                        next_header = 44;
                    }
                }
                header.extend(payload);
                payload = header;
            }
            frame.extend(ipv6(*source, *destination, next_header, &payload));
        }
    }
    frame.extend(vec![0xdd; plan.padding]);
    frame
}

fn plans() -> impl Strategy<Value = Plan> {
    let tag = (prop::sample::select(vec![0x8100u16, 0x88a8, 0x9100]), any::<u16>());
    let extension = prop_oneof![
        (prop::sample::select(vec![0u8, 43, 60]), 0u8..4)
            .prop_map(|(kind, words)| Extension::Options { kind, words }),
        Just(Extension::AtomicFragment),
    ];
    let ip =
        prop_oneof![
            (any::<[u8; 4]>(), any::<[u8; 4]>(), 0usize..=10)
                .prop_map(|(source, destination, options)| Ip::V4 { source, destination, options }),
            (any::<[u8; 16]>(), any::<[u8; 16]>(), vec(extension, 0..5))
                .prop_map(|(source, destination, extensions)| Ip::V6 { source, destination, extensions }),
        ];
    (vec(tag, 0..=2), ip, any::<(u16, u16)>(), vec(any::<u8>(), 0..300), 0usize..5, 0usize..40).prop_map(
        |(tags, ip, ports, payload, slack, padding)| Plan { tags, ip, ports, payload, slack, padding },
    )
}

fn mapped(address: [u8; 4]) -> [u8; 16] {
    std::net::Ipv4Addr::from(address).to_ipv6_mapped().octets()
}

fn as_udp(frame: &[u8]) -> Udp {
    match dissect(frame) {
        Dissection::Udp(udp) => Some(udp),
        _ => None,
    }
    .expect("a UDP datagram")
}

fn as_fragment(frame: &[u8]) -> Fragment {
    match dissect(frame) {
        Dissection::Fragment(fragment) => Some(fragment),
        _ => None,
    }
    .expect("a fragment")
}

proptest! {
    #[test]
    fn what_was_built_is_found(plan in plans()) {
        let mut frame = build(&plan);
        let udp = as_udp(&frame);
        let (source, destination) = match plan.ip {
            Ip::V4 { source, destination, .. } => (mapped(source), mapped(destination)),
            Ip::V6 { source, destination, .. } => (source, destination),
        };
        // Identifier 0 says a priority and names no VLAN.
        let mut vlan = [NO_VLAN; 2];
        let named = plan.tags.iter().map(|(_, tag)| tag & 0x0fff).filter(|&identifier| identifier != 0);
        for (slot, identifier) in vlan.iter_mut().zip(named) {
            *slot = identifier;
        }
        prop_assert_eq!(udp.vlan, vlan);
        prop_assert_eq!((udp.source, udp.destination), (source, destination));
        prop_assert_eq!((udp.source_port, udp.destination_port), plan.ports);
        prop_assert_eq!(udp.payload(&frame), &plan.payload[..]);
        prop_assert_eq!(udp.payload_mut(&mut frame), &plan.payload[..]);
        prop_assert_eq!(udp.checksum_at + 2, udp.payload_at);
    }

    /// Every shorter frame is malformed: no header is believed beyond the frame's end.
    #[test]
    fn a_truncated_frame_is_malformed(plan in plans(), cut in any::<prop::sample::Index>()) {
        let plan = Plan { padding: 0, ..plan };
        let frame = build(&plan);
        let frame = &frame[..cut.index(frame.len())];
        prop_assert_eq!(dissect(frame), Dissection::Malformed);
    }

    #[test]
    fn checksums_are_filled_verified_and_updated(
        plan in plans(),
        at in any::<prop::sample::Index>(),
        change in vec(any::<u8>(), 1..40),
    ) {
        let mut frame = build(&plan);
        checksum::udp_fill(&mut frame);
        let udp = as_udp(&frame);
        prop_assert!(checksum::udp_verify(&frame, &udp));
        if let Ip::V4 { options, .. } = plan.ip {
            let start = 14 + plan.tags.len() * 4;
            prop_assert_eq!(checksum::sum(&frame[start..start + 20 + options * 4]), 0xffff);
        }

        // Change an even-aligned region of the payload and update incrementally.
        let payload = udp.payload_mut(&mut frame);
        if !payload.is_empty() {
            let start = at.index(payload.len()) & !1;
            let region = &mut payload[start..];
            let old = checksum::sum(region);
            for (to, from) in region.iter_mut().zip(&change) {
                *to = *from;
            }
            let new = checksum::sum(region);
            let field = usize::from(udp.checksum_at)..usize::from(udp.payload_at);
            let before = [frame[field.start], frame[field.start + 1]];
            let after = checksum::udp_update(before, old, new);
            frame[field].copy_from_slice(&after);
            prop_assert!(checksum::udp_verify(&frame, &udp));
            prop_assert!(after != [0, 0]);
            if old != new {
                frame[usize::from(udp.payload_at) + start] ^= 1;
                prop_assert!(!checksum::udp_verify(&frame, &udp), "verification sees a wrong bit");
            }
        }
    }

    #[test]
    fn fragments_are_found(
        source in any::<[u8; 4]>(),
        destination in any::<[u8; 4]>(),
        offset in 0u16..0x2000,
        more in any::<bool>(),
        payload in vec(any::<u8>(), 0..100),
        padding in 0usize..20,
    ) {
        prop_assume!(offset != 0 || more);
        let mut frame = ethernet(&[(0x8100, 7)], 0x0800);
        frame.extend(ipv4(source, destination, 2, offset | u16::from(more) << 13, &payload));
        frame.extend(vec![0; padding]);
        let found = as_fragment(&frame);
        prop_assert_eq!(found.vlan, [7, NO_VLAN]);
        prop_assert_eq!((found.source, found.destination), (mapped(source), mapped(destination)));
        prop_assert_eq!((found.identification, found.protocol), (0x1234, 17));
        prop_assert_eq!((found.offset, found.more), (offset * 8, more));
        prop_assert_eq!(found.payload(&frame), &payload[..]);

        let mut inner = vec![17, 0];
        inner.extend((offset << 3 | u16::from(more)).to_be_bytes());
        inner.extend([0xde, 0xad, 0xbe, 0xef]);
        inner.extend(&payload);
        let mut frame = ethernet(&[], 0x86dd);
        frame.extend(ipv6([1; 16], [2; 16], 44, &inner));
        let found = as_fragment(&frame);
        prop_assert_eq!((found.source, found.destination), ([1; 16], [2; 16]));
        prop_assert_eq!((found.identification, found.protocol), (0xdead_beef, 17));
        prop_assert_eq!((found.offset, found.more), (offset * 8, more));
        prop_assert_eq!(found.payload(&frame), &payload[..]);
    }

    #[test]
    fn nothing_panics_on_any_bytes(mut frame in vec(any::<u8>(), 0..200)) {
        exercise(&mut frame);
    }

    /// Random bytes seldom get past the Ethernet type, so good frames are damaged too.
    #[test]
    fn nothing_panics_on_damaged_frames(
        plan in plans(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut frame = build(&plan);
        for (at, byte) in damage {
            let at = at.index(frame.len().min(80));
            frame[at] = byte;
        }
        frame.truncate(cut.index(frame.len() * 2));
        exercise(&mut frame);
    }
}

/// Calls everything that can be called on a frame, and on shorter ones than was dissected.
fn exercise(frame: &mut [u8]) {
    match dissect(frame) {
        Dissection::Udp(udp) => {
            assert_eq!(udp.payload(frame).len(), usize::from(udp.payload_len));
            assert_eq!(udp.payload_mut(frame).len(), usize::from(udp.payload_len));
            checksum::udp_verify(frame, &udp);
            let shorter = &mut frame[..10];
            udp.payload(shorter);
            udp.payload_mut(shorter);
            checksum::udp_verify(shorter, &udp);
        }
        Dissection::Fragment(fragment) => {
            assert_eq!(fragment.payload(frame).len(), usize::from(fragment.payload_len));
            fragment.payload(&frame[..10]);
        }
        Dissection::Tcp { .. } | Dissection::Other | Dissection::Malformed => {}
    }
    checksum::udp_fill(frame);
}

fn sample() -> Plan {
    Plan {
        tags: Vec::new(),
        ip: Ip::V4 { source: [192, 0, 2, 1], destination: [198, 51, 100, 2], options: 0 },
        ports: (4000, 5060),
        payload: b"hello".to_vec(),
        slack: 0,
        padding: 0,
    }
}

#[test]
fn a_udp_length_that_lies_is_malformed() {
    let frame = build(&sample());
    for (len, malformed) in [(7u16, true), (8, false), (13, false), (14, true), (0xffff, true), (0, true)] {
        let mut frame = frame.clone();
        frame[38..40].copy_from_slice(&len.to_be_bytes());
        assert_eq!(dissect(&frame) == Dissection::Malformed, malformed, "{len}");
    }
}

#[test]
fn ipv4_headers_that_lie_are_malformed() {
    let frame = build(&sample());
    for (at, byte) in [(14, 0x44), (14, 0x65), (14, 0x4f), (16, 0xff), (17, 19)] {
        let mut frame = frame.clone();
        frame[at] = byte;
        assert_eq!(dissect(&frame), Dissection::Malformed, "byte {at} = {byte:#x}");
    }
}

#[test]
fn runts_are_malformed_and_what_is_not_ip_is_other() {
    assert_eq!(dissect(&[]), Dissection::Malformed);
    assert_eq!(dissect(&[0; 13]), Dissection::Malformed);
    for ethertype in [0x0806, 0x88cc, 0x8847, 0x8864, 0x0026] {
        assert_eq!(dissect(&ethernet(&[], ethertype)), Dissection::Other);
    }
    let three = build(&Plan { tags: vec![(0x8100, 1), (0x8100, 2)], ..sample() });
    let mut deeper = ethernet(&[(0x88a8, 9)], 0x8100);
    deeper.extend(&three[14..]);
    assert_eq!(dissect(&deeper), Dissection::Other);
}

#[test]
fn tcp_tunnels_and_giants_are_named() {
    let mut tcp = build(&Plan { payload: vec![0; 12], ..sample() });
    tcp[23] = 6;
    assert_eq!(dissect(&tcp), Dissection::Tcp { src_port: 4000, dst_port: 5060 });
    let mut gre = build(&sample());
    gre[23] = 47;
    assert_eq!(dissect(&gre), Dissection::Other);
    let mut giant = build(&sample());
    giant.resize(65_536, 0);
    assert_eq!(dissect(&giant), Dissection::Other);
    giant.truncate(65_535);
    assert_eq!(as_udp(&giant).payload_len, 5);
}

#[test]
fn too_many_extension_headers_are_not_followed() {
    let plan = |count| Plan {
        ip: Ip::V6 {
            source: [1; 16],
            destination: [2; 16],
            extensions: vec![Extension::Options { kind: 60, words: 0 }; count],
        },
        ..sample()
    };
    assert!(matches!(dissect(&build(&plan(7))), Dissection::Udp(_)));
    assert_eq!(dissect(&build(&plan(9))), Dissection::Other);
}

#[test]
fn no_checksum_stays_none_and_zero_is_sent_as_ones() {
    assert_eq!(checksum::udp_update([0, 0], 1, 2), [0, 0]);
    // RFC 1624 section 4: the case where equation 2 goes wrong.
    assert_eq!(checksum::udp_update([0xdd, 0x2f], 0x5555, 0x3285), [0xff, 0xff]);
    assert_eq!(checksum::sum(&[]), 0);
    assert_eq!(checksum::sum(&[0xff, 0xff, 0, 1, 0x80]), 0x8001);
}
