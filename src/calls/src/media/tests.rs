use super::*;

fn formats(all: &[(u8, FormatKind)]) -> Formats {
    let mut formats = Formats::default();
    for (payload_type, kind) in all {
        formats.push(Format { payload_type: *payload_type, kind: *kind, clock_khz: 8 });
    }
    formats
}

fn payload_types(formats: &Formats) -> Vec<(u8, FormatKind)> {
    formats.iter().map(|format| (format.payload_type, format.kind)).collect()
}

fn described(media: &str) -> Vec<Line> {
    description(media).lines
}

fn description(media: &str) -> Description {
    let sdp = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{media}");
    let text = format!(
        "INVITE sip:a SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nFrom: <a>;tag=1\r\nTo: <b>\r\n\r\n{sdp}"
    );
    let message = Message::new_checked(text.as_bytes()).expect("a message");
    let description = Description::of(&message);
    assert!(description.found, "without Content-Type, too");
    description
}

#[test]
fn events_of_any_source_come_first_and_then_an_earlier_source_wins() {
    use FormatKind::{Other, Pcma, Pcmu, Redundancy, TelephoneEvent};
    let first = formats(&[(96, Other), (0, Pcmu)]);
    let second = formats(&[(96, TelephoneEvent), (101, TelephoneEvent), (8, Pcma)]);
    let third = formats(&[(0, Redundancy), (120, Redundancy)]);
    assert_eq!(
        payload_types(&merged([&first, &second, &third].into_iter())),
        [(96, TelephoneEvent), (101, TelephoneEvent), (0, Redundancy), (120, Redundancy), (8, Pcma)],
        "what any of them calls an event or redundancy is that"
    );
    assert_eq!(
        payload_types(&merged_events([&second, &first])),
        [(96, TelephoneEvent), (101, TelephoneEvent)]
    );
}

#[test]
fn events_outlive_a_long_list_of_codecs() {
    let codecs: String = (96..120).map(|codec| format!("a=rtpmap:{codec} X/8000\r\n")).collect();
    let list: String = (96..120).map(|codec| format!(" {codec}")).collect();
    let media = format!("m=audio 5000 RTP/AVP{list} 121\r\n{codecs}a=rtpmap:121 telephone-event/48000\r\n");
    let lines = described(&media);
    let first = lines[0].formats.iter().next().expect("the event");
    assert_eq!((first.payload_type, first.kind, first.clock_khz), (121, FormatKind::TelephoneEvent, 48));
    // An event that the m= line does not list is one all the same.
    let lines = described("m=audio 5000 RTP/AVP 0\r\na=rtpmap:101 telephone-event/8000\r\n");
    assert_eq!(payload_types(&lines[0].formats), [(101, FormatKind::TelephoneEvent), (0, FormatKind::Pcmu)]);
}

#[test]
fn a_type_without_meaning_is_left_out_and_an_event_without_clock_is_one() {
    use FormatKind::{Other, Pcmu, TelephoneEvent};
    let kinds = |media: &str| payload_types(&described(media)[0].formats);
    assert_eq!(kinds("m=audio 5000 RTP/AVP 0 101 77 18\r\n"), [(0, Pcmu), (18, Other)]);
    let lines = described("m=audio 5000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event\r\n");
    assert_eq!(
        lines[0].formats.get(101).map(|event| (event.kind, event.clock_khz)),
        Some((TelephoneEvent, 8))
    );
    // Mapped twice, and mapped where only session attributes should stand.
    let twice =
        "m=audio 5000 RTP/AVP 101\r\na=rtpmap:101 speex/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
    assert_eq!(kinds(twice), [(101, TelephoneEvent)]);
    let early = "a=rtpmap:101 telephone-event/8000\r\nm=audio 5000 RTP/AVP 101\r\n";
    assert_eq!(kinds(early), [(101, TelephoneEvent)]);
}

