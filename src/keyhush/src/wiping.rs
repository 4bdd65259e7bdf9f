//! The allocator of this process wipes every block that is given back to it (DESIGN section 4, invariant 2).
//!
//! What carries digits wipes itself; this is for what cannot be reached: the buffers of hyper and rustls, a vector that grew
//! and left its beginning behind, a datagram put together from fragments. Reallocation is always a new block, a copy, and the
//! old block wiped: the crate leaves out the allocator's own `realloc`, which may move a block and leave its bytes.
//!
//! It reaches what Rust allocates. SQLite and DPDK have allocators of their own: the one is never given card data, the other's
//! packets are wiped where they are dropped (`nic`).

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    /// Bytes that nothing else in the process holds, other tests included.
    type Trace = [u8; 8];

    /// In words of eight bytes: from below the smallest to above the largest that an allocator keeps in lists.
    const SIZES: [usize; 6] = [4, 8, 25, 100, 1_000, 8_000];

    /// Whether a trace is left where a block was, which may be another's meanwhile, or gone. Looks without allocating: else
    /// it may get that very block.
    fn is_left(trace: Trace, address: usize, len: usize) -> bool {
        let mut bytes = [0; 64_000];
        let memory = File::open("/proc/self/mem").expect("Linux");
        let read = memory.read_at(&mut bytes[..len], address as u64).unwrap_or(0);
        bytes[..read].windows(trace.len()).any(|window| window == trace)
    }

    #[test]
    fn what_is_still_held_is_seen() {
        let trace = [0x5a, 0xc3, 0x17, 0x99, 0xe4, 0x2b, 0x81, 0xd6];
        let block = trace.repeat(100);
        assert!(is_left(trace, block.as_ptr() as usize, block.len()));
    }

    #[test]
    fn a_block_that_is_freed_is_wiped() {
        let trace = [0x21, 0xf8, 0x6d, 0xb3, 0x0c, 0x95, 0xea, 0x47];
        for words in SIZES {
            let block = trace.repeat(words);
            let (address, len) = (block.as_ptr() as usize, block.len());
            drop(block);
            assert!(!is_left(trace, address, len), "{len} bytes");
        }
    }

    #[test]
    fn a_block_that_grew_or_shrank_leaves_nothing_behind() {
        let trace = [0x9e, 0x36, 0xd1, 0x4f, 0x73, 0xbc, 0x08, 0xa5];
        for words in SIZES {
            let mut block = trace.repeat(words);
            let (address, len) = (block.as_ptr() as usize, block.len());
            // What is beside it is taken, so that it must move.
            let beside: Vec<Vec<u8>> = (0..8).map(|_| vec![0; len]).collect();
            block.reserve_exact(len * 4);
            assert!(block.as_ptr() as usize == address || !is_left(trace, address, len), "{len} bytes grew");
            let address = block.as_ptr() as usize + trace.len();
            block.truncate(trace.len());
            block.shrink_to_fit();
            assert!(!is_left(trace, address, len - trace.len()), "{len} bytes shrank");
            drop(beside);
        }
    }
}
