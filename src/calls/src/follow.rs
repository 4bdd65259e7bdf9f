//! What a SIP message does to calls and legs.

use core::hash::BuildHasher;

use handover::{CallHandle, Counter, Endpoint, FlowUpdate, Instant, MaskKey, Side, VlanStack, WireId};
use wire::sip::{Message, Method, StartLine};

use crate::call::{Call, SUBSCRIPTIONS, SecureMode, Subscription};
use crate::fingerprint::{Fingerprint, Seed};
use crate::leg::{Leg, Said, Scope, Transaction};
use crate::media::Description;
use crate::news::Introduction;
use crate::recent::{KEYED, Known, OTHERS, Seen};
use crate::{Calls, SecureDefault};

/// How much of a Call-ID is kept to be shown.
const SHOWN: usize = 256;
/// The shortest session interval there is, in seconds (RFC 4028 section 4), and the longest that is waited for.
const SESSION: core::ops::RangeInclusive<u32> = 90..=86_400;

/// A SIP message with where and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When it came.
    pub now: Instant,
    /// On which wire.
    pub wire: WireId,
    /// On which side of it.
    pub from: Side,
    /// With which VLAN tags.
    pub vlan: VlanStack,
    /// Who sent the datagram.
    pub source: Endpoint,
    /// Whither it goes.
    pub destination: Endpoint,
    /// The message.
    pub message: &'a Message<'a>,
}

/// What a message was found to belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Followed {
    /// Its call, if it is of one that is followed.
    pub call: Option<CallHandle>,
    /// The call's mask key while it is in SecureMode, as after this message.
    pub secured: Option<MaskKey>,
    /// What keys in it are to be replaced with: the call's mask key, or that with which the same request was masked
    /// when it was first seen, even if SecureMode has ended since.
    pub mask: Option<MaskKey>,
    /// Whether all media that it announces is followed. If not, it must not leave while the call is in SecureMode:
    /// who reads it otherwise than we do would send media where nothing is masked.
    pub complete: bool,
    /// Whether keys in it count: it is not a request that was seen before, sent again or on another wire or VLAN.
    pub fresh: bool,
}

/// A message as the call table sees it.
struct Read<'a> {
    now: Instant,
    scope: Scope,
    side: Side,
    message: &'a Message<'a>,
    method: Method<'a>,
    cseq: u32,
    /// The status code of a response.
    code: Option<u16>,
    call_id: Fingerprint,
    from: Fingerprint,
    to: Fingerprint,
    branch: Fingerprint,
}

impl<'a> Read<'a> {
    fn new(arrival: &Arrival<'a>, seed: Seed) -> Self {
        let message = arrival.message;
        let (cseq, method) = message.cseq();
        Read {
            now: arrival.now,
            scope: Scope { wire: arrival.wire, vlan: arrival.vlan },
            side: arrival.from,
            message,
            method,
            cseq,
            code: match message.start_line() {
                StartLine::Request { .. } => None,
                StartLine::Response { code } => Some(code),
            },
            call_id: seed.of(message.call_id()),
            from: seed.of_tag(message.from_tag()),
            to: seed.of_tag(message.to_tag()),
            branch: seed.of_tag(message.via_branch()),
        }
    }

    fn is_request(&self, method: Method<'_>) -> bool {
        self.code.is_none() && self.method == method
    }

    /// Whether it may make a dialog: an INVITE without To tag.
    fn is_initial(&self) -> bool {
        self.is_request(Method::Invite) && self.to == Fingerprint::default()
    }

    /// The transaction that it begins or answers.
    fn transaction(&self) -> Transaction {
        let side = if self.code.is_none() { self.side } else { self.side.opposite() };
        Transaction { side, branch: self.branch, cseq: self.cseq }
    }

    fn seen(&self, seed: Seed, mask: Option<MaskKey>) -> Seen {
        let method = self.method.as_bytes();
        Seen {
            scope: self.scope,
            transaction: seed.hash_one((self.call_id, self.cseq, method, self.branch)),
            request: seed.hash_one((self.call_id, self.cseq, method, self.from)),
            at: self.now,
            mask,
        }
    }

