//! pcapng: draft-ietf-opsawg-pcapng.

use std::io::Read;

use handover::Instant;

use super::source::{ByteOrder, Filled, Source};
use super::{CaptureError, CaptureFault, ETHERNET, LONGEST_FRAME, Record};

/// A Section Header Block; the number reads the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
/// The obsolete Packet Block, which old captures still hold.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

/// The longest block that is kept: a frame and its options. Longer ones of unknown types are passed over.
const LONGEST_BLOCK: u32 = LONGEST_FRAME as u32 + 65_536;
const MOST_INTERFACES: usize = 4_096;
/// Type and length before a block's body, and the length once more after it.
const BLOCK_OVERHEAD: u32 = 12;

#[derive(Debug)]
pub(super) struct PcapngReader {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    /// The body of the block that is being read, kept for its allocation.
    body: Vec<u8>,
    /// Of the last frame, for Simple Packet Blocks, which have no time.
    time: Instant,
}

impl PcapngReader {
    /// Reads the rest of the first section header, whose type was read already.
    pub(super) fn new<R: Read>(source: &mut Source<R>) -> Result<Self, CaptureError> {
        let mut reader = PcapngReader {
            order: ByteOrder::Little,
            interfaces: Vec::new(),
            body: Vec::new(),
            time: Instant::ZERO,
        };
        if reader.section(source, 0)? {
            Ok(reader)
        } else {
            Err(CaptureError { offset: 0, fault: CaptureFault::HeaderCut })
        }
    }

    pub(super) fn next_record<R: Read>(
        &mut self,
        source: &mut Source<R>,
    ) -> Result<Option<Record>, CaptureError> {
        loop {
            let offset = source.offset();
            let mut kind = [0; 4];
            match source.fill(&mut kind)? {
                Filled::Whole => {}
                Filled::Nothing => return Ok(None),
                Filled::Part => {
                    source.cut(offset);
                    return Ok(None);
                }
            }
            let kind = self.order.u32(&kind, 0);
            let whole = match kind {
                SECTION_HEADER => self.section(source, offset)?,
                INTERFACE_DESCRIPTION | PACKET | SIMPLE_PACKET | ENHANCED_PACKET => {
                    self.block(source, offset)?
                }
                _ => self.pass_over(source, offset)?,
            };
            if !whole {
                source.cut(offset);
                return Ok(None);
            }
            let record = match kind {
                INTERFACE_DESCRIPTION => {
                    self.describe(offset)?;
                    continue;
                }
                ENHANCED_PACKET => self.enhanced(offset, self.order.u32(&self.body, 0))?,
                PACKET => self.enhanced(offset, u32::from(self.order.u16(&self.body, 0)))?,
                SIMPLE_PACKET => self.simple(offset)?,
                _ => continue,
            };
            self.time = record.time;
            return Ok(Some(record));
        }
    }

