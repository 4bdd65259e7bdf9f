//! The tables of what is served over the network. Each is left out where it is not to be served.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::only;
use crate::document::{Document, Section};
use crate::model::{Agents, Management};

pub(super) fn read_agents(document: &mut Document<'_>, root: &Section<'_, '_>) -> Option<Agents> {
    let section = root.table(document, "agents")?;
    only(document, &section, "[agents]");
    let listen = address(document, &section, "listen", "0.0.0.0:443");
    let certificate = file(document, &section, "certificate", "/etc/keyhush/certificate.pem");
    let key = file(document, &section, "key", "/etc/keyhush/key.pem");
    Some(Agents { listen: listen?, certificate: certificate?, key: key? })
}

pub(super) fn read_management(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    agents: Option<&Agents>,
) -> Option<Management> {
    let section = root.table(document, "management")?;
    only(document, &section, "[management]");
    let listen = address(document, &section, "listen", "127.0.0.1:9464")?;
    if agents.is_some_and(|agents| agents.listen == listen) {
        document.problem(
            section.place("listen"),
            section.path("listen"),
            format!("\"{listen}\", as agents.listen"),
            "another address than the agents': whoever reaches it reads the metrics",
            "write another port, or the address of an interface that agents do not reach",
        );
    }
    Some(Management { listen })
}

fn missing(document: &mut Document<'_>, section: &Section<'_, '_>, key: &str, expected: &str, such_as: &str) {
    let remedy = format!("add: {key} = \"{such_as}\"");
    document.problem(section.span(), section.path(key), "there is none", expected, remedy);
}

fn address(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    key: &str,
    such_as: &str,
) -> Option<SocketAddr> {
    let expected = "an address and a port from 1 to 65535; IPv6 in brackets";
    if !section.has(key) {
        missing(document, section, key, expected, such_as);
        return None;
    }
    let (text, span) = section.text(document, key)?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => return Some(address),
        _ => {}
    }
    let found = format!("\"{}\"", text.escape_debug());
    let usual = such_as.rsplit(':').next().unwrap_or_default();
    let remedy = if text.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("write the port too: \"[{text}]:{usual}\"")
    } else if text.parse::<std::net::Ipv4Addr>().is_ok() {
        format!("write the port too: \"{text}:{usual}\"")
    } else {
        match text.trim_start_matches([':', '*']).parse::<u16>() {
            Ok(port) if port > 0 => {
                format!("write the address too: \"0.0.0.0:{port}\" for all of this machine's")
            }
            _ => format!("write an address in figures and a port: \"{such_as}\""),
        }
    };
    document.problem(span, section.path(key), found, expected, remedy);
    None
}

/// A path. Whether the file is there and right is seen by who reads it: settings are checked on other machines too.
fn file(document: &mut Document<'_>, section: &Section<'_, '_>, key: &str, such_as: &str) -> Option<PathBuf> {
    let expected = "the absolute path of a PEM file";
    if !section.has(key) {
        missing(document, section, key, expected, such_as);
        return None;
    }
    let (text, span) = section.text(document, key)?;
    if text.starts_with('/') && !text.ends_with('/') && !text.contains('\0') {
        return Some(PathBuf::from(text));
    }
    let found = format!("\"{}\"", text.escape_debug());
    let remedy = if text.contains("-----BEGIN") {
        format!("put it into a file, and write its path: \"{such_as}\"")
    } else {
        format!("write the whole path of a file, such as \"{such_as}\"")
    };
    document.problem(span, section.path(key), found, expected, remedy);
    None
}
