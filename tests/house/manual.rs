//! What the manual says is so.

use std::path::Path;

use handover::Counter;

use crate::sources::{files, root, text};

#[test]
fn every_counter_is_in_the_manual() {
    let manual = text(Path::new("docs/operate.md"));
    let (_, table) = manual.split_once("## Every counter").expect("the chapter of the counters");
    let told: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let rows: Vec<String> =
        Counter::ALL.iter().map(|counter| format!("| `{}` | {} |", counter.name(), counter.help())).collect();
    assert!(told == rows, "docs/operate.md, \"Every counter\", should say:\n{}", rows.join("\n"));
}

#[test]
fn counters_that_the_manual_names_are_counted() {
    let manual = text(Path::new("docs/operate.md"));
    let (_, after) = manual.split_once("## Counters that want attention").expect("the chapter");
    let (chapter, _) = after.split_once("\n## ").expect("a chapter after it");
    let named: Vec<&str> = chapter
        .lines()
        .filter_map(|row| row.strip_prefix("| ")?.split(" | ").next())
        .flat_map(quoted)
        .collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(Counter::ALL.iter().any(|counter| counter.name() == name), "no counter is called {name}");
    }
}

/// Files move; what a page points to must be there.
#[test]
fn files_that_the_pages_name_are_there() {
    let pages =
        files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut named = 0;
    for page in pages {
        let text = text(&page);
        let folder = page.parent().expect("a file lies in a folder");
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(root().join(folder).join(file).exists(), "{} points to {link}", page.display());
            named += 1;
        }
        let rooms = ["src/", "tests/", "perf/", "config/", "dpdk-bindings/", "docs/"];
        for path in quoted(&text).filter(|path| rooms.iter().any(|room| path.starts_with(room))) {
            assert!(root().join(path).exists(), "{} names {path}", page.display());
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}

/// What stands between backticks on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2))
}