    /// A section header after its type: the byte order, and an end of the interfaces known so far. `false` where
    /// the file ends within it.
    fn section<R: Read>(&mut self, source: &mut Source<R>, offset: u64) -> Result<bool, CaptureError> {
        let mut head = [0; 8];
        if source.fill(&mut head)? != Filled::Whole {
            return Ok(false);
        }
        let [.., a, b, c, d] = head;
        self.order = match [a, b, c, d] {
            [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
            [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
            magic => return Err(CaptureError { offset, fault: CaptureFault::ByteOrder(magic) }),
        };
        self.interfaces.clear();
        let length = self.order.u32(&head, 0);
        // Byte order, version, section length.
        if length < BLOCK_OVERHEAD + 16 || !length.is_multiple_of(4) {
            return Err(CaptureError { offset, fault: CaptureFault::BlockLength(length) });
        }
        let whole = source.skip(u64::from(length - BLOCK_OVERHEAD - 4))?;
        Ok(whole && self.end_of_block(source, offset, length)?)
    }

    /// Length, body and length of a block that is kept.
    fn block<R: Read>(&mut self, source: &mut Source<R>, offset: u64) -> Result<bool, CaptureError> {
        let Some(length) = self.length(source, offset)? else { return Ok(false) };
        if length > LONGEST_BLOCK {
            return Err(CaptureError { offset, fault: CaptureFault::BlockLength(length) });
        }
        let mut body = core::mem::take(&mut self.body);
        body.clear();
        body.resize((length - BLOCK_OVERHEAD) as usize, 0);
        let filled = source.fill(&mut body)?;
        self.body = body;
        let whole = filled == Filled::Whole || self.body.is_empty();
        Ok(whole && self.end_of_block(source, offset, length)?)
    }

    fn pass_over<R: Read>(&mut self, source: &mut Source<R>, offset: u64) -> Result<bool, CaptureError> {
        let Some(length) = self.length(source, offset)? else { return Ok(false) };
        let whole = source.skip(u64::from(length - BLOCK_OVERHEAD))?;
        Ok(whole && self.end_of_block(source, offset, length)?)
    }

    fn length<R: Read>(&self, source: &mut Source<R>, offset: u64) -> Result<Option<u32>, CaptureError> {
        let mut length = [0; 4];
        if source.fill(&mut length)? != Filled::Whole {
            return Ok(None);
        }
        let length = self.order.u32(&length, 0);
        if length < BLOCK_OVERHEAD || !length.is_multiple_of(4) {
            return Err(CaptureError { offset, fault: CaptureFault::BlockLength(length) });
        }
        Ok(Some(length))
    }

    fn end_of_block<R: Read>(
        &self,
        source: &mut Source<R>,
        offset: u64,
        begin: u32,
    ) -> Result<bool, CaptureError> {
        let mut end = [0; 4];
        if source.fill(&mut end)? != Filled::Whole {
            return Ok(false);
        }
        let end = self.order.u32(&end, 0);
        if end != begin {
            return Err(CaptureError { offset, fault: CaptureFault::BlockLengthsDiffer { begin, end } });
        }
        Ok(true)
    }

    /// An Interface Description Block.
    fn describe(&mut self, offset: u64) -> Result<(), CaptureError> {
        if self.body.len() < 8 {
            return Err(self.too_short(offset));
        }
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err(CaptureError { offset, fault: CaptureFault::TooManyInterfaces });
        }
        let mut interface = Interface {
            link_type: self.order.u16(&self.body, 0),
            snapshot_length: self.order.u32(&self.body, 4),
            ..Interface::default()
        };
        let mut at = 8;
        while let Some(option) = self.body.get(at..).filter(|rest| rest.len() >= 4) {
            let code = self.order.u16(option, 0);
            let length = usize::from(self.order.u16(option, 2));
            let value = option.get(4..4 + length).unwrap_or_default();
            match (code, value) {
                (0, _) => break,
                (OPTION_TIME_RESOLUTION, &[resolution]) => interface.resolution = resolution,
                (OPTION_TIME_OFFSET, value) if value.len() == 8 => {
                    let (first, second) = (self.order.u32(value, 0), self.order.u32(value, 4));
                    let (high, low) = match self.order {
                        ByteOrder::Little => (second, first),
                        ByteOrder::Big => (first, second),
                    };
                    interface.offset_seconds = ((u64::from(high) << 32) | u64::from(low)) as i64;
                }
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// An Enhanced Packet Block, or an obsolete Packet Block: they differ in how they name the interface.
    fn enhanced(&self, offset: u64, interface: u32) -> Result<Record, CaptureError> {
        const FIXED: usize = 20;
        if self.body.len() < FIXED {
            return Err(self.too_short(offset));
        }
        let interface = self.interface(offset, interface)?;
        let ticks =
            (u64::from(self.order.u32(&self.body, 4)) << 32) | u64::from(self.order.u32(&self.body, 8));
        let captured = self.order.u32(&self.body, 12);
        let end = usize::try_from(captured).unwrap_or(usize::MAX).saturating_add(FIXED);
        let Some(bytes) = self.body.get(FIXED..end).filter(|bytes| bytes.len() <= LONGEST_FRAME) else {
            return Err(CaptureError { offset, fault: CaptureFault::RecordLength(captured) });
        };
        let original_length = self.order.u32(&self.body, 16).max(captured);
        Ok(Record { time: interface.time(ticks), bytes: bytes.to_vec(), original_length })
    }

    /// A Simple Packet Block: of the first interface, at the time of the frame before.
    fn simple(&self, offset: u64) -> Result<Record, CaptureError> {
        let Some(padded) = self.body.get(4..) else { return Err(self.too_short(offset)) };
        let interface = self.interface(offset, 0)?;
        let original_length = self.order.u32(&self.body, 0);
        let limit = match interface.snapshot_length {
            0 => u32::MAX,
            limit => limit,
        };
        let captured = usize::try_from(original_length.min(limit)).unwrap_or(usize::MAX);
        let bytes = padded.get(..captured).unwrap_or(padded);
        if bytes.len() > LONGEST_FRAME {
            return Err(CaptureError { offset, fault: CaptureFault::RecordLength(original_length) });
        }
        Ok(Record { time: self.time, bytes: bytes.to_vec(), original_length })
    }

    fn interface(&self, offset: u64, number: u32) -> Result<&Interface, CaptureError> {
        let interface = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number));
        match interface {
            None => Err(CaptureError { offset, fault: CaptureFault::UnknownInterface(number) }),
            Some(Interface { link_type, .. }) if *link_type != ETHERNET => {
                Err(CaptureError { offset, fault: CaptureFault::LinkType(*link_type) })
            }
            Some(interface) => Ok(interface),
        }
    }

    fn too_short(&self, offset: u64) -> CaptureError {
        let length = u32::try_from(self.body.len()).unwrap_or(u32::MAX).saturating_add(BLOCK_OVERHEAD);
        CaptureError { offset, fault: CaptureFault::BlockLength(length) }
    }
}

#[derive(Debug)]
struct Interface {
    link_type: u16,
    /// In bytes; 0 means no limit.
    snapshot_length: u32,
    /// `if_tsresol`: a negative power of ten, of two where the highest bit is set.
    resolution: u8,
    /// `if_tsoffset`, in seconds.
    offset_seconds: i64,
}

impl Default for Interface {
    fn default() -> Self {
        Interface { link_type: ETHERNET, snapshot_length: 0, resolution: 6, offset_seconds: 0 }
    }
}

impl Interface {
    /// The time that `ticks` of this interface's clock stand for; times out of range saturate.
    fn time(&self, ticks: u64) -> Instant {
        let nanos = u128::from(ticks) * 1_000_000_000;
        let power = u32::from(self.resolution & 0x7f);
        let nanos = if self.resolution & 0x80 == 0 {
            10_u128.checked_pow(power).map_or(0, |unit| nanos / unit)
        } else {
            nanos >> power
        };
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX);
        let nanos = nanos.saturating_add(i128::from(self.offset_seconds) * 1_000_000_000);
        Instant::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}
