//! Signed recordings, and ten thousand ways to alter them.

use recording::document::{Text, Word};
use recording::keys::{RollOver, SigningKey, Trust};
use recording::merkle::Hash;
use recording::proof::{Channel, Encoding, Ending, Interval, Mark, Origin, Proof, Statement};
use recording::verify::{AudioFile, wave};

/// Numbers that are the same each time (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From `from` to before `to`.
    pub(crate) fn within(&mut self, from: usize, to: usize) -> usize {
        from + (self.next() >> 16) as usize % (to - from).max(1)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 32) as u8).collect()
    }
}

/// The key that signs, the one that it followed, and one of nobody.
pub(crate) fn keys() -> [SigningKey; 3] {
    [1, 2, 3].map(|seed| SigningKey::from_seed(&[seed; 32]))
}

/// When the old key signed for the last time.
pub(crate) const ROLLED: u64 = 1_764_000_000_000_000;

pub(crate) fn roll_over() -> RollOver {
    let [new, old, _] = keys();
    RollOver::sign(&old, &new, ROLLED)
}

/// Trusts the old key, and by its roll-over the new one.
pub(crate) fn trust() -> Trust {
    let [_, old, _] = keys();
    let mut trust = Trust::in_key(old.public());
    trust.follow(&roll_over()).expect("the roll-over is in order");
    trust
}

/// A signed recording.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) encoding: Encoding,
    pub(crate) rate: usize,
    pub(crate) channels: usize,
    pub(crate) data: Vec<u8>,
    pub(crate) proof: Proof,
}

impl Recorded {
    /// Bytes of a frame.
    pub(crate) fn frame(&self) -> usize {
        self.encoding.bytes() * self.channels
    }

    /// Bytes of a second of all channels.
    pub(crate) fn second(&self) -> usize {
        self.rate * self.frame()
    }

    pub(crate) fn file(&self, data: &[u8]) -> Vec<u8> {
        wave(self.encoding, self.rate as u32, self.channels, data)
    }

    /// An excerpt as a recording of its own.
    pub(crate) fn excerpt(&self, from: u64, to: u64) -> Recorded {
        let file = self.file(&self.data);
        let part = AudioFile::new(&file).unwrap().excerpt(from, to).unwrap();
        let data = AudioFile::new(&part).unwrap().data().to_vec();
        Recorded { data, proof: self.proof.excerpt(from, to).unwrap(), ..self.clone() }
    }

    /// The first second, counted in the whole recording, that is not in its place in this audio: what a verifier must name.
    fn first_other(&self, data: &[u8]) -> u64 {
        let (first, end) = self.proof.seconds();
        let in_place = |second: &u64| {
            let at = (second - first) as usize * self.second();
            let to = (at + self.second()).min(self.data.len());
            data.get(at..to) != Some(&self.data[at..to])
        };
        (first..end).find(in_place).unwrap_or(end)
    }
}

/// Speech (here noise, of which no second is like another), with a silence and a tone in it that repeats itself each second.
fn audio(dice: &mut Dice, second: usize, frame: usize, seconds: usize) -> Vec<u8> {
    let rest = dice.within(1, second / frame) * frame;
    let mut data = dice.bytes(second * seconds + rest);
    let silent = dice.within(1, seconds - 3) * second + dice.within(0, second / frame) * frame;
    let silent_end = (silent + second * 5 / 2 / frame * frame).min(data.len());
    data[silent..silent_end].fill(0xd5);
    let tone = dice.bytes(frame * 8);
    let toned = dice.within(0, seconds - 2) * second;
    for chunk in data[toned..toned + second * 2].chunks_mut(tone.len()) {
        chunk.copy_from_slice(&tone[..chunk.len()]);
    }
    data
}

/// A recording of some format and 8–12 seconds.
pub(crate) fn recorded(seed: u64) -> Recorded {
    let mut dice = Dice::new(seed);
    let (encoding, rate, channels) = match seed % 6 {
        0 | 1 => (Encoding::ALaw, 8_000, 2),
        2 => (Encoding::MuLaw, 8_000, 2),
        3 => (Encoding::Pcm16, 8_000, 2),
        4 => (Encoding::Pcm16, 16_000, 1),
        _ => (Encoding::PcmU8, 11_025, 3),
    };
    let frame = encoding.bytes() * channels;
    let seconds = dice.within(8, 12);
    let data = audio(&mut dice, rate * frame, frame, seconds);
    let file = wave(encoding, rate as u32, channels, &data);
    let [key, ..] = keys();
    let proof = sign(&file, &format!("r-{seed}"), ROLLED + 60_000_000, &key);
    Recorded { encoding, rate, channels, data, proof }
}

