//! Whether the caller is heard on this wire: the icon on the agent's page must not be lit over media that goes elsewhere.
//!
//! Lcores report what comes on each carrier→customer flow: every second, every 50 ms in SecureMode, and at once where the payload
//! type changes. A destination forgets what was heard on it when it is announced anew.

use core::time::Duration;

use handover::{CallEvent, CallHandle, Content, FlowKey, Instant, Refusal, Rules, Side};

use crate::Calls;
use crate::call::{Call, Destination};

/// How long ago the caller may have been heard at most when SecureMode is entered. A flow is reported once a second.
const LATELY: Duration = Duration::from_millis(1_500);
/// How long after the last report the caller counts as lost. The last packet came up to 50 ms after that report, so it is 400 to
/// 450 ms back: longer than jitter and a change of codec, and told within 500 ms.
const LOST: Duration = Duration::from_millis(450);
/// How long nothing need come after comfort noise: it is sent again when the noise changes only (RFC 3389 section 5).
const QUIET: Duration = Duration::from_secs(30);
/// How long media may come where it went before the last SDP, after that was answered; and while it is not answered (64·T1, RFC
/// 3261 section 17.1.1.2).
const MOVING: Duration = Duration::from_secs(1);
const OFFERED: Duration = Duration::from_secs(32);
/// To how many calls that announced the same destination the caller's audio may belong.
const HEARERS: usize = 8;

/// What was heard last on a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    at: Instant,
    /// The last audio was comfort noise: more may not come for long.
    is_noise: bool,
    /// Whether the last audio can be masked; `None` where none was heard yet.
    is_maskable: Option<bool>,
}

impl Heard {
    fn after(former: Option<Heard>, at: Instant, content: Content) -> Heard {
        let former = former.unwrap_or(Heard { at, is_noise: false, is_maskable: None });
        let at = at.max(former.at);
        match content {
            Content::Audio => Heard { at, is_noise: false, is_maskable: Some(true) },
            Content::Unmaskable => Heard { at, is_noise: false, is_maskable: Some(false) },
            Content::ComfortNoise => Heard { at, is_noise: true, ..former },
            Content::Events => Heard { at, ..former },
        }
    }
}

impl Destination {
    /// Until when the caller counts as heard here, if silence is allowed to last so long.
    fn heard_until(&self, span: Duration) -> Option<Instant> {
        let heard = self.heard.filter(|_| self.key.from == Side::Carrier)?;
        // Comfort noise where media goes no more tells nothing.
        Some(heard.at + if heard.is_noise && self.current { span.max(QUIET) } else { span })
    }
}

impl Call {
    /// Whether the caller is heard where the last SDP says, and can be masked.
    fn may_be_masked(&self, now: Instant) -> Result<(), Refusal> {
        let current = self.destinations.iter().filter(|one| one.current);
        let heard = current.filter(|one| one.heard_until(LATELY).is_some_and(|until| now <= until));
        let mut heard = heard.filter_map(|one| one.heard).peekable();
        if heard.peek().is_none() {
            return Err(Refusal::MediaElsewhere);
        }
        if heard.any(|heard| heard.is_maskable != Some(false)) { Ok(()) } else { Err(Refusal::Codec) }
    }

    /// Whether what was heard last does not leave with its tones in it.
    fn is_masked(&self, one: &Destination) -> bool {
        let passes = self.rules.is_some_and(Rules::passes_unmaskable);
        !passes || one.heard.is_none_or(|heard| heard.is_maskable != Some(false))
    }

    /// Until when media counts that comes where the last SDP does not say: it stays there until that is answered, and is in flight for
    /// a moment.
    fn counts_until(&self, one: &Destination) -> Option<Instant> {
        let offered = one.party.is_some_and(|tag| {
            self.leg(one.leg).is_some_and(|leg| leg.is_offering(one.key.from.opposite(), tag))
        });
        Some(one.left? + if offered && one.before { OFFERED } else { MOVING })
    }

