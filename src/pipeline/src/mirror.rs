//! What a process leaves behind of its flows in SecureMode, for one that comes back after a kill: the bytes of a small file.
//!
//! Slots of 64 bytes, the first a header: `keyhush mirror\n`, version, number of slots, seed. Each other slot holds a flow's
//! address and a keyed fingerprint of its Call-ID, or zeros; never a digit. Every slot ends with its own checksum, so that a
//! change is one write of one slot, and whatever is damaged is told without the others.

use std::collections::BTreeMap;

use handover::{Endpoint, Flow, FlowKey, FlowUpdate, Side, VlanStack, WireId};

/// Bytes of a slot.
const SLOT: usize = 64;
/// Of these, before the checksum.
const CHECKED: usize = SLOT - 8;
/// How many flows are mirrored at most: as many updates as an lcore's ring takes, so that all are in force before its first
/// packet. A call has two or more of them.
const FLOWS: usize = 8_191;
/// Bytes of the file.
const LENGTH: usize = (FLOWS + 1) * SLOT;
const MAGIC: &[u8; 16] = b"keyhush mirror\n\0";
const VERSION: u32 = 1;
/// What the first byte of a slot in use is.
const USED: u8 = 1;
/// How much of a Call-ID counts, as much as the call table keeps.
const NAMED: usize = 256;

/// Why a file is no mirror that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MirrorError {
    /// Something else has its place.
    Foreign,
    /// It was written by another version.
    Version(u32),
    /// Its header is damaged, or it ends early.
    Torn,
}

impl core::fmt::Display for MirrorError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            MirrorError::Foreign => f.write_str("it is none of Keyhush's files"),
            MirrorError::Version(version) => {
                write!(f, "it is of version {version}, and this Keyhush reads version {VERSION}")
            }
            MirrorError::Torn => f.write_str("it is damaged"),
        }
    }
}

impl core::error::Error for MirrorError {}

/// A flow that was in SecureMode when the process was killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mirrored {
    /// The flow.
    pub key: FlowKey,
    /// Its call, by [`Mirror::fingerprint`].
    pub call: u64,
}

/// The flows in SecureMode as the file is to hold them.
#[derive(Debug)]
pub struct Mirror {
    seed: u64,
    image: Box<[u8]>,
    slots: BTreeMap<FlowKey, usize>,
    free: Vec<usize>,
    /// Slots that are to be written.
    changed: Vec<usize>,
}

impl Mirror {
    /// One of no flow. The seed keys its fingerprints and should be random.
    pub fn new(seed: u64) -> Self {
        let mut mirror = Mirror {
            seed,
            image: vec![0; LENGTH].into_boxed_slice(),
            slots: BTreeMap::new(),
            free: (1..=FLOWS).rev().collect(),
            changed: Vec::new(),
        };
        let mut header = [0; SLOT];
        header[..16].copy_from_slice(MAGIC);
        header[16..20].copy_from_slice(&VERSION.to_le_bytes());
        header[20..24].copy_from_slice(&(FLOWS as u32).to_le_bytes());
        header[24..32].copy_from_slice(&seed.to_le_bytes());
        mirror.set(0, sealed(0, header));
        mirror
    }

    /// What a file holds: the mirror, the flows in it, and how many slots were damaged.
    ///
    /// # Errors
    /// Where it is none that can be read.
    pub fn read(file: &[u8]) -> Result<(Mirror, Vec<Mirrored>, usize), MirrorError> {
        let header = file.first_chunk::<SLOT>().filter(|header| header.starts_with(MAGIC));
        let header = header.ok_or(MirrorError::Foreign)?;
        if !is_whole(0, header) {
            return Err(MirrorError::Torn);
        }
        let number = |at: usize| {
            header.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
        };
        if number(16) != VERSION {
            return Err(MirrorError::Version(number(16)));
        }
        if number(20) as usize != FLOWS || file.len() != LENGTH {
            return Err(MirrorError::Torn);
        }
        let seed = u64::from(number(24)) | u64::from(number(28)) << 32;
        let (mut mirror, mut flows, mut damaged) = (Mirror::new(seed), Vec::new(), 0);
        for (at, slot) in file.as_chunks::<SLOT>().0.iter().enumerate().skip(1) {
            if slot.iter().all(|byte| *byte == 0) {
                continue;
            }
            let Some(mirrored) = flow_of(at, slot) else {
                damaged += 1;
                continue;
            };
            // A flow twice is one that was moved when the end came.
            if mirror.keep(mirrored) {
                flows.push(mirrored);
            }
        }
        mirror.changed.clear();
        Ok((mirror, flows, damaged))
    }

