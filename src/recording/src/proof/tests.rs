use proptest::prelude::*;

use super::*;
use crate::document::{Text, Word};
use crate::keys::RollOver;
use crate::merkle::leaf_hash;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// A statement of two channels of A-law, in which each kind of line occurs.
pub(crate) fn statement(frames: u64) -> Statement {
    let word = |word: &str| Word::new(word).unwrap();
    let channel = |label, codecs: &[&str]| Channel {
        label: word(label),
        codecs: codecs.iter().map(|codec| word(codec)).collect(),
    };
    Statement {
        recording: word("r-000001"),
        origin: Origin::Recorded,
        tenant: Text::new("Müller & Söhne").unwrap(),
        facts: [("caller", "+442079460000"), ("called", "0800 1234"), ("order", "A 17")]
            .map(|(name, text)| (word(name), Text::new(text).unwrap()))
            .into(),
        encoding: Encoding::ALaw,
        rate: 8_000,
        channels: vec![channel("caller", &["PCMA"]), channel("agent", &["PCMA", "G722"])],
        frames,
        began: 1_764_063_794_123_456,
        signed: 1_764_063_999_000_000,
        intervals: vec![
            Interval { from: 7_000, to: 9_500, mark: Mark::Gap },
            Interval { from: 2_000, to: 6_000, mark: Mark::SecureMode },
        ],
        ending: Ending::Finished,
        header: Hash::of(b"header"),
    }
}

fn tree(statement: &Statement) -> Tree {
    (0..statement.leaves()).map(|leaf| leaf_hash(&leaf.to_le_bytes())).collect()
}

fn signed(frames: u64) -> Proof {
    let statement = statement(frames);
    let tree = tree(&statement);
    Proof::sign(statement, &tree, &key(1)).unwrap()
}

#[test]
fn a_proof_comes_back_and_verifies() {
    let trust = Trust::in_key(key(1).public());
    for frames in [0, 1, 8_000, 8_001, 100_123] {
        let proof = signed(frames);
        let read = Proof::from_bytes(&proof.to_bytes()).unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.verify(&trust), Ok(()));
        assert!(read.is_whole());
    }
}

#[test]
fn an_excerpt_is_proven_alone_and_is_no_whole() {
    let trust = Trust::in_key(key(1).public());
    let proof = signed(100_123);
    for (first, end) in [(0, 1), (3, 7), (12, 13), (1, 13)] {
        let excerpt = Proof::from_bytes(&proof.excerpt(first, end).unwrap().to_bytes()).unwrap();
        assert_eq!(excerpt.verify(&trust), Ok(()));
        assert_eq!((excerpt.seconds(), excerpt.is_whole()), ((first, end), false));
        assert_eq!(excerpt.name(), proof.name());
        assert!(excerpt.second(first).is_some() && excerpt.second(end).is_none());
        assert!(excerpt.excerpt(first, end).is_none());
    }
    for (first, end) in [(5, 5), (6, 5), (13, 14), (0, 14), (u64::MAX, 1)] {
        assert!(proof.excerpt(first, end).is_none(), "{first} {end}");
    }
    assert!(proof.excerpt(3, 7).unwrap().to_bytes().len() < 2_500);
}

#[test]
fn every_flipped_bit_of_a_proof_is_refused() {
    let trust = Trust::in_key(key(1).public());
    for proof in [signed(30_000), signed(100_123).excerpt(3, 5).unwrap()] {
        let bytes = proof.to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let passed = Proof::from_bytes(&flipped).is_ok_and(|proof| proof.verify(&trust).is_ok());
            assert!(!passed, "bit {bit}");
        }
        for end in 0..bytes.len() {
            let passed = Proof::from_bytes(&bytes[..end]).is_ok_and(|proof| proof.verify(&trust).is_ok());
            assert!(!passed, "cut at {end}");
        }
    }
}

#[test]
fn what_could_not_be_read_is_not_signed() {
    let good = statement(30_000);
    let audio = tree(&good);
    let sign = |statement: Statement| Proof::sign(statement, &audio, &key(1));
    assert_eq!(
        sign(Statement { frames: 40_000, ..good.clone() }),
        Err(Unsignable::OtherAudio { wanted: 10, found: 8 })
    );
    let backwards = vec![Interval { from: 5, to: 5, mark: Mark::Gap }];
    assert!(matches!(
        sign(Statement { intervals: backwards, ..good.clone() }),
        Err(Unsignable::OutOfBounds(_))
    ));
    assert!(matches!(sign(Statement { began: 1 << 53, ..good.clone() }), Err(Unsignable::OutOfBounds(_))));
    assert!(sign(Statement { rate: 0, ..good }).is_err());
}

#[test]
fn a_retired_key_signs_no_more() {
    let proof = signed(30_000);
    let mut trust = Trust::in_key(key(1).public());
    trust.follow(&RollOver::sign(&key(1), &key(2), proof.statement().signed)).unwrap();
    assert_eq!(proof.verify(&trust), Ok(()));
    let mut late = statement(30_000);
    late.signed += 1;
    let audio = tree(&late);
    let late = Proof::sign(late, &audio, &key(1)).unwrap();
    assert_eq!(late.verify(&trust), Err(Refusal::Distrust(Distrust::RetiredKey(key(1).id()))));
}

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(at in 0..2_600_usize, piece in "[ \\n0-9a-f\\PC]{0,3}", cut in 0..4_usize) {
        let mut text = String::from_utf8(signed(30_000).to_bytes()).unwrap();
        let mut begin = at.min(text.len());
        while !text.is_char_boundary(begin) {
            begin -= 1;
        }
        let mut end = (begin + cut).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        text.replace_range(begin..end, &piece);
        if let Ok(read) = Proof::from_bytes(text.as_bytes()) {
            prop_assert_eq!(read.to_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Proof::from_bytes(&bytes);
    }
}
