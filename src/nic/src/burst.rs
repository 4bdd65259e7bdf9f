//! The packets that go through each stage together.

use core::slice;

use arrayvec::ArrayVec;
use dpdk_sys as dpdk;

use crate::mbuf::Mbuf;

/// Up to [`Burst::CAPACITY`] packets, owned, in order. Dropping it gives them back to their pools.
#[derive(Default, Debug)]
pub struct Burst {
    packets: ArrayVec<Mbuf, { Burst::CAPACITY }>,
}

impl Burst {
    /// The most packets that a burst holds.
    pub const CAPACITY: usize = 64;

    /// A burst of none.
    pub const fn new() -> Burst {
        Burst { packets: ArrayVec::new_const() }
    }

    /// The packets in it.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether none is in it.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Whether no other fits.
    pub fn is_full(&self) -> bool {
        self.packets.is_full()
    }

    /// Adds a packet at the end.
    ///
    /// # Errors
    /// Gives it back where the burst is full.
    pub fn push(&mut self, packet: Mbuf) -> Result<(), Mbuf> {
        self.packets.try_push(packet).map_err(arrayvec::CapacityError::element)
    }

    /// The packets, in order.
    pub fn as_slice(&self) -> &[Mbuf] {
        &self.packets
    }

    /// The packets, in order, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [Mbuf] {
        &mut self.packets
    }

    /// The packets, in order.
    pub fn iter(&self) -> slice::Iter<'_, Mbuf> {
        self.packets.iter()
    }

    /// The packets, in order, to be changed in place.
    pub fn iter_mut(&mut self) -> slice::IterMut<'_, Mbuf> {
        self.packets.iter_mut()
    }

    /// Takes all packets out, in order. Those that are not fetched from the iterator are dropped with it.
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = Mbuf> + '_ {
        self.packets.drain(..)
    }

    /// Drops all packets, at once; wiped, as [`Mbuf`]s are.
    pub fn clear(&mut self) {
        let count = self.packets.len();
        if count == 0 {
            return;
        }
        self.packets.iter_mut().for_each(Mbuf::wipe);
        // SAFETY: no packet is in use; the length is set first, so that each is given back once.
        unsafe {
            self.packets.set_len(0);
            dpdk::keyhush_mbuf_free_bulk(self.as_raw(), count as u32);
        }
    }

    /// Room at the end, and how many packets fit it.
    pub(crate) fn vacancy(&mut self) -> (*mut *mut dpdk::rte_mbuf, u16) {
        let len = self.packets.len();
        // SAFETY: `len` is at most the capacity, so this points into the array or to its end.
        (unsafe { self.as_raw().add(len) }, (Burst::CAPACITY - len) as u16)
    }

    /// # Safety
    /// `count` packets that no one else owns were written where [`Burst::vacancy`] pointed.
    pub(crate) unsafe fn filled(&mut self, count: u16) {
        let len = self.packets.len() + usize::from(count);
        debug_assert!(len <= Burst::CAPACITY, "the driver gave more than was asked for");
        // SAFETY: as said above.
        unsafe { self.packets.set_len(len) };
    }

    /// The packets as DPDK takes them: [`Mbuf`] is a transparent pointer.
    pub(crate) fn as_raw(&mut self) -> *mut *mut dpdk::rte_mbuf {
        const { assert!(size_of::<Mbuf>() == size_of::<*mut dpdk::rte_mbuf>()) }
        self.packets.as_mut_ptr().cast()
    }

    /// Forgets the first `count` packets, which are another's now; the rest moves up.
    ///
    /// # Safety
    /// Someone else owns the first `count` packets.
    pub(crate) unsafe fn given_away(&mut self, count: u16) {
        let gone = usize::from(count).min(self.packets.len());
        let rest = self.packets.len() - gone;
        // SAFETY: the rest lies within the array; of the moved packets one copy is left, and the given ones are not dropped.
        unsafe {
            let start = self.packets.as_mut_ptr();
            self.packets.set_len(0);
            core::ptr::copy(start.add(gone), start, rest);
            self.packets.set_len(rest);
        }
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<'a> IntoIterator for &'a Burst {
    type Item = &'a Mbuf;
    type IntoIter = slice::Iter<'a, Mbuf>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Burst {
    type Item = &'a mut Mbuf;
    type IntoIter = slice::IterMut<'a, Mbuf>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
