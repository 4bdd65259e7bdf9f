//! A payment session with its page.

use std::sync::Arc;

use handover::Instant;
use payment::session::{Icon, Session, Shown};
use payment::{Money, TenantId};

use super::directory::Served;
use super::paying::Attempts;
use crate::store::Agent;
use crate::web::Channel;

/// A payment session with its page.
pub(crate) struct Payment {
    pub(crate) session: Session,
    pub(crate) name: String,
    pub(crate) agent: Agent,
    pub(crate) served: Arc<Served>,
    pub(crate) channel: Channel,
    pub(crate) money: Money,
    pub(crate) order: String,
    pub(super) tenant: TenantId,
    pub(super) timer: Option<Instant>,
    pub(super) icon: Icon,
    pub(super) field_open: bool,
    pub(super) over: Option<Instant>,
    pub(super) attempts: Attempts,
}

/// Why there is no new payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoPayment {
    /// The agent's tenant is not served any more.
    NoTenant,
    /// There are too many.
    TooMany,
    /// The order's text may not be.
    Order,
    /// The system gives no random bytes.
    NoRandom,
}

impl Payment {
    /// Whether the agent's keys are none of ours: pairing is done, and what came of it is not yet known.
    pub(super) fn is_under_way(&self) -> bool {
        let stage = self.session.view().stage;
        matches!(stage, Shown::Securing | Shown::Keying | Shown::Details | Shown::Sending | Shown::Resolving)
    }

    pub(super) fn is_live(&self) -> bool {
        self.icon != Icon::Off || (self.over.is_none() && self.session.holds_card())
    }
}
