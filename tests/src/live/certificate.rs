//! A certificate that nobody vouches for but who is given its file.

use std::fs;
use std::path::{Path, PathBuf};

use super::sandbox::ROOT;
use super::{During, Outcome};

/// PEM files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate, which is also its own authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one for servers on our own loopback, in files that bear `name`.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn new(name: &str) -> Outcome<Certificate> {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).during("making a certificate")?;
        let files = Self::named(name);
        fs::write(&files.certificate, made.cert.pem()).during(files.certificate.display())?;
        fs::write(&files.key, made.signing_key.serialize_pem()).during(files.key.display())?;
        Ok(files)
    }

    /// The files that bear `name`.
    pub fn named(name: &str) -> Certificate {
        let file = |kind: &str| Path::new(ROOT).join(format!("{name}.{kind}.pem"));
        Certificate { certificate: file("certificate"), key: file("key") }
    }
}
