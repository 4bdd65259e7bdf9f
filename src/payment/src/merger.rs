//! What several transports told of one key press becomes one press.
//!
//! A phone or gateway may send a key as an event, as a tone in the audio, by INFO and by KPML, all at once, each with a
//! delay of its own; any of them may be lost. Among equal keys the order decides: of each transport the k-th report is
//! of the k-th press, and a transport reports a press at most once, so two reports of one transport are two presses.
//! Events and tones belong together within 400 ms, INFO and KPML with anything within 2 s.

use core::fmt;
use core::time::Duration;

use handover::{Instant, Transport};
use secret::{Digit, Keyboard, Vault};

/// How far apart an event and a tone of one press may be.
const MEDIA_WINDOW: Duration = Duration::from_millis(400);
/// How far apart anything else of one press may be. No report of a press is awaited longer.
const SIGNALLING_WINDOW: Duration = Duration::from_secs(2);
/// How long a press is held back, so that one that began before it and is reported after it still comes first.
const HOLD: Duration = Duration::from_millis(60);
/// Presses remembered at once: nobody keys more in two seconds.
const CAPACITY: usize = Keyboard::PLACES;

/// One report of a press by one transport.
#[derive(Debug)]
pub struct MergeInput {
    /// Who reports.
    pub transport: Transport,
    /// The key.
    pub digit: Digit,
    /// When it went down, as far as the transport can tell.
    pub onset: Instant,
}

/// One key pressed once.
#[derive(PartialEq, Eq, Debug)]
pub struct MergedPress {
    /// The key.
    pub digit: Digit,
    /// When it went down: the earliest that any transport told.
    pub onset: Instant,
    /// Who had reported it by now.
    pub transports: Transports,
}

/// What a report turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reported {
    /// A press that nobody had reported.
    New,
    /// A press that another transport had reported.
    Known,
    /// A press too many: all places hold presses that wait for [`Merger::poll`]. It is lost.
    Full,
}

/// A set of transports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Transports(u8);

impl Transports {
    /// Whether one is in it.
    pub const fn contains(self, transport: Transport) -> bool {
        self.0 & (1 << transport as u8) != 0
    }

    /// The transports in it.
    pub fn iter(self) -> impl Iterator<Item = Transport> {
        Transport::ALL.into_iter().filter(move |transport| self.contains(*transport))
    }

    const fn with(self, transport: Transport) -> Self {
        Transports(self.0 | 1 << transport as u8)
    }
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Transport::name)).finish()
    }
}

/// The presses of one side of one call.
#[derive(Debug)]
pub struct Merger {
    /// Entries stay in their places until they are dropped; each one's key is in the same place of the keyboard.
    entries: Box<[Option<Entry>]>,
    keys: Keyboard,
    /// How many presses were seen: settles the order of equal onsets.
    seen: u64,
}

#[derive(Debug)]
struct Entry {
    /// What each transport told, by its discriminant.
    onsets: [Option<Instant>; Transport::ALL.len()],
    nth: u64,
    first_report: Instant,
    emitted: bool,
}

impl Default for Merger {
    fn default() -> Self {
        Merger::new()
    }
}

impl Merger {
    /// A merger that has seen nothing, for keys that are no secret: those of a capture that is replayed.
    pub fn new() -> Self {
        Merger::with(Keyboard::plain())
    }

    /// A merger whose keys lie in locked memory; `None` when the vault is full.
    pub fn locked(vault: &Vault) -> Option<Self> {
        Keyboard::locked(vault).map(Merger::with)
    }

    fn with(keys: Keyboard) -> Self {
        Merger { entries: (0..CAPACITY).map(|_| None).collect(), keys, seen: 0 }
    }

