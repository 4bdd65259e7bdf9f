//! The control core's HTTPS: hyper's connection futures, polled from the mio loop. There is no runtime, and nothing waits.
//!
//! | module | holds |
//! |---|---|
//! | [`routes`] | which handler answers which path; work that is put off |
//! | [`message`] | a request as handlers read it, an answer as they give it, what every answer says |
//! | [`events`] | server-sent events: bounded, resumed, dropped when not read |
//! | [`ask`] | requests of ours to others |
//! | [`tls`] | certificates, keys and roots from files, reloaded |
//! | [`limits`] | what clients may cost, and why one was refused |
//! | `origin` | who may ask for a change |
//! | `stream` | a socket with or without TLS, as hyper reads and writes it |
//! | `desk` | where a connection's future and the loop meet |
//! | `talk` | a client's connection and its phases |
//! | `body` | the body of an answer |
//! | `pieces` | a long body from a thread that reads a disk |
//! | `deadlines` | all deadlines in one heap |
//! | `ready` | wakers, and the queue that they fill |
//! | `pool` | threads for work that blocks |
//! | `turn` | one turn of the loop |

use std::io;
use std::net::TcpListener as StdListener;

use handover::Instant;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};

pub mod ask;
pub mod events;
pub mod limits;
pub mod message;
pub mod routes;
pub mod tls;

mod body;
mod deadlines;
mod desk;
mod origin;
mod pieces;
mod pool;
mod ready;
mod stream;
mod talk;
mod turn;

pub use ask::{Answer, Ask, AskError, AskThen, Failure};
pub use events::{Channel, ChannelLimits, Subscription};
pub use limits::WebLimits;
pub use message::{Request, Response};
pub use routes::{Handler, Reply, Route, RouteError, Routes, Work};
pub use tls::{Identity, TlsError};

pub(crate) use pieces::Begun;
pub(crate) use turn::{Web, World, network};

/// What handlers work on. It lives in the loop's thread and is made anew after a panic of the loop.
pub trait State: Sized + 'static {
    /// Called once a turn, after requests and answers: what is to be done by others.
    fn turn(&mut self, now: Instant) -> Vec<Order<Self>> {
        let _ = now;
        Vec::new()
    }
}

/// What a state wants done.
pub enum Order<S> {
    /// Work that blocks. Where the pool has no room it is not done, and counted; the answer that it makes goes to nobody.
    Work(Work<S>),
    /// A request to somebody else.
    Ask(Box<Ask<S>>),
}

/// An address that is listened on, its certificate and its routes. It outlives a panic of the loop.
pub(crate) struct Door<S> {
    listener: TcpListener,
    /// `None` is plain HTTP: for the management address only.
    identity: Option<Identity>,
    routes: Routes<S>,
}

impl<S> Door<S> {
    pub(crate) fn new(
        listener: StdListener,
        identity: Option<Identity>,
        routes: Routes<S>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Door { listener: TcpListener::from_std(listener), identity, routes })
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.listener, token, Interest::READABLE)
    }
}

#[cfg(test)]
pub(crate) mod tests;