    /// Its SDP, where it may be an offer or an answer: RFC 3264 with RFC 3261, 3262 and 3311. In other messages, and
    /// in failures, SDP tells what somebody could do.
    fn description(&self) -> Description {
        let carries = matches!(self.method, Method::Invite | Method::Ack | Method::Prack | Method::Update);
        let agrees = self.code.is_none_or(|code| (101..300).contains(&code));
        if carries && agrees {
            Description::of(self.message)
        } else {
            Description { complete: true, ..Description::default() }
        }
    }
}

impl Calls {
    /// Follows one SIP message. The changes of the flow tables are appended to `changes`; they must be in force
    /// before the message leaves.
    pub fn handle(&mut self, arrival: &Arrival<'_>, changes: &mut Vec<FlowUpdate>) -> Followed {
        let read = Read::new(arrival, self.seed);
        let Some(slot) = self.locate(&read) else {
            self.settle(changes);
            let repeated = read.code.is_none().then(|| self.masked_before(&read.seen(self.seed, None)));
            let mask = repeated.flatten();
            return Followed { call: None, secured: None, mask, complete: true, fresh: mask.is_none() };
        };
        let (known, complete) = self.follow(slot, &read);
        self.tell_life(slot);
        self.schedule(read.now, slot);
        self.settle(changes);
        Followed {
            call: Some(self.table.handle(slot)),
            secured: self.table.get(slot).and_then(|call| call.secured),
            mask: known.mask,
            complete,
            fresh: known.fresh,
        }
    }

    /// The slot of the message's call, which begins with an INVITE.
    fn locate(&mut self, read: &Read<'_>) -> Option<u32> {
        let known = self.index.get(&read.call_id).copied();
        if read.is_request(Method::Invite) {
            return self.invited(read, known);
        }
        known.or_else(|| self.subscribed(read))
    }

    fn invited(&mut self, read: &Read<'_>, known: Option<u32>) -> Option<u32> {
        let replaced = self.replaced(read);
        let replaced_call = replaced.and_then(|slot| self.table.get(slot));
        let inherited =
            replaced.zip(replaced_call).and_then(|(slot, call)| call.heritage(self.table.handle(slot)));
        if let Some(slot) = known {
            // It is a call already: only SecureMode is passed on.
            if inherited.is_some() && self.table.get(slot).is_some_and(|call| call.secured.is_none()) {
                self.inherit(slot, inherited);
            }
            return Some(slot);
        }
        let joins = replaced_call.is_some_and(|call| {
            call.legs.len() < self.limits.legs_per_call || call.spare_leg(read.now, &self.limits).is_some()
        });
        if joins { replaced } else { self.begin(read, inherited) }
    }

    /// A call has its SecureMode from another. The caller schedules and settles.
    fn inherit(&mut self, slot: u32, inherited: Option<SecureMode>) {
        if let Some(call) = self.table.get_mut(slot) {
            call.rules = inherited.and_then(|mode| mode.rules);
            call.heir_of = inherited.and_then(|mode| mode.of);
        }
        self.set_secured(slot, inherited.map(|mode| mode.mask_key));
    }

    /// The call of the dialog that an INVITE replaces (RFC 3891 section 3) or joins (RFC 3911): one in SecureMode, if
    /// it names two. A tag of `0` stands for none.
    fn replaced(&self, read: &Read<'_>) -> Option<u32> {
        let named = [read.message.replaces(), read.message.join()].into_iter().flatten();
        let found = named.filter_map(|replaces| {
            let call_id = self.seed.of(replaces.call_id);
            let slot = *self.index.get(&call_id)?;
            let tag = |tag: &[u8]| self.seed.of_tag(Some(tag).filter(|tag| *tag != b"0"));
            let (one, two) = (tag(replaces.to_tag), tag(replaces.from_tag));
            let legs = &self.table.get(slot)?.legs;
            legs.iter().any(|leg| leg.call_id == call_id && leg.has_dialog(one, two)).then_some(slot)
        });
        found.min_by_key(|slot| !self.in_secure_mode.contains(slot))
    }

