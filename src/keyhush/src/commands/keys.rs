//! `keyhush keys`: signing keys are made, shown and replaced.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use recording::keys::{KeyFault, PublicKey, RollOver, SigningKey};
use recording::ledger::Event;
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroizing;

use super::proofs;
use crate::cli::{KeysAction, KeysArgs, RollOverArgs};
use crate::clock;
use crate::exit::Failure;

/// Makes, shows, replaces.
pub(crate) fn run(given: &KeysArgs) -> Result<(), Failure> {
    match &given.action {
        KeysAction::New { file } => {
            let key = new(file)?;
            say(&format!(
                "key {}: {} stays here, {}.pub is for who verifies",
                key.id(),
                file.display(),
                file.display()
            ))
        }
        KeysAction::Public { file } => {
            let pem = proofs::secret_key(file)?.public().to_pem().map_err(Failure::new)?;
            say(pem.trim_end())
        }
        KeysAction::Id { file } => {
            let id = match SigningKey::load(file) {
                Ok(key) => key.id(),
                Err(KeyFault::NotAKey | KeyFault::Exposed(_)) => PublicKey::load(file)
                    .map_err(|fault| Failure::new(format!("{}: {fault}", file.display())))?
                    .id(),
                Err(fault) => return Err(Failure::new(format!("{}: {fault}", file.display()))),
            };
            say(&id.to_string())
        }
        KeysAction::RollOver(given) => roll_over(given),
    }
}

/// Makes a key, its file and that of its public key.
pub(super) fn new(file: &Path) -> Result<SigningKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed)?;
    let key = SigningKey::from_seed(&seed);
    key.save(file).map_err(|fault| Failure::new(format!("{}: {fault}", file.display())))?;
    let pem = key.public().to_pem().map_err(Failure::new)?;
    let public = public_path(file);
    proofs::write_new(&public, pem.as_bytes()).map_err(|error| Failure::file(&public, &error))?;
    Ok(key)
}

/// Fills all of it from the operating system.
pub(super) fn random(to: &mut [u8]) -> Result<(), Failure> {
    let mut filled = 0;
    while let Some(rest) = to.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += getrandom(rest, GetRandomFlags::empty())
            .map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
    }
    Ok(())
}

fn public_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".pub");
    PathBuf::from(path)
}

fn roll_over(given: &RollOverArgs) -> Result<(), Failure> {
    let (old, new) = (proofs::secret_key(&given.from)?, proofs::secret_key(&given.to)?);
    if old.id() == new.id() {
        return Err(Failure::new("the two keys are the same"));
    }
    // Opened first: with a ledger that cannot be had nothing is changed.
    let mut ledger = given.ledger.as_deref().map(proofs::open_ledger).transpose()?;
    let at = clock::now()?;
    let change = RollOver::sign(&old, &new, at).to_bytes();
    proofs::write_new(&given.output, &change).map_err(|error| Failure::file(&given.output, &error))?;
    if let (Some(ledger), Some(directory)) = (&mut ledger, &given.ledger) {
        keep_beside(directory, &new, &change)?;
        let event = Event::RollOver { from: old.id(), to: new.public() };
        ledger.add(&[event], at, &new).map_err(|fault| proofs::fault_of(directory, &fault))?;
    }
    say(&format!("{} ends, {} follows: {} is for who verifies", old.id(), new.id(), given.output.display()))
}

/// Where Keyhush keeps the public keys that it has signed with it looks for what follows them, too.
fn keep_beside(directory: &Path, new: &SigningKey, change: &[u8]) -> Result<(), Failure> {
    let folder = directory.join("signing.keys");
    if !folder.is_dir() {
        return Ok(());
    }
    let pem = new.public().to_pem().map_err(Failure::new)?;
    for (name, bytes) in
        [(format!("{}.roll-over", new.id()), change), (format!("{}.pem", new.id()), pem.as_bytes())]
    {
        let path = folder.join(name);
        proofs::write_new(&path, bytes).map_err(|error| Failure::file(&path, &error))?;
    }
    Ok(())
}

fn say(text: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{text}").or_else(Failure::output)
}
