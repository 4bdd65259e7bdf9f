use std::fs;

use super::*;
use crate::document::Text;
use crate::keys::tests::Folder;
use crate::keys::{Distrust, RollOver, Trust};
use crate::proof::Proof;
use crate::proof::tests::{key, statement};

fn word(word: &str) -> Word {
    Word::new(word).unwrap()
}

fn proof_of(n: u64) -> Entry {
    let recording = word(&format!("r-{n}"));
    Entry { at: n, event: Event::Proof { recording, proof: Hash::of(&n.to_le_bytes()) } }
}

fn filled(entries: impl IntoIterator<Item = u64>) -> Ledger<InMemory> {
    let mut ledger = Ledger::open(word("box-1"), InMemory::default()).unwrap();
    for n in entries {
        ledger.append(&proof_of(n)).unwrap();
    }
    ledger
}

fn trust() -> Trust {
    Trust::in_key(key(1).public())
}

#[test]
fn holds_and_deletions_are_known_as_they_are_added_and_when_the_ledger_is_read_again() {
    let folder = Folder::new("ledger-holds");
    let path = folder.0.join("ledger.log");
    let mut ledger = Ledger::open(word("box-1"), LogFile::open_shared(&path).unwrap().0).unwrap();
    let mut reader = Ledger::open(word("box-1"), LogFile::open_shared(&path).unwrap().0).unwrap();
    let reason = Text::new("an order").unwrap();
    let of = |n: u64| (word(&format!("r-{n}")), reason.clone());
    let held = |n| Event::Held { recording: of(n).0, reason: of(n).1 };
    let events = [
        held(1),
        held(2),
        Event::Released { recording: of(2).0, reason: of(2).1 },
        Event::Deleted { recording: of(3).0, reason: of(3).1 },
    ];
    for (at, event) in (10..).zip(events) {
        ledger.append(&Entry { at, event }).unwrap();
    }
    reader.catch_up().unwrap();
    for ledger in [&ledger, &reader] {
        let held = [1, 2, 3].map(|n| ledger.held(&of(n).0).is_some());
        assert_eq!(held, [true, false, false]);
        assert_eq!([1, 2, 3].map(|n| ledger.deleted(&of(n).0)), [None, None, Some(13)]);
    }
}

#[test]
fn every_entry_has_a_receipt_that_is_checked_from_its_bytes() {
    let mut ledger = filled(0..21);
    assert!(ledger.receipt(0).unwrap().is_none(), "no head yet");
    ledger.sign_head(100, &key(1)).unwrap();
    ledger.append(&proof_of(100)).unwrap();
    assert!(ledger.receipt(21).unwrap().is_none(), "not in the head");
    for index in 0..21 {
        let bytes = ledger.receipt(index).unwrap().unwrap().to_bytes();
        let receipt = Receipt::from_bytes(&bytes).unwrap();
        assert_eq!(receipt.to_bytes(), bytes);
        assert_eq!(receipt.verify(&trust()), Ok(()));
        assert_eq!(receipt.entry, proof_of(index));
        let mut other = receipt.clone();
        other.entry = proof_of(index + 1);
        assert_eq!(other.verify(&trust()), Err(Disproof::NotIncluded));
        other = receipt;
        other.head.size += 1;
        assert_eq!(other.verify(&trust()), Err(Disproof::Distrust(Distrust::BadSignature)));
    }
}

#[test]
fn a_receipt_is_of_one_proof_and_of_its_excerpts() {
    let sign = |statement: crate::proof::Statement| {
        let tree = (0..statement.leaves()).map(|leaf| leaf_hash(&leaf.to_le_bytes())).collect();
        Proof::sign(statement, &tree, &key(1)).unwrap()
    };
    let proof = sign(statement(50_000));
    let recording = proof.statement().recording.clone();
    let mut ledger = filled(0..5);
    let event = Event::Proof { recording: recording.clone(), proof: proof.name() };
    assert_eq!(ledger.append(&Entry { at: 9, event }).unwrap(), 5);
    ledger.sign_head(10, &key(1)).unwrap();
    assert_eq!(ledger.find(&recording), Some(5));
    let receipt = ledger.receipt(5).unwrap().unwrap();
    assert!(receipt.is_of(&proof) && receipt.is_of(&proof.excerpt(2, 4).unwrap()));
    let mut exchanged = statement(50_000);
    exchanged.tenant = Text::new("Another").unwrap();
    assert!(!receipt.is_of(&sign(exchanged)));
}

