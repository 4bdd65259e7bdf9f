//! Which call belongs to which page: call references, and the agents' keys in which they are heard (DESIGN section 3.3).
//!
//! | module | does |
//! |---|---|
//! | [`references`] | issues references, finds one, lets it go |
//! | [`guesses`] | how often was keyed what is no reference |
//!
//! A call's keys from the customer's side make runs. A run begins with the tenant's prefix key or after two seconds without
//! keys, and ends by a pause; only then it is compared, whole, with the references of the call's tenant. Nobody can learn from the
//! time that it takes how much of a number was right.

use core::time::Duration;
use std::collections::{BTreeSet, HashMap};

use handover::{CallHandle, Instant};
use secret::{Digit, Digits, Vault};

pub mod guesses;
pub mod references;

use guesses::Guesses;
pub use references::{NotIssued, References};

/// A client company: its place among the tenants of the box.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TenantId(pub u32);

/// A payment session, for as long as the process runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

/// How long a reference may be keyed.
pub const VALID_FOR: Duration = Duration::from_secs(300);
/// How long after it was heard the same reference may be heard on further calls: on those through which this one is hairpinned.
pub const HEARD_TOGETHER: Duration = Duration::from_secs(2);
/// How long nothing was keyed before a reference without a prefix key.
const QUIET_BEFORE: Duration = Duration::from_secs(2);

/// How a tenant's agents key references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReferenceRules {
    /// The fewest digits, 4–12.
    pub length: u8,
    /// The key before it, by its telephone-event code; where there is one a reference without it is not heard.
    pub prefix: Option<u8>,
    /// How long nothing is keyed after it.
    pub pause: Duration,
}

impl Default for ReferenceRules {
    fn default() -> Self {
        ReferenceRules { length: 6, prefix: None, pause: Duration::from_millis(1_200) }
    }
}

/// The bounds of what is remembered, and of guessing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PairingLimits {
    /// References open at a time.
    pub references: usize,
    /// Calls in which a run is under way at a time.
    pub runs: usize,
    /// Wrong numbers of a call in five minutes.
    pub guesses_per_call: u32,
    /// Wrong numbers of a tenant's calls in five minutes.
    pub guesses_per_tenant: u32,
}

impl Default for PairingLimits {
    fn default() -> Self {
        PairingLimits { references: 10_000, runs: 10_000, guesses_per_call: 5, guesses_per_tenant: 200 }
    }
}

/// A reference was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Whose it is.
    pub session: SessionId,
    /// The call in which it was keyed.
    pub call: CallHandle,
    /// Whether it was heard on another call before: the same conversation, hairpinned through the wire.
    pub again: bool,
}

/// How often what happened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PairingCounts {
    /// References issued.
    pub issued: u64,
    /// References heard, further calls included.
    pub heard: u64,
    /// References that nobody keyed in time.
    pub expired: u64,
    /// Runs that could have been a reference and were none.
    pub wrong: u64,
    /// Runs that were not compared: their call, or its tenant, had guessed too often.
    pub limited: u64,
    /// Runs that were not heard because there was no room for them.
    pub unheard: u64,
}

/// Every open reference, and the keys of every call in which one may be under way.
#[derive(Debug)]
pub struct Pairing {
    references: References,
    guesses: Guesses,
    runs: HashMap<CallHandle, Run>,
    /// When each run is to be looked at: [`Run::due`].
    due: BTreeSet<(Instant, CallHandle)>,
    limits: PairingLimits,
    vault: Vault,
    counts: PairingCounts,
}

/// The keys of a call since it was quiet.
#[derive(Debug)]
struct Run {
    tenant: TenantId,
    rules: ReferenceRules,
    /// What may be a reference; `None` once it cannot be one.
    digits: Option<Digits>,
    last: Instant,
}

impl Pairing {
    /// Nothing issued, nothing heard.
    pub fn new(limits: PairingLimits, vault: Vault) -> Self {
        Pairing {
            references: References::default(),
            guesses: Guesses::new(limits),
            runs: HashMap::new(),
            due: BTreeSet::new(),
            limits,
            vault,
            counts: PairingCounts::default(),
        }
    }

    /// Issues a reference to a session. `random` are fresh random bytes, 256 of them are more than enough.
    ///
    /// # Errors
    /// See [`NotIssued`].
    pub fn issue(
        &mut self,
        now: Instant,
        tenant: TenantId,
        session: SessionId,
        rules: ReferenceRules,
        random: &[u8],
    ) -> Result<(&secret::CallReference, Instant), NotIssued> {
        self.counts.expired += self.references.expire(now);
        self.references.withdraw(session);
        if self.references.len() >= self.limits.references {
            return Err(NotIssued::Full);
        }
        let issued = self.references.issue(now, tenant, session, rules, random, &self.vault)?;
        self.counts.issued += 1;
        Ok(issued)
    }

