//! Certificates, keys and roots from files. TLS 1.2 and 1.3 by *ring*.

use core::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Why there is no TLS.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A file holds no certificate, no key, or what is not PEM.
    NotPem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key do not fit each other, or are of a kind that cannot be used.
    Unusable {
        /// The file of the certificates.
        file: PathBuf,
        /// What rustls said.
        error: rustls::Error,
    },
    /// This machine knows no public authorities.
    NoAuthorities,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Unreadable(file, error) => {
                let remedy = match error.kind() {
                    ErrorKind::NotFound => "name the file in the settings, or put it there",
                    ErrorKind::PermissionDenied => "let the user of `keyhush run` read it",
                    _ => "name a readable file in the settings",
                };
                write!(f, "{}: cannot be read: {error}; {remedy}", file.display())
            }
            TlsError::NotPem { file, wanted, why } => {
                write!(f, "{}: holds no {wanted} in PEM ({why}); put one there", file.display())
            }
            TlsError::Unusable { file, error } => write!(
                f,
                "{}: cannot be used: {error}; put a certificate there with the key that belongs to it",
                file.display()
            ),
            TlsError::NoAuthorities => f.write_str(
                "this machine knows no public authorities; install the package `ca-certificates`, or name a file of \
                 authorities in the settings",
            ),
        }
    }
}

impl core::error::Error for TlsError {}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn not_pem(file: &Path, wanted: &'static str) -> impl FnOnce(pem::Error) -> TlsError {
    move |error| match error {
        pem::Error::Io(error) => TlsError::Unreadable(file.to_owned(), error),
        error => TlsError::NotPem { file: file.to_owned(), wanted, why: error.to_string() },
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let list = read.map_err(not_pem(file, "certificate"))?;
    if list.is_empty() {
        return Err(not_pem(file, "certificate")(pem::Error::NoItemsFound));
    }
    Ok(list)
}

/// What a server needs, from a file with its certificate and those above it, and a file with its key.
///
/// # Errors
/// What is wrong with a file, and what to do about it.
pub fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(not_pem(key, "private key"))?;
    let unusable = |error| TlsError::Unusable { file: certificate.to_owned(), error };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a client needs, from a file with the certificates that it trusts.
///
/// # Errors
/// What is wrong with the file, and what to do about it.
pub fn client(roots: &Path) -> Result<Arc<ClientConfig>, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(roots)? {
        store.add(certificate).map_err(|error| TlsError::Unusable { file: roots.to_owned(), error })?;
    }
    trusting(store).map_err(|error| TlsError::Unusable { file: roots.to_owned(), error })
}

/// What a client needs to ask whom the public authorities vouch for. They are those of the system's own package: it is renewed
/// without us, and an administrator may add to it.
///
/// # Errors
/// There are none.
pub fn public_client() -> Result<Arc<ClientConfig>, TlsError> {
    let mut store = RootCertStore::empty();
    // Some of a machine's authorities may be of a kind that rustls does not use.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err(TlsError::NoAuthorities);
    }
    trusting(store).map_err(|_| TlsError::NoAuthorities)
}

fn trusting(store: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // One request a connection: a session to resume would only stay in memory.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// A server's certificate and key, read again on demand. Clones are the same.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Files>);

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Arc<ServerConfig>>,
}

impl Identity {
    /// Reads both files.
    ///
    /// # Errors
    /// What is wrong with a file, and what to do about it.
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let current = Mutex::new(server(&certificate, &key)?);
        Ok(Identity(Arc::new(Files { certificate, key, current })))
    }

    /// Reads both files again: connections from now on are given what they hold. Waits for the disk, so it is work for the
    /// pool.
    ///
    /// # Errors
    /// What is wrong with a file; what was there before stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = server(&self.0.certificate, &self.0.key)?;
        *self.0.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// What a new connection is given.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
