//! Broken tenants, each with the answer that its writer gets: the line, the key, and what the remedy must say.

use super::{Directory, PSP};

const NUMBERS: &str = "numbers = [\"+442071838750\"]\n";

/// What stands before the mistake, the lines with the mistake, the line of the answer counted from the first of them, the key, and
/// what the remedy says.
type Broken = (&'static str, &'static str, usize, &'static str, &'static str);

const FILES: &[Broken] = &[
    ("", "# nothing\n", 1, "numbers", "numbers = ["),
    ("", "# nothing\n", 1, "psp", "[psp]"),
    (NUMBERS, "nmae = \"x\"\n", 1, "nmae", "write `name`"),
    (NUMBERS, "name = \"\"\n", 1, "name", "Example Ltd"),
    (NUMBERS, "mask_key = \"0\"\n", 1, "mask_key", "move it into [secure_mode]"),
    (NUMBERS, "[weather]\n", 1, "weather", "remove it"),
    (NUMBERS, "[secure_mode]\nmask_key = \"*\"\n", 2, "secure_mode.mask_key", "\"#\" or \"0\" or \"1\""),
    (NUMBERS, "[secure_mode]\nhold_ms = 5\n", 2, "secure_mode.hold_ms", "remove it"),
    (NUMBERS, "[reference]\nlength = 4\n", 2, "reference.length", "write 5 or more"),
    (NUMBERS, "[reference]\nprefix_key = \"1\"\n", 2, "reference.prefix_key", "\"*\" or \"#\""),
    (NUMBERS, "[pan_display]\nfirst_eight = true\n", 2, "pan_display.first_eight", "remove it"),
    (NUMBERS, "[pan_display]\nfirst_six = \"yes\"\n", 2, "pan_display.first_six", "write true"),
    (NUMBERS, "[keying]\nissue = 1\n", 2, "keying.issue", "write true"),
    (NUMBERS, "[recording]\nrecord = \"on\"\n", 2, "recording.record", "write true"),
    (NUMBERS, "[recording]\nkeep_months = 0\n", 2, "recording.keep_months", "write 1 or more"),
    (
        NUMBERS,
        "[recording]\nrecord = true\nkeep_months = 241\n",
        3,
        "recording.keep_months",
        "write 240 or less",
    ),
    (
        NUMBERS,
        "[recording]\nrecord = true\nsuspend_most_s = 9\n",
        3,
        "recording.suspend_most_s",
        "10 or more",
    ),
    (NUMBERS, "[recording]\nrecord = true\nsuspend_keys = \"*\"\n", 3, "recording.suspend_keys", "\"**\""),
    (
        NUMBERS,
        "[recording]\nrecord = true\nsuspend_keys = \"*******\"\n",
        3,
        "recording.suspend_keys",
        "\"**\"",
    ),
    (NUMBERS, "[recording]\nrecord = true\nsuspend_keys = \"*A\"\n", 3, "recording.suspend_keys", "\"**\""),
    (
        NUMBERS,
        "[recording]\nrecord = true\nsuspend_keys = \"77\"\n",
        3,
        "recording.suspend_keys",
        "* or # before",
    ),
    (NUMBERS, "[recording]\nsuspend_keys = \"**\"\n", 2, "recording.suspend_keys", "record = true"),
    (
        NUMBERS,
        "[reference]\nprefix_key = \"*\"\n[recording]\nrecord = true\nsuspend_keys = \"*7\"\n",
        5,
        "recording.suspend_keys",
        "another key",
    ),
    (NUMBERS, "[page]\nframe_origins = [\"http://a\"]\n", 2, "page.frame_origins", "https://"),
    (
        NUMBERS,
        "[page]\nframe_origins = [\"https://a.b/\"]\n",
        2,
        "page.frame_origins",
        "write \"https://a.b\"",
    ),
    (
        NUMBERS,
        "[page]\nframe_origins = [\"https://a.b:443/c\"]\n",
        2,
        "page.frame_origins",
        "write \"https://a.b\"",
    ),
    (NUMBERS, "[page]\nframe_origins = [\"https://*.b\"]\n", 2, "page.frame_origins", "host"),
    (NUMBERS, "[page]\nframe_origins = [\"https://a; script-src *\"]\n", 2, "page.frame_origins", "host"),
    (NUMBERS, "[page]\nframe_origins = \"https://a\"\n", 2, "page.frame_origins", "[\"https://a\"]"),
    ("", "numbers = \"+44\"\n", 1, "numbers", "[\"+44\"]"),
    ("", "numbers = [\n\"02071838750\"]\n", 2, "numbers", "country code"),
    ("", "numbers = [\"00442071838750\"]\n", 1, "numbers", "\"+442071838750\""),
    ("", "numbers = [\"+0442071838750\"]\n", 1, "numbers", "+442071838750-59"),
    ("", "numbers = [\"+*\"]\n", 1, "numbers", "+44207183*"),
    ("", "numbers = [\"+44-\"]\n", 1, "numbers", "+442071838750-59"),
    ("", "numbers = [\"+44-5-6\"]\n", 1, "numbers", "+442071838750-59"),
    ("", "numbers = [\"+44-5*\"]\n", 1, "numbers", "+442071838750-59"),
    ("", "numbers = [\"+44…\"]\n", 1, "numbers", "+442071838750-59"),
    ("", "numbers = [\"+4420718387501234\"]\n", 1, "numbers", "does not belong"),
    ("", "numbers = [\"+442071838759-50\"]\n", 1, "numbers", "\"+442071838750-59\""),
    ("", "numbers = [\"+442-4423\"]\n", 1, "numbers", "last digits"),
];

