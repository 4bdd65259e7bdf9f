//! Pools of packets.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

use dpdk_sys as dpdk;

use crate::eal::{Eal, Shared};
use crate::error::NicError;
use crate::mbuf::Mbuf;

/// A pool of packets of fixed size. It lives until the end of [`Eal`], whether or not this handle does.
pub struct Pool {
    raw: NonNull<dpdk::rte_mempool>,
    size: u32,
    data_room: u16,
    shared: Arc<Shared>,
}

// SAFETY: the pool's ring may be used by any number of threads, and a cache only by its lcore's (see the head of lib.rs).
unsafe impl Send for Pool {}
// SAFETY: as above; nothing here changes but inside DPDK.
unsafe impl Sync for Pool {}

impl Pool {
    /// A pool of `count` packets (the best are 2ⁿ − 1), each with room for `data_room` bytes of a frame; longer frames are
    /// chained. Each lcore keeps up to `cache` of them to itself (at most 512, and `count` / 1.5). `socket` is the NUMA
    /// node, `None` any.
    ///
    /// # Errors
    /// When the name is taken or longer than 25 bytes, the memory does not suffice, or a number is out of range.
    pub fn new(
        eal: &Eal,
        name: &str,
        count: u32,
        cache: u32,
        data_room: u16,
        socket: impl Into<Option<u32>>,
    ) -> Result<Pool, NicError> {
        let failed = |errno| NicError::Pool { name: name.to_owned(), errno };
        let c_name = CString::new(name).map_err(|_| NicError::Argument(name.to_owned()))?;
        let room =
            u16::try_from(dpdk::KEYHUSH_HEADROOM).ok().and_then(|headroom| data_room.checked_add(headroom));
        let room = room.ok_or_else(|| failed(libc::EINVAL))?;
        let socket = socket.into().map_or(Ok(-1), i32::try_from).map_err(|_| failed(libc::EINVAL))?;
        // SAFETY: EAL is up and the strings end in NUL. The ring for any number of threads on both ends is named, whatever
        // EAL was told to prefer, since packets are dropped by any thread.
        let raw = unsafe {
            dpdk::rte_pktmbuf_pool_create_by_ops(
                c_name.as_ptr(),
                count,
                cache,
                0,
                room,
                socket,
                c"ring_mp_mc".as_ptr(),
            )
        };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: a thread-local number, which may be read at any time.
            return Err(failed(unsafe { dpdk::keyhush_errno() }));
        };
        let shared = Arc::clone(eal.shared());
        shared.made_pool(raw, count);
        Ok(Pool { raw, size: count, data_room, shared })
    }

    /// The packets of the pool, whoever holds them.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The packets that no one holds, those in lcores' caches included; not exact while lcores work.
    pub fn available(&self) -> u32 {
        // SAFETY: the pool lives as long as EAL, which `shared` keeps up.
        unsafe { dpdk::rte_mempool_avail_count(self.raw.as_ptr()) }
    }

    /// The bytes of a frame that fit one packet without a chain.
    pub fn data_room(&self) -> u16 {
        self.data_room
    }

    /// A packet with these bytes, chained where they exceed the data room.
    ///
    /// # Errors
    /// When the pool is empty, or the frame longer than a chain can be.
    pub fn alloc(&self, frame: &[u8]) -> Result<Mbuf, NicError> {
        let mut pieces = frame.chunks(usize::from(self.data_room).max(1));
        let packet = self.segment(pieces.next().unwrap_or_default())?;
        for piece in pieces {
            let segment = self.segment(piece)?;
            // SAFETY: both are whole packets of our own, and become one.
            if !unsafe { dpdk::keyhush_mbuf_chain(packet.as_ptr(), segment.as_ptr()) } {
                return Err(NicError::FrameTooLong { length: frame.len() });
            }
            core::mem::forget(segment);
        }
        Ok(packet)
    }

    fn segment(&self, piece: &[u8]) -> Result<Mbuf, NicError> {
        // SAFETY: the pool lives as long as EAL, which `shared` keeps up.
        let raw = NonNull::new(unsafe { dpdk::keyhush_mbuf_alloc(self.raw.as_ptr()) })
            .ok_or(NicError::PoolEmpty)?;
        // SAFETY: the packet was just allocated, and is no one else's.
        let mut packet = unsafe { Mbuf::from_raw(raw) };
        let too_long = NicError::FrameTooLong { length: piece.len() };
        let Ok(length) = u16::try_from(piece.len()) else { return Err(too_long) };
        // SAFETY: the packet is ours; the function checks the room.
        if unsafe { dpdk::keyhush_mbuf_append(raw.as_ptr(), length) }.is_null() {
            return Err(too_long);
        }
        wire::buffer::Buffer::bytes_mut(&mut packet).copy_from_slice(piece);
        Ok(packet)
    }

    pub(crate) fn raw(&self) -> *mut dpdk::rte_mempool {
        self.raw.as_ptr()
    }

    /// Whether both come from the same start of EAL.
    pub(crate) fn belongs_to(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }
}
