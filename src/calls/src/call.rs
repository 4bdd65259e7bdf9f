//! A call: the legs that belong together, and the destinations of their media.

use core::time::Duration;

use handover::{FlowKey, FlowMode, Formats, Instant, MaskKey, Side};

use crate::Limits;
use crate::fingerprint::Fingerprint;
use crate::leg::{Leg, Scope};
use crate::media::merged;
use crate::recent::{Recent, Seen};

/// Subscriptions to the keys of a call (RFC 4730) that are dialogs of their own. The oldest gives way.
pub(crate) const SUBSCRIPTIONS: usize = 4;

/// How many `m=` lines of others a flow's formats are gathered from.
const DESCRIBERS: usize = 8;

/// A subscription with a Call-ID of its own.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) call_id: Fingerprint,
    pub(crate) recent: Recent,
}

/// Where media of a call goes.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) key: FlowKey,
    /// The leg that it lives as long as.
    pub(crate) leg: u32,
    /// The party that announced it; `None` where it was learned.
    pub(crate) party: Option<Fingerprint>,
    /// Its `m=` line, or the one of the flow by which it was learned.
    pub(crate) line: u8,
    /// What its payload types mean to the party.
    pub(crate) own: Formats,
    /// The events that it announced here before: a re-INVITE may be refused, and media be in flight.
    pub(crate) earlier: Formats,
    /// All of that, and what the other party says.
    pub(crate) formats: Formats,
    pub(crate) encrypted: bool,
    /// The party announced it in its last SDP.
    pub(crate) current: bool,
    /// It was current before the party's last SDP.
    pub(crate) before: bool,
    /// When it was superseded, in the order of stamps.
    pub(crate) superseded: u64,
    /// The name of the claim; a newer claim has a higher one.
    pub(crate) stamp: u64,
}

impl Destination {
    fn set_current(&mut self, current: bool, stamp: u64) {
        if self.current && !current {
            self.superseded = stamp;
        }
        self.current = current;
    }

    fn is_of(&self, leg: u32, side: Side, tag: Fingerprint) -> bool {
        self.leg == leg && self.party == Some(tag) && self.key.from == side.opposite()
    }
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) since: Instant,
    pub(crate) last_sip: Instant,
    pub(crate) last_media: Option<Instant>,
    pub(crate) answered: bool,
    pub(crate) secured: Option<MaskKey>,
    /// The secured flows are silent (fail closed).
    pub(crate) silent: bool,
    pub(crate) legs: Vec<Leg>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) destinations: Vec<Destination>,
    /// Under which it stands in the order of deadlines.
    pub(crate) deadline: Option<Instant>,
    /// Under which it stands in the order of idleness.
    pub(crate) idle_since: Option<Instant>,
    next_leg: u32,
}

impl Call {
    pub(crate) fn new(now: Instant, secured: Option<MaskKey>) -> Self {
        Call {
            since: now,
            last_sip: now,
            last_media: None,
            answered: false,
            secured,
            silent: false,
            legs: Vec::new(),
            subscriptions: Vec::new(),
            destinations: Vec::new(),
            deadline: None,
            idle_since: None,
            next_leg: 0,
        }
    }

