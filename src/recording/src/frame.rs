//! What the recorder is given: an RTP packet that the masker has let go, with what the pipeline knows of it.

use arrayvec::ArrayVec;
use tap::Released;

/// One of a recording's two channels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// Channel 0, left: the carrier side, where the cardholder is.
    Caller,
    /// Channel 1, right: the customer side, where the agent is.
    Agent,
}

impl Channel {
    /// Both, in the order of leaves and of the file.
    pub const BOTH: [Channel; 2] = [Channel::Caller, Channel::Agent];

    /// 0 or 1.
    pub const fn index(self) -> usize {
        match self {
            Channel::Caller => 0,
            Channel::Agent => 1,
        }
    }
}

/// What an RTP payload is, by its type and the session's description.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// G.711 µ-law (RFC 3551 section 4.5.14).
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s: samples at 16 kHz, timestamps at 8 kHz (RFC 3551 section 4.5.2).
    G722,
    /// Linear, big-endian, one channel at 8 kHz.
    L16Narrow,
    /// Linear, big-endian, one channel at 16 kHz.
    L16Wide,
    /// Comfort noise (RFC 3389), or a codec's own packets of silence.
    ComfortNoise,
    /// Telephone events (RFC 4733).
    Event,
    /// What is not decoded here.
    Other,
}

impl Format {
    /// Whether it carries audio that can be recorded.
    pub const fn is_audio(self) -> bool {
        !matches!(self, Format::ComfortNoise | Format::Event | Format::Other)
    }

    /// What its timestamps count, in hertz.
    pub const fn clock(self) -> u32 {
        match self {
            Format::L16Wide => 16_000,
            _ => 8_000,
        }
    }

    /// How many sixteen-thousandths of a second a payload of `len` bytes lasts.
    pub(crate) const fn ticks(self, len: usize) -> i64 {
        match self {
            Format::Pcmu | Format::Pcma | Format::G722 => len as i64 * 2,
            Format::L16Narrow => (len / 2) as i64 * 2,
            Format::L16Wide => (len / 2) as i64,
            Format::ComfortNoise | Format::Event | Format::Other => 0,
        }
    }
}

/// A packet of one channel. Only from what the masker released: nothing else can be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    channel: Channel,
    arrived: u64,
    format: Format,
    rtp: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A packet that came at `arrived`, in nanoseconds since 1970 by a clock that both channels share.
    pub const fn new(channel: Channel, arrived: u64, format: Format, released: Released<'a>) -> Self {
        Frame { channel, arrived, format, rtp: released.payload() }
    }

    /// For tests, which must not make a [`Released`].
    #[cfg(test)]
    pub(crate) const fn invented(channel: Channel, arrived: u64, format: Format, rtp: &'a [u8]) -> Self {
        Frame { channel, arrived, format, rtp }
    }

    /// Whose audio it is.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// When it came, in nanoseconds since 1970.
    pub const fn arrived(&self) -> u64 {
        self.arrived
    }

    /// What its payload is.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The whole RTP packet.
    pub const fn rtp(&self) -> &'a [u8] {
        self.rtp
    }

    /// The packet with bytes of its own, to cross a ring; `None` where it is longer than [`HeldFrame::CAPACITY`]. Without heap.
    pub fn held(&self) -> Option<HeldFrame> {
        let rtp = ArrayVec::try_from(self.rtp).ok()?;
        Some(HeldFrame { channel: self.channel, arrived: self.arrived, format: self.format, rtp })
    }
}

/// A [`Frame`] with bytes of its own, of fixed size.
#[derive(Clone, Debug)]
pub struct HeldFrame {
    channel: Channel,
    arrived: u64,
    format: Format,
    rtp: ArrayVec<u8, { HeldFrame::CAPACITY }>,
}

impl HeldFrame {
    /// The longest RTP packet that is recorded: an Ethernet frame of 1500 bytes without IPv4 and UDP.
    pub const CAPACITY: usize = 1472;

    /// The packet.
    pub fn frame(&self) -> Frame<'_> {
        Frame { channel: self.channel, arrived: self.arrived, format: self.format, rtp: &self.rtp }
    }
}
