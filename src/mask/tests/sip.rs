//! Keys in SIP bodies: found, masked at the same length, and not told by what leaves.

use core::time::Duration;

use handover::{Instant, MaskKey, Transport};
use mask::sip::{Unreadable, mask_keys};
use proptest::collection::vec;
use proptest::prelude::*;

const RELAY: &str = "application/dtmf-relay";
const DTMF: &str = "application/dtmf";
const EVENT: &str = "audio/telephone-event";
const KPML: &str = "application/kpml-response+xml";
const MASK_KEYS: [MaskKey; 3] = [MaskKey::Pound, MaskKey::Zero, MaskKey::One];

fn message(method: &str, headers: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "{method} sip:agent@192.0.2.9 SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\n\
         t: <sip:c@d>;tag=2\r\ni: 12345678#99@b\r\nCSeq: 5 {method}\r\n{headers}Content-Type: {content_type}\r\n\
         l: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    message.extend(body);
    message
}

struct Outcome {
    changed: Result<bool, Unreadable>,
    head: Vec<u8>,
    body: Vec<u8>,
    keys: String,
    transports: Vec<Transport>,
}

fn run(mut bytes: Vec<u8>, mask_key: MaskKey, body_len: usize) -> Outcome {
    let now = Instant::ZERO + Duration::from_secs(9);
    let mut keys = String::new();
    let mut transports = Vec::new();
    let len = bytes.len();
    let changed = mask_keys(now, &mut bytes, mask_key, &mut |captured| {
        assert_eq!(captured.onset, now);
        keys.push(char::from(captured.digit.reveal()));
        transports.push(captured.transport);
    });
    assert_eq!(bytes.len(), len);
    let body = bytes.split_off(len - body_len);
    Outcome { changed, head: bytes, body, keys, transports }
}

fn info(content_type: &str, body: &[u8]) -> Outcome {
    run(message("INFO", "", content_type, body), MaskKey::Pound, body.len())
}

#[track_caller]
fn reads(content_type: &str, body: &str, masked: &str, keys: &str) {
    let outcome = info(content_type, body.as_bytes());
    assert_eq!(outcome.changed, Ok(!keys.is_empty() || body != masked), "{body:?}");
    assert_eq!(String::from_utf8_lossy(&outcome.body), masked, "{body:?}");
    assert_eq!(outcome.keys, keys, "{body:?}");
    assert_eq!(outcome.head, message("INFO", "", content_type, body.as_bytes())[..outcome.head.len()]);
    let transport = if content_type == KPML { Transport::Kpml } else { Transport::Info };
    assert!(outcome.transports.iter().all(|found| *found == transport));
}

#[test]
fn signals_are_read_as_senders_write_them() {
    for content_type in [RELAY, DTMF, EVENT, "Application/DTMF-Relay;version=1", ""] {
        reads(content_type, "Signal=5\r\nDuration=160\r\n", "Signal=#\r\nDuration=160\r\n", "5");
        reads(content_type, "Signal= 5\r\nDuration=160", "Signal= #\r\nDuration=160", "5");
        reads(content_type, "Duration = 250\nsignal = a\n", "Duration = 250\nsignal = #\n", "A");
        reads(content_type, "SIGNAL=*\r\nVolume=12\r\n", "SIGNAL=#\r\nVolume=12\r\n", "*");
        reads(content_type, "Signal=10\r\n", "Signal=# \r\n", "*");
        reads(content_type, "Signal=11\r\n", "Signal=# \r\n", "#");
        reads(content_type, "Signal=15\r\n", "Signal=# \r\n", "D");
        reads(content_type, "Signal=\"7\"\r\n", "Signal=\"#\"\r\n", "7");
    }
    for content_type in [RELAY, DTMF, EVENT] {
        reads(content_type, "5", "#", "5");
        reads(content_type, "8\r\n", "#\r\n", "8");
        reads(content_type, "Signal=5\r\n\0", "Signal=#\r\n\0", "5");
        reads(content_type, "Signal=\r\n", "Signal=\r\n", "");
        reads(content_type, "Signal=hf\r\nDuration=160\r\n", "Signal=hf\r\nDuration=160\r\n", "");
    }
    reads(DTMF, "d", "#", "D");
    reads(DTMF, "11", "# ", "#");
    reads(DTMF, "42", "# ", "42");
    reads(DTMF, "123", "###", "123");
}

