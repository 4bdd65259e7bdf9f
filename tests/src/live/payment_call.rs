//! The third story of the demo: a payment, from the call reference on the agent's page to the provider's answer, with a picture of
//! the page at each step.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::agent::{Agent, Button};
use super::browser::PATIENCE;
use super::capture::{self, Capture, now};
use super::card_call::Round;
use super::contact_centre::{AGENTS, Call, ContactCentre, HARBOUR, PASSWORD};
use super::network::Host;
use super::phone::Sound;
use super::{Outcome, Trouble};

/// A card that every provider has for tests. Numbers of its brand have 13, 16 or 19 digits: the agent says that it is complete.
pub const CARD: &str = "4242424242424242";

/// Its security code.
pub const CODE: &str = "737";

/// What is paid, and for what.
pub const ORDER: (&str, &str) = ("49.90", "INV-2041");

/// Everything that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What left the caller's telephone and what arrived at the agent's, of the card and its code.
    pub secured: Round,
    /// The keys that the agent's telephone itself says it heard.
    pub heard: String,
    /// What the page showed of the card number at the end.
    pub shown: String,
    /// What became of the payment.
    pub outcome: String,
    /// A picture of each step.
    pub pictures: Vec<PathBuf>,
}

/// Takes the pictures, in their order.
struct Album<'a> {
    directory: &'a Path,
    pictures: Vec<PathBuf>,
}

impl Album<'_> {
    fn take(&mut self, agent: &Agent, step: &str) -> Outcome<()> {
        let name = format!("payment-{}-{step}", self.pictures.len() + 1);
        agent.picture(self.directory, &name)?;
        self.pictures.push(self.directory.join(format!("{name}.png")));
        Ok(())
    }
}

/// Lets the payment happen, and leaves its pictures in `directory`. `tell` hears what is going on.
///
/// # Errors
/// When it cannot be shown: a telephone fails, the page does not go on.
pub fn run(
    centre: &ContactCentre,
    [caller, agents]: [&Host; 2],
    directory: &Path,
    tell: &mut dyn FnMut(&str),
) -> Outcome<Seen> {
    let mut album = Album { directory, pictures: Vec::new() };
    let agent = centre.visitor()?;
    agent.window.open(&centre.page)?;
    agent.window.wait_for("input[type=password]", PATIENCE)?;
    album.take(&agent, "sign-in")?;
    agent.sign_in(AGENTS[0].0, PASSWORD)?;
    album.take(&agent, "new")?;

    let captures = [Capture::start("payment", caller)?, Capture::start("payment", agents)?];
    let mut call = Call::begin(caller, agents, HARBOUR[0], Sound::Hum(440))?;
    tell("A third call, and a payment on the agent's page.");
    let reference = agent.new_payment(ORDER.0, ORDER.1)?;
    album.take(&agent, "reference")?;
    tell("The agent keys the call reference that the page shows.");
    call.key_reference(&reference)?;
    agent.wait_for_field("pan")?;
    let secured = now();
    album.take(&agent, "secured")?;
    tell("The page shows SecureMode on. The caller keys the card number.");
    call.caller.key(&CARD[..9])?;
    agent.wait_for_keys("pan", 9)?;
    album.take(&agent, "number")?;
    call.caller.key(&CARD[9..])?;
    agent.wait_for_keys("pan", CARD.len())?;
    agent.click(Button::Next)?;
    agent.wait_for_field("csc")?;
    album.take(&agent, "code")?;
    tell("And the security code.");
    call.caller.key(CODE)?;
    agent.wait_for_stage("details")?;
    album.take(&agent, "details")?;
    agent.pay()?;
    let outcome = agent.result()?;
    tell(&format!("The provider's answer is on the page: {outcome}."));
    album.take(&agent, "result")?;
    let shown = agent.shown()?.seen_of("pan").to_owned();
    thread::sleep(Duration::from_millis(500));

    call.hang_up()?;
    let heard = call.agent.keys_heard();
    let [sent, arrived] = captures;
    let (at_caller, at_agent) = (sent.finish()?, arrived.finish()?);
    let keys = |packets: &[capture::Rtp]| {
        capture::keys(
            packets.iter().filter(|packet| packet.source == caller.address() && packet.at >= secured),
        )
    };
    let secured = Round { keyed: keys(&at_caller), received: keys(&at_agent) };
    Ok(Seen { secured, heard, shown, outcome, pictures: album.pictures })
}

impl Seen {
    /// Everything that is not as it must be, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        let keyed = format!("{CARD}{CODE}");
        let mask = "#".repeat(keyed.len());
        let checks = [
            (self.secured.keyed == keyed, "the caller's telephone did not key card number and code"),
            (self.secured.received == mask, "the agent did not receive the mask key alone"),
            (self.heard == mask, "the agent's telephone heard something else than was captured there"),
            (self.outcome == "approved", "the payment was not approved"),
            (
                self.shown == "424242••••••4242",
                "the page showed something else of the card number than it may",
            ),
        ];
        checks.into_iter().filter(|(fine, _)| !fine).map(|(_, fault)| fault.to_owned()).collect()
    }
}

/// Keeps a call between both hosts, for a person at the page, and does with its telephones what lines of text say.
#[derive(Debug)]
pub struct Telephones {
    hosts: [Host; 2],
    call: Option<Call>,
}

impl Telephones {
    /// What lines may say.
    pub const LINES: &'static str = "caller KEYS, agent KEYS, call, hang up";

    /// With no call yet.
    pub fn new(hosts: [&Host; 2]) -> Telephones {
        Telephones { hosts: hosts.map(Clone::clone), call: None }
    }

    /// Does what a line says; answers what was done.
    ///
    /// # Errors
    /// When it is no such line, or a telephone fails.
    pub fn obey(&mut self, line: &str) -> Outcome<String> {
        let unclear = || Trouble::new(format!("not understood; there are: {}", Self::LINES));
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["call"] => {
                // A telephone has one line; a call that has ended by itself need not be ended.
                if let Some(mut before) = self.call.take() {
                    let _ = before.hang_up();
                }
                let [caller, agent] = &self.hosts;
                self.call = Some(Call::begin(caller, agent, HARBOUR[0], Sound::Hum(440))?);
                Ok("The caller has called, and the agent has answered.".to_owned())
            }
            ["hang", "up"] => {
                self.call.take().ok_or_else(|| Trouble::new("there is no call"))?.hang_up()?;
                Ok("The caller has hung up.".to_owned())
            }
            [who @ ("caller" | "agent"), keys @ ..] if !keys.is_empty() => {
                let keys = keys.concat();
                if !keys.chars().all(|key| "0123456789*#ABCD".contains(key)) {
                    return Err(unclear());
                }
                let call = self.call.as_mut().ok_or_else(|| Trouble::new("there is no call: say call"))?;
                let phone = if *who == "caller" { &mut call.caller } else { &mut call.agent };
                phone.key(&keys)?;
                let heard = call.agent.keys_heard();
                Ok(format!("The {who} has keyed. The agent's telephone has heard so far: {heard}"))
            }
            _ => Err(unclear()),
        }
    }
}
