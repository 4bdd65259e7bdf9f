//! The memory of a run: hugepages where they can be had, and given back.

use std::fs;

use crate::aftermath::Aftermath;

const NUMBER: &str = "/proc/sys/vm/nr_hugepages";
/// What EAL's memory is made of.
pub(crate) enum Memory {
    Plain,
    Huge {
        /// Puts their number back.
        _restorer: Option<Aftermath>,
    },
}

impl Memory {
    pub(crate) fn plain() -> Memory {
        Memory::Plain
    }

    /// Hugepages, those that are free or those that root may add; else plain memory.
    pub(crate) fn best(mebibytes: u64) -> Memory {
        let Some((free, size)) = free() else { return Memory::Plain };
        // One more for what EAL rounds up.
        let needed = (mebibytes << 10).div_ceil(size.max(1)) + 1;
        if free >= needed {
            return Memory::Huge { _restorer: None };
        }
        let Some(before) = number() else { return Memory::Plain };
        let Ok(restorer) = Aftermath::new(&format!("echo $1 > {NUMBER}"), &before.to_string()) else {
            return Memory::Plain;
        };
        let memory = Memory::Huge { _restorer: Some(restorer) };
        let written = fs::write(NUMBER, (before + needed - free).to_string()).is_ok();
        if written && self::free().is_some_and(|(free, _)| free >= needed) { memory } else { Memory::Plain }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Memory::Plain => "plain pages (--no-huge)",
            Memory::Huge { .. } => "hugepages",
        }
    }

    pub(crate) fn eal_arguments(&self, mebibytes: u64) -> Vec<String> {
        let amount = mebibytes.to_string();
        let prefix = format!("keyhush-perf-{}", std::process::id());
        match self {
            Memory::Plain => ["--no-huge", "-m", &amount, "--file-prefix", &prefix].map(str::to_owned).into(),
            Memory::Huge { .. } => {
                ["--in-memory", "-m", &amount, "--file-prefix", &prefix].map(str::to_owned).into()
            }
        }
    }
}

fn number() -> Option<u64> {
    fs::read_to_string(NUMBER).ok()?.trim().parse().ok()
}

/// Free hugepages, and their size in KiB.
fn free() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let value =
        |name| text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    Some((value("HugePages_Free:")?, value("Hugepagesize:")?))
}
