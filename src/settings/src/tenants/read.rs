//! One file → one tenant.

use core::ops::Range;
use std::path::Path;

use super::model::{CallReferences, Choices, Keying, PanDisplay, PrefixKey, Tenant};
use super::numbers::Numbers;
use super::{Draft, Places, psp, recording};
use crate::document::{Document, Section, nearest};
use crate::model::{MaskKey, Replacement, Unmaskable, WhileKeying};

/// Every table with its keys; the first is the file itself.
pub(crate) const TABLES: &[(&str, &[&str])] = &[
    ("the top of the file", &["name", "numbers", "trunks"]),
    ("[secure_mode]", &["mask_key", "replacement", "unmaskable", "while_keying"]),
    ("[reference]", &["length", "prefix_key"]),
    ("[pan_display]", &["first_six", "last_four"]),
    ("[keying]", &["expiry", "valid_from", "issue", "star_clears"]),
    ("[psp]", &["kind", "account", "credentials", "endpoint", "authorities"]),
    ("[page]", &["frame_origins"]),
    ("[recording]", &["record", "keep_months", "suspend_keys", "suspend_most_s"]),
];

const NAME_MAX: usize = 100;
const ID_MAX: usize = 32;
const NUMBERS_MAX: usize = 10_000;
const ORIGINS_MAX: usize = 32;

/// Notes what is not known in a table.
pub(super) fn only(document: &mut Document<'_>, section: &Section<'_, '_>, table: &str) {
    let keys = TABLES.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, keys)| *keys);
    section.only(document, keys, |key| elsewhere(key, table));
}

fn elsewhere(key: &str, here: &str) -> Option<String> {
    let mut tables = TABLES.iter().filter(|(name, keys)| *name != here && keys.contains(&key));
    tables.next().map(|(name, _)| (*name).to_owned())
}

/// Reads a tenant's file. `wires` are the names that trunks may have, where they are known.
pub(super) fn read(file: &Path, text: &str, wires: Option<&[&str]>) -> Draft {
    let (mut document, table) = Document::read(text);
    let root = Section::root(&table);
    let mut places = Places::default();
    let tenant = read_tenant(&mut document, &root, file, wires, &mut places);
    let tenant = if document.is_clean() { tenant } else { None };
    Draft { file: file.to_owned(), tenant, places, problems: document.into_problems() }
}

fn read_tenant(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    file: &Path,
    wires: Option<&[&str]>,
    places: &mut Places,
) -> Option<Tenant> {
    let top = TABLES.first().map_or(&[][..], |(_, keys)| *keys).iter().copied();
    let tables = TABLES.iter().skip(1).map(|(name, _)| name.trim_matches(['[', ']']));
    let known: Vec<&str> = top.chain(tables).collect();
    root.only(document, &known, |key| elsewhere(key, ""));

    let is_toml = document.is_clean();
    let id = read_id(document, file);
    let name = match root.text(document, "name") {
        Some((name, span)) => {
            let is_fine =
                !name.trim().is_empty() && name.len() <= NAME_MAX && !name.contains(char::is_control);
            if !is_fine {
                let found = format!("\"{}\"", name.escape_debug());
                let expected = format!("a name of at most {NAME_MAX} bytes");
                document.problem(span, "name", found, expected, "write it as people do: \"Example Ltd\"");
            }
            name.to_owned()
        }
        None if !root.has("name") => id.clone(),
        None => String::new(),
    };
    let numbers = read_numbers(document, root, &mut places.numbers);
    let trunks = read_trunks(document, root, wires, &mut places.trunks);
    if is_toml && !root.has("numbers") && !root.has("trunks") {
        document.problem(
            0..0,
            "numbers",
            "missing",
            "the tenant's numbers, or its trunks",
            "add numbers = [\"+442071838750-59\"] above the first table",
        );
    }
    let secure_mode = read_secure_mode(document, root);
    let reference = read_reference(document, root);
    let pan_display = read_pan_display(document, root);
    let keying = read_keying(document, root);
    let frame_origins = read_origins(document, root);
    let recording = recording::read(document, root, reference.prefix_key, &mut places.record);
    let psp = psp::read(document, root, file, is_toml)?;
    Some(Tenant {
        id,
        name,
        numbers,
        trunks,
        secure_mode,
        reference,
        pan_display,
        keying,
        psp,
        frame_origins,
        recording,
    })
}

fn read_id(document: &mut Document<'_>, file: &Path) -> String {
    let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if id.is_empty() || id.len() > ID_MAX || !id.chars().all(plain) || id.starts_with('-') {
        document.problem(
            0..0,
            "the file's name",
            format!("\"{}\"", id.escape_debug()),
            format!("1 to {ID_MAX} lower-case letters, digits and hyphens before .toml: it is how agents and results name the tenant"),
            "rename the file, for instance to example.toml",
        );
    }
    id
}

fn read_numbers(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    places: &mut Vec<(usize, usize)>,
) -> Vec<Numbers> {
    let texts = root.texts(document, "numbers").unwrap_or_default();
    too_many(document, root, "numbers", texts.len(), NUMBERS_MAX);
    let mut all = Vec::new();
    for (text, span) in texts {
        match Numbers::parse(text) {
            Ok(numbers) => {
                places.push(document.position(span.start));
                all.push(numbers);
            }
            Err(unclear) => {
                let found = format!("\"{}\"", text.escape_debug());
                document.problem(span, "numbers", found, unclear.expected, unclear.remedy);
            }
        }
    }
    all
}