    /// A new call.
    fn begin(&mut self, read: &Read<'_>, inherited: Option<SecureMode>) -> Option<u32> {
        if !self.make_room(read.now) {
            return None;
        }
        let secured = inherited.or(match self.secure_default {
            SecureDefault::Always(mask_key) => Some(SecureMode { mask_key, rules: None, of: None }),
            SecureDefault::Never => None,
        });
        let introduction = Introduction::of(read.message, read.scope.wire, read.side);
        let slot = self.table.insert(Call::new(read.now, introduction))?;
        self.inherit(slot, secured);
        self.count(Counter::CallsBegun);
        self.tell_begun(slot);
        Some(slot)
    }

    /// The call whose keys a subscription reports (RFC 4730 section 4.1). Call-IDs are unique, so the tags that may
    /// stand beside it add nothing.
    fn subscribed(&mut self, read: &Read<'_>) -> Option<u32> {
        if read.code.is_some() || !matches!(read.method, Method::Subscribe | Method::Notify) {
            return None;
        }
        let event = read.message.event().filter(|event| event.is("kpml"))?;
        let call_id = unescaped(event.parameter("call-id")?);
        let slot = *self.index.get(&self.seed.of(&call_id))?;
        let heard = self.stamp();
        let call = self.table.get_mut(slot)?;
        if call.subscriptions.len() >= SUBSCRIPTIONS
            && let Some(gone) = call.spare_subscription()
        {
            call.subscriptions.retain(|subscription| subscription.call_id != gone);
            if !call.has_call_id(gone) {
                self.index.remove(&gone);
            }
        }
        call.subscriptions.push(Subscription { call_id: read.call_id, used: false, heard });
        self.index.insert(read.call_id, slot);
        Some(slot)
    }

    /// Lets a message take effect on its call. What is known of it as a request, and whether what it says of media is
    /// followed in full.
    fn follow(&mut self, slot: u32, read: &Read<'_>) -> (Known, bool) {
        let leg = self.leg_of(slot, read);
        let known = self.noted(slot, read);
        let description = read.description();
        let Some((leg, exact)) = leg else { return (known, description.complete && !description.found) };
        if exact {
            self.happened(slot, leg, read);
        }
        self.negotiated(slot, leg, read);
        let mut complete = description.complete;
        if description.found {
            complete &= self.described(slot, leg, read, &description);
            // An INVITE for which there was no room for a leg.
            complete &= exact || !read.is_request(Method::Invite);
        }
        (known, complete)
    }

    /// Notes that something was heard of a call. What is known of the message as a request.
    fn noted(&mut self, slot: u32, read: &Read<'_>) -> Known {
        let stamp = self.stamp();
        let Some(call) = self.table.get_mut(slot) else { return Known { fresh: true, mask: None } };
        call.last_sip = call.last_sip.max(read.now);
        if let Some(subscription) = call.subscriptions.iter_mut().find(|one| one.call_id == read.call_id) {
            subscription.heard = stamp;
            subscription.used |= read.is_request(Method::Notify);
        }
        let seen = read.seen(self.seed, call.secured);
        match (read.code, read.method) {
            (Some(_), _) => Known { fresh: true, mask: call.secured },
            (None, Method::Info | Method::Notify) => call.keyed.take(seen, KEYED),
            (None, _) => call.others.take(seen, OTHERS),
        }
    }

    /// What a message does to the life of its leg.
    fn happened(&mut self, slot: u32, leg: u32, read: &Read<'_>) {
        let Some(call) = self.table.get_mut(slot) else { return };
        let Some(leg) = call.leg_mut(leg) else { return };
        match read.code {
            None => requested(leg, read),
            Some(code) => responded(leg, read, code),
        }
        let answers =
            read.method == Method::Invite && read.code.is_some_and(|code| (200..300).contains(&code));
        call.answered |= answers;
        self.touch_ended(slot);
    }

    /// What a message means for the offer in its own transaction.
    fn negotiated(&mut self, slot: u32, leg: u32, read: &Read<'_>) {
        if !matches!(read.method, Method::Invite | Method::Prack | Method::Update) {
            return;
        }
        let Some(call) = self.table.get_mut(slot) else { return };
        let Some(at) = call.leg_mut(leg) else { return };
        match read.code {
            None => at.asked(read.side, read.cseq),
            Some(200..=299) => {
                if at.agreed(read.side.opposite(), read.from, read.cseq) {
                    call.settled(read.now, leg, read.side.opposite(), read.from);
                }
            }
            Some(300..) if withdraws(at, read) => {
                self.refused(read.now, slot, leg, read.side.opposite(), read.from, read.cseq);
            }
            Some(_) => {}
        }
    }

