//! `[[lcore]]`

use super::{Placed, only};
use crate::document::{Document, Section, nearest};
use crate::model::{LcoreSettings, Wire};

/// `RTE_MAX_LCORE` is 128 in Debian's DPDK.
const LCORES_MAX: usize = 128;

pub(super) fn read_lcores(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    wires: &[Option<Placed<Wire>>],
) -> Vec<LcoreSettings> {
    let sections = root.tables(document, "lcore");
    if sections.is_empty() {
        return vec![LcoreSettings { core: 0, wires: (0..wires.len()).collect(), signalling: true }];
    }
    let mut lcores: Vec<LcoreSettings> = Vec::new();
    let mut leader: Option<String> = None;
    for section in &sections {
        only(document, section, "[[lcore]]");
        let core = section.integer(document, "core", 0..=1023u16);
        if !section.has("core") {
            let expected = "the processor core, as `lscpu --extended` numbers them";
            document.problem(section.span(), section.path("core"), "missing", expected, "add core = 1");
        }
        if let Some(core) = core
            && lcores.iter().any(|other| other.core == core)
        {
            document.problem(
                section.place("core"),
                section.path("core"),
                format!("{core}, as in an lcore before"),
                "a core of its own for every lcore",
                "name another core, or let one lcore poll the wires of both",
            );
        }
        let polled = read_polled(document, section, wires);
        let signalling = section.boolean(document, "signalling").unwrap_or(false);
        if signalling && let Some(other) = leader.replace(section.path("signalling")) {
            document.problem(
                section.place("signalling"),
                section.path("signalling"),
                format!("true, as in {other}"),
                "one signalling lcore",
                "remove one of the two: the call table has one writer",
            );
        }
        lcores.push(LcoreSettings { core: core.unwrap_or(u16::MAX), wires: polled, signalling });
    }
    if leader.is_none()
        && let Some(first) = lcores.first_mut()
    {
        first.signalling = true;
    }
    check_lcores(document, root, &sections, &lcores, wires);
    lcores
}

fn read_polled(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    wires: &[Option<Placed<Wire>>],
) -> Vec<usize> {
    let Some(names) = section.texts(document, "wires") else { return (0..wires.len()).collect() };
    let known: Vec<Option<&str>> =
        wires.iter().map(|wire| wire.as_ref().map(|(wire, _)| wire.name.as_str())).collect();
    let mut polled = Vec::new();
    for (name, span) in names {
        let Some(number) = known.iter().position(|known| *known == Some(name)) else {
            if known.contains(&None) {
                continue; // it may be the wire that could not be read
            }
            let all: Vec<&str> = known.iter().copied().flatten().collect();
            let remedy = match nearest(name, all.iter().copied()) {
                Some(near) => format!("write \"{near}\""),
                None => format!("name the wire with name = \"{}\" in its [[wire]]", name.escape_debug()),
            };
            let expected = format!("the name of a wire: {}", all.join(", "));
            let found = format!("\"{}\"", name.escape_debug());
            document.problem(span, section.path("wires"), found, expected, remedy);
            continue;
        };
        if polled.contains(&number) {
            let found = format!("\"{name}\" twice");
            document.problem(span, section.path("wires"), found, "each wire once", "remove one of the two");
            continue;
        }
        polled.push(number);
    }
    polled
}

fn check_lcores(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    sections: &[Section<'_, '_>],
    lcores: &[LcoreSettings],
    wires: &[Option<Placed<Wire>>],
) {
    for (section, lcore) in sections.iter().zip(lcores) {
        if lcore.wires.is_empty() && !lcore.signalling && !wires.is_empty() && document.is_clean() {
            document.problem(
                section.place("wires"),
                section.path("wires"),
                "no wire",
                "a wire to poll, or signalling = true",
                "name a wire, or remove this lcore",
            );
        }
    }
    if lcores.len() > LCORES_MAX {
        let found = format!("{} lcores", lcores.len());
        let expected = format!("at most {LCORES_MAX} lcores");
        document.problem(root.place("lcore"), "lcore", found, expected, "let each poll more wires");
    }
    if !document.is_clean() {
        return;
    }
    for (number, wire) in wires.iter().enumerate() {
        let Some((wire, span)) = wire else { continue };
        if !lcores.iter().any(|lcore| lcore.wires.contains(&number)) {
            document.problem(
                span.clone(),
                format!("wire[{}]", number + 1),
                format!("no lcore polls \"{}\"", wire.name),
                "a wire that at least one [[lcore]] polls",
                format!("add \"{}\" to the wires of an [[lcore]]", wire.name),
            );
        }
    }
}
