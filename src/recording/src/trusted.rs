//! The keys that a verifier trusts, from files: public keys in PEM, and documents by which one follows another.

use core::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::document::Malformed;
use crate::keys::{Distrust, KeyFault, PublicKey, RollOver, Trust};

/// More bytes than a key or a roll-over has.
const LONGEST: u64 = 4_096;
/// How a public key's file ends in a directory.
pub const PUBLIC: &str = "pub";
/// How else: where a secret key has this ending too, it is passed over.
const PEM: &str = "pem";
/// How a roll-over's file ends in a directory.
pub const ROLL_OVER: &str = "roll-over";

/// A file or directory of keys does not serve.
#[derive(Debug)]
pub struct TrustFault {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why a file of keys does not serve.
#[derive(Debug)]
pub enum Why {
    /// It cannot be read.
    Io(io::Error),
    /// It holds no public key.
    Key(KeyFault),
    /// It is no roll-over.
    RollOver(Malformed),
    /// The roll-over cannot be followed: nothing given is trusted to name its successor, or its signatures are wrong.
    Distrust(Distrust),
    /// The directory holds no key.
    Empty,
}

impl fmt::Display for TrustFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.why {
            Why::Io(error) => write!(f, "{path}: {error}"),
            Why::Key(fault) => write!(f, "{path}: {fault}"),
            Why::RollOver(fault) => write!(f, "{path}: no roll-over: {fault}"),
            Why::Distrust(fault) => write!(f, "{path}: the roll-over is not followed: {fault}"),
            Why::Empty => write!(f, "{path}: no public key is in it"),
        }
    }
}

impl std::error::Error for TrustFault {}

/// Trusts public keys and follows roll-overs, in whatever order they are given. A directory gives its files `*.pub`, `*.roll-over`
/// and, where a public key is in them, `*.pem`.
pub fn load(paths: &[PathBuf]) -> Result<Trust, TrustFault> {
    let mut given = Given::default();
    for path in paths {
        if path.is_dir() {
            let files = files(path).map_err(|error| fault(path, Why::Io(error)))?;
            if files.iter().all(|file| has_ending(file, ROLL_OVER)) {
                return Err(fault(path, Why::Empty));
            }
            files.iter().try_for_each(|file| given.take(file))?;
        } else {
            given.take(path)?;
        }
    }
    given.trust()
}

fn fault(path: &Path, why: Why) -> TrustFault {
    TrustFault { path: path.to_owned(), why }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|of| of == ending)
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_public = has_ending(&path, PUBLIC) || (has_ending(&path, PEM) && begins_public(&path));
        if is_public || has_ending(&path, ROLL_OVER) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn begins_public(path: &Path) -> bool {
    let mut first = [0; 26];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && first == *b"-----BEGIN PUBLIC KEY-----"
}

/// What files gave, before any of it is trusted.
#[derive(Default)]
struct Given {
    keys: Vec<PublicKey>,
    changes: Vec<(PathBuf, RollOver)>,
}

impl Given {
    fn take(&mut self, path: &Path) -> Result<(), TrustFault> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        read.map_err(|error| fault(path, Why::Io(error)))?;
        if bytes.starts_with(b"keyhush-") {
            let change = RollOver::from_bytes(&bytes).map_err(|wrong| fault(path, Why::RollOver(wrong)))?;
            self.changes.push((path.to_owned(), change));
        } else {
            let pem = String::from_utf8_lossy(&bytes);
            self.keys.push(PublicKey::from_pem(&pem).map_err(|wrong| fault(path, Why::Key(wrong)))?);
        }
        Ok(())
    }

    /// A key that follows another is trusted by the roll-over where that can be followed, so that the old key ends: only
    /// where the old key was not given is it trusted for itself.
    fn trust(mut self) -> Result<Trust, TrustFault> {
        let mut trust = Trust::default();
        let follows = |key: &PublicKey| self.changes.iter().any(|(_, change)| change.to == *key);
        let (mut waiting, first): (Vec<_>, Vec<_>) = self.keys.into_iter().partition(follows);
        first.into_iter().for_each(|key| trust.add(key));
        while !self.changes.is_empty() {
            let before = self.changes.len();
            let mut left = Vec::new();
            for (path, change) in self.changes {
                match trust.follow(&change) {
                    Ok(()) => waiting.retain(|key| *key != change.to),
                    Err(Distrust::UnknownKey(_)) => left.push((path, change)),
                    Err(distrust) => return Err(fault(&path, Why::Distrust(distrust))),
                }
            }
            if left.len() == before {
                let beyond = left.iter().position(|(_, change)| waiting.contains(&change.to));
                let Some((_, change)) = beyond.map(|at| left.remove(at)) else {
                    let unknown = |(path, change): &(PathBuf, RollOver)| {
                        fault(path, Why::Distrust(Distrust::UnknownKey(change.from)))
                    };
                    return left.first().map(unknown).map_or(Ok(trust), Err);
                };
                trust.add(change.to);
                waiting.retain(|key| *key != change.to);
            }
            self.changes = left;
        }
        Ok(trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(&[number; 32])
    }

    fn given(keys: &[u8], changes: &[(u8, u8, u64)]) -> Result<Trust, TrustFault> {
        let change = |(from, to, at): &(u8, u8, u64)| {
            (PathBuf::from("a.roll-over"), RollOver::sign(&key(*from), &key(*to), *at))
        };
        let keys = keys.iter().map(|number| key(*number).public()).collect();
        Given { keys, changes: changes.iter().map(change).collect() }.trust()
    }

    fn signs(trust: &Trust, number: u8, at: u64) -> Result<(), Distrust> {
        trust.check(key(number).id(), at, b"x", &key(number).sign(b"x"))
    }

    #[test]
    fn roll_overs_are_followed_in_whatever_order_and_beside_the_new_keys() {
        let changes = [(2, 3, 200), (1, 2, 100)];
        for keys in [&[1][..], &[1, 3], &[3, 2, 1]] {
            let trust = given(keys, &changes).unwrap();
            assert_eq!(signs(&trust, 1, 101), Err(Distrust::RetiredKey(key(1).id())), "{keys:?}");
            assert_eq!(signs(&trust, 2, 201), Err(Distrust::RetiredKey(key(2).id())), "{keys:?}");
            assert_eq!((signs(&trust, 1, 100), signs(&trust, 3, 900)), (Ok(()), Ok(())));
        }
    }

    #[test]
    fn a_new_key_is_trusted_for_itself_where_the_old_one_is_not_given() {
        let trust = given(&[2], &[(2, 3, 200), (1, 2, 100)]).unwrap();
        assert_eq!((signs(&trust, 2, 150), signs(&trust, 3, 900)), (Ok(()), Ok(())));
        assert_eq!(signs(&trust, 1, 50), Err(Distrust::UnknownKey(key(1).id())));
    }

    #[test]
    fn a_roll_over_from_and_to_strangers_is_told() {
        let refused = given(&[1], &[(8, 9, 100)]).unwrap_err();
        assert!(matches!(refused.why, Why::Distrust(Distrust::UnknownKey(of)) if of == key(8).id()));
    }
}