    /// The reference of a session while it can be keyed, for its page.
    pub fn reference(&self, session: SessionId) -> Option<&secret::CallReference> {
        self.references.of(session)
    }

    /// The session needs its reference no more.
    pub fn withdraw(&mut self, session: SessionId) {
        self.references.withdraw(session);
    }

    /// Takes a key of the customer's side of a call. Runs whose pause is over are to be asked for before: [`Pairing::poll`].
    pub fn press(
        &mut self,
        now: Instant,
        call: CallHandle,
        tenant: TenantId,
        rules: ReferenceRules,
        digit: &Digit,
    ) {
        if !self.runs.contains_key(&call) && self.runs.len() >= self.limits.runs {
            self.counts.unheard += 1;
            return;
        }
        let quiet = Run { tenant, rules, digits: None, last: now - QUIET_BEFORE };
        let is_new = !self.runs.contains_key(&call);
        let run = self.runs.entry(call).or_insert(quiet);
        let was_quiet = is_new || now.since(run.last) >= QUIET_BEFORE;
        let due = run.due();
        run.last = now;
        (run.tenant, run.rules) = (tenant, rules);
        self.counts.unheard += u64::from(!run.take(digit, was_quiet, &self.vault));
        self.due.remove(&(due, call));
        self.due.insert((run.due(), call));
    }

    /// A call has ended: what was keyed in it is wiped.
    pub fn call_ended(&mut self, call: CallHandle) {
        if let Some(run) = self.runs.remove(&call) {
            self.due.remove(&(run.due(), call));
        }
        self.guesses.forget(call);
    }

    /// The next reference that was heard; `None` until [`Pairing::deadline`].
    pub fn poll(&mut self, now: Instant) -> Option<Heard> {
        self.counts.expired += self.references.expire(now);
        while let Some((due, call)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, call));
            let Some(run) = self.runs.get_mut(&call) else { continue };
            let (tenant, digits) = (run.tenant, run.digits.take());
            let Some(digits) = digits else {
                // A run that is no reference is remembered for as long as it bars one.
                self.runs.remove(&call);
                continue;
            };
            self.due.insert((run.due(), call));
            if let Some(heard) = self.compare(now, call, tenant, &digits) {
                return Some(heard);
            }
        }
        None
    }

    fn compare(&mut self, now: Instant, call: CallHandle, tenant: TenantId, keyed: &Digits) -> Option<Heard> {
        // Other numbers than references are keyed too: who cannot have meant one has not guessed.
        if !self.references.has_length(tenant, keyed.len()) {
            return None;
        }
        if self.guesses.is_barred(now, call, tenant) {
            self.counts.limited += 1;
            return None;
        }
        match self.references.hear(now, tenant, call, keyed) {
            Some((session, again)) => {
                self.counts.heard += 1;
                Some(Heard { session, call, again })
            }
            None => {
                self.counts.wrong += 1;
                self.guesses.wrong(now, call, tenant);
                None
            }
        }
    }

    /// When [`Pairing::poll`] is to be asked again.
    pub fn deadline(&self) -> Option<Instant> {
        let run = self.due.first().map(|(due, _)| *due);
        run.into_iter().chain(self.references.deadline()).min()
    }

    /// How many references are open.
    pub fn open(&self) -> usize {
        self.references.len()
    }

    /// How often what happened.
    pub fn counts(&self) -> PairingCounts {
        self.counts
    }
}

impl Run {
    /// When the pause after it is over; of one that is no reference, when it bars none any more.
    fn due(&self) -> Instant {
        self.last + if self.digits.is_some() { self.rules.pause } else { QUIET_BEFORE }
    }

    /// Takes a key. False where there is no locked memory for what begins with it.
    fn take(&mut self, digit: &Digit, was_quiet: bool, vault: &Vault) -> bool {
        let is_prefix = self.rules.prefix == Some(digit.event_code());
        let begins = is_prefix || (was_quiet && self.rules.prefix.is_none());
        if begins {
            // What was there is wiped before there must be room for more.
            self.digits = None;
            self.digits = Digits::new(vault);
        }
        let has_room = !begins || self.digits.is_some();
        let goes_on = is_prefix
            || self
                .digits
                .as_mut()
                .is_some_and(|digits| digits.len() < secret::CallReference::MOST && digits.push(digit));
        if !goes_on {
            // Too long, or another key in it: no reference, until the call is quiet or its prefix key comes.
            self.digits = None;
        }
        has_room
    }
}

#[cfg(test)]
mod tests;
