//! Signing keys: their identifiers, their files, and what follows when one is replaced.
//!
//! | item | is |
//! |---|---|
//! | [`SigningKey`] | signs; made from 32 random bytes, which come from the edge; kept as PKCS#8 in PEM |
//! | [`PublicKey`], [`KeyId`] | checks; kept as SubjectPublicKeyInfo in PEM, named by the beginning of its SHA-256 |
//! | [`RollOver`] | the document by which an old key names its successor |
//! | [`Trust`] | the keys that a verifier trusts, and since when one signs no more |

use core::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use zeroize::Zeroizing;

use crate::document::{Lines, Malformed, bytes_from_hex, hex, number};
use crate::merkle::Hash;

#[cfg(test)]
pub(crate) mod tests;

/// The longest key file, in bytes; one is about 120.
const LONGEST_FILE: u64 = 4_096;

/// A public key's name: the first 16 bytes of the SHA-256 of its 32; written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    /// From 32 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        bytes_from_hex(text).map(KeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Ed25519's 64 bytes (RFC 8032); written as 128 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed(pub [u8; 64]);

impl Signed {
    /// From 128 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        bytes_from_hex(text).map(Signed)
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A key file does not serve.
#[derive(Debug)]
pub enum KeyFault {
    /// It cannot be read or written.
    Io(io::Error),
    /// Others than its owner may read it; its mode.
    Exposed(u32),
    /// It holds no Ed25519 key of the kind that is wanted.
    NotAKey,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFault::Io(error) => write!(f, "{error}"),
            KeyFault::Exposed(mode) => {
                write!(f, "mode {mode:03o} lets others read this secret key: chmod 600")
            }
            KeyFault::NotAKey => write!(f, "no Ed25519 key in PEM"),
        }
    }
}

impl std::error::Error for KeyFault {}

impl From<io::Error> for KeyFault {
    fn from(error: io::Error) -> Self {
        KeyFault::Io(error)
    }
}

/// A secret key; wiped when dropped, silent in logs.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From 32 bytes of the operating system's randomness. The random source stays at the edge.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The public key's name.
    pub fn id(&self) -> KeyId {
        self.public().id()
    }

    /// Signs bytes. What is signed begins with its kind and version, so no document passes for one of another kind.
    pub fn sign(&self, bytes: &[u8]) -> Signed {
        Signed(self.0.sign(bytes).to_bytes())
    }

    /// PKCS#8 in PEM, version 1 (RFC 8410 section 7 without the public key, which older OpenSSLs do not read).
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyFault> {
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyFault::NotAKey)
    }

    /// From PKCS#8 in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyFault> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(SigningKey).map_err(|_| KeyFault::NotAKey)
    }

    /// Writes a new file with mode 0600. What is there already is never written over: a lost key cannot be had again.
    pub fn save(&self, path: &Path) -> Result<(), KeyFault> {
        let pem = self.to_pem()?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()?;
        Ok(())
    }

    /// Reads a file that its owner alone may read.
    pub fn load(path: &Path) -> Result<Self, KeyFault> {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFault::Exposed(mode));
        }
        let mut pem = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize));
        file.take(LONGEST_FILE).read_to_string(&mut pem)?;
        SigningKey::from_pem(&pem)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From its 32 bytes; `None` if they are no point of the curve, or one of small order, under which anything verifies.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(PublicKey)
    }

    /// Its 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 16];
        id.copy_from_slice(&Hash::of(self.0.as_bytes()).0[..16]);
        KeyId(id)
    }

    /// Whether the secret key to this one signed these bytes.
    pub fn verifies(&self, bytes: &[u8], signed: &Signed) -> bool {
        self.0.verify_strict(bytes, &Signature::from_bytes(&signed.0)).is_ok()
    }

    /// SubjectPublicKeyInfo in PEM (RFC 8410 section 4).
    pub fn to_pem(&self) -> Result<String, KeyFault> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyFault::NotAKey)
    }

    /// From SubjectPublicKeyInfo in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyFault> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(|_| KeyFault::NotAKey)?;
        PublicKey::from_bytes(key.as_bytes()).ok_or(KeyFault::NotAKey)
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, KeyFault> {
        let mut pem = String::new();
        File::open(path)?.take(LONGEST_FILE).read_to_string(&mut pem)?;
        PublicKey::from_pem(&pem)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// An old key names its successor, and from when on it signs no more; the successor shows that it is in the same hands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RollOver {
    /// The key that ends.
    pub from: KeyId,
    /// The key that follows.
    pub to: PublicKey,
    /// The old key's last moment, in microseconds since 1970.
    pub at: u64,
    by_old: Signed,
    by_new: Signed,
}

