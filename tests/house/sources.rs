//! The tree as it lies on the disk, and a Rust file without its comments and strings.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the repository").to_owned()
}

/// Every file of the tree by its path from the root, build products and version control aside.
pub(crate) fn files() -> Vec<PathBuf> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if matches!(name, ".git" | "target" | "Cargo.lock") {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.is_file() {
                files.push(path.strip_prefix(&root).expect("below the root").to_owned());
            }
        }
    }
    files.sort();
    files
}

/// The Rust files among them, with their text.
pub(crate) fn rust_files() -> Vec<(PathBuf, String)> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files().into_iter().filter(is_rust).map(|path| (path.clone(), text(&path))).collect()
}

/// The text of a file; bytes that are no UTF-8 are replaced.
pub(crate) fn text(path: &Path) -> String {
    let bytes = fs::read(root().join(path)).expect("a file");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A Rust file's code: comments and the insides of strings and characters become spaces, lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = at + comment(rest).or_else(|| string(rest)).or_else(|| character(rest)).unwrap_or(0);
        if end > at {
            code.extend(text[at..end].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            let letter = rest.chars().next().expect("not at the end");
            code.push(letter);
            at += letter.len_utf8();
        }
    }
    code
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let inside = text.strip_prefix("/*")?;
    Some(inside.find("*/").map_or(text.len(), |end| end + 4))
}

fn string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
    if let Some(hashes) = hashes
        && text[1 + hashes..].starts_with('"')
    {
        let close = format!("\"{}", "#".repeat(hashes));
        let start = 2 + hashes;
        return Some(text[start..].find(&close).map_or(text.len(), |end| start + end + close.len()));
    }
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    });
    Some(end.map_or(text.len(), |end| end + 2))
}

/// A character, but not a lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let mut letters = inside.char_indices();
    let (_, first) = letters.next()?;
    if first == '\\' {
        return inside[2..].find('\'').map(|end| end + 4);
    }
    letters.next().filter(|(_, second)| *second == '\'').map(|(at, _)| at + 2)
}

/// Whether `word` occurs in the code as a word of its own.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part))
}

#[test]
fn comments_and_strings_are_no_code() {
    let text = "let a = \"unsafe \\\" unsafe\"; // unsafe\nlet b = r#\"unsafe\"#; /* unsafe */ let c: &'static str = '\"';\nlet d = '\\'';";
    let code = code(text);
    assert!(!has_word(&code, "unsafe"), "{code}");
    assert!(has_word(&code, "static") && has_word(&code, "d"), "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(has_word("unsafe { }", "unsafe") && !has_word("#![forbid(unsafe_code)]", "unsafe"));
}
