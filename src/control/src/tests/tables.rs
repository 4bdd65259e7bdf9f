//! What people see.

use crate::client::tables;
use crate::protocol::{CallLine, CounterLine, PressCounts, RingLine};

fn line(call_ids: &[&str], secured: Option<char>) -> CallLine {
    CallLine {
        call_ids: call_ids.iter().map(|&call_id| call_id.to_owned()).collect(),
        age_s: 3671,
        legs: 2,
        flows: 4,
        answered: secured.is_some(),
        secured,
        unmaskable: false,
        presses: PressCounts { by_transport: [("event".to_owned(), 16)].into(), merged: 16 },
    }
}

fn shown(calls: &[CallLine], more: usize) -> String {
    let mut out = Vec::new();
    tables::calls(&mut out, calls, more).expect("memory");
    String::from_utf8(out).expect("text")
}

#[test]
fn calls_are_a_table() {
    let text = shown(&[line(&["a@b", "c@d"], Some('#')), line(&["longer@example"], None)], 3);
    let expected = "\
AGE      LEGS  FLOWS  STATE       SECUREMODE  KEYS  CALL-ID
1:01:11  2     4      answered    on (#)      16    a@b
                                                      c@d
1:01:11  2     4      setting up  off         16    longer@example
… and 3 more
";
    assert_eq!(text, expected);
    assert_eq!(shown(&[], 0), "no call in progress\n");
}

#[test]
fn the_network_does_not_drive_the_terminal() {
    let text = shown(&[line(&["\u{1b}[2J\u{9b}31mx\r\n\u{202e}y"], None)], 0);
    assert!(!text.contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']), "{text:?}");
}

#[test]
fn counters_that_are_zero_are_shown_when_asked_for() {
    let counter = |name: &str, value| CounterLine { name: name.into(), value, help: "What it is.".into() };
    let rings = [RingLine { name: "presses".into(), depth: 1, capacity: 8 }];
    let shown = |all| {
        let mut out = Vec::new();
        tables::stats(&mut out, &[counter("a", 0), counter("b", 12)], &rings, all).expect("memory");
        String::from_utf8(out).expect("text")
    };
    assert_eq!(shown(false), "b  12  What it is.\n\npresses  1 of 8\n");
    assert_eq!(shown(true), "a  0   What it is.\nb  12  What it is.\n\npresses  1 of 8\n");
}
