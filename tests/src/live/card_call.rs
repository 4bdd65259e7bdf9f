//! The story that the demo tells and the tests assert: a caller keys a card number to an agent, first without, then
//! with SecureMode.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use super::Outcome;
use super::capture::{self, Capture, Rtp, now};
use super::keyhush::Keyhush;
use super::network::{Host, settled};
use super::phone::{Phone, Sound};

/// A card number that every payment provider has for tests.
pub const CARD: &str = "4111111111111111";

/// The caller, on the carrier side.
pub const CALLER: (&str, Ipv4Addr) = ("caller", Ipv4Addr::new(10, 20, 0, 1));

/// The agent, on the customer side.
pub const AGENT: (&str, Ipv4Addr) = ("agent", Ipv4Addr::new(10, 20, 0, 2));

/// The keys of one round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    /// What left the caller's telephone, from the capture on the caller's side.
    pub keyed: String,
    /// What arrived at the agent's telephone, from the capture on the agent's side.
    pub received: String,
}

/// The voice of one direction, in RTP packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Voice {
    /// Captured beside the telephone that sent them.
    pub sent: usize,
    /// How many of these were captured beside the telephone that they were for.
    pub arrived: usize,
    /// How many of these are not bit for bit what was sent, aside the telephone-events of SecureMode and the audio around them.
    pub altered: usize,
}

/// Everything that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Keyed with SecureMode off.
    pub open: Round,
    /// Keyed with SecureMode on.
    pub secured: Round,
    /// Keyed after SecureMode.
    pub after: Round,
    /// The keys that the agent's telephone itself says it heard, from first to last.
    pub heard: String,
    /// How many key presses Keyhush says it captured.
    pub presses: u64,
    /// Every volume in the events that the agent received in SecureMode, in -dBm0.
    pub volumes: BTreeSet<u8>,
    /// Caller to agent.
    pub to_agent: Voice,
    /// Agent to caller.
    pub to_caller: Voice,
    /// Packets of any kind, sent by the caller and received by the agent.
    pub towards_agent: [u64; 2],
    /// Packets of any kind, sent by the agent and received by the caller.
    pub towards_caller: [u64; 2],
}

/// What the caller keys after SecureMode, to the menu of whom the agent passes the call on to.
pub const MENU: &str = "2*0";

/// After the last key of a round, so that also on a busy machine none of its packets falls into the next.
const PAUSE: Duration = Duration::from_millis(500);

/// Around an event the audio may hold the same key as a tone, of a gateway that was slow to remove it: in SecureMode it is
/// masked too. So many seconds before the event's packet, those that are held when it comes; and after it.
const TONE_BEFORE: f64 = 0.1;
const TONE_AFTER: f64 = 0.5;

