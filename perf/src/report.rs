//! Medians, a table, and files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;
use crate::machine::Machine;
use crate::{Measured, Setting, capture};

/// All turns of one forwarder.
#[derive(Debug)]
pub(crate) struct Series {
    title: &'static str,
    turns: Vec<Measured>,
}

impl Series {
    pub(crate) fn new(title: &'static str) -> Series {
        Series { title, turns: Vec::new() }
    }

    pub(crate) fn add(&mut self, turn: Measured) {
        self.turns.push(turn);
    }

    pub(crate) fn latest(&self) -> Option<Measured> {
        self.turns.last().copied()
    }

    fn row(&self, peer: Option<f64>) -> Row {
        let mut each: Vec<_> = self.turns.iter().map(|turn| turn.nanos_a_packet()).collect();
        each.sort_unstable_by(f64::total_cmp);
        let median = median(&each);
        Row {
            title: self.title,
            median,
            least: each.first().copied().unwrap_or_default(),
            greatest: each.last().copied().unwrap_or_default(),
            ratio: peer.map(|peer| median / peer),
            turns: self.turns.iter().map(|turn| turn.nanos_a_packet()).collect(),
        }
    }
}

/// Of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(below), Some(above)) if sorted.len().is_multiple_of(2) => (below + above) / 2.0,
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}

/// Nanoseconds a packet.
#[derive(Debug, Serialize)]
struct Row {
    title: &'static str,
    median: f64,
    least: f64,
    greatest: f64,
    /// The median, in the peer's medians.
    ratio: Option<f64>,
    /// In the order in which they were taken.
    turns: Vec<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    unit: &'static str,
    machine: Machine,
    memory: &'static str,
    calls: u16,
    frame_bytes: usize,
    burst: usize,
    seconds_a_turn: f64,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(
        peer: Series,
        subjects: impl IntoIterator<Item = Series>,
        setting: &Setting,
    ) -> Result<Report, Failure> {
        let peer = peer.row(None);
        let anchor = peer.median;
        let rows = std::iter::once(peer).chain(subjects.into_iter().map(|series| series.row(Some(anchor))));
        Ok(Report {
            unit: "nanoseconds of the lcore a packet",
            machine: Machine::this(),
            memory: setting.memory.name(),
            calls: setting.calls,
            frame_bytes: capture::FRAME,
            burst: nic::Burst::CAPACITY,
            seconds_a_turn: setting.duration.as_secs_f64(),
            rows: rows.collect(),
        })
    }

    /// In Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| forwarder | median, ns a packet | least | greatest | of testpmd's |\n|---|--:|--:|--:|--:|\n",
        );
        for row in &self.rows {
            let ratio = row.ratio.map_or_else(|| "1".to_owned(), |ratio| format!("{ratio:.2}"));
            // Writing to a string cannot fail.
            let _written = writeln!(
                text,
                "| {} | {:.1} | {:.1} | {:.1} | {ratio} |",
                row.title, row.median, row.least, row.greatest
            );
        }
        text
    }

    fn markdown(&self) -> String {
        let Machine { processor, processors, kernel, dpdk, commit } = &self.machine;
        format!(
            "# Cost of the data path\n\n{}\n{} calls of G.711 in frames of {} bytes, from two `net_pcap` ports with \
             `infinite_rx=1` to each other, on one lcore, in bursts of up to {}; {} turns of {} s each, in turn; {}.\n\n\
             {processor} ({processors} processors), Linux {kernel}, DPDK {dpdk}, commit {commit}.\n",
            self.table(),
            self.calls,
            self.frame_bytes,
            self.burst,
            self.rows.first().map_or(0, |row| row.turns.len()),
            self.seconds_a_turn,
            self.memory,
        )
    }

    /// Leaves report.md and report.json in the directory.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), Failure> {
        fs::create_dir_all(directory).map_err(Failure::io(directory.display().to_string()))?;
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::Io { what: "report.json".to_owned(), error: error.into() })?;
        for (name, text) in [("report.md", self.markdown()), ("report.json", json + "\n")] {
            let path = directory.join(name);
            fs::write(&path, text).map_err(Failure::io(path.display().to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_odd_and_even() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
    }
}
