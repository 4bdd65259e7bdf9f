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
    is_secured: bool,
    skipped: u16,
    rtp: &'a [u8],
}

impl<'a> Frame<'a> {
    /// None: no RTP packet.
    pub(crate) const EMPTY: Frame<'static> = Frame {
        channel: Channel::Caller,
        arrived: 0,
        format: Format::Other,
        is_secured: false,
        skipped: 0,
        rtp: &[],
    };

    /// A packet that came at `arrived`, in nanoseconds by a clock that both channels share: since 1970 where it is recorded, by the
    /// lcores' own clock until then.
    pub const fn new(channel: Channel, arrived: u64, format: Format, released: Released<'a>) -> Self {
        Frame { channel, arrived, format, rtp: released.payload(), ..Frame::EMPTY }
    }

    /// As of a call in SecureMode, or not.
    #[must_use]
    pub const fn secured(self, is_secured: bool) -> Self {
        Frame { is_secured, ..self }
    }

    /// As one whose payload is what its format says only after so many bytes: what comes before is the head and the older blocks of
    /// redundancy (RFC 2198).
    #[must_use]
    pub const fn skipping(self, bytes: u16) -> Self {
        Frame { skipped: bytes, ..self }
    }

    /// As one that came at another time: by another clock.
    #[must_use]
    pub const fn arriving(self, arrived: u64) -> Self {
        Frame { arrived, ..self }
    }

    /// For tests, which must not make a [`Released`].
    #[cfg(test)]
    pub(crate) const fn invented(channel: Channel, arrived: u64, format: Format, rtp: &'a [u8]) -> Self {
        Frame { channel, arrived, format, rtp, ..Frame::EMPTY }
    }

    /// Whose audio it is.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// When it came, in nanoseconds: see [`Frame::new`].
    pub const fn arrived(&self) -> u64 {
        self.arrived
    }

    /// What its payload is.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Whether its call was in SecureMode when it came.
    pub const fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// How much of its payload is not what its format says: see [`Frame::skipping`].
    pub(crate) const fn skipped(&self) -> usize {
        self.skipped as usize
    }

    /// The whole RTP packet.
    pub const fn rtp(&self) -> &'a [u8] {
        self.rtp
    }

    /// The packet with bytes of its own, to cross a ring; `None` where it is longer than [`HeldFrame::CAPACITY`]. Without heap.
    pub fn held(&self) -> Option<HeldFrame> {
        let mut held = HeldFrame::empty();
        held.hold(self).then_some(held)
    }
}

/// A [`Frame`] with bytes of its own, of fixed size.
#[derive(Clone, Debug)]
pub struct HeldFrame {
    channel: Channel,
    arrived: u64,
    format: Format,
    is_secured: bool,
    skipped: u16,
    rtp: ArrayVec<u8, { HeldFrame::CAPACITY }>,
}

impl HeldFrame {
    /// The longest RTP packet that is recorded: an Ethernet frame of 1500 bytes without IPv4 and UDP.
    pub const CAPACITY: usize = 1472;

    /// Room for a packet.
    pub(crate) fn empty() -> Self {
        let Frame { channel, arrived, format, is_secured, skipped, .. } = Frame::EMPTY;
        HeldFrame { channel, arrived, format, is_secured, skipped, rtp: ArrayVec::new() }
    }

    /// Takes a copy of a packet in the place of what was there. Whether it fits.
    pub(crate) fn hold(&mut self, frame: &Frame<'_>) -> bool {
        self.channel = frame.channel;
        self.arrived = frame.arrived;
        self.format = frame.format;
        self.is_secured = frame.is_secured;
        self.skipped = frame.skipped;
        self.rtp.clear();
        self.rtp.try_extend_from_slice(frame.rtp).is_ok()
    }

    /// The packet.
    pub fn frame(&self) -> Frame<'_> {
        let HeldFrame { channel, arrived, format, is_secured, skipped, .. } = *self;
        Frame { channel, arrived, format, is_secured, skipped, rtp: &self.rtp }
    }
}
