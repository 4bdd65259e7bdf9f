//! `keyhush run` between two hosts, and its console.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::memory::{CoreImage, Part, memory_of};
use super::network::{Host, MTU};
use super::process::Running;
use super::sandbox::ROOT;
use super::{During, Outcome, Trouble};

/// A running appliance.
#[derive(Debug)]
pub struct Keyhush {
    process: Running,
}

/// The binary under test: `KEYHUSH_BINARY`, else the one that was built beside this program.
///
/// # Errors
/// When there is none.
pub fn binary() -> Outcome<PathBuf> {
    if let Some(named) = env::var_os("KEYHUSH_BINARY") {
        return Ok(named.into());
    }
    beside("keyhush")?.ok_or_else(|| {
        Trouble::new("the binary `keyhush` is not built: `cargo build -p keyhush`, or set KEYHUSH_BINARY")
    })
}

/// The binary of that name that was built beside this program.
///
/// # Errors
/// When this program does not know where it is.
pub fn beside(name: &str) -> Outcome<Option<PathBuf>> {
    let program = env::current_exe().during("finding this program's own file")?;
    Ok(program.ancestors().skip(1).take(2).map(|directory| directory.join(name)).find(|path| path.is_file()))
}

impl Keyhush {
    /// Puts Keyhush between the hosts, `pairs` of carrier side and customer side, one wire each.
    ///
    /// # Errors
    /// When it does not come up; with what it said.
    pub fn start(pairs: &[[&Host; 2]]) -> Outcome<Keyhush> {
        Self::start_with(&wires(pairs)?)
    }

    /// As [`Keyhush::start`], but so that its memory may be looked at, with further variables in its environment. Only a binary
    /// with the feature `test-hooks` can be started so.
    ///
    /// # Errors
    /// When it does not come up, or does not warn; with what it said.
    pub fn start_open(pairs: &[[&Host; 2]], environment: &[(&str, &str)]) -> Outcome<Keyhush> {
        Self::start_open_with(&wires(pairs)?, environment)
    }

    /// As [`Keyhush::start_open`], with settings of the test's own.
    ///
    /// # Errors
    /// The same.
    pub fn start_open_with(settings: &str, environment: &[(&str, &str)]) -> Outcome<Keyhush> {
        let allowed = [environment, &[("KEYHUSH_ALLOW_CORE_IMAGES", "1")]].concat();
        let keyhush = Self::start_in(settings, &allowed)?;
        if keyhush.said().contains("WARNING: KEYHUSH_ALLOW_CORE_IMAGES") {
            return Ok(keyhush);
        }
        Err(keyhush.process.complaint("it does not warn that its memory may be read"))
    }

    /// Runs Keyhush with settings of the test's own.
    ///
    /// # Errors
    /// When it does not come up; with what it said.
    pub fn start_with(settings: &str) -> Outcome<Keyhush> {
        Self::start_in(settings, &[])
    }

    fn start_in(settings: &str, environment: &[(&str, &str)]) -> Outcome<Keyhush> {
        let file = write_settings(settings)?;
        let mut command = Command::new(binary()?);
        command.arg("run").arg("--config").arg(&file).envs(environment.iter().copied());
        let process = Running::start("keyhush", command)?;
        let mut keyhush = Keyhush { process };
        keyhush
            .process
            .wait_until("its console answers", Duration::from_secs(30), |_| console(&["stats"]).ok())?;
        Ok(keyhush)
    }

    /// Switches SecureMode of a call on or off.
    ///
    /// # Errors
    /// When it is refused.
    pub fn secure(&self, call_id: &str, on: bool) -> Outcome<()> {
        console(&["secure", call_id, if on { "on" } else { "off" }]).map(drop)
    }

    /// How many key presses of a call were captured.
    ///
    /// # Errors
    /// When the call is not listed.
    pub fn presses(&self, call_id: &str) -> Outcome<u64> {
        let list = console_json(&["calls"])?;
        let is_it =
            |call: &&Value| call["call_ids"].as_array().is_some_and(|ids| ids.iter().any(|id| id == call_id));
        let call = list["calls"].as_array().and_then(|calls| calls.iter().find(is_it));
        let presses = call.and_then(|call| call["presses"]["merged"].as_u64());
        presses
            .ok_or_else(|| Trouble::new(format!("`keyhush calls` does not show the call {call_id}: {list}")))
    }

    /// All counters by name, over all lcores.
    ///
    /// # Errors
    /// When the console does not show them.
    pub fn counters(&self) -> Outcome<BTreeMap<String, u64>> {
        let mut list = console_json(&["stats"])?;
        serde_json::from_value(list["counters"].take()).during("reading the answer of `keyhush stats`")
    }

    /// The value of one counter, over all lcores.
    ///
    /// # Errors
    /// When the console does not show it.
    pub fn counter(&self, name: &str) -> Outcome<u64> {
        self.counters()?
            .get(name)
            .copied()
            .ok_or_else(|| Trouble::new(format!("`keyhush stats` has no {name}")))
    }

