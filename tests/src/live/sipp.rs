//! Many calls at once: sipp on both hosts, with voice both ways.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::network::Host;
use super::process::Running;
use super::sandbox::ROOT;
use super::{During, Outcome, Trouble};

/// How many calls to make, and how fast.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// Calls in all.
    pub calls: u32,
    /// Calls a second.
    pub a_second: u32,
}

/// What the caller's sipp says of its calls, in the words of its own statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Calls that went as the scenario says.
    pub successful: u64,
    /// Calls that did not.
    pub failed: u64,
    /// Messages sent again because nothing had come back in time.
    pub retransmitted: u64,
}

impl Tally {
    /// What is to be seen when no call fails and no message is lost.
    pub fn of(calls: u32) -> Tally {
        Tally { successful: calls.into(), failed: 0, retransmitted: 0 }
    }
}

/// Calls in the making.
#[derive(Debug)]
pub struct Calls {
    caller: Running,
    agent: Running,
    statistics: PathBuf,
}

/// How many RTP packets a call sends each way: two seconds of 20 ms.
pub const PACKETS_A_CALL: u64 = 100;

/// Where sipp listens on both hosts, so that a telephone may have 5060 there.
const PORT: u16 = 5070;

/// Samples in one packet of 20 ms.
const PACKET: usize = 160;

const CALLER: &str = include_str!("sipp/caller.xml");
const AGENT: &str = include_str!("sipp/agent.xml");

impl Load {
    /// Lets the hosts begin to call each other.
    ///
    /// # Errors
    /// When sipp is not installed or does not start.
    pub fn start(self, caller: &Host, agent: &Host) -> Outcome<Calls> {
        self.start_as(caller, agent, [CALLER, AGENT], &[])
    }

    fn start_as(
        self,
        caller: &Host,
        agent: &Host,
        [caller_does, agent_does]: [&str; 2],
        further: &[&str],
    ) -> Outcome<Calls> {
        let directory = Path::new(ROOT).join("sipp");
        fs::create_dir_all(&directory).during("making sipp's directory")?;
        let write = |name: &str, bytes: &[u8]| fs::write(directory.join(name), bytes).during(name);
        write("caller.xml", caller_does.as_bytes())?;
        write("agent.xml", agent_does.as_bytes())?;
        write("voice.ulaw", &voice())?;
        let statistics = directory.join("caller.csv");
        let (calls, a_second) = (self.calls.to_string(), self.a_second.to_string());
        let start = |host: &Host, arguments: &[&str]| {
            let mut command = host.command("sipp");
            let address = host.address().to_string();
            command
                .args([
                    "-i",
                    &address,
                    "-p",
                    &PORT.to_string(),
                    "-mi",
                    &address,
                    "-m",
                    &calls,
                    "-nostdin",
                    "-trace_err",
                ])
                .args(arguments);
            command.current_dir(&directory);
            Running::start(&format!("sipp-{}", host.name()), command)
        };
        let mut answering = start(agent, &["-sf", "agent.xml"])?;
        answering.wait_until("sipp waits for calls", Duration::from_secs(10), |_| {
            agent.listens(PORT).is_ok_and(|listens| listens).then_some(())
        })?;
        let to = format!("{}:{PORT}", agent.address());
        let file = statistics.display().to_string();
        let arguments = ["-sf", "caller.xml", &to, "-r", &a_second, "-trace_stat", "-stf", &file, "-fd", "1"];
        let calling = start(caller, &[&arguments, further].concat())?;
        Ok(Calls { caller: calling, agent: answering, statistics })
    }
}

/// One call whose caller presses keys by INFO requests (`application/dtmf-relay`), five a second.
#[derive(Clone, Copy, Debug)]
pub struct KeyedByInfo<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The keys.
    pub keys: &'a str,
    /// How long the call lasts before the first key.
    pub before: Duration,
}

impl KeyedByInfo<'_> {
    /// Lets it begin.
    ///
    /// # Errors
    /// When sipp is not installed or does not start.
    pub fn start(self, caller: &Host, agent: &Host) -> Outcome<Calls> {
        const PAUSE: &str = "<pause milliseconds=\"2500\"/>";
        const BYE: &str = "<recv request=\"BYE\"/>";
        let one = |(number, key)| {
            include_str!("sipp/info.xml")
                .replace("[number]", &format!("{}", number + 2))
                .replace("[key]", key)
        };
        let keys: Vec<&str> = self.keys.split("").filter(|key| !key.is_empty()).collect();
        let requests: String = keys.iter().copied().enumerate().map(one).collect();
        let before = PAUSE.replace("2500", &self.before.as_millis().to_string());
        let caller_does = CALLER
            .replace(PAUSE, &format!("{before}{requests}{PAUSE}"))
            .replace("CSeq: 2 BYE", "CSeq: 200 BYE");
        let answers = include_str!("sipp/info-answer.xml").repeat(keys.len());
        let agent_does = AGENT.replace(BYE, &format!("{answers}{BYE}"));
        let once = Load { calls: 1, a_second: 1 };
        once.start_as(caller, agent, [&caller_does, &agent_does], &["-cid_str", self.call_id])
    }
}

impl Calls {
    /// Waits until all calls have ended.
    ///
    /// # Errors
    /// When they do not end within `at_most`.
    pub fn finish(mut self, at_most: Duration) -> Outcome<Tally> {
        self.caller.wait(at_most)?;
        let tally = tally(&fs::read_to_string(&self.statistics).during("reading sipp's statistics")?)?;
        if tally.failed == 0 {
            let status = self.agent.wait(Duration::from_secs(10))?;
            if !status.success() {
                return Err(self.agent.complaint(&format!("ended with {status}")));
            }
        }
        Ok(tally)
    }
}

/// The last line of sipp's statistics, by the names in the first.
fn tally(statistics: &str) -> Outcome<Tally> {
    let mut lines = statistics.lines();
    let (Some(names), Some(values)) = (lines.next(), lines.next_back()) else {
        return Err(Trouble::new("sipp wrote no statistics"));
    };
    let columns: BTreeMap<_, _> = names.split(';').zip(values.split(';')).collect();
    let of = |name: &str| {
        let value = columns.get(name).and_then(|value| value.parse().ok());
        value.ok_or_else(|| Trouble::new(format!("sipp's statistics have no {name}")))
    };
    Ok(Tally {
        successful: of("SuccessfulCall(C)")?,
        failed: of("FailedCall(C)")?,
        retransmitted: of("Retransmissions(C)")?,
    })
}

/// G.711 µ-law of somebody humming up and down, [`PACKETS_A_CALL`] packets long.
fn voice() -> Vec<u8> {
    let samples = PACKETS_A_CALL as usize * PACKET;
    (0..samples).map(|at| 0x80 | (0x20 + (at / 8 % 0x40) as u8) ^ ((at & 4) as u8) << 5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let statistics = "A;SuccessfulCall(C);FailedCall(C);Retransmissions(C);\nx;1;0;0;\ny;600;2;5;\n";
        assert_eq!(tally(statistics).unwrap(), Tally { successful: 600, failed: 2, retransmitted: 5 });
        assert!(tally("").is_err());
        assert!(tally("A;B\n1;2\n").is_err());
    }

    #[test]
    fn the_voice_lasts_as_long_as_its_packets() {
        assert_eq!(voice().len() as u64, PACKETS_A_CALL * PACKET as u64);
    }
}
