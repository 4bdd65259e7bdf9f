//! `keyhush user`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    pub(crate) action: UserAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserAction {
    /// Add an agent, or somebody who may hear recordings; asks for the password.
    Add(AddArgs),
    /// Bar an agent from signing in, and sign them out.
    Disable(NameArgs),
    /// Let an agent sign in again.
    Enable(NameArgs),
    /// Give an agent another password, and sign them out.
    Password(PasswordArgs),
    /// List the agents.
    List(ListArgs),
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleArg {
    /// Take payments.
    Agent,
    /// Search and hear the tenant's recordings.
    Archive,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name to sign in with: letters, digits and . _ @ + -, at most 64; case does not matter.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Whose agent it is: the name of the tenant's file without .toml.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// What they may do.
    #[arg(long, value_enum, default_value_t = RoleArg::Agent)]
    pub(crate) role: RoleArg,
    #[command(flatten)]
    pub(crate) from: PasswordFrom,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// The agent's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) from: PasswordFrom,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The agent's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only this tenant's.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

/// Never the command line itself: other users can read it.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PasswordFrom {
    /// Read the password from the first line of standard input instead of the terminal.
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StoreAt {
    /// The settings file, for its store and tenants.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}
