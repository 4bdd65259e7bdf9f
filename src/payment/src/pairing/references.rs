//! The open references.

use core::fmt;

use handover::{CallHandle, Instant};
use secret::{CallReference, Digits, Vault};

use super::{HEARD_TOGETHER, ReferenceRules, SessionId, TenantId, VALID_FOR};

/// All references that are open, in no order that tells anything.
#[derive(Debug, Default)]
pub struct References(Vec<Open>);

#[derive(Debug)]
struct Open {
    reference: CallReference,
    tenant: TenantId,
    session: SessionId,
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
    /// Issues one, of at least the tenant's length, and long enough that a number keyed at random is one of the open ones once
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
        let length = length(self.0.len() + 1, usize::from(rules.length));
        if vault.free() == 0 {
            return Err(NotIssued::NoRoom);
        }
        let mut random = random.iter().copied();
        let reference = loop {
            let drawn = CallReference::random(vault, length, &mut random).ok_or(NotIssued::Random)?;
            if !self.0.iter().any(|open| open.reference.is_same(&drawn)) {
                break drawn;
            }
        };
        let expires = now + VALID_FOR;
        self.0.push(Open { reference, tenant, session, expires, heard: None });
        self.0.last().map(|open| (&open.reference, open.expires)).ok_or(NotIssued::NoRoom)
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
        for (place, open) in self.0.iter().enumerate().filter(|(_, open)| open.tenant == tenant) {
            let is_it = open.reference.is(keyed);
            found = if is_it { Some(place) } else { found };
        }
        let open = self.0.get_mut(found?)?;
        match open.heard {
            None => {
                open.heard = Some((call, now + HEARD_TOGETHER));
                Some((open.session, false))
            }
            Some((first, until)) if first != call && now <= until => Some((open.session, true)),
            Some(_) => None,
        }
    }

    /// The reference of a session that nobody has keyed yet.
    pub(super) fn of(&self, session: SessionId) -> Option<&CallReference> {
        let open = self.0.iter().find(|open| open.session == session && open.heard.is_none())?;
        Some(&open.reference)
    }

    /// Whether a number of so many digits may be a reference of the tenant.
    pub(super) fn has_length(&self, tenant: TenantId, length: usize) -> bool {
        self.0.iter().any(|open| open.tenant == tenant && open.reference.digits() == length)
    }

    /// Lets a session's reference go.
    pub(super) fn withdraw(&mut self, session: SessionId) {
        self.0.retain(|open| open.session != session);
    }

    /// Lets those go whose time is over; tells how many nobody had keyed.
    pub(super) fn expire(&mut self, now: Instant) -> u64 {
        let is_over = |open: &Open| now >= open.ends();
        let unheard = self.0.iter().filter(|open| is_over(open) && open.heard.is_none()).count();
        self.0.retain(|open| !is_over(open));
        unheard as u64
    }

    /// When the next one goes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(Open::ends).min()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
