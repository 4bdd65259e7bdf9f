//! A small HTTPS server for those whom Keyhush asks: a thread a connection, one request a connection, everything bounded.
//!
//! What a guest of it answers, and how badly, is wholly its own affair: it is handed the connection.
#![allow(clippy::disallowed_methods, reason = "an edge: real sockets live in real time")]

mod front;
mod request;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use request::{BODY_MAX, HEAD_MAX, Request, Unread};

use crate::live::{During, Outcome};

/// Connections at a time; one more is closed at once.
pub const CONNECTIONS: usize = 512;
/// How long a client may take for a request, and for taking an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client, after its connection was taken and before anything was read.
pub type Guest = StreamOwned<ServerConnection, TcpStream>;

/// Who a server is: certificate and key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, in PEM: whoever is to trust the server trusts it.
    pub certificate: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// Made for this occasion, of `localhost` and 127.0.0.1.
    ///
    /// # Errors
    /// Where there is no randomness to be had.
    pub fn made() -> Outcome<Self> {
        let key = KeyPair::generate().during("making a key")?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)
            .and_then(|wanted| wanted.self_signed(&key))
            .during("making a certificate")?;
        let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self::of(certificate.pem(), vec![certificate.der().clone()], secret)
    }

    /// From files in PEM.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(certificate: &Path, key: &Path) -> Outcome<Self> {
        let pem = std::fs::read_to_string(certificate).during(certificate.display())?;
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .during(certificate.display())?;
        let secret = PrivateKeyDer::from_pem_file(key).during(key.display())?;
        Self::of(pem, chain, secret)
    }

    fn of(
        certificate: String,
        chain: Vec<CertificateDer<'static>>,
        secret: PrivateKeyDer<'static>,
    ) -> Outcome<Self> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .during("choosing versions of TLS")?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .during("using the certificate")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Identity { certificate, config: Arc::new(config) })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(_)")
    }
}

/// A running server. Dropped, it closes every connection and waits for its threads.
pub struct Server {
    address: SocketAddr,
    house: Arc<House>,
    thread: Option<JoinHandle<()>>,
}

/// What the threads of a server share.
#[derive(Default)]
pub struct House {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    next: u64,
    open: HashMap<u64, TcpStream>,
    threads: usize,
}

impl House {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits. `false` if the server is to stop.
    pub fn wait(&self, span: Duration) -> bool {
        let until = Instant::now() + span;
        let mut state = self.state();
        while !state.stopping {
            let Some(left) = until.checked_duration_since(Instant::now()) else { break };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        !state.stopping
    }

    /// Notes a connection; `None` where there are too many, or the server is to stop.
    fn enter(&self, tcp: &TcpStream) -> Option<u64> {
        let again = tcp.try_clone().ok()?;
        let mut state = self.state();
        if state.stopping || state.threads >= CONNECTIONS {
            return None;
        }
        state.next += 1;
        state.threads += 1;
        let number = state.next;
        state.open.insert(number, again);
        Some(number)
    }

    /// The connection is closed now, whatever its thread still does.
    fn close(&self, number: u64) {
        if let Some(tcp) = self.state().open.remove(&number) {
            let _ = tcp.shutdown(Shutdown::Both);
        }
    }

    fn leave(&self, number: u64) {
        self.close(number);
        self.state().threads -= 1;
        self.changed.notify_all();
    }
}

/// A connection as its thread has it.
pub struct Visit<'h> {
    /// What all threads share.
    pub house: &'h House,
    number: u64,
    guest: Option<Guest>,
}

impl Visit<'_> {
    /// The client, until it is hung up on.
    pub fn guest(&mut self) -> Option<&mut Guest> {
        self.guest.as_mut()
    }

    /// Reads its request.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(&mut self) -> Result<Request, Unread> {
        self.guest.as_mut().map_or(Err(Unread::Gone), Request::read)
    }

    /// Sends bytes, and says whether they went.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        let Some(guest) = self.guest.as_mut() else { return false };
        guest.write_all(bytes).and_then(|()| guest.flush()).is_ok()
    }

    /// Ends the connection in order.
    pub fn finish(&mut self) {
        if let Some(mut guest) = self.guest.take() {
            guest.conn.send_close_notify();
            let _ = guest.flush();
            let _ = guest.sock.shutdown(Shutdown::Write);
        }
    }

    /// Ends the connection without a word, as a fault of the network does.
    pub fn hang_up(&mut self) {
        self.guest = None;
        self.house.close(self.number);
    }
}

impl Server {
    /// Listens, and serves each connection on a thread of its own.
    ///
    /// # Errors
    /// Where the address cannot be had.
    pub fn start(
        listen: SocketAddr,
        identity: &Identity,
        serve: impl Fn(&mut Visit<'_>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let house = Arc::new(House::default());
        let (config, serve) = (Arc::clone(&identity.config), Arc::new(serve));
        let shared = Arc::clone(&house);
        let thread = thread::spawn(move || {
            for tcp in listener.incoming() {
                if shared.state().stopping {
                    return;
                }
                let Ok(tcp) = tcp else {
                    // Out of descriptors, mostly: some will be closed.
                    shared.wait(Duration::from_millis(10));
                    continue;
                };
                let Some(number) = shared.enter(&tcp) else { continue };
                let (house, config, serve) = (Arc::clone(&shared), Arc::clone(&config), Arc::clone(&serve));
                let visit = move || {
                    // Also when it panics.
                    let left = Leaving(&house, number);
                    let _ = tcp.set_read_timeout(Some(PATIENCE));
                    let _ = tcp.set_write_timeout(Some(PATIENCE));
                    let _ = tcp.set_nodelay(true);
                    if let Ok(tls) = ServerConnection::new(config) {
                        let guest = Some(StreamOwned::new(tls, tcp));
                        let mut visit = Visit { house: &house, number, guest };
                        serve(&mut visit);
                        visit.finish();
                    }
                    drop(left);
                };
                if thread::Builder::new().spawn(visit).is_err() {
                    shared.leave(number);
                }
            }
        });
        Ok(Server { address, house, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it is stopped, which nobody but the end of the process does.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

struct Leaving<'h>(&'h House, u64);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        {
            let mut state = self.house.state();
            state.stopping = true;
            for tcp in state.open.values() {
                let _ = tcp.shutdown(Shutdown::Both);
            }
        }
        self.house.changed.notify_all();
        // It waits for a connection: this is one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let mut state = self.house.state();
        while state.threads > 0 {
            state = self.house.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
