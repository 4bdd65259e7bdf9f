//! The open references.

use core::fmt;
use std::collections::HashMap;

use handover::{CallHandle, Instant};
use secret::{CallReference, Digits, Vault};

use super::{HEARD_TOGETHER, ReferenceRules, SessionId, TenantId, VALID_FOR};

/// All references that are open, one a session, in no order that tells anything.
#[derive(Debug, Default)]
pub struct References {
    open: HashMap<SessionId, Open>,
    /// Before this none goes: thousands need not be looked at each time.
    next: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    reference: CallReference,
    tenant: TenantId,
    expires: Instant,
    /// Where it was heard, and until when it may be heard elsewhere.
    heard: Option<(CallHandle, Instant)>,
}

/// Why there is no reference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NotIssued {
    /// As many are open as may be.
    Full,
    /// There is no locked memory left for it.
    NoRoom,
    /// The random bytes did not suffice.
    Random,
}

impl References {
    /// Issues one instead of the session's former, of at least the tenant's length, and long enough that a number keyed at random is one of the open ones once
    /// in a hundred thousand times at most.
    pub(super) fn issue(
        &mut self,
        now: Instant,
        tenant: TenantId,
        session: SessionId,
        rules: ReferenceRules,
        random: &[u8],
        vault: &Vault,
    ) -> Result<(&CallReference, Instant), NotIssued> {
        self.withdraw(session);
        let length = length(self.open.len() + 1, usize::from(rules.length));
        if vault.free() == 0 {
            return Err(NotIssued::NoRoom);
        }
        let mut random = random.iter().copied();
        let reference = loop {
            let drawn = CallReference::random(vault, length, &mut random).ok_or(NotIssued::Random)?;
            if !self.open.values().any(|open| open.reference.is_same(&drawn)) {
                break drawn;
            }
        };
        let expires = now + VALID_FOR;
        self.goes(expires);
        let open = Open { reference, tenant, expires, heard: None };
        let open = self.open.entry(session).or_insert(open);
        Ok((&open.reference, open.expires))
    }

    /// Looks a number up among the references of a tenant; all are compared, whatever is found. A reference that was heard is
    /// heard once more only on another call, and within two seconds. The session is told, and whether it was heard before.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        tenant: TenantId,
        call: CallHandle,
        keyed: &Digits,
    ) -> Option<(SessionId, bool)> {
        let mut found = None;
        for (session, open) in self.open.iter().filter(|(_, open)| open.tenant == tenant) {
            let is_it = open.reference.is(keyed);
            found = if is_it { Some(*session) } else { found };
        }
        let session = found?;
        let open = self.open.get_mut(&session)?;
        match open.heard {
            None => {
                open.heard = Some((call, now + HEARD_TOGETHER));
                let ends = open.ends();
                self.goes(ends);
                Some((session, false))
            }
            Some((first, until)) if first != call && now <= until => Some((session, true)),
            Some(_) => None,
        }
    }

    /// The reference of a session that nobody has keyed yet.
    pub(super) fn of(&self, session: SessionId) -> Option<&CallReference> {
        self.open.get(&session).filter(|open| open.heard.is_none()).map(|open| &open.reference)
    }

    /// Whether a number of so many digits may be a reference of the tenant.
    pub(super) fn has_length(&self, tenant: TenantId, length: usize) -> bool {
        self.open.values().any(|open| open.tenant == tenant && open.reference.digits() == length)
    }

    /// Lets a session's reference go.
    pub(super) fn withdraw(&mut self, session: SessionId) {
        self.open.remove(&session);
    }

    /// Lets those go whose time is over; tells how many nobody had keyed.
    pub(super) fn expire(&mut self, now: Instant) -> u64 {
        if self.next.is_none_or(|next| now < next) {
            return 0;
        }
        let mut unheard = 0;
        self.open.retain(|_, open| {
            let is_over = now >= open.ends();
            unheard += u64::from(is_over && open.heard.is_none());
            !is_over
        });
        self.next = self.deadline();
        unheard
    }

    /// When the next one goes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.values().map(Open::ends).min()
    }

    /// One goes then, if not earlier.
    fn goes(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

impl Open {
    /// One that was heard is good for the calls that are the same conversation, then no more.
    fn ends(&self) -> Instant {
        self.heard.map_or(self.expires, |(_, until)| until + core::time::Duration::from_nanos(1))
    }
}

impl fmt::Display for NotIssued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotIssued::Full => "as many references are open as may be",
            NotIssued::NoRoom => "there is no locked memory left",
            NotIssued::Random => "the random bytes did not suffice",
        })
    }
}

impl core::error::Error for NotIssued {}

/// The fewest digits, `least` or more, of which `open` references are a hundred-thousandth at most.
pub(super) fn length(open: usize, least: usize) -> usize {
    let mut length = least.clamp(4, CallReference::MOST);
    let needed = (open as u64).saturating_mul(100_000);
    while 10_u64.saturating_pow(length as u32) < needed && length < CallReference::MOST {
        length += 1;
    }
    length
}
