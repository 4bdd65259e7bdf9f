//! One connection of the crowd.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::{ClientConfig, ClientConnection};

use super::visit::{request, tls};
use crate::live::{During, Outcome};

/// What a guest is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Subscribes to events and reads them.
    Subscriber,
    /// Connects and says nothing.
    Silent,
    /// Sends its handshake a byte a second.
    SlowHandshake,
    /// Sends its request a byte a second.
    SlowRequest,
    /// Asks for much, and reads a byte a second.
    SlowReader,
    /// Subscribes to events and never reads one.
    Deaf,
}

impl Kind {
    /// All who are slow.
    pub(super) const SLOW: [Kind; 5] =
        [Kind::Silent, Kind::SlowHandshake, Kind::SlowRequest, Kind::SlowReader, Kind::Deaf];
}

/// What came of moving a guest on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moved {
    /// It waits.
    Waits,
    /// It is where it wanted to be, since just now.
    Arrived,
    /// Its connection is over.
    Over,
}

/// A client that is moved on by a loop.
pub(super) struct Guest {
    pub(super) kind: Kind,
    tcp: TcpStream,
    tls: ClientConnection,
    /// What it asks once its handshake is done.
    request: String,
    asked: bool,
    head: Vec<u8>,
    arrived: bool,
}

impl Guest {
    /// Connects from a loopback address of its own: one address may have only so many connections.
    pub(super) fn connect(
        from: Ipv4Addr,
        to: SocketAddrV4,
        config: &Arc<ClientConfig>,
        kind: Kind,
        path: &str,
        cookie: &str,
    ) -> Outcome<Guest> {
        let file = socket(AddressFamily::INET, SocketType::STREAM, None).during("making a socket")?;
        bind(&file, &SocketAddrV4::new(from, 0)).during(format!("taking the address {from}"))?;
        if kind == Kind::SlowReader {
            set_socket_recv_buffer_size(&file, 4096).during("a small buffer")?;
        }
        connect(&file, &to).during("connecting")?;
        let tcp = std::net::TcpStream::from(file);
        tcp.set_nonblocking(true).during("a socket that does not wait")?;
        let request = match kind {
            // Enough that the system's own buffers do not take it all.
            Kind::SlowReader => request("GET", "/assets/keyhush.js", "", "").repeat(64),
            _ => request("GET", path, cookie, ""),
        };
        let (tls, tcp) = (tls(config)?, TcpStream::from_std(tcp));
        Ok(Guest { kind, tcp, tls, request, asked: false, head: Vec::new(), arrived: false })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.tcp, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Whether it was where it wanted to be.
    pub(super) fn has_arrived(&self) -> bool {
        self.arrived
    }

    /// The system has something to say of it.
    pub(super) fn go_on(&mut self) -> Moved {
        match self.step() {
            Ok(moved) => moved,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Moved::Waits,
            Err(_) => Moved::Over,
        }
    }

    fn step(&mut self) -> io::Result<Moved> {
        if matches!(self.kind, Kind::Silent | Kind::SlowHandshake)
            || (self.arrived && self.kind != Kind::Subscriber)
        {
            return self.arrives();
        }
        self.send()?;
        while !self.tls.is_handshaking() || self.tls.wants_read() {
            if self.tls.is_handshaking() || self.kind == Kind::Subscriber || self.kind == Kind::Deaf {
                match self.tls.read_tls(&mut self.tcp) {
                    Ok(0) => return Ok(Moved::Over),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
                self.tls.process_new_packets().map_err(io::Error::other)?;
            }
            if !self.tls.is_handshaking() && !self.asked {
                self.asked = true;
                if self.kind != Kind::SlowRequest {
                    self.tls.writer().write_all(self.request.as_bytes())?;
                }
            }
            self.send()?;
            if self.asked && matches!(self.kind, Kind::SlowRequest | Kind::SlowReader) {
                return self.arrives();
            }
            self.read()?;
            if !self.arrived && self.head.windows(4).any(|end| end == b"\r\n\r\n") {
                let is_served = self.head.starts_with(b"HTTP/1.1 200");
                return if is_served { self.arrives() } else { Ok(Moved::Over) };
            }
        }
        Ok(Moved::Waits)
    }

    fn arrives(&mut self) -> io::Result<Moved> {
        Ok(if std::mem::replace(&mut self.arrived, true) { Moved::Waits } else { Moved::Arrived })
    }

    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What was sent: the head of the answer is kept, events are thrown away.
    fn read(&mut self) -> io::Result<()> {
        let mut some = [0; 4096];
        loop {
            match self.tls.reader().read(&mut some) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) if !self.arrived => self.head.extend_from_slice(&some[..count]),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// A second has passed: what a slow one does then.
    pub(super) fn second(&mut self, seconds: usize) -> Moved {
        let done = match self.kind {
            Kind::Subscriber | Kind::Deaf => return Moved::Waits,
            // Whether it was closed meanwhile; nothing else comes.
            Kind::Silent => self.look(),
            Kind::SlowHandshake => self.dribble(),
            _ if !self.arrived => return Moved::Waits,
            Kind::SlowRequest => {
                let byte = self.request.as_bytes().get(seconds % self.request.len()).copied();
                let sent = self.tls.writer().write_all(byte.as_slice());
                sent.and_then(|()| self.send()).and_then(|()| self.look())
            }
            Kind::SlowReader => self.look(),
        };
        match done {
            Ok(()) => Moved::Waits,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Moved::Waits,
            Err(_) => Moved::Over,
        }
    }

    /// Sends one byte of the handshake.
    fn dribble(&mut self) -> io::Result<()> {
        if self.head.is_empty() {
            self.tls.write_tls(&mut self.head)?;
        }
        if !self.head.is_empty() {
            let byte = self.head.remove(0);
            self.tcp.write_all(&[byte])?;
        }
        self.look()
    }

    /// Reads one byte, raw as it is.
    fn look(&mut self) -> io::Result<()> {
        match self.tcp.read(&mut [0])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
