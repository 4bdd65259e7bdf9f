use proptest::prelude::*;

use super::*;

mod arbitrary;
mod torture;

const INVITE: &str = "INVITE sip:agent@example.org SIP/2.0\r\n\
    v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK0\r\n\
    Via: SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK2\r\n\
    f: \"O;tag=no \\\" <x>\" <sip:caller@example.org;tag=inner> ; TAG = from1\r\n\
    t: <sip:agent@example.org>\r\n\
    i: abc@192.0.2.1\r\n\
    CSeq: 7\r\n  INVITE\r\n\
    x: 1800 ;refresher=uac\r\n\
    Replaces: other@192.0.2.1 ; to-tag=a;from-tag=\"b\";early-only\r\n\
    o: kpml;call-id=\"q;uoted@x\" ;remote-tag=r\r\n";

fn message(text: &[u8]) -> Message<'_> {
    Message::new_checked(text).expect("a message")
}

fn with_body(content_type: &str, body: &str) -> Vec<u8> {
    format!("{INVITE}c: {content_type}\r\nl: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn parts(text: &[u8]) -> Vec<(String, String)> {
    let message = message(text);
    let parts = message.parts();
    parts
        .map(|part| {
            let media_type = [part.content_type.kind, part.content_type.subtype].join(&b'/');
            let bytes = message.part(&part).to_vec();
            (String::from_utf8(media_type).expect("ASCII"), String::from_utf8(bytes).expect("ASCII"))
        })
        .collect()
}

#[test]
fn compact_names_folds_quotes_and_several_vias_are_read() {
    let text = format!("{INVITE}\r\nrest");
    let message = message(text.as_bytes());
    assert_eq!(
        message.start_line(),
        StartLine::Request { method: Method::Invite, uri: b"sip:agent@example.org" }
    );
    assert_eq!(message.call_id(), b"abc@192.0.2.1");
    assert_eq!(message.from_tag(), Some(&b"from1"[..]));
    assert_eq!(message.to_tag(), None);
    assert_eq!(message.cseq(), (7, Method::Invite));
    assert_eq!(message.via_branch(), Some(&b"z9hG4bK1"[..]));
    assert_eq!(message.session_expires(), Some(1800));
    assert_eq!(
        message.replaces(),
        Some(Replaces { call_id: b"other@192.0.2.1", to_tag: b"a", from_tag: b"b", early_only: true })
    );
    let event = message.event().expect("an event");
    assert!(event.is("KPML"));
    assert_eq!(event.parameter("Call-ID"), Some(&b"q;uoted@x"[..]));
    assert_eq!(event.parameter("remote-tag"), Some(&b"r"[..]));
    assert_eq!(message.body(), b"rest");
    assert_eq!(message.body_at(), text.len() - 4);
    assert_eq!(message.headers().count(), 9);
}

#[test]
fn addresses_are_read_without_what_stands_around_them() {
    let text = |from: &str, identity: &str| {
        format!(
            "INVITE  tel:+44 20;phone-context=x  SIP/2.0\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
             From: {from}\r\nt: sip:agent@example.org;tag=t\r\n{identity}\r\n"
        )
    };
    let address = |from: &str| message(text(from, "").as_bytes()).from_address().map(<[u8]>::to_vec);
    let reads = |from: &str| String::from_utf8(address(from).expect("an address")).expect("ASCII");
    for (from, read) in [
        ("<sip:a@b>", "sip:a@b"),
        ("sip:a@b;tag=x", "sip:a@b"),
        ("sip:a@b", "sip:a@b"),
        ("< sip:a@b >;tag=x", "sip:a@b"),
        ("<sip:a@b;user=phone?x=,y>;tag=x", "sip:a@b;user=phone?x=,y"),
        ("\"<sip:no@no>, \\\" ;\" <sips:a@b>;tag=x", "sips:a@b"),
        ("O Neill  <tel:+44-20-7946-0123>", "tel:+44-20-7946-0123"),
        ("O Neill\r\n <sip:a@b>\r\n ;tag=x", "sip:a@b"),
        ("Anonymous <sip:anonymous@anonymous.invalid>", "sip:anonymous@anonymous.invalid"),
    ] {
        assert_eq!(reads(from), read, "{from}");
    }
    for nothing in ["<>", ";tag=x", "", "< >"] {
        assert_eq!(address(nothing), None, "{nothing}");
    }
    let plain = text("<sip:a@b>", "");
    let plain = message(plain.as_bytes());
    assert_eq!(plain.request_uri(), Some(&b"tel:+44 20;phone-context=x"[..]));
    assert_eq!(plain.to_address(), Some(&b"sip:agent@example.org"[..]));
    assert_eq!(plain.asserted_identity(), None);
    let asserted = |value: &str| {
        let text = text("<sip:a@b>", &format!("P-asserted-identity: {value}\r\n"));
        message(text.as_bytes()).asserted_identity().map(<[u8]>::to_vec)
    };
    assert_eq!(asserted("sip:a@b, tel:+44").as_deref(), Some(&b"sip:a@b"[..]));
    assert_eq!(asserted("<tel:+44>,<sip:a@b>").as_deref(), Some(&b"tel:+44"[..]));
    assert_eq!(asserted("\"A, B\" <sip:a@b>, <tel:+44>").as_deref(), Some(&b"sip:a@b"[..]));
    for broken in ["\"A <sip:a@b>", "A <sip:a@b", ", <sip:a@b>", ""] {
        assert_eq!(asserted(broken), None, "{broken}");
    }
    let answer =
        b"SIP/2.0 200 OK\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\n";
    assert_eq!(message(answer).request_uri(), None);
}

#[test]
fn bare_line_feeds_and_leading_breaks_read_the_same() {
    let text = format!("\r\n\r\n{INVITE}\r\n").replace("\r\n", "\n");
    assert_eq!(message(text.as_bytes()).cseq(), (7, Method::Invite));
    assert_eq!(message(text.as_bytes()).headers().count(), 9);
    assert!(looks_like(text.as_bytes()));
}

#[test]
fn content_length_bounds_the_body() {
    let text = |length: &str| format!("{INVITE}Content-Length: {length}\r\n\r\n12345");
    assert_eq!(message(text("3").as_bytes()).body(), b"123");
    assert_eq!(message(text("5").as_bytes()).body(), b"12345");
    for (length, error) in [
        ("6", SipError::ContentLengthTooLarge),
        ("4294967295", SipError::ContentLengthTooLarge),
        ("4294967296", SipError::Unreadable(Field::ContentLength)),
        ("-1", SipError::Unreadable(Field::ContentLength)),
        ("", SipError::Unreadable(Field::ContentLength)),
    ] {
        assert_eq!(Message::new_checked(text(length).as_bytes()).unwrap_err(), error, "{length}");
    }
}

#[test]
fn every_reason_is_told() {
    let base = "INFO sip:a SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INFO\r\nFrom: <a>;tag=1\r\nTo: <b>\r\n\r\n";
    assert!(Message::new_checked(base.as_bytes()).is_ok());
    for (from, to, error) in [
        (base, "\r\n\r\n", SipError::Empty),
        ("INFO sip:a SIP/2.0", "INFO", SipError::StartLine),
        ("INFO sip:a SIP/2.0", "INFO SIP/2.0", SipError::StartLine),
        ("INFO sip:a SIP/2.0", "IN{FO sip:a SIP/2.0", SipError::StartLine),
        ("INFO sip:a SIP/2.0", "INFO sip:a HTTP/1.1", SipError::StartLine),
        ("INFO sip:a SIP/2.0", "INFO sip:a SIP/3.0", SipError::Version),
        ("INFO sip:a SIP/2.0", "SIP/1.0 200 OK", SipError::Version),
        ("INFO sip:a SIP/2.0", "SIP/2.0 2000 OK", SipError::StatusCode),
        ("INFO sip:a SIP/2.0", "SIP/2.0 99", SipError::StatusCode),
        ("<b>\r\n\r\n", "<b>\r\n", SipError::NoEmptyLine),
        ("Call-ID: 1\r\n", "", SipError::Missing(Field::CallId)),
        ("Call-ID: 1\r\n", "Call-ID:\r\n", SipError::Unreadable(Field::CallId)),
        ("Call-ID: 1\r\n", "Call-ID: 1\r\ni: 2\r\n", SipError::Repeated(Field::CallId)),
        ("From: <a>;tag=1\r\n", "", SipError::Missing(Field::From)),
        ("From: <a>", "From: \"a <a>", SipError::Unreadable(Field::From)),
        ("To: <b>", "To: <b", SipError::Unreadable(Field::To)),
        ("CSeq: 1 INFO", "CSeq: 4294967296 INFO", SipError::Unreadable(Field::CSeq)),
        ("CSeq: 1 INFO", "CSeq: 1", SipError::Unreadable(Field::CSeq)),
        ("CSeq: 1 INFO", "CSeq: 1 BYE", SipError::MethodMismatch),
    ] {
        assert!(base.contains(from));
        let text = base.replace(from, to);
        assert_eq!(Message::new_checked(text.as_bytes()).unwrap_err(), error, "{text}");
    }
}

#[test]
fn the_same_value_twice_and_lines_without_colon_do_no_harm() {
    let text = INVITE.replace("CSeq", "i: abc@192.0.2.1\r\nno colon here\r\nCSeq");
    assert_eq!(message(format!("{text}\r\n").as_bytes()).call_id(), b"abc@192.0.2.1");
}

#[test]
fn one_body_is_one_part_and_none_is_none() {
    assert_eq!(
        parts(&with_body("application/dtmf-relay;x=y", "Signal=5")),
        [("application/dtmf-relay".into(), "Signal=5".into())]
    );
    assert_eq!(parts(&with_body("application / sdp", "v=0")), [("application/sdp".into(), "v=0".into())]);
    assert_eq!(parts(&with_body("a/b", "")), []);
    let untyped = format!("{INVITE}\r\nv=0");
    assert_eq!(parts(untyped.as_bytes()), [("/".into(), "v=0".into())]);
}

#[test]
fn multipart_bodies_are_opened_nested_ones_too() {
    let body = "preamble --x\r\n--x \r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--xy\r\n--x\r\n\
        c: multipart/alternative;\r\n boundary=y\r\n\r\n--y\r\n\r\nplain\r\n--y\nContent-Type:a/b\n\nbare\n--y--\r\n\
        --x--\r\nepilogue\r\n--x\r\n";
    let expected: [(String, String); 3] = [
        ("application/sdp".into(), "v=0\r\n\r\n--xy".into()),
        ("text/plain".into(), "plain".into()),
        ("a/b".into(), "bare".into()),
    ];
    assert_eq!(parts(&with_body("multipart/mixed;boundary=\"x\"", body)), expected);
    assert_eq!(parts(&with_body("MULTIPART/mixed ; BOUNDARY = x", body)), expected);
}

#[test]
fn broken_multiparts_still_give_their_bytes() {
    // Not closed, and without an empty line in the part.
    assert_eq!(
        parts(&with_body("multipart/mixed;boundary=x", "--x\r\nSignal=5\r\n")),
        [("text/plain".into(), "Signal=5\r\n".into())]
    );
    // The boundary is nowhere, is not given, or is empty.
    for content_type in ["multipart/mixed;boundary=q", "multipart/mixed", "multipart/mixed;boundary=\"\""] {
        assert_eq!(
            parts(&with_body(content_type, "--x\r\n\r\n5")),
            [("multipart/mixed".into(), "--x\r\n\r\n5".into())]
        );
    }
}

#[test]
fn what_is_nested_too_deep_comes_closed() {
    let mut body = "--b5\r\n\r\ndeep\r\n--b5--".to_owned();
    for level in (1..5).rev() {
        let inner = level + 1;
        body = format!(
            "--b{level}\r\nContent-Type: multipart/mixed;boundary=b{inner}\r\n\r\n{body}\r\n--b{level}--"
        );
    }
    let parts = parts(&with_body("multipart/mixed;boundary=b1", &body));
    assert_eq!(parts, [("multipart/mixed".into(), "--b5\r\n\r\ndeep\r\n--b5--".into())]);
}

#[test]
fn sip_is_told_from_the_rest_at_a_glance() {
    for sip in [
        "INVITE sip:a SIP/2.0\r\n",
        "BYE \r\n",
        "SIP/2.0 200 OK\r\n",
        "sip/2.0 200 OK\r\n",
        "\r\nACK sip:a SIP/2.0\r\n",
        "PING sip:a SIP/2.0\r\n",
        "PING sip:a sip/2.0 \n",
    ] {
        assert!(looks_like(sip.as_bytes()), "{sip:?}");
    }
    let long = format!("PING {} SIP/2.0\r\n", "a".repeat(LONG));
    for other in ["", "\r\n\r\n", "INVITE", "PING sip:a HTTP/1.1\r\n", "GET / HTTP/1.1\r\n", &long, "\0\x01"]
    {
        assert!(!looks_like(other.as_bytes()), "{other:?}");
    }
    assert!(!looks_like(&[0x80, 0, 0, 1]) && !looks_like(&[0x16, 0xfe, 0xff]) && !looks_like(b"{\"a\": 1}"));
}

const LONG: usize = 2048;

#[test]
fn debug_tells_no_body() {
    let text = with_body("application/dtmf-relay", "Signal=5");
    assert!(!format!("{:?}", message(&text)).contains("Signal"));
}
