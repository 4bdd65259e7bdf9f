//! `[recordings]`. Left out, nothing is recorded.

use std::path::Path;

use super::only;
use super::places::read_place;
use crate::document::{Document, Section};
use crate::recordings::{MasterKey, Recordings, TimeStamps};
use crate::tenants::{AddressUnclear, http_endpoint};

const DIRECTORY: &str = "/var/lib/keyhush/recordings";
const MASTER_KEY: &str = "/etc/keyhush/master.key";
const SIGNING_KEY: &str = "/etc/keyhush/signing.key";
const PIN_FILE: &str = "/etc/keyhush/token.pin";
const TOKEN: &str = "pkcs11:token=keyhush;object=master?module-path=/usr/lib/softhsm/libsofthsm2.so";
const AUTHORITY: &str = "http://timestamp.example.com/tsr";

pub(super) fn read(document: &mut Document<'_>, root: &Section<'_, '_>, beside: &Path) -> Option<Recordings> {
    let section = root.table(document, "recordings")?;
    only(document, &section, "[recordings]");
    for (key, expected, such_as) in [
        ("directory", "the directory that recordings are kept in", DIRECTORY),
        (
            "master_key",
            "the file of the key that wraps the tenants' keys, or its pkcs11: address",
            MASTER_KEY,
        ),
        ("signing_key", "the file of the key that signs", SIGNING_KEY),
    ] {
        if !section.has(key) {
            let remedy = format!("add: {key} = \"{such_as}\"");
            document.problem(section.span(), section.path(key), "there is none", expected, remedy);
        }
    }
    let directory = read_place(document, &section, "directory", beside);
    let master_key = read_master_key(document, &section, beside);
    let signing_key = read_place(document, &section, "signing_key", beside);
    let at_once = section.integer(document, "at_once", 1..=100_000u32).unwrap_or(Recordings::AT_ONCE);
    let inbox = read_place(document, &section, "inbox", beside);
    let witness = read_place(document, &section, "witness", beside);
    for (key, other) in [("inbox", &inbox), ("witness", &witness)] {
        if other.is_some() && other == &directory {
            document.problem(
                section.place(key),
                section.path(key),
                "the directory that recordings are kept in",
                "a directory of its own",
                "name another directory",
            );
        }
    }
    let time_stamps = read_time_stamps(document, &section);
    Some(Recordings {
        directory: directory?,
        master_key: master_key?,
        signing_key: signing_key?,
        at_once,
        inbox,
        witness,
        time_stamps,
    })
}

fn read_master_key(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    beside: &Path,
) -> Option<MasterKey> {
    let pin_file = read_place(document, section, "pin_file", beside);
    let (text, span) = section.text(document, "master_key")?;
    let Some(attributes) = text.strip_prefix("pkcs11:") else {
        if pin_file.is_some() {
            document.problem(
                section.place("pin_file"),
                section.path("pin_file"),
                "a PIN where the master key is a file",
                "pin_file only with master_key = \"pkcs11:…\"",
                "remove it, or write the key's pkcs11: address",
            );
        }
        return read_place(document, section, "master_key", beside).map(MasterKey::File);
    };
    // RFC 7512 section 2.3: a path of attributes apart by `;`, then a query.
    let (path, query) = attributes.split_once('?').unwrap_or((attributes, ""));
    let names =
        |name: &str| path.split(';').any(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name));
    let has_pin = query.split('&').any(|pair| pair.starts_with("pin-value="));
    let is_plain = text.bytes().all(|letter| letter.is_ascii_graphic());
    let (expected, remedy) = if has_pin {
        let remedy = format!("write the PIN into a file, mode 0600, and name it: pin_file = \"{PIN_FILE}\"");
        ("a PIN that is not in the settings", remedy)
    } else if !query.split('&').any(|pair| pair.starts_with("module-path=/")) {
        let remedy = format!("write \"{TOKEN}\"");
        ("the file of the token's module in it: ?module-path=/…", remedy)
    } else if !is_plain || !names("token") || !(names("object") || names("id")) {
        ("a token and a key in it (RFC 7512)", format!("write \"{TOKEN}\""))
    } else {
        return Some(MasterKey::Token { uri: text.to_owned(), pin_file });
    };
    // It may hold a PIN: it is not said again.
    document.problem(span, section.path("master_key"), "an address of another kind", expected, remedy);
    None
}

fn read_time_stamps(document: &mut Document<'_>, section: &Section<'_, '_>) -> Option<TimeStamps> {
    let (text, span) = section.text(document, "time_stamps")?;
    match http_endpoint(text) {
        Ok((is_https, endpoint)) => Some(TimeStamps { is_https, endpoint }),
        Err(unclear) => {
            let found = format!("\"{}\"", text.escape_debug());
            let expected = "the address of an RFC 3161 authority: http:// or https://, a host, perhaps a port and a path";
            document.problem(span, section.path("time_stamps"), found, expected, remedy(unclear));
            None
        }
    }
}

fn remedy(unclear: AddressUnclear) -> String {
    match unclear {
        AddressUnclear::Scheme => format!("begin it with http:// or https://, as in \"{AUTHORITY}\""),
        other => other.remedy(AUTHORITY),
    }
}
