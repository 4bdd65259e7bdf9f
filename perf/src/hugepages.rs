//! The memory of a run: hugepages where they can be had, and given back.

use std::fs;
use std::process::{Child, Command, Stdio};

const NUMBER: &str = "/proc/sys/vm/nr_hugepages";
/// What each turn asks EAL for, in MiB. Turns do not overlap.
const MEBIBYTES: u64 = 256;

pub(crate) enum Memory {
    Plain,
    Huge {
        /// Puts the number back when its input closes: at the end, or when this process dies.
        restorer: Option<Child>,
    },
}

impl Memory {
    pub(crate) fn plain() -> Memory {
        Memory::Plain
    }

    /// Hugepages, those that are free or those that root may add; else plain memory.
    pub(crate) fn best() -> Memory {
        let Some((free, size)) = free() else { return Memory::Plain };
        // One more for what EAL rounds up.
        let needed = (MEBIBYTES << 10).div_ceil(size.max(1)) + 1;
        if free >= needed {
            return Memory::Huge { restorer: None };
        }
        let Some(before) = number() else { return Memory::Plain };
        let Ok(restorer) = restorer(before) else { return Memory::Plain };
        let memory = Memory::Huge { restorer: Some(restorer) };
        let written = fs::write(NUMBER, (before + needed - free).to_string()).is_ok();
        if written && self::free().is_some_and(|(free, _)| free >= needed) { memory } else { Memory::Plain }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Memory::Plain => "plain pages (--no-huge)",
            Memory::Huge { .. } => "hugepages",
        }
    }

    pub(crate) fn eal_arguments(&self) -> Vec<String> {
        let amount = MEBIBYTES.to_string();
        let prefix = format!("keyhush-perf-{}", std::process::id());
        match self {
            Memory::Plain => ["--no-huge", "-m", &amount, "--file-prefix", &prefix].map(str::to_owned).into(),
            Memory::Huge { .. } => {
                ["--in-memory", "-m", &amount, "--file-prefix", &prefix].map(str::to_owned).into()
            }
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Memory::Huge { restorer: Some(restorer) } = self {
            // Closes its input first.
            let _restored = restorer.wait();
        }
    }
}

/// A shell that outlives this process, however that ends.
fn restorer(number: u64) -> std::io::Result<Child> {
    let script = format!("trap '' INT TERM HUP; read -r _; echo {number} > {NUMBER}");
    Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn()
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
