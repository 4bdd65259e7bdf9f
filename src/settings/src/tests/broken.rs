//! Broken files, each with the answer that its writer gets: the line, the key, and what the remedy must say.

use super::{MINIMAL, problems};

const PORTS: &str = "carrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n";
const AGENTS: &str = "[[wire]]\ncarrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n\
                      [agents]\nlisten = \"0.0.0.0:443\"\ncertificate = \"/c\"\nkey = \"/k\"\n";
const RECORDINGS: &str = "[[wire]]\ncarrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n\
                          [recordings]\ndirectory = \"/r\"\nmaster_key = \"/m\"\nsigning_key = \"/s\"\n";
const AGENTS_WITHOUT_ADDRESS: &str = "[agents]\ncertificate = \"/c\"\nkey = \"/k\"\n";
const TWO: &str = "[[wire]]\nname = \"a\"\ncarrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n\
                   [[wire]]\nname = \"b\"\ncarrier = \"0000:04:00.0\"\ncustomer = \"0000:04:00.1\"\n";

/// One file with one mistake in it.
struct Broken {
    /// What stands before the mistake.
    before: &'static str,
    /// The lines with the mistake.
    text: &'static str,
    /// The line of the answer, counted from the first line of `text`.
    line: usize,
    key: &'static str,
    remedy: &'static str,
}

const fn broken(
    before: &'static str,
    text: &'static str,
    line: usize,
    key: &'static str,
    remedy: &'static str,
) -> Broken {
    Broken { before, text, line, key, remedy }
}

