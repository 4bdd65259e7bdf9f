//! A connection as hyper reads and writes it: a non-blocking socket, with or without TLS, either side of it.
//!
//! Nothing in here remembers who waits: the loop polls the whole connection whenever the system reports its socket. What
//! is kept in memory is one record each way: nothing is read before the last was taken, nothing taken before it was sent.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::ReadBufCursor;
use mio::net::TcpStream;
use rustls::Connection as Tls;

/// Bytes taken from a plain socket at a time.
const READ_MAX: usize = 4096;
/// Pieces taken from a socket into TLS in one go. Records may be empty: who sends such on and on is not to keep the loop.
const TAKES: u32 = 32;
/// Bytes handed to TLS at a time: one record.
const RECORD: usize = 16 * 1024;

/// A connection, shared by hyper and the loop.
#[derive(Clone)]
pub(crate) struct Stream {
    inner: Rc<RefCell<Inner>>,
    seen: Rc<Seen>,
}

/// What the loop wants to know without asking.
#[derive(Default)]
struct Seen {
    received: Cell<u64>,
    sent: Cell<u64>,
    blocked: Cell<bool>,
    ended: Cell<bool>,
    tls_failed: Cell<bool>,
    holds_end: Rc<Cell<bool>>,
}

struct Inner {
    tcp: TcpStream,
    tls: Option<Box<Tls>>,
    connected: bool,
    /// Why it did not come about: the system says so once only.
    refused: Option<ErrorKind>,
    closing: bool,
    /// Pieces taken since hyper last asked.
    takes: u32,
    /// Whether an end without TLS's own word for it is one all the same. HTTP says itself where a request ends; an
    /// answer of somebody else's that was cut off must not pass for a whole one.
    lenient: bool,
}

impl Stream {
    /// A connection that was accepted.
    pub(crate) fn accepted(tcp: TcpStream, tls: Option<Tls>) -> Self {
        Self::new(Inner {
            tcp,
            tls: tls.map(Box::new),
            connected: true,
            refused: None,
            closing: false,
            takes: 0,
            lenient: true,
        })
    }

    /// A connection of ours, on its way.
    pub(crate) fn connecting(tcp: TcpStream, tls: Tls) -> Self {
        Self::new(Inner {
            tcp,
            tls: Some(Box::new(tls)),
            connected: false,
            refused: None,
            closing: false,
            takes: 0,
            lenient: false,
        })
    }

    fn new(inner: Inner) -> Self {
        Stream { inner: Rc::new(RefCell::new(inner)), seen: Rc::default() }
    }

    /// Whether the handshake is still going on.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.inner.borrow().tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Whether the connection is up.
    pub(crate) fn is_connected(&self) -> bool {
        self.inner.borrow().connected
    }

    /// Bytes of HTTP that came.
    pub(crate) fn received(&self) -> u64 {
        self.seen.received.get()
    }

    /// Bytes of HTTP that went, as far as TLS.
    pub(crate) fn sent(&self) -> u64 {
        self.seen.sent.get()
    }

    /// Whether the other side takes nothing more for now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.seen.blocked.get()
    }

    /// Whether the other side sends nothing more.
    pub(crate) fn has_ended(&self) -> bool {
        self.seen.ended.get()
    }

    /// While this is set, hyper is not told that the other side sends nothing more: who has asked, and then closed its own side, is
    /// answered all the same.
    pub(crate) fn end_is_held(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.seen.holds_end)
    }

    /// Whether TLS gave up.
    pub(crate) fn has_tls_failed(&self) -> bool {
        self.seen.tls_failed.get()
    }

    /// Sends what TLS has to say, as far as it goes.
    pub(crate) fn flush(&self) {
        // Whatever is wrong with the socket, hyper finds it out as well.
        let _ = self.inner.borrow_mut().flush();
    }

    /// Says goodbye and shuts our side.
    pub(crate) fn finish(&self) {
        let _ = self.inner.borrow_mut().finish();
    }

    /// Throws away what comes.
    pub(crate) fn drain(&self) -> Drained {
        self.inner.borrow_mut().drain()
    }

    /// The socket, for registering it.
    pub(crate) fn with_socket<T>(&self, work: impl FnOnce(&mut TcpStream) -> T) -> T {
        work(&mut self.inner.borrow_mut().tcp)
    }
}

/// What came of throwing away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drained {
    /// There may be more at once.
    More,
    /// There is nothing for now.
    Waits,
    /// The other side has closed.
    Ended,
}

/// What TLS found wrong.
#[derive(Debug)]
pub(crate) struct TlsBroken(pub(crate) rustls::Error);

impl core::fmt::Display for TlsBroken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for TlsBroken {}

fn interrupted(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}

fn pending<T>(error: io::Error) -> Poll<io::Result<T>> {
    if error.kind() == ErrorKind::WouldBlock { Poll::Pending } else { Poll::Ready(Err(error)) }
}

