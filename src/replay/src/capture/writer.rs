//! pcap with nanoseconds, little-endian, Ethernet.

use std::io::{self, Write};

use handover::Instant;

use super::{ETHERNET, LONGEST_FRAME};

/// A capture that is being written.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
}

impl<W: Write> Writer<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(mut output: W) -> io::Result<Self> {
        output.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
        output.write_all(&2_u16.to_le_bytes())?;
        output.write_all(&4_u16.to_le_bytes())?;
        output.write_all(&[0; 8])?;
        output.write_all(&(LONGEST_FRAME as u32).to_le_bytes())?;
        output.write_all(&u32::from(ETHERNET).to_le_bytes())?;
        Ok(Writer { output })
    }

    /// Writes a frame, of which `original_length` bytes were on the wire.
    ///
    /// # Errors
    /// Those of the output, and a frame of more bytes than the format can hold.
    pub fn write(&mut self, time: Instant, bytes: &[u8], original_length: u32) -> io::Result<()> {
        let captured = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let nanos = (time.as_nanos() % 1_000_000_000) as u32;
        // Seconds have 32 bits: the last instant that can be written is in the year 2106.
        let (seconds, nanos) = u32::try_from(time.as_nanos() / 1_000_000_000)
            .map_or((u32::MAX, 999_999_999), |seconds| (seconds, nanos));
        for field in [seconds, nanos, captured, original_length.max(captured)] {
            self.output.write_all(&field.to_le_bytes())?;
        }
        self.output.write_all(bytes)
    }

    /// Flushes, and gives the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}
