use proptest::prelude::*;

use super::*;

const OFFER: &str = "v=0\r\n\
    o=- 1 1 IN IP4 192.0.2.1\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.1/127\r\n\
    t=0 0\r\n\
    a=sendonly\r\n\
    m=audio 49170/2 RTP/AVP 0 96 101 200 x\r\n\
    c=IN IP6 2001:db8::1\r\n\
    a=rtpmap:96 opus/48000/2\r\n\
    a=rtpmap: 101  telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=fmtp:1010 no\r\n\
    a=ptime:20\r\n\
    a=rtcp:53020 IN IP4 192.000.002.009\r\n\
    a=rtcp-mux\r\n\
    a=recvonly\r\n\
    a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host\r\n\
    a=candidate:1 2 UDP 2130706431 10.0.1.1 8999 typ host\r\n\
    a=candidate:2 1 TCP 2130706431 10.0.1.1 9 typ host tcptype active\r\n\
    a=candidate:3 1 udp 2130706431 x.local 8998 typ host\r\n\
    m=video 0 RTP/SAVPF\r\n\
    m=audio 5000 UDP/TLS/RTP/SAVPF 0\r\n";

fn media(text: &str) -> Vec<Media<'_>> {
    Session::new_checked(text.as_bytes()).expect("a description").media().collect()
}

