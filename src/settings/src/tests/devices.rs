//! Names of ports.

use crate::Device;

fn device(text: &str) -> Device {
    Device::parse(text).expect(text)
}

fn remedy(text: &str) -> String {
    Device::parse(text).expect_err("no device").remedy
}

#[test]
fn pci_addresses_are_named_as_dpdk_names_ports() {
    assert_eq!(device("0000:03:00.0").name(), "0000:03:00.0");
    assert_eq!(device("03:00.1").name(), "0000:03:00.1");
    assert_eq!(device("000A:3F:1f.7,vlan_strip=0").to_string(), "000a:3f:1f.7,vlan_strip=0");
    assert!(device("03:00.1").is_pci());
    assert_eq!(device("03:00.1").driver(), None);
}

#[test]
fn virtual_devices_keep_their_arguments() {
    let text = "net_pcap0,rx_pcap=/tmp/a.pcap,tx_pcap=/tmp/b.pcap,infinite_rx=1";
    assert_eq!(device(text).to_string(), text);
    assert_eq!(device(text).driver(), Some("net_pcap"));
    assert_eq!(device(text).argument("infinite_rx"), Some("1"));
    assert_eq!(device("net_ring0").name(), "net_ring0");
    assert_eq!(device("net_pcap1,iface=a-name-that-is-long-enough").driver(), Some("net_pcap"));
}

#[test]
fn what_is_no_device_is_answered_with_one_that_is() {
    assert!(remedy("eth0").contains("net_af_packet0,iface=eth0"));
    assert!(remedy("net_afpacket1,iface=a").contains("net_af_packet1"));
    assert!(remedy("net_af_packet0").contains("iface="));
    assert!(remedy("net_tap0,iface=sixteen-letters-").contains("longer"));
    assert!(remedy("net_tap0, iface=a").contains("spaces"));
    assert!(remedy("net_tap0,").contains("comma"));
    assert!(remedy("net_tap0,persist").contains("persist=VALUE"));
    assert!(remedy("").contains("dpdk-devbind"));
    assert!(remedy("00000:03:00.0").contains("dpdk-devbind"));
    for wrong in ["03:00.8", "03:20.0", "3:00.0", "0000:0000:03:00.0", "03:00", "03.0", "net tap", "näh"] {
        assert!(Device::parse(wrong).is_err(), "{wrong}");
    }
}
