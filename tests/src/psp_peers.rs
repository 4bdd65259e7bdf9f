//! Other people's idea of a PSP, each a process behind TLS of ours: `localstripe`, and Prism with Adyen's own description.
//!
//! `make test` installs them and names their place by `KEYHUSH_TOOLS`; `KEYHUSH_PSP_SPECS` is the directory with
//! `adyen-checkout-v72.yaml`, which is Adyen's and not ours to pass on. Where either is not named, there is no peer.
#![allow(clippy::disallowed_methods, reason = "an edge: real processes live in real time")]

use std::env;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::https::{Identity, Request, Server};
use crate::live::{During, Outcome, Trouble};

/// How long one may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A peer, until dropped.
#[derive(Debug)]
pub struct Peer {
    identity: Identity,
    address: SocketAddr,
    process: Process,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Peer {
    /// Somebody's Stripe. `None` where it was not installed.
    ///
    /// # Errors
    /// When it does not start.
    pub fn localstripe() -> Outcome<Option<Self>> {
        let Some(tools) = env::var_os("KEYHUSH_TOOLS").map(PathBuf::from) else { return Ok(None) };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("psp_peers/stripe_on_loopback.py");
        Self::start(|port| {
            let mut command = bound(&tools.join("localstripe/bin/python"));
            command.arg("-B").arg(&script).arg(port.to_string());
            command
        })
        .map(Some)
    }

    /// Adyen as its own description says. `None` where Prism was not installed, or the description is not there.
    ///
    /// # Errors
    /// When it does not start.
    pub fn adyen() -> Outcome<Option<Self>> {
        let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let (Some(tools), Some(specs)) = (named("KEYHUSH_TOOLS"), named("KEYHUSH_PSP_SPECS")) else {
            return Ok(None);
        };
        Self::start(|port| {
            let mut command = bound(&tools.join("prism/node_modules/.bin/prism"));
            command.args([
                "mock",
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--multiprocess=false",
            ]);
            command.arg(specs.join("adyen-checkout-v72.yaml"));
            command
        })
        .map(Some)
    }

    fn start(command: impl Fn(u16) -> Command) -> Outcome<Self> {
        let free = TcpListener::bind("127.0.0.1:0").during("looking for a port")?;
        let address = free.local_addr().during("looking for a port")?;
        drop(free);
        let mut command = command(address.port());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut process = Process(command.spawn().during(format!("starting {command:?}"))?);
        let until = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.0.try_wait().during("asking for a process")? {
                return Err(Trouble::new(format!("{command:?} ended: {status}")));
            }
            if Instant::now() >= until {
                return Err(Trouble::new(format!("{command:?} does not listen")));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Peer { identity: Identity::made()?, address, process })
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.process.0.id()
    }

    /// The certificate of those before it, in PEM.
    pub fn certificate(&self) -> &str {
        &self.identity.certificate
    }

    /// TLS before it; requests are passed on as `change` makes them.
    ///
    /// # Errors
    /// Where there is no port.
    pub fn front(&self, change: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Outcome<Server> {
        Server::before(self.address, &self.identity, change)
    }
}

/// A program that ends with the thread that starts it, however that ends.
fn bound(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}