#[test]
fn a_description_is_read_media_by_media() {
    let media = media(OFFER);
    assert_eq!(media.len(), 3);
    let (first, second, third) = (&media[0], &media[1], &media[2]);
    assert!(first.is_audio() && !first.is_encrypted());
    assert_eq!((first.port(), first.port_count(), first.profile()), (49170, 2, &b"RTP/AVP"[..]));
    assert_eq!(first.formats().collect::<Vec<_>>(), [0, 96, 101]);
    assert_eq!(first.connection(), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(first.rtpmap(96), Some(RtpMap { encoding: b"opus", clock: 48_000, channels: 2 }));
    assert_eq!(first.rtpmap(101), Some(RtpMap { encoding: b"telephone-event", clock: 8_000, channels: 1 }));
    assert_eq!(first.rtpmap(0), None);
    assert_eq!(first.fmtp(101), Some(&b"0-15"[..]));
    assert_eq!(first.ptime(), Some(20));
    assert_eq!(first.rtcp(), Some((53_020, Some("192.0.2.9".parse().unwrap()))));
    assert!(first.rtcp_mux());
    assert_eq!(first.direction(), Direction::ReceiveOnly);
    assert_eq!(first.candidates().collect::<Vec<_>>(), [("10.0.1.1".parse().unwrap(), 8998)]);

    assert_eq!((second.kind(), second.port()), (&b"video"[..], 0));
    assert!(second.is_encrypted() && second.formats().next().is_none());
    assert!(third.is_encrypted());
    assert_eq!(third.connection(), Some("192.0.2.1".parse().unwrap()));
    assert_eq!(third.direction(), Direction::SendOnly);
    assert_eq!((third.rtcp(), third.ptime(), third.rtcp_mux()), (None, None, false));
}

#[test]
fn bare_line_feeds_and_foreign_lines_do_no_harm() {
    let text = format!("\n{OFFER}not a line\r\n").replace("\r\n", "\n").replace("m=video", "m =video");
    assert_eq!(media(&text).len(), 2);
}

#[test]
fn what_is_no_description_is_told() {
    let error = |text: &str| Session::new_checked(text.as_bytes()).unwrap_err();
    assert_eq!(error(""), SdpError::NoVersion);
    assert_eq!(error("o=x\r\nv=0\r\n"), SdpError::NoVersion);
}

#[test]
fn a_line_without_a_port_does_not_hide_the_others() {
    for line in ["m=audio", "m=audio x RTP/AVP 0", "m=", "m=audio 65536 RTP/AVP 0", "m=audio -1 RTP/AVP 0"] {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{line}\r\nm=audio 5000 RTP/AVP 0\r\n");
        let media = media(&text);
        assert_eq!((media[0].port(), media[1].port()), (0, 5000), "{line}");
        assert_eq!((media[0].is_doubtful(), media[1].is_doubtful()), (true, false), "{line}");
    }
}

#[test]
fn what_may_be_read_otherwise_is_doubtful() {
    let session = |text: &str| Session::new_checked(text.as_bytes()).expect("a description").is_doubtful();
    assert!(!session(OFFER) && !session(&OFFER.replace("\r\n", "\n")));
    for line in ["a=x\ra=y", " a=x", "A=x", "ax", "-"] {
        assert!(session(&format!("{OFFER}{line}\r\n")), "{line:?}");
    }
    let bare = media("v=0\rc=IN IP4 192.0.2.1\rm=audio 5000 RTP/AVP 0\r");
    assert_eq!((bare.len(), bare[0].port(), bare[0].is_doubtful()), (1, 5000, false));
    let doubtful = |lines: &str| media(&format!("v=0\r\nm=audio 5000 RTP/AVP 0\r\n{lines}"))[0].is_doubtful();
    assert!(!doubtful("c=IN IP4 192.0.2.1\r\n") && !doubtful("c=IN IP6 2001:db8::1\r\n"));
    assert!(doubtful("") && doubtful("c=IN IP4 192.0.02.1\r\n") && doubtful("c=IN IP4 a.example.org\r\n"));
    assert!(doubtful("c=IN IP4 192.0.2.1\r\na=candidate:1 1 udp 1 010.0.0.1 5000 typ host\r\n"));
    assert!(!doubtful("c=IN IP4 192.0.2.1\r\na=candidate:1 1 tcp 1 x.local 9 typ host\r\n"));
}

#[test]
fn keys_beside_the_profile_are_told() {
    let offers = |lines: &str| media(&format!("v=0\r\n{lines}"))[0].offers_encryption();
    assert!(!offers("m=audio 5000 RTP/AVP 0\r\n"));
    assert!(offers("m=audio 5000 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n"));
    assert!(offers("a=fingerprint:sha-256 00\r\nm=audio 5000 RTP/AVP 0\r\n"));
    assert!(offers("m=audio 5000 RTP/AVP 0\r\na=zrtp-hash:1.10 00\r\n"));
}

#[test]
fn addresses_that_are_none_are_none() {
    for address in
        ["IN IP4 host.example.org", "IN IP4 1.2.3", "IN IP4 1.2.3.4.5", "IN IP4 256.0.0.1", "IN IP7 1.2.3.4"]
    {
        let text = format!("v=0\r\nc={address}\r\nm=audio 5000 RTP/AVP 0\r\n");
        assert_eq!(media(&text)[0].connection(), None, "{address}");
    }
    let held = media("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 5000 RTP/AVP 0\r\n");
    assert_eq!(held[0].connection(), Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
}

#[test]
fn debug_tells_no_keys() {
    let text = "v=0\r\nm=audio 5000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\n";
    let session = Session::new_checked(text.as_bytes()).unwrap();
    assert!(!format!("{session:?}{:?}", session.media().collect::<Vec<_>>()).contains("secret"));
}

fn call_everything(bytes: &[u8]) {
    let Ok(session) = Session::new_checked(bytes) else { return };
    for media in session.media() {
        let _ = (media.kind(), media.port(), media.port_count(), media.profile(), media.connection());
        let _ = (media.is_audio(), media.is_encrypted(), media.ptime(), media.rtcp(), media.rtcp_mux());
        let _ = (
            session.is_doubtful(),
            media.is_doubtful(),
            media.offers_encryption(),
            media.connections().count(),
        );
        let _ = (media.direction(), media.candidates().count(), media.rtpmaps().count());
        for payload_type in media.formats() {
            let _ = (media.rtpmap(payload_type), media.fmtp(payload_type));
        }
    }
    let _ = format!("{session:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        call_everything(&bytes);
        call_everything(&[b"v=0\n", &bytes[..]].concat());
        call_everything(&[OFFER.as_bytes(), &bytes[..]].concat());
    }

    #[test]
    fn no_damage_panics(cut in 0..1000usize, at in 0..1000usize, bytes in proptest::collection::vec(any::<u8>(), 0..4)) {
        let mut text = OFFER.as_bytes().to_vec();
        let at = at % text.len();
        text.splice(at..(at + 2).min(OFFER.len()), bytes);
        text.truncate(cut);
        call_everything(&text);
    }
}
