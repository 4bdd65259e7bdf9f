//! Requests seen lately: what tells a repetition from a new request, and what keys in it were replaced with.

use core::time::Duration;

use handover::{Instant, MaskKey};

use crate::leg::Scope;

/// How many requests that are made to carry keys are remembered of a call.
pub(crate) const KEYED: usize = 64;
/// How many others.
pub(crate) const OTHERS: usize = 16;
/// How long a sender repeats a request without an answer: 64·T1 (RFC 3261 section 17.1.2.2).
pub(crate) const REPEATED: Duration = Duration::from_secs(32);
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
    /// When it was seen last.
    pub(crate) at: Instant,
    /// What keys in it were replaced with. They are in its repetitions as well, whatever became of SecureMode since.
    pub(crate) mask: Option<MaskKey>,
}

impl Seen {
    pub(crate) fn repeats(&self, earlier: &Seen) -> bool {
        self.scope == earlier.scope && self.transaction == earlier.transaction
    }

    fn is_seen_again(&self, earlier: &Seen) -> bool {
        self.scope != earlier.scope
            && self.request == earlier.request
            && self.at.since(earlier.at).max(earlier.at.since(self.at)) <= ELSEWHERE
    }
}

/// What is known of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    /// It was not seen before.
    pub(crate) fresh: bool,
    /// What keys in it are to be replaced with.
    pub(crate) mask: Option<MaskKey>,
}

/// The last requests of a call, those seen last at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    seen: Vec<Seen>,
}

impl Recent {
    /// Whether `request` is one of these, sent again or seen in another place; and remembers it,
    /// as one of `at_most`.
    pub(crate) fn take(&mut self, mut request: Seen, at_most: usize) -> Known {
        self.seen.retain(|earlier| request.at.since(earlier.at) <= REPEATED);
        let known = self.ask(&request);
        request.mask = known.mask;
        self.seen.retain(|earlier| !request.repeats(earlier));
        if self.seen.len() >= at_most {
            self.seen.remove(0);
        }
        self.seen.push(request);
        known
    }

    /// What is known of a request.
    fn ask(&self, request: &Seen) -> Known {
        let mut earlier = self
            .seen
            .iter()
            .filter(|earlier| request.repeats(earlier) || request.is_seen_again(earlier))
            .peekable();
        Known {
            fresh: earlier.peek().is_none(),
            mask: earlier.find_map(|earlier| earlier.mask).or(request.mask),
        }
    }

    /// Those whose keys were replaced.
    pub(crate) fn masked(self) -> impl Iterator<Item = Seen> {
        self.seen.into_iter().filter(|seen| seen.mask.is_some())
    }
}