    /// What a message says of media. Says whether all of it is followed.
    fn described(&mut self, slot: u32, leg: u32, read: &Read<'_>, description: &Description) -> bool {
        let in_request = read.code.is_none();
        let said = Said {
            side: read.side,
            tag: if in_request { read.from } else { read.to },
            in_request,
            offers: in_request && read.method != Method::Ack,
            cseq: read.cseq,
            secured: self.in_secure_mode.contains(&slot),
            digest: self.seed.hash_one(description),
            description,
        };
        self.announced(read.now, slot, leg, &said)
    }

    /// The leg of a message, and whether its tags are the leg's. The first message that is seen of a dialog makes
    /// one, unless it is of a subscription.
    fn leg_of(&mut self, slot: u32, read: &Read<'_>) -> Option<(u32, bool)> {
        let call = self.table.get(slot)?;
        let found = call.leg_of(read.scope, read.call_id, read.from, read.to);
        let invites = read.is_request(Method::Invite);
        if found.is_some_and(|(_, exact)| exact || !invites) {
            return found;
        }
        if matches!(read.method, Method::Subscribe | Method::Notify)
            && call.subscriptions.iter().any(|subscription| subscription.call_id == read.call_id)
        {
            return None;
        }
        if call.legs.len() >= self.limits.legs_per_call.max(1) {
            let Some(spare) = call.spare_leg(read.now, &self.limits) else {
                self.count(Counter::LegsFull);
                return found;
            };
            self.remove_leg(slot, spare);
        }
        let name = read.message.call_id();
        let name = name.get(..SHOWN).unwrap_or(name);
        let id = self.table.get_mut(slot)?.add_leg(read.scope, read.call_id, name, read.from);
        self.count(Counter::LegsBegun);
        self.index.insert(read.call_id, slot);
        Some((id, true))
    }
}

fn requested(leg: &mut Leg, read: &Read<'_>) {
    match read.method {
        // The first INVITE that is seen of a leg counts as its first, whatever went before.
        Method::Invite => leg.invited(read.transaction(), read.is_initial() || !leg.has_lived()),
        Method::Cancel => leg.cancelled(read.now, read.transaction()),
        Method::Bye => leg.closing(read.now, leg.other(read.from, read.to), read.transaction()),
        _ => {}
    }
}

fn responded(leg: &mut Leg, read: &Read<'_>, code: u16) {
    let other = leg.other(read.from, read.to);
    match (read.method, code) {
        (Method::Invite, 101..=199) if read.to != Fingerprint::default() => leg.rung(other),
        (Method::Invite, 200..=299) if leg.answered(other, read.cseq) => refreshed(leg, read),
        (Method::Invite, 300..) => leg.failed(read.now, read.transaction()),
        (Method::Update, 200..=299) => refreshed(leg, read),
        (Method::Bye, 200..) => leg.closed(read.now, other, read.transaction(), code),
        _ => {}
    }
}

/// Whether the offer in a request is off when it is refused. That of a first INVITE goes on with its other forks.
fn withdraws(leg: &Leg, read: &Read<'_>) -> bool {
    match read.method {
        Method::Invite => leg.is_reinvite(read.transaction()),
        Method::Prack | Method::Update => true,
        _ => false,
    }
}

/// A session that names its interval ends half as long again after the last refresh, so that a late one is not
/// missed (RFC 4028 section 10).
fn refreshed(leg: &mut Leg, read: &Read<'_>) {
    let interval =
        read.message.session_expires().map(|seconds| seconds.clamp(*SESSION.start(), *SESSION.end()));
    leg.session =
        interval.map(|seconds| read.now + core::time::Duration::from_secs(u64::from(seconds) * 3 / 2));
}

/// A quoted string's content without its escapes (RFC 3261 section 25.1).
fn unescaped(content: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(content.len());
    let mut bytes = content.iter();
    while let Some(&byte) = bytes.next() {
        plain.extend(if byte == b'\\' { bytes.next().copied() } else { Some(byte) });
    }
    plain
}
