use super::*;
use crate::keys::SigningKey;
use crate::merkle::Hash;
use crate::proof::Encoding;
use crate::proof::tests::{key, statement};

/// Audio of which no second is like another.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

struct Recording {
    data: Vec<u8>,
    file: Vec<u8>,
    proof: Proof,
    trust: Trust,
}

/// A frame of two channels of a byte: frames and bytes are two to one.
fn recording_of(data: Vec<u8>) -> Recording {
    let file = wave(Encoding::ALaw, 8_000, 2, &data);
    let read = AudioFile::new(&file).unwrap();
    let mut statement = statement(read.frames());
    statement.header = read.header();
    let proof = Proof::sign(statement, &read.tree(), &key(1)).unwrap();
    Recording { data, file, proof, trust: Trust::in_key(key(1).public()) }
}

fn recording() -> Recording {
    recording_of(noise(1, 16_000 * 30 + 5_000))
}

impl Recording {
    fn verdict(&self, data: &[u8]) -> Verdict {
        verify(&wave(Encoding::ALaw, 8_000, 2, data), &self.proof.to_bytes(), &self.trust)
    }

    fn findings(&self, data: &[u8]) -> Vec<Finding> {
        let verdict = self.verdict(data);
        assert!(matches!(verdict, Verdict::Altered { .. }), "{verdict:?}");
        if let Verdict::Altered { findings } = verdict { findings } else { Vec::new() }
    }
}

fn found(kind: Kind, from: u64, to: u64, frames: u64, channels: &[usize]) -> Finding {
    Finding { kind, from, to, frames, channels: channels.to_vec() }
}

#[test]
fn what_was_made_is_genuine() {
    let made = recording();
    assert_eq!(made.proof.statement().seconds(), 31);
    assert_eq!(made.verdict(&made.data), Verdict::Genuine { header: Header::AsMade });
    let empty = recording_of(Vec::new());
    assert!(empty.verdict(&[]).is_genuine());
    assert_eq!(empty.verdict(&made.data), Verdict::NotOurs);
}

#[test]
fn a_changed_bit_names_its_second_and_channel() {
    let made = recording();
    for (byte, second, channel) in [(0, 0, 0), (16_001, 1, 1), (16_000 * 30 + 4_998, 30, 0)] {
        let mut data = made.data.clone();
        data[byte] ^= 0x10;
        assert_eq!(made.findings(&data), [found(Kind::Changed, second, second + 1, 0, &[channel])]);
    }
    let mut data = made.data.clone();
    data[16_000 * 12..16_000 * 14].fill(0xd5);
    assert_eq!(made.findings(&data), [found(Kind::Changed, 12, 14, 0, &[0, 1])]);
}

#[test]
fn cuts_are_named_wherever_they_are() {
    let made = recording();
    let without = |from: usize, to: usize| [&made.data[..from], &made.data[to..]].concat();
    let end = made.data.len();
    assert_eq!(made.findings(&without(0, 32_000)), [found(Kind::Missing, 0, 2, 16_000, &[])]);
    assert_eq!(made.findings(&without(0, 2_000)), [found(Kind::Missing, 0, 1, 1_000, &[])]);
    assert_eq!(made.findings(&without(16_000 * 9, 16_000 * 12)), [found(Kind::Missing, 9, 12, 24_000, &[])]);
    let uneven = without(16_000 * 9 + 1_002, 16_000 * 12 + 4_008);
    assert_eq!(made.findings(&uneven), [found(Kind::Missing, 9, 13, 25_503, &[])]);
    assert_eq!(made.findings(&without(16_000 * 20, end)), [found(Kind::Missing, 20, 31, 82_500, &[])]);
    assert_eq!(made.findings(&without(end - 2, end)), [found(Kind::Missing, 30, 31, 1, &[])]);
    // At both ends, and in the middle, between seconds: found frame by frame.
    let inner = [&made.data[3_000..16_000 * 9 + 1_000], &made.data[16_000 * 11 + 400..end - 3_000]].concat();
    assert_eq!(
        made.findings(&inner),
        [
            found(Kind::Missing, 0, 1, 1_500, &[]),
            found(Kind::Missing, 9, 12, 15_700, &[]),
            found(Kind::Missing, 30, 31, 1_500, &[]),
        ]
    );
}

