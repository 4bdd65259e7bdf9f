//! Captures: pcap and pcapng in, pcap with nanoseconds out.
//!
//! The readers are our own: captures from the field are cut short, lie about their snapshot length and come from hostile
//! hands. `pcap-file` 2.0 never ends on a record longer than the snapshot length, and its next version is not out;
//! `pcap-parser` leaves buffering, interfaces and time to its user, which is most of what is here.

mod fault;
mod pcap;
mod pcapng;
mod source;
mod writer;

use std::io::Read;

use handover::Instant;

pub use fault::{CaptureError, CaptureFault};
use pcap::PcapReader;
use pcapng::PcapngReader;
use source::{Filled, Source};
pub use writer::Writer;

/// The link type of Ethernet, the only one that is read.
const ETHERNET: u16 = 1;

/// The longest frame that is read, in bytes: the largest snapshot length that tcpdump and Wireshark accept.
pub const LONGEST_FRAME: usize = 262_144;

/// One frame of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// When it was seen, since the Unix epoch.
    pub time: Instant,
    /// What was captured of it.
    pub bytes: Vec<u8>,
    /// How long it was on the wire; more than `bytes` where the snapshot length cut it.
    pub original_length: u32,
}

/// A capture that is being read, of either format and either byte order.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Pcap(PcapReader),
    Pcapng(PcapngReader),
}

impl<R: Read> Reader<R> {
    /// Tells the format by its first four bytes.
    ///
    /// # Errors
    /// Those of reading; a file of another format; a link type other than Ethernet.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(input);
        let mut magic = [0; 4];
        if source.fill(&mut magic)? != Filled::Whole {
            return Err(CaptureError { offset: 0, fault: CaptureFault::NotACapture(magic) });
        }
        let format = match pcap::Encoding::of(magic) {
            Some(encoding) => Format::Pcap(PcapReader::new(&mut source, encoding)?),
            None if magic == pcapng::SECTION_HEADER.to_be_bytes() => {
                Format::Pcapng(PcapngReader::new(&mut source)?)
            }
            None => return Err(CaptureError { offset: 0, fault: CaptureFault::NotACapture(magic) }),
        };
        Ok(Reader { source, format })
    }

    /// The next frame; `None` at the end, and where the file was cut in the middle of a record.
    ///
    /// # Errors
    /// Those of reading, and a file that contradicts itself.
    pub fn next_record(&mut self) -> Result<Option<Record>, CaptureError> {
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next_record(&mut self.source),
            Format::Pcapng(pcapng) => pcapng.next_record(&mut self.source),
        }
    }

    /// Where the file ends in the middle of a record, as captures do whose writer was killed.
    pub fn cut_at(&self) -> Option<u64> {
        self.source.cut_at()
    }
}

#[cfg(test)]
mod tests;
