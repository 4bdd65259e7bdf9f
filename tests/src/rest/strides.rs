//! Bytes at any fixed distance from each other.
//!
//! Of every pattern four bytes in a row that are not zero are its anchor. Which bytes may be the first, second, third and fourth
//! of one is marked with a bit each, and for every distance the marks are laid over each other, 64 places at once. Where all
//! four agree, and the bytes are an anchor's, the pattern is compared. Most of memory is zero, and passed over.

use std::collections::HashMap;
use std::ops::Range;
use std::thread;

use super::LONGEST_STRIDE;
use super::forms::Pattern;

/// Bytes that are taken together by one thread.
const PIECE: usize = 1 << 20;
/// Bytes whose marks are one word.
const WORD: usize = 64;
/// Words that the marks of an anchor reach over.
const REACH: usize = (ANCHOR - 1) * LONGEST_STRIDE / WORD + 2;
/// So few places that it is faster to go from each to those that may come second than from distance to distance.
const FEW: u32 = 8;
/// Bytes of a pattern that are found before the others are compared.
pub(super) const ANCHOR: usize = 4;

/// Patterns to be looked for together.
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
    /// Each pattern's anchor: which of its bytes it begins with.
    anchors: Vec<usize>,
    /// The patterns by their anchors.
    by_anchor: HashMap<[u8; ANCHOR], Vec<usize>>,
    /// Which bytes come at each place of an anchor: a bit each.
    members: [u8; 256],
    /// A bit for what an anchor hashes to.
    sieve: Vec<u64>,
}

/// Where a pattern lies.
pub(super) struct Found<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) at: usize,
    pub(super) stride: usize,
}

fn hash(anchor: [u8; ANCHOR]) -> usize {
    (u32::from_be_bytes(anchor).wrapping_mul(0x9e37_79b1) >> 16) as usize
}

/// Where the first four bytes in a row are that are not zero.
pub(super) fn anchor(bytes: &[u8]) -> Option<usize> {
    bytes.windows(ANCHOR).position(|four| !four.contains(&0))
}

impl Patterns {
    pub(super) fn new(patterns: Vec<Pattern>) -> Patterns {
        let mut by_anchor = HashMap::<_, Vec<usize>>::new();
        let mut members = [0; 256];
        let mut sieve = vec![0; (1 << 16) / 64];
        let mut anchors = Vec::new();
        for (number, pattern) in patterns.iter().enumerate() {
            let at = anchor(&pattern.bytes).expect("a number that tells");
            let anchor: [u8; ANCHOR] = std::array::from_fn(|place| pattern.bytes[at + place]);
            for (place, byte) in anchor.into_iter().enumerate() {
                members[usize::from(byte)] |= 1 << place;
            }
            sieve[hash(anchor) / 64] |= 1 << (hash(anchor) % 64);
            by_anchor.entry(anchor).or_default().push(number);
            anchors.push(at);
        }
        Patterns { patterns, anchors, by_anchor, members, sieve }
    }