fn read_trunks(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    wires: Option<&[&str]>,
    places: &mut Vec<(usize, usize)>,
) -> Vec<String> {
    let mut trunks = Vec::new();
    for (trunk, span) in root.texts(document, "trunks").unwrap_or_default() {
        if let Some(wires) = wires
            && !wires.contains(&trunk)
        {
            let names: Vec<String> = wires.iter().map(|wire| format!("\"{wire}\"")).collect();
            let remedy = match nearest(trunk, wires.iter().copied()) {
                Some(near) => format!("write \"{near}\""),
                None => "name a [[wire]] of the box, or remove it".to_owned(),
            };
            let expected = format!("the name of a wire: {}", names.join(", "));
            document.problem(
                span.clone(),
                "trunks",
                format!("\"{}\"", trunk.escape_debug()),
                expected,
                remedy,
            );
        }
        places.push(document.position(span.start));
        trunks.push(trunk.to_owned());
    }
    trunks
}

fn too_many(document: &mut Document<'_>, section: &Section<'_, '_>, key: &str, given: usize, most: usize) {
    if given > most {
        let (found, expected) = (format!("{given} of them"), format!("at most {most}"));
        document.problem(section.place(key), section.path(key), found, expected, "remove some");
    }
}

fn read_secure_mode(document: &mut Document<'_>, root: &Section<'_, '_>) -> Choices {
    let Some(section) = root.table(document, "secure_mode") else { return Choices::default() };
    only(document, &section, "[secure_mode]");
    let keys = [("#", MaskKey::Pound), ("0", MaskKey::Zero), ("1", MaskKey::One)];
    let replacements = [("tone", Replacement::Tone), ("silence", Replacement::Silence)];
    let unmaskable = [("silence", Unmaskable::Silence), ("pass", Unmaskable::Pass)];
    let while_keying = [("detect", WhileKeying::Detect), ("silence", WhileKeying::Silence)];
    Choices {
        mask_key: section.choice(document, "mask_key", &keys),
        replacement: section.choice(document, "replacement", &replacements),
        unmaskable: section.choice(document, "unmaskable", &unmaskable),
        while_keying: section.choice(document, "while_keying", &while_keying),
    }
}

fn read_reference(document: &mut Document<'_>, root: &Section<'_, '_>) -> CallReferences {
    let mut reference = CallReferences { length: 6, prefix_key: None };
    let Some(section) = root.table(document, "reference") else { return reference };
    only(document, &section, "[reference]");
    // Five digits are the fewest at which one open reference among 10^5 is hit by chance no more often than 10^-5.
    reference.length = section.integer(document, "length", 5..=10u8).unwrap_or(reference.length);
    let keys = [("*", PrefixKey::Star), ("#", PrefixKey::Pound)];
    reference.prefix_key = section.choice(document, "prefix_key", &keys);
    reference
}

fn read_pan_display(document: &mut Document<'_>, root: &Section<'_, '_>) -> PanDisplay {
    let mut display = PanDisplay { first_six: false, last_four: true };
    let Some(section) = root.table(document, "pan_display") else { return display };
    only(document, &section, "[pan_display]");
    display.first_six = section.boolean(document, "first_six").unwrap_or(display.first_six);
    display.last_four = section.boolean(document, "last_four").unwrap_or(display.last_four);
    display
}

fn read_keying(document: &mut Document<'_>, root: &Section<'_, '_>) -> Keying {
    let mut keying = Keying { expiry: false, valid_from: false, issue: false, star_clears: true };
    let Some(section) = root.table(document, "keying") else { return keying };
    only(document, &section, "[keying]");
    keying.expiry = section.boolean(document, "expiry").unwrap_or(keying.expiry);
    keying.valid_from = section.boolean(document, "valid_from").unwrap_or(keying.valid_from);
    keying.issue = section.boolean(document, "issue").unwrap_or(keying.issue);
    keying.star_clears = section.boolean(document, "star_clears").unwrap_or(keying.star_clears);
    keying
}

fn read_origins(document: &mut Document<'_>, root: &Section<'_, '_>) -> Vec<String> {
    let Some(section) = root.table(document, "page") else { return Vec::new() };
    only(document, &section, "[page]");
    let texts = section.texts(document, "frame_origins").unwrap_or_default();
    too_many(document, &section, "frame_origins", texts.len(), ORIGINS_MAX);
    let mut origins = Vec::new();
    for (text, span) in texts {
        match origin(text) {
            Ok(origin) => origins.push(origin),
            Err(remedy) => not_an_origin(document, &section, text, span, remedy),
        }
    }
    origins
}

fn not_an_origin(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    text: &str,
    span: Range<usize>,
    remedy: String,
) {
    let found = format!("\"{}\"", text.escape_debug());
    let expected = "an origin: https://, a host, perhaps a port";
    document.problem(span, section.path("frame_origins"), found, expected, remedy);
}

/// An origin as browsers serialise it (RFC 6454 section 6.2), without the port of HTTPS.
fn origin(text: &str) -> Result<String, String> {
    let endpoint = psp::endpoint(text).map_err(|unclear| unclear.remedy("https://crm.example.com"))?;
    let host = if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host };
    let origin = match endpoint.port {
        443 => format!("https://{host}"),
        port => format!("https://{host}:{port}"),
    };
    if endpoint.path.is_empty() && !text.ends_with('/') {
        Ok(origin)
    } else {
        Err(format!("write \"{origin}\": pages of an origin are not told apart"))
    }
}