#[test]
fn every_older_head_is_the_beginning_of_every_newer_one() {
    let mut ledger = filled([]);
    let mut heads = vec![ledger.sign_head(0, &key(1)).unwrap()];
    for n in 0..20 {
        ledger.append(&proof_of(n)).unwrap();
        heads.push(ledger.sign_head(n, &key(1)).unwrap());
        for old in &heads {
            let bytes = ledger.consistency(old).unwrap().to_bytes();
            let read = Consistency::from_bytes(&bytes).unwrap();
            assert_eq!(read.to_bytes(), bytes);
            assert_eq!(read.verify(&trust()), Ok(()));
        }
    }
}

#[test]
fn a_removed_entry_and_an_exchanged_one_are_caught() {
    let kept = filled(0..12).sign_head(50, &key(1)).unwrap();
    // The same ledger, gone on, by an operator who has the key and signs whatever it likes.
    let honest = filled(0..30);
    let removed = filled((0..30).filter(|n| *n != 7));
    let mut exchanged = Ledger::open(word("box-1"), InMemory::default()).unwrap();
    for n in 0..30 {
        let mut entry = proof_of(n);
        if n == 7 {
            entry.event = Event::Proof { recording: word("r-7"), proof: Hash::of(b"another") };
        }
        exchanged.append(&entry).unwrap();
    }
    let exchanged_last = {
        let mut ledger = filled(0..11);
        ledger.append(&Entry { at: 11, event: proof_of(99).event }).unwrap();
        ledger
    };
    let cut_short = filled(0..11);
    let verdict = |mut ledger: Ledger<InMemory>| {
        ledger.sign_head(60, &key(1)).unwrap();
        Some(ledger.consistency(&kept)?.verify(&trust()))
    };
    assert_eq!(verdict(honest), Some(Ok(())));
    assert_eq!(verdict(removed), Some(Err(Disproof::NotConsistent)));
    assert_eq!(verdict(exchanged), Some(Err(Disproof::NotConsistent)));
    assert_eq!(verdict(exchanged_last), Some(Err(Disproof::NotConsistent)));
    assert_eq!(verdict(cut_short), None, "a ledger that is shorter than a head has no proof to give");
}

#[test]
fn records_that_were_changed_are_noticed_at_the_next_start() {
    let mut ledger = filled(0..9);
    ledger.sign_head(20, &key(1)).unwrap();
    let records = ledger.storage.clone();
    assert_eq!(Ledger::open(word("box-1"), records.clone()).unwrap().size(), 9);
    let open = |change: fn(&mut Vec<Vec<u8>>)| {
        let mut records = records.clone();
        change(&mut records.0);
        Ledger::open(word("box-1"), records)
    };
    assert!(matches!(open(|records| drop(records.remove(4))), Err(Fault::NotAsSigned(9))));
    assert!(matches!(open(|records| records.swap(4, 5)), Err(Fault::NotAsSigned(9))));
    assert!(matches!(open(|records| records[3] = proof_of(77).to_bytes()), Err(Fault::NotAsSigned(9))));
    assert!(matches!(open(|records| records[3].push(b'x')), Err(Fault::Malformed(3, _))));
    assert!(matches!(Ledger::open(word("box-2"), records.clone()), Err(Fault::NotAsSigned(9))));
}

#[test]
fn a_recording_has_one_proof_and_time_goes_on() {
    let mut ledger = filled(0..3);
    let again = Entry { at: 9, event: proof_of(1).event };
    assert!(matches!(ledger.append(&again), Err(Fault::SecondProof(_))));
    assert!(matches!(ledger.append(&Entry { at: 1, ..proof_of(8) }), Err(Fault::BackInTime)));
    assert!(matches!(ledger.append(&proof_of(1 << 53)), Err(Fault::OutOfBounds)));
    assert!(matches!(ledger.sign_head(1, &key(1)), Err(Fault::BackInTime)));
    assert_eq!(ledger.size(), 3);
}

