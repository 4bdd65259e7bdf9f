//! Ports. A stopped port cannot receive, a started one cannot be set up anew: each is a type.

pub(crate) mod config;

use core::cell::Cell;
use core::marker::PhantomData;
use std::ffi::CStr;
use std::sync::Arc;

use dpdk_sys as dpdk;

use crate::eal::Shared;
use crate::error::NicError;
use crate::pool::Pool;
use crate::queue::{RxQueue, TxQueue};
use config::{Applied, PortConfig, Warning};

/// A port of DPDK's, held by this value alone. Its calls are not to be made by two threads at once; its queues may work
/// meanwhile.
pub struct Port<State> {
    id: u16,
    name: String,
    driver: String,
    state: State,
    one_thread: PhantomData<Cell<()>>,
}

/// The state of a port that neither receives nor sends.
pub struct Stopped {
    claim: Arc<Claim>,
}

/// The state of a port whose queues work.
pub struct Started {
    rx: Vec<RxQueue>,
    tx: Vec<TxQueue>,
    applied: Applied,
    running: Arc<Running>,
}

/// The right to a port, given back on drop.
struct Claim {
    id: u16,
    name: String,
    shared: Arc<Shared>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.unclaim(self.id);
    }
}

/// A device at work; it stops when the port and the last of its queues are gone.
pub(crate) struct Running {
    claim: Arc<Claim>,
}

impl Running {
    pub(crate) fn port(&self) -> u16 {
        self.claim.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.claim.name
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: the port is started, and no queue is left that could be in use.
        unsafe { dpdk::rte_eth_dev_stop(self.claim.id) };
    }
}

/// The state of a port's link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Whether it is up.
    pub up: bool,
    /// Its speed in Mbit/s, as far as the driver knows one.
    pub speed: Option<u32>,
}

/// A port's counters, as its driver keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PortStats {
    /// Packets received.
    pub ipackets: u64,
    /// Packets sent.
    pub opackets: u64,
    /// Packets that the device dropped since its receive queue was full.
    pub imissed: u64,
    /// Packets that arrived with errors.
    pub ierrors: u64,
    /// Packets lost since the pool was empty.
    pub rx_nombuf: u64,
    /// Packets that failed to be sent.
    pub oerrors: u64,
}

/// A port could not be stopped since queues of it are in use. It still works.
pub struct StopRefused {
    /// The port.
    pub port: Box<Port<Started>>,
    /// The queues that were taken from it and still live.
    pub queues: usize,
}

impl core::fmt::Debug for StopRefused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "port {} has {} queues in use", self.port.name, self.queues)
    }
}

impl<State> Port<State> {
    /// The name of its device: a PCI address, or a virtual device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its driver.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// Its MAC address.
    ///
    /// # Errors
    /// When the driver has none.
    pub fn mac_address(&self) -> Result<[u8; 6], NicError> {
        let mut address = [0; 6];
        // SAFETY: the port exists, and the function writes six bytes.
        self.answer("tell its address", unsafe { dpdk::keyhush_mac(self.id, address.as_mut_ptr()) })?;
        Ok(address)
    }

    /// The state of its link, without waiting for a change to settle.
    ///
    /// # Errors
    /// When the driver cannot tell.
    pub fn link(&self) -> Result<Link, NicError> {
        let mut link = dpdk::keyhush_link::default();
        // SAFETY: the port exists, and `link` may be written to.
        self.answer("tell its link", unsafe { dpdk::keyhush_link(self.id, &mut link) })?;
        Ok(Link { up: link.up, speed: (link.speed != 0).then_some(link.speed) })
    }

    /// Its counters.
    ///
    /// # Errors
    /// When the driver keeps none.
    pub fn stats(&self) -> Result<PortStats, NicError> {
        let mut stats = dpdk::keyhush_stats::default();
        // SAFETY: the port exists, and `stats` may be written to.
        self.answer("tell its counters", unsafe { dpdk::keyhush_stats(self.id, &mut stats) })?;
        Ok(PortStats {
            ipackets: stats.received,
            opackets: stats.sent,
            imissed: stats.missed,
            ierrors: stats.receive_errors,
            rx_nombuf: stats.no_mbuf,
            oerrors: stats.send_errors,
        })
    }

    fn answer(&self, operation: &'static str, answer: i32) -> Result<(), NicError> {
        if answer < 0 { Err(NicError::driver(&self.name, operation, answer)) } else { Ok(()) }
    }

    fn device(&self) -> Result<dpdk::keyhush_port_info, NicError> {
        let mut info = dpdk::keyhush_port_info::default();
        // SAFETY: the port exists, and `info` may be written to.
        self.answer("describe itself", unsafe { dpdk::keyhush_port_info(self.id, &mut info) })?;
        Ok(info)
    }
}

impl Port<Stopped> {
    pub(crate) fn claim(shared: Arc<Shared>, id: u16, name: &str) -> Result<Port<Stopped>, NicError> {
        if !shared.claim(id) {
            return Err(NicError::PortInUse(name.to_owned()));
        }
        let name = name.to_owned();
        let claim = Arc::new(Claim { id, name: name.clone(), shared });
        let mut port =
            Port { id, name, driver: String::new(), state: Stopped { claim }, one_thread: PhantomData };
        let driver = port.device()?.driver_name;
        if !driver.is_null() {
            // SAFETY: a constant string of the driver, which ends in NUL and lives as long as EAL.
            port.driver = unsafe { CStr::from_ptr(driver) }.to_string_lossy().into_owned();
        }
        Ok(port)
    }

