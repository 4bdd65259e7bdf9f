//! A message that holds a PAN until it is sent.

use core::fmt;
use std::io;

use zeroize::Zeroize;

use crate::DigitSink;
use crate::locked::LockedPages;

/// Bytes in locked pages, wiped when dropped: the body of a request to a PSP. Its room is taken at once, so that it never grows out of
/// its pages; what does not fit makes the whole unusable.
pub struct Letter {
    pages: LockedPages,
    len: usize,
    is_cut: bool,
}

impl Letter {
    /// An empty letter with room for so many bytes.
    ///
    /// # Errors
    /// Those of locking memory.
    pub fn new(room: usize) -> io::Result<Self> {
        Ok(Letter { pages: LockedPages::new(room.max(1))?, len: 0, is_cut: false })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        match self.pages.bytes_mut().get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.is_cut = true,
        }
    }

    /// All that was written; `None` if it did not fit.
    pub fn reveal(&self) -> Option<&[u8]> {
        if self.is_cut { None } else { self.pages.bytes().get(..self.len) }
    }

    /// Wipes it, for another to be written.
    pub fn clear(&mut self) {
        self.pages.bytes_mut().zeroize();
        (self.len, self.is_cut) = (0, false);
    }
}

impl DigitSink for Letter {
    fn digits(&mut self, ascii: &[u8]) {
        self.write(ascii);
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letter(_)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_holds_what_was_written_or_nothing() {
        let mut letter = Letter::new(10).expect("one page may be locked");
        letter.write(b"number=");
        letter.digits(b"411");
        assert_eq!(letter.reveal(), Some(&b"number=411"[..]));
        letter.digits(b"1");
        assert_eq!(letter.reveal(), None);
        assert_eq!(format!("{letter:?}"), "Letter(_)");
        letter.clear();
        assert_eq!(letter.reveal(), Some(&b""[..]));
        assert!(letter.pages.bytes().iter().all(|&byte| byte == 0));
    }
}
