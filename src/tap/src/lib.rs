//! The tap: the one way from the masker to a recording. What is downstream takes only [`Released`], and only `mask`
//! makes one (a test of the house holds that), so nothing can be recorded that the agent may not hear.
#![forbid(unsafe_code)]

use core::fmt;

/// An RTP packet that the masker has let go: it leaves like this, and may be recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Released<'a>(&'a [u8]);

impl<'a> Released<'a> {
    /// For `mask` alone.
    #[inline]
    pub const fn by_masker(bytes: &'a [u8]) -> Self {
        Released(bytes)
    }

    /// The UDP payload: a whole RTP packet.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Released<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Released({} bytes)", self.0.len())
    }
}
