//! `keyhush verify`: whether a file is the recording that was made.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use recording::ledger::Receipt;
use recording::proof::{Proof, Statement};
use recording::verify::{Verdict, verify, verify_with};
use serde_json::{Value, json};

use super::proofs;
use crate::cli::VerifyArgs;
use crate::clock::utc;
use crate::exit::{self, Failure};

/// Says it in plain words or JSON, and by exit code.
pub(crate) fn run(given: &VerifyArgs) -> Result<(), Failure> {
    let proof_at = given.proof.clone().unwrap_or_else(|| beside(&given.file));
    let trust = given.trusted.load()?;
    let (file, bytes) = (proofs::read(&given.file)?, proofs::read(&proof_at)?);
    let proof = Proof::from_bytes(&bytes).ok();
    let verdict = match &proof {
        Some(proof) => verify_with(&file, proof, &trust),
        None => verify(&file, &bytes, &trust),
    };
    let entered = match (&given.receipt, &proof) {
        (Some(path), Some(proof)) => Some(Entered::read(path, proof, &trust)?),
        _ => None,
    };
    let statement = proof.as_ref().map(Proof::statement);
    if given.json {
        let answer = in_json(&verdict, proof.as_ref(), entered.as_ref());
        writeln!(stdout(), "{answer:#}").or_else(Failure::output)?;
    } else {
        let words = in_words(&verdict, statement, entered.as_ref());
        writeln!(stdout(), "{words}").or_else(Failure::output)?;
    }
    match (code(&verdict), entered) {
        (0, Some(Entered::Not(_))) => Err(Failure::told(exit::UNTRUSTED)),
        (0, _) => Ok(()),
        (code, _) => Err(Failure::told(code)),
    }
}

/// Where a file's proof is looked for: `FILE.proof`, which `keyhush sign` makes, else `NAME.proof`, which the archive gives.
fn beside(file: &Path) -> PathBuf {
    let mut whole = file.as_os_str().to_owned();
    whole.push(".proof");
    let (whole, short) = (PathBuf::from(whole), file.with_extension("proof"));
    if !whole.exists() && short.exists() { short } else { whole }
}

/// Whether the ledger has the proof.
enum Entered {
    /// At this time, in the head of this size.
    At {
        at: u64,
        index: u64,
        size: u64,
    },
    Not(String),
}

impl Entered {
    fn read(path: &Path, proof: &Proof, trust: &recording::keys::Trust) -> Result<Self, Failure> {
        let bytes = proofs::read(path)?;
        let receipt = match Receipt::from_bytes(&bytes) {
            Ok(receipt) => receipt,
            Err(fault) => return Ok(Entered::Not(format!("the receipt is damaged: {fault}"))),
        };
        Ok(match receipt.verify(trust) {
            Err(disproof) => Entered::Not(disproof.to_string()),
            Ok(()) if !receipt.is_of(proof) => Entered::Not("the receipt is another proof's".to_owned()),
            Ok(()) => Entered::At { at: receipt.entry.at, index: receipt.index, size: receipt.head.size },
        })
    }
}

fn code(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Genuine { .. } | Verdict::Excerpt { .. } => 0,
        Verdict::Altered { .. } | Verdict::ChannelsSwapped | Verdict::OtherFormat { .. } => exit::ALTERED,
        Verdict::NotOurs => exit::NOT_OURS,
        Verdict::BadProof { .. }
        | Verdict::BadSignature
        | Verdict::UnknownKey { .. }
        | Verdict::RetiredKey { .. } => exit::UNTRUSTED,
        Verdict::Unreadable { .. } => exit::UNREADABLE,
    }
}

fn in_words(verdict: &Verdict, statement: Option<&Statement>, entered: Option<&Entered>) -> String {
    let mut words = verdict.words(statement).to_string();
    // What a proof says that nobody vouches for is not repeated.
    if let Some(statement) = statement.filter(|_| code(verdict) != exit::UNTRUSTED) {
        words += &format!("\n  recording {}", statement.recording.as_str());
        words += &format!("\n  of {}, {}", statement.tenant.as_str(), statement.origin);
        words += &format!("\n  began {}, signed {}", utc(statement.began), utc(statement.signed));
        if statement.ending == recording::proof::Ending::Interrupted {
            words += "\n  the recorder was interrupted: what came after its end was not recorded";
        }
        for interval in &statement.intervals {
            words += &format!("\n  {} {}–{}", interval.mark, clock(interval.from), clock(interval.to));
        }
        for (name, text) in &statement.facts {
            words += &format!("\n  {}: {}", name.as_str(), text.as_str());
        }
    }
    match entered {
        Some(Entered::At { at, index, size }) => {
            words += &format!("\n  in the ledger since {}: entry {index} of {size}", utc(*at));
        }
        Some(Entered::Not(why)) => words += &format!("\nnot in the ledger: {why}"),
        None => {}
    }
    words
}

fn in_json(verdict: &Verdict, proof: Option<&Proof>, entered: Option<&Entered>) -> Value {
    let statement = proof.map(Proof::statement);
    let mut answer = json!(verdict);
    answer["genuine"] = json!(verdict.is_genuine());
    answer["words"] = json!(verdict.words(statement).to_string());
    if let Some((proof, statement)) = proof.zip(statement).filter(|_| code(verdict) != exit::UNTRUSTED) {
        let facts: serde_json::Map<String, Value> = statement
            .facts
            .iter()
            .map(|(name, text)| (name.as_str().to_owned(), json!(text.as_str())))
            .collect();
        let intervals: Vec<Value> = statement
            .intervals
            .iter()
            .map(|interval| json!({ "mark": interval.mark, "from_ms": interval.from, "to_ms": interval.to }))
            .collect();
        answer["statement"] = json!({
            "recording": statement.recording.as_str(),
            "origin": statement.origin,
            "tenant": statement.tenant.as_str(),
            "facts": facts,
            "began": utc(statement.began),
            "signed": utc(statement.signed),
            "frames": statement.frames,
            "rate": statement.rate,
            "intervals": intervals,
            "ending": statement.ending,
            "key": proof.key().to_string(),
        });
    }
    answer["ledger"] = match entered {
        Some(Entered::At { at, index, size }) => json!({ "since": utc(*at), "entry": index, "size": size }),
        Some(Entered::Not(why)) => json!({ "not": why }),
        None => Value::Null,
    };
    answer
}

/// Milliseconds as a clock shows them.
fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{:03}", milliseconds % 1_000)
}
