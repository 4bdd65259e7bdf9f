use super::*;

const SSRC: u32 = 0x1234_5678;

fn sighting(start: u32, code: u8, duration: u16) -> Sighting {
    Sighting { ssrc: SSRC, start, code, duration, end: false, marker: false, clock_khz: 8 }
}

fn end(start: u32, code: u8, duration: u16) -> Sighting {
    Sighting { end: true, ..sighting(start, code, duration) }
}

/// The codes of the presses that a series of blocks makes, 20 ms apart.
fn presses(sightings: &[Sighting]) -> Vec<u8> {
    let mut tracker = Tracker::default();
    let mut now = Instant::ZERO;
    let mut found = Vec::new();
    for sighting in sightings {
        now = now + Duration::from_millis(20);
        found.extend(tracker.sight(now, sighting).map(|digit| digit.event_code()));
    }
    found
}

#[test]
fn retransmissions_and_late_packets_count_once() {
    let packets = [
        sighting(0, 5, 160),
        end(0, 5, 800),
        end(0, 5, 800),
        sighting(0, 5, 320),
        end(2000, 5, 160),
        end(0, 5, 800),
    ];
    assert_eq!(presses(&packets), [5, 5]);
}

#[test]
fn the_marker_alone_makes_no_press() {
    let marked = Sighting { marker: true, ..sighting(0, 3, 160) };
    assert_eq!(presses(&[marked, Sighting { duration: 320, ..marked }, end(0, 3, 400)]), [3]);
}

#[test]
fn an_event_that_comes_after_a_later_one_is_still_new() {
    assert_eq!(presses(&[end(5000, 1, 800), end(0, 2, 800), end(5000, 1, 800), end(0, 2, 800)]), [1, 2]);
}

#[test]
fn segments_are_one_press() {
    let packets = [
        sighting(0, 7, 0xff00),
        sighting(0, 7, 0xffff),
        sighting(0xffff, 7, 160),
        sighting(0, 7, 0xff80),
        sighting(0xffff, 7, 0xffff),
        sighting(0x1_fffe, 7, 160),
        end(0x1_fffe, 7, 800),
        sighting(0xffff, 7, 0xffff),
    ];
    assert_eq!(presses(&packets), [7]);
}

#[test]
fn a_segment_whose_predecessor_lost_its_last_packets_is_the_same_press() {
    assert_eq!(presses(&[sighting(0, 7, 0x8000), end(0xffff, 7, 160)]), [7]);
    assert_eq!(presses(&[sighting(0, 7, 0x8000), end(0x7fff, 7, 160)]), [7, 7], "it began within the former");
    assert_eq!(presses(&[sighting(0, 7, 0x8000), end(0x1_0000, 7, 160)]), [7, 7], "no segment is so long");
    assert_eq!(presses(&[sighting(0, 7, 0x7fff), end(0xffff, 7, 160)]), [7, 7], "not long enough to be cut");
}

#[test]
fn a_segment_that_comes_after_the_next_press_is_still_one() {
    assert_eq!(presses(&[sighting(0, 7, 0xffff), end(0x1_8000, 3, 160), end(0xffff, 7, 160)]), [7, 3]);
    assert_eq!(
        presses(&[end(0, 7, 800), end(4000, 3, 160), end(800, 7, 160)]),
        [7, 3, 7],
        "the first had ended"
    );
}

#[test]
fn what_adjoins_is_another_press_if_anything_tells() {
    assert_eq!(presses(&[sighting(0, 7, 800), sighting(800, 7, 160)]), [7]);
    assert_eq!(presses(&[end(0, 7, 800), sighting(800, 7, 160)]), [7, 7], "ended");
    assert_eq!(presses(&[sighting(0, 7, 800), sighting(800, 8, 160)]), [7, 8], "another key");
    let marked = Sighting { marker: true, ..sighting(800, 7, 160) };
    assert_eq!(presses(&[sighting(0, 7, 800), marked]), [7, 7], "marked");
}

#[test]
fn timestamps_wrap() {
    let start = u32::MAX - 100;
    let packets = [
        sighting(start, 1, 160),
        end(start, 1, 800),
        end(start.wrapping_add(2000), 2, 800),
        end(start, 1, 800),
        end(start.wrapping_add(2000), 2, 800),
    ];
    assert_eq!(presses(&packets), [1, 2]);
    assert_eq!(presses(&[sighting(start, 1, 0xffff), sighting(start.wrapping_add(0xffff), 1, 160)]), [1]);
}

#[test]
fn what_is_older_than_all_remembered_is_not_counted_again() {
    let mut packets: Vec<_> = (0..9).map(|nth| end(nth * 2000, 1, 800)).collect();
    assert_eq!(presses(&packets).len(), 9);
    packets.push(end(0, 1, 800));
    packets.push(end(2000, 1, 800));
    assert_eq!(presses(&packets).len(), 9);
}

#[test]
fn a_new_event_among_the_remembered_is_counted_when_full() {
    let mut packets: Vec<_> = (0..9).map(|nth| end(nth * 2000, 1, 800)).collect();
    packets.push(end(15_000, 2, 300));
    packets.push(end(15_000, 2, 300));
    packets.extend((2..9).map(|nth| end(nth * 2000, 1, 800)));
    assert_eq!(presses(&packets), [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
}

#[test]
fn a_sender_that_begins_its_timestamps_anew_is_heard() {
    let far = 0x4000_0000;
    let mut packets: Vec<_> = (0..9).map(|nth| end(far + nth * 2000, 1, 800)).collect();
    packets.extend([end(0, 2, 800), end(0, 2, 800), end(2000, 3, 800)]);
    assert_eq!(presses(&packets)[9..], [2, 3]);

    let mut tracker = Tracker::default();
    for nth in 0..9 {
        tracker.sight(Instant::ZERO, &end(100_000 + nth * 2000, 1, 800));
    }
    let late = Instant::ZERO + Duration::from_secs(4);
    assert!(tracker.sight(late, &end(50_000, 4, 800)).is_none(), "late");
    let anew = late + Duration::from_secs(6);
    assert!(tracker.sight(anew, &end(50_000, 4, 800)).is_some(), "after a silence it is no late packet");
}

#[test]
fn sources_are_kept_apart_and_the_oldest_gives_way() {
    let of = |ssrc| Sighting { ssrc, ..end(0, 1, 800) };
    let mut packets: Vec<_> = (0..4).map(of).collect();
    packets.extend((0..4).map(of));
    assert_eq!(presses(&packets).len(), 4);
    packets.extend([of(4), of(1), of(2), of(3), of(4)]);
    assert_eq!(presses(&packets).len(), 5);
    packets.push(of(0));
    assert_eq!(presses(&packets).len(), 6, "forgotten in favour of the fifth");
}

#[test]
fn no_key_rests_once_its_event_has_ended() {
    let mut tracker = Tracker::default();
    tracker.sight(Instant::ZERO, &sighting(0, 9, 160));
    assert!(tracker.sources[0].open.is_some());
    tracker.sight(Instant::ZERO, &end(0, 9, 800));
    assert!(tracker.sources.iter().all(|source| source.open.is_none()));
}
