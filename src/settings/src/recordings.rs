//! `[recordings]`: where recordings are kept, and what seals and signs them.

use std::path::PathBuf;

use crate::tenants::Endpoint;

/// `[recordings]`
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Recordings {
    /// The directory of audio, proofs and the ledger, for its owner alone.
    pub directory: PathBuf,
    /// What wraps the tenants' keys.
    pub master_key: MasterKey,
    /// The file of the key that signs proofs and the ledger's heads.
    pub signing_key: PathBuf,
    /// How many calls are recorded at a time, at most.
    pub at_once: u32,
    /// A directory that is watched: what other systems put into it is signed.
    pub inbox: Option<PathBuf>,
    /// A directory for each new signed head of the ledger, to be taken away to a witness.
    pub witness: Option<PathBuf>,
    /// The authority that stamps the ledger's heads with the time (RFC 3161).
    pub time_stamps: Option<TimeStamps>,
}

impl Recordings {
    /// How many calls are recorded at a time unless the file says otherwise.
    pub const AT_ONCE: u32 = 500;
}

/// What wraps the tenants' keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MasterKey {
    /// A file.
    File(PathBuf),
    /// A key that stays in a token, reached by PKCS#11.
    Token {
        /// Which, as RFC 7512 writes it: `pkcs11:token=…;object=…?module-path=…`.
        uri: String,
        /// The file with the token's PIN. `None`: it asks for none.
        pin_file: Option<PathBuf>,
    },
}

/// Where time stamps are had.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TimeStamps {
    /// Whether it is asked by HTTPS. Plain HTTP is usual: a stamp is signed, and what it is of is no secret.
    pub is_https: bool,
    /// Host, port and path.
    pub endpoint: Endpoint,
}
