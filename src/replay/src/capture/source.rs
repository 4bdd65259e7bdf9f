//! Bytes of a file with their offset, and integers in the file's byte order.

use std::io::{BufReader, ErrorKind, Read};

use super::{CaptureError, CaptureFault};

/// How much of a buffer could be filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filled {
    /// All of it.
    Whole,
    /// Nothing: the file ends here.
    Nothing,
    /// A part: the file was cut.
    Part,
}

#[derive(Debug)]
pub(super) struct Source<R> {
    input: BufReader<R>,
    offset: u64,
    cut_at: Option<u64>,
}

impl<R: Read> Source<R> {
    pub(super) fn new(input: R) -> Self {
        Source { input: BufReader::with_capacity(1 << 16, input), offset: 0, cut_at: None }
    }

    /// The offset of the byte that is read next.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn cut_at(&self) -> Option<u64> {
        self.cut_at
    }

    /// Notes that the record at `offset` is not whole.
    pub(super) fn cut(&mut self, offset: u64) {
        self.cut_at = Some(offset);
    }

    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<Filled, CaptureError> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) if done == 0 => return Ok(Filled::Nothing),
                Ok(0) => return Ok(Filled::Part),
                Ok(many) => {
                    done += many;
                    self.offset += many as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(CaptureError { offset: self.offset, fault: CaptureFault::Read(error) });
                }
            }
        }
        Ok(Filled::Whole)
    }

    /// Passes over `many` bytes without keeping them; `false` where the file ends before.
    pub(super) fn skip(&mut self, mut many: u64) -> Result<bool, CaptureError> {
        let mut scratch = [0; 4096];
        while many > 0 {
            let step = usize::try_from(many).unwrap_or(usize::MAX).min(scratch.len());
            let (now, _) = scratch.split_at_mut(step);
            if self.fill(now)? != Filled::Whole {
                return Ok(false);
            }
            many -= step as u64;
        }
        Ok(true)
    }
}

/// The byte order of a file or section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The 16-bit integer at `at`; zero where the bytes end before.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let Some(Ok(field)) = bytes.get(at..).and_then(|rest| rest.get(..2)).map(<[u8; 2]>::try_from) else {
            return 0;
        };
        match self {
            ByteOrder::Little => u16::from_le_bytes(field),
            ByteOrder::Big => u16::from_be_bytes(field),
        }
    }

    /// The 32-bit integer at `at`; zero where the bytes end before.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let Some(Ok(field)) = bytes.get(at..).and_then(|rest| rest.get(..4)).map(<[u8; 4]>::try_from) else {
            return 0;
        };
        match self {
            ByteOrder::Little => u32::from_le_bytes(field),
            ByteOrder::Big => u32::from_be_bytes(field),
        }
    }
}
