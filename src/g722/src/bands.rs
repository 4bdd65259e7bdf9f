//! Both bands, between samples and codewords: two bits of the higher band above six of the lower one.

use super::predictor::Band;
use super::qmf::limited;
use super::tables::{
    HIGH_COARSE, HIGH_LEVEL, HIGH_WIDENS, LEVEL_COUNT, LEVELS, LOW_COARSE, LOW_FINE, LOW_NEGATIVE,
    LOW_POSITIVE, LOW_WIDENS,
};

/// The largest logarithm of a step in the lower band (LOGSCL).
const LOW_WIDEST: i16 = 18432;
/// And in the higher one (LOGSCH).
const HIGH_WIDEST: i16 = 22528;
/// The shift from the logarithm of a step to the step in the lower band (SCALEL).
const LOW_SHIFT: i16 = 8;
/// And in the higher one (SCALEH).
const HIGH_SHIFT: i16 = 10;

/// What an encoder and its decoder both know, and change alike with each codeword.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) struct Bands {
    low: Band,
    high: Band,
}

impl Default for Bands {
    fn default() -> Self {
        Bands { low: Band::new(LOW_SHIFT), high: Band::new(HIGH_SHIFT) }
    }
}

impl Bands {
    /// The lower and the higher band, of 15 bits, of a codeword.
    #[inline]
    pub(super) fn decode(&mut self, code: u8) -> [i16; 2] {
        let low = self.low.prediction() + self.low.steps(LOW_FINE[usize::from(code & 63)]);
        let high = self.high.prediction() + self.high.steps(HIGH_COARSE[usize::from(code >> 6)]);
        self.follow(code);
        [limited(low), limited(high)]
    }

    /// The codeword of a lower and a higher band of 15 bits.
    #[inline]
    pub(super) fn encode(&mut self, [low, high]: [i16; 2]) -> u8 {
        let code = quantised_high(&self.high, high) << 6 | quantised_low(&self.low, low);
        self.follow(code);
        code
    }

    /// Learns from a codeword.
    #[inline]
    pub(super) fn follow(&mut self, code: u8) {
        let (low, high) = (usize::from(code >> 2 & 15), usize::from(code >> 6));
        self.low.adapt(LOW_COARSE[low], LOW_WIDENS[low], LOW_WIDEST, LOW_SHIFT);
        self.high.adapt(HIGH_COARSE[high], HIGH_WIDENS[high], HIGH_WIDEST, HIGH_SHIFT);
    }
}

/// What was not foreseen: how large, and whether it is negative (SUBTRA, and the head of QUANTL and QUANTH).
#[inline]
fn unforeseen(band: &Band, value: i16) -> (i16, bool) {
    let difference = i32::from(value) - band.prediction();
    let difference = difference.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    // One less than its absolute value where it is negative.
    (difference ^ (difference >> 15), difference < 0)
}

/// QUANTL. The levels only rise, so how many are reached says which is the last; counted without a branch, in vectors.
#[inline]
fn quantised_low(band: &Band, value: i16) -> u8 {
    let (size, is_negative) = unforeseen(band, value);
    let step = u32::from(band.step().unsigned_abs());
    let mut reached = 0u16;
    for level in LEVELS {
        reached += u16::from(size >= ((u32::from(level) * step) >> 16) as i16);
    }
    // The ones that fill the vectors are zero, and always reached.
    let reached = usize::from(reached) - (LEVELS.len() - LEVEL_COUNT);
    if is_negative { LOW_NEGATIVE[reached & 31] } else { LOW_POSITIVE[reached & 31] }
}

/// QUANTH.
#[inline]
fn quantised_high(band: &Band, value: i16) -> u8 {
    let (size, is_negative) = unforeseen(band, value);
    let is_large = i32::from(size) >= (HIGH_LEVEL * i32::from(band.step())) >> 12;
    match (is_negative, is_large) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}
