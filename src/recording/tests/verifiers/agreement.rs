//! Keyhush's verifier and tests/verify/verify.py say the same.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use recording::document::Word;
use recording::keys::Trust;
use recording::ledger::{Consistency, Disproof, Entry, Event, InMemory, Ledger, Receipt};
use recording::verify::verify;
use serde_json::Value;

use crate::cases::{Recorded, keys, mutate, other_hash, recorded, roll_over, trust};
use crate::mutations::subjects;

/// The script, answering case after case.
struct Script {
    child: Child,
    cases: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Script {
    /// `None` if Python's part is not installed.
    fn start(name: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let tools = env::var_os("KEYHUSH_TOOLS").map_or_else(|| root.join("target/tools"), PathBuf::from);
        let python = tools.join("verify/bin/python");
        if !tools.join("verify/installed").is_file() {
            eprintln!("skipped: Python's cryptography is not installed (KEYHUSH_TOOLS; `make test` does it)");
            return None;
        }
        let folder = env::temp_dir().join(format!("keyhush-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut child = Command::new(python)
            .arg(root.join("tests/verify/verify.py"))
            .arg("--cases")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (cases, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let script = Script { child, cases, answers, folder };
        let [new, old, _] = keys();
        script.write("new.pem", new.public().to_pem().unwrap().as_bytes());
        script.write("old.pem", old.public().to_pem().unwrap().as_bytes());
        script.write("roll-over", &roll_over().to_bytes());
        Some(script)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join(name), bytes).unwrap();
    }

    /// What the script says to its arguments, in which `@name` is a file of its folder.
    fn answer(&mut self, arguments: &str) -> Value {
        let folder = self.folder.display().to_string();
        writeln!(self.cases, "{}", arguments.replace('@', &format!("{folder}/"))).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("the script's answer")
    }

    fn verdict(&mut self, file: &[u8], proof: &[u8]) -> Value {
        self.write("file.wav", file);
        self.write("proof", proof);
        self.answer("@file.wav @proof @old.pem --roll-over @roll-over")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Ours, as JSON. Why something is refused is told in each program's own words.
fn ours(file: &[u8], proof: &[u8]) -> Value {
    without_reason(serde_json::to_value(verify(file, proof, &trust())).unwrap())
}

fn without_reason(mut verdict: Value) -> Value {
    if let Some(members) = verdict.as_object_mut() {
        members.remove("reason");
    }
    verdict
}

#[test]
fn both_verifiers_say_the_same_of_every_kind_of_alteration() {
    let Some(mut script) = Script::start("mutations") else { return };
    let subjects = subjects(24);
    let count = if env::var_os("KEYHUSH_LONG").is_some() { 4_000 } else { 800 };
    let mut compared = 0;
    for n in 0..count {
        let made = &subjects[(n / 16) as usize % subjects.len()];
        let Some(mutation) = mutate(made, &subjects, n) else { continue };
        let theirs = without_reason(script.verdict(&mutation.file, &mutation.proof));
        assert_eq!(theirs, ours(&mutation.file, &mutation.proof), "{n}: {}", mutation.name);
        compared += 1;
    }
    println!("{compared} alterations compared");
}

#[test]
fn both_verifiers_accept_originals_excerpts_and_other_headers() {
    let Some(mut script) = Script::start("originals") else { return };
    for seed in 0..12 {
        let made = recorded(seed);
        let mut files: Vec<(Recorded, Vec<u8>)> = vec![(made.clone(), made.file(&made.data))];
        let mut saved = made.file(&made.data);
        saved.extend(b"LIST\x04\0\0\0INFO");
        let size = saved.len() as u32 - 8;
        saved[4..8].copy_from_slice(&size.to_le_bytes());
        files.push((made.clone(), saved));
        for (from, to) in [(0, 1), (2, 5), (7, made.proof.statement().seconds())] {
            let part = made.excerpt(from, to);
            let file = part.file(&part.data);
            files.push((part, file));
        }
        for (made, file) in files {
            let ours = ours(&file, &made.proof.to_bytes());
            assert!(["genuine", "excerpt"].contains(&ours["verdict"].as_str().unwrap()), "{ours}");
            assert_eq!(script.verdict(&file, &made.proof.to_bytes()), ours);
        }
    }
}

#[test]
fn both_verifiers_say_the_same_of_cuts_that_are_found_frame_by_frame() {
    let Some(mut script) = Script::start("frames") else { return };
    for seed in [0, 2, 3, 4] {
        let made = recorded(seed);
        let (frame, second) = (made.frame(), made.second());
        // At both ends and in the middle, between seconds.
        let (one, two) = (second * 4 + 300 * frame, second * 4 + 2_711 * frame);
        let data = [&made.data[977 * frame..one], &made.data[two..made.data.len() - 55 * frame]].concat();
        let file = made.file(&data);
        let ours = ours(&file, &made.proof.to_bytes());
        assert_eq!(ours["verdict"], "altered");
        assert_eq!(script.verdict(&file, &made.proof.to_bytes()), ours, "{seed}");
    }
}

#[test]
fn both_verifiers_say_the_same_of_the_ledgers_documents() {
    let Some(mut script) = Script::start("ledger") else { return };
    let [new, ..] = keys();
    let trust = Trust::in_key(new.public());
    let entry = |n: u64| {
        let recording = Word::new(&format!("r-{n}")).unwrap();
        Entry {
            at: n,
            event: Event::Proof { recording, proof: recording::merkle::Hash::of(&n.to_le_bytes()) },
        }
    };
    let mut ledger = Ledger::open(Word::new("box-1").unwrap(), InMemory::default()).unwrap();
    let mut heads = Vec::new();
    for n in 0..18 {
        heads.push(ledger.sign_head(n, &new).unwrap());
        ledger.append(&entry(n)).unwrap();
    }
    ledger.sign_head(20, &new).unwrap();
    let word = |result: Result<(), Disproof>| if result.is_ok() { "holds" } else { "does-not-hold" };
    for index in 0..18 {
        let receipt = ledger.receipt(index).unwrap().unwrap();
        let mut other = receipt.clone();
        other.entry = entry(index + 1);
        let mut longer = receipt.clone();
        longer.path.push(other_hash());
        let mut shorter = receipt.clone();
        shorter.path.pop();
        let mut moved = receipt.clone();
        moved.index ^= 1;
        for receipt in [receipt, other, longer, shorter, moved] {
            let bytes = receipt.to_bytes();
            script.write("receipt", &bytes);
            let ours = word(Receipt::from_bytes(&bytes).unwrap().verify(&trust));
            assert_eq!(script.answer("--receipt @receipt @new.pem")["verdict"], ours, "{index}");
        }
    }
    for old in &heads {
        let proof = ledger.consistency(old).unwrap();
        let mut longer = proof.clone();
        longer.path.push(other_hash());
        let mut shorter = proof.clone();
        shorter.path.pop();
        let mut swapped = proof.clone();
        core::mem::swap(&mut swapped.old, &mut swapped.new);
        for proof in [proof, longer, shorter, swapped] {
            let bytes = proof.to_bytes();
            script.write("consistency", &bytes);
            let ours = word(Consistency::from_bytes(&bytes).unwrap().verify(&trust));
            assert_eq!(script.answer("--consistency @consistency @new.pem")["verdict"], ours, "{}", old.size);
        }
    }
}
