//! Every alteration is refused, with the right second where there is one; every original and every excerpt verifies.

use std::collections::BTreeMap;
use std::env;
use std::time::Instant;

use recording::verify::{Header, Verdict, verify};

use crate::cases::{Dice, Expected, Mutation, Recorded, mutate, recorded, trust};

/// All of them by `make test-long`, a part by `make test`.
const MUTATIONS: usize = 10_000;
const MUTATIONS_IN_SHORT: usize = 2_000;
const EXCERPTS: usize = 1_000;

/// Whether the verdict is as expected.
pub(crate) fn fault(mutation: &Mutation, verdict: &Verdict) -> Option<String> {
    let said = serde_json::to_value(verdict).unwrap();
    let word = said["verdict"].as_str().unwrap();
    let is_right = match mutation.expected {
        Expected::From(second) => word == "altered" && said["findings"][0]["from"] == second,
        Expected::Verdict(words) => words.contains(&word),
    };
    (!is_right).then(|| format!("{}: {said} where {:?} is right", mutation.name, mutation.expected))
}

/// Each fourth recording is an excerpt of one, so that excerpts are altered too.
pub(crate) fn subjects(count: u64) -> Vec<Recorded> {
    (0..count)
        .map(|seed| {
            let made = recorded(seed);
            if seed % 4 == 3 { made.excerpt(1, made.proof.statement().seconds() - 1) } else { made }
        })
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "how long it takes is reported")]
#[test]
fn every_alteration_is_refused_with_the_right_second() {
    let count = if env::var_os("KEYHUSH_LONG").is_some() { MUTATIONS } else { MUTATIONS_IN_SHORT };
    let (subjects, trust) = (subjects(60), trust());
    let mut kinds: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    let mut faults = Vec::new();
    let (mut tried, mut named) = (0, 0);
    for n in 0.. {
        if tried == count {
            break;
        }
        let made = &subjects[(n / 16) as usize % subjects.len()];
        let Some(mutation) = mutate(made, &subjects, n) else { continue };
        tried += 1;
        named += usize::from(matches!(mutation.expected, Expected::From(_)));
        let began = Instant::now();
        let verdict = verify(&mutation.file, &mutation.proof, &trust);
        let kind = kinds.entry(mutation.name).or_default();
        *kind = (kind.0 + 1, kind.1 + began.elapsed().as_secs_f64());
        faults.extend(fault(&mutation, &verdict).map(|fault| format!("{n}: {fault}")));
    }
    let seconds: f64 = kinds.values().map(|(_, seconds)| seconds).sum();
    println!("{tried} alterations, of which {named} have a second to be named: {seconds:.1} s");
    for (name, (count, seconds)) in kinds {
        println!("{count:6} {name}: {:.1} ms each", seconds * 1_000.0 / count as f64);
    }
    assert!(faults.is_empty(), "{} of them:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
}

#[allow(clippy::disallowed_methods, reason = "how long it takes is reported")]
#[test]
fn every_original_and_a_thousand_excerpts_verify() {
    let (trust, mut dice) = (trust(), Dice::new(5));
    let originals: Vec<Recorded> = (0..60).map(recorded).collect();
    let mut seconds = 0.0;
    for made in &originals {
        let verdict = verify(&made.file(&made.data), &made.proof.to_bytes(), &trust);
        assert_eq!(verdict, Verdict::Genuine { header: Header::AsMade });
    }
    let mut verified = 0;
    while verified < EXCERPTS {
        let made = &originals[verified % originals.len()];
        let total = made.proof.statement().seconds() as usize;
        let from = dice.within(0, total);
        let to = dice.within(from + 1, total + 1);
        let (from, to) = (from as u64, to as u64);
        if (from, to) == (0, total as u64) {
            continue;
        }
        let part = made.excerpt(from, to);
        let (file, proof) = (part.file(&part.data), part.proof.to_bytes());
        let began = Instant::now();
        assert_eq!(verify(&file, &proof, &trust), Verdict::Excerpt { from, to });
        seconds += began.elapsed().as_secs_f64();
        verified += 1;
    }
    println!("{EXCERPTS} excerpts: {seconds:.1} s");
}
