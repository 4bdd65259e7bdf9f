//! `keyhush hook`, which only binaries for tests have.

use clap::{Args, Subcommand};

use super::Where;

#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    pub(crate) hooked: Hooked,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Hooked {
    /// An lcore does nothing at all, until resumed.
    Stall(LcoreArgs),
    /// An lcore panics once.
    Panic(LcoreArgs),
    /// An lcore works again.
    Resume(LcoreArgs),
    /// The control core misbehaves.
    #[command(subcommand)]
    Control(ControlHook),
}

#[derive(Debug, Args)]
pub(crate) struct LcoreArgs {
    /// The lcore's number, from 0.
    pub(crate) lcore: usize,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ControlHook {
    /// It panics once, and is started again.
    Panic {
        #[command(flatten)]
        at: Where,
    },
    /// It stands still.
    Stall {
        /// For so many milliseconds.
        #[arg(value_name = "MS")]
        millis: u64,
        #[command(flatten)]
        at: Where,
    },
}