#[test]
fn what_cannot_be_read_is_overwritten_or_blanked() {
    for content_type in [RELAY, DTMF, EVENT] {
        reads(content_type, "Signal=5,6\r\n", "Signal=#,#\r\n", "");
        reads(content_type, "Signal=16\r\n", "Signal=# \r\n", "");
        reads(content_type, "Signal=3\r\n=3\r\n3\r\n", "Signal=#\r\n=#\r\n#\r\n", "3");
        reads(content_type, "U2lnbmFsPTU=", "            ", "");
        reads(content_type, "Signal=5\r\nDigit=v", "Signal=#\r\n       ", "5");
        reads(content_type, "Duration=160 Signal=5", "                     ", "");
        reads(content_type, "Signal=5\r\nDuration=long\r\n", "Signal=#\r\n             \r\n", "5");
        reads(content_type, "\u{665}", "  ", "");
        // The words differ in length.
        for body in ["Signal=five", "Signal=5\r\nfive=1"] {
            assert_eq!(info(content_type, body.as_bytes()).changed, Err(Unreadable), "{body:?}");
        }
    }
}

#[test]
fn event_blocks_are_masked_as_in_rtp() {
    let outcome = info(EVENT, &[7, 0x8a, 3, 0x20, 16, 7, 0, 1, 15, 0x3f, 0, 2]);
    assert_eq!(outcome.changed, Ok(true));
    assert_eq!(outcome.body, [11, 0x8a, 3, 0x20, 16, 7, 0, 1, 11, 10, 0, 2]);
    assert_eq!(outcome.keys, "7D");
    let outcome = info(EVENT, &[7, 0x8a, 3, 0x20, 5]);
    assert_eq!((outcome.keys.as_str(), &outcome.body[..]), ("7", &[11, 0x8a, 3, 0x20, 0][..]));
    for body in [&[5, 0x8a][..], &[9, 10], &[200, 1, 2, 3], &[0x35, 0, 0, 0x81]] {
        let outcome = info(EVENT, body);
        assert_eq!((outcome.changed, outcome.keys.as_str()), (Ok(true), ""), "{body:?}");
        assert!(outcome.body.iter().all(|byte| *byte == b' '), "{body:?}");
    }
    reads(EVENT, "5\r\n\0", "#\r\n\0", "5");
}

fn kpml(attributes: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\r\n<kpml-response version=\"1.0\" code=\"200\" text=\"OK\" {attributes}/>"
    )
}

#[test]
fn kpml_digits_are_read_as_xml_allows() {
    let cases = [
        ("digits=\"5\"", "digits=\"#\"", "5"),
        ("digits='12#' tag='dtmf'", "digits='###' tag='dtmf'", "12#"),
        ("digits = \n\"*0\" ", "digits = \n\"##\" ", "*0"),
        ("digits=\"&#53;&#x36;7\"", "digits=\"###\"         ", "567"),
        ("digits=\"\"", "digits=\"\"", ""),
        ("digits=\"1 2\"", "digits=\"# #\"", ""),
        ("tag=\"key5*\" digits=\"5\"", "tag=\"key##\" digits=\"#\"", "5"),
        ("tag=\"digits\" k:digits=\"5\"", "tag=\"digits\" k:digits=\"#\"", "5"),
    ];
    for (attributes, masked, keys) in cases {
        reads(KPML, &kpml(attributes), &kpml(masked), keys);
    }
    reads(
        KPML,
        "<kpml-response code=\"423\" text=\"Timer Expired\"/>",
        "<kpml-response code=\"423\" text=\"Timer Expired\"/>",
        "",
    );
    let outcome =
        run(message("NOTIFY", "Event: kpml\r\n", KPML, kpml("digits='5'").as_bytes()), MaskKey::One, 9);
    assert_eq!((outcome.keys.as_str(), &outcome.body[..]), ("5", &b"igits='1'/>"[2..]));
}

#[test]
fn kpml_that_cannot_be_read_is_blanked() {
    let utf16: String = kpml("digits='5'").chars().flat_map(|letter| [letter, '\0']).collect();
    for body in [
        &utf16,
        &kpml("digits='5"),
        &kpml("digits=5"),
        &kpml("digits='\u{665}'"),
        &kpml(""),
        "<!DOCTYPE x [<!ENTITY d '5'>]><kpml-response digits='5'/>",
        "12345",
    ] {
        let outcome = info(KPML, body.as_bytes());
        assert_eq!(outcome.changed, Ok(true), "{body:?}");
        assert!(outcome.body.iter().all(|byte| *byte == b' '), "{body:?}");
    }
    reads(KPML, &kpml("digits='&d;' tag='5'"), &kpml("digits='   ' tag='#'"), "");
    assert_eq!(info(KPML, kpml("digits='five'").as_bytes()).changed, Err(Unreadable));
}

