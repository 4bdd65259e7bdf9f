//! Media flows as the signalling lcore describes them to every lcore.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A wire: a pair of ports, numbered in the order of the settings file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WireId(pub u8);

/// One side of a wire. The cardholder is always on the carrier side, the agent on the customer side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Side {
    /// Towards the trunk.
    #[default]
    Carrier = 0,
    /// Towards the contact centre.
    Customer = 1,
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Side {
        match self {
            Side::Carrier => Side::Customer,
            Side::Customer => Side::Carrier,
        }
    }
}

/// The VLAN identifiers of a frame, outer and inner; [`VlanStack::NONE`] where a tag is absent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VlanStack(pub [u16; 2]);

impl VlanStack {
    /// What stands for an absent tag; no VLAN identifier has more than 12 bits.
    pub const NONE: u16 = u16::MAX;
    /// A frame without tags.
    pub const UNTAGGED: VlanStack = VlanStack([Self::NONE; 2]);
}

impl Default for VlanStack {
    fn default() -> Self {
        Self::UNTAGGED
    }
}

/// An IP address (IPv4 as `::ffff:a.b.c.d`) and a UDP port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Endpoint {
    /// The address, IPv4 mapped into IPv6.
    pub address: [u8; 16],
    /// The UDP port, in host order.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint of an address and a port.
    pub fn new(address: IpAddr, port: u16) -> Self {
        let v6 = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Endpoint { address: v6.octets(), port }
    }

    /// The address as the standard library has it, IPv4 where it is a mapped one.
    pub fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.address).to_canonical()
    }

    /// Whether the address is `0.0.0.0` or `::`, RFC 3264's old way of saying hold.
    pub fn is_unspecified(&self) -> bool {
        match self.ip() {
            IpAddr::V4(v4) => v4 == Ipv4Addr::UNSPECIFIED,
            IpAddr::V6(v6) => v6 == Ipv6Addr::UNSPECIFIED,
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", SocketAddr::new(self.ip(), self.port))
    }
}

/// What names a media flow: where on which wire its packets arrive, and whither they go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FlowKey {
    /// Destination address and port.
    pub destination: Endpoint,
    /// The VLAN tags that its frames carry.
    pub vlan: VlanStack,
    /// The wire.
    pub wire: WireId,
    /// The side on which its packets *arrive*.
    pub from: Side,
}

/// A call in the signalling lcore's table; stale handles are told by their generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CallHandle {
    /// The slot in the call table.
    pub slot: u32,
    /// How often the slot had been used before.
    pub generation: u32,
}

/// What replaces a key that was pressed: a tenant's choice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MaskKey {
    /// `#`
    #[default]
    Pound,
    /// `0`
    Zero,
    /// `1`
    One,
}

impl MaskKey {
    /// The telephone-event code (RFC 4733 section 3.2, table 3).
    pub const fn event_code(self) -> u8 {
        match self {
            MaskKey::Zero => 0,
            MaskKey::One => 1,
            MaskKey::Pound => 11,
        }
    }

    /// The key as it is written in SIP bodies.
    pub const fn ascii(self) -> u8 {
        match self {
            MaskKey::Zero => b'0',
            MaskKey::One => b'1',
            MaskKey::Pound => b'#',
        }
    }

    /// The mask key written as `key`, if there is one.
    pub const fn from_ascii(key: u8) -> Option<MaskKey> {
        match key {
            b'#' => Some(MaskKey::Pound),
            b'0' => Some(MaskKey::Zero),
            b'1' => Some(MaskKey::One),
            _ => None,
        }
    }
}

/// What is done with the packets of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum FlowMode {
    /// They leave as they came.
    #[default]
    Pass,
    /// Keys in them are captured and replaced.
    Mask(MaskKey),
    /// Audio leaves as the codec's silence, events and what cannot be read do not leave (fail closed). It keeps the mask key that it will return to.
    Silence(MaskKey),
}

impl FlowMode {
    /// Whether the flow belongs to a call in SecureMode.
    pub const fn is_secured(self) -> bool {
        !matches!(self, FlowMode::Pass)
    }
}

/// What a payload type means on a flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum FormatKind {
    /// The slot is empty.
    #[default]
    None,
    /// telephone-event, RFC 4733.
    TelephoneEvent,
    /// Redundancy, RFC 2198.
    Redundancy,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 (its RTP clock is 8 kHz, RFC 3551 section 4.5.2).
    G722,
    /// 16-bit linear.
    L16,
    /// Comfort noise, RFC 3389.
    ComfortNoise,
    /// Any other.
    Other,
}

