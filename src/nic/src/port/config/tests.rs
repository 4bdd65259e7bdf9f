use super::*;

fn device() -> dpdk::keyhush_port_info {
    dpdk::keyhush_port_info {
        max_rx_queues: 8,
        max_tx_queues: 8,
        min_mtu: 68,
        max_mtu: 9_000,
        max_rx_frame: 9_026,
        can_scatter: true,
        can_send_segments: true,
        can_hash_udp: true,
        ..Default::default()
    }
}

#[test]
fn a_capable_device_grants_everything() {
    let config = PortConfig { rx_queues: 4, tx_queues: 4, mtu: 9_000, ..PortConfig::default() };
    let (request, applied) = plan("p", "net_ice", &config, &device(), 2_048).unwrap();
    assert!(request.rss && request.scatter && request.send_segments);
    assert_eq!((request.rx_queues, request.mtu), (4, 9_000));
    assert_eq!((applied.mtu, applied.warnings), (Some(9_000), vec![]));
}

#[test]
fn offloads_are_asked_for_only_where_needed() {
    let (request, _) = plan("p", "net_ice", &PortConfig::default(), &device(), 2_048).unwrap();
    assert!(!request.rss && !request.scatter && !request.send_segments);
}

#[test]
fn a_lesser_device_is_asked_for_less() {
    let device = dpdk::keyhush_port_info {
        max_rx_queues: 2,
        max_tx_queues: 1,
        can_scatter: false,
        can_hash_udp: false,
        ..device()
    };
    let config = PortConfig { rx_queues: 4, tx_queues: 4, mtu: 9_000, ..PortConfig::default() };
    let (request, applied) = plan("p", "net_dull", &config, &device, 2_048).unwrap();
    assert_eq!((request.rx_queues, request.tx_queues, request.rss, request.scatter), (2, 1, false, false));
    let queues = Warning::Queues { wanted: (4, 4), granted: (2, 1) };
    assert_eq!(applied.warnings, [queues, Warning::SymmetricRss, Warning::Scatter]);
    assert!(!applied.symmetric_rss);
}

#[test]
fn an_mtu_beyond_the_device_is_refused_unless_its_limit_is_a_guess() {
    let device = dpdk::keyhush_port_info { max_mtu: u16::MAX, max_rx_frame: 1_518, ..device() };
    let config = PortConfig { mtu: 9_000, ..PortConfig::default() };
    let refused = plan("p", "net_ice", &config, &device, 9_216).unwrap_err();
    assert_eq!(refused, NicError::Mtu { port: "p".to_owned(), wanted: 9_000, at_least: 68, at_most: 1_500 });
    let (request, applied) = plan("p", "net_af_packet", &config, &device, 9_216).unwrap();
    assert_eq!((request.mtu, applied.mtu), (0, None));
    assert_eq!(applied.warnings, [Warning::MtuNotSet { wanted: 9_000, errno: 0 }]);
    let boundless = dpdk::keyhush_port_info { max_mtu: u16::MAX, max_rx_frame: u32::MAX, ..device };
    assert_eq!(plan("p", "net_ring", &config, &boundless, 9_216).unwrap().1.mtu, Some(9_000));
    let tiny = PortConfig { mtu: 20, ..PortConfig::default() };
    assert!(plan("p", "net_af_packet", &tiny, &boundless, 2_048).is_err());
}
