//! Who has sent SIP: their fragments are put together to be read.

use std::collections::BTreeSet;

use handover::{Side, VlanStack, WireId};

/// Where a peer was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SipPeer {
    /// The wire.
    pub wire: WireId,
    /// The side from which it sends.
    pub from: Side,
    /// The VLAN tags.
    pub vlan: VlanStack,
    /// Its address.
    pub address: [u8; 16],
}

/// A bounded set in two generations: whoever has not sent for as long as it takes to fill one is forgotten.
#[derive(Debug)]
pub struct SipPeers {
    young: BTreeSet<SipPeer>,
    old: BTreeSet<SipPeer>,
    capacity: usize,
}

impl SipPeers {
    /// A set of at most `capacity` peers.
    pub fn new(capacity: usize) -> Self {
        SipPeers { young: BTreeSet::new(), old: BTreeSet::new(), capacity: capacity.max(2) }
    }

    /// Remembers a peer.
    pub fn saw(&mut self, peer: SipPeer) {
        if self.young.contains(&peer) {
            return;
        }
        if self.young.len() >= self.capacity / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(peer);
    }

    /// Whether the peer has sent SIP.
    pub fn contains(&self, peer: &SipPeer) -> bool {
        self.young.contains(peer) || self.old.contains(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> SipPeer {
        SipPeer { wire: WireId(0), from: Side::Carrier, vlan: VlanStack::UNTAGGED, address: [n; 16] }
    }

    #[test]
    fn a_flood_of_new_peers_stays_bounded_and_a_busy_one_stays_known() {
        let mut peers = SipPeers::new(8);
        for n in 0..100 {
            peers.saw(peer(n));
            peers.saw(peer(200));
            assert!(peers.young.len() + peers.old.len() <= 8);
            assert!(peers.contains(&peer(200)) && peers.contains(&peer(n)));
        }
        assert!(!peers.contains(&peer(0)));
    }
}