    /// When the caller counts as lost, unless heard before; `None` while that is no matter, or told.
    pub(crate) fn lost_at(&self) -> Option<Instant> {
        let begun = self.watched_since? + LOST;
        let heard = self.destinations.iter().filter(|one| self.is_masked(one));
        let until = |one: &Destination| {
            let heard = one.heard_until(LOST)?;
            if one.current { Some(heard) } else { Some(heard.min(self.counts_until(one)?)) }
        };
        let heard = heard.filter_map(until).max();
        Some(heard.map_or(begun, |heard| heard.max(begun)))
    }
}

impl Calls {
    /// The caller of a call was heard on a flow: of that which the flow goes by, and of others that are the same conversation.
    /// What merely claims it hears nobody.
    pub fn caller_heard(&mut self, now: Instant, flow: &FlowKey, at: Instant, content: Content) {
        let Some(owners) = self.flows.owners(flow) else { return };
        let of_it = |(slot, _): &(u32, u64)| *slot == owners.0 || self.is_one_conversation(*slot, owners.0);
        let others = self.flows.claimants(flow).take(HEARERS).filter(of_it);
        let hearers: Vec<(u32, u64)> = core::iter::once(owners).chain(others).collect();
        let mut rearmed = [None; HEARERS + 1];
        for ((slot, claim), rearmed) in hearers.into_iter().zip(&mut rearmed) {
            let Some(call) = self.table.get_mut(slot) else { continue };
            if let Some(one) = call.destinations.iter_mut().find(|one| one.stamp == claim) {
                one.heard = Some(Heard::after(one.heard, at, content));
            }
            let counts = call.destination(claim).is_some_and(|one| {
                let current = one.current || call.counts_until(one).is_some_and(|until| at < until);
                current && call.is_masked(one)
            });
            // It was lost and told so: it is watched again.
            if counts && call.held && call.watched_since.is_none() {
                call.watched_since = Some(at);
                *rearmed = Some(slot);
            }
        }
        for slot in rearmed.into_iter().flatten() {
            self.schedule(now, slot);
        }
    }

    /// Whether two calls are one conversation that comes by twice: the carrier's side awaits the agent at the same place in both,
    /// or one has its SecureMode from the other. Whoever is on the customer's side can claim the agent's place, but not
    /// have the carrier name that of another caller.
    fn is_one_conversation(&self, one: u32, other: u32) -> bool {
        let (Some(first), Some(second)) = (self.table.get(one), self.table.get(other)) else { return false };
        let inherits =
            |heir: &Call, slot: u32| heir.heir_of.is_some_and(|of| self.table.slot_of(of) == Some(slot));
        let place =
            |place: &&Destination| place.key.from == Side::Customer && place.party.is_some() && place.current;
        let has = |key: &FlowKey| second.destinations.iter().filter(place).any(|place| place.key == *key);
        inherits(first, other)
            || inherits(second, one)
            || first.destinations.iter().filter(place).any(|place| has(&place.key))
    }

    /// Whether another call that is up claims a flow on which this one awaits the caller.
    pub(crate) fn is_contested(&self, slot: u32) -> bool {
        let another = |other: u32| {
            let is_up = self.table.get(other).is_some_and(|call| !call.has_ended());
            other != slot && is_up && !self.is_one_conversation(slot, other)
        };
        let awaited = |one: &&Destination| one.key.from == Side::Carrier && one.current;
        self.table.get(slot).is_some_and(|call| {
            call.destinations.iter().filter(awaited).any(|one| self.flows.is_claimed_by(&one.key, another))
        })
    }

    pub(crate) fn may_be_masked(&self, now: Instant, slot: u32) -> Result<(), Refusal> {
        self.table.get(slot).ok_or(Refusal::NoSuchCall)?.may_be_masked(now)
    }

    /// Tells that the caller is lost, once until heard again.
    pub(crate) fn watch(&mut self, now: Instant, slot: u32) {
        let handle: CallHandle = self.table.handle(slot);
        if let Some(call) = self.table.get_mut(slot)
            && call.lost_at().is_some_and(|lost| lost <= now)
        {
            call.watched_since = None;
            if !call.told_ended {
                self.news.push(CallEvent::MediaLost { call: handle });
            }
        }
    }
}
