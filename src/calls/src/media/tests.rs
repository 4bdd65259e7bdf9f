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
    let sdp = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{media}");
    let text = format!(
        "INVITE sip:a SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nFrom: <a>;tag=1\r\nTo: <b>\r\n\r\n{sdp}"
    );
    let message = Message::new_checked(text.as_bytes()).expect("a message");
    Description::of(&message).expect("SDP without Content-Type, too").lines
}

#[test]
fn an_earlier_source_wins_and_events_come_first() {
    use FormatKind::{Other, Pcma, Pcmu, Redundancy, TelephoneEvent};
    let first = formats(&[(96, Other), (0, Pcmu)]);
    let second = formats(&[(96, TelephoneEvent), (101, TelephoneEvent), (8, Pcma)]);
    let third = formats(&[(0, Redundancy), (120, Redundancy)]);
    assert_eq!(
        payload_types(&merged([&first, &second, &third].into_iter())),
        [(101, TelephoneEvent), (120, Redundancy), (96, Other), (0, Pcmu), (8, Pcma)]
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
