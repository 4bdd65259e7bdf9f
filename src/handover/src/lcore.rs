//! The mailbox of one lcore.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::FlowUpdate;
use crate::rings::Ring;

/// A flow update with its number. Numbers rise by one a update and lcore, so that one counter acknowledges all before it.
#[derive(Clone, Copy, Debug)]
pub struct NumberedUpdate {
    /// The number, from 1.
    pub number: u64,
    /// The change.
    pub update: FlowUpdate,
}

#[derive(Debug)]
struct Shared {
    updates: Ring<NumberedUpdate>,
    acknowledged: AtomicU64,
    heartbeat: AtomicU64,
    busy_nanos: AtomicU64,
}

/// What the signalling lcore and one lcore share: updates down; acknowledgements and a heartbeat up.
///
/// A full update ring is the signalling lcore's to bear: it keeps the update in its backlog and offers it again.
#[derive(Clone, Debug)]
pub struct LcoreLink(Arc<Shared>);

impl LcoreLink {
    /// A link whose ring holds `capacity` updates.
    pub fn new(capacity: usize) -> Self {
        LcoreLink(Arc::new(Shared {
            updates: Ring::new(capacity),
            acknowledged: AtomicU64::new(0),
            heartbeat: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
        }))
    }

    /// Signalling lcore: sends an update. False when the ring is full: it is then to be sent again later.
    #[must_use]
    pub fn send(&self, update: NumberedUpdate) -> bool {
        self.0.updates.push(update).is_ok()
    }

    /// Lcore: the next update to apply.
    pub fn receive(&self) -> Option<NumberedUpdate> {
        self.0.updates.pop()
    }

    /// Lcore: all updates up to `number` are in force.
    pub fn acknowledge(&self, number: u64) {
        self.0.acknowledged.store(number, Ordering::Release);
    }

    /// Signalling lcore: the highest number in force on this lcore.
    pub fn acknowledged(&self) -> u64 {
        self.0.acknowledged.load(Ordering::Acquire)
    }

    /// Lcore: still alive. Only the lcore itself writes, so no read-modify-write is needed.
    pub fn beat(&self) {
        let beats = self.0.heartbeat.load(Ordering::Relaxed);
        self.0.heartbeat.store(beats.wrapping_add(1), Ordering::Relaxed);
    }

    /// How often it has beaten.
    pub fn beats(&self) -> u64 {
        self.0.heartbeat.load(Ordering::Relaxed)
    }

    /// Lcore: so much longer it had something to do, in nanoseconds. As with beats, only the lcore itself writes.
    pub fn was_busy(&self, nanos: u64) {
        let busy = self.0.busy_nanos.load(Ordering::Relaxed);
        self.0.busy_nanos.store(busy.wrapping_add(nanos), Ordering::Relaxed);
    }

    /// How long it had something to do since its start, in nanoseconds.
    pub fn busy_nanos(&self) -> u64 {
        self.0.busy_nanos.load(Ordering::Relaxed)
    }
}
