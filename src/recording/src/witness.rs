//! A witness: a directory, best of another owner on another machine, in which each signed head of the ledger is kept. Who
//! keeps a head can show later that entries before it were removed or exchanged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::ledger::Head;
use crate::time_stamp::Query;

/// How the names of the files end.
const ENDING: &str = "head";
/// How those of an authority's answers end, and those of the queries that they answer, as OpenSSL calls them.
const STAMP: &str = "tsr";
const QUERY: &str = "tsq";
/// Who hands out heads, and who has them stamped, may come with the same one at a time.
static WRITING: Mutex<()> = Mutex::new(());
/// More bytes than a head has.
const LONGEST: u64 = 4_096;

/// Keeps a head, as `LEDGER-SIZE-TIME.head`; answers its file. One that is kept already is left as it is.
///
/// # Errors
/// The system's own; that the file is there and holds another head.
pub fn keep(directory: &Path, head: &Head) -> io::Result<PathBuf> {
    let path = directory.join(format!("{}-{:012}-{:016}.{ENDING}", head.ledger.as_str(), head.size, head.at));
    write_whole(&path, &head.to_bytes())?;
    Ok(path)
}

/// Where the authority's time stamp of a kept head is, if it has one.
pub fn stamp_of(head: &Path) -> PathBuf {
    head.with_extension(STAMP)
}

/// Where the query is that the stamp of a kept head answers.
pub fn query_of(head: &Path) -> PathBuf {
    head.with_extension(QUERY)
}

/// Keeps an authority's answer beside the head that it stamps, and the query that it answers. A head has one stamp.
///
/// # Errors
/// The system's own; that another one is kept.
pub fn keep_stamp(head: &Path, query: &Query, answer: &[u8]) -> io::Result<()> {
    let (asked, stamp) = (query_of(head), stamp_of(head));
    if !stamp.exists() {
        // Of a query whose answer was never kept.
        match fs::remove_file(&asked) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => (),
        }
    }
    write_whole(&asked, &query.to_bytes())?;
    write_whole(&stamp, answer)
}

/// Writes a file whole or not at all, and never over another: a witness that can be written over is none.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let (new, directory) = (PathBuf::from(new), path.parent().unwrap_or(path));
    // The directory is somebody else's: a link that lies there must not have us write where only we may.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = fs::hard_link(&new, path);
    fs::remove_file(&new)?;
    match linked {
        Ok(()) => File::open(directory)?.sync_all()?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if fs::read(path)? != bytes {
                return Err(io::Error::new(ErrorKind::AlreadyExists, "another one is kept there"));
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The heads that are kept in a directory, with their files, in the order of their names; a file that holds none is told with `None`.
///
/// # Errors
/// The system's own.
pub fn kept(directory: &Path) -> io::Result<Vec<(PathBuf, Option<Head>)>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let is_small = fs::metadata(&path)?.len() <= LONGEST;
        let bytes = if is_small { fs::read(&path)? } else { Vec::new() };
        Ok((path, Head::from_bytes(&bytes).ok()))
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Word;
    use crate::keys::SigningKey;
    use crate::ledger::{InMemory, Ledger};

    #[test]
    fn nothing_is_written_through_a_link_of_the_witness() {
        let root = std::env::temp_dir().join(format!("keyhush-witness-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let directory = root.join("heads");
        fs::create_dir_all(&directory).unwrap();
        let mut ledger = Ledger::open(Word::new("box").unwrap(), InMemory::default()).unwrap();
        let head = ledger.sign_head(7, &SigningKey::from_seed(&[1; 32])).unwrap();
        let precious = root.join("precious");
        fs::write(&precious, "ours").unwrap();
        std::os::unix::fs::symlink(&precious, directory.join("box-000000000000-0000000000000007.head.new"))
            .unwrap();
        let path = keep(&directory, &head).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "ours");
        assert_eq!(fs::read(path).unwrap(), head.to_bytes());
        fs::remove_dir_all(&root).unwrap();
    }
}
