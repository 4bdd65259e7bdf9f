//! Directories: `[tenants]` and `[store]`. What is no whole path lies beside the settings file.

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
    read_directory(document, &section, beside)
}

pub(super) fn read_store(document: &mut Document<'_>, root: &Section<'_, '_>, beside: &Path) -> Store {
    let usual = || PathBuf::from(Store::DIRECTORY);
    let Some(section) = root.table(document, "store") else { return Store { directory: usual() } };
    only(document, &section, "[store]");
    Store { directory: read_directory(document, &section, beside).unwrap_or_else(usual) }
}

fn read_directory(document: &mut Document<'_>, section: &Section<'_, '_>, beside: &Path) -> Option<PathBuf> {
    let (path, span) = section.text(document, "directory")?;
    if path.is_empty() || path.contains('\0') {
        document.problem(
            span,
            section.path("directory"),
            format!("\"{}\"", path.escape_debug()),
            "the path of a directory, whole or from the settings file's own",
            "name a directory, or remove the line",
        );
    }
    Some(beside.join(path))
}
