//! How many packet buffers there must be, so that no full table or ring can starve the ports (DESIGN section 4,
//! invariant 6).

use core::fmt;
use core::ops::Range;

use crate::document::Document;
use crate::model::Settings;

/// The largest burst that an lcore takes from a port.
pub(crate) const BURST: u64 = 64;

/// Fragments on their way to the signalling lcore.
const FRAGMENTS_WAITING: u64 = 256;

/// Buffers that may be away from the pool at one time, by place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolNeed {
    /// In the receive and transmit queues of all ports.
    pub descriptors: u64,
    /// In the lcores' caches, which hold half as many again as they are set to.
    pub caches: u64,
    /// In bursts on their way, and in the rest of a burst that a full port did not take.
    pub bursts: u64,
    /// SIP messages and fragments on their way to the signalling lcore, held there, and on their way from it.
    pub sip: u64,
    /// Two packets for each stream in SecureMode.
    pub streams: u64,
}

impl PoolNeed {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.descriptors + self.caches + self.bursts + self.sip + self.streams
    }
}

impl fmt::Display for PoolNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PoolNeed { descriptors, caches, bursts, sip, streams } = self;
        write!(
            f,
            "{descriptors} in descriptors + {caches} in caches + {bursts} in bursts + {sip} for SIP + {streams} for \
             streams in SecureMode"
        )
    }
}

impl Settings {
    /// The buffers that the rest of the settings can take out of the pool; it must be larger.
    pub fn pool_need(&self) -> PoolNeed {
        let lcores = self.lcores.len() as u64;
        let polling = self.lcores.iter().filter(|lcore| !lcore.wires.is_empty()).count() as u64;
        let queues = |wire: &crate::Wire| u64::from(wire.queues);
        let caches = u64::from(self.pool.cache) * 3 / 2;
        PoolNeed {
            // two ports, a receive and a transmit queue each
            descriptors: self.wires.iter().map(|wire| queues(wire) * 4 * u64::from(wire.descriptors)).sum(),
            caches: lcores * caches,
            bursts: self.wires.iter().map(|wire| queues(wire) * 2 * 2 * BURST).sum(),
            sip: (lcores + 1) * u64::from(self.sip.waiting)
                + FRAGMENTS_WAITING
                + u64::from(self.sip.held)
                + u64::from(self.sip.fragments),
            streams: polling * 2 * u64::from(self.secure_mode.streams),
        }
    }
}

/// Chooses the number of buffers where the file gives none, and refuses too few.
pub(crate) fn settle(document: &mut Document<'_>, settings: &mut Settings, place: Option<Range<usize>>) {
    let need = settings.pool_need();
    let least = need.total() + 1;
    let Some(place) = place else {
        // A power of two less one fills the pool's ring best; a quarter to spare.
        let mbufs = (least + least / 4).next_power_of_two() - 1;
        settings.pool.mbufs = u32::try_from(mbufs).unwrap_or(u32::MAX);
        return;
    };
    if u64::from(settings.pool.mbufs) < least {
        document.problem(
            place,
            "pool.mbufs",
            settings.pool.mbufs.to_string(),
            format!("at least {least}: more than {need}"),
            format!("write {least} or more, or remove it and it is chosen"),
        );
    }
}
