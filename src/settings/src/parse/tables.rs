//! The tables that are written once: each is whole without the others.

use core::ops::Range;
use core::time::Duration;
use std::path::PathBuf;

use super::only;
use crate::document::{Document, Section};
use crate::model::{
    Admin, Calls, EalSettings, Idle, MaskKey, Pool, Reference, Replacement, SecureMode, Sip, Unmaskable,
    WhileKeying,
};
use crate::{Device, eal};

/// One less than the length of `sockaddr_un::sun_path`: room for the terminating zero.
const SOCKET_PATH_MAX: usize = 107;

pub(super) fn read_eal(document: &mut Document<'_>, root: &Section<'_, '_>) -> EalSettings {
    let mut eal = EalSettings {
        hugepages: true,
        memory_mib: None,
        file_prefix: None,
        devices: Vec::new(),
        arguments: Vec::new(),
    };
    let Some(section) = root.table(document, "eal") else { return eal };
    only(document, &section, "[eal]");
    eal.hugepages = section.boolean(document, "hugepages").unwrap_or(true);
    eal.memory_mib = section.integer(document, "memory_mib", 64..=1_048_576u32);
    if let Some((prefix, span)) = section.text(document, "file_prefix") {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if prefix.is_empty() || prefix.len() > 32 || !prefix.chars().all(plain) {
            let found = format!("\"{}\"", prefix.escape_debug());
            let expected = "1 to 32 letters, digits, hyphens and underscores";
            document.problem(span, "eal.file_prefix", found, expected, "write a plain name: \"keyhush\"");
        } else if eal.hugepages {
            document.problem(
                span,
                "eal.file_prefix",
                format!("\"{prefix}\" with hugepages"),
                "a file prefix only where hugepages = false: with hugepages nothing is left in files",
                "remove it, or write hugepages = false",
            );
        }
        eal.file_prefix = Some(prefix.to_owned());
    }
    for (text, span) in section.texts(document, "devices").unwrap_or_default() {
        match Device::parse(text) {
            Ok(device) => eal.devices.push(device),
            Err(error) => {
                let found = format!("\"{}\"", text.escape_debug());
                document.problem(span, "eal.devices", found, error.expected, error.remedy);
            }
        }
    }
    for (argument, span) in section.texts(document, "arguments").unwrap_or_default() {
        eal::check_argument(document, argument, span);
        eal.arguments.push(argument.to_owned());
    }
    eal
}

#[derive(Clone, Copy)]
enum IdleMode {
    Poll,
    Backoff,
}

pub(super) fn read_idle(document: &mut Document<'_>, root: &Section<'_, '_>) -> Idle {
    let Some(section) = root.table(document, "idle") else { return Idle::Poll };
    only(document, &section, "[idle]");
    let modes = [("poll", IdleMode::Poll), ("backoff", IdleMode::Backoff)];
    let mode = section.choice(document, "mode", &modes);
    let sleep = section.integer(document, "sleep_us", 1..=1000u32);
    match mode.unwrap_or(IdleMode::Poll) {
        IdleMode::Backoff => Idle::Backoff { sleep: Duration::from_micros(sleep.unwrap_or(100).into()) },
        IdleMode::Poll => {
            if sleep.is_some() && (mode.is_some() || !section.has("mode")) {
                document.problem(
                    section.place("sleep_us"),
                    "idle.sleep_us",
                    "a sleep where idle cores poll on",
                    "sleep_us only with mode = \"backoff\"",
                    "write mode = \"backoff\", or remove sleep_us",
                );
            }
            Idle::Poll
        }
    }
}

pub(super) fn read_sip(document: &mut Document<'_>, root: &Section<'_, '_>) -> Sip {
    let mut sip = Sip { waiting: 1024, held: 1024, reassemblies: 64, fragments: 512 };
    let Some(section) = root.table(document, "sip") else { return sip };
    only(document, &section, "[sip]");
    sip.waiting = section.integer(document, "waiting", 16..=65_536u32).unwrap_or(sip.waiting);
    sip.held = section.integer(document, "held", 16..=65_536u32).unwrap_or(sip.held);
    sip.reassemblies = section.integer(document, "reassemblies", 1..=4096u32).unwrap_or(sip.reassemblies);
    sip.fragments = section.integer(document, "fragments", 48..=65_536u32).unwrap_or(sip.fragments);
    sip
}

