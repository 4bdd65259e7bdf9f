//! `keyhush check`, and what else the settings decide.

use crate::{Directory, keyhush, text};

const ANNOTATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/keyhush.toml");

#[test]
fn the_annotated_settings_are_right() {
    let said = keyhush(["check", "--config", ANNOTATED]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("nothing is wrong") && said.out.contains("1 wire, 1 lcore, 0 tenants\n"),
        "{said:?}"
    );
    let said = keyhush(["check", "--json", "--config", ANNOTATED]);
    let answer: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(answer["right"], true);
    assert_eq!(answer["eal_arguments"][1], "--lcores=0@0");
}

#[test]
fn wrong_settings_are_answered_with_line_key_and_remedy() {
    let directory = Directory::new();
    let file =
        directory.file("box.toml", "[[wire]]\ncarrier = \"eth0\"\ncustomer = \"03:00.1\"\nmut = 1500\n");
    let said = keyhush(["check", "--config", text(&file)]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("box.toml:2:11: wire[1].carrier: \"eth0\""), "{said:?}");
    assert!(said.err.contains("box.toml:4:1: wire[1].mut"), "{said:?}");
    assert!(said.err.contains("remedy:   write `mtu`"), "{said:?}");
    let said = keyhush(["check", "--json", "--config", text(&file)]);
    assert_eq!((said.code, said.err.as_str()), (3, ""));
    let answer: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(answer["problems"][1]["key"], "wire[1].mut");
    assert_eq!(answer["problems"][1]["line"], 4);
}

const PORTS: &str = "[[wire]]\ncarrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n";
const TENANT: &str =
    "numbers = [\"+442079460123\"]\n[psp]\nkind = \"sandbox\"\nendpoint = \"https://localhost:9443\"\n";

#[test]
fn tenants_are_checked_with_the_settings() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path("tenants")).expect("a directory");
    let file = directory.file("box.toml", format!("{PORTS}[tenants]\ndirectory = \"tenants\"\n"));
    directory.file("tenants/one.toml", TENANT);
    let said = keyhush(["check", "--config", text(&file)]);
    assert!(said.code == 0 && said.out.contains("1 lcore, 1 tenant\n"), "{said:?}");
    directory.file("tenants/two.toml", TENANT);
    directory.file("tenants/three.toml", "numbers = [\"0207\"]\n");
    let said = keyhush(["check", "--config", text(&file)]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(
        said.err.contains("tenants/two.toml:1:12: numbers: \"+442079460123\", which one.toml has"),
        "{said:?}"
    );
    assert!(said.err.contains("tenants/three.toml:1:12: numbers: \"0207\""), "{said:?}");
    let said = keyhush(["check", "--json", "--config", text(&file)]);
    let answer: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.code, answer["problems"].as_array().map(Vec::len)), (3, Some(3)), "{said:?}");
    assert!(
        answer["problems"][0]["file"].as_str().is_some_and(|file| file.ends_with("three.toml")),
        "{said:?}"
    );
    let said = keyhush(["run", "--config", text(&file)]);
    assert_eq!(said.code, 3, "{said:?}");
}

#[test]
fn wrong_settings_start_nothing() {
    let directory = Directory::new();
    let file = directory.file("box.toml", "[admin]\nsocket = \"x\"\n");
    for arguments in [["run", "--config"], ["calls", "--config"], ["stats", "--config"]] {
        let said = keyhush(arguments.into_iter().chain([text(&file)]));
        assert_eq!(said.code, 3, "{said:?}");
        assert!(said.err.contains("admin.socket"), "{said:?}");
    }
    let said = keyhush(["run", "--config", "/nonexistent"]);
    assert_eq!(said.code, 3, "{said:?}");
}

#[test]
fn a_wrong_command_line_is_2_and_the_codes_are_in_the_help() {
    assert_eq!(keyhush(["secure", "a@b", "maybe"]).code, 2);
    assert_eq!(keyhush(["replay", "x", "--carrier", "no", "-o", "y"]).code, 2);
    assert_eq!(keyhush(["replay", "x", "--carrier", "::/0", "--mask-key", "7", "-o", "y"]).code, 2);
    assert_eq!(keyhush([] as [&str; 0]).code, 2);
    let said = keyhush(["--help"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("3  the settings file"), "{said:?}");
}

#[cfg(not(feature = "dpdk"))]
#[test]
fn without_dpdk_run_says_so() {
    let said = keyhush(["run", "--config", ANNOTATED]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("built without DPDK"), "{said:?}");
}

/// The features' own promise: without them nothing of DPDK is built, and digits cannot be revealed.
#[test]
fn without_default_features_there_is_no_dpdk() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "keyhush", "--no-default-features", "--edges", "all"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(tree.stdout).expect("text");
    assert!(tree.contains("settings v"), "{tree}");
    assert!(!tree.contains("dpdk-sys") && !tree.contains("bindgen") && !tree.contains("nic v"), "{tree}");
}
