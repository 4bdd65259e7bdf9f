//! Table by table; then what no table can know alone.

use core::ops::Range;
use std::io::Read;
use std::path::Path;
use std::{fs, io};

use crate::document::{Document, Section};
use crate::model::{Idle, SecureMode, Settings, Wire};
use crate::problem::{LoadError, Problem, Problems};
use crate::{eal, pool};

mod lcores;
mod places;
mod recordings;
mod served;
mod tables;
mod wires;

/// Every table with its keys, for telling where a misplaced key belongs.
pub(crate) const TABLES: &[(&str, &[&str])] = &[
    ("[[wire]]", &["name", "carrier", "customer", "mtu", "descriptors", "carry_link"]),
    ("[[lcore]]", &["core", "wires", "signalling"]),
    ("[eal]", &["hugepages", "memory_mib", "file_prefix", "devices", "arguments"]),
    ("[idle]", &["mode", "sleep_us"]),
    ("[sip]", &["waiting", "held", "reassemblies", "fragments"]),
    ("[calls]", &["calls", "legs_per_call", "flows_per_call", "idle_s", "linger_s"]),
    ("[secure_mode]", &["mask_key", "hold_ms", "streams", "replacement", "unmaskable", "while_keying"]),
    ("[reference]", &["hear"]),
    ("[pool]", &["mbufs", "cache"]),
    ("[admin]", &["socket"]),
    ("[agents]", &["listen", "certificate", "key"]),
    ("[management]", &["listen"]),
    ("[tenants]", &["directory"]),
    ("[store]", &["directory"]),
    (
        "[recordings]",
        &["directory", "master_key", "pin_file", "signing_key", "at_once", "inbox", "witness", "time_stamps"],
    ),
    ("[cards]", &["brands"]),
];

/// A settings file is small; a larger one is another file.
const FILE_MAX: u64 = 1 << 20;
/// What a frame has beside its IP packet: Ethernet header, two VLAN tags, frame check sequence.
pub(crate) const FRAME_OVERHEAD: u16 = 14 + 2 * 4 + 4;
/// DPDK's headroom before a frame.
const HEADROOM: u16 = 128;

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// That it cannot be read, or everything that is wrong with it.
    pub fn load(file: &Path) -> Result<Settings, LoadError> {
        let text = read_text(file)?;
        Settings::parse(file, &text).map_err(LoadError::Wrong)
    }

    /// Reads the text of a settings file; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &Path, text: &str) -> Result<Settings, Problems> {
        let (mut document, table) = Document::read(text);
        let beside = file.parent().unwrap_or(Path::new(""));
        let settings = read(&mut document, &Section::root(&table), beside);
        match (settings, document.is_clean()) {
            (Some(settings), true) => Ok(settings),
            _ => Err(Problems { file: file.to_owned(), list: document.into_problems() }),
        }
    }
}

/// The text of a settings file.
pub(crate) fn read_text(file: &Path) -> Result<String, LoadError> {
    let unreadable = |error| LoadError::Unreadable { file: file.to_owned(), error };
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).map_err(unreadable)?;
    opened.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..valid];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let problem = Problem {
            line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            column: String::from_utf8_lossy(&before[line_start..]).chars().count() + 1,
            key: "the file".to_owned(),
            found: "a byte that is not UTF-8".to_owned(),
            expected: "a text file in UTF-8".to_owned(),
            remedy: "save it as UTF-8, or remove the character".to_owned(),
        };
        LoadError::Wrong(Problems { file: file.to_owned(), list: vec![problem] })
    })
}

fn keys_of(table: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(name, _)| *name == table).map_or(&[], |(_, keys)| keys)
}

fn only(document: &mut Document<'_>, section: &Section<'_, '_>, table: &str) {
    section.only(document, keys_of(table), |key| elsewhere(key, table));
}

