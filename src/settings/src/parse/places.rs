//! Directories and files: those of `[tenants]`, `[store]` and `[cards]`, and how others are read. What is no whole path lies beside the settings file.

use std::path::{Path, PathBuf};

use super::only;
use crate::document::{Document, Section};
use crate::model::Store;

pub(super) fn read_tenants(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    beside: &Path,
) -> Option<PathBuf> {
    let section = root.table(document, "tenants")?;
    only(document, &section, "[tenants]");
    read_place(document, &section, "directory", beside)
}

pub(super) fn read_cards(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    beside: &Path,
) -> Option<PathBuf> {
    let section = root.table(document, "cards")?;
    only(document, &section, "[cards]");
    read_place(document, &section, "brands", beside)
}

pub(super) fn read_store(document: &mut Document<'_>, root: &Section<'_, '_>, beside: &Path) -> Store {
    let usual = || PathBuf::from(Store::DIRECTORY);
    let Some(section) = root.table(document, "store") else { return Store { directory: usual() } };
    only(document, &section, "[store]");
    Store { directory: read_place(document, &section, "directory", beside).unwrap_or_else(usual) }
}

/// A directory or a file. Whether it is there is seen by who uses it: settings are checked on other machines too.
pub(super) fn read_place(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    key: &str,
    beside: &Path,
) -> Option<PathBuf> {
    let (path, span) = section.text(document, key)?;
    if path.is_empty() || path.contains('\0') {
        let is_directory = matches!(key, "directory" | "inbox" | "witness");
        let what = if is_directory { "directory" } else { "file" };
        document.problem(
            span,
            section.path(key),
            format!("\"{}\"", path.escape_debug()),
            format!("the path of a {what}, whole or from the settings file's own"),
            format!("name a {what}, or remove the line"),
        );
    }
    Some(beside.join(path))
}
