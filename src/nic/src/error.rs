//! Why DPDK refused.

use std::io;

/// Why something could not be done with DPDK. `errno` is positive, as in `<errno.h>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NicError {
    /// EAL starts once a process, also when that failed.
    AlreadyInitialised,
    /// An argument for EAL, or a name, that C cannot hold or that EAL does not know.
    Argument(String),
    /// EAL did not start; it has told the reason on stderr.
    Eal {
        /// The reason, as far as EAL gives one.
        errno: i32,
    },
    /// The lcore is not among those that EAL was given.
    NoSuchLcore(u32),
    /// The lcore still runs what it was given before.
    LcoreBusy(u32),
    /// The pool of packets could not be made: no memory, or the name is taken.
    Pool {
        /// Its name.
        name: String,
        /// The reason.
        errno: i32,
    },
    /// No packet is left in the pool.
    PoolEmpty,
    /// The frame needs more segments than a packet may have.
    FrameTooLong {
        /// The frame's bytes.
        length: usize,
    },
    /// EAL found no port of that name.
    NoSuchPort(String),
    /// The port is held by another [`Port`](crate::Port).
    PortInUse(String),
    /// The port cannot carry frames of that MTU.
    Mtu {
        /// The port.
        port: String,
        /// The MTU asked for.
        wanted: u16,
        /// The smallest that the device takes.
        at_least: u16,
        /// The largest that the device takes.
        at_most: u16,
    },
    /// The device cannot do that at all.
    Unsupported {
        /// The port.
        port: String,
        /// What was tried.
        operation: &'static str,
    },
    /// The device's driver refused.
    Driver {
        /// The port.
        port: String,
        /// What was tried.
        operation: &'static str,
        /// The reason.
        errno: i32,
    },
}

impl NicError {
    /// The error for a negative answer of a driver.
    pub(crate) fn driver(port: &str, operation: &'static str, answer: i32) -> NicError {
        let port = port.to_owned();
        if answer == -libc::ENOTSUP {
            NicError::Unsupported { port, operation }
        } else {
            NicError::Driver { port, operation, errno: answer.wrapping_neg() }
        }
    }
}

impl core::fmt::Display for NicError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let reason = |errno: &i32| io::Error::from_raw_os_error(*errno);
        match self {
            NicError::AlreadyInitialised => f.write_str("DPDK starts only once in a process"),
            NicError::Argument(argument) => write!(f, "DPDK cannot take the argument {argument:?}"),
            NicError::Eal { errno } => write!(f, "DPDK did not start: {}", reason(errno)),
            NicError::NoSuchLcore(lcore) => write!(f, "DPDK was not given lcore {lcore}"),
            NicError::LcoreBusy(lcore) => write!(f, "lcore {lcore} is still at work"),
            NicError::Pool { name, errno } => write!(f, "packet pool {name}: {}", reason(errno)),
            NicError::PoolEmpty => f.write_str("no packet is left in the pool"),
            NicError::FrameTooLong { length } => {
                write!(f, "a frame of {length} bytes needs too many segments")
            }
            NicError::NoSuchPort(port) => write!(f, "DPDK has no port {port}"),
            NicError::PortInUse(port) => write!(f, "port {port} is already in use"),
            NicError::Mtu { port, wanted, at_least, at_most } => {
                write!(f, "port {port} takes an MTU from {at_least} to {at_most}, not {wanted}")
            }
            NicError::Unsupported { port, operation } => write!(f, "port {port} cannot {operation}"),
            NicError::Driver { port, operation, errno } => {
                write!(f, "port {port} refused to {operation}: {}", reason(errno))
            }
        }
    }
}

impl core::error::Error for NicError {}