pub(super) fn read_calls(document: &mut Document<'_>, root: &Section<'_, '_>) -> Calls {
    let mut calls = Calls {
        calls: 10_000,
        legs_per_call: 8,
        flows_per_call: 32,
        idle: Duration::from_secs(3600),
        linger: Duration::from_secs(5),
    };
    let Some(section) = root.table(document, "calls") else { return calls };
    only(document, &section, "[calls]");
    calls.calls = section.integer(document, "calls", 1..=1_000_000u32).unwrap_or(calls.calls);
    calls.legs_per_call =
        section.integer(document, "legs_per_call", 1..=64u32).unwrap_or(calls.legs_per_call);
    calls.flows_per_call =
        section.integer(document, "flows_per_call", 2..=256u32).unwrap_or(calls.flows_per_call);
    let seconds =
        |seconds: Option<u32>, usual| seconds.map_or(usual, |some| Duration::from_secs(some.into()));
    calls.idle = seconds(section.integer(document, "idle_s", 10..=86_400u32), calls.idle);
    calls.linger = seconds(section.integer(document, "linger_s", 0..=60u32), calls.linger);
    calls
}

pub(super) fn read_secure_mode(document: &mut Document<'_>, root: &Section<'_, '_>) -> SecureMode {
    let mut secure = SecureMode {
        mask_key: MaskKey::Pound,
        hold: Duration::from_millis(5),
        streams: 1024,
        replacement: Replacement::Tone,
        unmaskable: Unmaskable::Silence,
        while_keying: WhileKeying::Detect,
    };
    let Some(section) = root.table(document, "secure_mode") else { return secure };
    only(document, &section, "[secure_mode]");
    let keys = [("#", MaskKey::Pound), ("0", MaskKey::Zero), ("1", MaskKey::One)];
    secure.mask_key = section.choice(document, "mask_key", &keys).unwrap_or(secure.mask_key);
    if let Some(hold) = section.integer(document, "hold_ms", 1..=100u32) {
        secure.hold = Duration::from_millis(hold.into());
    }
    secure.streams = section.integer(document, "streams", 2..=1_000_000u32).unwrap_or(secure.streams);
    let replacements = [("tone", Replacement::Tone), ("silence", Replacement::Silence)];
    secure.replacement = section.choice(document, "replacement", &replacements).unwrap_or(secure.replacement);
    let ways = [("silence", Unmaskable::Silence), ("pass", Unmaskable::Pass)];
    secure.unmaskable = section.choice(document, "unmaskable", &ways).unwrap_or(secure.unmaskable);
    let ways = [("detect", WhileKeying::Detect), ("silence", WhileKeying::Silence)];
    secure.while_keying = section.choice(document, "while_keying", &ways).unwrap_or(secure.while_keying);
    secure
}

/// Where agents are served there are references to be heard.
pub(super) fn read_reference(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    has_agents: bool,
) -> Reference {
    let Some(section) = root.table(document, "reference") else { return Reference { hear: has_agents } };
    only(document, &section, "[reference]");
    Reference { hear: section.boolean(document, "hear").unwrap_or(has_agents) }
}

pub(super) fn read_pool(document: &mut Document<'_>, root: &Section<'_, '_>) -> (Pool, Option<Range<usize>>) {
    let mut pool = Pool { mbufs: 0, cache: 256, data_room: 0 };
    let Some(section) = root.table(document, "pool") else { return (pool, None) };
    only(document, &section, "[pool]");
    let mbufs = section.integer(document, "mbufs", 1..=16_777_215u32);
    pool.mbufs = mbufs.unwrap_or(0);
    // `RTE_MEMPOOL_CACHE_MAX_SIZE`
    pool.cache = section.integer(document, "cache", 0..=512u32).unwrap_or(pool.cache);
    (pool, mbufs.map(|_| section.place("mbufs")))
}

pub(super) fn read_admin(document: &mut Document<'_>, root: &Section<'_, '_>) -> Admin {
    let mut admin = Admin { socket: PathBuf::from(Admin::SOCKET) };
    let Some(section) = root.table(document, "admin") else { return admin };
    only(document, &section, "[admin]");
    if let Some((path, span)) = section.text(document, "socket") {
        admin.socket = PathBuf::from(path);
        let remedy = if path.len() > SOCKET_PATH_MAX {
            "choose a shorter path: the system allows no more"
        } else if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
            "write the whole path of a file, such as \"/run/keyhush/admin.sock\""
        } else {
            return admin;
        };
        let found = format!("\"{}\"", path.escape_debug());
        let expected = format!("an absolute path of at most {SOCKET_PATH_MAX} bytes");
        document.problem(span, "admin.socket", found, expected, remedy);
    }
    admin
}