#[test]
fn deletions_holds_and_new_keys_are_entries() {
    let reason = Text::new("the end of six months").unwrap();
    let recording = word("r-1");
    let events = [
        Event::Deleted { recording: recording.clone(), reason: reason.clone() },
        Event::Held { recording: recording.clone(), reason: reason.clone() },
        Event::Released { recording, reason },
        Event::RollOver { from: key(1).id(), to: key(2).public() },
    ];
    let mut ledger = filled(0..2);
    for event in events {
        let entry = Entry { at: 5, event };
        let index = ledger.append(&entry).unwrap();
        assert_eq!(ledger.entry(index).unwrap(), Some(entry));
    }
    assert!(ledger.entry(6).unwrap().is_none());
}

#[test]
fn heads_of_an_old_key_and_of_its_successor_are_consistent() {
    let mut ledger = filled(0..4);
    let old = ledger.sign_head(10, &key(1)).unwrap();
    ledger
        .append(&Entry { at: 11, event: Event::RollOver { from: key(1).id(), to: key(2).public() } })
        .unwrap();
    ledger.sign_head(12, &key(2)).unwrap();
    let proof = ledger.consistency(&old).unwrap();
    let mut trust = trust();
    assert_eq!(proof.verify(&trust), Err(Disproof::Distrust(Distrust::UnknownKey(key(2).id()))));
    trust.follow(&RollOver::sign(&key(1), &key(2), 11)).unwrap();
    assert_eq!(proof.verify(&trust), Ok(()));
    let late = ledger.sign_head(13, &key(1)).unwrap();
    assert_eq!(late.verify(&trust), Err(Disproof::Distrust(Distrust::RetiredKey(key(1).id()))));
}

#[test]
fn every_flipped_bit_of_a_receipt_is_refused() {
    let mut ledger = filled(0..6);
    ledger.sign_head(10, &key(1)).unwrap();
    let bytes = ledger.receipt(3).unwrap().unwrap().to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let passed = Receipt::from_bytes(&flipped).is_ok_and(|receipt| receipt.verify(&trust()).is_ok());
        assert!(!passed, "bit {bit}");
    }
}

#[test]
fn a_log_file_cut_at_any_byte_keeps_its_whole_records_and_says_what_it_dropped() {
    let folder = Folder::new("torn");
    let path = folder.0.join("ledger");
    let mut ends = vec![8];
    {
        let (storage, dropped) = LogFile::open(&path).unwrap();
        assert_eq!(dropped, None);
        let mut ledger = Ledger::open(word("box-1"), storage).unwrap();
        for n in 0..4 {
            ledger.append(&proof_of(n)).unwrap();
            ends.push(fs::metadata(&path).unwrap().len());
        }
        ledger.sign_head(9, &key(1)).unwrap();
        assert!(LogFile::open(&path).is_err(), "open twice");
    }
    let whole = fs::read(&path).unwrap();
    ends.push(whole.len() as u64);
    for cut in 0..=whole.len() {
        for tail in [&[][..], &[0; 40]] {
            let path = folder.0.join("cut");
            fs::write(&path, [&whole[..cut], tail].concat()).unwrap();
            let kept = ends.iter().filter(|end| **end <= cut as u64).count().saturating_sub(1);
            let (storage, dropped) = LogFile::open(&path).unwrap();
            assert_eq!(storage.records(), kept as u64, "cut at {cut}");
            let is_clean = tail.is_empty() && (cut == 0 || ends.contains(&(cut as u64)));
            assert_eq!(dropped.is_none(), is_clean, "cut at {cut}");
            let mut ledger = Ledger::open(word("box-1"), storage).unwrap();
            ledger.append(&proof_of(50)).unwrap();
            drop(ledger);
            let (storage, dropped) = LogFile::open(&path).unwrap();
            assert_eq!((storage.records(), dropped), (kept as u64 + 1, None));
        }
    }
}

#[test]
fn damage_inside_a_log_file_is_an_error_and_drops_nothing() {
    let folder = Folder::new("damage");
    let path = folder.0.join("ledger");
    let (mut storage, _) = LogFile::open(&path).unwrap();
    for n in 0..4 {
        storage.append(&proof_of(n).to_bytes()).unwrap();
    }
    drop(storage);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() * 3 / 4 {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x02;
        fs::write(&path, &damaged).unwrap();
        assert!(LogFile::open(&path).is_err(), "byte {at}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "byte {at}");
    }
}
