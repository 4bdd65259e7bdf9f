//! A call: the legs that belong together, and the destinations of their media.

use core::time::Duration;

use handover::{CallHandle, FlowKey, FlowMode, Formats, Instant, MaskKey, Rules, Side};

use crate::Limits;
use crate::fingerprint::Fingerprint;
use crate::leg::{Leg, Party, Said, Scope};
use crate::media::{Encryption, merged, merged_events};
use crate::news::Introduction;
use crate::recent::Recent;
use crate::watch::Heard;

/// Subscriptions to the keys of a call (RFC 4730) that are dialogs of their own. One that has reported nothing gives
/// way before others, then the one that was heard of longest ago.
pub(crate) const SUBSCRIPTIONS: usize = 16;

/// Media is reported every five seconds at most: what has had none for longer than two of these has none. A call in
/// SecureMode keeps its legs while it has, even where they seem to have ended.
const MEDIA_GAP: Duration = Duration::from_secs(12);

/// How many `m=` lines of others a flow's formats are gathered from.
const DESCRIBERS: usize = 8;

/// The SecureMode of a call, as one that takes its place has it from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecureMode {
    pub(crate) mask_key: MaskKey,
    pub(crate) rules: Option<Rules>,
    /// The call that a payment put into SecureMode, and with whose it ends.
    pub(crate) of: Option<CallHandle>,
}

/// A subscription with a Call-ID of its own.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) call_id: Fingerprint,
    /// Whether keys were reported in it.
    pub(crate) used: bool,
    /// When it was heard of last, in the order of stamps.
    pub(crate) heard: u64,
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
    /// What its payload types mean to the party, and what they meant before its last SDP.
    pub(crate) own: Formats,
    pub(crate) own_before: Formats,
    /// The events that it announced here before: a re-INVITE may be refused, and media be in flight.
    pub(crate) earlier: Formats,
    /// All of that, and what the other party says.
    pub(crate) formats: Formats,
    /// What the party says, and whether its media is with what the other party says.
    pub(crate) encryption: Encryption,
    pub(crate) encrypted: bool,
    /// The party announced it in its last SDP.
    pub(crate) current: bool,
    /// It was current before the party's last SDP, or may have been while nobody knows what was agreed on.
    pub(crate) before: bool,
    /// When it was superseded, or seen last if it was learned, in the order of stamps.
    pub(crate) superseded: u64,
    /// When it ceased to be current.
    pub(crate) left: Option<Instant>,
    /// What was heard on it since it was announced, of the caller's.
    pub(crate) heard: Option<Heard>,
    /// The name of the claim; a newer claim has a higher one.
    pub(crate) stamp: u64,
}

impl Destination {
    fn set_current(&mut self, now: Instant, current: bool, stamp: u64) {
        if self.current && !current {
            self.left = Some(now);
            self.superseded = stamp;
        }
        self.current = current;
    }

    /// RTP on this flow comes from the side of `from`: the receiver is on the other one.
    fn receivers(&self) -> Side {
        self.key.from.opposite()
    }

    /// What its payload types mean: to the party, to the other one, and what the party had them mean before.
    fn described(&self, parties: &[Party]) -> Formats {
        let receivers = self.receivers();
        let mut lines: Vec<_> = parties
            .iter()
            .filter(|party| self.party.is_none() || party.side != receivers)
            .flat_map(|party| party.lines.iter().map(move |line| (party, line)))
            .map(|(party, line)| {
                let rank = (party.side != receivers, line.index != self.line, u64::MAX - party.stamp);
                (rank, &line.formats)
            })
            .collect();
        lines.sort_by_key(|(rank, _)| *rank);
        let others = lines.iter().take(DESCRIBERS).map(|(_, formats)| *formats);
        let sources = core::iter::once(&self.own).chain(others);
        merged(sources.chain(core::iter::once(&self.earlier)))
    }

    /// Whether its media is encrypted. What was learned is so as the line that it was learned by.
    fn is_encrypted(&self, parties: &[Party]) -> bool {
        let receivers = self.receivers();
        let said = |side: Side| {
            let lines = parties.iter().filter(move |party| party.side == side).flat_map(|party| &party.lines);
            let line = lines.filter(|line| line.index == self.line && !line.rejected);
            line.map(|line| line.encryption).max().unwrap_or(Encryption::Plain)
        };
        let own = if self.party.is_some() { self.encryption } else { said(receivers) };
        own.with(said(receivers.opposite()))
    }