    /// The destination of that stamp.
    pub(crate) fn destination(&self, stamp: u64) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.stamp == stamp)
    }

    /// What is done with packets of this call's flow. Keys of the customer side are never masked.
    pub(crate) fn mode(&self, key: &FlowKey) -> FlowMode {
        match self.secured {
            Some(mask_key) if key.from == Side::Carrier && self.silent => FlowMode::Silence(mask_key),
            Some(mask_key) if key.from == Side::Carrier => FlowMode::Mask(mask_key),
            _ => FlowMode::Pass,
        }
    }

    pub(crate) fn leg(&self, id: u32) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.id == id)
    }

    pub(crate) fn leg_mut(&mut self, id: u32) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }

    /// The leg of a message, and whether its tags are those of the leg.
    pub(crate) fn leg_of(
        &self,
        scope: Scope,
        call_id: Fingerprint,
        from: Fingerprint,
        to: Fingerprint,
    ) -> Option<(u32, bool)> {
        let here = || self.legs.iter().filter(|leg| leg.scope == scope && leg.call_id == call_id);
        let exact = here().find(|leg| leg.has_caller(from, to)).map(|leg| (leg.id, true));
        exact.or_else(|| here().next().map(|leg| (leg.id, false)))
    }

    /// The leg that gives way to a new one where there are too many: one that ended, or never was more than a name.
    pub(crate) fn spare_leg(&self) -> Option<u32> {
        self.legs.iter().find(|leg| !leg.is_live()).map(|leg| leg.id)
    }

    /// A new leg. The caller sees to the bound.
    pub(crate) fn add_leg(
        &mut self,
        scope: Scope,
        call_id: Fingerprint,
        name: &[u8],
        caller: Fingerprint,
    ) -> u32 {
        let id = self.next_leg;
        self.next_leg = self.next_leg.wrapping_add(1);
        self.legs.push(Leg::new(id, scope, call_id, name, caller));
        id
    }

    /// Whether anything of the call still has that Call-ID.
    pub(crate) fn has_call_id(&self, call_id: Fingerprint) -> bool {
        self.legs.iter().any(|leg| leg.call_id == call_id)
            || self.subscriptions.iter().any(|subscription| subscription.call_id == call_id)
    }

    /// Whether a request was seen before on this call.
    pub(crate) fn knows(&self, request: &Seen) -> bool {
        let legs = self.legs.iter().map(|leg| &leg.recent);
        let subscriptions = self.subscriptions.iter().map(|subscription| &subscription.recent);
        legs.chain(subscriptions).any(|recent| recent.knows(request))
    }

    /// A party said something new: what it announced before is superseded, and so is what parties announced that
    /// have given way.
    pub(crate) fn supersede(&mut self, leg: u32, side: Side, tag: Fingerprint, stamp: u64) {
        let parties = self.legs.iter().find(|one| one.id == leg).map_or(&[][..], |leg| &leg.parties);
        for destination in self.destinations.iter_mut().filter(|destination| destination.leg == leg) {
            if destination.is_of(leg, side, tag) {
                destination.before = destination.current;
                destination.set_current(false, stamp);
            } else if !parties.iter().any(|party| destination.is_of(leg, party.side, party.tag)) {
                destination.set_current(destination.current && destination.party.is_none(), stamp);
            }
        }
    }

    /// What a party said last was refused: what held before holds again.
    pub(crate) fn restore(&mut self, leg: u32, side: Side, tag: Fingerprint, stamp: u64) {
        for destination in
            self.destinations.iter_mut().filter(|destination| destination.is_of(leg, side, tag))
        {
            destination.set_current(destination.before, stamp);
        }
    }

    /// The destination of a party with that key.
    pub(crate) fn announced_mut(
        &mut self,
        leg: u32,
        tag: Fingerprint,
        key: &FlowKey,
    ) -> Option<&mut Destination> {
        self.destinations.iter_mut().find(|destination| {
            destination.leg == leg && destination.party == Some(tag) && destination.key == *key
        })
    }

    /// The destination that was superseded first: it gives way where there are too many.
    pub(crate) fn oldest_superseded(&self) -> Option<u64> {
        let superseded = self.destinations.iter().filter(|one| !one.current && one.party.is_some());
        superseded.min_by_key(|one| one.superseded).map(|one| one.stamp)
    }

    /// The learned destinations of a leg: how many, and the oldest.
    pub(crate) fn learned(&self, leg: u32) -> (usize, Option<u64>) {
        let learned = || self.destinations.iter().filter(|one| one.leg == leg && one.party.is_none());
        (learned().count(), learned().map(|one| one.stamp).min())
    }

    /// Describes the destinations of a leg anew. Gives the keys of those that changed.
    pub(crate) fn describe(&mut self, leg: u32) -> Vec<FlowKey> {
        let Some(at) = self.legs.iter().position(|one| one.id == leg) else { return Vec::new() };
        let Some(parties) = self.legs.get(at).map(|leg| &leg.parties) else { return Vec::new() };
        let mut changed = Vec::new();
        for destination in self.destinations.iter_mut().filter(|destination| destination.leg == leg) {
            // RTP on this flow comes from the side of `from`: the receiver is on the other one.
            let receivers = destination.key.from.opposite();
            let mut lines: Vec<_> = parties
                .iter()
                .filter(|party| destination.party.is_none() || party.side != receivers)
                .flat_map(|party| party.lines.iter().map(move |line| (party, line)))
                .map(|(party, line)| {
                    let rank =
                        (party.side != receivers, line.index != destination.line, u64::MAX - party.stamp);
                    (rank, &line.formats)
                })
                .collect();
            lines.sort_by_key(|(rank, _)| *rank);
            let others = lines.iter().take(DESCRIBERS).map(|(_, formats)| *formats);
            let sources = core::iter::once(&destination.own).chain(others);
            let formats = merged(sources.chain(core::iter::once(&destination.earlier)));
            if formats != destination.formats {
                destination.formats = formats;
                changed.push(destination.key);
            }
        }
        changed
    }

    /// Whether media that would have to be masked is encrypted. A line that the other party has rejected does not
    /// count: such an offer leaves the choice.
    pub(crate) fn is_encrypted(&self) -> bool {
        let to_mask = |one: &&Destination| one.key.from == Side::Carrier && one.current && one.encrypted;
        self.destinations.iter().filter(to_mask).any(|one| {
            let Some(leg) = self.leg(one.leg) else { return false };
            let mut said = leg.parties.iter().filter(|party| party.side == Side::Carrier).peekable();
            let rejected = said.peek().is_some()
                && said.all(|party| party.lines.iter().any(|line| line.index == one.line && line.rejected));
            !rejected
        })
    }

    /// When it was last heard of.
    pub(crate) fn last_activity(&self) -> Instant {
        self.last_media.map_or(self.last_sip, |media| media.max(self.last_sip))
    }

    /// Whether its media was seen within `span`.
    pub(crate) fn has_media(&self, now: Instant, span: Duration) -> bool {
        self.last_media.is_some_and(|media| now <= media + span)
    }

    /// Whether all legs have ended.
    pub(crate) fn has_ended(&self) -> bool {
        !self.legs.iter().any(Leg::is_live)
    }

    /// When it is forgotten although it has not ended.
    pub(crate) fn expires(&self, limits: &Limits) -> Instant {
        let idle = self.last_activity() + if self.answered { limits.idle } else { limits.unanswered };
        let live = self.legs.iter().filter(|leg| leg.is_live());
        let mut expires = live.map(|leg| leg.session.unwrap_or(idle)).max().unwrap_or(idle);
        if let Some(media) = self.last_media {
            expires = expires.max(media + limits.media);
        }
        if self.secured.is_some() {
            expires = expires.max(self.last_activity() + limits.idle);
        }
        expires
    }

    /// When something is due.
    pub(crate) fn next_deadline(&self, limits: &Limits) -> Instant {
        let lingering = self.legs.iter().filter_map(|leg| leg.ended).map(|ended| ended + limits.linger);
        let waiting = self.legs.iter().filter_map(Leg::deadline);
        let soonest = lingering.chain(waiting).min();
        let expires = if self.has_ended() { None } else { Some(self.expires(limits)) };
        [soonest, expires].into_iter().flatten().min().unwrap_or(self.last_sip)
    }
}
