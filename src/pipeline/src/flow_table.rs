//! The media flows of one lcore: open addressing with linear probing, no allocation after the start.

use handover::{Endpoint, Flow, FlowKey, Instant, MaskKey};

/// What an lcore alone knows of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local {
    /// The flow's stream state, plus one; zero where it has none.
    pub stream: u32,
    /// The state of whoever listens to it, plus one; zero where nobody does.
    pub listener: u32,
    /// SecureMode has ended; a key that was down then is masked with this to its end.
    pub finishing: Option<MaskKey>,
    /// When the call is next to be reported to have media.
    pub report_due: Instant,
    /// The payload type last reported.
    pub payload_type: u8,
    /// The source last reported.
    pub source: Endpoint,
    /// When it was reported.
    pub source_at: Instant,
}

/// Where a flow stands in the table, good until the table next changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(usize);

/// The table is full: the flow is not followed here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Flows by key. At most `capacity` of them in at least twice as many slots, so that probes stay short.
#[derive(Debug)]
pub struct FlowTable {
    /// The upper half of the hash with its lowest bit set; zero where the slot is free.
    tags: Box<[u32]>,
    flows: Box<[Flow]>,
    locals: Box<[Local]>,
    mask: usize,
    len: usize,
    capacity: usize,
    seed: u64,
}

impl FlowTable {
    /// A table of at most `capacity` flows; `seed` keeps a stranger from choosing colliding ports.
    pub fn new(capacity: usize, seed: u64) -> Self {
        let slots = capacity.max(8).saturating_mul(2).next_power_of_two();
        FlowTable {
            tags: vec![0; slots].into_boxed_slice(),
            flows: vec![Flow::default(); slots].into_boxed_slice(),
            locals: vec![Local::default(); slots].into_boxed_slice(),
            mask: slots - 1,
            len: 0,
            capacity,
            seed,
        }
    }

    /// How many flows it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn hash(&self, key: &FlowKey) -> u64 {
        let address = u128::from_be_bytes(key.destination.address);
        let rest = u64::from(key.destination.port)
            | u64::from(key.vlan.0[0]) << 16
            | u64::from(key.vlan.0[1]) << 32
            | u64::from(key.wire.0) << 48
            | (key.from as u64) << 56;
        let mut hash = fold(self.seed ^ (address as u64), 0x9e37_79b9_7f4a_7c15 ^ self.seed.rotate_left(32));
        hash = fold(hash ^ (address >> 64) as u64, 0xd6e8_feb8_6659_fd93);
        fold(hash ^ rest, 0xa076_1d64_78bd_642f ^ self.seed)
    }

    fn tag(hash: u64) -> u32 {
        (hash >> 32) as u32 | 1
    }

    /// The flow's place, if it is known.
    #[inline]
    pub fn find(&self, key: &FlowKey) -> Option<Slot> {
        let hash = self.hash(key);
        let tag = Self::tag(hash);
        let mut at = hash as usize & self.mask;
        // Ends: at most half of the slots are taken.
        loop {
            match self.tags[at] {
                0 => return None,
                found if found == tag && self.flows[at].key == *key => return Some(Slot(at)),
                _ => at = (at + 1) & self.mask,
            }
        }
    }

    /// The flow in a slot that [`FlowTable::find`] gave, and what this lcore knows of it.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> (&Flow, &mut Local) {
        (&self.flows[slot.0], &mut self.locals[slot.0])
    }

    /// Installs a flow or describes it anew. Its local state stays. Returns the former description.
    ///
    /// # Errors
    /// [`Full`] where the flow is new and the table holds its capacity.
    pub fn install(&mut self, flow: Flow) -> Result<Option<Flow>, Full> {
        if let Some(Slot(at)) = self.find(&flow.key) {
            return Ok(Some(core::mem::replace(&mut self.flows[at], flow)));
        }
        if self.len >= self.capacity {
            return Err(Full);
        }
        let hash = self.hash(&flow.key);
        let mut at = hash as usize & self.mask;
        while self.tags[at] != 0 {
            at = (at + 1) & self.mask;
        }
        self.tags[at] = Self::tag(hash);
        self.flows[at] = flow;
        self.locals[at] = Local::default();
        self.len += 1;
        Ok(None)
    }

    /// Removes a flow; returns it with its local state.
    pub fn remove(&mut self, key: &FlowKey) -> Option<(Flow, Local)> {
        let Slot(mut hole) = self.find(key)?;
        let removed = (self.flows[hole], self.locals[hole]);
        self.len -= 1;
        let mut at = hole;
        // Backward shift: whoever probed past the hole moves into it, so that no tombstones pile up.
        loop {
            at = (at + 1) & self.mask;
            if self.tags[at] == 0 {
                break;
            }
            let home = self.hash(&self.flows[at].key) as usize & self.mask;
            let from_home = at.wrapping_sub(home) & self.mask;
            let from_hole = at.wrapping_sub(hole) & self.mask;
            if from_home >= from_hole {
                self.tags[hole] = self.tags[at];
                self.flows[hole] = self.flows[at];
                self.locals[hole] = self.locals[at];
                hole = at;
            }
        }
        self.tags[hole] = 0;
        Some(removed)
    }
}

/// A multiplication whose halves are folded together: every bit of the input reaches every bit of the output.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests;
