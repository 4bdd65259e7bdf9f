//! No view panics on any bytes: every accessor is called.

use super::*;
use crate::sdp::Session;

pub(super) fn call_everything(bytes: &[u8]) {
    let _ = looks_like(bytes);
    let Ok(message) = Message::new_checked(bytes) else { return };
    assert!(!message.call_id().is_empty());
    let _ = (message.start_line(), message.method_of_transaction().as_bytes(), message.cseq());
    let _ = (message.from_tag(), message.to_tag(), message.via_branch(), message.content_type());
    let _ = (message.replaces(), message.session_expires(), format!("{message:?}"));
    if let Some(event) = message.event() {
        let _ = (event.is("kpml"), event.parameter("call-id"), event.parameters.count());
    }
    for header in message.headers() {
        assert!(header.value.len() <= bytes.len());
    }
    assert!(message.body_at() + message.body().len() <= bytes.len());
    let body = message.body_at()..message.body_at() + message.body().len();
    let mut last = body.start;
    for part in message.parts() {
        assert!(last <= part.range.start && part.range.start <= part.range.end, "in order, apart");
        assert!(part.range.end <= body.end);
        last = part.range.end;
        let _ = (part.content_type.is("a", "b"), part.content_type.parameters().count());
        let _ = Session::new_checked(message.part(&part));
    }
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"INVITE sip:a SIP/2.0\r\n".to_vec()),
        Just(b"SIP/2.0 200 OK\r\n".to_vec()),
        Just(b"Call-ID: a\r\nCSeq: 1 INVITE\r\nFrom: <a>;tag=1\r\nTo: \"b\" <b>;tag=2\r\n".to_vec()),
        Just(b"Via: SIP/2.0/UDP a;branch=b,c\r\n".to_vec()),
        Just(b"Content-Type: multipart/mixed;boundary=x\r\n".to_vec()),
        Just(b"Content-Type: multipart/mixed;boundary=\"x\"\r\n\r\n--x\r\n".to_vec()),
        Just(b"Content-Length: 9\r\n".to_vec()),
        Just(b"Event: kpml;call-id=\"a\\\r\n".to_vec()),
        Just(b"Replaces: a;to-tag;from-tag=\r\n".to_vec()),
        Just(b"x: 12a\r\n".to_vec()),
        Just(b"--x\r\n".to_vec()),
        Just(b"--x--\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n ".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"<;>,=".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        call_everything(&bytes);
    }

    #[test]
    fn no_pieces_of_messages_panic(bytes in pieces()) {
        call_everything(&bytes);
        let headed = [INVITE.as_bytes(), &bytes].concat();
        call_everything(&headed);
    }

    #[test]
    fn no_damage_panics(cut in 0..2000usize, at in 0..2000usize, byte in any::<u8>()) {
        let mut text = with_body("multipart/mixed;boundary=x", "--x\r\nc: a/b\r\n\r\n5\r\n--x\r\n\r\n6\r\n--x--\r\n");
        let len = text.len();
        text[at % len] = byte;
        text.truncate(cut);
        call_everything(&text);
    }
}
