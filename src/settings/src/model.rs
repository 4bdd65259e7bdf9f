//! The settings as the rest of the program reads them. Only this room makes them, out of a file without problems.

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::{Device, Recordings};

/// The whole file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// `[eal]`: DPDK's environment layer.
    pub eal: EalSettings,
    /// `[[wire]]`, in the order of the file; at least one. Its place here is the wire's number.
    pub wires: Vec<Wire>,
    /// `[[lcore]]`, in the order of the file; at least one. Its place here is the lcore's number, for EAL too.
    pub lcores: Vec<LcoreSettings>,
    /// `[idle]`
    pub idle: Idle,
    /// `[sip]`
    pub sip: Sip,
    /// `[calls]`
    pub calls: Calls,
    /// `[secure_mode]`
    pub secure_mode: SecureMode,
    /// `[reference]`
    pub reference: Reference,
    /// `[pool]`
    pub pool: Pool,
    /// `[admin]`
    pub admin: Admin,
    /// `[agents]`, where it is written.
    pub agents: Option<Agents>,
    /// `[management]`, where it is written.
    pub management: Option<Management>,
    /// `[tenants]`: the directory with a file for each tenant. `None`: there are no tenants.
    pub tenants: Option<PathBuf>,
    /// `[store]`
    pub store: Store,
    /// `[recordings]`, where it is written: without it nothing is recorded.
    pub recordings: Option<Recordings>,
    /// `[cards]`: the file with the table of card brands. `None`: the one that comes with Keyhush.
    pub brands: Option<PathBuf>,
}

/// `[eal]`: what DPDK's environment layer is started with, besides what wires and lcores say.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EalSettings {
    /// Whether packet memory is taken from hugepages.
    pub hugepages: bool,
    /// Memory to take at start, in MiB. `None`: with hugepages as needed; without, what the pool needs.
    pub memory_mib: Option<u32>,
    /// The name of the runtime directory; only without hugepages. `None`: `keyhush-` and the process's number.
    pub file_prefix: Option<String>,
    /// Devices beside the wires' own (the members of a bond).
    pub devices: Vec<Device>,
    /// Further arguments, passed as they are.
    pub arguments: Vec<String>,
}

/// A pair of ports.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Wire {
    /// Its name in messages, unique.
    pub name: String,
    /// The port towards the trunk.
    pub carrier: Device,
    /// The port towards the contact centre.
    pub customer: Device,
    /// The largest IP packet, in bytes. Ethernet header, VLAN tags and checksum come on top.
    pub mtu: u16,
    /// Descriptors of each receive queue and of each transmit queue.
    pub descriptors: u16,
    /// Receive queues of each port, one for every lcore that polls the wire.
    pub queues: u16,
    /// Whether a port whose peer has no link is taken down as well.
    pub carry_link: bool,
}

/// What one poll-mode core does.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LcoreSettings {
    /// The processor core that it is pinned to, unique.
    pub core: u16,
    /// The wires that it polls, both ports of each, as places in [`Settings::wires`].
    pub wires: Vec<usize>,
    /// Whether it owns the call table; true for exactly one.
    pub signalling: bool,
}

/// What a core does while no packet comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// Polls on: the least delay, the whole core.
    Poll,
    /// Sleeps, at most this long at a time: leaves the core to others.
    Backoff {
        /// The longest sleep.
        sleep: Duration,
    },
}

/// `[sip]`: SIP on its way through the signalling lcore. Whose SIP it is, is learned; so are its ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Sip {
    /// Frames that may wait for the signalling lcore, and as many for each lcore to send what it let leave.
    pub waiting: u32,
    /// SIP messages that may be held until every lcore knows of their flows.
    pub held: u32,
    /// SIP messages that may be put together from IP fragments at a time.
    pub reassemblies: u32,
    /// IP fragments that may wait for the rest of their SIP messages, in all.
    pub fragments: u32,
}

/// `[calls]`: the bounds of the call table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Calls {
    /// Calls at a time.
    pub calls: u32,
    /// Legs of one call.
    pub legs_per_call: u32,
    /// Media flows of one call.
    pub flows_per_call: u32,
    /// A call without SIP and media for this long is forgotten.
    pub idle: Duration,
    /// How long flows stay after their call has ended.
    pub linger: Duration,
}

/// `[secure_mode]`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SecureMode {
    /// What replaces a key.
    pub mask_key: MaskKey,
    /// How long a SIP message is held for acknowledgements.
    pub hold: Duration,
    /// Media streams in SecureMode at a time on one lcore; further ones are silenced and not captured.
    pub streams: u32,
    /// What leaves in place of a key's tone.
    pub replacement: Replacement,
    /// What becomes of audio whose tones cannot be masked.
    pub unmaskable: Unmaskable,
    /// What becomes of the caller's audio while a field is being keyed.
    pub while_keying: WhileKeying,
}

/// `[reference]`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Reference {
    /// Whether keys from the customer's side are heard in all calls, for call references.
    pub hear: bool,
}

/// What leaves in place of a key's tone in the audio.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Replacement {
    /// The mask key's tone.
    #[default]
    Tone,
    /// Silence.
    Silence,
}

/// What becomes of audio in SecureMode whose tones cannot be masked: other codecs, encryption without keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unmaskable {
    /// It does not leave.
    #[default]
    Silence,
    /// It leaves as it came, keys and all.
    Pass,
}

/// What becomes of the caller's audio from the first key of a field to the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhileKeying {
    /// What may be a tone in it is replaced.
    #[default]
    Detect,
    /// It is silent.
    Silence,
}

/// What replaces a key that was pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaskKey {
    /// `#`
    Pound,
    /// `0`
    Zero,
    /// `1`
    One,
}

impl MaskKey {
    /// The key as it is written: `b'#'`, `b'0'` or `b'1'`.
    pub const fn ascii(self) -> u8 {
        match self {
            MaskKey::Pound => b'#',
            MaskKey::Zero => b'0',
            MaskKey::One => b'1',
        }
    }
}

/// `[pool]`: the packet buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Pool {
    /// How many there are; never fewer than [`Settings::pool_need`] says.
    pub mbufs: u32,
    /// How many an lcore may keep for itself; 0 means none.
    pub cache: u32,
    /// Bytes of a buffer, DPDK's headroom of 128 included: a frame of the largest MTU fits into one.
    pub data_room: u16,
}

/// `[admin]`
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Admin {
    /// The Unix socket on which `keyhush calls`, `secure` and `stats` are answered; an absolute path.
    pub socket: PathBuf,
}

impl Admin {
    /// Where the socket is unless the file says otherwise.
    pub const SOCKET: &'static str = "/run/keyhush/admin.sock";
}

/// `[agents]`: where agents are served, by HTTPS.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Agents {
    /// The address that is listened on.
    pub listen: SocketAddr,
    /// The PEM file of the certificate, and of those above it; an absolute path.
    pub certificate: PathBuf,
    /// The PEM file of its key; an absolute path.
    pub key: PathBuf,
}

/// `[management]`: where metrics and health are served, by plain HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Management {
    /// The address that is listened on.
    pub listen: SocketAddr,
}

/// `[store]`: what is kept on the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Store {
    /// The directory of the database with agents and payments' results, for its owner alone.
    pub directory: PathBuf,
}

impl Store {
    /// Where the store is unless the file says otherwise.
    pub const DIRECTORY: &'static str = "/var/lib/keyhush";
}
