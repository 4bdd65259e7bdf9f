//! Whole files that are right.

use core::time::Duration;
use std::path::Path;

use super::{MINIMAL, parse, problems, settings};
use crate::{Idle, LoadError, MaskKey, MasterKey, Settings};

const ANNOTATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/keyhush.toml");

#[test]
fn a_wire_with_two_ports_is_enough() {
    let settings = settings(MINIMAL);
    assert_eq!(settings.wires.len(), 1);
    assert_eq!(settings.wires[0].name, "wire-1");
    assert_eq!(settings.wires[0].carrier.name(), "0000:03:00.0");
    assert_eq!(settings.wires[0].queues, 1);
    assert_eq!(settings.lcores.len(), 1);
    assert_eq!((settings.lcores[0].core, settings.lcores[0].signalling), (0, true));
    assert_eq!(settings.lcores[0].wires, [0]);
    assert_eq!(settings.calls.calls, 10_000);
    assert_eq!(settings.secure_mode.mask_key, MaskKey::Pound);
    assert_eq!(settings.secure_mode.hold, Duration::from_millis(5));
    assert_eq!(settings.admin.socket, Path::new("/run/keyhush/admin.sock"));
    assert!(settings.agents.is_none() && settings.management.is_none());
    assert!(u64::from(settings.pool.mbufs) > settings.pool_need().total());
}

/// What the annotated file shows behind a `#` is right as well.
#[test]
fn what_may_be_served_is_shown_as_it_is_written() {
    let text = std::fs::read_to_string(ANNOTATED).expect("it is in the repository");
    let (_, served) = text.split_once("#[agents]").expect("the table is shown");
    let shown: Vec<&str> = served
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let settings = settings(&format!("{MINIMAL}[agents]{}\n", shown.join("\n")));
    let agents = settings.agents.expect("it is written");
    assert_eq!(agents.listen.to_string(), "0.0.0.0:443");
    assert_eq!(agents.certificate, Path::new("/etc/keyhush/certificate.pem"));
    assert_eq!(agents.key, Path::new("/etc/keyhush/key.pem"));
    assert_eq!(settings.management.expect("it is written").listen.to_string(), "127.0.0.1:9464");
}

#[test]
fn recordings_are_shown_as_they_are_written() {
    let text = std::fs::read_to_string(ANNOTATED).expect("it is in the repository");
    let (_, after) = text.split_once("#[recordings]\n").expect("the table is shown");
    let (table, _) = after.split_once("\n\n").expect("it ends");
    let shown: Vec<&str> = table.lines().map(|line| line.trim_start_matches('#')).collect();
    let of_file: Vec<&str> = shown.iter().copied().filter(|line| !line.starts_with("pin_file")).collect();
    let recordings = settings(&format!("{MINIMAL}[recordings]\n{}\n", of_file.join("\n"))).recordings;
    let recordings = recordings.expect("it is written");
    assert_eq!(recordings.directory, Path::new("/var/lib/keyhush/recordings"));
    assert_eq!(recordings.master_key, MasterKey::File("/etc/keyhush/master.key".into()));
    assert_eq!(recordings.at_once, 500);
    let stamps = recordings.time_stamps.expect("it is written");
    assert_eq!((stamps.is_https, stamps.endpoint.port, stamps.endpoint.path.as_str()), (false, 80, "/tsr"));
    let of_token = shown
        .join("\n")
        .replace("/etc/keyhush/master.key", "pkcs11:token=keyhush;object=master?module-path=/m.so");
    let of_token = settings(&format!("{MINIMAL}[recordings]\n{of_token}\n")).recordings;
    let expected = MasterKey::Token {
        uri: "pkcs11:token=keyhush;object=master?module-path=/m.so".into(),
        pin_file: Some("/etc/keyhush/token.pin".into()),
    };
    assert_eq!(of_token.map(|recordings| recordings.master_key), Some(expected));
    assert!(settings(MINIMAL).recordings.is_none());
}

