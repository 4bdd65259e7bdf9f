//! Two hosts and the wire between them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::sandbox::call;
use super::{During, Outcome, Trouble};

/// The links' MTU, in bytes.
pub const MTU: u32 = 1500;

/// A host in a network namespace of its own, with one interface, `eth0`.
#[derive(Clone, Debug)]
pub struct Host {
    name: String,
    address: Ipv4Addr,
}

/// What has crossed a host's interface, in packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crossed {
    /// Sent by the host.
    pub sent: u64,
    /// Received by the host.
    pub received: u64,
    /// Received and thrown away by the kernel, or not sent.
    pub dropped: u64,
}

impl Host {
    /// Makes the host `name`. The other half of its veth pair, of the same name, stays in our namespace.
    ///
    /// # Errors
    /// When `ip` or `ethtool` fails.
    pub fn new(name: &str, address: Ipv4Addr) -> Outcome<Host> {
        let host = Host { name: name.to_owned(), address };
        let mtu = MTU.to_string();
        call("ip", &["netns", "add", name])?;
        call(
            "ip",
            &["link", "add", name, "mtu", &mtu, "type", "veth", "peer", "eth0", "mtu", &mtu, "netns", name],
        )?;
        // What our half would say by itself (neighbour discovery) never crosses the wire and would upset the counts.
        let quiet = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
        if fs::exists(&quiet).unwrap_or(false) {
            fs::write(&quiet, "1").during(&quiet)?;
        }
        let offloads = ["tso", "off", "gso", "off", "gro", "off", "tx", "off"];
        // A veth hands over what the sender's stack left unfinished: checksums not filled in, segments not cut.
        call("ethtool", &[&["-K", name][..], &offloads].concat())?;
        host.call("ethtool", &[&["-K", "eth0"][..], &offloads].concat())?;
        call("ip", &["link", "set", name, "up"])?;
        host.call("ip", &["address", "add", &format!("{address}/24"), "dev", "eth0"])?;
        host.call("ip", &["link", "set", "lo", "up"])?;
        host.call("ip", &["link", "set", "eth0", "up"])?;
        Ok(host)
    }

    /// Its name, which is also the name of the interface that Keyhush takes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A command that runs on this host. The process that it starts is the program itself.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg(program);
        command
    }

    /// Whether a program on it waits for UDP on `port`.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn listens(&self, port: u16) -> Outcome<bool> {
        let sockets = self.call("cat", &["/proc/net/udp"])?;
        Ok(sockets.contains(&format!(":{port:04X} ")))
    }

    /// A socket of this process on that host.
    ///
    /// # Errors
    /// When the port is taken, or its namespace is not ours to enter.
    pub fn udp(&self, port: u16) -> Outcome<UdpSocket> {
        let namespace = format!("/run/netns/{}", self.name);
        let file = File::open(&namespace).during(&namespace)?;
        // A socket stays where it was made, and only the thread that makes it goes there.
        let make = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(file.as_fd(), kind).during("entering a host's namespace")?;
            UdpSocket::bind((self.address, port)).during(format!("taking port {port} of {}", self.name))
        };
        thread::scope(|scope| scope.spawn(make).join())
            .unwrap_or_else(|_| Err(Trouble::new("a thread that makes a socket")))
    }

    fn call(&self, program: &str, arguments: &[&str]) -> Outcome<String> {
        let enter = format!("--net=/run/netns/{}", self.name);
        call("nsenter", &[&[enter.as_str(), program][..], arguments].concat())
    }

    /// What has crossed its interface so far.
    ///
    /// # Errors
    /// When `ip` fails or answers something else.
    pub fn crossed(&self) -> Outcome<Crossed> {
        let json = self.call("ip", &["-json", "-statistics", "link", "show", "eth0"])?;
        let links: serde_json::Value = serde_json::from_str(&json).during("reading what ip counted")?;
        let of = |way: &str, what: &str| {
            links[0]["stats64"][way][what].as_u64().ok_or_else(|| Trouble::new("ip shows no counters"))
        };
        Ok(Crossed {
            sent: of("tx", "packets")?,
            received: of("rx", "packets")?,
            dropped: of("rx", "dropped")? + of("tx", "dropped")? + of("rx", "errors")? + of("tx", "errors")?,
        })
    }
}

/// Waits until nothing has crossed either host's interface for a while, and says what had.
///
/// # Errors
/// When it never falls silent.
pub fn settled(hosts: [&Host; 2]) -> Outcome<[Crossed; 2]> {
    let both = || Ok::<_, Trouble>([hosts[0].crossed()?, hosts[1].crossed()?]);
    let mut last = both()?;
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        thread::sleep(Duration::from_millis(500));
        let now = both()?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
    Err(Trouble::new("the wire does not fall silent"))
}
