//! Which flows are in SecureMode: for what cannot be looked up in the flow table.
//!
//! A digit must not leave because a packet came another way than its SIP said: on another VLAN or wire than the
//! signalling, to another address than announced, or in fragments. So destinations of secured calls are known here on
//! any wire and VLAN, and so are the sources of their media.

use core::ops::RangeInclusive;
use std::collections::BTreeSet;

use handover::{Endpoint, FlowKey, FlowUpdate, Side, VlanStack, WireId};

/// The secured flows, kept from the same updates as the flow table and bounded by it.
#[derive(Debug, Default)]
pub struct SecuredFlows {
    /// Flows whose packets are masked.
    destinations: BTreeSet<FlowKey>,
    /// Flows of the other direction, whose destination is where the packets to be masked come from.
    sources: BTreeSet<FlowKey>,
}

impl SecuredFlows {
    /// Follows an update.
    pub fn apply(&mut self, update: &FlowUpdate) {
        let (destination, source) = match update {
            FlowUpdate::Install(flow) => (flow.mode.is_secured(), flow.reverse.is_secured()),
            FlowUpdate::Remove(_) => (false, false),
        };
        set(&mut self.destinations, update.key(), destination);
        set(&mut self.sources, update.key(), source);
    }

    /// Whether no flow is secured.
    pub fn is_empty(&self) -> bool {
        self.destinations.is_empty() && self.sources.is_empty()
    }

    /// The keys of all of them, twice where both directions are masked.
    pub fn keys(&self) -> impl Iterator<Item = FlowKey> + '_ {
        self.destinations.iter().chain(&self.sources).copied()
    }

    /// Whether this very flow is secured.
    pub fn contains(&self, key: &FlowKey) -> bool {
        self.destinations.contains(key)
    }

    /// Whether a flow to this address is secured, whatever its port, wire and VLAN.
    pub fn any_to(&self, from: Side, address: [u8; 16]) -> bool {
        let range = keys(Endpoint { address, port: 0 }, Endpoint { address, port: u16::MAX });
        self.destinations.range(range).any(|key| key.from == from)
    }

    /// The flow by which a packet that belongs to no known flow is to be masked: one from where it comes, on its own
    /// wire and VLAN first; one to where it goes, on another; one from where it comes, on another.
    pub fn stray(&self, packet: &FlowKey, source: Endpoint) -> Option<&FlowKey> {
        let from = packet.from.opposite();
        let own = FlowKey { destination: source, from, ..*packet };
        let elsewhere = |set: &'_ BTreeSet<FlowKey>, at: Endpoint, from: Side| {
            set.range(keys(at, at)).find(|key| key.from == from).copied()
        };
        self.sources.get(&own).or_else(|| {
            let key = elsewhere(&self.destinations, packet.destination, packet.from)
                .and_then(|key| self.destinations.get(&key));
            key.or_else(|| elsewhere(&self.sources, source, from).and_then(|key| self.sources.get(&key)))
        })
    }
}

fn set(keys: &mut BTreeSet<FlowKey>, key: &FlowKey, secured: bool) {
    if secured {
        keys.insert(*key);
    } else if !keys.is_empty() {
        keys.remove(key);
    }
}

/// All keys whose destinations lie between two: [`FlowKey`]'s order begins with them.
fn keys(first: Endpoint, last: Endpoint) -> RangeInclusive<FlowKey> {
    let lowest =
        FlowKey { destination: first, vlan: VlanStack([0; 2]), wire: WireId(0), from: Side::Carrier };
    let highest = FlowKey {
        destination: last,
        vlan: VlanStack([u16::MAX; 2]),
        wire: WireId(u8::MAX),
        from: Side::Customer,
    };
    lowest..=highest
}

#[cfg(test)]
mod tests {
    use handover::{Flow, FlowMode, MaskKey};

    use super::*;

    const MASK: FlowMode = FlowMode::Mask(MaskKey::Pound);

    fn endpoint(address: u8, port: u16) -> Endpoint {
        Endpoint { address: [address; 16], port }
    }

    fn key(destination: Endpoint, vlan: u16, from: Side) -> FlowKey {
        FlowKey { destination, vlan: VlanStack([vlan, VlanStack::NONE]), wire: WireId(1), from }
    }

    #[test]
    fn a_stray_is_known_by_its_source_and_by_its_destination_elsewhere() {
        let mut secured = SecuredFlows::default();
        let agent = key(endpoint(7, 4000), 5, Side::Carrier);
        let gateway = key(endpoint(9, 6000), 5, Side::Customer);
        secured.apply(&FlowUpdate::Install(Flow { key: agent, mode: MASK, ..Flow::default() }));
        secured.apply(&FlowUpdate::Install(Flow { key: gateway, reverse: MASK, ..Flow::default() }));
        let stray = |to, vlan, source| secured.stray(&key(to, vlan, Side::Carrier), source).copied();
        assert_eq!(stray(endpoint(1, 1), 5, endpoint(9, 6000)), Some(gateway), "sent elsewhere");
        assert_eq!(stray(endpoint(1, 1), 6, endpoint(9, 6000)), Some(gateway), "and on another VLAN");
        assert_eq!(stray(endpoint(7, 4000), 6, endpoint(2, 2)), Some(agent), "on another VLAN");
        assert_eq!(stray(endpoint(1, 1), 5, endpoint(9, 6001)), None);
        assert_eq!(stray(endpoint(7, 4001), 6, endpoint(2, 2)), None);
        assert_eq!(secured.stray(&key(endpoint(7, 4000), 6, Side::Customer), endpoint(2, 2)), None);
        assert!(secured.any_to(Side::Carrier, [7; 16]));
        assert!(!secured.any_to(Side::Customer, [7; 16]) && !secured.any_to(Side::Carrier, [9; 16]));
        secured.apply(&FlowUpdate::Install(Flow { key: agent, ..Flow::default() }));
        secured.apply(&FlowUpdate::Remove(gateway));
        assert!(secured.is_empty());
    }
}
