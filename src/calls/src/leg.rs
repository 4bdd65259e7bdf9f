//! A leg: one dialog on one wire and VLAN stack, the early ones of its forks included.

use core::time::Duration;

use handover::{Instant, Side, VlanStack, WireId};

use crate::fingerprint::Fingerprint;
use crate::media::{Described, Description};
use crate::recent::Recent;

/// How long an unanswered BYE or CANCEL is waited for: 64·T1 (RFC 3261 section 17.1.2.2).
const UNANSWERED: Duration = Duration::from_secs(32);
/// Forks that are told apart: INVITE transactions and dialogs.
const FORKS: usize = 16;
/// Parties whose SDP is remembered.
const PARTIES: usize = 8;

/// Where a dialog is seen. Addresses mean something within a scope only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Scope {
    pub(crate) wire: WireId,
    pub(crate) vlan: VlanStack,
}

/// One INVITE transaction.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    branch: Fingerprint,
    cseq: u32,
    /// It would make a dialog: a re-INVITE that fails ends nothing.
    initial: bool,
    pending: bool,
    /// It was cancelled, and counts as failed from then on without an answer.
    given_up: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DialogState {
    Early,
    Confirmed,
    Ended,
}

/// One dialog: the caller's tag and this one.
#[derive(Clone, Copy, Debug)]
struct Dialog {
    tag: Fingerprint,
    state: DialogState,
    /// A BYE was seen, and counts as answered from then on.
    closing: Option<Instant>,
}

/// Whoever sent SDP, and what it said last.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) side: Side,
    pub(crate) tag: Fingerprint,
    /// The audio lines of the last one.
    pub(crate) lines: Vec<Described>,
    /// When it was said, in the call table's own order.
    pub(crate) stamp: u64,
    /// The highest CSeq of its SDP, in responses and in requests: an old 200 sent again does not turn media back.
    newest: [u32; 2],
    /// What it had said before, and in which request it said the last, in case that is refused.
    before: Vec<Described>,
    offered_in: Option<u32>,
    digest: u64,
}

/// A leg.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    /// Unique within the call.
    pub(crate) id: u32,
    pub(crate) scope: Scope,
    pub(crate) call_id: Fingerprint,
    /// The beginning of the Call-ID, to be shown.
    pub(crate) name: Box<[u8]>,
    /// The tag of whoever sent the first INVITE.
    pub(crate) caller: Fingerprint,
    pub(crate) parties: Vec<Party>,
    pub(crate) recent: Recent,
    /// When it ended; its flows linger.
    pub(crate) ended: Option<Instant>,
    /// When its session timer runs out (RFC 4028).
    pub(crate) session: Option<Instant>,
    /// Whether an INVITE or its answer was seen. A leg known by other messages only lives as long as the call.
    lived: bool,
    newest_invite: u32,
    attempts: Vec<Attempt>,
    dialogs: Vec<Dialog>,
}

impl Leg {
    pub(crate) fn new(id: u32, scope: Scope, call_id: Fingerprint, name: &[u8], caller: Fingerprint) -> Self {
        Leg {
            id,
            scope,
            call_id,
            name: name.into(),
            caller,
            parties: Vec::new(),
            recent: Recent::default(),
            ended: None,
            session: None,
            lived: false,
            newest_invite: 0,
            attempts: Vec::new(),
            dialogs: Vec::new(),
        }
    }

    /// Whether a message with these tags is of this leg. The callee's own requests have them the other way round.
    pub(crate) fn has_caller(&self, from: Fingerprint, to: Fingerprint) -> bool {
        self.caller == from || self.caller == to
    }

    /// The tag of a dialog of this leg besides the caller's.
    pub(crate) fn other(&self, from: Fingerprint, to: Fingerprint) -> Fingerprint {
        if self.caller == from { to } else { from }
    }

    /// Whether these two tags name a dialog of this leg, in either order.
    pub(crate) fn has_dialog(&self, one: Fingerprint, two: Fingerprint) -> bool {
        self.has_caller(one, two) && self.dialogs.iter().any(|dialog| dialog.tag == self.other(one, two))
    }

