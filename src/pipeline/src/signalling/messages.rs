//! Reading SIP: what a message changes, which keys it carries, and when it may leave.

use calls::Followed;
use handover::{CallHandle, Counter, Endpoint, Instant, Press, Side, VlanStack, WireId};
use wire::buffer::Buffer;
use wire::frame::Udp;
use wire::{checksum, sip};

use super::Signalling;
use super::hold::{Frames, Held};
use crate::outputs::Outputs;
use crate::sip_peers::SipPeer;

/// Where a message came from and goes to.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) wire: WireId,
    pub(super) from: Side,
    pub(super) vlan: VlanStack,
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
}

/// What reading a message came to.
pub(super) enum Read {
    /// It leaves, after update `needed` is in force if there is one.
    Leave { call: Option<CallHandle>, conversation: u64, needed: Option<u64>, changed: bool },
    /// It must not leave.
    Drop(Counter),
}

impl<B: Buffer> Signalling<B> {
    pub(super) fn message(
        &mut self,
        now: Instant,
        wire: WireId,
        from: Side,
        udp: &Udp,
        mut frame: B,
        out: &mut impl Outputs<B>,
    ) {
        let route = Route {
            wire,
            from,
            vlan: VlanStack(udp.vlan),
            source: Endpoint { address: udp.source, port: udp.source_port },
            destination: Endpoint { address: udp.destination, port: udp.destination_port },
        };
        let before = checksum::sum(udp.payload(frame.bytes()));
        let read = self.read(now, &route, udp.payload_mut(frame.bytes_mut()), out);
        if let Read::Leave { changed: true, .. } = read {
            let after = checksum::sum(udp.payload(frame.bytes()));
            udp.update_checksum(frame.bytes_mut(), before, after);
        }
        self.let_leave(now, &route, read, Frames::One(frame), out);
    }

    /// Reads a SIP message and masks the keys in it.
    pub(super) fn read(
        &mut self,
        now: Instant,
        route: &Route,
        payload: &mut [u8],
        out: &mut impl Outputs<B>,
    ) -> Read {
        let pass = Read::Leave { call: None, conversation: 0, needed: None, changed: false };
        let Ok(message) = sip::Message::new_checked(payload) else {
            if self.may_concern_secured(route, payload) {
                return Read::Drop(Counter::DropSecuredSip);
            }
            self.counters.count(Counter::PassSipUnreadable);
            return pass;
        };
        let peer =
            SipPeer { wire: route.wire, from: route.from, vlan: route.vlan, address: route.source.address };
        self.sip_peers.saw(peer);
        let conversation = hash(message.call_id());
        let arrival = calls::Arrival {
            now,
            wire: route.wire,
            from: route.from,
            vlan: route.vlan,
            source: route.source,
            destination: route.destination,
            message: &message,
        };
        let reports_keys = message.event().is_some_and(|event| event.is("kpml"));
        let mut followed = self.calls.handle(&arrival, &mut self.changes);
        self.know_again(now, &message, &mut followed);
        self.end_remembered(&message);
        let needed = self.distribute();
        if followed.secured.is_some() && !followed.complete {
            return Read::Drop(Counter::DropSecuredSdp);
        }
        let masked = match followed.call {
            // A subscription's dialog that we have not seen begin may still be that of a secured call.
            None if reports_keys && route.from == Side::Carrier && !self.secured.is_empty() => {
                mask::sip::mask_keys(now, payload, self.mask_key, &mut |_| {})
            }
            // Of a call that was in SecureMode when an earlier process was killed, little more is known than its Call-ID.
            _ if route.from == Side::Carrier
                && followed.secured.is_none()
                && self.is_remembered(&message) =>
            {
                mask::sip::mask_keys(now, payload, self.mask_key, &mut |_| {})
            }
            _ => self.mask(now, route, &followed, payload, out),
        };
        let Ok(changed) = masked else { return Read::Drop(Counter::DropSecuredSip) };
        self.counters.count(if changed { Counter::MaskedSip } else { Counter::PassSip });
        Read::Leave { call: followed.call, conversation, needed, changed }
    }

    /// Whether a message is of a call that was in SecureMode when an earlier process was killed.
    fn is_remembered(&self, message: &sip::Message<'_>) -> bool {
        let mirror = self.mirror.as_ref().filter(|_| !self.remembered.is_empty());
        mirror.is_some_and(|mirror| self.remembered.knows(mirror.fingerprint(message.call_id())))
    }

    /// Ends the silence of such a call where a BYE is answered so that it ends the call, as [`calls`] has it: 2xx, 481 or 408.
    fn end_remembered(&mut self, message: &sip::Message<'_>) {
        let ends = matches!(
            (message.method_of_transaction(), message.start_line()),
            (sip::Method::Bye, sip::StartLine::Response { code: 200..=299 | 481 | 408 })
        );
        if ends
            && !self.remembered.is_empty()
            && let Some(mirror) = &self.mirror
        {
            let flows = self.remembered.end(mirror.fingerprint(message.call_id()));
            self.let_go(flows);
        }
    }

