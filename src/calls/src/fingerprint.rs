//! Names of any length as values of one size.

use core::fmt;
use core::hash::{BuildHasher, Hasher};
use std::hash::DefaultHasher;

/// What stands for a Call-ID or a tag: 128 keyed bits, so that what is kept of a name does not depend on its length,
/// and nobody without the seed can make two names alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Fingerprint(u64, u64);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 32)
    }
}

/// The seed of every hash in the call table. It is given, not drawn, so that a run can be repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

impl Seed {
    /// The fingerprint of a name.
    pub(crate) fn of(self, name: &[u8]) -> Fingerprint {
        Fingerprint(self.hash_one((0u8, name)), self.hash_one((1u8, name)))
    }

    /// The fingerprint of a tag, which may be absent (RFC 2543).
    pub(crate) fn of_tag(self, tag: Option<&[u8]>) -> Fingerprint {
        tag.filter(|tag| !tag.is_empty()).map_or(Fingerprint::default(), |tag| self.of(tag))
    }
}