impl RollOver {
    /// Signs the change with both keys.
    pub fn sign(from: &SigningKey, to: &SigningKey, at: u64) -> Self {
        let text = RollOver::signed_text(from.id(), &to.public(), at);
        let (by_old, by_new) = (from.sign(text.as_bytes()), to.sign(text.as_bytes()));
        RollOver { from: from.id(), to: to.public(), at, by_old, by_new }
    }

    fn signed_text(from: KeyId, to: &PublicKey, at: u64) -> String {
        format!("keyhush-key-roll-over 1\nfrom {from}\nto {}\nat {at}\n", hex(&to.to_bytes()))
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = RollOver::signed_text(self.from, &self.to, self.at);
        format!("{text}signature {}\nsignature {}\n", self.by_old, self.by_new).into_bytes()
    }

    /// Reads a document; nothing is trusted by it yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut lines = Lines::new(bytes)?;
        lines.exactly("keyhush-key-roll-over 1")?;
        let from = lines.field("from", KeyId::from_hex)?;
        let to = lines.field("to", |text| PublicKey::from_bytes(&bytes_from_hex(text)?))?;
        let at = lines.field("at", number)?;
        let by_old = lines.field("signature", Signed::from_hex)?;
        let by_new = lines.field("signature", Signed::from_hex)?;
        lines.end()?;
        Ok(RollOver { from, to, at, by_old, by_new })
    }
}

/// A signature is not to be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distrust {
    /// By a key that the verifier was not given.
    UnknownKey(KeyId),
    /// The key is known and did not sign this.
    BadSignature,
    /// The key is known and signed this, by the document's own word after its last moment.
    RetiredKey(KeyId),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::UnknownKey(key) => write!(f, "signed by the key {key}, which is not known"),
            Distrust::BadSignature => write!(f, "the signature is not the key's"),
            Distrust::RetiredKey(key) => write!(f, "signed with the key {key} after its last moment"),
        }
    }
}

impl std::error::Error for Distrust {}

/// The public keys that a verifier trusts. Old ones stay in, for what they signed in their time.
#[derive(Clone, Default, Debug)]
pub struct Trust {
    keys: Vec<(PublicKey, Option<u64>)>,
}

impl Trust {
    /// Trusts one key.
    pub fn in_key(key: PublicKey) -> Self {
        let mut trust = Trust::default();
        trust.add(key);
        trust
    }

    /// Trusts one key more. A key that is known stays as it is, its last moment too.
    pub fn add(&mut self, key: PublicKey) {
        if self.find(key.id()).is_none() {
            self.keys.push((key, None));
        }
    }

    /// Follows a roll-over from a trusted key: its successor is trusted from now on, and it signs no more. A key has one
    /// successor: a second roll-over of the same key, or one back to a known key, is refused, since only a thief would need it.
    pub fn follow(&mut self, change: &RollOver) -> Result<(), Distrust> {
        let text = RollOver::signed_text(change.from, &change.to, change.at);
        let Some(index) = self.keys.iter().position(|(key, _)| key.id() == change.from) else {
            return Err(Distrust::UnknownKey(change.from));
        };
        let (old, retired) = self.keys[index];
        if !old.verifies(text.as_bytes(), &change.by_old)
            || !change.to.verifies(text.as_bytes(), &change.by_new)
        {
            return Err(Distrust::BadSignature);
        }
        let known = self.find(change.to.id()).is_some();
        match retired {
            Some(at) if at == change.at && known => return Ok(()),
            Some(_) => return Err(Distrust::RetiredKey(change.from)),
            None if known => return Err(Distrust::BadSignature),
            None => {}
        }
        self.keys[index].1 = Some(change.at);
        self.keys.push((change.to, None));
        Ok(())
    }

    /// Whether these bytes, which say that they were signed at `at` (microseconds since 1970) by the key, were.
    pub fn check(&self, key: KeyId, at: u64, bytes: &[u8], signed: &Signed) -> Result<(), Distrust> {
        let (public, retired) = self.find(key).ok_or(Distrust::UnknownKey(key))?;
        if !public.verifies(bytes, signed) {
            return Err(Distrust::BadSignature);
        }
        match retired {
            Some(last) if at > *last => Err(Distrust::RetiredKey(key)),
            _ => Ok(()),
        }
    }

    fn find(&self, id: KeyId) -> Option<&(PublicKey, Option<u64>)> {
        self.keys.iter().find(|(key, _)| key.id() == id)
    }
}
