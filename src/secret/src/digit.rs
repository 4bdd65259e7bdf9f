//! One of the sixteen keys of a telephone.

use core::fmt;

use zeroize::Zeroize;

/// One of the sixteen telephone keys: `0`–`9`, `*`, `#`, `A`–`D`. It does not print, is not `Clone`, and is wiped
/// when dropped.
#[derive(PartialEq, Eq)]
pub struct Digit(u8);

impl Digit {
    /// The key of a telephone-event code 0–15 (RFC 4733 section 3.2, table 3).
    pub const fn from_event_code(code: u8) -> Option<Digit> {
        if code < 16 { Some(Digit(code)) } else { None }
    }

    /// The key written as in SIP bodies; `a`–`d` count as `A`–`D`.
    pub const fn from_ascii(key: u8) -> Option<Digit> {
        match key {
            b'0'..=b'9' => Some(Digit(key - b'0')),
            b'*' => Some(Digit(10)),
            b'#' => Some(Digit(11)),
            b'A'..=b'D' => Some(Digit(key - b'A' + 12)),
            b'a'..=b'd' => Some(Digit(key - b'a' + 12)),
            _ => None,
        }
    }

    /// The telephone-event code.
    pub const fn event_code(&self) -> u8 {
        self.0
    }

    /// The key in ASCII: for the sinks that may see it.
    pub const fn reveal(&self) -> u8 {
        match self.0 {
            code @ 0..=9 => b'0' + code,
            10 => b'*',
            11 => b'#',
            code => b'A' + (code - 12),
        }
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(_)")
    }
}

impl Drop for Digit {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_letters_agree_for_all_sixteen() {
        for code in 0..16 {
            let digit = Digit::from_event_code(code).expect("16 keys");
            assert_eq!(Digit::from_ascii(digit.reveal()).expect("round trip").event_code(), code);
        }
        assert!(Digit::from_event_code(16).is_none());
        assert!(Digit::from_ascii(b'E').is_none());
    }

    #[test]
    fn debug_is_redacted() {
        assert_eq!(format!("{:?}", Digit::from_ascii(b'7')), "Some(Digit(_))");
    }
}