fn elsewhere(key: &str, here: &str) -> Option<String> {
    let mut tables = TABLES.iter().filter(|(name, keys)| *name != here && keys.contains(&key));
    tables.next().map(|(name, _)| (*name).to_owned())
}

fn read(document: &mut Document<'_>, root: &Section<'_, '_>, beside: &Path) -> Option<Settings> {
    let names: Vec<&str> = TABLES.iter().map(|(name, _)| name.trim_matches(['[', ']'])).collect();
    root.only(document, &names, |key| elsewhere(key, ""));

    let parsed_cleanly = document.is_clean();
    let wires = wires::read_wires(document, root);
    if wires.is_empty() && parsed_cleanly && !root.has("wire") {
        document.problem(
            0..0,
            "wire",
            "there is none",
            "at least one [[wire]] with its two ports",
            "add: [[wire]], carrier = \"0000:03:00.0\", customer = \"0000:03:00.1\" on three lines",
        );
    }
    let eal = tables::read_eal(document, root);
    let idle = tables::read_idle(document, root);
    let sip = tables::read_sip(document, root);
    let calls = tables::read_calls(document, root);
    let secure_mode = tables::read_secure_mode(document, root);
    let admin = tables::read_admin(document, root);
    let agents = served::read_agents(document, root);
    let reference = tables::read_reference(document, root, agents.is_some());
    let management = served::read_management(document, root, agents.as_ref());
    let tenants = places::read_tenants(document, root, beside);
    let store = places::read_store(document, root, beside);
    let recordings = recordings::read(document, root, beside);
    let brands = places::read_cards(document, root, beside);
    let lcores = lcores::read_lcores(document, root, &wires);
    let (pool, pool_place) = tables::read_pool(document, root);
    check_waits(document, root, idle, secure_mode);
    if !document.is_clean() {
        return None;
    }

    let mut wires: Vec<Wire> = wires.into_iter().flatten().map(|(wire, _)| wire).collect();
    for (number, wire) in wires.iter_mut().enumerate() {
        let queues = lcores.iter().filter(|lcore| lcore.wires.contains(&number)).count();
        wire.queues = u16::try_from(queues).unwrap_or(u16::MAX);
        eal::complete(&mut wire.carrier, wire.mtu, wire.queues);
        eal::complete(&mut wire.customer, wire.mtu, wire.queues);
    }
    let mut settings = Settings {
        eal,
        wires,
        lcores,
        idle,
        sip,
        calls,
        secure_mode,
        reference,
        pool,
        admin,
        agents,
        management,
        tenants,
        store,
        recordings,
        brands,
    };
    settings.pool.data_room = data_room(&settings.wires);
    pool::settle(document, &mut settings, pool_place);
    eal::check_memory(document, root, &settings);
    Some(settings)
}

/// Room for a frame of the largest MTU, in whole cache lines, and DPDK's usual size at least.
fn data_room(wires: &[Wire]) -> u16 {
    let frame = wires.iter().map(|wire| wire.mtu).max().unwrap_or(0) + FRAME_OVERHEAD;
    (HEADROOM + frame.max(2048)).next_multiple_of(64)
}

type Placed<T> = (T, Range<usize>);

/// An lcore that sleeps longer than half the hold acknowledges too late.
fn check_waits(document: &mut Document<'_>, root: &Section<'_, '_>, idle: Idle, secure: SecureMode) {
    let Idle::Backoff { sleep } = idle else { return };
    if sleep * 2 <= secure.hold {
        return;
    }
    let most = secure.hold.as_micros() / 2;
    let place = root.table(document, "idle").map_or(0..0, |section| section.place("sleep_us"));
    document.problem(
        place,
        "idle.sleep_us",
        format!("{} with secure_mode.hold_ms = {}", sleep.as_micros(), secure.hold.as_millis()),
        "at most half of the hold: a sleeping lcore cannot acknowledge",
        format!("write {most} or less, or a longer secure_mode.hold_ms"),
    );
}
