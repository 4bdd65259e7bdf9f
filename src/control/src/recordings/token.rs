//! A master key that stays in a token, reached by PKCS#11: tenants' keys are encrypted and decrypted inside it, by AES-GCM as with a
//! master key's file, the tenant's name bound to each.
//!
//! The token is found anew each time, which is once for each tenant while Keyhush runs: one that was pulled out and put back, or a network
//! HSM that was away, serves again by itself. A PIN that it refused is not offered again, for a few such would lock it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use recording::sealed::{KEY_LEN, SealError, TAG_LEN, TenantKey, Wrap};
use zeroize::Zeroizing;

use super::OpenMaster;

mod address;

use address::Address;

/// Bytes of AES-GCM's nonce.
const NONCE_LEN: usize = 12;
/// The longest file of a PIN.
const LONGEST_PIN: u64 = 1_024;

/// Modules that were loaded: each is initialised once in a process, and never given up, for sessions may be open in it.
static MODULES: LazyLock<Mutex<BTreeMap<PathBuf, Pkcs11>>> = LazyLock::new(Mutex::default);
/// Keys whose token refused the PIN.
static REFUSED: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

/// A master key in a token: `pkcs11:token=…;object=…?module-path=…` (RFC 7512), and the file of its PIN, if it asks for one.
pub fn master_in_token(uri: String, pin_file: Option<PathBuf>) -> OpenMaster {
    Arc::new(move || {
        let address = uri.parse::<Address>().map_err(SealError::Token)?;
        let token = Token { uri: uri.clone(), address, pin_file: pin_file.clone() };
        // What is wrong shows at the start, not at the first call.
        token.open()?;
        Ok(Box::new(token))
    })
}

/// A key in a token.
struct Token {
    uri: String,
    address: Address,
    pin_file: Option<PathBuf>,
}

impl Wrap for Token {
    fn wrap(&self, tenant: &str, key: &TenantKey) -> Result<Vec<u8>, SealError> {
        let (session, master) = self.open()?;
        let mut nonce = [0; NONCE_LEN];
        File::open("/dev/urandom")?.read_exact(&mut nonce)?;
        let sealed = {
            let mechanism = gcm(&mut nonce, tenant)?;
            session.encrypt(&mechanism, master, key.bytes()).map_err(failed("encrypting a tenant's key"))?
        };
        if sealed.len() != KEY_LEN + TAG_LEN {
            return Err(SealError::Token("the token's AES-GCM answers no tag of 16 bytes".to_owned()));
        }
        // Some tokens choose the nonce themselves, and write theirs over the one that was given.
        Ok([&nonce[..], &sealed].concat())
    }

    fn unwrap(&self, tenant: &str, wrapped: &[u8]) -> Result<TenantKey, SealError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
        if sealed.len() != KEY_LEN + TAG_LEN {
            return Err(SealError::Malformed);
        }
        let (session, master) = self.open()?;
        let mut nonce = *nonce;
        let opened = session.decrypt(&gcm(&mut nonce, tenant)?, master, sealed);
        let opened = Zeroizing::new(opened.map_err(|error| match error {
            // Which of these it is for a tag that does not fit depends on the token.
            Error::Pkcs11(
                RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange | RvError::GeneralError,
                _,
            ) => SealError::NotAuthentic,
            error => failed("decrypting a tenant's key")(error),
        })?);
        let bytes: &[u8; KEY_LEN] = opened.as_slice().try_into().map_err(|_| SealError::Malformed)?;
        Ok(TenantKey::from_bytes(bytes))
    }
}

impl Token {
    /// A session in which the key may be used, and the key.
    fn open(&self) -> Result<(Session, ObjectHandle), SealError> {
        let context = module(&self.address.module)?;
        let slots = context.get_slots_with_initialized_token().map_err(failed("looking for tokens"))?;
        let mut found = Vec::new();
        let mut there = Vec::new();
        for slot in slots {
            // One that is pulled out in this moment is not the one.
            let Ok(info) = context.get_token_info(slot) else { continue };
            there.push(format!("\"{}\"", info.label().escape_debug()));
            if self.address.is_of(&info) {
                found.push((slot, info));
            }
        }
        let (slot, info) = match (found.pop(), found.is_empty()) {
            (Some(one), true) => one,
            (Some(_), false) => return said("several tokens are meant: add serial= to the address"),
            (None, _) if there.is_empty() => return said("the module shows no token"),
            (None, _) => {
                return said(&format!("no such token; the module shows {}", there.join(", ")));
            }
        };
        let session = context.open_ro_session(slot).map_err(failed("opening a session"))?;
        if info.login_required() {
            self.log_in(&session)?;
        }
        let key = self.key(&session)?;
        Ok((session, key))
    }

    fn log_in(&self, session: &Session) -> Result<(), SealError> {
        let Some(file) = &self.pin_file else {
            return said("it asks for a PIN: write it into a file, mode 0600, and name that as pin_file");
        };
        let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.contains(&self.uri) {
            return said("it refused the PIN, which is not tried again until Keyhush is started again");
        }
        match session.login(UserType::User, Some(&pin(file)?)) {
            // Another session of ours is, and that is for the whole process.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                refused.insert(self.uri.clone());
                said(&format!("it refused the PIN in {}", file.display()))
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => said("its PIN is locked"),
            Err(error) => Err(failed("logging in")(error)),
        }
    }

    fn key(&self, session: &Session) -> Result<ObjectHandle, SealError> {
        let mut wanted = vec![Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::AES)];
        wanted.extend(self.address.object.clone().map(|label| Attribute::Label(label.into_bytes())));
        wanted.extend(self.address.id.clone().map(Attribute::Id));
        let found = session.find_objects(&wanted).map_err(failed("looking for the key"))?;
        match found[..] {
            [key] => Ok(key),
            [] => said("it holds no such AES key"),
            _ => said("it holds several such AES keys: add id= to the address"),
        }
    }
}

fn gcm<'a>(nonce: &'a mut [u8; NONCE_LEN], tenant: &'a str) -> Result<Mechanism<'a>, SealError> {
    let tag_bits = (8 * TAG_LEN as u64).into();
    let params = GcmParams::new(nonce, tenant.as_bytes(), tag_bits);
    params.map(Mechanism::AesGcm).map_err(failed("AES-GCM"))
}

/// The module, loaded and initialised.
fn module(path: &Path) -> Result<Pkcs11, SealError> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path).map_err(|error| {
        SealError::Token(format!("{}: the token's module cannot be loaded: {error}", path.display()))
    })?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(failed("the token's module")(error)),
    }
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

fn pin(file: &Path) -> Result<AuthPin, SealError> {
    let metadata = fs::metadata(file);
    let told = |error| SealError::Token(format!("pin_file, {}: {error}", file.display()));
    let metadata = metadata.map_err(told)?;
    if metadata.mode() & 0o077 != 0 {
        return said(&format!("others may read its PIN: chmod 600 {}", file.display()));
    }
    if metadata.len() > LONGEST_PIN {
        return said(&format!("{} is no PIN: it is too long", file.display()));
    }
    let text = Zeroizing::new(fs::read_to_string(file).map_err(told)?);
    Ok(AuthPin::from(text.trim_end_matches(['\r', '\n'])))
}

fn said<T>(what: &str) -> Result<T, SealError> {
    Err(SealError::Token(format!("the token: {what}")))
}

fn failed(what: &'static str) -> impl Fn(Error) -> SealError {
    move |error| SealError::Token(format!("the token: {what}: {error}"))
}

#[cfg(test)]
mod tests;
