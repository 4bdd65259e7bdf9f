//! SIP bodies as no document describes them: read where they can be, blanked where not, and never dropped for it.

use handover::{Instant, MaskKey};
use mask::sip::{Unreadable, mask_keys};

fn message(method: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} sip:agent@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: 1@b\r\nCSeq: 5 {method}\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Whether anything was changed, what is left of the last `length` bytes, and the keys.
fn run(mut bytes: Vec<u8>, length: usize) -> (Result<bool, Unreadable>, Vec<u8>, String) {
    let mut keys = String::new();
    let changed = mask_keys(Instant::ZERO, &mut bytes, MaskKey::Pound, &mut |captured| {
        keys.push(char::from(captured.digit.reveal()));
    });
    let body = bytes.split_off(bytes.len() - length);
    (changed, body, keys)
}

#[track_caller]
fn reads(content_type: &str, body: &str, masked: &str, keys: &str) {
    for method in ["INFO", "NOTIFY", "info", "Notify"] {
        let (changed, left, read) = run(message(method, content_type, body.as_bytes()), body.len());
        assert_eq!(String::from_utf8_lossy(&left), masked, "{method} {content_type} {body:?}");
        assert_eq!((changed, read.as_str()), (Ok(body != masked), keys), "{method} {content_type} {body:?}");
    }
}

#[test]
fn fields_that_are_not_about_the_key_stay() {
    for (field, stays) in [
        ("Duration=250ms", true),
        ("Duration=", true),
        ("Duration=0.25 s", true),
        ("Volume=-10", true),
        ("Type=DTMF", true),
        ("type=tone", true),
        ("Type=x5", false),
        ("Duration=5x", false),
    ] {
        let left = if stays { field.to_owned() } else { " ".repeat(field.len()) };
        let body = format!("Signal=5\r\n{field}\r\n");
        reads("application/dtmf-relay", &body, &format!("Signal=#\r\n{left}\r\n"), "5");
    }
}

#[test]
fn fields_in_one_line() {
    reads("application/dtmf-relay", "Signal=5;Duration=250", "Signal=#;Duration=250", "5");
    reads("application/dtmf-relay", "signal=5, duration=250\r\n", "signal=#, duration=250\r\n", "5");
    reads("application/dtmf-relay", "Duration=250&Signal=5;", "Duration=250&Signal=#;", "5");
    reads("application/dtmf-relay", "Signal=5,6\r\n", "Signal=#,#\r\n", "");
}

#[test]
fn keys_by_name_and_after_a_prefix() {
    for (word, key) in [("star", "*"), ("Asterisk", "*"), ("pound", "#"), ("HASH", "#"), ("sharp", "#")] {
        let left = format!("Signal=#{}\r\n", " ".repeat(word.len() - 1));
        reads("application/dtmf-relay", &format!("Signal={word}\r\n"), &left, key);
    }
    reads("application/dtmf", "DTMF 5", "DTMF #", "5");
    reads("application/dtmf", "dtmf-A\r\n", "dtmf-#\r\n", "A");
    reads("application/dtmf-relay", "Signal=DTMF_5", "Signal=DTMF_#", "5");
    reads("application/dtmf", "DTMF", "    ", "");
    reads("application/dtmf", "Signal 5", "        ", "");
}

#[test]
fn digits_as_nortel_writes_them() {
    let body = |key: char| format!("p=Digit-Collection\r\ny=Digits\r\nd={key}\r\n");
    for content_type in ["application/vnd.nortelnetworks.digits", "text/plain", "application/x-unknown"] {
        reads(content_type, &body('5'), &body('#'), "5");
    }
    reads("application/vnd.nortelnetworks.digits", "d=5;x=5\r\n", "d=#;   \r\n", "5");
}

#[test]
fn bodies_of_any_type_with_a_signal_line() {
    reads(
        "text/plain",
        "Hello 5\r\nSignal=5\r\nDuration=160\r\n",
        "Hello 5\r\nSignal=#\r\nDuration=160\r\n",
        "5",
    );
    reads("text/plain", "Signal=9 is no key", "Signal=           ", "");
    reads("text/plain", "d=delta\r\nDigit=5\r\n", "d=delta\r\nDigit=5\r\n", "");
    reads(
        "application/sdp",
        "v=0\r\na=fmtp:96 d=5;x=Signal=5\r\n",
        "v=0\r\na=fmtp:96 d=5;x=Signal=5\r\n",
        "",
    );
}

#[test]
fn content_types_that_are_nearly_right() {
    for content_type in [
        "application/dtmf-relay (dtmf)",
        "(dtmf) application/dtmf-relay",
        "\r\n application/dtmf-relay",
        "application/dtmf-relay,",
        "\"application/dtmf-relay\"",
        "application / dtmf-relay",
        "application/DTMF-Relay;x=\"a",
    ] {
        reads(content_type, "Signal=5\r\n7\r\n", "Signal=#\r\n#\r\n", "5");
    }
}

#[test]
fn a_binary_event_is_treated_alike_for_every_key() {
    for rest in [[10, 0x0a, 0x28], [0x8a, 3, 0x20], [b'5', b'\r', b'\n'], [0x4a, 3, 0x20], [b'D', b'1', b'2']]
    {
        let outcome = |event: u8| {
            let body = [&[event][..], &rest].concat();
            let (changed, body, keys) = run(message("INFO", "audio/telephone-event", &body), 4);
            (changed, body, keys.len())
        };
        assert_eq!((outcome(0).0, outcome(0).2), (Ok(true), 1), "{rest:?}");
        for event in 1..16 {
            assert_eq!(outcome(event), outcome(0), "{event} {rest:?}");
        }
    }
}

#[test]
fn what_may_be_an_event_or_text_tells_neither() {
    let outcome = |key: u8| run(message("INFO", "audio/telephone-event", &[13, 10, key, 13]), 4);
    assert_eq!(outcome(b'5'), outcome(b'8'));
    assert_eq!(outcome(b'5').0, Ok(true));
}

#[test]
fn what_follows_the_body_is_blanked_though_there_is_no_body() {
    let excess = b"Signal=5\r\nDuration=160\r\n";
    for (method, left) in [("INFO", vec![b' '; excess.len()]), ("INVITE", excess.to_vec())] {
        let mut bytes = message(method, "application/dtmf-relay", b"");
        bytes.extend(excess);
        let (changed, after, keys) = run(bytes, excess.len());
        assert_eq!((changed, after, keys.as_str()), (Ok(method == "INFO"), left, ""));
    }
    // A line end too many is none that anybody minds.
    let mut bytes = message("INFO", "text/plain", b"Hello");
    bytes.extend(b"\r\n\0");
    assert_eq!(run(bytes, 3).0, Ok(false));
}