    /// Puts a call into SecureMode that was in it when an earlier process was killed, and is known again. Where it cannot be masked
    /// its flows stay silent.
    fn know_again(&mut self, now: Instant, message: &sip::Message<'_>, followed: &mut Followed) {
        let Some(call) = followed.call.filter(|_| self.is_remembered(message)) else { return };
        let Some(mirror) = &self.mirror else { return };
        let named = mirror.fingerprint(message.call_id());
        if self.remembered.is_known(named) {
            return;
        }
        if followed.secured.is_some() {
            self.remembered.know(named, None);
        } else if self.calls.secure(now, call, self.mask_key, &mut self.changes).is_ok() {
            self.remembered.know(named, Some(call));
            (followed.secured, followed.mask) = (Some(self.mask_key), Some(self.mask_key));
        }
    }

    /// Whether a message that we cannot read may carry keys of a call in SecureMode, or move its media: what we cannot
    /// read another may.
    fn may_concern_secured(&self, route: &Route, payload: &[u8]) -> bool {
        if self.secured.is_empty() {
            return false;
        }
        let secured =
            |call_id: &[u8]| self.calls.find(call_id).is_some_and(|call| self.calls.is_secured(call));
        (route.from == Side::Carrier && may_carry_keys(payload)) || call_ids(payload).any(secured)
    }

    fn mask(
        &mut self,
        now: Instant,
        route: &Route,
        followed: &Followed,
        payload: &mut [u8],
        out: &mut impl Outputs<B>,
    ) -> Result<bool, mask::sip::Unreadable> {
        if route.from == Side::Customer {
            self.hear(now, followed, payload, out);
            return Ok(false);
        }
        let Some(mask_key) = followed.mask else { return Ok(false) };
        // A request that is sent again after its call has gone is masked as before, and counts no more.
        let Some(call) = followed.call else {
            return mask::sip::mask_keys(now, payload, mask_key, &mut |_| {});
        };
        let (presses, pad) = (&mut self.presses, &self.pad);
        presses.clear();
        let changed = mask::sip::mask_keys(now, payload, mask_key, &mut |captured| {
            presses.push(Press {
                call,
                transport: captured.transport,
                from: route.from,
                digit: pad.seal(&captured.digit),
                level: None,
                onset: captured.onset,
            });
        })?;
        // A repetition carries no new keys, and neither does a message that turned out unreadable halfway.
        for press in self.presses.drain(..).filter(|_| followed.fresh) {
            let counter = if out.press(press).is_ok() { Counter::Presses } else { Counter::PressesLost };
            self.counters.count(counter);
        }
        Ok(changed)
    }

    /// Hears the keys of the customer's side, where call references are: in a copy, for the message leaves as it came.
    fn hear(&mut self, now: Instant, followed: &Followed, payload: &[u8], out: &mut impl Outputs<B>) {
        let Some(call) = followed.call.filter(|_| followed.fresh && self.hears_reference) else { return };
        if !may_carry_keys(payload) {
            return;
        }
        let (presses, pad) = (&mut self.presses, &self.pad);
        presses.clear();
        self.copy.clear();
        self.copy.extend_from_slice(payload);
        let heard = mask::sip::mask_keys(now, &mut self.copy, self.mask_key, &mut |captured| {
            presses.push(Press {
                call,
                transport: captured.transport,
                from: Side::Customer,
                digit: pad.seal(&captured.digit),
                level: None,
                onset: captured.onset,
            });
        });
        // What turned out unreadable halfway is no reference.
        for press in self.presses.drain(..).filter(|_| heard.is_ok()) {
            let counter = if out.press(press).is_ok() { Counter::Presses } else { Counter::PressesLost };
            self.counters.count(counter);
        }
    }

    /// Lets what was read leave: now, or when its flows are known everywhere.
    pub(super) fn let_leave(
        &mut self,
        now: Instant,
        route: &Route,
        read: Read,
        frames: Frames<B>,
        out: &mut impl Outputs<B>,
    ) {
        let (call, conversation, needed) = match read {
            Read::Leave { call, conversation, needed, .. } => (call, conversation, needed),
            Read::Drop(reason) => return self.counters.count(reason),
        };
        let held = Held { call, conversation, wire: route.wire, toward: route.from.opposite(), frames };
        let acknowledged = self.lcores.acknowledged();
        // What follows a held message of the same Call-ID must not overtake it.
        let needed = needed.max(self.hold.needed_by(conversation)).filter(|&needed| needed > acknowledged);
        let Some(needed) = needed else { return held.leave(out) };
        match self.hold.push(now, needed, held) {
            Ok(()) => self.counters.count(Counter::SipHeld),
            Err(held) => {
                self.counters.count(Counter::SipHoldFull);
                self.silence_until_acknowledged(held.call);
                held.leave(out);
            }
        }
    }
}

/// Whether a message that could not be read is a request that carries keys.
pub(super) fn may_carry_keys(payload: &[u8]) -> bool {
    let start = payload.trim_ascii_start();
    [&b"INFO"[..], b"NOTIFY"]
        .iter()
        .any(|method| start.get(..method.len()).is_some_and(|start| start.eq_ignore_ascii_case(method)))
}

/// Whatever may be a Call-ID in a message that could not be read.
fn call_ids(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    payload.split(|&byte| byte == b'\r' || byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii();
        let is_call_id = name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i");
        is_call_id.then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

/// FNV-1a of a Call-ID. Two that collide only wait for each other.
fn hash(call_id: &[u8]) -> u64 {
    call_id.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
