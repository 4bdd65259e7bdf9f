//! `[[wire]]`

use std::collections::BTreeMap;

use super::{Placed, only};
use crate::document::{Document, Section};
use crate::model::Wire;
use crate::{Device, eal};

/// `RTE_MAX_ETHPORTS` is 32 in Debian's DPDK.
const WIRES_MAX: usize = 16;

pub(super) fn read_wires(document: &mut Document<'_>, root: &Section<'_, '_>) -> Vec<Option<Placed<Wire>>> {
    let sections = root.tables(document, "wire");
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut devices: BTreeMap<String, String> = BTreeMap::new();
    let mut wires = Vec::new();
    for (number, section) in sections.iter().enumerate() {
        only(document, section, "[[wire]]");
        let name = match section.text(document, "name") {
            Some((name, span)) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
                    document.problem(
                        span,
                        section.path("name"),
                        format!("\"{}\"", name.escape_debug()),
                        "1 to 32 letters, digits, dots, hyphens and underscores",
                        "shorten it to such a name: it is a label in messages",
                    );
                }
                name.to_owned()
            }
            None => format!("wire-{}", number + 1),
        };
        if let Some(other) = names.insert(name.clone(), section.path("name")) {
            document.problem(
                section.place("name"),
                section.path("name"),
                format!("\"{name}\" as in {other}"),
                "a name of its own for every wire",
                format!("rename one, for instance to \"{name}-{}\"", number + 1),
            );
        }
        let carrier = read_port(document, section, "carrier", &mut devices);
        let customer = read_port(document, section, "customer", &mut devices);
        let mtu = section.integer(document, "mtu", 576..=9600u16).unwrap_or(1500);
        let descriptors = read_descriptors(document, section);
        let carry_link = section.boolean(document, "carry_link").unwrap_or(true);
        wires.push(match (carrier, customer) {
            (Some(carrier), Some(customer)) => {
                for (key, device) in [("carrier", &carrier), ("customer", &customer)] {
                    eal::check_frame_size(document, section, key, device, mtu);
                }
                let wire = Wire { name, carrier, customer, mtu, descriptors, queues: 0, carry_link };
                Some((wire, section.span()))
            }
            _ => None,
        });
    }
    if let Some(section) = sections.get(WIRES_MAX) {
        document.problem(
            section.span(),
            section.path("").trim_end_matches('.'),
            format!("{} wires", sections.len()),
            format!("at most {WIRES_MAX} wires"),
            "give the rest to another box",
        );
    }
    wires
}

fn read_port(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    key: &str,
    devices: &mut BTreeMap<String, String>,
) -> Option<Device> {
    let path = section.path(key);
    if !section.has(key) {
        let side = if key == "carrier" { "trunk" } else { "contact centre" };
        document.problem(
            section.span(),
            path,
            "missing",
            format!("the port towards the {side}"),
            format!("add {key} = \"0000:03:00.0\", with the address from `dpdk-devbind.py --status`"),
        );
        return None;
    }
    let (text, span) = section.text(document, key)?;
    let device = match Device::parse(text) {
        Ok(device) => device,
        Err(error) => {
            document.problem(
                span,
                path,
                format!("\"{}\"", text.escape_debug()),
                error.expected,
                error.remedy,
            );
            return None;
        }
    };
    let mut twice = |identity: String, what: &str, remedy: &str| {
        if let Some(other) = devices.insert(identity, path.clone()) {
            let expected = format!("{what} that no other port has");
            document.problem(
                span.clone(),
                path.clone(),
                format!("\"{text}\", as in {other}"),
                expected,
                remedy,
            );
        }
    };
    let remedy = if device.is_pci() { "name another PCI address" } else { "number them: net_tap0, net_tap1" };
    twice(device.name().to_owned(), "a device", remedy);
    if let (Some(driver), Some(interface)) = (device.driver(), device.argument("iface"))
        && driver != "net_pcap"
    {
        twice(format!("iface={interface}"), "an interface", "name another interface from `ip link`");
    }
    Some(device)
}

fn read_descriptors(document: &mut Document<'_>, section: &Section<'_, '_>) -> u16 {
    let descriptors = section.integer(document, "descriptors", 64..=8192u16).unwrap_or(1024);
    if !descriptors.is_power_of_two() {
        let near = descriptors.next_power_of_two();
        document.problem(
            section.place("descriptors"),
            section.path("descriptors"),
            descriptors.to_string(),
            "a power of two from 64 to 8192",
            format!("write {near}"),
        );
    }
    descriptors
}