#[test]
fn ordinary_descriptions_are_complete() {
    for media in [
        "m=audio 5000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\na=x-odd:1\r\nb=AS:64\r\n",
        "m=audio 5000 RTP/AVP 0\r\nm=video 5002 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\nm=image 0 udptl t38\r\n",
        "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n",
        "m=audio 0 RTP/AVP 0\r\nc=IN IP4 name.example.org\r\n",
        "m=audio 5000/4 RTP/AVP 0\r\na=candidate:1 1 UDP 1 10.0.0.9 5010 typ host\r\n\r\n",
        "m=video 5002 RTP/AVP 96\r\nc=IN IP4 name.example.org\r\n",
        "",
    ] {
        assert!(description(media).complete, "{media}");
        assert!(description(&media.replace("\r\n", "\n")).complete, "{media}");
    }
    let nine = "m=audio 0 RTP/AVP 0\r\n".repeat(20) + "m=audio 5000 RTP/AVP 0\r\n";
    assert!(description(&nine).complete, "rejected ones are not missed");
}

#[test]
fn what_others_may_read_otherwise_is_not_complete_and_followed_all_the_same() {
    let line = "m=audio 5000 RTP/AVP 0\r\n";
    for (before, after) in [
        ("", "m=x - udp x\r\n"),
        ("", "m=audio +41000 RTP/AVP 0\r\n"),
        ("", "m=video\r\n"),
        ("", " m=audio 41000 RTP/AVP 0\r\n"),
        ("", "M=audio 41000 RTP/AVP 0\r\n"),
        ("", "a=x\rm=audio 41000 RTP/AVP 0\r\n"),
        ("", "c=IN IP4 192.0.2.024\r\n"),
        ("", "c=IN IP4 192.0.2.9\r\nc=IN IP4 name.example.org\r\n"),
        ("", "a=candidate:1 1 UDP 1 x.local 5010 typ host\r\n"),
        ("", "a=altc:1 IP4 192.0.2.9 41000\r\n"),
        ("c=nonsense\r\n", ""),
    ] {
        let read = description(&format!("{before}{line}{after}"));
        assert!(!read.complete, "{before}{after}");
        assert!(
            read.lines.iter().any(|line| line.endpoints.iter().any(|at| at.port == 5000)),
            "{before}{after}"
        );
    }
    assert!(!description("m=audio 5000/99 RTP/AVP 0\r\n").complete, "too many ports");
    assert!(!description(&line.repeat(9)).complete, "too many lines");
    assert!(!description(&format!("{}{line}", "m=video 0 RTP/AVP 0\r\n".repeat(40))).complete);
}

#[test]
fn bodies_that_may_be_descriptions_are_told() {
    let of = |headers: &str, body: &str| {
        let text = format!(
            "INVITE sip:a SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nFrom: <a>;tag=1\r\nTo: <b>\r\n{headers}\r\n{body}"
        );
        let description = Description::of(&Message::new_checked(text.as_bytes()).expect("a message"));
        (description.found, description.complete)
    };
    let sdp = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 RTP/AVP 0\r\n";
    assert_eq!(of("", ""), (false, true));
    assert_eq!(of("Content-Type: application/isup\r\n", "\x01\x02"), (false, true));
    assert_eq!(of("Content-Type: application/sdp\r\n", sdp), (true, true));
    assert_eq!(of("Content-Type: \"application/SDP\" (here)\r\n", sdp), (true, true));
    assert_eq!(
        of("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", "\x1f\u{8b}"),
        (false, false)
    );
    assert_eq!(of("Content-Type: application/sdp\r\n", &format!(" {sdp}")), (false, false));
    assert_eq!(of("Content-Type: multipart/mixed\r\n", sdp), (false, false), "no boundary");
    assert_eq!(of("Content-Type: application/pkcs7-mime\r\n", "\x30"), (false, false));
    assert_eq!(of("Content-Length: 0\r\n", sdp), (false, false), "not to those who do not heed the length");
}

#[test]
fn every_port_of_a_port_count_is_a_destination() {
    let lines = described("m=audio 5000/3 RTP/AVP 0\r\nm=audio 65534/9 RTP/AVP 0\r\n");
    let ports = |line: &Line| line.endpoints.iter().map(|endpoint| endpoint.port).collect::<Vec<_>>();
    assert_eq!((ports(&lines[0]), ports(&lines[1])), (vec![5000, 5002, 5004], vec![65534]));
}

#[test]
fn lines_that_are_wanted_are_kept_before_rejected_ones() {
    let rejected = "m=audio 0 RTP/AVP 0\r\n".repeat(20);
    let lines = described(&format!("{rejected}m=audio 5000 RTP/AVP 0\r\n"));
    assert_eq!((lines.len(), lines[0].index, lines[0].rejected), (8, 20, false));
}