#[test]
fn the_annotated_file_loads_and_shows_the_defaults() {
    let annotated =
        Settings::load(Path::new(ANNOTATED)).map_err(|error| error.to_string()).expect("it is right");
    let mut least = settings(MINIMAL);
    least.wires[0].name = "trunk-a".into();
    least.eal.memory_mib = Some(1024);
    assert_eq!(annotated, least);
}

/// Every key has its comment, and every key that exists is in the annotated file.
#[test]
fn the_annotated_file_explains_every_key() {
    let text = std::fs::read_to_string(ANNOTATED).expect("it is in the repository");
    let keys = |line: &str| line.trim_start_matches('#').split_once(" = ").map(|(key, _)| key.to_owned());
    for line in text.lines().filter(|line| line.contains(" = ") && !line.starts_with("# ")) {
        assert!(line.rsplit_once("# ").is_some_and(|(_, comment)| comment.len() > 10), "no comment: {line}");
    }
    let shown: Vec<String> = text.lines().filter_map(keys).collect();
    for (table, names) in crate::parse::TABLES {
        for name in *names {
            assert!(shown.iter().any(|key| key == name), "{table} {name} is not explained");
        }
    }
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let error = Settings::load(Path::new("/nonexistent/box.toml")).expect_err("it is not there");
    assert!(matches!(error, LoadError::Unreadable { .. }));
    let text = error.to_string();
    assert!(text.contains("/nonexistent/box.toml") && text.contains("--config"), "{text}");
}

