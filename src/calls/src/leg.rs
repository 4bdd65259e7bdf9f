//! A leg: one dialog on one wire and VLAN stack, the early ones of its forks included.

use core::time::Duration;

use handover::{Instant, Side, VlanStack, WireId};

use crate::fingerprint::Fingerprint;
use crate::media::{Described, Description};

/// How long an unanswered BYE or CANCEL is waited for: 64·T1 (RFC 3261 section 17.1.2.2).
const UNANSWERED: Duration = Duration::from_secs(32);
/// Forks that are told apart: INVITE transactions and dialogs.
const FORKS: usize = 16;
/// Parties whose SDP is remembered.
const PARTIES: usize = 8;
/// BYEs of one dialog whose answer is awaited. The oldest gives way.
const BYES: usize = 4;

/// Where a dialog is seen. Addresses mean something within a scope only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Scope {
    pub(crate) wire: WireId,
    pub(crate) vlan: VlanStack,
}

/// What tells a transaction from others. Only the side opposite to its request can answer it: a party does not end a
/// leg by answering itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Transaction {
    /// Where the request came from.
    pub(crate) side: Side,
    pub(crate) branch: Fingerprint,
    pub(crate) cseq: u32,
}

/// One INVITE transaction.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    transaction: Transaction,
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
#[derive(Clone, Debug)]
struct Dialog {
    tag: Fingerprint,
    state: DialogState,
    /// The BYEs that were seen, and from when on each counts as answered.
    closing: Vec<(Transaction, Instant)>,
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
    /// What it had said before, and in which request it said the last, in case that is refused: while its answer is
    /// not seen, what was said before that stays what holds.
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
    /// When it ended; its flows linger.
    pub(crate) ended: Option<Instant>,
    /// When its session timer runs out (RFC 4028).
    pub(crate) session: Option<Instant>,
    /// Whether an INVITE or its answer was seen. A leg known by other messages only lives as long as the call.
    lived: bool,
    newest_invite: u32,
    /// The highest CSeq of requests that SDP can answer, by the side they came from.
    asked: [u32; 2],
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
            ended: None,
            session: None,
            lived: false,
            newest_invite: 0,
            asked: [0; 2],
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

    /// A request that SDP can answer.
    pub(crate) fn asked(&mut self, side: Side, cseq: u32) {
        let [carrier, customer] = &mut self.asked;
        let asked = if side == Side::Carrier { carrier } else { customer };
        *asked = cseq.max(*asked);
    }

    /// An INVITE. `initial`: without To tag, or the first that is seen of a dialog.
    pub(crate) fn invited(&mut self, transaction: Transaction, initial: bool) {
        if self.attempts.iter().any(|attempt| attempt.transaction == transaction) {
            return;
        }
        if self.attempts.len() >= FORKS {
            let settled = self.attempts.iter().position(|attempt| !attempt.pending);
            self.attempts.remove(settled.unwrap_or(0));
        }
        // After a failure the next try (RFC 3261 section 22.2) and the next fork revive the leg; a copy of an old
        // INVITE does not.
        let pending = !initial || transaction.cseq >= self.newest_invite;
        self.attempts.push(Attempt { transaction, initial, pending, given_up: None });
        if initial && pending {
            self.lived = true;
            self.ended = None;
            self.newest_invite = transaction.cseq;
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
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.transaction.cseq <= cseq) {
            attempt.pending = false;
        }
        true
    }

    /// Whether an INVITE was within a dialog.
    pub(crate) fn is_reinvite(&self, transaction: Transaction) -> bool {
        self.attempts.iter().any(|one| one.transaction == transaction && !one.initial)
    }