    /// The whole file.
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// Follows a change of the flow tables; `call_id` is the Call-ID that announced the flow, where it is known. False where
    /// there is no room for another flow.
    #[must_use]
    pub fn follow<'a>(
        &mut self,
        update: &FlowUpdate,
        call_id: impl FnOnce(&FlowKey) -> Option<&'a [u8]>,
    ) -> bool {
        match update {
            FlowUpdate::Install(flow) if is_secured(flow) => {
                let known = self.slots.contains_key(&flow.key);
                let call = call_id(&flow.key).map(|call_id| self.fingerprint(call_id));
                // Of what an earlier process left, its fingerprint is what is known.
                known && call.is_none()
                    || self.keep(Mirrored { key: flow.key, call: call.unwrap_or_default() })
            }
            FlowUpdate::Install(Flow { key, .. }) | FlowUpdate::Remove(key) => {
                if let Some(at) = self.slots.remove(key) {
                    self.free.push(at);
                    self.set(at, [0; SLOT]);
                }
                true
            }
        }
    }

    /// Whether there is room for all of these flows.
    pub fn has_room<'a>(&self, flows: impl Iterator<Item = &'a FlowKey>) -> bool {
        flows.filter(|flow| !self.slots.contains_key(flow)).count() <= self.free.len()
    }

    /// The next slot that is to be written: its place in the file in bytes, and what it holds now.
    pub fn next_change(&mut self) -> Option<(u64, &[u8])> {
        let at = self.changed.pop()? * SLOT;
        Some((at as u64, self.image.get(at..at + SLOT)?))
    }

    /// What stands for a Call-ID in the file.
    pub fn fingerprint(&self, call_id: &[u8]) -> u64 {
        let named = call_id.get(..NAMED).unwrap_or(call_id);
        hash(self.seed, named)
    }

    fn keep(&mut self, mirrored: Mirrored) -> bool {
        let at = match self.slots.get(&mirrored.key) {
            Some(&at) => at,
            None => {
                let Some(at) = self.free.pop() else { return false };
                self.slots.insert(mirrored.key, at);
                at
            }
        };
        self.set(at, slot_of(at, &mirrored));
        true
    }

    fn set(&mut self, at: usize, slot: [u8; SLOT]) {
        if let Some(place) = self.image.as_chunks_mut::<SLOT>().0.get_mut(at)
            && *place != slot
        {
            *place = slot;
            self.changed.push(at);
        }
    }
}

fn is_secured(flow: &Flow) -> bool {
    flow.mode.is_secured() || flow.reverse.is_secured()
}

fn slot_of(at: usize, mirrored: &Mirrored) -> [u8; SLOT] {
    let Mirrored { key, call } = mirrored;
    let mut slot = [0; SLOT];
    slot[..3].copy_from_slice(&[USED, key.from as u8, key.wire.0]);
    slot[4..6].copy_from_slice(&key.vlan.0[0].to_le_bytes());
    slot[6..8].copy_from_slice(&key.vlan.0[1].to_le_bytes());
    slot[8..10].copy_from_slice(&key.destination.port.to_le_bytes());
    slot[16..32].copy_from_slice(&key.destination.address);
    slot[32..40].copy_from_slice(&call.to_le_bytes());
    sealed(at, slot)
}

fn flow_of(at: usize, slot: &[u8; SLOT]) -> Option<Mirrored> {
    let [USED, from @ (0 | 1), wire, _, a, b, c, d, e, f, ..] = *slot else { return None };
    let key = FlowKey {
        destination: Endpoint { address: *slot.get(16..)?.first_chunk()?, port: u16::from_le_bytes([e, f]) },
        vlan: VlanStack([u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])]),
        wire: WireId(wire),
        from: if from == 0 { Side::Carrier } else { Side::Customer },
    };
    let call = u64::from_le_bytes(*slot.get(32..)?.first_chunk()?);
    is_whole(at, slot).then_some(Mirrored { key, call })
}

/// A slot with its checksum, which is of its place as well.
fn sealed(at: usize, mut slot: [u8; SLOT]) -> [u8; SLOT] {
    let checksum = hash(at as u64, &slot[..CHECKED]);
    slot[CHECKED..].copy_from_slice(&checksum.to_le_bytes());
    slot
}

fn is_whole(at: usize, slot: &[u8; SLOT]) -> bool {
    sealed(at, *slot) == *slot
}

/// A keyed hash that stays the same from one build of Keyhush to the next.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let fold = |left: u64, right: u64| {
        let product = u128::from(left) * u128::from(right);
        (product as u64) ^ (product >> 64) as u64
    };
    let begin = fold(seed ^ 0x9e37_79b9_7f4a_7c15, seed.rotate_left(32) ^ 0xd6e8_feb8_6659_fd93 | 1);
    let hash = bytes.chunks(8).fold(begin, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        fold(hash ^ u64::from_le_bytes(word), 0xa076_1d64_78bd_642f ^ seed)
    });
    fold(hash ^ bytes.len() as u64, 0xe703_7ed1_a0b4_28db)
}

#[cfg(test)]
mod tests;