#[test]
fn files_that_are_no_text_or_too_large_are_refused() {
    let directory = std::env::temp_dir().join(format!("keyhush-settings-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    let file = directory.join("box.toml");
    std::fs::write(&file, b"[[wire]]\nname = \"\xff\"\n").expect("written");
    let error = Settings::load(&file).expect_err("not UTF-8");
    assert!(
        matches!(&error, LoadError::Wrong(found) if (found.list[0].line, found.list[0].column) == (2, 9))
    );
    std::fs::write(&file, vec![b'#'; (1 << 20) + 1]).expect("written");
    let error = Settings::load(&file).expect_err("too large");
    assert!(error.to_string().contains("1 MiB"), "{error}");
    std::fs::remove_dir_all(&directory).expect("removed");
}

#[test]
fn several_lcores_on_one_wire_are_several_queues() {
    let text = "[[wire]]\nname = \"a\"\ncarrier = \"net_af_packet0,iface=a0\"\ncustomer = \"net_af_packet1,iface=a1\"\n\
                [[wire]]\nname = \"b\"\ncarrier = \"0000:04:00.0\"\ncustomer = \"0000:04:00.1\"\n\
                [[lcore]]\ncore = 2\nwires = []\nsignalling = true\n\
                [[lcore]]\ncore = 3\nwires = [\"a\"]\n\
                [[lcore]]\ncore = 5\n";
    let settings = settings(text);
    assert_eq!(settings.wires[0].queues, 2);
    assert_eq!(settings.wires[1].queues, 1);
    assert_eq!(settings.lcores[1].wires, [0]);
    assert_eq!(settings.lcores[2].wires, [0, 1]);
    let arguments = settings.eal_arguments();
    assert_eq!(&arguments[..3], ["keyhush", "--lcores=0@2,1@3,2@5", "--main-lcore=0"]);
    assert!(arguments.contains(&"--vdev=net_af_packet0,iface=a0,qpairs=2".to_owned()), "{arguments:?}");
    assert!(arguments.contains(&"0000:04:00.0".to_owned()));
    assert!(!arguments.contains(&"--no-pci".to_owned()));
}

#[test]
fn eal_is_told_of_memory_and_devices() {
    let large = settings(MINIMAL).eal_arguments();
    assert_eq!(
        large[3..],
        ["--in-memory", "--no-telemetry", "-a", "0000:03:00.0", "-a", "0000:03:00.1"].map(str::to_owned)
    );
    let text = "[eal]\nhugepages = false\nmemory_mib = 512\nfile_prefix = \"demo\"\narguments = [\"--log-level=3\"]\n\
                [[wire]]\ncarrier = \"net_tap0\"\ncustomer = \"net_tap1,iface=k1\"\nmtu = 9000\n";
    let small = settings(text).eal_arguments();
    let expected = [
        "--no-huge",
        "-m",
        "512",
        "--file-prefix=demo",
        "--no-telemetry",
        "--no-pci",
        "--vdev=net_tap0",
        "--vdev=net_tap1,iface=k1",
        "--log-level=3",
    ];
    assert_eq!(small[3..], expected.map(str::to_owned));
    let own =
        settings("[eal]\nhugepages = false\n[[wire]]\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n");
    assert_eq!(own.file_prefix(), format!("keyhush-{}", std::process::id()));
    assert!(own.memory_need_mib() >= 64);
}

#[test]
fn jumbo_frames_fit_ring_slots_and_buffers() {
    let text = "[[wire]]\nmtu = 9000\ncarrier = \"net_af_packet0,iface=a0\"\ncustomer = \"net_af_packet1,iface=a1\"\n";
    let settings = settings(text);
    let ring = |key| settings.wires[0].carrier.argument(key).and_then(|value| value.parse::<u32>().ok());
    assert_eq!([ring("framesz"), ring("blocksz"), ring("framecnt")], [Some(9216), Some(9 * 4096), Some(128)]);
    assert!(settings.pool.data_room >= 128 + 9000 + 26);
    assert_eq!(settings.wires[0].frame_len(), 9022);
    let usual = super::settings(MINIMAL);
    assert_eq!(usual.pool.data_room, 2176);
}

#[test]
fn idle_cores_may_back_off() {
    let text = format!("{MINIMAL}[idle]\nmode = \"backoff\"\n");
    assert_eq!(settings(&text).idle, Idle::Backoff { sleep: Duration::from_micros(100) });
    assert_eq!(settings(MINIMAL).idle, Idle::Poll);
}

#[test]
fn the_pool_must_hold_what_the_rest_can_take() {
    let need = settings(MINIMAL).pool_need();
    assert_eq!(need.descriptors, 4 * 1024);
    assert_eq!(need.caches, 384);
    assert_eq!(need.bursts, 256);
    assert_eq!(need.sip, 2 * 1024 + 256 + 1024 + 512);
    assert_eq!(need.streams, 2048);
    let least = need.total() + 1;
    assert!(parse(&format!("{MINIMAL}[pool]\nmbufs = {least}\n")).is_ok());
    let short = problems(&format!("{MINIMAL}[pool]\nmbufs = {}\n", least - 1));
    assert_eq!((short[0].line, short[0].key.as_str()), (5, "pool.mbufs"));
    assert!(short[0].expected.contains(&least.to_string()), "{short:?}");
}

#[test]
fn all_problems_are_told_at_once_in_order() {
    let text =
        "[[wire]]\ncarier = \"0000:03:00.0\"\nmtu = \"big\"\n[secure_mode]\nmask_key = \"*\"\n[nonsense]\n";
    let found = problems(text);
    let places: Vec<(usize, &str)> =
        found.iter().map(|problem| (problem.line, problem.key.as_str())).collect();
    assert_eq!(
        places,
        [
            (1, "wire[1].carrier"),
            (1, "wire[1].customer"),
            (2, "wire[1].carier"),
            (3, "wire[1].mtu"),
            (5, "secure_mode.mask_key"),
            (6, "nonsense"),
        ]
    );
    let text = parse(text).expect_err("wrong").to_string();
    assert!(text.contains("box.toml:3:7: wire[1].mtu: \"big\""), "{text}");
    assert_eq!(text.matches("remedy:").count(), 6, "{text}");
}

/// Whatever the bytes, the answer is a value.
#[test]
fn cut_and_bent_files_never_panic() {
    let text = std::fs::read_to_string(ANNOTATED).expect("it is in the repository");
    for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
        let _ = parse(&text[..end]);
    }
    for (at, _) in text.char_indices().step_by(7) {
        for bent in ["\"", "[", "]", "=", "\n", "{", "9", "\u{0}"] {
            let mut text = text.clone();
            text.insert_str(at, bent);
            let _ = parse(&text);
        }
    }
}