/// What stands below the numbers, the line of the answer in the whole file, the key, and what the remedy says.
const PSPS: &[(&str, usize, &str, &str)] = &[
    ("kind = \"strype\"\n", 3, "psp.kind", "\"stripe\""),
    ("endpoint = \"https://a\"\n", 2, "psp.kind", "kind = \"sandbox\""),
    ("kind = \"sandbox\"\n", 2, "psp.endpoint", "https://127.0.0.1"),
    ("kind = \"sandbox\"\nendpoint = \"http://a\"\n", 4, "psp.endpoint", "https://"),
    ("kind = \"sandbox\"\nendpoint = \"https://\"\n", 4, "psp.endpoint", "host"),
    ("kind = \"sandbox\"\nendpoint = \"https://u:p@a\"\n", 4, "psp.endpoint", "port"),
    ("kind = \"sandbox\"\nendpoint = \"https://a:0\"\n", 4, "psp.endpoint", "1 to 65535"),
    ("kind = \"sandbox\"\nendpoint = \"https://[::g]\"\n", 4, "psp.endpoint", "host"),
    ("kind = \"sandbox\"\nendpoint = \"https://a/b?c\"\n", 4, "psp.endpoint", "plain path"),
    ("kind = \"sandbox\"\nendpoint = \"https://a/../b\"\n", 4, "psp.endpoint", "plain path"),
    ("kind = \"stripe\"\n", 2, "psp.credentials", "0600"),
    ("kind = \"stripe\"\ncredentials = \"none.key\"\n", 4, "psp.credentials", "never stands in this file"),
    ("kind = \"stripe\"\ncredentials = \"open.key\"\n", 4, "psp.credentials", "chmod 600"),
    ("kind = \"stripe\"\ncredentials = \"group.key\"\n", 4, "psp.credentials", "chmod 600"),
    ("kind = \"stripe\"\ncredentials = \"lines.key\"\n", 4, "psp.credentials", "nothing else"),
    ("kind = \"stripe\"\ncredentials = \"empty.key\"\n", 4, "psp.credentials", "nothing else"),
    ("kind = \"stripe\"\ncredentials = \".\"\n", 4, "psp.credentials", "name a file"),
    (
        "kind = \"adyen\"\ncredentials = \"good.key\"\nendpoint = \"https://a\"\n",
        2,
        "psp.account",
        "add account",
    ),
    ("kind = \"adyen\"\ncredentials = \"good.key\"\naccount = \"A\"\n", 2, "psp.endpoint", "adyen.com/v72"),
    ("kind = \"stripe\"\ncredentials = \"good.key\"\naccount = \"a b\"\n", 5, "psp.account", "copy it"),
    (
        "kind = \"stripe\"\ncredentials = \"good.key\"\nauthorities = \"no.pem\"\n",
        5,
        "psp.authorities",
        "PEM",
    ),
    ("kind = \"stripe\"\ncredentials = \"good.key\"\nmerchant = \"a\"\n", 5, "psp.merchant", "remove it"),
];

fn answered(text: &str, line: usize, key: &str, remedy: &str, most: usize) {
    let directory = Directory::new();
    directory.secret("good.key", "sk_test", 0o600).secret("open.key", "sk_test", 0o644);
    directory.secret("group.key", "sk_test", 0o640).secret("lines.key", "sk\ntest", 0o600).secret(
        "empty.key",
        "\n",
        0o600,
    );
    let found = directory.file("one.toml", text).problems();
    let hit = found
        .iter()
        .any(|(_, problem)| problem.line == line && problem.key == key && problem.remedy.contains(remedy));
    assert!(hit, "expected line {line}, {key}, {remedy}\nof {text}\nfound {found:#?}");
    assert!(found.iter().all(|(_, problem)| !problem.found.is_empty() && !problem.expected.is_empty()));
    assert!(found.len() <= most, "one mistake is one answer: {text}{found:#?}");
}

#[test]
fn every_broken_tenant_is_answered_with_line_key_and_remedy() {
    for (before, text, line, key, remedy) in FILES {
        let rest = if *text == "# nothing\n" { "" } else { PSP };
        answered(&format!("{before}{text}{rest}"), before.lines().count() + line, key, remedy, 2);
    }
    for (text, line, key, remedy) in PSPS {
        answered(&format!("{NUMBERS}[psp]\n{text}"), *line, key, remedy, 2);
    }
}
