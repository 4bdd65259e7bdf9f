//! A crowd at the agents' page: thousands of pages that wait for events, and hundreds of clients that do everything slowly. It is a process
//! of its own, since both ends of so many connections are more files than one process may have.
#![allow(clippy::disallowed_methods, reason = "an edge: real sockets live in real time")]

mod guest;
pub mod visit;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use guest::{Guest, Kind, Moved};
use visit::{Visit, events_of, trusting};

use crate::live::{During, Outcome, Trouble};

/// Payments that one agent may have open.
pub const OF_ONE_AGENT: usize = 16;
/// Pages that one payment may be open in.
pub const OF_ONE_PAYMENT: usize = 8;
/// Connections from one address, well below what is allowed to it.
const OF_ONE_ADDRESS: usize = 2_500;
/// Subscribers on their way at a time.
const AT_ONCE: usize = 64;

/// What crowd there is to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Where the page is.
    pub address: SocketAddrV4,
    /// The file of its certificate.
    pub certificate: PathBuf,
    /// The agents' cookies; each begins at most [`OF_ONE_AGENT`] payments.
    pub cookies: Vec<String>,
    /// Pages that wait for events.
    pub subscribers: usize,
    /// The payments whose pages they are: so many that no payment has more than [`OF_ONE_PAYMENT`], those of slow ones included.
    pub payments: usize,
    /// Clients that are slow.
    pub slow: usize,
}

/// The crowd as it is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Tally {
    /// Pages that are subscribed.
    pub subscribed: usize,
    /// How often one had to connect again.
    pub again: u64,
    /// Slow clients that are connected.
    pub slow: usize,
    /// How often one was closed, as it should be, and came again.
    pub slow_again: u64,
}

/// Says [`Tally`] as a line of JSON each second, the first once everybody is there, until it is ended.
///
/// # Errors
/// When the page is not served, or a file cannot be had.
pub fn gather(plan: &Path) -> Outcome<()> {
    let text = std::fs::read_to_string(plan).during(plan.display())?;
    let plan: Plan = serde_json::from_str(&text).during(plan.display())?;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let config = trusting(&plan.certificate)?;
    let mut crowd = Crowd::new(&plan, config)?;
    crowd.run()
}

/// [`gather`] for a program whose first argument is the plan.
pub fn main() -> ExitCode {
    let done = std::env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| Trouble::new("name the plan"));
    match done.and_then(|plan| gather(&plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("crowd: {trouble}");
            ExitCode::FAILURE
        }
    }
}

/// The last tally in what a crowd has said.
pub fn last_tally(said: &str) -> Option<Tally> {
    said.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

struct Crowd<'p> {
    plan: &'p Plan,
    config: Arc<ClientConfig>,
    /// Paths of events, with the cookies of those who may ask.
    pages: Vec<(String, &'p str)>,
    poll: Poll,
    guests: Vec<Option<Guest>>,
    tally: Tally,
    /// Subscribers on their way.
    coming: usize,
}

impl<'p> Crowd<'p> {
    fn new(plan: &'p Plan, config: Arc<ClientConfig>) -> Outcome<Self> {
        let payments = plan.payments;
        let mut pages = Vec::new();
        for cookie in &plan.cookies {
            let many = OF_ONE_AGENT.min(payments - pages.len());
            if many == 0 {
                break;
            }
            let mut visit = Visit::begin(SocketAddr::V4(plan.address), &config, cookie)?;
            for _ in 0..many {
                pages.push((events_of(&visit.begin_payment()?), cookie.as_str()));
            }
        }
        if pages.len() < payments {
            return Err(Trouble::new(format!("{payments} payments need more agents")));
        }
        let poll = Poll::new().during("making a poll")?;
        let guests = (0..plan.subscribers + plan.slow).map(|_| None).collect();
        Ok(Crowd { plan, config, pages, poll, guests, tally: Tally::default(), coming: 0 })
    }

    fn run(&mut self) -> Outcome<()> {
        let mut events = Events::with_capacity(1024);
        let (mut next, mut second, mut seconds, mut told) = (0, Instant::now(), 0, false);
        loop {
            while next < self.plan.subscribers && self.coming < AT_ONCE {
                self.come(next)?;
                next += 1;
            }
            while next >= self.plan.subscribers && next < self.guests.len() {
                self.come(next)?;
                next += 1;
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(100))).during("waiting")?;
            for event in &events {
                self.go_on(event.token().0)?;
            }
            if second.elapsed() < Duration::from_secs(1) {
                continue;
            }
            (second, seconds) = (Instant::now(), seconds + 1);
            for number in self.plan.subscribers..next {
                let moved = self.guests[number].as_mut().map(|guest| guest.second(seconds));
                self.moved(number, moved)?;
            }
            told |= self.tally.subscribed == self.plan.subscribers && next == self.guests.len();
            if told {
                println!("{}", serde_json::to_string(&self.tally).during("writing a line")?);
            }
        }
    }

    /// Guest `number` connects.
    fn come(&mut self, number: usize) -> Outcome<()> {
        let kind = match number.checked_sub(self.plan.subscribers) {
            None => Kind::Subscriber,
            Some(slow) => Kind::SLOW[slow % Kind::SLOW.len()],
        };
        let from = Ipv4Addr::new(127, 0, 1, (number / OF_ONE_ADDRESS + 1) as u8);
        let (path, cookie) = &self.pages[number % self.pages.len()];
        let mut guest = Guest::connect(from, self.plan.address, &self.config, kind, path, cookie)?;
        guest.register(self.poll.registry(), Token(number)).during("registering a socket")?;
        self.guests[number] = Some(guest);
        match kind {
            Kind::Subscriber => self.coming += 1,
            _ => self.tally.slow += 1,
        }
        // The system says at once that it can be written to.
        Ok(())
    }

    fn go_on(&mut self, number: usize) -> Outcome<()> {
        let moved = self.guests.get_mut(number).and_then(Option::as_mut).map(Guest::go_on);
        self.moved(number, moved)
    }

    fn moved(&mut self, number: usize, moved: Option<Moved>) -> Outcome<()> {
        let is_subscriber = number < self.plan.subscribers;
        match moved {
            Some(Moved::Arrived) if is_subscriber => {
                self.coming -= 1;
                self.tally.subscribed += 1;
                Ok(())
            }
            Some(Moved::Over) => {
                let guest = self.guests[number].take();
                if !is_subscriber {
                    self.tally.slow -= 1;
                    self.tally.slow_again += 1;
                } else {
                    self.tally.again += 1;
                    match guest.is_some_and(|guest| guest.has_arrived()) {
                        true => self.tally.subscribed -= 1,
                        false => self.coming -= 1,
                    }
                }
                self.come(number)
            }
            _ => Ok(()),
        }
    }
}
