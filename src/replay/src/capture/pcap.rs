//! pcap: draft-ietf-opsawg-pcap.

use std::io::Read;

use handover::Instant;

use super::source::{ByteOrder, Filled, Source};
use super::{CaptureError, CaptureFault, ETHERNET, LONGEST_FRAME, Record};

const NANOS_A_SECOND: u64 = 1_000_000_000;

/// Byte order and unit of time, as the magic number tells them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding {
    order: ByteOrder,
    /// Nanoseconds in one unit of a record's fraction of a second.
    unit: u64,
}

impl Encoding {
    pub(super) fn of(magic: [u8; 4]) -> Option<Encoding> {
        let (order, unit) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (ByteOrder::Big, 1_000),
            [0xd4, 0xc3, 0xb2, 0xa1] => (ByteOrder::Little, 1_000),
            [0xa1, 0xb2, 0x3c, 0x4d] => (ByteOrder::Big, 1),
            [0x4d, 0x3c, 0xb2, 0xa1] => (ByteOrder::Little, 1),
            _ => return None,
        };
        Some(Encoding { order, unit })
    }
}

#[derive(Debug)]
pub(super) struct PcapReader {
    encoding: Encoding,
}

impl PcapReader {
    /// Reads the rest of the file header.
    pub(super) fn new<R: Read>(source: &mut Source<R>, encoding: Encoding) -> Result<Self, CaptureError> {
        let mut header = [0; 20];
        if source.fill(&mut header)? != Filled::Whole {
            return Err(CaptureError { offset: 0, fault: CaptureFault::HeaderCut });
        }
        // The upper half holds the length of the frame check sequence. The snapshot length is not believed:
        // writers leave anything in it, and records say their own length.
        let link_type = (encoding.order.u32(&header, 16) & 0xffff) as u16;
        if link_type != ETHERNET {
            return Err(CaptureError { offset: 20, fault: CaptureFault::LinkType(link_type) });
        }
        Ok(PcapReader { encoding })
    }

    pub(super) fn next_record<R: Read>(
        &mut self,
        source: &mut Source<R>,
    ) -> Result<Option<Record>, CaptureError> {
        let offset = source.offset();
        let mut header = [0; 16];
        match source.fill(&mut header)? {
            Filled::Whole => {}
            Filled::Nothing => return Ok(None),
            Filled::Part => {
                source.cut(offset);
                return Ok(None);
            }
        }
        let Encoding { order, unit } = self.encoding;
        let captured = order.u32(&header, 8);
        let length = usize::try_from(captured).unwrap_or(usize::MAX);
        if length > LONGEST_FRAME {
            return Err(CaptureError { offset, fault: CaptureFault::RecordLength(captured) });
        }
        let mut bytes = vec![0; length];
        if source.fill(&mut bytes)? != Filled::Whole {
            source.cut(offset);
            return Ok(None);
        }
        let seconds = u64::from(order.u32(&header, 0));
        let fraction = u64::from(order.u32(&header, 4));
        let time = Instant::from_nanos(seconds * NANOS_A_SECOND + fraction * unit);
        let original_length = order.u32(&header, 12).max(captured);
        Ok(Some(Record { time, bytes, original_length }))
    }
}