    fn is_of(&self, leg: u32, side: Side, tag: Fingerprint) -> bool {
        self.leg == leg && self.party == Some(tag) && self.key.from == side.opposite()
    }
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) since: Instant,
    pub(crate) introduction: Introduction,
    /// It was told that it has ended.
    pub(crate) told_ended: bool,
    pub(crate) last_sip: Instant,
    pub(crate) last_media: Option<Instant>,
    pub(crate) answered: bool,
    pub(crate) secured: Option<MaskKey>,
    /// How its flows are masked; `None`: as usual. In SecureMode only.
    pub(crate) rules: Option<Rules>,
    /// How often it was ordered into SecureMode; beyond 255 from zero again.
    pub(crate) orders: u8,
    /// What leaves of it is shown to the recorder.
    pub(crate) recorded: bool,
    /// A payment has put it into SecureMode.
    pub(crate) held: bool,
    /// Since when the caller, whom a payment awaits keys of, is watched; not while lost.
    pub(crate) watched_since: Option<Instant>,
    /// It has its SecureMode from this call, which a payment put there.
    pub(crate) heir_of: Option<CallHandle>,
    /// In SecureMode audio came whose tones cannot be masked.
    pub(crate) unmaskable: bool,
    /// The secured flows are silent (fail closed).
    pub(crate) silent: bool,
    /// When SecureMode began, in the order of stamps.
    pub(crate) secured_at: u64,
    pub(crate) legs: Vec<Leg>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) destinations: Vec<Destination>,
    /// The last requests that are made to carry keys, and the last others: many of these do not push out those.
    pub(crate) keyed: Recent,
    pub(crate) others: Recent,
    /// Under which it stands in the order of deadlines.
    pub(crate) deadline: Option<Instant>,
    /// Under which it stands in the order of idleness.
    pub(crate) idle_since: Option<Instant>,
    next_leg: u32,
}

impl Call {
    pub(crate) fn new(now: Instant, introduction: Introduction) -> Self {
        Call {
            since: now,
            introduction,
            told_ended: false,
            last_sip: now,
            last_media: None,
            answered: false,
            secured: None,
            rules: None,
            orders: 0,
            recorded: false,
            held: false,
            watched_since: None,
            heir_of: None,
            unmaskable: false,
            silent: false,
            secured_at: 0,
            legs: Vec::new(),
            subscriptions: Vec::new(),
            destinations: Vec::new(),
            keyed: Recent::default(),
            others: Recent::default(),
            deadline: None,
            idle_since: None,
            next_leg: 0,
        }
    }