const FILES: &[Broken] = &[
    // the file itself
    broken("", "", 1, "wire", "[[wire]]"),
    broken("", "# nothing\n", 1, "wire", "[[wire]]"),
    broken(MINIMAL, "[idel]\nmode = \"poll\"\n", 1, "idel", "write `idle`"),
    broken(MINIMAL, "[weather]\n", 1, "weather", "remove it"),
    broken("", "mask_key = \"0\"\n[[wire]]\ncarrier = \"3:0\"", 1, "mask_key", "move it into [secure_mode]"),
    broken("wire = 7\n", "", 0, "wire", "[[wire]] with two brackets"),
    broken("", "[wire]\ncarrier = \"0000:03:00.0\"\n", 1, "wire", "[[wire]] with two brackets"),
    broken(MINIMAL, "[[idle]]\nmode = \"poll\"\n", 1, "idle", "[idle] on a line of its own"),
    // TOML
    broken(MINIMAL, "mtu = 1500\nmtu = 9000\n", 2, "mtu", "keep one"),
    broken(MINIMAL, "mtu\n", 1, "mtu", "key = value"),
    broken(MINIMAL, "mtu =\n", 1, "mtu", "write a value"),
    broken(MINIMAL, "name = trunk\n", 1, "name", "name = \"trunk\""),
    broken(MINIMAL, "name = \"trunk\n", 1, "name", "close every quote"),
    broken(MINIMAL, "[admin\n", 1, "[admin", "[name]"),
    broken(MINIMAL, "[eal]\narguments = [\"a\"\n", 2, "arguments", "close every quote and bracket"),
    // [[wire]]
    broken("[[wire]]\n", "customer = \"0000:03:00.1\"\n", 0, "wire[1].carrier", "carrier = \"0000:03:00.0\""),
    broken("[[wire]]\n", "carrier = \"0000:03:00.1\"\n", 0, "wire[1].customer", "dpdk-devbind"),
    broken(MINIMAL, "mtu = \"1500\"\n", 1, "wire[1].mtu", "remove the quotes: 1500"),
    broken(MINIMAL, "mtu = 150\n", 1, "wire[1].mtu", "write 576 or more"),
    broken(MINIMAL, "mtu = 65000\n", 1, "wire[1].mtu", "write 9600 or less"),
    broken(MINIMAL, "mtu = -1\n", 1, "wire[1].mtu", "write 576 or more"),
    broken(MINIMAL, "mtu = 1500.0\n", 1, "wire[1].mtu", "without a fraction"),
    broken(
        MINIMAL,
        "mtu = 99999999999999999999999999999999999999999\n",
        1,
        "wire[1].mtu",
        "write 9600 or less",
    ),
    broken(MINIMAL, "mtu = true\n", 1, "wire[1].mtu", "write a number"),
    broken(MINIMAL, "MTU = 1500\n", 1, "wire[1].MTU", "write `mtu`"),
    broken(MINIMAL, "carry-link = true\n", 1, "wire[1].carry-link", "write `carry_link`"),
    broken(MINIMAL, "carry_link = \"yes\"\n", 1, "wire[1].carry_link", "write true"),
    broken(MINIMAL, "carry_link = 0\n", 1, "wire[1].carry_link", "write false"),
    broken(MINIMAL, "descriptors = 1000\n", 1, "wire[1].descriptors", "write 1024"),
    broken(MINIMAL, "name = \"trunk a\"\n", 1, "wire[1].name", "label"),
    broken(MINIMAL, "name = 7\n", 1, "wire[1].name", "\"7\""),
    broken(MINIMAL, "hold_ms = 5\n", 1, "wire[1].hold_ms", "[secure_mode]"),
    broken("[[wire]]\n", "carrier = 3\ncustomer = \"0000:03:00.1\"\n", 1, "wire[1].carrier", "double quotes"),
    broken(
        "[[wire]]\n",
        "carrier = \"eth0\"\ncustomer = \"0000:03:00.1\"\n",
        1,
        "wire[1].carrier",
        "iface=eth0",
    ),
    broken(
        "[[wire]]\n",
        "carrier = \"net_af_paket0,iface=a\"\ncustomer = \"0000:03:00.1\"\n",
        1,
        "wire[1].carrier",
        "\"net_af_packet0\"",
    ),
    broken(
        "[[wire]]\n",
        "carrier = \"03:00.0\"\ncustomer = \"0000:03:00.0\"\n",
        2,
        "wire[1].customer",
        "another PCI address",
    ),
    broken(
        "[[wire]]\n",
        "carrier = \"net_af_packet0,iface=a\"\ncustomer = \"net_af_packet1,iface=a\"\n",
        2,
        "wire[1].customer",
        "another interface",
    ),
    broken(
        "[[wire]]\nmtu = 9000\n",
        "carrier = \"net_af_packet0,iface=a,framesz=2048\"\ncustomer = \"net_null0\"\n",
        1,
        "wire[1].carrier",
        "framesz=9136",
    ),
    broken(
        TWO,
        "[[wire]]\nname = \"a\"\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n",
        2,
        "wire[3].name",
        "rename one",
    ),
    // [[lcore]]
    broken(TWO, "[[lcore]]\nwires = [\"a\", \"b\"]\n", 1, "lcore[1].core", "add core = 1"),
    broken(TWO, "[[lcore]]\ncore = \"1\"\n", 2, "lcore[1].core", "remove the quotes: 1"),
    broken(TWO, "[[lcore]]\ncore = 1\n[[lcore]]\ncore = 1\n", 4, "lcore[2].core", "another core"),
    broken(TWO, "[[lcore]]\ncore = 1\nwires = [\"c\"]\n", 3, "lcore[1].wires", "[[wire]]"),
    broken(TWO, "[[lcore]]\ncore = 1\nwires = [\"a\", \"b\", \"a\"]\n", 3, "lcore[1].wires", "remove one"),
    broken(TWO, "[[lcore]]\ncore = 1\nwires = \"a\"\n", 3, "lcore[1].wires", "[\"a\"]"),
    broken(TWO, "[[lcore]]\ncore = 1\n[[lcore]]\ncore = 2\nwires = []\n", 5, "lcore[2].wires", "name a wire"),
    broken(
        TWO,
        "[[lcore]]\ncore = 1\nsignalling = true\n[[lcore]]\ncore = 2\nsignalling = true\n",
        6,
        "lcore[2].signalling",
        "one writer",
    ),
    broken(TWO, "[[lcore]]\ncore = 1\nwires = [\"a\"]\n", usize::MAX - 2, "wire[2]", "add \"b\""),
    // [eal]
    broken(MINIMAL, "[eal]\nmemory_mb = 512\n", 2, "eal.memory_mb", "write `memory_mib`"),
    broken(MINIMAL, "[eal]\nmemory_mib = 64\n[pool]\nmbufs = 200000\n", 2, "eal.memory_mib", "pool smaller"),
    broken(MINIMAL, "[eal]\nfile_prefix = \"x\"\n", 2, "eal.file_prefix", "hugepages = false"),
    broken(MINIMAL, "[eal]\nhugepages = false\nfile_prefix = \"a/b\"\n", 3, "eal.file_prefix", "plain name"),
    broken(MINIMAL, "[eal]\narguments = [\"--no-huge\"]\n", 2, "eal.arguments", "remove it here"),
    broken(
        MINIMAL,
        "[eal]\narguments = [\"--log-level=8\", \"-l1\"]\n",
        2,
        "eal.arguments",
        "remove it here",
    ),
    broken(MINIMAL, "[eal]\narguments = [\"--\", \"x\"]\n", 2, "eal.arguments", "not EAL's"),
    broken(MINIMAL, "[eal]\narguments = \"--iova-mode=va\"\n", 2, "eal.arguments", "[\"--iova-mode=va\"]"),
    broken(MINIMAL, "[eal]\ndevices = [\"eth9\"]\n", 2, "eal.devices", "iface=eth9"),
    // the rest
    broken(MINIMAL, "[idle]\nmode = \"pol\"\n", 2, "idle.mode", "write \"poll\""),
    broken(MINIMAL, "[idle]\nsleep_us = 100\n", 2, "idle.sleep_us", "mode = \"backoff\""),
    broken(MINIMAL, "[idle]\nmode = \"backoff\"\nsleep_us = 5000\n", 3, "idle.sleep_us", "1000 or less"),
    broken(
        MINIMAL,
        "[idle]\nmode = \"backoff\"\nsleep_us = 1000\n[secure_mode]\nhold_ms = 1\n",
        3,
        "idle.sleep_us",
        "write 500 or less",
    ),
    broken(MINIMAL, "[sip]\nheld = [1024]\n", 2, "sip.held", "write a number"),
    broken(MINIMAL, "[sip]\nfragments = 8\n", 2, "sip.fragments", "write 48 or more"),
    broken(MINIMAL, "[sip]\nwating = 8\n", 2, "sip.wating", "write `waiting`"),
    broken(MINIMAL, "[sip]\nlinger_s = 8\n", 2, "sip.linger_s", "move it into [calls]"),
    broken(MINIMAL, "[calls]\ncalls = 0\n", 2, "calls.calls", "write 1 or more"),
    broken(MINIMAL, "[calls]\nidle = 60\n", 2, "calls.idle", "write `idle_s`"),
    broken(
        MINIMAL,
        "[secure_mode]\nmask_key = \"*\"\n",
        2,
        "secure_mode.mask_key",
        "\"#\" or \"0\" or \"1\"",
    ),
    broken(MINIMAL, "[secure_mode]\nmask_key = 0\n", 2, "secure_mode.mask_key", "double quotes: \"0\""),
    broken(MINIMAL, "[secure_mode]\nhold_ms = 0\n", 2, "secure_mode.hold_ms", "write 1 or more"),
    broken(MINIMAL, "[pool]\nmbufs = 512\n", 2, "pool.mbufs", "write 10"),
    broken(MINIMAL, "[pool]\ncache = 1024\n", 2, "pool.cache", "write 512 or less"),
    broken(MINIMAL, "[admin]\nsocket = \"admin.sock\"\n", 2, "admin.socket", "whole path"),
    broken(MINIMAL, "[admin]\nsocket = \"/run/keyhush/\"\n", 2, "admin.socket", "of a file"),
    broken(MINIMAL, "[tenants]\ndirectory = \"\"\n", 2, "tenants.directory", "name a directory"),
    broken(MINIMAL, "[store]\ndirectory = 7\n", 2, "store.directory", "double quotes"),
    broken(MINIMAL, "[store]\npath = \"x\"\n", 2, "store.path", "remove it"),
    broken(MINIMAL, "[admin]\nport = 80\n", 2, "admin.port", "remove it"),
    // what is served
    broken(MINIMAL, AGENTS_WITHOUT_ADDRESS, 1, "agents.listen", "0.0.0.0:443"),
    broken(
        MINIMAL,
        "[agents]\nlisten = \"0.0.0.0:443\"\nkey = \"/k\"\n",
        1,
        "agents.certificate",
        "add: cert",
    ),
    broken(MINIMAL, "[agents]\nlisten = \"0.0.0.0:443\"\nkye = \"/k\"\n", 3, "agents.kye", "write `key`"),
    broken(MINIMAL, "[management]\nlisten = 9464\n", 2, "management.listen", "double quotes: \"9464\""),
    broken(MINIMAL, "[management]\nlisten = \":9464\"\n", 2, "management.listen", "\"0.0.0.0:9464\""),
    broken(MINIMAL, "[management]\nlisten = \"10.0.0.1\"\n", 2, "management.listen", "\"10.0.0.1:9464\""),
    broken(MINIMAL, "[management]\nlisten = \"::1\"\n", 2, "management.listen", "\"[::1]:9464\""),
    broken(MINIMAL, "[management]\nlisten = \"localhost:80\"\n", 2, "management.listen", "in figures"),
    broken(MINIMAL, "[management]\nlisten = \"10.0.0.1:0\"\n", 2, "management.listen", "a port"),
    broken(MINIMAL, "[recordings]\n", 1, "recordings.directory", "add: directory"),
    broken(MINIMAL, "[recordings]\n", 1, "recordings.master_key", "add: master_key"),
    broken(MINIMAL, "[recordings]\n", 1, "recordings.signing_key", "add: signing_key"),
    broken(RECORDINGS, "at_once = 0\n", 1, "recordings.at_once", "write 1 or more"),
    broken(RECORDINGS, "inbox = \"\"\n", 1, "recordings.inbox", "name a directory"),
    broken(RECORDINGS, "inbox = \"/r\"\n", 1, "recordings.inbox", "another directory"),
    broken(RECORDINGS, "pin_file = \"/p\"\n", 1, "recordings.pin_file", "pkcs11:"),
    broken(RECORDINGS, "time_stamps = \"ftp://a\"\n", 1, "recordings.time_stamps", "http:// or https://"),
    broken(RECORDINGS, "time_stamps = \"http://\"\n", 1, "recordings.time_stamps", "host"),
    broken(RECORDINGS, "time_stamps = \"http://a:0\"\n", 1, "recordings.time_stamps", "port"),
    broken(
        MINIMAL,
        "[recordings]\nmaster_key = \"pkcs11:object=m?module-path=/m.so\"\n",
        2,
        "recordings.master_key",
        "token=",
    ),
    broken(
        MINIMAL,
        "[recordings]\nmaster_key = \"pkcs11:token=t;object=m?pin-value=1\"\n",
        2,
        "recordings.master_key",
        "pin_file",
    ),
    broken(MINIMAL, "[management]\n", 1, "management.listen", "add: listen"),
    broken(AGENTS, "[management]\nlisten = \"0.0.0.0:443\"\n", 2, "management.listen", "another port"),
    broken(MINIMAL, "[agents]\nlisten = \"0.0.0.0:443\"\nkey = \"k.pem\"\n", 3, "agents.key", "whole path"),
    broken(MINIMAL, "[agents]\nkey = \"-----BEGIN PRIVATE KEY-----\"\n", 2, "agents.key", "into a file"),
];

