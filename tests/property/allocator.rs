//! An allocator that counts what the thread that asks has allocated.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
pub(crate) struct Counting;

fn count() {
    // A thread that is ending has no counter any more; it is not one that is measured.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it came; counting touches a thread-local cell without a
// destructor, which itself allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to `realloc`'s contract, and `block` came from the system's allocator.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to `dealloc`'s contract, and `block` came from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How often `run` allocates, and what it returns.
pub(crate) fn allocations<T>(run: impl FnOnce() -> T) -> (u64, T) {
    let before = ALLOCATIONS.get();
    let result = run();
    (ALLOCATIONS.get() - before, result)
}

/// How long blocks of these sizes take: asked for in turn, written to, grown by half, and given back.
#[allow(clippy::disallowed_methods, reason = "it is what is measured")]
pub(crate) fn time_of(allocator: &impl GlobalAlloc, sizes: &[usize], rounds: usize) -> Duration {
    let begin = Instant::now();
    for _ in 0..rounds {
        for &size in sizes {
            let (layout, grown) = (layout(size), size + size / 2);
            // SAFETY: no size is 0; the block is checked, written within its size, and given back once, with its layout.
            unsafe {
                let block = allocator.alloc(layout);
                if !block.is_null() {
                    block.write_bytes(1, size);
                    let block = allocator.realloc(block, layout, grown);
                    if !block.is_null() {
                        allocator.dealloc(std::hint::black_box(block), self::layout(grown));
                    }
                }
            }
        }
    }
    begin.elapsed()
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a small size")
}