    /// Sets the device up and starts it; what it receives goes into packets of `pool`. VLAN tags stay in the frames.
    ///
    /// # Errors
    /// When the device cannot carry frames of that MTU, or its driver refuses. The port may then be taken anew.
    pub fn start(self, config: &PortConfig, pool: &Pool) -> Result<Port<Started>, NicError> {
        let device = self.device()?;
        let (request, mut applied) =
            config::plan(&self.name, &self.driver, config, &device, pool.data_room())?;
        // SAFETY: the port exists, is stopped and ours alone, as in all of this function's calls.
        self.answer("be set up", unsafe { dpdk::keyhush_port_configure(self.id, &request) })?;
        if request.mtu != 0 {
            // SAFETY: as above.
            let answer = unsafe { dpdk::rte_eth_dev_set_mtu(self.id, request.mtu) };
            if answer < 0 {
                // Set-up has accepted it, and real devices take it from there; the interface behind a virtual one keeps its own.
                let errno = if answer == -libc::ENOTSUP { 0 } else { answer.wrapping_neg() };
                applied.warnings.push(Warning::MtuNotSet { wanted: request.mtu, errno });
                applied.mtu = None;
            }
        }
        self.set_up_queues(&mut applied, device.socket, pool)?;
        // SAFETY: as above; all queues are set up.
        self.answer("start", unsafe { dpdk::rte_eth_dev_start(self.id) })?;
        let Port { id, name, driver, state, one_thread } = self;
        let running = Arc::new(Running { claim: state.claim });
        let rx = (0..applied.rx_queues).map(|queue| RxQueue::new(Arc::clone(&running), queue)).collect();
        let tx = (0..applied.tx_queues).map(|queue| TxQueue::new(Arc::clone(&running), queue)).collect();
        let mut port = Port { id, name, driver, state: Started { rx, tx, applied, running }, one_thread };
        port.set_promiscuous(config.promiscuous)?;
        Ok(port)
    }

    fn set_up_queues(&self, applied: &mut Applied, socket: i32, pool: &Pool) -> Result<(), NicError> {
        let wanted = (applied.rx_descriptors, applied.tx_descriptors);
        let Applied { rx_descriptors: rx, tx_descriptors: tx, .. } = applied;
        // SAFETY: the port exists and is stopped, and both numbers may be written to.
        let answer = unsafe { dpdk::rte_eth_dev_adjust_nb_rx_tx_desc(self.id, rx, tx) };
        self.answer("size its queues", answer)?;
        let granted = (*rx, *tx);
        if granted != wanted {
            applied.warnings.push(Warning::Descriptors { wanted, granted });
        }
        // Only one EAL is ever up, so that its pools fit its ports.
        debug_assert!(pool.belongs_to(&self.state.claim.shared));
        for queue in 0..applied.rx_queues {
            // SAFETY: the port is set up with this many queues; the pool lives as long as EAL.
            let answer =
                unsafe { dpdk::keyhush_rx_queue_setup(self.id, queue, granted.0, socket, pool.raw()) };
            self.answer("set up a receive queue", answer)?;
        }
        for queue in 0..applied.tx_queues {
            // SAFETY: the port is set up with this many queues.
            let answer = unsafe { dpdk::keyhush_tx_queue_setup(self.id, queue, granted.1, socket) };
            self.answer("set up a send queue", answer)?;
        }
        Ok(())
    }
}

impl Port<Started> {
    /// What the device granted of what it was asked for.
    pub fn applied(&self) -> &Applied {
        &self.state.applied
    }

    /// Hands out the receive queues, in order. They may be had once.
    pub fn take_rx_queues(&mut self) -> Vec<RxQueue> {
        core::mem::take(&mut self.state.rx)
    }

    /// Hands out the send queues, in order. They may be had once.
    pub fn take_tx_queues(&mut self) -> Vec<TxQueue> {
        core::mem::take(&mut self.state.tx)
    }

    /// Raises or lowers the link as far as the device can, so that its peer sees it.
    ///
    /// # Errors
    /// [`NicError::Unsupported`] where it cannot.
    pub fn set_link(&self, up: bool) -> Result<(), NicError> {
        // SAFETY: the port exists and is started.
        let answer = unsafe {
            if up { dpdk::rte_eth_dev_set_link_up(self.id) } else { dpdk::rte_eth_dev_set_link_down(self.id) }
        };
        self.answer(if up { "raise its link" } else { "lower its link" }, answer)
    }

    /// Stops the device, once no queue of it is in use any more.
    ///
    /// # Errors
    /// Gives the port back while queues that were taken from it live.
    pub fn stop(self) -> Result<Port<Stopped>, StopRefused> {
        let Port { id, name, driver, state, one_thread } = self;
        let Started { rx, tx, applied, running } = state;
        let untaken = rx.len() + tx.len();
        let taken = Arc::strong_count(&running) - 1 - untaken;
        if taken > 0 {
            let state = Started { rx, tx, applied, running };
            let port = Box::new(Port { id, name, driver, state, one_thread });
            return Err(StopRefused { port, queues: taken });
        }
        let claim = Arc::clone(&running.claim);
        // The last that hold the device running: it stops here.
        drop((rx, tx, running));
        Ok(Port { id, name, driver, state: Stopped { claim }, one_thread })
    }

    fn set_promiscuous(&mut self, wanted: bool) -> Result<(), NicError> {
        // SAFETY: the port exists and is started.
        let answer = unsafe {
            if wanted {
                dpdk::rte_eth_promiscuous_enable(self.id)
            } else {
                dpdk::rte_eth_promiscuous_disable(self.id)
            }
        };
        match self.answer("become promiscuous", answer) {
            Err(NicError::Unsupported { .. }) if wanted => {
                self.state.applied.promiscuous = false;
                self.state.applied.warnings.push(Warning::Promiscuous);
                Ok(())
            }
            Err(NicError::Unsupported { .. }) => Ok(()),
            other => other,
        }
    }
}
