//! The arguments of DPDK's environment abstraction layer (EAL).

use core::ops::Range;

use crate::Device;
use crate::document::{Document, Section};
use crate::model::Settings;
use crate::parse::FRAME_OVERHEAD;

/// Arguments that other keys say, and those keys.
const SPOKEN_FOR: &[(&[&str], &str)] = &[
    (&["-l", "-c", "--lcores", "--main-lcore", "--master-lcore", "-s", "-S"], "[[lcore]]"),
    (&["-a", "--allow", "-w", "--vdev", "-b", "--block", "--no-pci"], "[[wire]] and eal.devices"),
    (&["--no-huge", "--in-memory", "--huge-unlink"], "eal.hugepages"),
    (&["-m"], "eal.memory_mib"),
    (&["--file-prefix"], "eal.file_prefix"),
    (&["--no-telemetry"], "nothing: telemetry is always off"),
    (&["--proc-type", "--no-shconf"], "nothing: Keyhush shares its memory with no other process"),
];

/// The frame size that `net_af_packet` takes by itself.
const AF_PACKET_FRAME: u32 = 2048;
const AF_PACKET_MOST: u32 = 65_536;

/// What `net_af_packet` needs of its ring slots: it cuts a frame at `framesz` without a word.
fn af_packet_frame(mtu: u16) -> u32 {
    u32::from(mtu) + 128
}

/// Notes an argument that contradicts what the settings already say.
pub(crate) fn check_argument(document: &mut Document<'_>, argument: &str, span: Range<usize>) {
    let shown = format!("\"{}\"", argument.escape_debug());
    if argument.is_empty() || argument.contains('\0') {
        document.problem(span, "eal.arguments", shown, "arguments of DPDK's EAL", "remove it");
        return;
    }
    let name = argument.split('=').next().unwrap_or_default();
    let short = |known: &str| known.len() == 2 && !name.starts_with("--") && name.starts_with(known);
    for (names, key) in SPOKEN_FOR {
        if names.iter().any(|known| *known == name || short(known)) {
            let expected = format!("arguments that no key gives; this one is said by {key}");
            document.problem(span, "eal.arguments", shown, expected, "remove it here");
            return;
        }
    }
    if name == "--" {
        let remedy = "remove it: what follows is not EAL's";
        document.problem(span, "eal.arguments", shown, "arguments of DPDK's EAL", remedy);
    }
}

/// Notes ring slots of `net_af_packet` that would cut frames.
pub(crate) fn check_frame_size(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    key: &str,
    device: &Device,
    mtu: u16,
) {
    let (Some("net_af_packet"), Some(given)) = (device.driver(), device.argument("framesz")) else { return };
    let least = af_packet_frame(mtu).next_multiple_of(16);
    let good = given.parse::<u32>().is_ok_and(|given| (least..=AF_PACKET_MOST).contains(&given));
    if !good {
        document.problem(
            section.place(key),
            section.path(key),
            format!("framesz={given} with an MTU of {mtu}"),
            format!("framesz of at least {least}: longer frames would be cut"),
            format!("write framesz={least}, or leave framesz and blocksz out: they are then chosen"),
        );
    }
}

/// Adds the arguments that follow from the wire's settings where the file does not give them.
pub(crate) fn complete(device: &mut Device, mtu: u16, queues: u16) {
    if device.driver() != Some("net_af_packet") {
        return;
    }
    if queues > 1 {
        device.set_default("qpairs", queues);
    }
    let frame = af_packet_frame(mtu);
    if frame > AF_PACKET_FRAME && device.argument("framesz").is_none() && device.argument("blocksz").is_none()
    {
        // The kernel wants slots of a multiple of 16, blocks of whole pages, and whole slots in each block. The rings
        // are locked memory, of which an ordinary user has 8 MiB: fewer slots where they are larger.
        let frame = frame.next_multiple_of(1024);
        device.set_default("framesz", frame);
        device.set_default("blocksz", frame * 4);
        device.set_default("framecnt", if frame > 4096 { 128 } else { 256 });
    }
}

/// Notes memory too small for the packet pool.
pub(crate) fn check_memory(document: &mut Document<'_>, root: &Section<'_, '_>, settings: &Settings) {
    let Some(given) = settings.eal.memory_mib else { return };
    let least = settings.memory_need_mib();
    if given < least {
        let place = root.table(document, "eal").map_or(0..0, |section| section.place("memory_mib"));
        document.problem(
            place,
            "eal.memory_mib",
            given.to_string(),
            format!(
                "at least {least}: {} packet buffers of {} bytes",
                settings.pool.mbufs, settings.pool.data_room
            ),
            format!("write {least} or more, or make the pool smaller"),
        );
    }
}

impl Settings {
    /// MiB of memory for the packet pool and DPDK's own tables.
    pub fn memory_need_mib(&self) -> u32 {
        // struct rte_mbuf takes 128 bytes, a mempool's object header 64, the pool's ring 16 (rounded to a power of
        // two); 32 MiB are for EAL, the ports' queues and statistics.
        let one = u64::from(self.pool.data_room) + 128 + 64 + 32;
        let bytes = u64::from(self.pool.mbufs) * one + (32 << 20);
        u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX)
    }

    /// The name of EAL's runtime directory where there are no hugepages.
    pub fn file_prefix(&self) -> String {
        self.eal.file_prefix.clone().unwrap_or_else(|| format!("keyhush-{}", std::process::id()))
    }

    /// The whole argument vector for EAL, the program's name first. EAL's lcore numbers are the places in
    /// [`Settings::lcores`]; its main lcore is the signalling lcore.
    pub fn eal_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["keyhush".to_owned()];
        let cores: Vec<String> =
            self.lcores.iter().enumerate().map(|(lcore, own)| format!("{lcore}@{}", own.core)).collect();
        arguments.push(format!("--lcores={}", cores.join(",")));
        let main = self.lcores.iter().position(|lcore| lcore.signalling).unwrap_or(0);
        arguments.push(format!("--main-lcore={main}"));
        if self.eal.hugepages {
            arguments.push("--in-memory".to_owned());
            if let Some(mib) = self.eal.memory_mib {
                arguments.extend(["-m".to_owned(), mib.to_string()]);
            }
        } else {
            let mib = self.eal.memory_mib.unwrap_or(self.memory_need_mib());
            arguments.extend(["--no-huge".to_owned(), "-m".to_owned(), mib.to_string()]);
            arguments.push(format!("--file-prefix={}", self.file_prefix()));
        }
        arguments.push("--no-telemetry".to_owned());
        let ports = self.wires.iter().flat_map(|wire| [&wire.carrier, &wire.customer]);
        let devices: Vec<&Device> = self.eal.devices.iter().chain(ports).collect();
        if !devices.iter().any(|device| device.is_pci()) {
            arguments.push("--no-pci".to_owned());
        }
        for device in devices {
            if device.is_pci() {
                arguments.extend(["-a".to_owned(), device.to_string()]);
            } else {
                arguments.push(format!("--vdev={device}"));
            }
        }
        arguments.extend(self.eal.arguments.iter().cloned());
        arguments
    }
}

impl crate::Wire {
    /// The largest frame in bytes: the MTU, Ethernet header and two VLAN tags, without the check sequence.
    pub fn frame_len(&self) -> u16 {
        self.mtu + FRAME_OVERHEAD - 4
    }
}
