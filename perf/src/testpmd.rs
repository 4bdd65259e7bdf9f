//! The peer: DPDK's own forwarder, driven by its console.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::failure::Failure;
use crate::processor_time::Thread;
use crate::{Measured, Setting, subject};

const PROGRAM: &str = "dpdk-testpmd";
const WARM_UP: Duration = Duration::from_millis(200);

/// Runs it once: up, warm, measured, down.
pub(crate) fn take_turn(setting: &Setting) -> Result<Measured, Failure> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60", PROGRAM]).args(setting.eal_arguments()).arg("--");
    command.args(["--interactive", "--forward-mode=mac", "--nb-cores=1", "--no-lsc-interrupt"]);
    command.arg(format!("--burst={}", nic::Burst::CAPACITY));
    command.arg(format!("--rxd={0}", subject::DESCRIPTORS)).arg(format!("--txd={0}", subject::DESCRIPTORS));
    command.arg(format!("--mbcache={}", subject::CACHE));
    command.arg(format!("--total-num-mbufs={}", subject::pool_size(setting.calls)));
    command.env("RUNTIME_DIRECTORY", &setting.capture.directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Failure::io("timeout"))?;
    let (Some(mut console), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Failure::Answer { program: PROGRAM, text: String::new() });
    };
    // Its output is read as it comes, so that it never waits for us.
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let nanos = forward(child.id(), &mut console, setting.duration);
    let _gone_already = console.write_all(b"quit\n");
    drop(console);
    let ended = child.wait_with_output().map_err(Failure::io(PROGRAM))?;
    let text = reader.join().map_err(|_| ()).and_then(|read| read.map_err(drop)).unwrap_or_default();
    match (nanos, totals(&text)) {
        (Ok(nanos), Some((received, sent))) if received == sent && received > 0 => {
            Ok(Measured { packets: received, nanos })
        }
        (Ok(_), Some((received, sent))) => Err(Failure::Lost { program: PROGRAM, received, sent }),
        _ => {
            let text =
                format!("{text}{}(from Debian's package dpdk-dev)", String::from_utf8_lossy(&ended.stderr));
            Err(Failure::Answer { program: PROGRAM, text })
        }
    }
}

/// What its forwarding lcore spends in the measured time.
fn forward(timeout: u32, console: &mut impl Write, duration: Duration) -> Result<u64, Failure> {
    let lcore = lcore(timeout)?;
    let mut say = |line: &[u8]| console.write_all(line).map_err(Failure::io(PROGRAM));
    let start = lcore.nanos()?;
    say(b"start\n")?;
    lcore.wait_until_busy(start, WARM_UP)?;
    say(b"stop\n")?;
    let before = lcore.nanos_at_rest()?;
    say(b"start\n")?;
    lcore.wait_until_busy(before, duration)?;
    say(b"stop\n")?;
    Ok(lcore.nanos_at_rest()? - before)
}

/// Its forwarding lcore, once it has one. It is the child of `timeout`.
fn lcore(timeout: u32) -> Result<Thread, Failure> {
    let children = format!("/proc/{timeout}/task/{timeout}/children");
    for _ in 0..1_000 {
        let text = std::fs::read_to_string(&children).map_err(Failure::io(PROGRAM))?;
        let process = text.split_whitespace().next().and_then(|number| number.parse().ok());
        if let Some(lcore) = process.and_then(|process| Thread::named(process, "worker-1")) {
            return Ok(lcore);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(Failure::Answer { program: PROGRAM, text: "it started no lcore".to_owned() })
}

/// Packets received and sent since the last start, by the last statistics that it printed.
fn totals(text: &str) -> Option<(u64, u64)> {
    let last = |name| text.rsplit_once(name)?.1.split_whitespace().next()?.parse().ok();
    let (_, accumulated) = text.rsplit_once("Accumulated forward statistics")?;
    let _complete = accumulated.find("TX-total:")?;
    Some((last("RX-total:")?, last("TX-total:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_totals_count() {
        let text = "  +++++++ Accumulated forward statistics for all ports+++++++\n  \
                    RX-packets: 1  RX-dropped: 0  RX-total: 1\n  TX-packets: 1  TX-dropped: 0  TX-total: 1\n\
                    testpmd> stop\n ------ Forward statistics for port 0 -----\n RX-packets: 7 RX-dropped: 0 RX-total: 7\n\
                    TX-packets: 6 TX-dropped: 1 TX-total: 7\n  ++++ Accumulated forward statistics for all ports++++\n\
                    RX-packets: 14 RX-dropped: 0  RX-total: 14\n  TX-packets: 12  TX-dropped: 1 TX-total: 13\n ++++\nDone.\n";
        assert_eq!(totals(text), Some((14, 13)));
        assert_eq!(totals("testpmd> "), None);
    }
}
