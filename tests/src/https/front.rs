//! TLS before a server that speaks none.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Identity, PATIENCE, Request, Server};
use crate::live::{During, Outcome};

/// Bytes of an answer that are passed on.
const ANSWER_MAX: u64 = 1 << 20;

impl Server {
    /// Passes requests on to `behind`, as `change` makes them, and answers back. Each is one connection, whose end is that of the
    /// answer: requests should say `Connection: close`.
    ///
    /// # Errors
    /// Where there is no port.
    pub fn before(
        behind: SocketAddr,
        identity: &Identity,
        change: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Outcome<Self> {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let pass = move |request: &Request| -> std::io::Result<Vec<u8>> {
            let mut tcp = TcpStream::connect(behind)?;
            tcp.set_read_timeout(Some(PATIENCE))?;
            tcp.write_all(&change(request))?;
            let mut answer = Vec::new();
            tcp.take(ANSWER_MAX).read_to_end(&mut answer)?;
            Ok(answer)
        };
        let serve = move |visit: &mut super::Visit<'_>| {
            if let Some(answer) = visit.read().ok().and_then(|request| pass(&request).ok()) {
                visit.send(&answer);
            }
        };
        Server::start(listen, identity, serve).during("listening")
    }
}