/// Signs a file as it is.
pub(crate) fn sign(file: &[u8], name: &str, signed: u64, key: &SigningKey) -> Proof {
    let read = AudioFile::new(file).unwrap();
    let word = |word: &str| Word::new(word).unwrap();
    let statement = Statement {
        recording: word(name),
        origin: Origin::Recorded,
        tenant: Text::new("Müller & Söhne").unwrap(),
        facts: [(word("caller"), Text::new("+44 20 7946 0000").unwrap())].into(),
        encoding: read.encoding,
        rate: read.rate,
        channels: ["caller", "agent", "third"][..read.channels]
            .iter()
            .map(|label| Channel { label: word(label), codecs: vec![word("PCMA")] })
            .collect(),
        frames: read.frames(),
        began: signed - 30_000_000,
        signed,
        intervals: vec![Interval { from: 1_000, to: 4_000, mark: Mark::SecureMode }],
        ending: Ending::Finished,
        header: read.header(),
    };
    Proof::sign(statement, &read.tree(), key).unwrap()
}

/// What a verifier must say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// The audio is other, first in this second.
    From(u64),
    /// One of these verdicts.
    Verdict(&'static [&'static str]),
}

/// An altered file or proof.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) file: Vec<u8>,
    pub(crate) proof: Vec<u8>,
    pub(crate) expected: Expected,
}

