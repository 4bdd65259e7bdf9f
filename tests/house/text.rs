//! What files may hold.

use std::path::Path;

use handover::Counter;

use crate::sources::{code, files, has_word, root, rust_files, text};

/// The roots of crates that forbid `unsafe` for good.
const SAFE_ROOMS: &[&str] = &[
    "src/wire/src/lib.rs",
    "src/g722/src/lib.rs",
    "src/recording/src/lib.rs",
    "src/handover/src/lib.rs",
    "src/tap/src/lib.rs",
    "src/settings/src/lib.rs",
    "src/calls/src/lib.rs",
    "src/mask/src/lib.rs",
    "src/pipeline/src/lib.rs",
    "src/replay/src/lib.rs",
    "src/payment/src/lib.rs",
    "src/control/src/lib.rs",
    "tests/src/lib.rs",
];

/// Where `unsafe` may be (DESIGN section 6): bindings, NIC, vector kernels, locked pages, and the foreign-function and
/// allocator files of `tests` and `perf`.
const UNSAFE_MAY_BE_IN: &[&str] = &[
    "dpdk-bindings/",
    "src/nic/",
    "src/lanes/",
    "src/secret/src/locked.rs",
    "perf/",
    "tests/tones/spandsp.rs",
    "tests/property/allocator.rs",
];

/// The longest file, in lines.
const LONGEST_FILE: usize = 600;
/// Files that are longer, and how long they may be. The numbers may only shrink.
const LONG_FILES: &[(&str, usize)] = &[];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "manager", "common", "misc"];

fn is_in(path: &Path, places: &[&str]) -> bool {
    let path = path.to_str().unwrap_or_default();
    places.iter().any(|place| path.starts_with(place))
}

#[test]
fn safe_rooms_forbid_unsafe_code() {
    for room in SAFE_ROOMS {
        let text = text(Path::new(room));
        assert!(text.contains("#![forbid(unsafe_code)]"), "{room} does not forbid unsafe code");
    }
}

#[test]
fn unsafe_is_only_where_it_may_be() {
    for (path, text) in rust_files() {
        let allowed = is_in(&path, UNSAFE_MAY_BE_IN);
        assert!(allowed || !has_word(&code(&text), "unsafe"), "{} has unsafe code", path.display());
    }
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    for (path, text) in rust_files() {
        let written: Vec<&str> = text.lines().collect();
        for (number, line) in code(&text).lines().enumerate() {
            if !has_word(line, "unsafe") || line.contains("unsafe fn") || line.contains("unsafe extern") {
                continue;
            }
            let first = number.saturating_sub(12);
            let is_told = written[first..=number].iter().any(|line| line.contains("SAFETY:"));
            assert!(is_told, "{}:{}: unsafe without a SAFETY comment", path.display(), number + 1);
        }
    }
}

#[test]
fn only_the_masker_releases() {
    for (path, text) in rust_files() {
        let allowed = is_in(&path, &["src/mask/", "src/tap/"]);
        assert!(allowed || !has_word(&code(&text), "by_masker"), "{} makes a Released", path.display());
    }
}

#[test]
fn files_stay_readable() {
    for (path, text) in rust_files() {
        let lines = text.lines().count();
        let listed = LONG_FILES.iter().find(|(listed, _)| Path::new(listed) == path);
        let longest = listed.map_or(LONGEST_FILE, |(_, longest)| *longest);
        assert!(lines <= longest, "{} has {lines} lines, more than {longest}", path.display());
    }
    for (listed, longest) in LONG_FILES {
        let lines = text(Path::new(listed)).lines().count();
        assert!(
            lines > LONGEST_FILE,
            "{listed} has shrunk to {lines} lines from {longest}: take it off the list"
        );
    }
}

#[test]
fn names_say_something() {
    for path in files() {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let folder =
            path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        assert!(!EMPTY_NAMES.contains(&name), "{} says nothing by its name", path.display());
        assert!(!EMPTY_NAMES.contains(&folder), "{} lies in a folder that says nothing", path.display());
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // In parts, so that this file does not find itself.
    let folders = ["home", "root", "work", "Users"];
    for path in files() {
        let text = text(&path);
        for folder in folders {
            let found = text.find(&format!("/{folder}/")).map(|at| text[..at].lines().count());
            assert!(found.is_none(), "{}:{}: a path of this machine", path.display(), found.unwrap_or(0));
        }
    }
    assert!(root().join("Cargo.toml").is_file());
}

#[test]
fn every_counter_is_counted_somewhere() {
    let users: Vec<String> = rust_files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src") && !path.starts_with("src/handover"))
        .filter(|(path, _)| {
            !path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
        })
        .map(|(_, text)| code(&text))
        .collect();
    for counter in Counter::ALL {
        let name = format!("Counter::{counter:?}");
        assert!(users.iter().any(|code| counts(code, &name)), "{name} is counted nowhere");
    }
}

/// Whether code outside its tests uses the counter for more than to read it.
fn counts(code: &str, name: &str) -> bool {
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut parts = code.split(name).peekable();
    while let (Some(before), Some(after)) = (parts.next(), parts.peek()) {
        let is_whole = !after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        if is_whole && !before.ends_with(".get(") && !before.ends_with(".counter(") {
            return true;
        }
    }
    false
}
