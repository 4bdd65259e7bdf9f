//! One packet.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::slice;

use dpdk_sys as dpdk;
use wire::buffer::Buffer;

/// A packet in a buffer of DPDK's: this is its only owner, and dropping it gives it back to its pool, from any thread.
///
/// What is dropped did not leave, so it may hold keys that nobody masked: it is wiped first. What is sent was masked, and is
/// given back by its driver as it left.
#[repr(transparent)]
pub struct Mbuf {
    raw: NonNull<dpdk::rte_mbuf>,
}

// SAFETY: the buffer has one owner, and may go back to its pool from any thread (see the head of lib.rs).
unsafe impl Send for Mbuf {}
// SAFETY: through a shared reference it is only read.
unsafe impl Sync for Mbuf {}

impl Mbuf {
    /// # Safety
    /// `raw` is the first segment of a whole packet that no one else owns, and stays valid (EAL sees to that).
    pub(crate) unsafe fn from_raw(raw: NonNull<dpdk::rte_mbuf>) -> Mbuf {
        Mbuf { raw }
    }

    pub(crate) fn as_ptr(&self) -> *mut dpdk::rte_mbuf {
        self.raw.as_ptr()
    }

    /// The bytes of the whole frame, over all its segments.
    pub fn frame_len(&self) -> u32 {
        // SAFETY: the packet is whole, and the offset is that of its length (asserted by the shim).
        unsafe { field(self.raw, dpdk::KEYHUSH_MBUF_PKT_LEN) }
    }

    /// The segments of the frame, in order; one for most.
    pub fn segments(&self) -> Segments<'_> {
        Segments { next: Some(self.raw), packet: PhantomData }
    }

    /// Wipes the bytes of all segments.
    pub(crate) fn wipe(&mut self) {
        if !self.is_sole_owner() {
            return;
        }
        let mut next = Some(self.raw);
        while let Some(segment) = next {
            // SAFETY: the segments are valid while the packet is (see `Segments`), `self` is borrowed alone and is their one
            // owner. The compiler does not know that nobody reads the bytes again: DPDK has pointers to them.
            unsafe {
                let (start, length) = span(segment);
                start.write_bytes(0, length);
                next = NonNull::new(field(segment, dpdk::KEYHUSH_MBUF_NEXT));
            }
        }
    }

    fn segment_count(&self) -> u16 {
        // SAFETY: as in `frame_len`.
        unsafe { field(self.raw, dpdk::KEYHUSH_MBUF_NB_SEGS) }
    }

    /// Those who hold the buffer. Nothing here makes a second; a driver that did would break the ownership.
    fn is_sole_owner(&self) -> bool {
        // SAFETY: as in `frame_len`.
        unsafe { field::<u16>(self.raw, dpdk::KEYHUSH_MBUF_REFCNT) == 1 }
    }
}

/// Reads a field of an mbuf.
///
/// # Safety
/// `raw` is valid, and a `T` lies at that offset (the `KEYHUSH_MBUF_*` constants, asserted by the shim).
unsafe fn field<T: Copy>(raw: NonNull<dpdk::rte_mbuf>, offset: u32) -> T {
    // SAFETY: as said above; the fields are aligned as C aligns them.
    unsafe { raw.as_ptr().cast::<u8>().add(offset as usize).cast::<T>().read() }
}

/// Where a segment's bytes lie.
///
/// # Safety
/// `raw` is a valid segment.
unsafe fn span(raw: NonNull<dpdk::rte_mbuf>) -> (*mut u8, usize) {
    // SAFETY: the offsets are those of these fields; data_off and data_len lie within the buffer, as DPDK keeps them.
    unsafe {
        let buffer: *mut u8 = field(raw, dpdk::KEYHUSH_MBUF_BUF_ADDR);
        let offset: u16 = field(raw, dpdk::KEYHUSH_MBUF_DATA_OFF);
        let length: u16 = field(raw, dpdk::KEYHUSH_MBUF_DATA_LEN);
        (buffer.add(usize::from(offset)), usize::from(length))
    }
}

impl Buffer for Mbuf {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the span lies in the buffer, whose memory DPDK has initialised (mapped, so zero at least), and which no
        // one changes while `self` is borrowed.
        unsafe {
            let (start, length) = span(self.raw);
            slice::from_raw_parts(start, length)
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        debug_assert!(self.is_sole_owner(), "a packet to be changed has one owner");
        // SAFETY: as in `bytes`; `self` is borrowed alone and is the buffer's one owner.
        unsafe {
            let (start, length) = span(self.raw);
            slice::from_raw_parts_mut(start, length)
        }
    }

    fn is_chained(&self) -> bool {
        self.segment_count() > 1
    }
}

impl Drop for Mbuf {
    fn drop(&mut self) {
        self.wipe();
        // SAFETY: this is the packet's owner, and it is not used after.
        unsafe { dpdk::keyhush_mbuf_free(self.raw.as_ptr()) }
    }
}

impl core::fmt::Debug for Mbuf {
    /// Without the bytes, which may hold keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mbuf").field("frame_len", &self.frame_len()).finish_non_exhaustive()
    }
}

/// The segments of a frame, by [`Mbuf::segments`].
pub struct Segments<'a> {
    next: Option<NonNull<dpdk::rte_mbuf>>,
    packet: PhantomData<&'a Mbuf>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let segment = self.next?;
        // SAFETY: the segments of a packet are valid while it is, and the packet is borrowed for 'a; each lies in a buffer
        // of its own (see `bytes`), and `next` is null in the last.
        unsafe {
            self.next = NonNull::new(field(segment, dpdk::KEYHUSH_MBUF_NEXT));
            let (start, length) = span(segment);
            Some(slice::from_raw_parts(start, length))
        }
    }
}
