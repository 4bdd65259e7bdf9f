//! Who may use whom (DESIGN section 6). What is not listed is barred.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::sources::root;

/// Each room and the rooms that it may use. `recording` must never see `secret` or `mask`; `pipeline` and `replay` know `secret`
/// only to have digits sealed, and `replay` knows `calls` to choose its limits.
const DOORS: &[(&str, &[&str])] = &[
    ("dpdk-sys", &[]),
    ("wire", &[]),
    ("secret", &[]),
    ("lanes", &[]),
    ("g722", &[]),
    ("handover", &["secret"]),
    ("tap", &["wire"]),
    ("settings", &["secret"]),
    ("calls", &["wire", "handover"]),
    ("mask", &["wire", "secret", "handover", "tap", "lanes", "g722"]),
    ("pipeline", &["wire", "calls", "mask", "handover", "tap", "lanes", "secret"]),
    ("nic", &["dpdk-sys", "wire"]),
    ("replay", &["pipeline", "wire", "calls", "handover", "secret"]),
    ("payment", &["secret", "handover"]),
    ("recording", &["tap", "wire", "g722"]),
    ("control", &["settings", "payment", "recording", "secret", "handover"]),
];

/// Crates that put everything together and may use every room.
const MAY_USE_ALL: &[&str] = &["keyhush", "keyhush-tests", "keyhush-perf"];

/// Rooms that read the network's bytes with nothing but the standard library.
const WITHOUT_FOREIGN_CRATES: &[&str] = &["wire", "tap"];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().expect("a name")
}

/// What a package uses when it is built; what only its tests use is its own affair.
fn uses(package: &Value) -> impl Iterator<Item = &Value> {
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    dependencies.iter().filter(|dependency| dependency["kind"].as_str() != Some("dev"))
}

#[test]
fn every_room_uses_only_the_rooms_it_may() {
    let packages = packages();
    let rooms: BTreeSet<&str> = packages.iter().map(name).collect();
    let doors: BTreeMap<_, _> = DOORS.iter().copied().collect();
    for package in &packages {
        let room = name(package);
        if MAY_USE_ALL.contains(&room) {
            continue;
        }
        let Some(doors) = doors.get(room) else { panic!("{room} is a room that the house does not know") };
        for used in uses(package).map(name).filter(|used| rooms.contains(used)) {
            assert!(doors.contains(&used), "{room} uses {used}, which it may not (DESIGN section 6)");
        }
    }
}

#[test]
fn what_is_barred_stays_barred_through_other_rooms() {
    let packages = packages();
    let mut reach: BTreeSet<&str> = BTreeSet::from(["recording"]);
    for _ in 0..packages.len() {
        let used = packages.iter().filter(|package| reach.contains(name(package))).flat_map(uses).map(name);
        let further: Vec<&str> = used.collect();
        reach.extend(further);
    }
    assert!(!reach.contains("secret") && !reach.contains("mask"), "recording reaches what it must never see");
}

#[test]
fn rooms_that_meet_the_network_first_use_no_foreign_crates() {
    let packages = packages();
    let rooms: BTreeSet<&str> = packages.iter().map(name).collect();
    for package in packages.iter().filter(|package| WITHOUT_FOREIGN_CRATES.contains(&name(package))) {
        for used in uses(package).map(name) {
            assert!(rooms.contains(used), "{} uses the crate {used}", name(package));
        }
    }
}

#[test]
fn every_package_takes_the_workspaces_lints() {
    for package in packages() {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let text = std::fs::read_to_string(manifest).expect("a manifest");
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest} leaves the workspace's lints out");
    }
}