#[test]
fn what_was_put_in_is_named() {
    let made = recording();
    let with = |at: usize, more: &[u8]| [&made.data[..at], more, &made.data[at..]].concat();
    let more = noise(9, 16_000 * 2);
    assert_eq!(made.findings(&with(16_000 * 5, &more)), [found(Kind::Inserted, 5, 5, 16_000, &[])]);
    assert_eq!(made.findings(&with(0, &more)), [found(Kind::Inserted, 0, 0, 16_000, &[])]);
    assert_eq!(made.findings(&with(made.data.len(), &more)), [found(Kind::Inserted, 31, 31, 16_000, &[])]);
    assert_eq!(
        made.findings(&with(16_000 * 5 + 600, &more[..1_000])),
        [found(Kind::Inserted, 5, 6, 500, &[])]
    );
    // What was cut at one place and made up for at another has the length that it had.
    let moved = [&made.data[..16_000 * 5 + 600], &made.data[16_000 * 5 + 2_600..], &more[..2_000]].concat();
    assert_eq!(moved.len(), made.data.len());
    assert_eq!(
        made.findings(&moved),
        [found(Kind::Missing, 5, 6, 1_000, &[]), found(Kind::Inserted, 31, 31, 1_000, &[])]
    );
}

#[test]
fn seconds_that_changed_places_are_both_named() {
    let made = recording();
    let mut data = made.data.clone();
    data.copy_within(16_000 * 20..16_000 * 21, 16_000 * 4);
    data[16_000 * 20..16_000 * 21].copy_from_slice(&made.data[16_000 * 4..16_000 * 5]);
    assert_eq!(
        made.findings(&data),
        [found(Kind::Changed, 4, 5, 0, &[0, 1]), found(Kind::Changed, 20, 21, 0, &[0, 1])]
    );
}

#[test]
fn silence_does_not_lead_astray() {
    let mut data = noise(3, 16_000 * 20);
    data[16_000 * 8..16_000 * 14].fill(0xd5);
    let made = recording_of(data);
    assert!(made.verdict(&made.data).is_genuine());
    let cut = [&made.data[..16_000 * 5 + 800], &made.data[16_000 * 5 + 1_600..]].concat();
    assert_eq!(made.findings(&cut)[0].from, 5);
    let shorter = [&made.data[..16_000 * 9], &made.data[16_000 * 10..]].concat();
    assert_eq!(made.findings(&shorter), [found(Kind::Missing, 13, 14, 8_000, &[])]);
    let mut flipped = made.data.clone();
    flipped[16_000 * 10] ^= 1;
    assert_eq!(made.findings(&flipped), [found(Kind::Changed, 10, 11, 0, &[0])]);
}

#[test]
fn channels_that_changed_places_are_told() {
    let made = recording();
    let swapped: Vec<u8> = made.data.chunks(2).flat_map(|frame| [frame[1], frame[0]]).collect();
    assert_eq!(made.verdict(&swapped), Verdict::ChannelsSwapped);
}

#[test]
fn the_same_audio_in_another_file_is_genuine_audio() {
    let made = recording();
    let list = b"LIST\x0e\0\0\0INFOISFT\x02\0\0\0x\0";
    let mut file = made.file.clone();
    file.splice(36..36, list.iter().copied());
    let size = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    let verdict = verify(&file, &made.proof.to_bytes(), &made.trust);
    assert_eq!(verdict, Verdict::Genuine { header: Header::Other });
    assert!(verdict.words(None).to_string().contains("other software"));
}

