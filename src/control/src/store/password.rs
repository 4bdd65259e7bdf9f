//! Passwords, and what it costs to try one.

use core::fmt;
use std::io;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroizing;

use super::StoreError;
use super::text::holds_card_number;

/// Memory in KiB, passes and lanes of argon2id: OWASP's first choice (Password Storage Cheat Sheet). About 75 ms of one worker: more would
/// let strangers keep the workers busy, and make a shift wait that signs in at once.
#[cfg(not(test))]
const COST: (u32, u32, u32) = (46 * 1024, 1, 1);
/// Tests try many.
#[cfg(test)]
const COST: (u32, u32, u32) = (64, 1, 1);

/// PCI DSS 4.0, 8.3.6.
const SHORTEST: usize = 12;
/// Enough for any sentence.
const LONGEST: usize = 256;
const SALT: usize = 16;

/// A password that may be set. It does not print and is wiped when dropped.
pub struct Password(Zeroizing<String>);

/// Why a password may not be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WeakPassword {
    /// It has fewer than 12 letters.
    TooShort,
    /// It has more than 256 bytes.
    TooLong,
    /// It holds what may be a card number, of which not even a hash may be kept.
    CardNumber,
}

impl fmt::Display for WeakPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeakPassword::TooShort => write!(f, "a password has at least {SHORTEST} letters"),
            WeakPassword::TooLong => write!(f, "a password has at most {LONGEST} bytes"),
            WeakPassword::CardNumber => f.write_str("a password must not hold a card number"),
        }
    }
}

impl core::error::Error for WeakPassword {}

impl Password {
    /// A password that people may choose: 12 letters to 256 bytes of whatever they like.
    ///
    /// # Errors
    /// Why they may not.
    pub fn new(text: Zeroizing<String>) -> Result<Password, WeakPassword> {
        if text.chars().count() < SHORTEST {
            return Err(WeakPassword::TooShort);
        }
        if text.len() > LONGEST {
            return Err(WeakPassword::TooLong);
        }
        if holds_card_number(&text) {
            return Err(WeakPassword::CardNumber);
        }
        Ok(Password(text))
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> Result<String, StoreError> {
        let mut salt = [0; SALT];
        fill(&mut salt)?;
        let hash = argon2()
            .map_err(Into::into)
            .and_then(|argon2| argon2.hash_password_with_salt(self.0.as_bytes(), &salt))
            .map_err(|error: argon2::password_hash::Error| StoreError::System {
                path: "argon2id".into(),
                error: io::Error::other(error.to_string()),
            })?;
        Ok(hash.to_string())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(_)")
    }
}

/// Whether this is the password of which `kept` was kept; with nothing kept never, at the same cost.
pub(super) fn is_right(given: &str, kept: Option<&str>) -> bool {
    let given = given.get(..LONGEST + 1).unwrap_or(given);
    let Some(kept) = kept.and_then(|kept| PasswordHash::new(kept).ok()) else {
        let mut output = Zeroizing::new([0; Params::DEFAULT_OUTPUT_LEN]);
        let _ = argon2().map(|argon2| argon2.hash_password_into(given.as_bytes(), &[0; SALT], &mut *output));
        core::hint::black_box(&output);
        return false;
    };
    // The parameters are those of what was kept; outputs are compared in constant time.
    argon2().is_ok_and(|argon2| argon2.verify_password(given.as_bytes(), &kept).is_ok())
}

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    let (memory, passes, lanes) = COST;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None)?))
}

/// Random bytes from the system.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(Errno::INTR) => {}
            Err(error) => {
                return Err(StoreError::System { path: "/dev/urandom".into(), error: error.into() });
            }
        }
    }
    Ok(())
}