    /// A final failure of an INVITE.
    pub(crate) fn failed(&mut self, now: Instant, transaction: Transaction) {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.transaction == transaction) {
            attempt.pending = false;
        }
        self.end_unless_live(now);
    }

    /// A CANCEL: its transaction is the INVITE's (RFC 3261 section 9.1).
    pub(crate) fn cancelled(&mut self, now: Instant, transaction: Transaction) {
        let of = |attempt: &&mut Attempt| attempt.transaction == transaction && attempt.initial;
        if let Some(attempt) = self.attempts.iter_mut().find(of) {
            attempt.given_up.get_or_insert(now + UNANSWERED);
        }
    }

    /// A BYE. One of a dialog that was never seen is none of ours.
    pub(crate) fn closing(&mut self, now: Instant, tag: Fingerprint, transaction: Transaction) {
        let Some(dialog) = self.dialogs.iter_mut().find(|dialog| dialog.tag == tag) else { return };
        let known = dialog.closing.iter().any(|(earlier, _)| *earlier == transaction);
        if dialog.state != DialogState::Ended && !known {
            dialog.closing.truncate(BYES - 1);
            dialog.closing.insert(0, (transaction, now + UNANSWERED));
        }
    }

    /// A final response to a BYE: 2xx, 481 and 408 end the dialog (RFC 3261 section 15.1.1), others do not.
    pub(crate) fn closed(&mut self, now: Instant, tag: Fingerprint, transaction: Transaction, code: u16) {
        let ends = matches!(code, 200..=299 | 481 | 408);
        let Some(dialog) = self.dialogs.iter_mut().find(|dialog| dialog.tag == tag) else { return };
        let awaited = dialog.closing.len();
        dialog.closing.retain(|(bye, _)| *bye != transaction);
        if dialog.closing.len() < awaited && ends {
            dialog.closing.clear();
            dialog.state = DialogState::Ended;
        }
        self.end_unless_live(now);
    }

    /// When something is due that was given up waiting for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let attempts = self.attempts.iter().filter(|attempt| attempt.pending);
        let given_up = attempts.filter_map(|attempt| attempt.given_up);
        let closing = self.dialogs.iter().flat_map(|dialog| &dialog.closing);
        given_up.chain(closing.map(|(_, due)| *due)).min()
    }

    /// Does what is due. With `media` a BYE that nobody answers waits on: somebody still talks.
    pub(crate) fn expire(&mut self, now: Instant, media: bool) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        for attempt in self.attempts.iter_mut().filter(|attempt| is_due(attempt.given_up)) {
            attempt.pending = false;
        }
        for dialog in &mut self.dialogs {
            let due = dialog.closing.iter().any(|(_, due)| *due <= now);
            if due && media {
                dialog.closing.iter_mut().for_each(|(_, due)| *due = now + UNANSWERED);
            } else if due {
                dialog.closing.clear();
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
        self.dialogs.push(Dialog { tag, state, closing: Vec::new() });
        self.dialogs.last_mut()
    }

    /// Takes what a party says about its media.
    pub(crate) fn heard(&mut self, said: &Said<'_>, stamp: u64) -> Heard {
        let [carrier, customer] = self.asked;
        let asked = if said.side == Side::Carrier { customer } else { carrier };
        let Some(party) = self.party(said, stamp) else { return Heard::NoRoom };
        let [responses, requests] = &mut party.newest;
        let newest = if said.in_request { requests } else { responses };
        // An answer to nothing that was asked is not one.
        if said.cseq < *newest || !said.in_request && said.cseq > asked {
            return Heard::Old;
        }
        party.stamp = stamp;
        if said.cseq == *newest && party.digest == said.digest {
            return Heard::Again;
        }
        // Whether what it said last was agreed on is not known: an offer without answer, or one of several different
        // answers to the same request, of which only the first may count.
        let in_doubt = party.offered_in.is_some() || !said.in_request && said.cseq == *newest;
        *newest = said.cseq;
        let lines = core::mem::replace(&mut party.lines, said.description.described());
        if !in_doubt {
            party.before = lines;
        }
        party.digest = said.digest;
        if said.offers {
            party.offered_in = Some(said.cseq);
        }
        Heard::New { in_doubt }
    }

    /// The party that says something, made if need be. Where there are too many, the one whose SDP is oldest gives way:
    /// never that of the caller or of a confirmed dialog, and in SecureMode none.
    fn party(&mut self, said: &Said<'_>, stamp: u64) -> Option<&mut Party> {
        let of = |party: &Party| party.side == said.side && party.tag == said.tag;
        if let Some(at) = self.parties.iter().position(of) {
            return self.parties.get_mut(at);
        }
        if self.parties.len() >= PARTIES {
            let confirmed = |tag: Fingerprint| {
                self.dialogs.iter().any(|dialog| dialog.tag == tag && dialog.state == DialogState::Confirmed)
            };
            let may_go = |party: &Party| !said.secured && party.tag != self.caller && !confirmed(party.tag);
            let others = self.parties.iter().enumerate().filter(|(_, party)| may_go(party));
            let (oldest, _) = others.min_by_key(|(_, party)| party.stamp)?;
            self.parties.remove(oldest);
        }
        self.parties.push(Party {
            side: said.side,
            tag: said.tag,
            lines: Vec::new(),
            stamp,
            newest: [0; 2],
            before: Vec::new(),
            offered_in: None,
            digest: 0,
        });
        self.parties.last_mut()
    }

    /// The request with that CSeq was accepted: what its sender says in it holds. Says whether it had said anything in it.
    pub(crate) fn agreed(&mut self, side: Side, tag: Fingerprint, cseq: u32) -> bool {
        let offered = |party: &&mut Party| party.side == side && party.tag == tag;
        let offered = self.parties.iter_mut().find(offered).filter(|party| party.offered_in == Some(cseq));
        offered.is_some_and(|party| party.offered_in.take().is_some())
    }

    /// Whether what a party said last is an offer that is not answered yet.
    pub(crate) fn is_offering(&self, side: Side, tag: Fingerprint) -> bool {
        let offers = |party: &Party| party.side == side && party.tag == tag && party.offered_in.is_some();
        self.parties.iter().any(offers)
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
    /// It is. `in_doubt`: what was said last may not have been agreed on.
    New { in_doubt: bool },
    /// It is what was said last.
    Again,
    /// It is older than what was said last.
    Old,
    /// There are too many parties.
    NoRoom,
}

/// One party's SDP as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) side: Side,
    pub(crate) tag: Fingerprint,
    pub(crate) in_request: bool,
    /// It is in a request that may be refused.
    pub(crate) offers: bool,
    pub(crate) cseq: u32,
    /// Whether the call is in SecureMode.
    pub(crate) secured: bool,
    pub(crate) description: &'a Description,
    /// Equal for equal descriptions.
    pub(crate) digest: u64,
}