#[test]
fn a_header_that_plays_the_audio_differently_is_refused() {
    let made = recording();
    let check = |encoding, rate, channels| {
        verify(&wave(encoding, rate, channels, &made.data), &made.proof.to_bytes(), &made.trust)
    };
    let other = |difference| Verdict::OtherFormat { difference };
    assert_eq!(check(Encoding::MuLaw, 8_000, 2), other(Difference::Encoding));
    assert_eq!(check(Encoding::ALaw, 16_000, 2), other(Difference::Rate));
    assert_eq!(check(Encoding::ALaw, 8_000, 1), other(Difference::Channels));
    for byte in 0..44 {
        let mut file = made.file.clone();
        file[byte] ^= 1;
        assert!(!verify(&file, &made.proof.to_bytes(), &made.trust).is_genuine(), "byte {byte}");
    }
}

#[test]
fn another_calls_file_is_not_ours() {
    let made = recording();
    assert_eq!(made.verdict(&noise(2, made.data.len())), Verdict::NotOurs);
    let truncated = verify(&made.file[..100_000], &made.proof.to_bytes(), &made.trust);
    assert!(matches!(truncated, Verdict::Unreadable { .. }));
}

#[test]
fn whose_signature_it_is_decides_before_the_audio() {
    let made = recording();
    let check = |proof: &Proof, trust: &Trust| verify(&made.file, &proof.to_bytes(), trust);
    let stranger = Trust::in_key(key(2).public());
    assert_eq!(check(&made.proof, &stranger), Verdict::UnknownKey { key: key(1).id().to_string() });
    let read = AudioFile::new(&made.file).unwrap();
    let by = |key: &SigningKey| Proof::sign(made.proof.statement().clone(), &read.tree(), key).unwrap();
    let forged = String::from_utf8(by(&key(2)).to_bytes()).unwrap();
    let forged = forged.replace(&key(2).id().to_string(), &key(1).id().to_string());
    assert_eq!(verify(&made.file, forged.as_bytes(), &made.trust), Verdict::BadSignature);
    let mut text = String::from_utf8(made.proof.to_bytes()).unwrap();
    let hash = made.proof.second(3).unwrap()[0].to_string();
    text = text.replace(&hash, &Hash::of(b"").to_string());
    assert!(matches!(verify(&made.file, text.as_bytes(), &made.trust), Verdict::BadProof { .. }));
    assert!(matches!(verify(&made.file, b"", &made.trust), Verdict::BadProof { .. }));
}

#[test]
fn excerpts_are_genuine_alone_and_their_seconds_count_in_the_whole() {
    let made = recording();
    let file = AudioFile::new(&made.file).unwrap();
    for (from, to) in [(0, 1), (7, 12), (29, 31), (30, 31)] {
        let proof = made.proof.excerpt(from, to).unwrap();
        let mut excerpt = file.excerpt(from, to).unwrap();
        assert_eq!(verify(&excerpt, &proof.to_bytes(), &made.trust), Verdict::Excerpt { from, to });
        excerpt[44] ^= 1;
        let verdict = verify(&excerpt, &proof.to_bytes(), &made.trust);
        assert!(matches!(&verdict, Verdict::Altered { findings } if findings[0].from == from), "{verdict:?}");
    }
    assert!(file.excerpt(31, 32).is_none() && file.excerpt(5, 5).is_none() && file.excerpt(0, 32).is_none());
}

#[test]
fn verdicts_speak_plainly() {
    let made = recording();
    let statement = Some(made.proof.statement());
    let mut data = made.data.clone();
    data[16_000 * 12] ^= 1;
    data[16_000 * 13] ^= 1;
    let cut = &data[..16_000 * 20];
    let verdict = made.verdict(cut);
    assert_eq!(
        verdict.words(statement).to_string(),
        "changed at 00:00:12–00:00:14 (caller)\ncut after 00:00:20: 10.312 s are missing"
    );
    assert_eq!(
        serde_json::to_value(&verdict).unwrap(),
        serde_json::json!({"verdict": "altered", "findings": [
            {"kind": "changed", "from": 12, "to": 14, "frames": 0, "channels": [0]},
            {"kind": "missing", "from": 20, "to": 31, "frames": 82_500, "channels": []},
        ]})
    );
}
