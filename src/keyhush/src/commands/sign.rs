//! `keyhush sign`: proofs for audio that other systems made.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use control::recordings::ledger::SharedLedger;
use recording::document::{Text, Word};
use recording::imported::{self, Import};
use recording::keys::SigningKey;
use recording::ledger::Event;

use super::{keys, proofs};
use crate::cli::SignArgs;
use crate::clock;
use crate::exit::Failure;

/// Signs each file; what cannot be signed is told, and the others are.
pub(crate) fn run(given: &SignArgs) -> Result<(), Failure> {
    let key = proofs::secret_key(&given.key)?;
    let tenant = Text::new(&given.tenant)
        .ok_or_else(|| Failure::new("a tenant is a line of text of at most 512 bytes"))?;
    let facts = given.facts.iter().map(|(name, text)| fact(name, text)).collect::<Result<_, _>>()?;
    let mut ledger = given.ledger.as_deref().map(proofs::open_ledger).transpose()?;
    let mut refused = 0;
    for path in &given.files {
        match sign(path, &tenant, &facts, &key, ledger.as_mut()) {
            Ok(said) => writeln!(stdout(), "{said}").or_else(Failure::output)?,
            Err(why) => {
                eprintln!("keyhush: {}: {why}", path.display());
                refused += 1;
            }
        }
    }
    match refused {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{refused} of {} files were not signed", given.files.len()))),
    }
}

fn fact(name: &str, text: &str) -> Result<(Word, Text), Failure> {
    let name = Word::new(name)
        .ok_or_else(|| Failure::new("a fact's name has 1 to 64 letters, digits and . _ + -"))?;
    let text = Text::new(text).ok_or_else(|| {
        Failure::new("a fact's text is a line of 1 to 512 bytes without spaces at its ends")
    })?;
    Ok((name, text))
}

fn sign(
    path: &Path,
    tenant: &Text,
    facts: &BTreeMap<Word, Text>,
    key: &SigningKey,
    ledger: Option<&mut SharedLedger>,
) -> Result<String, String> {
    let told = |error: io::Error| error.to_string();
    let file = fs::read(path).map_err(told)?;
    let signed = clock::now().map_err(|_| "the clock stands before 1970".to_owned())?;
    let written = fs::metadata(path).and_then(|file| file.modified()).ok().and_then(clock::micros);
    let began = imported::began(&file, written.unwrap_or(signed).min(signed)).unwrap_or(signed);
    let mut random = [0; 5];
    keys::random(&mut random).map_err(|_| "there are no random numbers".to_owned())?;
    let mut facts = facts.clone();
    if let (Some(word), Some(name)) = (Word::new("file"), path.file_name()) {
        facts.entry(word).or_insert_with(|| Text::fitted(&name.to_string_lossy()));
    }
    let recording = imported::name(began, random);
    let import = Import { recording: recording.clone(), tenant: tenant.clone(), facts, began, signed };
    let proof = imported::sign(&file, import, key).map_err(|why| why.to_string())?;
    let at = proof_path(path);
    // A proof that is there is older than this one, and worth more.
    proofs::write_new(&at, &proof.to_bytes()).map_err(|error| format!("{}: {error}", at.display()))?;
    let said = format!("{}  {}", recording.as_str(), at.display());
    let event = Event::Proof { recording, proof: proof.name() };
    match ledger.map(|ledger| ledger.add(&[event], signed, key)) {
        Some(Err(fault)) => Err(format!("is signed, but not in the ledger: {fault}")),
        _ => Ok(said),
    }
}

fn proof_path(path: &Path) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(".proof");
    PathBuf::from(whole)
}
