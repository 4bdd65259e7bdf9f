//! `keyhush verify`, `sign`, `keys` and `ledger`: proofs, without a running Keyhush and without its settings.

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) const VERDICT_CODES: &str = "\
Exit codes:
  0  genuine: the whole recording, or an excerpt of it, unaltered
  1  not done: a file could not be used
  2  the command line is wrong
  5  altered: changed, cut, put together, its channels exchanged, or saved in another format
  6  not ours: nothing of the recording is in the file
  7  the proof proves nothing: damaged, forged, or by a key that is not trusted
  8  the file is no audio file that can be checked";

pub(crate) const LEDGER_CODES: &str = "\
Exit codes:
  0  as it should be
  1  not done: a file could not be used
  2  the command line is wrong
  5  entries or recordings were removed or exchanged
  7  a signature is not to be trusted";

/// What is believed.
#[derive(Debug, Args)]
pub(crate) struct Trusted {
    /// A public key in PEM, a roll-over, or a directory of files *.pub and *.roll-over [default: /etc/keyhush/trusted].
    #[arg(long = "key", value_name = "FILE|DIR")]
    pub(crate) keys: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The recording or excerpt: WAV.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Its proof [default: FILE.proof, or FILE with .proof for its ending].
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    /// The proof's receipt, which shows that the ledger has it.
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// WAV files; each gets FILE.proof beside it.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The secret key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Whose they are.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// What is known of them, such as order=A-17.
    #[arg(long = "fact", value_name = "NAME=TEXT", value_parser = fact)]
    pub(crate) facts: Vec<(String, String)>,
    /// Enter them into the ledger of this directory, that of recordings or another, and sign its head.
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Option<PathBuf>,
}

fn fact(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=TEXT")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) action: KeysAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Make a signing key: FILE, which nobody else may read, and FILE.pub for who verifies.
    New {
        /// Where it is written; nothing is written over.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the public key of a secret one, in PEM.
    Public {
        /// The secret key.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the name of a key, secret or public, as proofs have it.
    Id {
        /// The key.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Have an old key name its successor, and end.
    RollOver(RollOverArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RollOverArgs {
    /// The secret key that ends.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// The secret key that follows.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// Where the document is written, for who verifies.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Enter it into the ledger of this directory, that of recordings or another, and sign its head with the new key.
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    pub(crate) action: LedgerAction,
}

/// Where the ledger is.
#[derive(Debug, Args)]
pub(crate) struct LedgerAt {
    /// The recordings' directory, or the ledger's file or a copy of it; Keyhush may be running.
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) ledger: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerAction {
    /// Print the newest signed head.
    Head(LedgerAt),
    /// Check that nothing was removed or exchanged.
    Check(CheckLedgerArgs),
    /// Print what shows that a recording's proof is in the ledger.
    Receipt(ReceiptArgs),
    /// Print what shows that the ledger only grew since an older head.
    Consistency(ConsistencyArgs),
    /// Check a head, a receipt or a consistency proof by itself, without the ledger.
    Verify(VerifyPaperArgs),
    /// Have a head stamped by an authority (RFC 3161): write the query, or check the answer.
    Stamp(StampArgs),
    /// Keep every signed head in a directory of a witness.
    Export(ExportHeadsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckLedgerArgs {
    #[command(flatten)]
    pub(crate) at: LedgerAt,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    /// A head that was kept, or a witness's directory of them: the ledger must begin with what it was then.
    #[arg(long = "witness", value_name = "FILE|DIR")]
    pub(crate) witnesses: Vec<PathBuf>,
    /// The recordings' directory, and others where proofs lie, such as the inbox: each proof in the ledger must be in one of them, and
    /// no other one.
    #[arg(long, value_name = "DIR")]
    pub(crate) recordings: Vec<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    /// The recording's name.
    #[arg(value_name = "RECORDING")]
    pub(crate) recording: String,
    #[command(flatten)]
    pub(crate) at: LedgerAt,
}

#[derive(Debug, Args)]
pub(crate) struct ConsistencyArgs {
    /// The older head.
    #[arg(value_name = "HEAD")]
    pub(crate) old: PathBuf,
    #[command(flatten)]
    pub(crate) at: LedgerAt,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyPaperArgs {
    /// The document.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
}

#[derive(Debug, Args)]
pub(crate) struct ExportHeadsArgs {
    #[command(flatten)]
    pub(crate) at: LedgerAt,
    /// The witness's directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StampArgs {
    /// The head, as `keyhush ledger head` printed it.
    #[arg(value_name = "HEAD")]
    pub(crate) head: PathBuf,
    /// The query: written new, or with --answer the one that was asked.
    #[arg(long, value_name = "FILE")]
    pub(crate) query: PathBuf,
    /// The authority's answer, to be checked; its signature is for `openssl ts -verify`.
    #[arg(long, value_name = "FILE")]
    pub(crate) answer: Option<PathBuf>,
}
