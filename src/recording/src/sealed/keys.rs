//! Keys: a master key wraps the tenants', and each recording has one of its own that is derived from its tenant's.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// Bytes by which what is sealed is longer.
pub const TAG_LEN: usize = 16;

/// Why something cannot be sealed or opened.
#[derive(Debug)]
pub enum SealError {
    /// It was changed, or the key is another's.
    NotAuthentic,
    /// It is no key, or no recording.
    Malformed,
    /// A file with a key that others than its owner may read.
    OthersMayRead,
    /// The token that keeps the master key, in words for people.
    Token(String),
    /// The operating system has no random numbers.
    NoRandom,
    /// The system's own.
    Io(io::Error),
}

impl From<io::Error> for SealError {
    fn from(error: io::Error) -> Self {
        SealError::Io(error)
    }
}

/// What keeps tenants' keys: a master key from a file, or a token that never gives it away.
pub trait Wrap: Send {
    /// Wraps a tenant's key.
    ///
    /// # Errors
    /// Of the random source, or the token's own.
    fn wrap(&self, tenant: &str, key: &TenantKey) -> Result<Vec<u8>, SealError>;

    /// Unwraps it.
    ///
    /// # Errors
    /// That it was wrapped for another tenant or by another key, or was changed.
    fn unwrap(&self, tenant: &str, wrapped: &[u8]) -> Result<TenantKey, SealError>;
}

/// A master key that is kept in a file.
pub struct MasterKey {
    key: LessSafeKey,
    random: ring::rand::SystemRandom,
}

impl MasterKey {
    /// Reads a file of 64 hexadecimal digits, which only its owner may read.
    ///
    /// # Errors
    /// That it cannot be read, others may, or it holds something else.
    pub fn from_file(path: &Path) -> Result<MasterKey, SealError> {
        if fs::metadata(path)?.mode() & 0o077 != 0 {
            return Err(SealError::OthersMayRead);
        }
        let text = Zeroizing::new(fs::read_to_string(path)?);
        let digits = text.trim().as_bytes();
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        if digits.len() != 2 * KEY_LEN {
            return Err(SealError::Malformed);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
            let value = |digit: u8| char::from(digit).to_digit(16).ok_or(SealError::Malformed);
            *byte = (value(*high)? << 4 | value(*low)?) as u8;
        }
        MasterKey::new(&bytes)
    }

    /// A key of these bytes.
    ///
    /// # Errors
    /// None that is known; the cipher's own.
    pub fn new(bytes: &[u8; KEY_LEN]) -> Result<MasterKey, SealError> {
        Ok(MasterKey { key: cipher(bytes)?, random: ring::rand::SystemRandom::new() })
    }
}

impl Wrap for MasterKey {
    fn wrap(&self, tenant: &str, key: &TenantKey) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let mut sealed = key.0.to_vec();
        let aad = Aad::from(tenant.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| SealError::NotAuthentic)?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn unwrap(&self, tenant: &str, wrapped: &[u8]) -> Result<TenantKey, SealError> {
        let (nonce, sealed) = wrapped.split_first_chunk().ok_or(SealError::Malformed)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(tenant.as_bytes()), &mut sealed);
        let opened: &[u8] = opened.map_err(|_| SealError::NotAuthentic)?;
        let bytes = opened.try_into().map_err(|_| SealError::Malformed)?;
        Ok(TenantKey(Zeroizing::new(bytes)))
    }
}

/// A tenant's key. It seals nothing itself.
#[derive(Clone)]
pub struct TenantKey(Zeroizing<[u8; KEY_LEN]>);

impl TenantKey {
    /// A new one.
    ///
    /// # Errors
    /// That there are no random numbers.
    pub fn random(random: &dyn SecureRandom) -> Result<TenantKey, SealError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        random.fill(&mut *bytes).map_err(|_| SealError::NoRandom)?;
        Ok(TenantKey(bytes))
    }

    /// One whose bytes were unwrapped.
    pub fn from_bytes(bytes: &[u8; KEY_LEN]) -> TenantKey {
        TenantKey(Zeroizing::new(*bytes))
    }

    /// What is to be wrapped.
    pub fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The key of the recording whose file begins with `head`, `salt` in it: no other head has it.
    pub(super) fn recording(&self, salt: &[u8], head: &[u8]) -> Result<LessSafeKey, SealError> {
        let info = [&b"keyhush recording 1"[..], head];
        let extracted = Salt::new(HKDF_SHA256, salt).extract(&*self.0);
        let key = extracted.expand(&info, &AES_256_GCM).map_err(|_| SealError::Malformed)?;
        Ok(LessSafeKey::new(UnboundKey::from(key)))
    }
}

fn cipher(bytes: &[u8; KEY_LEN]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| SealError::Malformed)
}
