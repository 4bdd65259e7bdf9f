//! The sandbox: a PSP that takes no money, for people who try Keyhush and for tests. It speaks HTTPS; its API is that of the adapter
//! `payment::psp::sandbox`. The binary `psp-sandbox` serves it by itself.
//!
//! | request | answer |
//! |---|---|
//! | `POST /payments` with `Idempotency-Key` | the payment, or what [`behaviour::TABLE`] says of its amount or [`behaviour::CARDS`] of its card |
//! | `GET /payments?reference=…` | `{"payments": […]}`: that of our own reference, or none |
//! | `GET /charges?order=…` | `{"charges": n}`: how often the order was paid; more than once is a double charge |
//!
//! A payment with a key that was used is done once: its answer is told again, without the trouble that the first had. Of a card it
//! keeps the last four digits. Connections, requests, payments and waits are bounded: see [`crate::https`] and [`book::PAYMENTS`].
//!
//! | module | holds |
//! |---|---|
//! | [`behaviour`] | what becomes of which payment |
//! | [`book`] | payments, keys and charges |
//! | `desk` | requests and answers |

pub mod behaviour;
pub mod book;
mod desk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::https::{Identity, Server};
use crate::live::{During, Outcome};

use desk::Desk;

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What requests must show as `Authorization: Bearer …`. `None`: nothing.
    pub secret: Option<String>,
    /// Of a hundred look-ups, how many fail: by 503, by a drop, by garbage, by a stall.
    pub look_ups_fail: u64,
    /// What those chances are drawn from.
    pub seed: u64,
    /// How long after its request a payment is taken, found or settled, where the table says that it is later.
    pub late: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { secret: None, look_ups_fail: 0, seed: 0, late: Duration::from_secs(3) }
    }
}

/// A running sandbox, until dropped.
#[derive(Debug)]
pub struct PspSandbox {
    server: Server,
    desk: Arc<Desk>,
    certificate: String,
}

impl PspSandbox {
    /// Starts one.
    ///
    /// # Errors
    /// Where the address cannot be had.
    pub fn start(listen: SocketAddr, identity: &Identity, settings: Settings) -> Outcome<Self> {
        let desk = Arc::new(Desk::new(settings));
        let serving = Arc::clone(&desk);
        let server = Server::start(listen, identity, move |visit| serving.serve(visit))
            .during(format!("listening on {listen}"))?;
        Ok(PspSandbox { server, desk, certificate: identity.certificate.clone() })
    }

    /// Starts one for a test: on 127.0.0.1, at a port of the system's choice, with a certificate of its own.
    ///
    /// # Errors
    /// Where there is no port.
    pub fn for_a_test(settings: Settings) -> Outcome<Self> {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0)), &Identity::made()?, settings)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The certificate that its clients are to trust, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// How often an order was paid.
    pub fn charges(&self, order: &str) -> u32 {
        self.desk.book().charges(order)
    }

    /// Payments that it has taken, paid or not.
    pub fn payments(&self) -> usize {
        self.desk.book().payments()
    }

    /// Requests that came so far as to be read, look-ups included.
    pub fn requests(&self) -> u64 {
        self.desk.requests.load(Ordering::Relaxed)
    }

    /// Hangs up on the next so many connections before anything is read.
    pub fn hang_up_on_next(&self, connections: u32) {
        self.desk.hang_ups.store(connections, Ordering::Relaxed);
    }

    /// Serves until the process ends.
    pub fn serve(self) {
        self.server.join();
    }
}

#[cfg(test)]
mod tests;
