//! Captures and messages that nobody here made, wherever `KEYHUSH_CORPUS` says that they are.

use std::path::{Path, PathBuf};

/// The files of a folder of the corpus, sorted; `None`, with a word to the reader, where there is no corpus.
pub fn files(folder: &str) -> Option<Vec<PathBuf>> {
    let Some(corpus) = std::env::var_os("KEYHUSH_CORPUS") else {
        eprintln!("skipped: KEYHUSH_CORPUS does not say where the corpus is");
        return None;
    };
    let folder = Path::new(&corpus).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    Some(files)
}
