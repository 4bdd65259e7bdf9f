//! The quadrature mirror filters: a lower and a higher band of half the rate, and back.

use zeroize::Zeroize;

use super::tables::FILTER;

/// Pairs that the filters look at.
const REACH: usize = FILTER.len();

const BACKWARDS: [i16; REACH] = {
    let mut backwards = [0; REACH];
    let mut at = 0;
    while at < REACH {
        backwards[at] = FILTER[REACH - 1 - at];
        at += 1;
    }
    backwards
};

/// What one of the two filters remembers, the oldest first. An encoder's splits, a decoder's joins.
#[derive(Clone, Debug, Default)]
pub(super) struct Qmf {
    first: [i16; REACH],
    second: [i16; REACH],
}

impl Qmf {
    /// The lower and the higher band, of 15 bits, that two samples of 16 bits make with those before.
    #[inline]
    pub(super) fn split(&mut self, pair: [i16; 2]) -> [i16; 2] {
        self.push(pair);
        let (first, second) = (filtered(&self.first, &FILTER), filtered(&self.second, &BACKWARDS));
        [(second + first) >> 14, (second - first) >> 14].map(limited)
    }

    /// The two samples of 16 bits that the lower and the higher band, of 15 bits, make with those before.
    #[inline]
    pub(super) fn join(&mut self, [low, high]: [i16; 2]) -> [i16; 2] {
        self.push([low + high, low - high]);
        [filtered(&self.second, &BACKWARDS), filtered(&self.first, &FILTER)]
            .map(|sum| (sum >> 11).clamp(i16::MIN.into(), i16::MAX.into()) as i16)
    }

    /// Takes samples of which the bands are known.
    pub(super) fn follow(&mut self, pairs: &[[i16; 2]]) {
        let late = pairs.len().saturating_sub(REACH);
        for pair in pairs.get(late..).unwrap_or_default() {
            self.push(*pair);
        }
    }

    #[inline]
    fn push(&mut self, [first, second]: [i16; 2]) {
        self.first.copy_within(1.., 0);
        self.first[REACH - 1] = first;
        self.second.copy_within(1.., 0);
        self.second[REACH - 1] = second;
    }
}

#[inline]
fn filtered(samples: &[i16; REACH], filter: &[i16; REACH]) -> i32 {
    samples.iter().zip(filter).map(|(sample, part)| i32::from(*sample) * i32::from(*part)).sum()
}

/// To the 15 bits that a band has (LIMIT).
#[inline]
pub(super) fn limited(value: i32) -> i16 {
    value.clamp(-0x4000, 0x3fff) as i16
}

impl Drop for Qmf {
    fn drop(&mut self) {
        self.first.zeroize();
        self.second.zeroize();
    }
}
