//! `psp-sandbox`: a PSP that takes no money, for people who try Keyhush.
#![allow(clippy::print_stdout, reason = "it speaks to the one who started it")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use keyhush_tests::https::Identity;
use keyhush_tests::live::{During, Outcome};
use keyhush_tests::psp_sandbox::{PspSandbox, Settings, behaviour};

/// A PSP that takes no money: what becomes of a payment is chosen by its amount or its card.
#[derive(Parser)]
#[command(name = "psp-sandbox", after_help = behaviour::told())]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9443")]
    listen: SocketAddr,
    /// The certificate's file, in PEM. Without --key, one is made for 127.0.0.1 and localhost, and written there.
    #[arg(long)]
    certificate: PathBuf,
    /// The file of the certificate's key, in PEM.
    #[arg(long)]
    key: Option<PathBuf>,
    /// A file with the key that clients must show. Without it they need none.
    #[arg(long)]
    credentials: Option<PathBuf>,
}

fn main() -> ExitCode {
    match serve(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("psp-sandbox: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Outcome<()> {
    let identity = match &arguments.key {
        Some(key) => Identity::read(&arguments.certificate, key)?,
        None => {
            let made = Identity::made()?;
            let file = &arguments.certificate;
            std::fs::write(file, &made.certificate).during(format!("writing {}", file.display()))?;
            made
        }
    };
    let read = |file: &PathBuf| std::fs::read_to_string(file).during(file.display());
    let secret = arguments.credentials.as_ref().map(read).transpose()?;
    let secret = secret.map(|secret| secret.trim().to_owned());
    let settings = Settings { secret, ..Settings::default() };
    let sandbox = PspSandbox::start(arguments.listen, &identity, settings)?;
    println!("psp-sandbox: listening on https://{}", sandbox.address());
    sandbox.serve();
    Ok(())
}
