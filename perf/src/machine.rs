//! Where the numbers come from.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::failure::Failure;

/// The processors of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processors {
    /// Of the main lcore, which only waits.
    pub(crate) waiting: u32,
    /// Of the lcore that is measured.
    pub(crate) forwarding: u32,
}

impl Processors {
    /// The first and the last that this process may use; the same one where there is but one.
    pub(crate) fn choose() -> Result<Processors, Failure> {
        let path = "/proc/self/status";
        let text = fs::read_to_string(path).map_err(Failure::io(path))?;
        let list =
            text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default().trim();
        let mut numbers =
            list.split([',', '-']).map(str::parse).collect::<Result<Vec<u32>, _>>().unwrap_or_default();
        numbers.sort_unstable();
        match (numbers.first(), numbers.last()) {
            (Some(&waiting), Some(&forwarding)) => Ok(Processors { waiting, forwarding }),
            _ => Err(Failure::Answer { program: path, text: list.to_owned() }),
        }
    }
}

/// What a reader must know to judge a number.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    pub(crate) dpdk: String,
    /// The commit that was measured, with a note where files differ from it.
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn this() -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            dpdk: answer("pkg-config", &["--modversion", "libdpdk"]),
            commit: commit(),
        }
    }
}

fn commit() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").display().to_string();
    let hash = answer("git", &["-C", &root, "rev-parse", "--short=12", "HEAD"]);
    let clean = answer("git", &["-C", &root, "status", "--porcelain", "--untracked-files=no"]).is_empty();
    if clean { hash } else { format!("{hash} with changes") }
}

/// What a program prints, on one line; "unknown" where it cannot be run.
fn answer(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(run) if run.status.success() => String::from_utf8_lossy(&run.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}
