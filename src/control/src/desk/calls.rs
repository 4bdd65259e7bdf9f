//! The calls as the desk knows them: by what the signalling lcore tells.

use core::time::Duration;
use std::collections::HashMap;

use handover::{CallBegun, CallHandle, Instant, Side};
use payment::SessionId;

/// A call that a payment put into SecureMode, and whose payment is not known any more (the control core was started again), is taken out
/// of it after the longest time of SecureMode, when no key came for the guard time: its caller may go on keying until then.
const ORPHAN: Duration = Duration::from_secs(600);
const GUARD: Duration = Duration::from_secs(3);

/// All calls that are up.
pub(crate) struct KnownCalls {
    calls: HashMap<CallHandle, KnownCall>,
    /// The calls that were orphans when they began.
    orphans: Vec<CallHandle>,
    most: usize,
}

/// One of them.
pub(crate) struct KnownCall {
    pub(crate) begun: CallBegun,
    /// The tenant's id.
    pub(crate) tenant: Option<String>,
    /// The payment that holds it.
    pub(crate) payment: Option<SessionId>,
    /// The payment that holds it has gone with an earlier control core: since when, and when a key came last.
    pub(crate) orphan: Option<(Instant, Instant)>,
}

impl KnownCalls {
    pub(crate) fn new(most: usize) -> Self {
        KnownCalls { calls: HashMap::new(), orphans: Vec::new(), most }
    }

    /// A call began, or is told of again. `false` where there is no room for it.
    pub(crate) fn begun(&mut self, now: Instant, begun: CallBegun, tenant: Option<String>) -> bool {
        let call = begun.call;
        if self.calls.len() >= self.most && !self.calls.contains_key(&call) {
            return false;
        }
        let payment = self.calls.get(&call).and_then(|known| known.payment);
        let orphan = (begun.held && payment.is_none()).then_some((now, now));
        if orphan.is_some() && !self.orphans.contains(&call) {
            self.orphans.push(call);
        }
        self.calls.insert(call, KnownCall { begun, tenant, payment, orphan });
        true
    }

    pub(crate) fn get(&self, call: CallHandle) -> Option<&KnownCall> {
        self.calls.get(&call)
    }

    pub(crate) fn get_mut(&mut self, call: CallHandle) -> Option<&mut KnownCall> {
        self.calls.get_mut(&call)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut KnownCall> {
        self.calls.values_mut()
    }

    pub(crate) fn remove(&mut self, call: CallHandle) -> Option<KnownCall> {
        self.calls.remove(&call)
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The calls whose SecureMode nobody will end but us.
    pub(crate) fn orphans_due(&mut self, now: Instant) -> Vec<CallHandle> {
        let is_due =
            |&(since, key): &(Instant, Instant)| now.since(since) >= ORPHAN && now.since(key) >= GUARD;
        let mut due = Vec::new();
        let calls = &mut self.calls;
        self.orphans.retain(|call| match calls.get_mut(call) {
            Some(known) if known.orphan.as_ref().is_some_and(is_due) => {
                known.orphan = None;
                due.push(*call);
                false
            }
            // Its call has ended, or is a payment's again.
            known => known.is_some_and(|known| known.orphan.is_some()),
        });
        due
    }
}

impl KnownCall {
    /// The number of the one who pays, as the page shows it: the caller of a call that came in, the one who was called of one that went
    /// out.
    pub(crate) fn number(&self) -> &str {
        match self.begun.from {
            Side::Carrier => self.caller(),
            Side::Customer => self.called(),
        }
    }

    /// Who calls; empty where it is not known.
    pub(crate) fn caller(&self) -> &str {
        number(&self.begun.calling)
    }

    /// Who was called; empty where it is not known.
    pub(crate) fn called(&self) -> &str {
        number(&self.begun.called)
    }
}

fn number(addresses: &[Option<Box<str>>; 2]) -> &str {
    addresses.iter().flatten().map(|address| user(address)).find(|user| !user.is_empty()).unwrap_or("")
}

/// The user part of `sip:+442079460123;cpc=ordinary@example.com;user=phone`, or the number of `tel:+44-20…`.
fn user(address: &str) -> &str {
    let rest = address.split_once(':').map_or(address, |(_, rest)| rest);
    rest.split(['@', ';', '?']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_address_is_shown() {
        for (address, shown) in [
            ("sip:+442079460123@example.com;user=phone", "+442079460123"),
            ("sips:+44;cpc=ordinary@example.com", "+44"),
            ("tel:+44-20-7946-0123;phone-context=x", "+44-20-7946-0123"),
            ("sip:example.com", "example.com"),
            ("", ""),
        ] {
            assert_eq!(user(address), shown);
        }
    }
}