fn multipart(inner: &[(&str, &str)]) -> String {
    let parts: Vec<String> =
        inner.iter().map(|(headers, body)| format!("--b1\r\n{headers}\r\n\r\n{body}\r\n")).collect();
    format!("{}--b1--\r\n", parts.concat())
}

#[test]
fn bodies_inside_multipart_are_masked() {
    let build = |keys: [&str; 3]| {
        multipart(&[
            ("Content-Type: application/sdp", "v=0\r\ns=Signal=5"),
            ("Content-Type: application/dtmf-relay", &format!("Signal={}", keys[0])),
            (
                "Content-Type: application/kpml-response+xml\r\nContent-Transfer-Encoding: 8bit",
                &kpml(&format!("digits='{}'", keys[1])),
            ),
            ("Content-Type: application/dtmf", keys[2]),
        ])
    };
    let body = build(["7", "89", "B"]);
    let outcome = info("multipart/mixed;boundary=b1", body.as_bytes());
    assert_eq!(outcome.changed, Ok(true));
    assert_eq!(String::from_utf8_lossy(&outcome.body), build(["#", "##", "#"]));
    assert_eq!(outcome.keys, "789B");

    let encoded =
        multipart(&[("Content-Type: application/dtmf\r\nContent-Transfer-Encoding: base64", "NQ==")]);
    assert_eq!(info("multipart/mixed;boundary=b1", encoded.as_bytes()).changed, Err(Unreadable));
    // Too many, or not to be opened: nothing of it is left.
    let many = multipart(&[("Content-Type: application/dtmf", "5"); 9]);
    for (content_type, body) in
        [("multipart/mixed;boundary=b1", &many), ("multipart/mixed;boundary=b2", &body)]
    {
        let outcome = info(content_type, body.as_bytes());
        assert_eq!((outcome.changed, outcome.keys.as_str()), (Ok(true), ""));
        assert!(outcome.body.iter().all(|byte| *byte == b' '));
    }
}

#[test]
fn encoded_bodies_do_not_leave() {
    let gzip = message("INFO", "e: gzip\r\n", RELAY, b"Signal=5");
    assert_eq!(run(gzip, MaskKey::Pound, 8).changed, Err(Unreadable));
    let plain = message("INFO", "Content-Encoding: identity\r\n", RELAY, b"Signal=5");
    assert_eq!(run(plain, MaskKey::Pound, 8).changed, Ok(true));
    assert_eq!(
        mask_keys(Instant::ZERO, &mut b"INFO sip:x".to_vec(), MaskKey::One, &mut |_| {}),
        Err(Unreadable)
    );
}

#[test]
fn what_follows_the_body_tells_nothing() {
    let mut bytes = message("INFO", "", RELAY, b"Signal=5\r\n");
    bytes.extend(b"Signal=5");
    let outcome = run(bytes, MaskKey::Pound, 18);
    assert_eq!(outcome.body, b"Signal=#\r\n        ");
    assert_eq!(outcome.keys, "5");
}

#[test]
fn other_messages_and_bodies_stay() {
    let stays = |bytes: Vec<u8>| {
        let len = bytes.len();
        let outcome = run(bytes.clone(), MaskKey::Pound, len);
        assert_eq!((outcome.changed, outcome.body, outcome.keys), (Ok(false), bytes, String::new()));
    };
    stays(message("MESSAGE", "", RELAY, b"Signal=5"));
    stays(message("INVITE", "", "application/sdp", b"v=0\r\nc=IN IP4 1.2.3.4\r\n"));
    stays(message("INFO", "", "application/media_control+xml", b"<digits='5'>"));
    stays(message("NOTIFY", "", "message/sipfrag", b"SIP/2.0 200 OK\r\n"));
    stays(message("INFO", "", "", b"Hello"));
    stays(message("INFO", "", RELAY, b""));
    stays(
        b"SIP/2.0 200 OK\r\nCall-ID: 1\r\nCSeq: 1 INFO\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\n\r\n".to_vec(),
    );
}

/// What bodies are made of; `5` stands for any digit. Durations are of a fixed length, since theirs stays.
const TOKENS: [&str; 22] = [
    "Signal",
    "signal",
    "=",
    ":",
    "5",
    "5",
    "55",
    " ",
    "\r\n",
    "\n",
    "\r\nDuration=160\r\n",
    "Volume=1\n",
    "\"",
    ",",
    "v",
    "hf",
    ";",
    "&",
    "\t",
    "d=",
    "DTMF ",
    "Type=DTMF\n",
];

