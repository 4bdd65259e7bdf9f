//! Requests seen lately: what tells a repetition from a new request.

use core::time::Duration;

use handover::Instant;

use crate::leg::Scope;

/// How many requests are remembered of a leg.
const REMEMBERED: usize = 16;
/// How far apart in time the same request may be seen on two wires or VLANs.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) scope: Scope,
    /// CSeq and branch: equal for what one sender repeats (RFC 3261 section 17.2.3).
    pub(crate) transaction: u64,
    /// Call-ID, CSeq and From tag: equal wherever it is seen.
    pub(crate) request: u64,
    pub(crate) at: Instant,
}

impl Seen {
    fn repeats(&self, earlier: &Seen) -> bool {
        self.scope == earlier.scope && self.transaction == earlier.transaction
    }

    fn is_seen_again(&self, earlier: &Seen) -> bool {
        self.scope != earlier.scope
            && self.request == earlier.request
            && self.at.since(earlier.at).max(earlier.at.since(self.at)) <= ELSEWHERE
    }
}

/// The last requests of a leg.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    seen: Vec<Seen>,
    oldest: usize,
}

impl Recent {
    /// Whether `request` is one of these, sent again or seen in another place.
    pub(crate) fn knows(&self, request: &Seen) -> bool {
        self.seen.iter().any(|earlier| request.repeats(earlier) || request.is_seen_again(earlier))
    }

    /// Remembers a request, in the place of the oldest.
    pub(crate) fn remember(&mut self, request: Seen) {
        if self.seen.iter().any(|earlier| request.repeats(earlier)) {
            return;
        }
        if self.seen.len() < REMEMBERED {
            self.seen.push(request);
        } else if let Some(slot) = self.seen.get_mut(self.oldest) {
            *slot = request;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
    }
}
