//! Keyhush: keeps the keys that a caller presses from the agent who listens.
//!
//! | file | what |
//! |---|---|
//! | `cards.rs` | the table of card brands |
//! | `cli.rs` | the command line |
//! | `clock.rs` | the time of day |
//! | `exit.rs` | how the program ends |
//! | `core_image.rs` | that there is none |
//! | `swap.rs` | that nothing is written to it |
//! | `wiping.rs` | the allocator, which wipes what is given back |
//! | `recordings.rs` | the archive that the settings tell of |
//! | `secret_input.rs` | a password from the terminal or standard input |
//! | `commands/` | one file a command |
//! | `run/` | the live data path; only with the feature `dpdk` |
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod cards;
mod cli;
mod clock;
mod commands;
mod core_image;
mod exit;
mod recordings;
#[cfg(feature = "dpdk")]
mod run;
mod secret_input;
#[cfg(feature = "dpdk")]
mod swap;
mod wiping;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Err(error) = core_image::forbid() {
        return exit::Failure::new(format!("core images cannot be forbidden: {error}")).tell();
    }
    let done = match command {
        Command::Run(given) => commands::run::run(&given),
        Command::Check(given) => commands::check::run(&given),
        Command::Calls(given) => commands::console::calls(&given),
        Command::Secure(given) => commands::console::secure(&given),
        Command::Stats(given) => commands::console::stats(&given),
        Command::Reload(given) => commands::console::reload(&given),
        Command::User(given) => commands::user::run(&given),
        #[cfg(feature = "test-hooks")]
        Command::Hook(given) => commands::console::hook(&given),
        Command::Replay(given) => commands::replay::run(&given),
        Command::Detect(given) => commands::detect::run(&given),
        Command::Verify(given) => commands::verify::run(&given),
        Command::Sign(given) => commands::sign::run(&given),
        Command::Keys(given) => commands::keys::run(&given),
        Command::Ledger(given) => commands::ledger::run(&given),
        Command::Recordings(given) => commands::recordings::run(&given),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