/// One payload type of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Format {
    /// The RTP payload type, 0–127.
    pub payload_type: u8,
    /// What it means.
    pub kind: FormatKind,
    /// RTP clock in kHz, rounded down (8, 16, 48, …).
    pub clock_khz: u8,
}

/// The payload types of a flow, at most [`Formats::CAPACITY`]; events and redundancy come first, so that a long
/// list loses audio formats only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Formats([Format; Formats::CAPACITY]);

impl Formats {
    /// How many payload types an entry holds.
    pub const CAPACITY: usize = 8;

    /// Adds a format; the first meaning of a payload type stays. Says whether it was taken (or already there).
    pub fn push(&mut self, format: Format) -> bool {
        for slot in &mut self.0 {
            if slot.kind == FormatKind::None {
                *slot = format;
                return true;
            }
            if slot.payload_type == format.payload_type {
                return true;
            }
        }
        false
    }

    /// The meaning of a payload type on this flow, if the SDP gave one.
    pub fn get(&self, payload_type: u8) -> Option<Format> {
        self.iter().find(|format| format.payload_type == payload_type)
    }

    /// The formats in their order.
    pub fn iter(&self) -> impl Iterator<Item = Format> + '_ {
        self.0.iter().copied().take_while(|format| format.kind != FormatKind::None)
    }
}

/// What a packet of the caller's carries, as far as SecureMode is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Content {
    /// Audio whose tones can be masked.
    Audio,
    /// Audio of another codec, encrypted, or in a form that cannot be masked.
    Unmaskable,
    /// Comfort noise: nothing may follow for long (RFC 3389 section 5).
    ComfortNoise,
    /// Telephone-events, or nothing: it tells nothing of the audio.
    Events,
}

/// How a flow in SecureMode is masked, and whether one that is not is listened to: a tenant's choice, in one byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rules(u8);

impl Rules {
    const UNMASKABLE_PASSES: u8 = 1;
    const SILENT: u8 = 2;
    const SILENT_WHILE_KEYING: u8 = 4;
    const FIELD_OPEN: u8 = 8;
    const HEARS_REFERENCE: u8 = 16;
    const RECORDED: u8 = 32;
    /// What is no matter of masking.
    const BESIDE_MASKING: u8 = Self::HEARS_REFERENCE | Self::RECORDED;

    const fn set(self, bit: u8, on: bool) -> Self {
        Rules(if on { self.0 | bit } else { self.0 & !bit })
    }

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Audio whose tones cannot be masked (another codec, encryption without keys) leaves as it came, instead of not at
    /// all.
    #[must_use]
    pub const fn with_unmaskable_passed(self, on: bool) -> Self {
        self.set(Self::UNMASKABLE_PASSES, on)
    }

    /// What is masked is replaced by silence, not by the mask key's tone.
    #[must_use]
    pub const fn with_silence(self, on: bool) -> Self {
        self.set(Self::SILENT, on)
    }

    /// From the first key of a field until it is closed the caller's audio is silent: for callers who talk meanwhile.
    #[must_use]
    pub const fn with_silence_while_keying(self, on: bool) -> Self {
        self.set(Self::SILENT_WHILE_KEYING, on)
    }

    /// Keys are awaited: more is masked for its likeness to a tone.
    #[must_use]
    pub const fn with_field_open(self, on: bool) -> Self {
        self.set(Self::FIELD_OPEN, on)
    }

    /// Keys from the customer's side are heard outside SecureMode too, for call references.
    #[must_use]
    pub const fn with_reference_heard(self, on: bool) -> Self {
        self.set(Self::HEARS_REFERENCE, on)
    }

    /// What leaves is shown to the recorder.
    #[must_use]
    pub const fn with_recorded(self, on: bool) -> Self {
        self.set(Self::RECORDED, on)
    }

    /// The rules of two that mask the same flow: nothing passes that either would not let pass, and what either masks
    /// is masked. What is heard for call references, or recorded, is no matter of masking, and stays.
    #[must_use]
    pub const fn strictest(self, other: Rules) -> Self {
        let either = self.0 | other.0 & !Self::BESIDE_MASKING;
        Rules(either).set(Self::UNMASKABLE_PASSES, self.passes_unmaskable() && other.passes_unmaskable())
    }