    /// Waits until a counter has reached `value`.
    ///
    /// # Errors
    /// When it has not within `at_most`.
    pub fn wait_for_counter(&mut self, name: &str, value: u64, at_most: Duration) -> Outcome<()> {
        let reached =
            || console_json(&["stats"]).is_ok_and(|list| list["counters"][name].as_u64() >= Some(value));
        self.process.wait_until(&format!("{name} reaches {value}"), at_most, |_| reached().then_some(()))
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// When it is not within `at_most`, or looking fails; with what Keyhush said.
    pub fn wait(
        &mut self,
        at_most: Duration,
        what: &str,
        mut is_so: impl FnMut() -> Outcome<bool>,
    ) -> Outcome<()> {
        self.process.wait_until(what, at_most, |_| is_so().unwrap_or(false).then_some(()))
    }

    /// Makes an lcore stall, panic or resume; only a binary with the feature `test-hooks` does.
    ///
    /// # Errors
    /// When it is refused.
    pub fn hook(&self, action: &str, lcore: usize) -> Outcome<()> {
        console(&["hook", action, &lcore.to_string()]).map(drop)
    }

    /// Makes the control core do what `arguments` say: `panic`, `stall 5000`. Returns when it is about to.
    ///
    /// # Errors
    /// When it is refused.
    pub fn hook_control(&self, arguments: &[&str]) -> Outcome<()> {
        console(&[&["hook", "control"], arguments].concat()).map(drop)
    }

    /// All of its memory, at one moment.
    ///
    /// # Errors
    /// When it is not ours to read.
    pub fn core_image(&self) -> Outcome<CoreImage> {
        self.memory(&[Part::Process, Part::PacketPool, Part::KernelRing])
    }

    /// Parts of its memory, at one moment.
    ///
    /// # Errors
    /// When they are not ours to read.
    pub fn memory(&self, parts: &[Part]) -> Outcome<CoreImage> {
        self.process.signal("STOP")?;
        let image = memory_of(self.process.id(), parts);
        self.process.signal("CONT")?;
        image
    }

    /// What it has said.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Kills it; what is left of it can be asked what it has said.
    ///
    /// # Errors
    /// When it has gone before.
    pub fn kill(&mut self) -> Outcome<()> {
        self.process.stop("KILL").map(drop)
    }

    /// Ends it by a signal.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self, signal: &str) -> Outcome<ExitStatus> {
        self.process.stop(signal)
    }
}

/// Asks the console; answers what it printed.
///
/// # Errors
/// When it refuses, with its reason.
pub fn console(arguments: &[&str]) -> Outcome<String> {
    let output =
        Command::new(binary()?).args(arguments).stdin(Stdio::null()).output().during("starting keyhush")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::new(format!("keyhush {}: {}", arguments.join(" "), said.trim())))
}

fn console_json(arguments: &[&str]) -> Outcome<Value> {
    let answer = console(&[arguments, &["--json"]].concat())?;
    serde_json::from_str(&answer).during(format!("reading the answer of `keyhush {}`", arguments.join(" ")))
}

/// Puts settings where `keyhush run` and the commands beside it are to find them; answers the file.
///
/// # Errors
/// When it cannot be written.
pub fn write_settings(settings: &str) -> Outcome<PathBuf> {
    let file = Path::new(ROOT).join("keyhush.toml");
    fs::write(&file, settings).during("writing Keyhush's settings")?;
    Ok(file)
}

/// Settings for `pairs` of carrier side and customer side, a wire each. One lcore for each wire, all of which give way when idle;
/// the first does the signalling too.
///
/// # Errors
/// When there are fewer cores than wires.
pub fn wires(pairs: &[[&Host; 2]]) -> Outcome<String> {
    let status = fs::read_to_string("/proc/self/status").during("reading which cores we may use")?;
    let cores = cores(&status);
    let mut text = String::from("[eal]\nhugepages = false\nmemory_mib = 256\n\n[idle]\nmode = \"backoff\"\n");
    for (number, [carrier, customer]) in pairs.iter().enumerate() {
        let core = cores.get(number).ok_or_else(|| Trouble::new("this needs a core for each wire"))?;
        // Slots for a third of a second at the tests' load: other processes share these cores.
        let port = |place: usize, host: &Host| {
            format!("net_af_packet{place},iface={},framesz=2048,framecnt=2048", host.name())
        };
        text += &format!(
            "
[[wire]]
name = \"wire-{number}\"
carrier = \"{}\"
customer = \"{}\"
mtu = {MTU}

[[lcore]]
core = {core}
wires = [\"wire-{number}\"]
signalling = {}
",
            port(2 * number, carrier),
            port(2 * number + 1, customer),
            number == 0,
        );
    }
    Ok(text)
}

/// The processor cores that a process may use, from its `/proc/PID/status`: `Cpus_allowed_list: 0-1,4`.
fn cores(status: &str) -> Vec<u16> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<u16>().ok()?..=last.parse().ok()?)
    };
    list.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::cores;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(cores("Name:\tlive\nCpus_allowed_list:\t0-1,4\n"), [0, 1, 4]);
        assert!(cores("Name:\tlive\n").is_empty());
    }
}