    /// The destination of that stamp.
    pub(crate) fn destination(&self, stamp: u64) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.stamp == stamp)
    }

    /// What a call has of it that takes its place. `own` is its handle.
    pub(crate) fn heritage(&self, own: CallHandle) -> Option<SecureMode> {
        let of = if self.held { Some(own) } else { self.heir_of };
        self.secured.map(|mask_key| SecureMode { mask_key, rules: self.rules, of })
    }

    /// What is done with what comes from the carrier side. Keys of the customer side are never masked.
    pub(crate) fn mode(&self) -> FlowMode {
        match self.secured {
            Some(mask_key) if self.silent => FlowMode::Silence(mask_key),
            Some(mask_key) => FlowMode::Mask(mask_key),
            None => FlowMode::Pass,
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

    /// The leg that gives way to a new one where there are too many: one that ended, or never was more than a name. In
    /// SecureMode none gives way whose media may go on.
    pub(crate) fn spare_leg(&self, now: Instant, limits: &Limits) -> Option<u32> {
        let talks = self.secured.is_some() && self.has_media(now, media_gap(limits));
        let has_media = |leg: &Leg| talks && self.destinations.iter().any(|one| one.leg == leg.id);
        let may_go = |leg: &&Leg| !leg.is_live() && !has_media(leg);
        self.legs.iter().find(may_go).map(|leg| leg.id)
    }

    /// When a leg that has ended goes. In SecureMode not while there is media: who ended it may not have told both
    /// sides.
    pub(crate) fn leaves(&self, leg: &Leg, limits: &Limits) -> Option<Instant> {
        let lingered = leg.ended? + limits.linger;
        let media = self.last_media.filter(|_| self.secured.is_some());
        Some(media.map_or(lingered, |media| lingered.max(media + media_gap(limits))))
    }

    /// The subscription that gives way where there are too many.
    pub(crate) fn spare_subscription(&self) -> Option<Fingerprint> {
        let unused_first = |one: &&Subscription| (one.used, one.heard);
        self.subscriptions.iter().min_by_key(unused_first).map(|one| one.call_id)
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

    /// A party said something new: what it announced before is superseded, and so is what parties announced that
    /// have given way. `in_doubt`: whether that had been agreed on is not known, so what held before that may still.
    pub(crate) fn supersede(&mut self, now: Instant, leg: u32, said: &Said<'_>, in_doubt: bool, stamp: u64) {
        let (side, tag) = (said.side, said.tag);
        let parties = self.legs.iter().find(|one| one.id == leg).map_or(&[][..], |leg| &leg.parties);
        for destination in self.destinations.iter_mut().filter(|destination| destination.leg == leg) {
            if destination.is_of(leg, side, tag) {
                if !(in_doubt && destination.before) {
                    destination.own_before = destination.own;
                }
                // What comes where media went before tells nothing of where it is to go now.
                destination.heard = destination.heard.filter(|_| destination.current);
                destination.before = destination.current || in_doubt && destination.before;
                destination.set_current(now, false, stamp);
            } else if !parties.iter().any(|party| destination.is_of(leg, party.side, party.tag)) {
                destination.set_current(now, destination.current && destination.party.is_none(), stamp);
            }
        }
    }

    /// What a party offered was accepted: media leaves where it went before from now on.
    pub(crate) fn settled(&mut self, now: Instant, leg: u32, side: Side, tag: Fingerprint) {
        let of = |one: &&mut Destination| one.is_of(leg, side, tag) && one.before && !one.current;
        self.destinations.iter_mut().filter(of).for_each(|one| one.left = Some(now));
    }

    /// What a party said last was refused: what held before holds again.
    pub(crate) fn restore(&mut self, now: Instant, leg: u32, side: Side, tag: Fingerprint, stamp: u64) {
        for destination in
            self.destinations.iter_mut().filter(|destination| destination.is_of(leg, side, tag))
        {
            destination.set_current(now, destination.before, stamp);
            if destination.before && destination.own != destination.own_before {
                destination.earlier = merged_events([&destination.own, &destination.earlier]);
                destination.own = destination.own_before;
            }
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

    /// The destination that was superseded first: it gives way where there are too many. What was current before the
    /// last SDP does not: that may be refused.
    pub(crate) fn oldest_superseded(&self) -> Option<u64> {
        let may_go = |one: &&Destination| !one.current && !one.before && one.party.is_some();
        self.destinations.iter().filter(may_go).min_by_key(|one| one.superseded).map(|one| one.stamp)
    }

    /// Which learned destination of a leg gives way to a new one; `None` where there is no room. A flood of sources
    /// must not push out the true one.
    pub(crate) fn spare_learned(&self, leg: u32, limit: usize) -> Option<Option<u64>> {
        let mut learned: Vec<_> =
            self.destinations.iter().filter(|one| one.leg == leg && one.party.is_none()).collect();
        if learned.len() < limit {
            return Some(None);
        }
        learned.sort_unstable_by_key(|one| one.stamp);
        let spare = if self.secured.is_some() {
            learned.last().copied().filter(|newest| newest.stamp > self.secured_at)
        } else {
            learned.split_off(limit / 2).into_iter().min_by_key(|one| one.superseded)
        };
        spare.map(|spare| Some(spare.stamp))
    }

    /// Describes the destinations of a leg anew. Gives the keys of those that changed.
    pub(crate) fn describe(&mut self, leg: u32) -> Vec<FlowKey> {
        let Some(at) = self.legs.iter().position(|one| one.id == leg) else { return Vec::new() };
        let Some(parties) = self.legs.get(at).map(|leg| &leg.parties) else { return Vec::new() };
        let mut changed = Vec::new();
        for destination in self.destinations.iter_mut().filter(|destination| destination.leg == leg) {
            let formats = destination.described(parties);
            let encrypted = destination.is_encrypted(parties);
            if formats != destination.formats || encrypted != destination.encrypted {
                (destination.formats, destination.encrypted) = (formats, encrypted);
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
        let lingering = self.legs.iter().filter_map(|leg| self.leaves(leg, limits));
        let waiting = self.legs.iter().filter_map(Leg::deadline);
        let soonest = lingering.chain(waiting).chain(self.lost_at()).min();
        let expires = if self.has_ended() { None } else { Some(self.expires(limits)) };
        [soonest, expires].into_iter().flatten().min().unwrap_or(self.last_sip)
    }
}

/// How long without a report of media there is none.
pub(crate) fn media_gap(limits: &Limits) -> Duration {
    limits.linger.max(MEDIA_GAP)
}
