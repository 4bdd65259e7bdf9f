//! SIP bodies with keys as nobody has written them down.

use handover::{Counter, Transport};
use keyhush_tests::played::{Played, play};

use crate::attack::*;

const RELAY: &str = "application/dtmf-relay";
const SIGNAL: &str = "Signal=5\r\nDuration=160\r\n";

/// A call in which the cardholder's key comes by such a request.
fn key_by(method: &'static str, content_type: &str, body: &[u8]) -> Played {
    let (mut scene, mut leg) = call();
    leg.press_by_sip(&mut scene, b"5", method, "", (content_type, body));
    play(&scene.in_order(), SECURE)
}

/// What leaves is the same, to the bit, whichever digit stands for the `5` of the body; gives what was captured.
#[track_caller]
fn assert_no_key_leaves(method: &'static str, content_type: &str, body: &str) -> String {
    let play_with = |digit: &str| key_by(method, content_type, body.replace('5', digit).as_bytes());
    let (five, eight) = (play_with("5"), play_with("8"));
    assert!(left(&five) == left(&eight), "{content_type:?} {body:?}: the digit shows in what leaves");
    five.keys(Transport::Info).into_iter().map(char::from).collect()
}

/// Nortel's gateways.
#[test]
fn digits_as_nortel_writes_them() {
    let keys = assert_no_key_leaves(
        "INFO",
        "application/vnd.nortelnetworks.digits",
        "p=Digit-Collection\r\ny=Digits\r\nd=5\r\n",
    );
    assert_eq!(keys, "5");
}

/// Home-grown PBX scripts send a relay body as plain text.
#[test]
fn a_signal_line_in_plain_text() {
    assert_eq!(assert_no_key_leaves("INFO", "text/plain", SIGNAL), "5");
}

/// Receivers that read to the end of the datagram read what Content-Length leaves out.
#[test]
fn a_body_that_content_length_denies() {
    let (mut scene, mut leg) = call();
    let info = scene.sent.len();
    leg.press_by_sip(&mut scene, b"5", "INFO", "", (RELAY, SIGNAL.as_bytes()));
    rewrite(&mut scene.sent[info], |message| message.replace("Content-Length: 24", "Content-Length: 0"));
    assert!(contains(&scene.sent[info].frame, "Content-Length: 0"));
    assert!(!is_read(&play(&scene.in_order(), SECURE), "Signal=5"));
}

/// Methods are case-sensitive (RFC 3261 section 7.1), and some servers do not care.
#[test]
fn a_method_in_lower_case() {
    assert_no_key_leaves("info", RELAY, SIGNAL);
}

/// Content types as devices mangle them: comments, folded lines, lists, quotes.
#[test]
fn content_types_that_are_nearly_right() {
    for content_type in [
        "application/dtmf-relay (dtmf)",
        "\r\n application/dtmf-relay",
        "application/dtmf-relay,",
        "\"application/dtmf-relay\"",
        "application/DTMF-Relay;x=\"a",
    ] {
        assert_no_key_leaves("INFO", content_type, SIGNAL);
    }
}

/// Event code 9 is a tab and 10 and 13 are line ends, so that a binary body may read as text. What is done must not depend
/// on that: a single digit whose INFO is missing is as good as told.
#[test]
fn a_binary_event_body_is_treated_alike_for_every_key() {
    let body = |event: u8| [event, 10, 0x0a, 0x28];
    let first = key_by("INFO", "audio/telephone-event", &body(0));
    assert_eq!(first.keys(Transport::Info), b"0");
    for event in 1..16 {
        let played = key_by("INFO", "audio/telephone-event", &body(event));
        assert!(left(&played) == left(&first), "event {event} shows in what leaves");
        assert_eq!(played.report.counter(Counter::DropSecuredSip), 0, "event {event}");
        assert_eq!(played.keys(Transport::Info), [b"0123456789*#ABCD"[usize::from(event)]]);
    }
}

/// Bodies seen of real senders, and of those who read the drafts quickly. An INFO that is not answered ends its dialog
/// (RFC 3261 section 12.2.1.2), so none may be dropped; and what can be read is captured.
#[test]
fn bodies_that_real_senders_write() {
    for (content_type, body, captured) in [
        (RELAY, "Signal= 5\r\nDuration= 240 \r\n", "5"),
        (RELAY, "Signal=5\nDuration=240\n", "5"),
        (RELAY, "Signal=5\r\nDuration=240ms\r\n", "5"),
        (RELAY, "Signal=5\r\nDuration=\r\n", "5"),
        (RELAY, "Signal=5;Duration=240\r\n", "5"),
        (RELAY, "Signal=5\r\nDuration=240\r\nVolume=-10\r\n", "5"),
        (RELAY, "Signal=5\r\nDuration=240\r\nType=DTMF\r\n", "5"),
        (RELAY, "Signal=hookflash\r\n", ""),
        (RELAY, "Signal=16\r\nDuration=240\r\n", ""),
        (RELAY, "Signal=star\r\n", "*"),
        (RELAY, "Signal=pound\r\n", "#"),
        (RELAY, "Signal=hash\r\n", "#"),
        (RELAY, "signal=5, duration=240\r\n", "5"),
        (RELAY, "d=5\r\nDuration=240\r\n", "5"),
        ("application/dtmf", "5", "5"),
        ("application/dtmf", "DTMF 5", "5"),
        ("audio/telephone-event", SIGNAL, "5"),
    ] {
        let keys = assert_no_key_leaves("INFO", content_type, body);
        assert_eq!(keys, captured, "{content_type} {body:?}");
        let played = key_by("INFO", content_type, body.as_bytes());
        assert_eq!(played.report.counter(Counter::DropSecuredSip), 0, "{content_type} {body:?} is dropped");
    }
    // Star and hash are as long as each other.
    let word = |word: &str| key_by("INFO", RELAY, format!("Signal={word}\r\n").as_bytes());
    assert!(left(&word("star")) == left(&word("hash")));
}