impl Inner {
    /// Whether the connection is up; `WouldBlock` while it is on its way.
    fn connect(&mut self) -> io::Result<()> {
        if self.connected {
            return Ok(());
        }
        if let Some(error) = self.tcp.take_error()? {
            self.refused = Some(error.kind());
        }
        if let Some(refused) = self.refused {
            return Err(refused.into());
        }
        match self.tcp.peer_addr() {
            Ok(_) => {
                self.connected = true;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Err(ErrorKind::WouldBlock.into()),
            Err(error) => Err(error),
        }
    }

    /// Sends everything that TLS has; `WouldBlock` where the other side takes no more.
    fn flush(&mut self) -> io::Result<()> {
        self.connect()?;
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.tcp) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if interrupted(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes one piece from the socket into TLS; false at the end.
    fn take(&mut self) -> io::Result<bool> {
        if self.takes == TAKES {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.takes += 1;
        let Some(tls) = &mut self.tls else { return Ok(false) };
        let count = loop {
            match tls.read_tls(&mut self.tcp) {
                Err(error) if interrupted(&error) => {}
                other => break other?,
            }
        };
        let processed = tls.process_new_packets();
        // An answer of the handshake, or the alert that says what was wrong. Where it cannot leave now, it leaves later.
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock && processed.is_ok() => return Err(error),
            _ => {}
        }
        match processed {
            Ok(_) => Ok(count > 0),
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, TlsBroken(error))),
        }
    }

    fn handshake(&mut self) -> io::Result<()> {
        self.flush()?;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            if !self.take()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// How many bytes came; 0 at the end.
    fn read(&mut self, cursor: &mut ReadBufCursor<'_>) -> io::Result<usize> {
        self.connect()?;
        if cursor.remaining() == 0 {
            return Ok(0);
        }
        loop {
            let Some(tls) = &mut self.tls else {
                let mut taken = [0; READ_MAX];
                let room = taken.len().min(cursor.remaining());
                match self.tcp.read(&mut taken[..room]) {
                    Ok(count) => {
                        cursor.put_slice(&taken[..count]);
                        return Ok(count);
                    }
                    Err(error) if interrupted(&error) => continue,
                    Err(error) => return Err(error),
                }
            };
            let mut reader = tls.reader();
            match reader.fill_buf() {
                Ok(bytes) => {
                    let count = bytes.len().min(cursor.remaining());
                    cursor.put_slice(&bytes[..count]);
                    reader.consume(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && self.lenient => return Ok(0),
                Err(error) => return Err(error),
            }
            if !self.take()? && self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                return if self.lenient { Ok(0) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.handshake()?;
        match &mut self.tls {
            Some(tls) => {
                let count = tls.writer().write(&bytes[..bytes.len().min(RECORD)])?;
                match self.flush() {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
                    _ => Ok(count),
                }
            }
            None => loop {
                match self.tcp.write(bytes) {
                    Err(error) if interrupted(&error) => {}
                    other => return other,
                }
            },
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(tls) = self.tls.as_mut().filter(|_| !self.closing) {
            tls.send_close_notify();
        }
        self.closing = true;
        self.flush()?;
        self.tcp.shutdown(Shutdown::Write)
    }

    fn drain(&mut self) -> Drained {
        let mut taken = [0; READ_MAX];
        // A bound for one turn: who sends on and on has the loop's time no longer than others.
        for _ in 0..64 {
            match self.tcp.read(&mut taken) {
                Ok(0) => return Drained::Ended,
                Ok(_) => {}
                Err(error) if interrupted(&error) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Drained::Waits,
                Err(_) => return Drained::Ended,
            }
        }
        Drained::More
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.in_turn(context, |inner| inner.read(&mut cursor)) {
            Ok(count) => {
                self.seen.received.set(self.seen.received.get() + count as u64);
                self.seen.ended.set(self.seen.ended.get() || count == 0);
                if count == 0 && self.seen.holds_end.get() { Poll::Pending } else { Poll::Ready(Ok(())) }
            }
            Err(error) => {
                self.note(&error);
                pending(error)
            }
        }
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.in_turn(context, |inner| inner.write(bytes)) {
            Ok(count) => {
                self.seen.sent.set(self.seen.sent.get() + count as u64);
                self.seen.blocked.set(false);
                Poll::Ready(Ok(count))
            }
            Err(error) => self.not_written(error),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.inner.borrow_mut().flush() {
            Ok(()) => {
                self.seen.blocked.set(false);
                Poll::Ready(Ok(()))
            }
            Err(error) => self.not_written(error),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.inner.borrow_mut().finish() {
            Ok(()) => Poll::Ready(Ok(())),
            // The other side has gone before us.
            Err(error) if error.kind() == ErrorKind::NotConnected => Poll::Ready(Ok(())),
            Err(error) => self.not_written(error),
        }
    }
}

impl Stream {
    /// Lets `work` take so much and no more; where there may be more, another turn is asked for.
    fn in_turn<T>(
        &self,
        context: &mut Context<'_>,
        work: impl FnOnce(&mut Inner) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut inner = self.inner.borrow_mut();
        inner.takes = 0;
        let done = work(&mut inner);
        if inner.takes == TAKES {
            context.waker().wake_by_ref();
        }
        done
    }

    fn note(&self, error: &io::Error) {
        if error.get_ref().is_some_and(|inner| inner.is::<TlsBroken>()) {
            self.seen.tls_failed.set(true);
        }
    }

    fn not_written<T>(&self, error: io::Error) -> Poll<io::Result<T>> {
        self.seen.blocked.set(error.kind() == ErrorKind::WouldBlock);
        self.note(&error);
        pending(error)
    }
}
