//! The name of a port: a PCI address, or one of DPDK's virtual devices with its arguments.

use core::fmt;

use crate::document::nearest;

/// A device as EAL is told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    name: String,
    arguments: Vec<(String, String)>,
    pci: bool,
}

/// Why a text names no device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DeviceError {
    pub(crate) expected: &'static str,
    pub(crate) remedy: String,
}

/// The virtual devices of DPDK 22.11 that make sense on a wire, for spotting misspelt ones.
const DRIVERS: &[&str] = &[
    "net_af_packet",
    "net_af_xdp",
    "net_bonding",
    "net_failsafe",
    "net_memif",
    "net_null",
    "net_pcap",
    "net_ring",
    "net_tap",
    "net_vhost",
    "net_virtio_user",
];

/// One less than `RTE_DEV_NAME_MAX_LEN`: room for the terminating zero.
const NAME_MAX: usize = 63;
/// One less than `IFNAMSIZ`.
const INTERFACE_MAX: usize = 15;
const DEVICE: &str = "a PCI address (\"0000:03:00.0\") or a virtual device (\"net_af_packet0,iface=eth0\")";
const ARGUMENTS: &str = "arguments of the form key=value, separated by commas and without spaces";

impl Device {
    /// Reads a PCI address with or without domain, or a virtual device; either with arguments after a comma.
    pub(crate) fn parse(text: &str) -> Result<Device, DeviceError> {
        let refuse = |remedy: String| Err(DeviceError { expected: DEVICE, remedy });
        let (head, rest) = match text.split_once(',') {
            Some((head, rest)) => (head, Some(rest)),
            None => (text, None),
        };
        let arguments = match rest {
            Some(rest) => parse_arguments(rest)?,
            None => Vec::new(),
        };
        if let Some(name) = pci_address(head) {
            return Ok(Device { name, arguments, pci: true });
        }
        if head.is_empty() {
            return refuse("see `dpdk-devbind.py --status` for the PCI addresses of this machine".into());
        }
        let plain =
            head.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if !plain || head.len() > NAME_MAX {
            return refuse(
                "take the address from `dpdk-devbind.py --status`, or name a virtual device".into(),
            );
        }
        let Some(driver) =
            head.strip_prefix("net_").map(|_| head.trim_end_matches(|c: char| c.is_ascii_digit()))
        else {
            return refuse(format!(
                "for the kernel's interface \"{head}\" write \"net_af_packet0,iface={head}\", or take its PCI \
                 address from `dpdk-devbind.py --status`"
            ));
        };
        if !DRIVERS.contains(&driver)
            && let Some(known) = nearest(driver, DRIVERS.iter().copied())
        {
            let number = &head[driver.len()..];
            return refuse(format!("write \"{known}{number}\""));
        }
        let device = Device { name: head.to_owned(), arguments, pci: false };
        device.check_interface(driver)?;
        Ok(device)
    }

    fn check_interface(&self, driver: &str) -> Result<(), DeviceError> {
        let refuse = |remedy: String| {
            Err(DeviceError {
                expected: "the kernel's interface as iface=NAME, at most 15 characters",
                remedy,
            })
        };
        match self.argument("iface") {
            Some(name) if driver != "net_pcap" && name.len() > INTERFACE_MAX => {
                refuse(format!("take the name from `ip link`; \"{name}\" is longer than any"))
            }
            None if matches!(driver, "net_af_packet" | "net_af_xdp") => {
                refuse(format!("add the interface: \"{},iface=eth0\"", self.name))
            }
            _ => Ok(()),
        }
    }

    /// The name by which DPDK knows the port: the PCI address with its domain, or the virtual device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a PCI device.
    pub fn is_pci(&self) -> bool {
        self.pci
    }

    /// The value of an argument, the first of that name.
    pub fn argument(&self, key: &str) -> Option<&str> {
        self.arguments.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The driver of a virtual device, such as `net_af_packet`; `None` for PCI.
    pub fn driver(&self) -> Option<&str> {
        (!self.pci).then(|| self.name.trim_end_matches(|c: char| c.is_ascii_digit()))
    }

    pub(crate) fn set_default(&mut self, key: &str, value: impl fmt::Display) {
        if self.argument(key).is_none() {
            self.arguments.push((key.to_owned(), value.to_string()));
        }
    }
}

impl fmt::Display for Device {
    /// As EAL reads it after `--vdev=` or `-a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.arguments.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

fn parse_arguments(text: &str) -> Result<Vec<(String, String)>, DeviceError> {
    let refuse = |remedy: String| DeviceError { expected: ARGUMENTS, remedy };
    text.split(',')
        .map(|argument| match argument.split_once('=') {
            _ if argument.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                Err(refuse(format!("remove the spaces from \"{}\"", argument.escape_debug())))
            }
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                Ok((key.to_owned(), value.to_owned()))
            }
            _ if argument.is_empty() => Err(refuse("remove the comma that nothing follows".into())),
            _ => Err(refuse(format!("write \"{}=VALUE\"", argument.trim_end_matches('=')))),
        })
        .collect()
}

/// `[domain:]bus:device.function` in hexadecimal, with the domain and in lower case as DPDK names ports.
fn pci_address(text: &str) -> Option<String> {
    let hex = |digits: &str, length: usize| {
        (digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| u32::from_str_radix(digits, 16).ok())
            .flatten()
    };
    let (slot, function) = text.split_once('.')?;
    let mut parts = slot.rsplit(':');
    let device = hex(parts.next()?, 2).filter(|&device| device < 32)?;
    let bus = hex(parts.next()?, 2)?;
    let domain = match parts.next() {
        Some(digits) => hex(digits, 4)?,
        None => 0,
    };
    let function = hex(function, 1).filter(|&function| function < 8)?;
    parts.next().is_none().then(|| format!("{domain:04x}:{bus:02x}:{device:02x}.{function}"))
}
