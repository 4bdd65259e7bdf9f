//! What a port is asked for, and what its device granted.

use dpdk_sys as dpdk;

use crate::error::NicError;

/// What a port is started with. Numbers beyond the device's limits are brought within them (see [`Applied`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortConfig {
    /// Queues of received packets: one a polling lcore.
    pub rx_queues: u16,
    /// Queues of packets to be sent: one a sending lcore.
    pub tx_queues: u16,
    /// Packets that each receive queue can hold.
    pub rx_descriptors: u16,
    /// Packets that each send queue can hold.
    pub tx_descriptors: u16,
    /// The longest payload of an Ethernet frame, in bytes, its VLAN tags not counted.
    pub mtu: u16,
    /// Whether to receive frames for others' addresses: a wire must.
    pub promiscuous: bool,
    /// Whether to spread packets over the receive queues by IP addresses and UDP ports, both directions of a flow alike, and
    /// on every port alike.
    pub symmetric_rss: bool,
}

impl Default for PortConfig {
    /// One queue each way, 1024 packets long, MTU 1500, promiscuous.
    fn default() -> Self {
        PortConfig {
            rx_queues: 1,
            tx_queues: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu: 1500,
            promiscuous: true,
            symmetric_rss: true,
        }
    }
}

/// What the device granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// Queues of received packets.
    pub rx_queues: u16,
    /// Queues of packets to be sent.
    pub tx_queues: u16,
    /// Packets that each receive queue can hold.
    pub rx_descriptors: u16,
    /// Packets that each send queue can hold.
    pub tx_descriptors: u16,
    /// The MTU that the device was given; `None` where it keeps its own.
    pub mtu: Option<u16>,
    /// Whether frames for others' addresses are received as far as the driver knows.
    pub promiscuous: bool,
    /// Whether packets are spread by the symmetric hash.
    pub symmetric_rss: bool,
    /// Whether frames longer than a packet's data room are received as chains, by the device's leave.
    pub scatter: bool,
    /// What was asked for and not granted.
    pub warnings: Vec<Warning>,
}

/// Something that the device did not grant, and that may do no harm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// The device has fewer queues.
    Queues {
        /// Receive queues, send queues.
        wanted: (u16, u16),
        /// The same, as granted.
        granted: (u16, u16),
    },
    /// The device's queues are shorter or longer, or of another step.
    Descriptors {
        /// Of a receive queue, of a send queue.
        wanted: (u16, u16),
        /// The same, as granted.
        granted: (u16, u16),
    },
    /// The driver sets no MTU; the device passes what its own allows (`errno` where it tried and failed, else 0). With
    /// `net_af_packet` that is the interface's MTU, and `framesz` less 128.
    MtuNotSet {
        /// The MTU asked for.
        wanted: u16,
        /// Why, or 0.
        errno: i32,
    },
    /// The driver knows no promiscuous mode. Virtual devices receive everything without.
    Promiscuous,
    /// The device has no symmetric hash over UDP ports. It spreads packets in its own way.
    SymmetricRss,
    /// Frames may exceed the data room, and the driver does not say that it chains them. Virtual devices may, unasked.
    Scatter,
}

impl core::fmt::Display for Warning {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Warning::Queues { wanted, granted } => {
                let ((rx, tx), (got_rx, got_tx)) = (wanted, granted);
                write!(f, "has {got_rx} receive and {got_tx} send queues instead of {rx} and {tx}")
            }
            Warning::Descriptors { wanted, granted } => {
                let ((rx, tx), (got_rx, got_tx)) = (wanted, granted);
                write!(f, "has queues of {got_rx} and {got_tx} packets instead of {rx} and {tx}")
            }
            Warning::MtuNotSet { wanted, .. } => write!(f, "keeps its own MTU, {wanted} was asked for"),
            Warning::Promiscuous => f.write_str("has no promiscuous mode to set"),
            Warning::SymmetricRss => f.write_str("cannot spread packets by a symmetric hash"),
            Warning::Scatter => {
                f.write_str("does not promise to receive frames longer than a packet's data room")
            }
        }
    }
}

/// What an Ethernet frame holds beside its payload: the header, two VLAN tags and the check sequence.
const OVERHEAD: u32 = 14 + 8 + 4;

/// Drivers that report the length of a plain Ethernet frame as their limit, whatever their interface takes.
const LIMIT_IS_A_GUESS: [&str; 2] = ["net_af_packet", "net_tap"];

/// What to ask the device for.
pub(super) fn plan(
    port: &str,
    driver: &str,
    config: &PortConfig,
    device: &dpdk::keyhush_port_info,
    data_room: u16,
) -> Result<(dpdk::keyhush_port_config, Applied), NicError> {
    let mut warnings = Vec::new();
    let wanted = (config.rx_queues, config.tx_queues);
    let granted = (wanted.0.min(device.max_rx_queues), wanted.1.min(device.max_tx_queues));
    if granted != wanted {
        warnings.push(Warning::Queues { wanted, granted });
    }
    let spread = config.symmetric_rss && granted.0 > 1;
    if spread && !device.can_hash_udp {
        warnings.push(Warning::SymmetricRss);
    }
    let exceeds_room = u32::from(config.mtu) + OVERHEAD > u32::from(data_room);
    if exceeds_room && !device.can_scatter {
        warnings.push(Warning::Scatter);
    }
    let (at_least, at_most) = mtu_limits(device);
    let settable = (at_least..=at_most).contains(&config.mtu);
    if !settable {
        let (port, wanted) = (port.to_owned(), config.mtu);
        if !LIMIT_IS_A_GUESS.contains(&driver) || wanted < at_least {
            return Err(NicError::Mtu { port, wanted, at_least, at_most });
        }
        warnings.push(Warning::MtuNotSet { wanted, errno: 0 });
    }
    let request = dpdk::keyhush_port_config {
        rx_queues: granted.0,
        tx_queues: granted.1,
        mtu: if settable { config.mtu } else { 0 },
        rss: spread && device.can_hash_udp,
        scatter: exceeds_room && device.can_scatter,
        // Chains may come from the port at the other end, whose data room is the same.
        send_segments: device.can_send_segments && exceeds_room,
    };
    let applied = Applied {
        rx_queues: granted.0,
        tx_queues: granted.1,
        rx_descriptors: config.rx_descriptors,
        tx_descriptors: config.tx_descriptors,
        mtu: settable.then_some(config.mtu),
        promiscuous: config.promiscuous,
        symmetric_rss: request.rss,
        scatter: request.scatter,
        warnings,
    };
    Ok((request, applied))
}

/// The least and the greatest MTU, as `rte_eth_dev_configure` will check them.
fn mtu_limits(device: &dpdk::keyhush_port_info) -> (u16, u16) {
    let known = device.max_mtu != u16::MAX && device.max_rx_frame > u32::from(device.max_mtu);
    let overhead = if known { device.max_rx_frame - u32::from(device.max_mtu) } else { 14 + 4 };
    let by_frame = u16::try_from(device.max_rx_frame.saturating_sub(overhead)).unwrap_or(u16::MAX);
    (device.min_mtu, device.max_mtu.min(by_frame))
}

#[cfg(test)]
mod tests;