    /// Takes a report: of a press that is known from another transport, or of a new one.
    pub fn report(&mut self, now: Instant, press: MergeInput) -> Reported {
        self.forget(now);
        let keys = &self.keys;
        let known = self
            .entries
            .iter_mut()
            .enumerate()
            .filter_map(|(place, entry)| entry.as_mut().map(|entry| (place, entry)))
            .filter(|(_, entry)| entry.may_be(press.transport, press.onset))
            .filter(|(place, _)| keys.get(*place).is_some_and(|digit| digit == press.digit))
            .map(|(_, entry)| entry)
            .min_by_key(|entry| entry.order());
        if let Some(entry) = known {
            entry.put(press.transport, press.onset);
            return Reported::Known;
        }
        let Some(slot) = self.free() else { return Reported::Full };
        let mut entry = Entry { onsets: [None; 4], nth: 0, first_report: now, emitted: false };
        entry.put(press.transport, press.onset);
        if let Some(place) = self.entries.get_mut(slot) {
            entry.nth = self.seen;
            self.seen += 1;
            *place = Some(entry);
            self.keys.put(slot, &press.digit);
        }
        Reported::New
    }

    /// The next press in the order of onsets whose time has come; `None` until [`Merger::deadline`].
    pub fn poll(&mut self, now: Instant) -> Option<MergedPress> {
        let (place, entry) = self.pending_mut().min_by_key(|(_, entry)| entry.order())?;
        if now < entry.onset() + HOLD {
            return None;
        }
        entry.emitted = true;
        let (onset, transports) = (entry.onset(), entry.transports());
        Some(MergedPress { digit: self.keys.get(place)?, onset, transports })
    }

    /// When [`Merger::poll`] is to be asked again.
    pub fn deadline(&self) -> Option<Instant> {
        let pending = self.entries.iter().flatten().filter(|entry| !entry.emitted);
        pending.map(|entry| entry.onset() + HOLD).min()
    }

    fn pending_mut(&mut self) -> impl Iterator<Item = (usize, &mut Entry)> {
        let entries = self.entries.iter_mut().enumerate();
        entries
            .filter_map(|(place, entry)| Some((place, entry.as_mut()?)))
            .filter(|(_, entry)| !entry.emitted)
    }

    /// Drops the presses of which no further report can come.
    fn forget(&mut self, now: Instant) {
        for (place, slot) in self.entries.iter_mut().enumerate() {
            if slot
                .as_ref()
                .is_some_and(|entry| entry.emitted && now.since(entry.first_report) > SIGNALLING_WINDOW)
            {
                *slot = None;
                self.keys.wipe(place);
            }
        }
    }

    /// A free place, or that of the oldest press that has been handed on.
    fn free(&self) -> Option<usize> {
        if let Some(free) = self.entries.iter().position(Option::is_none) {
            return Some(free);
        }
        let handed_on = |(place, entry): (usize, &Option<Entry>)| {
            entry.as_ref().filter(|entry| entry.emitted).map(|entry| (entry.order(), place))
        };
        self.entries.iter().enumerate().filter_map(handed_on).min().map(|(_, place)| place)
    }
}

impl Entry {
    fn order(&self) -> (Instant, u64) {
        (self.onset(), self.nth)
    }

    fn onset(&self) -> Instant {
        self.onsets.iter().flatten().min().copied().unwrap_or(self.first_report)
    }

    fn told(&self, transport: Transport) -> Option<Instant> {
        self.onsets.get(transport as usize).copied().flatten()
    }

    fn put(&mut self, transport: Transport, onset: Instant) {
        if let Some(told) = self.onsets.get_mut(transport as usize) {
            *told = Some(onset);
        }
    }

    fn transports(&self) -> Transports {
        Transport::ALL
            .into_iter()
            .filter(|transport| self.told(*transport).is_some())
            .fold(Transports::default(), Transports::with)
    }

    /// Whether a report may be of this press.
    fn may_be(&self, transport: Transport, onset: Instant) -> bool {
        let within =
            |window: Duration, told: Instant| onset.since(told) <= window && told.since(onset) <= window;
        if self.told(transport).is_some() {
            return false;
        }
        let other_medium = match transport {
            Transport::Event => self.told(Transport::Tone),
            Transport::Tone => self.told(Transport::Event),
            Transport::Info | Transport::Kpml => None,
        };
        // Both of the exact ones have told: what signalling said meanwhile does not count.
        if let Some(told) = other_medium {
            return within(MEDIA_WINDOW, told);
        }
        self.onsets.iter().flatten().any(|told| within(SIGNALLING_WINDOW, *told))
    }
}

#[cfg(test)]
mod tests;
