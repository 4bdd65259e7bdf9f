//! What holds a frame. `nic` implements it for mbufs, `replay` for plain memory, so that everything above runs under both.

/// A frame in memory that its holder alone may change.
pub trait Buffer {
    /// The bytes of the frame; of its first segment where [`Buffer::is_chained`].
    fn bytes(&self) -> &[u8];
    /// The same, to be changed in place.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Whether the frame goes on in further segments, which are not to be read.
    fn is_chained(&self) -> bool;
}

impl Buffer for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
    fn is_chained(&self) -> bool {
        false
    }
}
