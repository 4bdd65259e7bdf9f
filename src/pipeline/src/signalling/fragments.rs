//! SIP in IP fragments, and what becomes of fragments that cannot be read.

use handover::{Counter, Endpoint, FlowKey, Instant, Side, VlanStack, WireId};
use wire::buffer::Buffer;
use wire::frame::Fragment;
use wire::{checksum, sip};

use super::Signalling;
use super::hold::Frames;
use super::messages::{Read, Route};
use crate::outputs::Outputs;
use crate::reassembly::{DatagramKey, Fragments, Taken};
use crate::sip_peers::SipPeer;

/// The length of a UDP header.
const UDP_LEN: usize = 8;

impl<B: Buffer> Signalling<B> {
    pub(super) fn fragment(
        &mut self,
        now: Instant,
        wire: WireId,
        from: Side,
        fragment: Fragment,
        frame: B,
        out: &mut impl Outputs<B>,
    ) {
        let vlan = VlanStack(fragment.vlan);
        let key = DatagramKey {
            wire,
            from,
            vlan,
            source: fragment.source,
            destination: fragment.destination,
            identification: fragment.identification,
        };
        let peer = SipPeer { wire, from, vlan, address: fragment.source };
        let concerns_us = self.reassembly.knows(&key)
            || self.sip_peers.contains(&peer)
            || self.secured.any_to(from, fragment.destination)
            || starts_sip(&fragment, &frame);
        if !concerns_us {
            self.counters.count(Counter::PassFragment);
            return out.transmit(wire, from.opposite(), frame);
        }
        match self.reassembly.take(now, key, fragment, frame) {
            Taken::Held => {}
            Taken::Complete(key, fragments) => self.complete(now, &key, fragments, out),
            Taken::NoRoom(key, fragments) => {
                self.counters.count(Counter::ReassemblyFailed);
                self.give_up(&key, fragments, out);
            }
        }
    }

    /// A whole datagram that came in fragments.
    fn complete(
        &mut self,
        now: Instant,
        key: &DatagramKey,
        mut fragments: Fragments<B>,
        out: &mut impl Outputs<B>,
    ) {
        let Some(mut datagram) = fragments.assemble() else {
            self.counters.count(Counter::ReassemblyFailed);
            return self.give_up(key, fragments, out);
        };
        let Some((header, payload)) = datagram.split_first_chunk_mut::<UDP_LEN>() else {
            return self.give_up(key, fragments, out);
        };
        self.counters.count(Counter::Reassembled);
        let [a, b, c, d, _, _, e, f] = *header;
        let route = Route {
            wire: key.wire,
            from: key.from,
            vlan: key.vlan,
            source: Endpoint { address: key.source, port: u16::from_be_bytes([a, b]) },
            destination: Endpoint { address: key.destination, port: u16::from_be_bytes([c, d]) },
        };
        if !sip::looks_like(payload) {
            let flow =
                FlowKey { destination: route.destination, vlan: key.vlan, wire: key.wire, from: key.from };
            // Media in fragments cannot be masked.
            if self.secured.contains(&flow) || self.secured.stray(&flow, route.source).is_some() {
                return self.give_up(key, fragments, out);
            }
            return self.pass_fragments(key, fragments, out);
        }
        let before = checksum::sum(payload);
        let read = self.read(now, &route, payload, out);
        if let Read::Leave { changed: true, .. } = read {
            let [g, h] = checksum::udp_update([e, f], before, checksum::sum(payload));
            (header[6], header[7]) = (g, h);
            fragments.write_back(&datagram);
        }
        self.let_leave(now, &route, read, Frames::Many(fragments.into_frames().collect()), out);
    }

    /// Fragments that could not be read. While calls are in SecureMode those that may be SIP are dropped, whichever
    /// side they come from, since SIP is sent again and can carry keys or move media; so are those to a secured address.
    pub(super) fn give_up(&mut self, key: &DatagramKey, fragments: Fragments<B>, out: &mut impl Outputs<B>) {
        let peer = SipPeer { wire: key.wire, from: key.from, vlan: key.vlan, address: key.source };
        let may_be_sip = || self.sip_peers.contains(&peer) || fragments.any(starts_sip);
        if !self.secured.is_empty() && (self.secured.any_to(key.from, key.destination) || may_be_sip()) {
            return self.counters.add(Counter::DropSecuredFragment, fragments.into_frames().count() as u64);
        }
        self.pass_fragments(key, fragments, out);
    }

    fn pass_fragments(&mut self, key: &DatagramKey, fragments: Fragments<B>, out: &mut impl Outputs<B>) {
        for frame in fragments.into_frames() {
            self.counters.count(Counter::PassFragment);
            out.transmit(key.wire, key.from.opposite(), frame);
        }
    }
}

/// Whether this is the first fragment of a SIP message.
fn starts_sip<B: Buffer>(fragment: &Fragment, frame: &B) -> bool {
    fragment.offset == 0 && fragment.payload(frame.bytes()).get(UDP_LEN..).is_some_and(sip::looks_like)
}
