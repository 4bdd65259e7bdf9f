//! Digits on their way through rings.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::io;
use std::sync::Arc;

use crate::Digit;
use crate::locked::LockedPages;

const PAD_LEN: usize = 4096;

/// A page of random bytes that producer and consumer share. A value popped from a ring leaves its bytes in the
/// slot, so a digit crosses a ring only XORed with a byte of this page, which is locked and never dumped.
#[derive(Clone)]
pub struct Pad(Arc<Shared>);

struct Shared {
    page: LockedPages,
    next: AtomicUsize,
}

/// A digit that says nothing without the pad it was sealed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealedDigit {
    index: u16,
    byte: u8,
}

impl Pad {
    /// A pad whose page `fill` fills with random bytes.
    ///
    /// # Errors
    /// Those of locking a page of memory, and of `fill`.
    pub fn new(fill: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Self> {
        let mut page = LockedPages::new(PAD_LEN)?;
        fill(page.bytes_mut())?;
        Ok(Pad(Arc::new(Shared { page, next: AtomicUsize::new(0) })))
    }

    /// Seals a digit. Each press takes the next byte of the page.
    pub fn seal(&self, digit: &Digit) -> SealedDigit {
        let at = self.0.next.fetch_add(1, Ordering::Relaxed) % PAD_LEN;
        SealedDigit { index: at as u16, byte: digit.event_code() ^ self.0.page.bytes()[at] }
    }

    /// Opens what this pad sealed; `None` if it was another pad.
    pub fn open(&self, sealed: SealedDigit) -> Option<Digit> {
        let pad = self.0.page.bytes().get(usize::from(sealed.index))?;
        Digit::from_event_code(sealed.byte ^ pad)
    }
}

impl fmt::Debug for Pad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pad(_)")
    }
}

impl fmt::Debug for SealedDigit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedDigit(_)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pad(seed: u8) -> Pad {
        Pad::new(|page| {
            let mut state = u32::from(seed) | 1;
            for byte in page {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8;
            }
            Ok(())
        })
        .expect("one page may be locked")
    }

    #[test]
    fn what_is_sealed_opens_and_equal_digits_look_different() {
        let pad = pad(1);
        let seals: Vec<SealedDigit> =
            (0..64).map(|_| pad.seal(&Digit::from_ascii(b'5').expect("a key"))).collect();
        for sealed in &seals {
            assert_eq!(pad.open(*sealed).expect("same pad").reveal(), b'5');
        }
        assert!(seals.iter().any(|sealed| sealed.byte != seals[0].byte));
    }
}
