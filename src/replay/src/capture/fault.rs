//! Why a capture could not be read.

use core::fmt;
use std::error::Error;
use std::io;

/// What is wrong with a capture, and where.
#[derive(Debug)]
pub struct CaptureError {
    /// The offset in the file, in bytes, of the header, record or block that is at fault.
    pub offset: u64,
    /// What is wrong.
    pub fault: CaptureFault,
}

/// What can be wrong with a capture.
#[derive(Debug)]
pub enum CaptureFault {
    /// The file could not be read.
    Read(io::Error),
    /// It begins with none of the formats' magic numbers, but with these bytes.
    NotACapture([u8; 4]),
    /// It ends within its first header.
    HeaderCut,
    /// A link type other than Ethernet.
    LinkType(u16),
    /// A record of more bytes than any frame has.
    RecordLength(u32),
    /// A block whose length is no multiple of four, too small for its type, or too large for it.
    BlockLength(u32),
    /// A block that says another length at its end than at its beginning.
    BlockLengthsDiffer {
        /// The length at the beginning.
        begin: u32,
        /// The length at the end.
        end: u32,
    },
    /// A section that begins with these bytes in place of the byte-order magic.
    ByteOrder([u8; 4]),
    /// A frame of an interface that its section does not describe.
    UnknownInterface(u32),
    /// More interfaces in a section than the reader follows.
    TooManyInterfaces,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.fault, self.offset)
    }
}

impl fmt::Display for CaptureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureFault::Read(error) => write!(f, "the capture cannot be read: {error}"),
            CaptureFault::NotACapture([0x1f, 0x8b, ..]) => {
                write!(f, "this is a gzip file; unpack it first with gunzip")
            }
            CaptureFault::NotACapture([0x28, 0xb5, 0x2f, 0xfd]) => {
                write!(f, "this is a zstd file; unpack it first with unzstd")
            }
            CaptureFault::NotACapture(magic) => {
                write!(f, "this is neither pcap nor pcapng: it begins with ")?;
                magic.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            CaptureFault::HeaderCut => write!(f, "the capture ends within its header"),
            CaptureFault::LinkType(link_type) => {
                write!(f, "link type {link_type} ({}) is not Ethernet", link_type_name(*link_type))?;
                if matches!(link_type, 113 | 276) {
                    write!(f, "; capture on one interface (tcpdump -i NAME) instead of on `any`")?;
                }
                Ok(())
            }
            CaptureFault::RecordLength(length) => {
                write!(f, "a record of {length} bytes is longer than any frame")
            }
            CaptureFault::BlockLength(length) => write!(f, "a block cannot be {length} bytes long"),
            CaptureFault::BlockLengthsDiffer { begin, end } => {
                write!(f, "a block says at its beginning that it has {begin} bytes, at its end {end}")
            }
            CaptureFault::ByteOrder(magic) => {
                write!(f, "a section without a byte order: ")?;
                magic.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            CaptureFault::UnknownInterface(interface) => {
                write!(f, "a frame of interface {interface}, which is not described")
            }
            CaptureFault::TooManyInterfaces => write!(f, "a section with more interfaces than are followed"),
        }
    }
}

impl Error for CaptureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            CaptureFault::Read(error) => Some(error),
            _ => None,
        }
    }
}

/// The names of link types that telephony captures come with (the tcpdump group's list of link types).
fn link_type_name(link_type: u16) -> &'static str {
    match link_type {
        0 => "BSD loopback",
        6 => "Token Ring",
        9 => "PPP",
        12 | 14 | 101 => "raw IP",
        50 => "PPP in HDLC framing",
        51 => "PPPoE",
        105 => "802.11",
        107 => "Frame Relay",
        108 => "OpenBSD loopback",
        113 => "Linux cooked",
        127 => "802.11 with radiotap",
        140 => "MTP2",
        141 => "MTP3",
        142 => "SCCP",
        147..=162 => "private use",
        228 => "raw IPv4",
        229 => "raw IPv6",
        252 => "Wireshark's exported PDUs",
        276 => "Linux cooked, version 2",
        _ => "no name known",
    }
}