const KEYS: &[u8] = b"0123456789*#ABCDabcd";

/// Bodies as a function of the keys in them.
fn body(shape: usize, keys: &[u8]) -> (&'static str, Vec<u8>) {
    let key = |nth: usize| char::from(KEYS[usize::from(keys[nth]) % KEYS.len()]);
    let code = |nth: usize| keys[nth] % 16;
    match shape {
        0 => (RELAY, format!("Signal={}\r\nDuration=160\r\n", key(0)).into_bytes()),
        1 => (RELAY, format!("Signal={}\r\n", 10 + keys[0] % 6).into_bytes()),
        2 => (DTMF, format!("{}\r\n", key(0)).into_bytes()),
        3 => (DTMF, format!("{}{}", key(0), key(1)).into_bytes()),
        4 => (DTMF, format!("{}{}{}", key(0), key(1), key(2)).into_bytes()),
        5 => (EVENT, vec![code(0), 0x80 | keys[1] & 0x3f, 3, 0x20, code(2), keys[3] & 0x3f, 0, 1]),
        6 => (EVENT, format!("signal = {}\n", key(0)).into_bytes()),
        7 => (KPML, kpml(&format!("digits=\"{}{}{}\"", key(0), key(1), key(2))).into_bytes()),
        8 => (
            KPML,
            kpml(&format!("digits='{}&#{};' tag='{}'", key(0), 48 + keys[1] % 10, keys[1] % 10)).into_bytes(),
        ),
        9 => (RELAY, format!("Signal={},{}\r\n{}\r\n", key(0), key(1), key(2)).into_bytes()),
        _ => (
            "multipart/mixed;boundary=b1",
            multipart(&[
                ("Content-Type: application/dtmf", &key(0).to_string()),
                ("Content-Type: application/dtmf-relay", &format!("Signal={}", key(1))),
            ])
            .into_bytes(),
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_leaves_never_depends_on_the_keys(
        shape in 0usize..11,
        one in any::<[u8; 4]>(),
        other in any::<[u8; 4]>(),
        mask_key in prop::sample::select(&MASK_KEYS[..]),
        method in prop::sample::select(vec!["INFO", "NOTIFY"]),
    ) {
        let outcome = |keys: &[u8]| {
            let (content_type, body) = body(shape, keys);
            run(message(method, "", content_type, &body), mask_key, body.len())
        };
        let (first, second) = (outcome(&one), outcome(&other));
        prop_assert_eq!(first.changed, Ok(true));
        prop_assert_eq!(second.changed, Ok(true));
        prop_assert_eq!(first.body, second.body);
        prop_assert_eq!(first.head, second.head);
    }

    /// Whatever a body of these types holds: what leaves is the same for any digits in it, or it does not leave.
    #[test]
    fn any_text_tells_nothing(
        tokens in vec(prop::sample::select(&TOKENS[..]), 0..12),
        ends in 0usize..3,
        content_type in prop::sample::select(vec![RELAY, DTMF, EVENT]),
        mask_key in prop::sample::select(&MASK_KEYS[..]),
        (one, other) in (b'0'..=b'9', b'0'..=b'9'),
    ) {
        let outcome = |digit: u8| {
            let text = tokens.concat().replace('5', &char::from(digit).to_string()) + &"\0".repeat(ends);
            run(message("INFO", "", content_type, text.as_bytes()), mask_key, text.len())
        };
        let (first, second) = (outcome(one), outcome(other));
        prop_assert_eq!(first.changed, second.changed);
        if first.changed.is_ok() {
            prop_assert_eq!(first.body, second.body);
        }
    }

    #[test]
    fn any_bytes_do_not_panic(
        bytes in vec(any::<u8>(), 0..80),
        content_type in prop::sample::select(vec![RELAY, DTMF, EVENT, KPML, "multipart/mixed;boundary=b1", ""]),
    ) {
        let whole = message("INFO", "", content_type, &bytes);
        let outcome = run(whole.clone(), MaskKey::Zero, bytes.len());
        if outcome.changed == Ok(false) {
            prop_assert_eq!(outcome.body, bytes.clone());
        }
        let _ = mask_keys(Instant::ZERO, &mut bytes.clone(), MaskKey::Zero, &mut |_| {});
    }
}
