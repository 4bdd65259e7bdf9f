//! The data path's cost, measured beside `dpdk-testpmd` on the same devices in the same run.
//!
//! Both forward the same endless capture of G.711 RTP between two `net_pcap` ports on one lcore. They take turns, each time in
//! a process of its own, so that the machine's moods meet both alike; the medians are compared. What is counted is the
//! lcore's time on its processor (`schedstat`), not the wall's, since benchmarks seldom have a machine to themselves.
//!
//! | file | what |
//! |---|---|
//! | `subject.rs` | what is measured of Keyhush: the bare forwarder, and the pipeline |
//! | `testpmd.rs` | the peer |
//! | `capture.rs` | the traffic |
//! | `processor_time.rs`, `hugepages.rs`, `machine.rs` | how, with what memory, and where |
//! | `aftermath.rs` | what is put right at the end, also of a run that is interrupted |
//! | `report.rs` | medians, table, files |

#![allow(clippy::disallowed_methods, reason = "a benchmark lives at the edge: it reads clocks and waits")]

mod aftermath;
mod capture;
mod failure;
mod hugepages;
mod machine;
mod processor_time;
mod report;
mod subject;
mod testpmd;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use capture::Capture;
use failure::Failure;
use hugepages::Memory;
use report::{Report, Series};
use subject::Subject;

/// Nanoseconds a packet of Keyhush's data path, beside dpdk-testpmd.
#[derive(Parser)]
#[command(name = "keyhush-perf")]
struct Arguments {
    /// How often each takes its turn.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(5..))]
    rounds: u16,
    /// How long a turn is measured.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Calls in progress: two media flows each.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    calls: u16,
    /// Plain memory even where hugepages could be had.
    #[arg(long)]
    no_huge: bool,
    /// Where report.md and report.json go.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench"))]
    output: PathBuf,
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Subcommand)]
enum Step {
    /// One turn of Keyhush, in this process; the answer is a line of JSON.
    #[command(hide = true)]
    Turn(subject::Turn),
}

/// What one turn found.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Measured {
    /// Packets received and sent on.
    pub(crate) packets: u64,
    /// What the forwarding lcore spent on its processor.
    pub(crate) nanos: u64,
}

impl Measured {
    pub(crate) fn nanos_a_packet(self) -> f64 {
        self.nanos as f64 / self.packets.max(1) as f64
    }
}

/// What all turns of a run have in common.
pub(crate) struct Setting {
    pub(crate) capture: Capture,
    pub(crate) memory: Memory,
    pub(crate) processors: machine::Processors,
    pub(crate) duration: Duration,
    pub(crate) calls: u16,
}

impl Setting {
    /// EAL's arguments: a main lcore that waits, and one that forwards.
    pub(crate) fn eal_arguments(&self) -> Vec<String> {
        let [carrier, customer] = &self.capture.files;
        let mut arguments = self.memory.eal_arguments(subject::mebibytes(self.calls));
        let lcores = format!("0@{},1@{}", self.processors.waiting, self.processors.forwarding);
        let rest =
            ["--no-pci", "--no-telemetry", "--log-level", "error", "--lcores", &lcores, "--main-lcore", "0"];
        arguments.extend(rest.map(str::to_owned));
        for (port, file) in [carrier, customer].into_iter().enumerate() {
            arguments.push("--vdev".to_owned());
            arguments.push(format!("net_pcap{port},rx_pcap={},infinite_rx=1", file.display()));
        }
        arguments
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.step {
        Some(Step::Turn(turn)) => subject::take_turn(turn),
        None => bench(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("keyhush-perf: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), Failure> {
    let setting = Setting {
        capture: Capture::new(arguments.calls)?,
        memory: if arguments.no_huge {
            Memory::plain()
        } else {
            Memory::best(subject::mebibytes(arguments.calls))
        },
        processors: machine::Processors::choose()?,
        duration: Duration::try_from_secs_f64(arguments.seconds).map_err(|_| Failure::Duration)?,
        calls: arguments.calls,
    };
    let mut peer = Series::new("dpdk-testpmd, mac");
    let mut subjects = Subject::ALL.map(|subject| (subject, Series::new(subject.title())));
    for round in 1..=arguments.rounds {
        peer.add(testpmd::take_turn(&setting)?);
        for (subject, series) in &mut subjects {
            series.add(subject.measure(&setting)?);
        }
        let latest = |series: &Series| series.latest().map_or(0.0, Measured::nanos_a_packet);
        let turns: Vec<_> = subjects.iter().map(|(_, series)| format!("{:.1}", latest(series))).collect();
        eprintln!(
            "round {round} of {}: testpmd {:.1}, keyhush {} ns a packet",
            arguments.rounds,
            latest(&peer),
            turns.join(", ")
        );
    }
    let report = Report::new(peer, subjects.map(|(_, series)| series), &setting)?;
    print!("{}", report.table());
    report.write(&arguments.output)
}