    /// Where patterns lie in bytes, by their anchors' places; at most so many.
    pub(super) fn find(&self, bytes: &[u8], most: usize) -> Vec<Found<'_>> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = bytes.len().div_ceil(threads).next_multiple_of(PIECE).max(PIECE);
        let mut found: Vec<Found<'_>> = thread::scope(|scope| {
            let shares = (0..bytes.len()).step_by(share);
            let parts: Vec<_> = shares
                .map(|from| {
                    scope.spawn(move || self.find_share(bytes, from..bytes.len().min(from + share), most))
                })
                .collect();
            parts.into_iter().flat_map(|part| part.join().expect("a thread that looks")).collect()
        });
        found.truncate(most);
        found
    }

    fn find_share(&self, bytes: &[u8], share: Range<usize>, most: usize) -> Vec<Found<'_>> {
        let mut found = Vec::new();
        for from in share.clone().step_by(PIECE) {
            let to = share.end.min(from + PIECE);
            self.find_piece(bytes, from..to, &mut found);
            if found.len() >= most {
                break;
            }
        }
        found
    }

    /// The patterns whose anchors begin in a piece.
    fn find_piece<'a>(&'a self, bytes: &[u8], piece: Range<usize>, found: &mut Vec<Found<'a>>) {
        let words = piece.len().div_ceil(WORD);
        let reach = bytes.len().min(piece.end + REACH * WORD);
        let marks = self.marks(&bytes[piece.start..reach], words + REACH);
        for word in 0..words {
            let [first, second, third, fourth]: [&[u64]; ANCHOR] =
                std::array::from_fn(|place| &marks[place][word..word + REACH]);
            if first[0] == 0 {
                continue;
            }
            let mut agreed = |stride: usize, mut places: u64| {
                while places != 0 {
                    let at = piece.start + word * WORD + places.trailing_zeros() as usize;
                    places &= places - 1;
                    let anchor = std::array::from_fn(|place| bytes[at + place * stride]);
                    let hash = hash(anchor);
                    if self.sieve[hash / 64] >> (hash % 64) & 1 == 1 {
                        self.check(bytes, at, stride, anchor, found);
                    }
                }
            };
            if first[0].count_ones() <= FEW {
                for place in bits(first[0]) {
                    for stride in set(second, place + 1).map(|second| second - place) {
                        let is_marked = |words: &[u64], at: usize| words[at / WORD] >> (at % WORD) & 1 == 1;
                        if is_marked(third, place + 2 * stride) && is_marked(fourth, place + 3 * stride) {
                            agreed(stride, 1 << place);
                        }
                    }
                }
                continue;
            }
            for stride in 1..=LONGEST_STRIDE {
                let mut places = first[0] & shifted(second, stride);
                if places == 0 {
                    continue;
                }
                places &= shifted(third, 2 * stride);
                if places != 0 {
                    agreed(stride, places & shifted(fourth, 3 * stride));
                }
            }
        }
    }

    /// For each place of an anchor a bit for each byte that may be there; no bits beyond the end.
    fn marks(&self, bytes: &[u8], words: usize) -> [Vec<u64>; ANCHOR] {
        let mut marks = std::array::from_fn(|_| vec![0; words]);
        for (word, chunk) in bytes.chunks(WORD).take(words).enumerate() {
            if chunk.iter().all(|byte| *byte == 0) {
                continue;
            }
            for (bit, byte) in chunk.iter().enumerate() {
                let member = u64::from(self.members[usize::from(*byte)]);
                for (place, marks) in marks.iter_mut().enumerate() {
                    marks[word] |= (member >> place & 1) << bit;
                }
            }
        }
        marks
    }

    #[cold]
    fn check<'a>(
        &'a self,
        bytes: &[u8],
        anchor_at: usize,
        stride: usize,
        anchor: [u8; ANCHOR],
        found: &mut Vec<Found<'a>>,
    ) {
        for &number in self.by_anchor.get(&anchor).into_iter().flatten() {
            let (pattern, before) = (&self.patterns[number], self.anchors[number]);
            let Some(at) = anchor_at.checked_sub(before * stride) else { continue };
            let is_there = |(place, byte): (usize, &u8)| {
                bytes.get(at + place * stride).is_some_and(|there| there == byte)
            };
            if pattern.bytes.iter().enumerate().all(is_there) {
                found.push(Found { pattern, at, stride });
            }
        }
    }
}

/// The 64 bits from the one of that number on.
#[inline(always)]
fn shifted(words: &[u64], by: usize) -> u64 {
    let (word, bit) = (by / WORD, by % WORD);
    words[word] >> bit | (words[word + 1] << 1) << (WORD - 1 - bit)
}

/// The numbers of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros() as usize;
        word &= word.wrapping_sub(1);
        (bit < WORD).then_some(bit)
    })
}

/// The same of many words, from one bit on, as many as there are distances.
fn set(words: &[u64], from: usize) -> impl Iterator<Item = usize> + '_ {
    (from..from + LONGEST_STRIDE)
        .step_by(WORD)
        .flat_map(move |from| bits(shifted(words, from)).map(move |bit| from + bit))
}
