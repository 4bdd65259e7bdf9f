//! Two simulated ports: on which of them a captured frame arrived.

use core::net::IpAddr;
use std::collections::HashMap;

use handover::Side;

use crate::Cidr;

/// The most source addresses that are remembered. Frames of further ones count as the customer's.
const MOST_STATIONS: usize = 4_096;

/// Tells the side of a frame by where it came from.
#[derive(Debug)]
pub(crate) struct Ports {
    carrier: Cidr,
    /// The side of each source MAC address that IP frames showed.
    stations: HashMap<[u8; 6], Side>,
}

impl Ports {
    pub(crate) fn new(carrier: Cidr) -> Self {
        Ports { carrier, stations: HashMap::new() }
    }

    /// The side on which a frame arrived: the carrier's where its IP source (of ARP the sender's protocol address) is in
    /// the carrier's range, else the customer's. Frames without an address follow the IP frames of their station.
    pub(crate) fn side(&mut self, frame: &[u8]) -> Side {
        let station: Option<[u8; 6]> = field(frame, 6);
        if let Some(source) = source_address(frame) {
            let side = if self.carrier.contains(source) { Side::Carrier } else { Side::Customer };
            if let Some(station) = station
                && (self.stations.len() < MOST_STATIONS || self.stations.contains_key(&station))
            {
                self.stations.insert(station, side);
            }
            return side;
        }
        station.and_then(|station| self.stations.get(&station).copied()).unwrap_or(Side::Customer)
    }
}

/// The source address of an IP or ARP frame under any number of VLAN tags.
fn source_address(frame: &[u8]) -> Option<IpAddr> {
    let mut at = 12;
    let mut ether_type = field::<2>(frame, at)?;
    while matches!(ether_type, [0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00]) {
        at += 4;
        ether_type = field(frame, at)?;
    }
    at += 2;
    match ether_type {
        [0x08, 0x00] => field::<4>(frame, at + 12).map(IpAddr::from),
        [0x86, 0xdd] => field::<16>(frame, at + 8).map(IpAddr::from),
        // RFC 826: Ethernet and IPv4; the sender's protocol address follows its hardware address.
        [0x08, 0x06] if field(frame, at) == Some([0, 1, 8, 0, 6, 4]) => {
            field::<4>(frame, at + 14).map(IpAddr::from).filter(|sender| !sender.is_unspecified())
        }
        _ => None,
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.get(..N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ethernet(station: u8, rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 0, station]);
        frame.extend(rest);
        frame
    }

    fn ipv4(station: u8, source: [u8; 4]) -> Vec<u8> {
        let mut rest = vec![0x81, 0x00, 0, 5, 0x08, 0x00, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0];
        rest.extend(source);
        rest.extend([198, 51, 100, 1]);
        ethernet(station, &rest)
    }

    fn arp(station: u8, sender: [u8; 4]) -> Vec<u8> {
        let mut rest = vec![0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, station];
        rest.extend(sender);
        rest.extend([0; 10]);
        ethernet(station, &rest)
    }

    #[test]
    fn addresses_tell_the_side_and_stations_keep_it() {
        let mut ports = Ports::new("192.0.2.0/24".parse().expect("a range"));
        let lldp = |station| ethernet(station, &[0x88, 0xcc, 2, 7]);
        assert_eq!(ports.side(&lldp(1)), Side::Customer);
        assert_eq!(ports.side(&ipv4(1, [192, 0, 2, 9])), Side::Carrier);
        assert_eq!(ports.side(&ipv4(2, [10, 0, 0, 1])), Side::Customer);
        assert_eq!(ports.side(&lldp(1)), Side::Carrier);
        assert_eq!(ports.side(&lldp(2)), Side::Customer);
        assert_eq!(ports.side(&arp(3, [192, 0, 2, 1])), Side::Carrier);
        assert_eq!(ports.side(&arp(4, [0, 0, 0, 0])), Side::Customer);
        assert_eq!(ports.side(&lldp(3)), Side::Carrier);
    }

    #[test]
    fn ipv6_counts_and_runts_are_the_customers() {
        let mut ports = Ports::new("2001:db8::/32".parse().expect("a range"));
        let mut rest = vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 17, 64];
        rest.extend([0x20, 0x01, 0x0d, 0xb8]);
        rest.extend([0; 28]);
        assert_eq!(ports.side(&ethernet(1, &rest)), Side::Carrier);
        for length in 0..14 {
            assert_eq!(ports.side(&vec![0; length]), Side::Customer);
        }
    }
}
