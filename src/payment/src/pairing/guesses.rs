//! Wrong numbers, counted by call and by tenant.

use core::time::Duration;
use std::collections::HashMap;
use std::hash::Hash;

use handover::{CallHandle, Instant};

use super::{PairingLimits, TenantId, VALID_FOR};

/// For how long a wrong number counts: as long as a reference lives.
const WINDOW: Duration = VALID_FOR;

/// How many times the tenant's limit bars also calls that have not guessed.
const INNOCENT: u32 = 10;

/// How often was keyed what is no reference. Bounded: by the runs, and by the tenants that there are.
#[derive(Debug)]
pub struct Guesses {
    limits: PairingLimits,
    calls: HashMap<CallHandle, Window>,
    tenants: HashMap<TenantId, Window>,
}

/// Wrong numbers since the window was opened.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    wrong: u32,
}

impl Guesses {
    /// None yet.
    pub fn new(limits: PairingLimits) -> Self {
        Guesses { limits, calls: HashMap::new(), tenants: HashMap::new() }
    }

    /// Whether the call, or its tenant, has guessed too often to be heard. A call that has not guessed is heard once although its
    /// tenant's others have, so that few who guess do not bar all who work; up to ten times the tenant's limit.
    pub fn is_barred(&self, now: Instant, call: CallHandle, tenant: TenantId) -> bool {
        let wrong =
            |window: Option<&Window>| window.filter(|window| window.holds(now)).map_or(0, |w| w.wrong);
        let (own, tenants) = (wrong(self.calls.get(&call)), wrong(self.tenants.get(&tenant)));
        let limit = self.limits.guesses_per_tenant;
        own >= self.limits.guesses_per_call
            || (own > 0 && tenants >= limit)
            || tenants >= limit.saturating_mul(INNOCENT)
    }

    /// A call of a tenant keyed a wrong number.
    pub fn wrong(&mut self, now: Instant, call: CallHandle, tenant: TenantId) {
        if self.calls.len() >= self.limits.runs {
            self.calls.retain(|_, window| window.holds(now));
        }
        if self.calls.len() < self.limits.runs || self.calls.contains_key(&call) {
            count(&mut self.calls, now, call);
        }
        count(&mut self.tenants, now, tenant);
    }

    /// A call has ended.
    pub fn forget(&mut self, call: CallHandle) {
        self.calls.remove(&call);
    }
}

impl Window {
    fn holds(&self, now: Instant) -> bool {
        now.since(self.since) < WINDOW
    }
}

fn count<K: Eq + Hash>(windows: &mut HashMap<K, Window>, now: Instant, key: K) {
    let window = windows.entry(key).or_insert(Window { since: now, wrong: 0 });
    if !window.holds(now) {
        *window = Window { since: now, wrong: 0 };
    }
    window.wrong = window.wrong.saturating_add(1);
}
