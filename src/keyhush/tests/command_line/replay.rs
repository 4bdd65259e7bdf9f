//! `keyhush replay`: its files, its report and its answers. What the pipeline does is tested with golden captures.

use crate::{Directory, keyhush, text};

/// A capture of one Ethernet frame that is none of Keyhush's business (ARP, RFC 826).
fn capture() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1]);
    frame.resize(60, 0);
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1, 1_700_000_000, 5, 60, 60] {
        file.extend(word.to_le_bytes());
    }
    file.extend(frame);
    file
}

#[test]
fn what_is_not_ours_leaves_as_it_came_and_is_reported() {
    let directory = Directory::new();
    let input = directory.file("in.pcap", capture());
    let (output, report) = (directory.path("out.pcap"), directory.path("report.json"));
    let said = keyhush([
        "replay",
        text(&input),
        "--carrier",
        "192.0.2.0/24",
        "--secure",
        "always",
        "--mask-key",
        "0",
        "-o",
        text(&output),
        "--report",
        text(&report),
    ]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    assert!(said.err.contains("nothing was masked: no call was seen"), "{}", said.err);
    let left = std::fs::read(&output).expect("it was written");
    assert_eq!(left[left.len() - 60..], capture()[40..]);
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&report).expect("it was written")).expect("JSON");
    assert_eq!(report["frames"]["read"], 1);
    assert_eq!(report["frames"]["from_carrier"], 1);
    assert_eq!(report["frames"]["written"], 1);
    assert_eq!(report["packets"]["pass_not_udp"], 1);
    assert_eq!(report["presses"]["merged"], 0);
    assert_eq!(report["mask_key"], "0");
    assert_eq!(report["calls"], 0);
}

#[test]
fn without_a_report_file_people_are_told_and_a_dash_is_standard_output() {
    let directory = Directory::new();
    let input = directory.file("in.pcap", capture());
    let output = directory.path("out.pcap");
    let arguments = ["replay", text(&input), "--carrier", "192.0.2.0/24", "-o", text(&output)];
    let said = keyhush(arguments);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("1 packets read, 1 from the carrier; 1 written"), "{said:?}");
    assert!(said.out.contains("pass_not_udp"), "{said:?}");
    let said = keyhush(arguments.into_iter().chain(["--report", "-"]));
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("nothing but JSON");
    assert_eq!(report["secure"], "never");
}

#[test]
fn the_capture_is_never_overwritten() {
    let directory = Directory::new();
    let input = directory.file("in.pcap", capture());
    let other = directory.path("link.pcap");
    std::os::unix::fs::symlink(&input, &other).expect("a link");
    for output in [&input, &other] {
        let said = keyhush(["replay", text(&input), "--carrier", "::/0", "-o", text(output)]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("is the capture itself"), "{said:?}");
    }
    assert_eq!(std::fs::read(&input).expect("still there"), capture());
}

#[test]
fn what_is_no_capture_is_told_without_a_panic() {
    let directory = Directory::new();
    let output = directory.path("out.pcap");
    for garbage in [b"".as_slice(), b"not a capture at all", &[0xff; 4096]] {
        let input = directory.file("in.pcap", garbage);
        let said = keyhush(["replay", text(&input), "--carrier", "::/0", "-o", text(&output)]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("in.pcap") && !said.err.contains("panicked"), "{said:?}");
    }
    let said = keyhush(["replay", "/nonexistent.pcap", "--carrier", "::/0", "-o", text(&output)]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("/nonexistent.pcap"), "{said:?}");
}

#[cfg(not(feature = "reveal-digits"))]
#[test]
fn digits_cannot_be_revealed() {
    let said = keyhush(["replay", "in", "--carrier", "::/0", "-o", "out", "--reveal-digits"]);
    assert_eq!(said.code, 2, "{said:?}");
}