    pub(crate) fn has_lived(&self) -> bool {
        self.lived
    }

    pub(crate) fn is_live(&self) -> bool {
        self.lived && self.ended.is_none()
    }

    /// An INVITE. `initial`: without To tag, or the first that is seen of a dialog.
    pub(crate) fn invited(&mut self, branch: Fingerprint, cseq: u32, initial: bool) {
        if self.attempts.iter().any(|attempt| attempt.branch == branch && attempt.cseq == cseq) {
            return;
        }
        if self.attempts.len() >= FORKS {
            let settled = self.attempts.iter().position(|attempt| !attempt.pending);
            self.attempts.remove(settled.unwrap_or(0));
        }
        // After a failure the next try (RFC 3261 section 22.2) and the next fork revive the leg; a copy of an old
        // INVITE does not.
        let pending = !initial || cseq >= self.newest_invite;
        self.attempts.push(Attempt { branch, cseq, initial, pending, given_up: None });
        if initial && pending {
            self.lived = true;
            self.ended = None;
            self.newest_invite = cseq;
        }
    }

    /// A provisional response to an INVITE.
    pub(crate) fn rung(&mut self, tag: Fingerprint) {
        self.dialog(tag, DialogState::Early);
    }

    /// A 2xx to an INVITE. Says whether it confirms a dialog.
    pub(crate) fn answered(&mut self, tag: Fingerprint, cseq: u32) -> bool {
        let Some(dialog) = self.dialog(tag, DialogState::Early) else { return false };
        if dialog.state == DialogState::Ended {
            return false;
        }
        dialog.state = DialogState::Confirmed;
        self.lived = true;
        self.ended = None;
        // The other forks are being cancelled; whether that succeeds does not matter to this leg's life.
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.cseq <= cseq) {
            attempt.pending = false;
        }
        true
    }

    /// Whether an INVITE was within a dialog.
    pub(crate) fn is_reinvite(&self, branch: Fingerprint, cseq: u32) -> bool {
        self.attempts.iter().any(|one| one.branch == branch && one.cseq == cseq && !one.initial)
    }

    /// A final failure of an INVITE.
    pub(crate) fn failed(&mut self, now: Instant, branch: Fingerprint, cseq: u32) {
        let of = |attempt: &&mut Attempt| attempt.branch == branch && attempt.cseq == cseq;
        if let Some(attempt) = self.attempts.iter_mut().find(of) {
            attempt.pending = false;
        }
        self.end_unless_live(now);
    }

    /// A CANCEL: the branch is the INVITE's (RFC 3261 section 9.1).
    pub(crate) fn cancelled(&mut self, now: Instant, branch: Fingerprint, cseq: u32) {
        let of = |attempt: &&mut Attempt| attempt.branch == branch && attempt.cseq == cseq && attempt.initial;
        if let Some(attempt) = self.attempts.iter_mut().find(of) {
            attempt.given_up.get_or_insert(now + UNANSWERED);
        }
    }

    /// A BYE.
    pub(crate) fn closing(&mut self, now: Instant, tag: Fingerprint) {
        if let Some(dialog) = self.dialog(tag, DialogState::Confirmed)
            && dialog.state != DialogState::Ended
        {
            dialog.closing.get_or_insert(now + UNANSWERED);
        }
    }

    /// A final response to a BYE: 2xx, 481 and 408 end the dialog (RFC 3261 section 15.1.1), others do not.
    pub(crate) fn closed(&mut self, now: Instant, tag: Fingerprint, code: u16) {
        let ends = matches!(code, 200..=299 | 481 | 408);
        let Some(dialog) = self.dialogs.iter_mut().find(|dialog| dialog.tag == tag) else { return };
        if dialog.closing.take().is_some() && ends {
            dialog.state = DialogState::Ended;
        }
        self.end_unless_live(now);
    }

    /// When something is due that was given up waiting for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let attempts = self.attempts.iter().filter(|attempt| attempt.pending);
        let given_up = attempts.filter_map(|attempt| attempt.given_up);
        given_up.chain(self.dialogs.iter().filter_map(|dialog| dialog.closing)).min()
    }

    /// Does what is due. With `media` a BYE that nobody answers waits on: somebody still talks.
    pub(crate) fn expire(&mut self, now: Instant, media: bool) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        for attempt in self.attempts.iter_mut().filter(|attempt| is_due(attempt.given_up)) {
            attempt.pending = false;
        }
        for dialog in self.dialogs.iter_mut().filter(|dialog| is_due(dialog.closing)) {
            dialog.closing = media.then(|| now + UNANSWERED);
            if !media {
                dialog.state = DialogState::Ended;
            }
        }
        self.end_unless_live(now);
    }

    fn end_unless_live(&mut self, now: Instant) {
        let live = self.attempts.iter().any(|attempt| attempt.initial && attempt.pending)
            || self.dialogs.iter().any(|dialog| dialog.state == DialogState::Confirmed);
        if self.lived && !live {
            self.ended.get_or_insert(now);
        }
    }

    /// The dialog with that tag, made if need be; `None` where there are too many confirmed ones.
    fn dialog(&mut self, tag: Fingerprint, state: DialogState) -> Option<&mut Dialog> {
        if let Some(at) = self.dialogs.iter().position(|dialog| dialog.tag == tag) {
            return self.dialogs.get_mut(at);
        }
        if self.dialogs.len() >= FORKS {
            let ended = self.dialogs.iter().position(|dialog| dialog.state == DialogState::Ended);
            let early = || self.dialogs.iter().position(|dialog| dialog.state == DialogState::Early);
            self.dialogs.remove(ended.or_else(early)?);
        }
        self.dialogs.push(Dialog { tag, state, closing: None });
        self.dialogs.last_mut()
    }

    /// Takes what a party says about its media. The party whose SDP is oldest gives way where there are too many.
    pub(crate) fn heard(&mut self, said: &Said<'_>, stamp: u64) -> Heard {
        let of = |party: &Party| party.side == said.side && party.tag == said.tag;
        if !self.parties.iter().any(of) {
            if self.parties.len() >= PARTIES {
                let oldest = self.parties.iter().enumerate().filter(|(_, party)| party.tag != self.caller);
                let oldest = oldest.min_by_key(|(_, party)| party.stamp).map_or(0, |(at, _)| at);
                self.parties.remove(oldest);
            }
            let (side, tag) = (said.side, said.tag);
            let (lines, before, offered_in) = (Vec::new(), Vec::new(), None);
            self.parties.push(Party {
                side,
                tag,
                lines,
                stamp,
                newest: [0; 2],
                before,
                offered_in,
                digest: 0,
            });
        }
        let Some(party) = self.parties.iter_mut().find(|party| of(party)) else { return Heard::Old };
        let [responses, requests] = &mut party.newest;
        let newest = if said.in_request { requests } else { responses };
        if said.cseq < *newest {
            return Heard::Old;
        }
        let again = said.cseq == *newest && party.digest == said.digest;
        *newest = said.cseq;
        if !again {
            party.before = core::mem::replace(&mut party.lines, said.description.described());
            party.digest = said.digest;
            party.offered_in = said.in_request.then_some(said.cseq);
        }
        party.stamp = stamp;
        if again { Heard::Again } else { Heard::New }
    }

    /// The request with that CSeq was refused: what its sender had said before holds again (RFC 3261 section 14.1).
    /// Says whether it had said anything in it.
    pub(crate) fn refused(&mut self, side: Side, tag: Fingerprint, cseq: u32) -> bool {
        let refused =
            |party: &&mut Party| party.side == side && party.tag == tag && party.offered_in == Some(cseq);
        let Some(party) = self.parties.iter_mut().find(refused) else { return false };
        party.lines.clone_from(&party.before);
        party.offered_in = None;
        party.digest = 0;
        true
    }
}

/// Whether SDP is news.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// It is.
    New,
    /// It is what was said last.
    Again,
    /// It is older than what was said last.
    Old,
}

/// One party's SDP as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) side: Side,
    pub(crate) tag: Fingerprint,
    pub(crate) in_request: bool,
    pub(crate) cseq: u32,
    pub(crate) description: &'a Description,
    /// Equal for equal descriptions.
    pub(crate) digest: u64,
}
