//! The tenants as the desk works with them: whose a call is, how its flows are masked, what its sessions settle, who is asked for the
//! money. Made as a whole from the tenants' files, off the loop, or not at all.

use std::collections::HashMap;
use std::sync::Arc;

use handover::{CallBegun, MaskKey, Rules, Side};
use payment::capture::{Beside, KeySettings};
use payment::pairing::ReferenceRules;
use payment::session::SessionSettings;
use secret::Digit;
use settings::{Replacement, SecureMode, Tenant, Tenants, Unmaskable, WhileKeying};

use crate::provider::Provider;

/// All tenants.
pub(crate) struct Directory {
    tenants: Tenants,
    served: HashMap<String, Arc<Served>>,
    /// The wires' names, in the order of their numbers.
    wires: Vec<String>,
}

/// One tenant, and all that its payments need of it.
pub(crate) struct Served {
    pub(crate) tenant: Tenant,
    pub(crate) provider: Provider,
    pub(crate) mask_key: MaskKey,
    /// While no field is open.
    pub(crate) rules: Rules,
    pub(crate) reference: ReferenceRules,
    pub(crate) session: SessionSettings,
    /// The keys that suspend and resume a recording, by their telephone-event codes.
    pub(crate) suspend_keys: Option<Arc<[u8]>>,
}

impl Directory {
    /// The tenants of a box whose own choices are `of_box`.
    ///
    /// # Errors
    /// What is wrong with a tenant's PSP: its certificate authorities cannot be read.
    pub(crate) fn new(tenants: Tenants, of_box: &SecureMode, wires: &[String]) -> Result<Directory, String> {
        let mut served = HashMap::new();
        for tenant in tenants.iter() {
            served.insert(tenant.id.clone(), Arc::new(Served::new(tenant, of_box)?));
        }
        Ok(Directory { tenants, served, wires: wires.to_vec() })
    }

    /// The tenant with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Served>> {
        self.served.get(id)
    }

    /// Whose a call is (DESIGN section 2): by the number that was called, of calls that go out by the number that calls, else by the
    /// trunk.
    pub(crate) fn of_call(&self, begun: &CallBegun) -> Option<&Arc<Served>> {
        let addresses = match begun.from {
            Side::Carrier => &begun.called,
            Side::Customer => &begun.calling,
        };
        let by_number = addresses.iter().flatten().find_map(|address| self.tenants.of_number(address));
        let by_trunk = || {
            let wire = self.wires.get(usize::from(begun.wire.0))?;
            self.tenants.of_trunk(wire)
        };
        self.served.get(&by_number.or_else(by_trunk)?.id)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.served.len()
    }
}

impl Served {
    fn new(tenant: &Tenant, of_box: &SecureMode) -> Result<Served, String> {
        let provider = Provider::of(&tenant.psp).map_err(|error| format!("tenant {}: {error}", tenant.id))?;
        let secure = tenant.secure_mode(of_box);
        let mask_key = MaskKey::from_ascii(secure.mask_key.ascii()).unwrap_or_default();
        let rules = Rules::default()
            .with_silence(secure.replacement == Replacement::Silence)
            .with_unmaskable_passed(secure.unmaskable == Unmaskable::Pass)
            .with_silence_while_keying(secure.while_keying == WhileKeying::Silence);
        let keying = tenant.keying;
        let prefix = tenant.reference.prefix_key.and_then(|key| Digit::from_ascii(key.ascii()));
        let suspend_keys = tenant.recording.as_ref().and_then(|recording| recording.suspend_keys.as_ref());
        let code = |key| Some(Digit::from_ascii(key)?.event_code());
        let suspend_keys = suspend_keys.and_then(|keys| keys.bytes().map(code).collect());
        Ok(Served {
            suspend_keys,
            tenant: tenant.clone(),
            provider,
            mask_key,
            rules,
            reference: ReferenceRules {
                length: tenant.reference.length,
                prefix: prefix.map(|key| key.event_code()),
                ..ReferenceRules::default()
            },
            session: SessionSettings {
                beside: Beside { expiry: keying.expiry, valid_from: keying.valid_from, issue: keying.issue },
                keys: KeySettings { star_clears: keying.star_clears, ..KeySettings::default() },
                mask_key: mask_key.event_code(),
                show_first_six: tenant.pan_display.first_six,
                show_last_four: tenant.pan_display.last_four,
                ..SessionSettings::default()
            },
        })
    }
}
