//! Which flows are in SecureMode: for fragments and chained frames, whose ports cannot be read.

use std::collections::BTreeSet;

use handover::{Endpoint, FlowKey, FlowUpdate, Side, VlanStack, WireId};

/// The secured flows, kept from the same updates as the flow table and bounded by it.
#[derive(Debug, Default)]
pub struct SecuredFlows(BTreeSet<FlowKey>);

impl SecuredFlows {
    /// Follows an update.
    pub fn apply(&mut self, update: &FlowUpdate) {
        match update {
            FlowUpdate::Install(flow) if flow.mode.is_secured() => {
                self.0.insert(flow.key);
            }
            FlowUpdate::Install(flow) => {
                self.0.remove(&flow.key);
            }
            FlowUpdate::Remove(key) => {
                self.0.remove(key);
            }
        }
    }

    /// Whether no flow is secured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this very flow is secured.
    pub fn contains(&self, key: &FlowKey) -> bool {
        self.0.contains(key)
    }

    /// Whether a flow to this address is secured, whatever its port.
    pub fn any_to(&self, wire: WireId, from: Side, vlan: VlanStack, address: [u8; 16]) -> bool {
        let first = FlowKey { destination: Endpoint { address, port: 0 }, ..FlowKey::default() };
        let first = FlowKey { vlan: VlanStack([0, 0]), ..first };
        self.0
            .range(first..)
            .take_while(|key| key.destination.address == address)
            .any(|key| key.wire == wire && key.from == from && key.vlan == vlan)
    }
}

#[cfg(test)]
mod tests {
    use handover::{Flow, FlowMode, MaskKey};

    use super::*;

    #[test]
    fn an_address_is_secured_on_its_own_wire_side_and_vlan_only() {
        let mut secured = SecuredFlows::default();
        let key = FlowKey {
            destination: Endpoint { address: [7; 16], port: 4000 },
            vlan: VlanStack([5, VlanStack::NONE]),
            wire: WireId(1),
            from: Side::Carrier,
        };
        let mut flow = Flow { key, mode: FlowMode::Mask(MaskKey::Pound), ..Flow::default() };
        secured.apply(&FlowUpdate::Install(flow));
        assert!(secured.contains(&key));
        assert!(secured.any_to(key.wire, key.from, key.vlan, [7; 16]));
        assert!(!secured.any_to(WireId(0), key.from, key.vlan, [7; 16]));
        assert!(!secured.any_to(key.wire, Side::Customer, key.vlan, [7; 16]));
        assert!(!secured.any_to(key.wire, key.from, VlanStack::UNTAGGED, [7; 16]));
        assert!(!secured.any_to(key.wire, key.from, key.vlan, [6; 16]));
        flow.mode = FlowMode::Pass;
        secured.apply(&FlowUpdate::Install(flow));
        assert!(secured.is_empty());
    }
}