    /// See [`Rules::with_unmaskable_passed`].
    pub const fn passes_unmaskable(self) -> bool {
        self.has(Self::UNMASKABLE_PASSES)
    }

    /// See [`Rules::with_silence`].
    pub const fn is_silent(self) -> bool {
        self.has(Self::SILENT)
    }

    /// See [`Rules::with_silence_while_keying`].
    pub const fn is_silent_while_keying(self) -> bool {
        self.has(Self::SILENT_WHILE_KEYING)
    }

    /// See [`Rules::with_field_open`].
    pub const fn is_field_open(self) -> bool {
        self.has(Self::FIELD_OPEN)
    }

    /// See [`Rules::with_reference_heard`].
    pub const fn hears_reference(self) -> bool {
        self.has(Self::HEARS_REFERENCE)
    }

    /// See [`Rules::with_recorded`].
    pub const fn is_recorded(self) -> bool {
        self.has(Self::RECORDED)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("passes_unmaskable", &self.passes_unmaskable())
            .field("is_silent", &self.is_silent())
            .field("is_silent_while_keying", &self.is_silent_while_keying())
            .field("is_field_open", &self.is_field_open())
            .field("hears_reference", &self.hears_reference())
            .field("is_recorded", &self.is_recorded())
            .finish()
    }
}

/// A media flow as every lcore holds it: one cache line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(align(64))]
pub struct Flow {
    /// Which packets it is about.
    pub key: FlowKey,
    /// The call it belongs to.
    pub call: CallHandle,
    /// What is done with its packets.
    pub mode: FlowMode,
    /// What is done with packets of the other direction that come *from* this flow's destination and go where nothing
    /// is known of: media leaves from where it is awaited (RFC 4961), so they are the same call's.
    pub reverse: FlowMode,
    /// What its payload types mean.
    pub formats: Formats,
    /// How it is masked.
    pub rules: Rules,
    /// Another number with each order that puts its call into SecureMode, though it be there already. After a fault a flow is
    /// masked again by another order alone.
    pub order: u8,
    /// Encrypted media (SDP profile `SAVP…`): its keys cannot be seen.
    pub encrypted: bool,
    /// Whether a sender at an address other than the announced one is to be reported (NAT, DESIGN section 7).
    pub learn: bool,
}

/// A change of the flow tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowUpdate {
    /// The flow is new or described anew.
    Install(Flow),
    /// The flow is gone.
    Remove(FlowKey),
}

impl FlowUpdate {
    /// The key of the flow that changes.
    pub fn key(&self) -> &FlowKey {
        match self {
            FlowUpdate::Install(flow) => &flow.key,
            FlowUpdate::Remove(key) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_one_cache_line() {
        assert_eq!(size_of::<Flow>(), 64);
    }

    #[test]
    fn a_rule_leaves_the_others_alone() {
        let rules = Rules::default().with_silence(true).with_field_open(true).with_silence(false);
        assert!(rules.is_field_open() && !rules.is_silent() && !rules.passes_unmaskable());
        assert!(!rules.is_silent_while_keying() && !rules.hears_reference());
    }

    #[test]
    fn the_strictest_of_two_rules_weakens_neither() {
        let (lax, strict) =
            (Rules::default().with_unmaskable_passed(true), Rules::default().with_silence(true));
        for both in [lax.strictest(strict), strict.strictest(lax)] {
            assert!(both.is_silent() && !both.passes_unmaskable());
        }
        assert!(lax.strictest(lax).passes_unmaskable());
        let hears = Rules::default().with_reference_heard(true);
        assert!(hears.strictest(lax).hears_reference() && !lax.strictest(hears).hears_reference());
        let recorded = Rules::default().with_recorded(true);
        assert!(recorded.strictest(lax).is_recorded() && !lax.strictest(recorded).is_recorded());
    }

    #[test]
    fn the_first_meaning_of_a_payload_type_stays() {
        let mut formats = Formats::default();
        let event = Format { payload_type: 101, kind: FormatKind::TelephoneEvent, clock_khz: 8 };
        assert!(formats.push(event));
        assert!(formats.push(Format { kind: FormatKind::Other, ..event }));
        assert_eq!(formats.get(101), Some(event));
        for payload_type in 0..7 {
            assert!(formats.push(Format { payload_type, kind: FormatKind::Other, clock_khz: 8 }));
        }
        assert!(!formats.push(Format { payload_type: 9, kind: FormatKind::Other, clock_khz: 8 }));
        assert_eq!(formats.iter().count(), Formats::CAPACITY);
    }
}