/// Lets the call happen over `keyhush`. `tell` hears what is going on.
///
/// # Errors
/// When it cannot be shown: a telephone fails, no call comes about, the console refuses.
pub fn run(keyhush: &mut Keyhush, caller: &Host, agent: &Host, tell: &mut dyn FnMut(&str)) -> Outcome<Seen> {
    let mut callers_phone = Phone::start(caller, Sound::Hum(440))?;
    let mut agents_phone = Phone::start(agent, Sound::Hum(620))?;
    let before = settled([caller, agent])?;
    let captures = [Capture::start("events", caller)?, Capture::start("events", agent)?];

    let call_id = callers_phone.call(agent)?;
    agents_phone.answered()?;
    tell(&format!("The call is up (Call-ID {call_id})."));
    thread::sleep(Duration::from_secs(1));
    tell("The caller keys a card number.");
    callers_phone.key(CARD)?;
    thread::sleep(PAUSE);

    keyhush.secure(&call_id, true)?;
    let on = now();
    tell("SecureMode is on. The caller keys the card number again.");
    callers_phone.key(CARD)?;
    thread::sleep(PAUSE);
    let presses = keyhush.presses(&call_id)?;

    keyhush.secure(&call_id, false)?;
    let off = now();
    tell("SecureMode is off. The caller keys something else.");
    callers_phone.key(MENU)?;
    thread::sleep(Duration::from_secs(1));

    callers_phone.hang_up()?;
    tell("The caller has hung up.");
    let crossed = settled([caller, agent])?;
    let [sent, arrived] = captures;
    let (at_caller, at_agent) = (sent.finish()?, arrived.finish()?);
    let heard = agents_phone.keys_heard();
    callers_phone.stop()?;
    agents_phone.stop()?;

    let round = |from: f64, to: f64| {
        let within = |packet: &&Rtp| packet.source == caller.address() && (from..to).contains(&packet.at);
        Round {
            keyed: capture::keys(at_caller.iter().filter(within)),
            received: capture::keys(at_agent.iter().filter(within)),
        }
    };
    let is_secured = |packet: &Rtp| packet.event.is_some() && (on..off).contains(&packet.at);
    let in_secure_mode = at_agent.iter().filter(|packet| is_secured(packet));
    let events: Vec<f64> =
        at_caller.iter().filter(|packet| is_secured(packet)).map(|packet| packet.at).collect();
    let is_masked = |packet: &Rtp| {
        let is_near = |event: &f64| (event - TONE_BEFORE..event + TONE_AFTER).contains(&packet.at);
        packet.source == caller.address() && (on..off).contains(&packet.at) && events.iter().any(is_near)
    };
    let voice = |from: &Host, sent: &[Rtp], arrived: &[Rtp]| {
        Voice::of(sent.iter().filter(|packet| packet.source == from.address()), arrived, is_masked)
    };
    Ok(Seen {
        open: round(0.0, on),
        secured: round(on, off),
        after: round(off, f64::MAX),
        heard,
        presses,
        volumes: in_secure_mode.filter_map(|packet| packet.event).map(|event| event.volume).collect(),
        to_agent: voice(caller, &at_caller, &at_agent),
        to_caller: voice(agent, &at_agent, &at_caller),
        towards_agent: [crossed[0].sent - before[0].sent, crossed[1].received - before[1].received],
        towards_caller: [crossed[1].sent - before[1].sent, crossed[0].received - before[0].received],
    })
}

impl Voice {
    fn of<'a>(
        sent: impl Iterator<Item = &'a Rtp>,
        arrived: &[Rtp],
        may_differ: impl Fn(&Rtp) -> bool,
    ) -> Voice {
        let arrived: BTreeMap<_, _> =
            arrived.iter().map(|packet| ((&packet.ssrc, packet.sequence), &packet.bytes)).collect();
        let mut voice = Voice { sent: 0, arrived: 0, altered: 0 };
        for packet in sent {
            voice.sent += 1;
            let Some(bytes) = arrived.get(&(&packet.ssrc, packet.sequence)) else { continue };
            voice.arrived += 1;
            voice.altered += usize::from(**bytes != packet.bytes && !may_differ(packet));
        }
        voice
    }
}

impl Seen {
    /// Everything that is not as it must be, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        let mask = "#".repeat(CARD.len());
        let heard = format!("{CARD}{mask}{MENU}");
        let lossless = |voice: Voice| voice.sent > 0 && voice.arrived == voice.sent && voice.altered == 0;
        let checks = [
            (
                self.open.keyed == CARD,
                "the caller's telephone did not key the card number without SecureMode",
            ),
            (self.open.received == CARD, "without SecureMode the agent did not receive what was keyed"),
            (self.secured.keyed == CARD, "the caller's telephone did not key the card number in SecureMode"),
            (self.secured.received == mask, "in SecureMode the agent did not receive the mask key alone"),
            (self.after.keyed == MENU, "the caller's telephone did not key the menu's keys"),
            (self.after.received == MENU, "after SecureMode the agent did not receive what was keyed"),
            (self.heard == heard, "the agent's telephone heard something else than was captured there"),
            (self.presses == CARD.len() as u64, "Keyhush did not count every key press of SecureMode once"),
            (self.volumes.len() == 1, "the masked events' volume is not constant"),
            (lossless(self.to_agent), "voice towards the agent was lost or altered"),
            (lossless(self.to_caller), "voice towards the caller was lost or altered"),
            (self.towards_agent[0] == self.towards_agent[1], "packets towards the agent were lost or added"),
            (
                self.towards_caller[0] == self.towards_caller[1],
                "packets towards the caller were lost or added",
            ),
        ];
        checks.into_iter().filter(|(fine, _)| !fine).map(|(_, fault)| fault.to_owned()).collect()
    }
}
