//! Who takes the money in the sandbox's namespaces: a PSP that does what it is asked for.

use std::net::SocketAddr;

use super::Outcome;
use crate::psp_sandbox::{PspSandbox, Settings};

/// Where a provider is and whom to trust there.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where it listens, on our own loopback.
    pub address: SocketAddr,
    /// The certificate that it shows, in PEM; none where nobody listens.
    pub certificate: Option<String>,
}

/// The provider. The last two digits of an amount say what becomes of it, but for cards that say so themselves:
/// [`crate::psp_sandbox::behaviour`].
#[derive(Debug)]
pub struct Till(PspSandbox);

impl Till {
    /// Opens it.
    ///
    /// # Errors
    /// Where there is no port.
    pub fn open() -> Outcome<Till> {
        PspSandbox::for_a_test(Settings::default()).map(Till)
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        Place { address: self.0.address(), certificate: Some(self.0.certificate().to_owned()) }
    }

    /// How often an order was paid.
    pub fn charges(&self, order: &str) -> u32 {
        self.0.charges(order)
    }
}
