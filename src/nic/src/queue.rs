//! The queues of a started port.

use core::cell::Cell;
use core::marker::PhantomData;
use std::sync::Arc;

use dpdk_sys as dpdk;

use crate::burst::Burst;
use crate::port::Running;

/// A queue of received packets, used by one thread at a time. The port runs while it lives.
pub struct RxQueue {
    port: u16,
    queue: u16,
    running: Arc<Running>,
    one_thread: PhantomData<Cell<()>>,
}

/// A queue of packets to be sent, used by one thread at a time. The port runs while it lives.
pub struct TxQueue {
    port: u16,
    queue: u16,
    running: Arc<Running>,
    one_thread: PhantomData<Cell<()>>,
}

impl RxQueue {
    pub(crate) fn new(running: Arc<Running>, queue: u16) -> RxQueue {
        RxQueue { port: running.port(), queue, running, one_thread: PhantomData }
    }

    /// The name of the queue's port.
    pub fn port_name(&self) -> &str {
        self.running.name()
    }

    /// Its number, from 0.
    pub fn index(&self) -> u16 {
        self.queue
    }

    /// Adds to the burst what has arrived and fits, without waiting, and says how many. Some drivers give nothing where
    /// fewer than 4 fit, and are fastest where 32 or more do: best give an empty burst.
    pub fn receive(&mut self, burst: &mut Burst) -> usize {
        let (room, count) = burst.vacancy();
        // SAFETY: the port is started and has this queue while `running` lives, and no other thread is in it, as `self` is
        // borrowed alone. The driver writes at most `count` packets, which are then ours.
        unsafe {
            let received = dpdk::keyhush_rx_burst(self.port, self.queue, room, count);
            burst.filled(received);
            usize::from(received)
        }
    }
}

impl TxQueue {
    pub(crate) fn new(running: Arc<Running>, queue: u16) -> TxQueue {
        TxQueue { port: running.port(), queue, running, one_thread: PhantomData }
    }

    /// The name of the queue's port.
    pub fn port_name(&self) -> &str {
        self.running.name()
    }

    /// Its number, from 0.
    pub fn index(&self) -> u16 {
        self.queue
    }

    /// Gives the device as many packets as it takes, from the first on, and says how many. The others stay in the burst, in
    /// order.
    pub fn transmit(&mut self, burst: &mut Burst) -> usize {
        let count = burst.len() as u16;
        // SAFETY: the port is started and has this queue while `running` lives, and no other thread is in it, as `self` is
        // borrowed alone. The packets that the driver took are its own from now on; it took the first ones.
        unsafe {
            let sent = dpdk::keyhush_tx_burst(self.port, self.queue, burst.as_raw(), count);
            burst.given_away(sent);
            usize::from(sent)
        }
    }
}
