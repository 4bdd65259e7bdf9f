//! The signalling lcore's view of the lcores.

use core::time::Duration;
use std::collections::VecDeque;

use handover::{Counter, Counters, FlowUpdate, Instant, LcoreLink, NumberedUpdate};

/// How often heartbeats are compared.
const CHECK_PERIOD: Duration = Duration::from_millis(50);
/// How many comparisons in a row must find no beat. Comparisons are counted rather than time, since a machine
/// that stood still as a whole has lost no lcore.
const CHECKS_WITHOUT_BEAT: u32 = 10;

struct Peer {
    link: LcoreLink,
    /// Updates that found the ring full, in order; bounded by [`Peers::new`]'s `backlog`.
    backlog: VecDeque<NumberedUpdate>,
    beats: u64,
    still: u32,
    lost: bool,
    /// An update was left out: it can never know all flows again, and stays lost until the process starts anew.
    behind: bool,
}

/// Something that happened to the lcores as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// The first lcore was lost.
    Lost,
    /// All are back.
    AllBack,
}

/// Sends flow updates to every lcore and knows which are in force where.
pub struct Peers {
    peers: Vec<Peer>,
    number: u64,
    backlog: usize,
    checked_at: Instant,
}

impl Peers {
    /// All lcores by their links. Each may have `backlog` updates waiting beside its ring.
    pub fn new(links: Vec<LcoreLink>, backlog: usize) -> Self {
        let peers = links
            .into_iter()
            .map(|link| Peer {
                beats: link.beats(),
                link,
                backlog: VecDeque::new(),
                still: 0,
                lost: false,
                behind: false,
            })
            .collect();
        Peers { peers, number: 0, backlog, checked_at: Instant::ZERO }
    }

    /// Sends an update to every lcore, lost ones included: they have it when they come back. Returns its number.
    pub fn send(&mut self, update: FlowUpdate, counters: &Counters) -> u64 {
        self.number += 1;
        let numbered = NumberedUpdate { number: self.number, update };
        for peer in &mut self.peers {
            if peer.backlog.is_empty() && peer.link.send(numbered) {
                continue;
            }
            counters.count(Counter::UpdatesDelayed);
            if peer.backlog.len() >= self.backlog {
                // Only the last description of a flow counts.
                let stale = peer.backlog.iter().position(|waiting| waiting.update.key() == update.key());
                match stale {
                    Some(at) => drop(peer.backlog.remove(at)),
                    None => peer.behind = true,
                }
            }
            if !peer.behind {
                peer.backlog.push_back(numbered);
            }
        }
        self.number
    }

    /// Offers waiting updates again.
    pub fn drain(&mut self) {
        for peer in &mut self.peers {
            while let Some(&next) = peer.backlog.front() {
                if !peer.link.send(next) {
                    break;
                }
                peer.backlog.pop_front();
            }
        }
    }

    /// The number of the latest update.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The highest number in force on every lcore that is not lost.
    pub fn acknowledged(&self) -> u64 {
        let alive = self.peers.iter().filter(|peer| !peer.lost);
        alive.map(|peer| peer.link.acknowledged()).min().unwrap_or(0)
    }

    /// Whether an lcore is lost.
    pub fn any_lost(&self) -> bool {
        self.peers.iter().any(|peer| peer.lost)
    }

    /// Compares heartbeats, when it is time.
    pub fn check(&mut self, now: Instant, counters: &Counters) -> Option<Turn> {
        if now.since(self.checked_at) < CHECK_PERIOD {
            return None;
        }
        self.checked_at = now;
        let before = self.any_lost();
        for peer in &mut self.peers {
            let beats = peer.link.beats();
            if beats == peer.beats || peer.behind {
                peer.still = peer.still.saturating_add(1);
                if peer.still >= CHECKS_WITHOUT_BEAT && !peer.lost {
                    peer.lost = true;
                    counters.count(Counter::LcoresLost);
                }
                continue;
            }
            peer.beats = beats;
            peer.still = 0;
            // It counts again only when it knows everything.
            let knows_all =
                !peer.behind && peer.backlog.is_empty() && peer.link.acknowledged() == self.number;
            if peer.lost && knows_all {
                peer.lost = false;
                counters.count(Counter::LcoresBack);
            }
        }
        match (before, self.any_lost()) {
            (false, true) => Some(Turn::Lost),
            (true, false) => Some(Turn::AllBack),
            _ => None,
        }
    }

    /// When the next comparison is due.
    pub fn next_check(&self) -> Instant {
        self.checked_at + CHECK_PERIOD
    }
}
