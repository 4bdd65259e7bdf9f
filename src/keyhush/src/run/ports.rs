//! Devices → started ports and their queues.

use std::sync::Arc;

use handover::{Counter, Counters, Instant, Side};
use nic::{Eal, NicError, Pool, Port, PortConfig, RxQueue, Started, TxQueue};
use settings::Settings;

use super::link::CarriedLink;

/// The queues of one wire for one lcore: what comes from and goes to each side.
pub(super) struct WireQueues {
    pub(super) carrier: (RxQueue, TxQueue),
    pub(super) customer: (RxQueue, TxQueue),
}

struct StartedWire {
    name: String,
    ports: [Port<Started>; 2],
    queues: Vec<WireQueues>,
    /// `None` where links are not carried.
    link: Option<CarriedLink>,
    /// What each port's device had lost when last asked.
    losses: [[u64; 4]; 2],
}

/// All wires.
pub(super) struct Wires {
    wires: Vec<StartedWire>,
    pool: Arc<Pool>,
    counters: Counters,
}

impl Wires {
    /// Makes the packet pool and starts every port.
    pub(super) fn start(eal: &Eal, settings: &Settings, counters: Counters) -> Result<Wires, NicError> {
        let socket = eal.lcores().first().map_or(0, |lcore| lcore.socket);
        let own = &settings.pool;
        let pool = Arc::new(Pool::new(eal, "keyhush", own.mbufs, own.cache, own.data_room, socket)?);
        let mut wires = Vec::new();
        for wire in &settings.wires {
            let config = PortConfig {
                rx_queues: wire.queues,
                tx_queues: wire.queues,
                rx_descriptors: wire.descriptors,
                tx_descriptors: wire.descriptors,
                mtu: wire.mtu,
                ..PortConfig::default()
            };
            let mut carrier = start(eal, wire.carrier.name(), &config, &pool)?;
            let mut customer = start(eal, wire.customer.name(), &config, &pool)?;
            let queues = pair(&mut carrier)
                .zip(pair(&mut customer))
                .map(|(carrier, customer)| WireQueues { carrier, customer })
                .collect();
            let link = wire.carry_link.then(|| CarriedLink::new(Instant::ZERO));
            wires.push(StartedWire {
                name: wire.name.clone(),
                ports: [carrier, customer],
                queues,
                link,
                losses: [[0; 4]; 2],
            });
        }
        Ok(Wires { wires, pool, counters })
    }

    /// The pool of all packets.
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }

    /// The next lcore's queues of a wire.
    pub(super) fn take_queues(&mut self, wire: usize) -> Option<WireQueues> {
        self.wires.get_mut(wire)?.queues.pop()
    }

    /// Counts what the devices say they have lost since they were last asked.
    pub(super) fn count_losses(&mut self) {
        for wire in &mut self.wires {
            for (port, last) in wire.ports.iter().zip(&mut wire.losses) {
                let Ok(stats) = port.stats() else { continue };
                let now = [stats.imissed, stats.rx_nombuf, stats.ierrors, stats.oerrors];
                let counters = [
                    Counter::PortMissed,
                    Counter::PortNoBuffer,
                    Counter::PortRxErrors,
                    Counter::PortTxErrors,
                ];
                for ((counter, now), last) in counters.into_iter().zip(now).zip(last.iter_mut()) {
                    // A device that was reset counts from zero.
                    self.counters.add(counter, now.saturating_sub(*last));
                    *last = now;
                }
            }
        }
    }

    /// Looks at every wire's links and takes a port down, or up again, after its peer.
    pub(super) fn carry_links(&mut self, now: Instant) {
        for wire in &mut self.wires {
            let [carrier, customer] = &wire.ports;
            let (Some(link), Ok(carrier_link), Ok(customer_link)) =
                (&mut wire.link, carrier.link(), customer.link())
            else {
                continue;
            };
            let Some(set) = link.step(now, carrier_link.up, customer_link.up) else { continue };
            let (port, side) = match set.side {
                Side::Carrier => (carrier, "carrier"),
                Side::Customer => (customer, "customer"),
            };
            match port.set_link(set.up) {
                Ok(()) => {
                    self.counters.count(Counter::LinkCarried);
                    let way = if set.up { "up" } else { "down" };
                    eprintln!("keyhush: wire {}: {side} port {way} after its peer", wire.name);
                }
                Err(error) => {
                    eprintln!("keyhush: wire {}: links are not carried: {error}", wire.name);
                    wire.link = None;
                }
            }
        }
    }

    /// Stops every port whose queues have come back.
    pub(super) fn stop(self) {
        for wire in self.wires {
            drop(wire.queues);
            for port in wire.ports {
                if let Err(refused) = port.stop() {
                    eprintln!("keyhush: wire {}: {refused:?}", wire.name);
                }
            }
        }
    }
}

fn start(eal: &Eal, name: &str, config: &PortConfig, pool: &Pool) -> Result<Port<Started>, NicError> {
    let port = eal.port_named(name)?.start(config, pool)?;
    for warning in &port.applied().warnings {
        eprintln!("keyhush: port {name}: {warning}");
    }
    Ok(port)
}

fn pair(port: &mut Port<Started>) -> impl Iterator<Item = (RxQueue, TxQueue)> + use<> {
    port.take_rx_queues().into_iter().zip(port.take_tx_queues())
}
