//! Memory that is not swapped, not dumped and not inherited.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::slice;
use std::io;

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
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let Some(start) = NonNull::new(start.cast::<u8>()) else {
            return Err(io::Error::other("mapped at address zero"));
        };
        let pages = LockedPages { start, len };
        // SAFETY: the range was mapped above and lives as long as `pages`; none of the calls changes its content.
        let failed = unsafe {
            let at = start.as_ptr().cast();
            libc::mlock(at, len) != 0
                || libc::madvise(at, len, libc::MADV_DONTDUMP) != 0
                || libc::madvise(at, len, libc::MADV_WIPEONFORK) != 0
        };
        if failed {
            return Err(io::Error::last_os_error());
        }
        Ok(pages)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zero_writable_and_left_out_of_dumps() {
        let mut pages = LockedPages::new(4096).expect("one page may be locked");
        assert!(pages.bytes().iter().all(|&byte| byte == 0));
        pages.bytes_mut()[4095] = 7;
        let address = format!("{:x}-", pages.start.as_ptr() as usize);
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("Linux");
        let flags = smaps
            .lines()
            .skip_while(|line| !line.starts_with(&address))
            .find(|line| line.starts_with("VmFlags:"))
            .expect("the mapping is listed");
        for flag in ["lo", "dd", "wf"] {
            assert!(flags.split_whitespace().any(|word| word == flag), "{flag} missing in {flags}");
        }
    }
}