/// The n-th way to alter a recording; `None` where it changed nothing.
pub(crate) fn mutate(made: &Recorded, others: &[Recorded], n: u64) -> Option<Mutation> {
    let mut dice = Dice::new(n + 1_000_000);
    let audio = |name, data: Vec<u8>| {
        let (file, proof) = (made.file(&data), made.proof.to_bytes());
        let expected = Expected::From(made.first_other(&data));
        (data != made.data).then_some(Mutation { name, file, proof, expected })
    };
    let whole = made.file(&made.data);
    let other_proof = |name, proof: Vec<u8>, verdicts| {
        Some(Mutation { name, file: whole.clone(), proof, expected: Expected::Verdict(verdicts) })
    };
    let (frame, second, length) = (made.frame(), made.second(), made.data.len());
    let (frames, seconds) = (length / frame, length / second);
    let mut data = made.data.clone();
    match n % 16 {
        0 | 1 => {
            for _ in 0..dice.within(1, 4) {
                data[dice.within(0, length)] ^= 1 << dice.within(0, 8);
            }
            audio("bits flipped", data)
        }
        2 => {
            let from = dice.within(0, frames - 1);
            let to = from + dice.within(1, (frames - from).min(made.rate * 2));
            data.drain(from * frame..to * frame);
            audio("frames cut", data)
        }
        3 => {
            let from = dice.within(0, seconds - 1);
            let to = dice.within(from + 1, (from + 3).min(seconds));
            data.drain(from * second..to * second);
            audio("seconds cut", data)
        }
        4 => {
            data.truncate(length - dice.within(1, made.rate * 3) * frame);
            audio("end cut", data)
        }
        5 => {
            data.drain(..dice.within(1, made.rate * 3) * frame);
            audio("beginning cut", data)
        }
        6 => {
            let at = dice.within(0, frames) * frame;
            let count = dice.within(1, made.rate * 2) * frame;
            let more = dice.bytes(count);
            data.splice(at..at, more);
            audio("frames inserted", data)
        }
        7 => {
            let (at, from) = (dice.within(0, seconds + 1) * second, dice.within(0, seconds - 1) * second);
            data.splice(at..at, made.data[from..from + second].iter().copied());
            audio("a second of its own inserted", data)
        }
        8 => {
            let (one, two) = (dice.within(0, seconds) * second, dice.within(0, seconds) * second);
            data[one..one + second].copy_from_slice(&made.data[two..two + second]);
            data[two..two + second].copy_from_slice(&made.data[one..one + second]);
            audio("seconds swapped", data)
        }
        9 => {
            let from = dice.within(0, frames - 1);
            let to = (from + dice.within(1, made.rate * 3)).min(frames);
            let other = dice.bytes((to - from) * frame);
            data[from * frame..to * frame].copy_from_slice(&other);
            audio("a stretch replaced", data)
        }
        10 => {
            let (encoding, rate, channels) = match (dice.within(0, 3), made.encoding) {
                (0, Encoding::ALaw) => (Encoding::MuLaw, made.rate, made.channels),
                (0, Encoding::Pcm16) => (Encoding::PcmU8, made.rate, made.channels * 2),
                (0, _) => (Encoding::ALaw, made.rate, made.channels),
                (1, _) => (made.encoding, made.rate + dice.within(1, 9_000), made.channels),
                _ => (made.encoding, made.rate, if made.channels == 1 { 2 } else { 1 }),
            };
            if !length.is_multiple_of(encoding.bytes() * channels) {
                return None;
            }
            let file = wave(encoding, rate as u32, channels, &made.data);
            let expected = Expected::Verdict(&["other-format"]);
            Some(Mutation { name: "re-headered", file, proof: made.proof.to_bytes(), expected })
        }
        11 => {
            let mut file = whole;
            file[dice.within(0, 44)] ^= 1 << dice.within(0, 8);
            let expected = Expected::Verdict(&["unreadable", "other-format"]);
            Some(Mutation { name: "header damaged", file, proof: made.proof.to_bytes(), expected })
        }
        12 => {
            let sample = made.encoding.bytes();
            let (from, to) = match dice.within(0, 2) {
                0 => (0, length),
                _ => {
                    let at = dice.within(0, seconds) * second;
                    (at, at + second)
                }
            };
            data[from..to].chunks_mut(frame).for_each(|frame| frame.rotate_left(sample));
            let altered = audio("channels swapped", data)?;
            let is_whole = (from, to) == (0, length);
            let expected = match (is_whole, made.channels) {
                (true, 2) => Expected::Verdict(&["channels-swapped"]),
                (true, _) => Expected::Verdict(&["altered", "not-ours"]),
                _ => altered.expected,
            };
            Some(Mutation { expected, ..altered })
        }
        13 => {
            // Seldom: that nothing is recognised is known only after everything was tried.
            let alike = others.iter().filter(|other| {
                (other.encoding, other.rate, other.channels) == (made.encoding, made.rate, made.channels)
                    && other.proof.root() != made.proof.root()
            });
            let unlike = others.iter().filter(|other| other.frame() != made.frame());
            let is_alike = n.is_multiple_of(15);
            let fitting: Vec<_> = if is_alike { alike.collect() } else { unlike.collect() };
            let other = fitting.get(dice.within(0, fitting.len()))?;
            let verdicts: &[_] = if is_alike { &["not-ours"] } else { &["other-format"] };
            other_proof("another call's proof", other.proof.to_bytes(), verdicts)
        }
        14 => {
            let [new, old, nobody] = keys();
            let name = made.proof.statement().recording.as_str();
            match dice.within(0, 4) {
                0 => {
                    let proof = sign(&whole, name, ROLLED + 1 + dice.next() % 1_000_000, &old).to_bytes();
                    other_proof("signed with a key that was replaced", proof, &["retired-key"])
                }
                1 => {
                    let proof = sign(&whole, name, ROLLED - 5, &nobody).to_bytes();
                    other_proof("signed with nobody's key", proof, &["unknown-key"])
                }
                pick => {
                    let claimed = if pick == 2 { old.id() } else { new.id() };
                    let proof =
                        String::from_utf8(sign(&whole, name, ROLLED - 5, &nobody).to_bytes()).unwrap();
                    let proof = proof.replace(&nobody.id().to_string(), &claimed.to_string());
                    other_proof("forged in a key's name", proof.into_bytes(), &["bad-signature"])
                }
            }
        }
        _ => {
            let mut proof = made.proof.to_bytes();
            let at = dice.within(0, proof.len());
            match dice.within(0, 4) {
                0 => proof.truncate(at),
                1 => drop(proof.remove(at)),
                2 => proof.insert(at, *b"0 \na".get(dice.within(0, 4))?),
                _ => proof[at] ^= 1 << dice.within(0, 8),
            }
            if proof == made.proof.to_bytes() {
                return None;
            }
            other_proof("proof damaged", proof, &["bad-proof", "bad-signature", "unknown-key"])
        }
    }
}

/// A receipt's or a head's hash that is another.
pub(crate) fn other_hash() -> Hash {
    Hash::of(b"another")
}
