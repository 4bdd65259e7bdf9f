//! `keyhush recordings`: the archive, for who keeps it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::clock;

#[derive(Debug, Args)]
pub(crate) struct RecordingsArgs {
    #[command(subcommand)]
    pub(crate) action: RecordingsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecordingsAction {
    /// Make the keys that [recordings] needs: master.key and signing.key, with signing.key.pub for who verifies.
    Keys {
        /// Their directory; nothing is written over.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// List recordings, newest first.
    List(ListRecordingsArgs),
    /// Decrypt recordings: NAME.wav, NAME.proof and NAME.receipt.
    Export(ExportArgs),
    /// Decrypt a part of a recording, with a proof of that part alone.
    Excerpt(ExcerptArgs),
    /// Keep a recording from being deleted, whatever its time.
    Hold(ReasonArgs),
    /// End a hold.
    Release(ReasonArgs),
    /// Delete a recording's audio before its time; its proof stays.
    Delete(ReasonArgs),
}

/// Whose archive it is.
#[derive(Debug, Args)]
pub(crate) struct ArchiveAt {
    /// The settings file, for its recordings and store; Keyhush may be running.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ListRecordingsArgs {
    /// Only this tenant's.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Begun then or later: 2026-01-31 or 2026-01-31T10:15:00Z.
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    pub(crate) from: Option<u64>,
    /// Begun before.
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    pub(crate) to: Option<u64>,
    /// With these digits in the caller's number or the one that was called.
    #[arg(long, value_name = "DIGITS")]
    pub(crate) number: Option<String>,
    /// With a payment by this agent.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// With a payment of this order reference.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) order: Option<String>,
    /// So many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) limit: u32,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) at: ArchiveAt,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The recordings.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// Where the files are written; nothing is written over.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) at: ArchiveAt,
}

#[derive(Debug, Args)]
pub(crate) struct ExcerptArgs {
    /// The recording.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The first second: 00:01:12, 1:12 or 72.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) from: u64,
    /// The first second after it.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) until: u64,
    /// Where the files are written; nothing is written over.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) at: ArchiveAt,
}

#[derive(Debug, Args)]
pub(crate) struct ReasonArgs {
    /// The recording.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// By whose order, and why; it is in the ledger for good, so no names of callers.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: ArchiveAt,
}

fn seconds(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "expected 00:01:12, 1:12 or 72";
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return Err(WRONG);
    }
    parts.iter().enumerate().try_fold(0u64, |before, (number, part)| {
        let is_digits = (1..=6).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit());
        let value: u64 = part.parse().map_err(|_| WRONG)?;
        let fits = is_digits && (number == 0 || value < 60);
        if fits { Ok(before * 60 + value) } else { Err(WRONG) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_a_recording_are_read_as_clocks_show_them() {
        for (text, wanted) in
            [("00:01:12", 72), ("1:12", 72), ("72", 72), ("100:00", 6_000), ("1:00:00", 3_600)]
        {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "1:60", "1:2:3:4", "-1", "1.5", "1:", "+5"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