#[test]
fn every_broken_file_is_answered_with_line_key_and_remedy() {
    assert!(FILES.len() >= 40);
    for Broken { before, text, line, key, remedy } in FILES {
        let file = format!("{before}{text}");
        let expected = (before.lines().count()).wrapping_add(*line);
        let found = problems(&file);
        let hit = found.iter().any(|problem| {
            problem.line == expected && problem.key == *key && problem.remedy.contains(remedy)
        });
        assert!(hit, "expected line {expected}, {key}, {remedy}\nof {file}\nfound {found:#?}");
        assert!(found.iter().all(|problem| !problem.found.is_empty() && !problem.expected.is_empty()));
    }
}

/// A mistake is told once, not in every place that it reaches.
#[test]
fn one_mistake_is_one_answer() {
    for Broken { before, text, .. } in FILES {
        let whole = before.starts_with(MINIMAL) || before.starts_with(TWO);
        if whole && !text.starts_with('[') || text.starts_with("[secure") || text.starts_with("[calls") {
            let found = problems(&format!("{before}{text}"));
            assert_eq!(found.len(), 1, "{text}{found:#?}");
        }
    }
}

#[test]
fn too_many_wires_or_lcores_are_refused() {
    let wire =
        |n: usize| format!("[[wire]]\ncarrier = \"net_null{n}\"\ncustomer = \"net_null{}\"\n", n + 100);
    let text: String = (0..17).map(wire).collect();
    let found = problems(&text);
    assert_eq!((found.len(), found[0].line), (1, 16 * 3 + 1), "{found:#?}");
    let lcores: String = (0..129).map(|core| format!("[[lcore]]\ncore = {core}\n")).collect();
    let found = problems(&format!("{PORTS}{MINIMAL}{lcores}"));
    assert!(found.iter().any(|problem| problem.key == "lcore"), "{found:#?}");
}
