//! The messages of RFC 4475, read from the corpus that `KEYHUSH_CORPUS` names.

use std::path::PathBuf;

use super::arbitrary::call_everything;
use super::*;

fn corpus() -> Option<PathBuf> {
    let found = std::env::var_os("KEYHUSH_CORPUS").map(|root| PathBuf::from(root).join("sip-torture"));
    if found.is_none() {
        eprintln!("skipped: KEYHUSH_CORPUS does not name the corpus");
    }
    found
}

fn read(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(corpus()?.join(format!("{name}.dat"))).expect("the message is in the corpus"))
}

#[test]
fn none_panics_whole_or_cut() {
    let Some(corpus) = corpus() else { return };
    let mut read = 0;
    for entry in std::fs::read_dir(corpus).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "dat") {
            let bytes = std::fs::read(&path).expect("a file");
            for end in 0..=bytes.len() {
                call_everything(&bytes[..end]);
            }
            read += 1;
        }
    }
    assert!(read >= 49, "{read} messages");
}

/// Section 3.1.1: name, Call-ID, tags of From and To, CSeq.
#[test]
fn the_valid_ones_are_read_right() {
    type Row = (&'static str, &'static str, Option<&'static str>, Option<&'static str>, u32, &'static str);
    let rows: [Row; 13] = [
        ("wsinv", "wsinv.ndaksdj@192.0.2.1", Some("98asjd8"), Some("1918181833n"), 9, "INVITE"),
        (
            "intmeth",
            "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            Some("_token~1'+`*%!-."),
            None,
            139_122_385,
            "!interesting-Method0123456789_*+`.%indeed'~",
        ),
        ("esc01", "esc01.239409asdfakjkn23onasd0-3234", Some("938"), None, 234_234, "INVITE"),
        (
            "escnull",
            "escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd",
            Some("839923423"),
            None,
            14_398_234,
            "REGISTER",
        ),
        (
            "esc02",
            "esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf",
            Some("f232jadfj23"),
            None,
            29_344,
            "RE%47IST%45R",
        ),
        ("lwsdisp", "lwsdisp.1234abcd@funky.example.com", Some("323"), None, 60, "OPTIONS"),
        ("dblreq", "dblreq.0ha0isndaksdj99sdfafnl3lk233412", Some("43251j3j324"), None, 8, "REGISTER"),
        ("semiuri", "semiuri.0ha0isndaksdj", Some("33242"), None, 8, "OPTIONS"),
        ("transports", "transports.kijh4akdnaqjkwendsasfdj", Some("323"), None, 60, "OPTIONS"),
        ("mpart01", "3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..", Some("2fb0dcc9"), None, 1, "MESSAGE"),
        ("unreason", "unreason.1234ksdfak3j2erwedfsASdf", Some("11141343"), Some("2229"), 35, "INVITE"),
        ("noreason", "noreason.asndj203insdf99223ndf", Some("39ansfi3"), Some("902jndnke3"), 35, "INVITE"),
        ("longreq", "", Some(""), None, 3_882_340, "INVITE"),
    ];
    for (name, call_id, from_tag, to_tag, number, method) in rows {
        let Some(bytes) = read(name) else { return };
        let message = Message::new_checked(&bytes).map_err(|error| format!("{name}: {error}")).unwrap();
        assert!(looks_like(&bytes), "{name}");
        assert_eq!(message.cseq(), (number, Method::from_bytes(method.as_bytes())), "{name}");
        if name == "longreq" {
            assert!(message.call_id().starts_with(b"longreq.onereallyreally"));
            assert!(message.call_id().ends_with(b"longcallid"));
            assert!(
                message
                    .from_tag()
                    .is_some_and(|tag| tag.starts_with(b"12982982982") && tag.ends_with(b"424"))
            );
            assert!(message.to_tag().is_none());
            continue;
        }
        assert_eq!(message.call_id(), call_id.as_bytes(), "{name}");
        assert_eq!(message.from_tag(), from_tag.map(str::as_bytes), "{name}");
        assert_eq!(message.to_tag(), to_tag.map(str::as_bytes), "{name}");
    }
}

/// Sections 3.1.2 to 3.4: those in doubt are refused with the reason, the rest is read without harm.
#[test]
fn the_invalid_ones_are_refused_or_harmless() {
    use Field::{CSeq, CallId, ContentLength, To};
    let refused = [
        ("clerr", SipError::ContentLengthTooLarge),
        ("ncl", SipError::Unreadable(ContentLength)),
        ("scalar02", SipError::Unreadable(CSeq)),
        ("scalarlg", SipError::Unreadable(CSeq)),
        ("quotbal", SipError::Unreadable(To)),
        ("badvers", SipError::Version),
        ("mismatch01", SipError::MethodMismatch),
        ("mismatch02", SipError::MethodMismatch),
        ("bigcode", SipError::StatusCode),
        ("insuf", SipError::Missing(CallId)),
        ("multi01", SipError::Repeated(CSeq)),
        ("mcl01", SipError::Repeated(ContentLength)),
        ("test", SipError::StartLine),
    ];
    for (name, error) in refused {
        let Some(bytes) = read(name) else { return };
        assert_eq!(Message::new_checked(&bytes).unwrap_err(), error, "{name}");
    }
    for name in ["lwsstart", "trws", "lwsruri", "ltgtruri", "escruri", "badaspec", "badbranch", "inv2543"] {
        let Some(bytes) = read(name) else { return };
        let message = Message::new_checked(&bytes).map_err(|error| format!("{name}: {error}")).unwrap();
        assert!(message.call_id().starts_with(name.as_bytes()), "{name}");
    }
}

#[test]
fn the_parts_of_the_multipart_message_are_found() {
    let Some(bytes) = read("mpart01") else { return };
    let message = Message::new_checked(&bytes).expect("valid");
    let parts: Vec<_> = message.parts().collect();
    assert_eq!(parts.len(), 2);
    assert!(parts[0].content_type.is("text", "plain"));
    assert_eq!(message.part(&parts[0]), b"Hello");
    assert!(parts[1].content_type.is("application", "octet-stream"));
    assert_eq!(message.part(&parts[1]).first(), Some(&0x30), "DER");
}
