//! One tenant's payment provider: its adapter ([`payment::psp`]) joined with [`crate::web::Ask`]. Requests are made in locked memory, and
//! what comes of them becomes an outcome.
//!
//! A payment is a chain of steps, of which each is one request: [`Provider::request`] makes it, [`Outgoing::ask`] is given to the
//! loop, [`Provider::read`] says whether another follows or what became of the payment. Nothing is ever sent twice.
//!
//! | module | does |
//! |---|---|
//! | `written` | a request while it is written, its body in locked pages |

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Bytes;
use payment::psp::adyen::Adyen;
use payment::psp::sandbox::Sandbox;
use payment::psp::stripe::Stripe;
use payment::psp::{self, Next, Step};
use payment::{Attempt, Found, Outcome, Psp, Submission};
use rustls::ClientConfig;
use settings::tenants::{self, Credentials, CredentialsError};

use crate::store::holds_card_number;
use crate::web::ask::AskThen;
use crate::web::{Answer, Ask, AskError, TlsError, tls};

mod written;

use written::Written;

/// Required by Adyen and never followed: nobody is sent anywhere by telephone. The name is of nobody (RFC 6761 section 6.4).
const RETURN_URL: &str = "https://keyhush.invalid/";

/// The most bytes of a request's body: all texts at their longest, every letter of them escaped, and the rest.
const BODY_BYTES: usize = 8 * 1024;

/// A tenant's provider, as [`tenants::Psp`] says.
pub struct Provider {
    name: &'static str,
    psp: Box<dyn Psp + Send + Sync>,
    host: String,
    port: u16,
    /// Before every path.
    path: String,
    tls: Arc<ClientConfig>,
    body_bytes: usize,
}

/// A request on the point of being sent.
pub struct Outgoing {
    /// The host's name, as its certificate has it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// The request. Its body lies in locked memory and is wiped with the last copy of it.
    pub request: http::Request<Bytes>,
}

/// Why a provider cannot be asked.
#[derive(Debug)]
pub enum ProviderError {
    /// The file of its credentials, and what is wrong with it.
    Credentials(PathBuf, CredentialsError),
    /// Whom to trust is not known.
    Tls(TlsError),
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProviderError::Credentials(file, error) => write!(f, "{}: {error}", file.display()),
            ProviderError::Tls(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ProviderError {}

impl Provider {
    /// The provider of a tenant. Reads files: work for the pool once the loop runs.
    ///
    /// # Errors
    /// What is wrong with a file.
    pub fn of(settings: &tenants::Psp) -> Result<Self, ProviderError> {
        let psp: Box<dyn Psp + Send + Sync> = match &settings.provider {
            tenants::Provider::Sandbox { account, credentials } => {
                let key = credentials.as_ref().map(read).transpose()?;
                Box::new(Sandbox::new(account.clone(), key))
            }
            tenants::Provider::Stripe { account, credentials } => {
                Box::new(Stripe::new(read(credentials)?).on_behalf_of(account.clone()))
            }
            tenants::Provider::Adyen { merchant, credentials } => {
                // What stands before the path is the endpoint's, as with the others.
                let (url, path) = (RETURN_URL.to_owned(), String::new());
                Box::new(Adyen::new(read(credentials)?, merchant.clone(), url, path))
            }
        };
        let tls = match &settings.authorities {
            Some(file) => tls::client(file),
            None => tls::public_client(),
        };
        let tenants::Endpoint { host, port, path, .. } = settings.endpoint.clone();
        let tls = tls.map_err(ProviderError::Tls)?;
        Ok(Provider { name: settings.provider.name(), psp, host, port, path, tls, body_bytes: BODY_BYTES })
    }

    /// As results name it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The request of a step. `None` where no locked memory is left for it: nothing is sent then, and nothing is taken.
    pub fn request(&self, step: &Step, submission: &Submission<'_>) -> Option<Outgoing> {
        let mut written = self.write();
        self.psp.ask(step, submission, &mut written);
        self.outgoing(written)
    }

    /// What the answer to a step means, or that there is none.
    pub fn read(&self, step: &Step, result: Result<Answer, AskError>) -> Next {
        match result {
            Ok(answer) => match self.psp.read(step, plain(&answer)) {
                Next::Done(outcome) => Next::Done(tidied(outcome)),
                next => next,
            },
            Err(error) if error.sent => Next::Done(self.psp.lost(step)),
            Err(_) => Next::Done(self.not_sent(step)),
        }
    }

    /// What became of a payment of which this step was not sent.
    pub fn not_sent(&self, step: &Step) -> Outcome {
        let takes_nothing = |number| {
            let earlier = Step { number, token: None };
            self.psp.lost(&earlier) == Outcome::NotTaken
        };
        if (0..step.number).all(takes_nothing) { Outcome::NotTaken } else { Outcome::Unknown }
    }

    /// The question what became of an attempt. `None` where this provider cannot be asked, or no locked memory is left:
    /// [`Found::NoAnswer`].
    pub fn look_up(&self, attempt: &Attempt) -> Option<Outgoing> {
        let mut written = self.write();
        if self.psp.look_up(attempt, &mut written) { self.outgoing(written) } else { None }
    }

    /// What the answer to that means, or that there is none.
    pub fn found(&self, attempt: &Attempt, result: Result<Answer, AskError>) -> Found {
        match result.map_or(Found::NoAnswer, |answer| self.psp.found(attempt, plain(&answer))) {
            Found::Settled(outcome) => Found::Settled(tidied(outcome)),
            found => found,
        }
    }

    fn write(&self) -> Written<'_> {
        Written::new(&self.path, self.body_bytes)
    }

    fn outgoing(&self, written: Written<'_>) -> Option<Outgoing> {
        let (host, port, tls) = (self.host.clone(), self.port, Arc::clone(&self.tls));
        Some(Outgoing { host, port, tls, request: written.finish()? })
    }
}

/// What a PSP calls a payment is shown and kept: it may be nothing else, nor hold what may be a card number. Without a name the payment is
/// found by our own.
fn tidied(outcome: Outcome) -> Outcome {
    let is_name = |name: &String| {
        (1..=128).contains(&name.len())
            && name.bytes().all(|letter| letter.is_ascii_graphic())
            && !holds_card_number(name)
    };
    match outcome {
        Outcome::Approved { psp_reference } => {
            Outcome::Approved { psp_reference: Some(psp_reference).filter(is_name).unwrap_or_default() }
        }
        Outcome::Declined { reason, psp_reference } => {
            Outcome::Declined { reason, psp_reference: psp_reference.filter(is_name) }
        }
        other => other,
    }
}

impl Outgoing {
    /// As the loop takes it. `then` is given to [`Provider::read`] or [`Provider::found`] of the provider that made the request.
    pub fn ask<S>(self, patience: Duration, then: AskThen<S>) -> Ask<S> {
        let Outgoing { host, port, tls, request } = self;
        Ask { host, port, tls, request, patience, then }
    }
}

fn read(credentials: &Credentials) -> Result<String, ProviderError> {
    // Moved, not copied.
    let key = credentials.read().map(|mut key| core::mem::take(&mut *key));
    key.map_err(|error| ProviderError::Credentials(credentials.file().to_owned(), error))
}

fn plain(answer: &Answer) -> psp::Answer<'_> {
    psp::Answer { status: answer.status.as_u16(), body: &answer.body }
}

// Neither what it is shown nor the card.
impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({}, {}:{}{})", self.name, self.host, self.port, self.path)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({}:{})", self.host, self.port)
    }
}

#[cfg(test)]
mod tests;
