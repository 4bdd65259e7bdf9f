//! A way from the machine's own loopback into the sandbox, for a person's browser.
//!
//! A socket belongs to the namespace in which it was made, wherever it is used. So the listener is made outside, inherited, and
//! taken up inside.

use std::env;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use super::{During, Outcome, Trouble};

/// Tells the inner process which of its files the listener is.
const DOOR: &str = "KEYHUSH_DOOR";

/// The port that is tried first, so that an address can be remembered.
const USUAL: u16 = 8443;

/// The outer end.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
}

impl Door {
    /// Opens it, on the usual port of 127.0.0.1 or on a free one.
    ///
    /// # Errors
    /// When there is no port.
    pub fn open() -> Outcome<Door> {
        let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = at(USUAL).or_else(|_| at(0)).during("listening on 127.0.0.1")?;
        Ok(Door { listener })
    }

    /// Lets what `command` starts inherit it. It must live until then.
    ///
    /// # Errors
    /// The system's own.
    pub fn hand_to(&self, command: &mut Command) -> Outcome<()> {
        fcntl_setfd(&self.listener, FdFlags::empty()).during("letting a socket be inherited")?;
        command.env(DOOR, self.listener.as_raw_fd().to_string());
        Ok(())
    }
}

/// Takes up the listener that was inherited.
///
/// # Errors
/// When there is none.
pub fn inherited() -> Outcome<TcpListener> {
    let number = env::var(DOOR).during("looking for the door's number")?;
    let number = number.parse().during("reading the door's number")?;
    // A number is no file yet: the kernel makes one of it, for our own process as for any.
    let own = pidfd_open(getpid(), PidfdFlags::empty()).during("opening our own process")?;
    let file = pidfd_getfd(&own, number, PidfdGetfdFlags::empty()).during("taking up the door")?;
    Ok(TcpListener::from(file))
}

/// Carries every connection that comes to `listener` on to `inner`, until the process ends.
///
/// # Errors
/// When it is no listener.
pub fn carry(listener: TcpListener, inner: SocketAddr) -> Outcome<()> {
    listener.local_addr().map_err(|error| Trouble::new(format!("the door is no socket: {error}")))?;
    thread::spawn(move || {
        for outer in listener.incoming().flatten() {
            // Where nobody listens inside, the one outside sees a connection that ends.
            if let Ok(inner) = TcpStream::connect(inner) {
                let _ = join(outer, inner);
            }
        }
    });
    Ok(())
}

fn join(outer: TcpStream, inner: TcpStream) -> io::Result<()> {
    for stream in [&outer, &inner] {
        stream.set_nodelay(true)?;
    }
    let one_way = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    };
    one_way(outer.try_clone()?, inner.try_clone()?);
    one_way(inner, outer);
    Ok(())
}
