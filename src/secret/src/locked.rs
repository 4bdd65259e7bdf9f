//! Memory that is not swapped, not dumped and not inherited.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::slice;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroize;

/// Whole pages of zeroes, locked into memory, left out of core images and of forks, wiped before they are given back.
pub(crate) struct LockedPages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the pages belong to this value alone, as a `Box<[u8]>`'s would; access follows `&self` and `&mut self`.
unsafe impl Send for LockedPages {}
// SAFETY: as above; `&self` only reads.
unsafe impl Sync for LockedPages {}

impl LockedPages {
    /// Maps at least `len` bytes.
    ///
    /// # Errors
    /// The system's own, mostly `ENOMEM` where the memlock limit is too small.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        Self::in_secret_memory(len).map_or_else(|| Self::in_ordinary_memory(len), Ok)
    }

    fn in_ordinary_memory(len: usize) -> io::Result<Self> {
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        let pages = Self::mapped(start, len)?;
        // SAFETY: the range was mapped above and lives as long as `pages`; none of the calls changes its content.
        let failed = unsafe {
            let at = pages.start.as_ptr().cast();
            libc::mlock(at, len) != 0
                || libc::madvise(at, len, libc::MADV_DONTDUMP) != 0
                || libc::madvise(at, len, libc::MADV_WIPEONFORK) != 0
        };
        if failed {
            return Err(io::Error::last_os_error());
        }
        Ok(pages)
    }

    /// Memory that the kernel itself cannot read (memfd_secret(2)), where there is such: locked and left out of dumps by
    /// its nature. It is shared, so that it cannot be wiped in a fork: a fork does not get it at all.
    fn in_secret_memory(len: usize) -> Option<Self> {
        let size = libc::off_t::try_from(len).ok()?;
        // SAFETY: the call takes flags alone, and makes a descriptor or none.
        let descriptor = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
        let descriptor = libc::c_int::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0)?;
        // SAFETY: the descriptor is ours alone; the mapping, at an address of the kernel's choice, outlives it.
        let start = unsafe {
            let start = if libc::ftruncate(descriptor, size) == 0 {
                let access = libc::PROT_READ | libc::PROT_WRITE;
                libc::mmap(core::ptr::null_mut(), len, access, libc::MAP_SHARED, descriptor, 0)
            } else {
                libc::MAP_FAILED
            };
            libc::close(descriptor);
            start
        };
        let pages = Self::mapped(start, len).ok()?;
        // SAFETY: the range was mapped above and lives as long as `pages`; its content stays.
        let kept = unsafe { libc::madvise(pages.start.as_ptr().cast(), len, libc::MADV_DONTFORK) == 0 };
        kept.then_some(pages)
    }

    fn mapped(start: *mut libc::c_void, len: usize) -> io::Result<Self> {
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        match NonNull::new(start.cast::<u8>()) {
            Some(start) => Ok(LockedPages { start, len }),
            None => Err(io::Error::other("mapped at address zero")),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `start..start + len` is mapped readable for as long as `self` lives, and `&self` bars writers.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` bars every other access.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for LockedPages {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        // SAFETY: the range was mapped by `new` and nothing refers to it after this.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.len);
        }
    }
}

/// Bytes of a slot: nineteen digits, and a whole part of a page.
pub(crate) const SLOT: usize = 32;

/// A place for secrets: so many slots in locked pages that a number under way costs no page of its own. When all are taken
/// there is none, and whoever asked does without: nothing is ever moved to ordinary memory.
#[derive(Clone)]
pub struct Vault(Arc<Shared>);

struct Shared {
    pages: LockedPages,
    /// The numbers of the slots that nobody holds. It never grows, so that taking and giving back do not allocate.
    free: Mutex<Vec<u32>>,
}

/// A slot of a vault, full of zeroes at first, held by one owner and wiped when that lets it go.
pub(crate) struct Slot {
    vault: Vault,
    number: u32,
}

impl Vault {
    /// A vault of at least so many slots, in whole pages.
    ///
    /// # Errors
    /// Those of locking memory: [`io::ErrorKind::OutOfMemory`] mostly says that the memlock limit is too small.
    pub fn new(slots: u32) -> io::Result<Self> {
        let bytes = (slots.max(1) as usize * SLOT).next_multiple_of(4096);
        let pages = LockedPages::new(bytes)?;
        let slots = u32::try_from(bytes / SLOT).unwrap_or(u32::MAX);
        Ok(Vault(Arc::new(Shared { pages, free: Mutex::new((0..slots).rev().collect()) })))
    }

    /// How many slots nobody holds.
    pub fn free(&self) -> usize {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.0.pages.len / SLOT
    }

    /// A slot, if one is free.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let number = self.0.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Slot { vault: self.clone(), number })
    }
}

impl core::fmt::Debug for Vault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Vault(_)")
    }
}

impl Slot {
    fn start(&self) -> *mut u8 {
        // SAFETY: numbers come from the vault, which counts the slots that its pages have room for.
        unsafe { self.vault.0.pages.start.as_ptr().add(self.number as usize * SLOT) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the pages live as long as the vault that this slot holds; its number was handed to nobody else, so
        // `&self` bars every writer. No slice over all pages is made while there are slots.
        unsafe { slice::from_raw_parts(self.start(), SLOT) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` bars every other access.
        unsafe { slice::from_raw_parts_mut(self.start(), SLOT) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        self.vault.0.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel says of the mapping.
    fn flags(pages: &LockedPages) -> String {
        let address = format!("{:x}-", pages.start.as_ptr() as usize);
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("Linux");
        let mapping = smaps.lines().skip_while(|line| !line.starts_with(&address));
        let flags = mapping.skip(1).find(|line| line.starts_with("VmFlags:"));
        format!("{} ", flags.expect("the mapping is listed"))
    }

    #[test]
    fn pages_are_zero_writable_and_left_out_of_dumps_and_forks() {
        let mut ordinary = LockedPages::in_ordinary_memory(4096).expect("one page may be locked");
        for flag in [" lo ", " dd ", " wf "] {
            assert!(flags(&ordinary).contains(flag), "{flag} missing in {}", flags(&ordinary));
        }
        // Not every kernel has secret memory.
        let mut secret = LockedPages::in_secret_memory(4096);
        for pages in secret.iter() {
            for flag in [" lo ", " dd ", " dc "] {
                assert!(flags(pages).contains(flag), "{flag} missing in {}", flags(pages));
            }
        }
        for pages in secret.iter_mut().chain([&mut ordinary]) {
            assert!(pages.bytes().iter().all(|&byte| byte == 0));
            pages.bytes_mut()[4095] = 7;
            assert_eq!(pages.bytes()[4095], 7);
        }
    }

    #[test]
    fn slots_are_apart_bounded_and_wiped_when_given_back() {
        let vault = Vault::new(3).expect("one page may be locked");
        let mut slots: Vec<Slot> = core::iter::from_fn(|| vault.slot()).collect();
        assert_eq!((slots.len(), vault.slots(), vault.free()), (4096 / SLOT, 4096 / SLOT, 0));
        for (number, slot) in slots.iter_mut().enumerate() {
            slot.bytes_mut().fill(number as u8 + 1);
        }
        for (number, slot) in slots.iter().enumerate() {
            assert!(slot.bytes().iter().all(|&byte| byte == number as u8 + 1), "slot {number}");
        }
        drop(slots);
        assert!(vault.0.pages.bytes().iter().all(|&byte| byte == 0), "something rests");
        assert_eq!(vault.free(), vault.slots());
    }
}
