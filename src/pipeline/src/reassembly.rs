//! SIP in IP fragments (RFC 791, RFC 8200 section 4.5): put together to be read, released as the fragments they were.

use core::time::Duration;
use std::collections::VecDeque;

use handover::{Instant, Side, VlanStack, WireId};
use wire::buffer::Buffer;
use wire::frame::Fragment;

/// How large the reassembly may grow. A pool must have room for `fragments` buffers.
#[derive(Clone, Copy, Debug)]
pub struct ReassemblyLimits {
    /// Datagrams in progress.
    pub datagrams: usize,
    /// Fragments held in all.
    pub fragments: usize,
    /// Fragments of one datagram: 64 KiB in Ethernet frames.
    pub fragments_each: usize,
    /// How long after its first fragment a datagram may be complete.
    pub patience: Duration,
}

impl Default for ReassemblyLimits {
    fn default() -> Self {
        ReassemblyLimits {
            datagrams: 64,
            fragments: 512,
            fragments_each: 48,
            patience: Duration::from_millis(30),
        }
    }
}

/// Whose fragments belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DatagramKey {
    /// The wire.
    pub wire: WireId,
    /// The side of arrival.
    pub from: Side,
    /// The VLAN tags.
    pub vlan: VlanStack,
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
    /// The identification field.
    pub identification: u32,
}

/// Held fragments of one datagram, in the order of their arrival.
#[derive(Debug)]
pub struct Fragments<B>(Vec<(Fragment, B)>);

impl<B: Buffer> Fragments<B> {
    /// The datagram's IP payload (UDP header first), or `None` where fragments contradict each other or are missing.
    /// A fragment that the network doubled contradicts nothing.
    pub fn assemble(&self) -> Option<Vec<u8>> {
        let mut datagram = Vec::with_capacity(self.end()?);
        for (fragment, frame) in self.by_offset() {
            let (at, payload) = (usize::from(fragment.offset), fragment.payload(frame.bytes()));
            let known = datagram.get(at..)?;
            let (again, new) = payload.split_at(known.len().min(payload.len()));
            if !known.starts_with(again) {
                return None;
            }
            datagram.extend_from_slice(new);
        }
        (Some(datagram.len()) == self.end()).then_some(datagram)
    }

    /// Writes a changed datagram of the same length back into the fragments.
    pub fn write_back(&mut self, datagram: &[u8]) {
        for (fragment, frame) in &mut self.0 {
            let at = usize::from(fragment.offset);
            let payload = fragment.payload_mut(frame.bytes_mut());
            if let Some(changed) = datagram.get(at..at + payload.len()) {
                payload.copy_from_slice(changed);
            }
        }
    }

    /// The frames in the order of their arrival.
    pub fn into_frames(self) -> impl Iterator<Item = B> {
        self.0.into_iter().map(|(_, frame)| frame)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// Where the datagram ends, once its last fragment has come.
    fn end(&self) -> Option<usize> {
        let last = self.0.iter().find(|(fragment, _)| !fragment.more);
        last.map(|(fragment, _)| usize::from(fragment.offset) + usize::from(fragment.payload_len))
    }

    fn by_offset(&self) -> Vec<&(Fragment, B)> {
        let mut parts: Vec<_> = self.0.iter().collect();
        parts.sort_by_key(|(fragment, _)| fragment.offset);
        parts
    }

    /// Whether every byte from the first to the last has come.
    fn is_complete(&self) -> bool {
        let mut reached = 0;
        for (fragment, _) in self.by_offset() {
            let at = usize::from(fragment.offset);
            if at > reached {
                return false;
            }
            reached = reached.max(at + usize::from(fragment.payload_len));
        }
        self.end().is_some_and(|end| end <= reached)
    }

    /// Whether any of them satisfies a condition.
    pub fn any(&self, condition: impl Fn(&Fragment, &B) -> bool) -> bool {
        self.0.iter().any(|(fragment, frame)| condition(fragment, frame))
    }
}

struct Pending<B> {
    key: DatagramKey,
    since: Instant,
    fragments: Fragments<B>,
}

/// What a fragment led to.
#[derive(Debug)]
pub enum Taken<B> {
    /// It waits for the others.
    Held,
    /// All fragments of its datagram are here; they may yet contradict each other.
    Complete(DatagramKey, Fragments<B>),
    /// There is no room: these fragments of one datagram must go as they are.
    NoRoom(DatagramKey, Fragments<B>),
}

/// Datagrams in progress, oldest first.
pub struct Reassembly<B> {
    limits: ReassemblyLimits,
    pending: VecDeque<Pending<B>>,
    held: usize,
}

impl<B: Buffer> Reassembly<B> {
    /// An empty one.
    pub fn new(limits: ReassemblyLimits) -> Self {
        Reassembly { limits, pending: VecDeque::new(), held: 0 }
    }

    /// Whether a datagram is in progress.
    pub fn knows(&self, key: &DatagramKey) -> bool {
        self.pending.iter().any(|pending| pending.key == *key)
    }

    /// Takes a fragment.
    pub fn take(&mut self, now: Instant, key: DatagramKey, fragment: Fragment, frame: B) -> Taken<B> {
        let at = match self.pending.iter().position(|pending| pending.key == key) {
            Some(at) => at,
            None if self.pending.len() < self.limits.datagrams => {
                let fragments = Fragments(Vec::new());
                self.pending.push_back(Pending { key, since: now, fragments });
                self.pending.len() - 1
            }
            None => return Taken::NoRoom(key, Fragments(vec![(fragment, frame)])),
        };
        let Some(pending) = self.pending.get_mut(at) else {
            return Taken::NoRoom(key, Fragments(vec![(fragment, frame)]));
        };
        pending.fragments.0.push((fragment, frame));
        self.held += 1;
        if pending.fragments.is_complete() {
            return self.remove(at).map_or(Taken::Held, |(key, fragments)| Taken::Complete(key, fragments));
        }
        if self.held >= self.limits.fragments || pending.fragments.len() >= self.limits.fragments_each {
            return self.remove(at).map_or(Taken::Held, |(key, fragments)| Taken::NoRoom(key, fragments));
        }
        Taken::Held
    }

    fn remove(&mut self, at: usize) -> Option<(DatagramKey, Fragments<B>)> {
        let pending = self.pending.remove(at)?;
        self.held -= pending.fragments.len();
        Some((pending.key, pending.fragments))
    }

    /// A datagram whose time is up, if there is one.
    pub fn expired(&mut self, now: Instant) -> Option<(DatagramKey, Fragments<B>)> {
        if self.deadline()? > now {
            return None;
        }
        self.remove(0)
    }

    /// When the oldest datagram's time is up.
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.front().map(|pending| pending.since + self.limits.patience)
    }
}
