//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use handover::MaskKey;
use replay::Cidr;

#[cfg(feature = "test-hooks")]
mod hook;
mod proofs;
mod recordings;
mod user;

#[cfg(feature = "test-hooks")]
pub(crate) use hook::{ControlHook, HookArgs, Hooked};
pub(crate) use proofs::{
    CheckLedgerArgs, ConsistencyArgs, ExportHeadsArgs, KeysAction, KeysArgs, LedgerAction, LedgerArgs,
    LedgerAt, ReceiptArgs, RollOverArgs, SignArgs, StampArgs, Trusted, VerifyArgs, VerifyPaperArgs,
};
use proofs::{LEDGER_CODES, VERDICT_CODES};
pub(crate) use recordings::{
    ArchiveAt, ExcerptArgs, ExportArgs, ListRecordingsArgs, ReasonArgs, RecordingsAction, RecordingsArgs,
};
pub(crate) use user::{RoleArg, UserAction, UserArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  not done: refused, or a file or device could not be used
  2  the command line is wrong
  3  the settings file cannot be read or is wrong
  4  no running Keyhush can be asked: nobody listens, another user's, or no answer
  5  `verify` and `ledger`: altered; they have further codes, which their own --help tells";

/// Keeps the keys that a caller presses from the agent who listens.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bridge the wires of the settings until SIGINT or SIGTERM.
    Run(RunArgs),
    /// Say what is wrong with a settings file and how to put it right.
    Check(CheckArgs),
    /// List the calls in progress.
    Calls(CallsArgs),
    /// Put a call into SecureMode or take it out.
    Secure(SecureArgs),
    /// Show the counters: why packets passed, were changed or were dropped.
    Stats(StatsArgs),
    /// Have the tenants, the agents' certificate and its key read again.
    Reload(ReloadArgs),
    /// Add agents who take payments, bar them, and give them passwords.
    User(UserArgs),
    /// Make an lcore or the control core misbehave.
    #[cfg(feature = "test-hooks")]
    Hook(HookArgs),
    /// Take a capture through the pipeline; needs no privileges and no device.
    #[command(after_help = EXIT_CODES)]
    Replay(ReplayArgs),
    /// Print the keys that are heard as tones in a recording; they may be a card number.
    #[command(after_help = EXIT_CODES)]
    Detect(DetectArgs),
    /// Say whether a file is the recording that was made; needs nothing but file, proof and public key.
    #[command(after_help = VERDICT_CODES)]
    Verify(VerifyArgs),
    /// Sign recordings that other systems made, as they are.
    Sign(SignArgs),
    /// Make, show and replace the keys that recordings are signed with.
    Keys(KeysArgs),
    /// Show and check the ledger of what was signed.
    #[command(after_help = LEDGER_CODES)]
    Ledger(LedgerArgs),
    /// List, decrypt, hold and delete recordings.
    Recordings(RecordingsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The settings file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The settings file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a running Keyhush is asked.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The admin socket [default: that of --config, else /run/keyhush/admin.sock].
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    pub(crate) socket: Option<PathBuf>,
    /// The settings file of the running Keyhush, for its admin socket.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, Args)]
pub(crate) struct SecureArgs {
    /// The Call-ID of one of the call's legs, as `keyhush calls` shows it.
    #[arg(value_name = "CALL-ID")]
    pub(crate) call_id: String,
    /// `on` returns when every lcore has acknowledged.
    #[arg(value_name = "on|off")]
    pub(crate) state: OnOff,
    /// What replaces the keys: '#', 0 or 1 [default: that of the settings].
    #[arg(long, value_name = "KEY", value_parser = mask_key)]
    pub(crate) mask_key: Option<MaskKey>,
    /// With `off`: also where a payment is being taken in the call; its page says STOP then.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Show counters that are zero as well.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The capture: pcap or pcapng, Ethernet, of both directions.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// What comes from these addresses arrived on the carrier port.
    #[arg(long, value_name = "CIDR")]
    pub(crate) carrier: Cidr,
    /// Whether calls are in SecureMode from their first message on.
    #[arg(long, value_name = "WHEN", default_value = "never")]
    pub(crate) secure: Secure,
    /// What replaces the keys: '#', 0 or 1.
    #[arg(long, value_name = "KEY", default_value = "#", value_parser = mask_key)]
    pub(crate) mask_key: MaskKey,
    /// The capture of what left, with the times at which it left.
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// Write a report in JSON; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the captured digits into the report. They may be card numbers.
    #[cfg(feature = "reveal-digits")]
    #[arg(long)]
    pub(crate) reveal_digits: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// The recording: WAV, linear, of 8 kHz or more.
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Secure {
    Always,
    Never,
}

fn mask_key(text: &str) -> Result<MaskKey, &'static str> {
    match *text.as_bytes() {
        [key] => MaskKey::from_ascii(key),
        _ => None,
    }
    .ok_or("expected '#' (quoted, since the shell takes # for a comment), 0 or 1")
}
