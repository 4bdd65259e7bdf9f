//! One band as an encoder and its decoder both know it: what it foresees, and how large a step is.

use zeroize::Zeroize;

use super::tables::STEPS;

/// Coefficients of the filter's zeros.
const ZEROS: usize = 6;

/// A band. The predictor is a filter of two poles and six zeros whose coefficients climb by the signs of what comes out, and
/// leak, so that decoders that have lost their step find it again.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) struct Band {
    /// The logarithm to base two of the step, in 1/2048 (NB).
    log_step: i16,
    /// The step (DET).
    step: i16,
    /// What is foreseen (S).
    prediction: i16,
    /// The part of it that the zeros make (SZ).
    from_zeros: i16,
    /// The last signal, as reconstructed (R).
    last: i16,
    /// The last two partly reconstructed signals, the newest first (P).
    partial: [i16; 2],
    /// Coefficients of the poles, ×2¹⁴ (A).
    poles: [i16; 2],
    /// Coefficients of the zeros, ×2¹⁴ (B).
    zeros: [i16; ZEROS],
    /// The last differences, the newest first (D).
    differences: [i16; ZEROS],
}

impl Band {
    /// A band of which nothing was heard.
    pub(super) fn new(shift: i16) -> Self {
        Band {
            log_step: 0,
            step: step(0, shift),
            prediction: 0,
            from_zeros: 0,
            last: 0,
            partial: [0; 2],
            poles: [0; 2],
            zeros: [0; ZEROS],
            differences: [0; ZEROS],
        }
    }

    #[inline]
    pub(super) fn prediction(&self) -> i32 {
        self.prediction.into()
    }

    #[inline]
    pub(super) fn step(&self) -> i16 {
        self.step
    }

    /// A difference that is given in 1/32768 of a step.
    #[inline]
    pub(super) fn steps(&self, parts: i16) -> i32 {
        (i32::from(self.step) * i32::from(parts)) >> 15
    }

    /// Learns from a difference, given in 1/32768 of a step, and from by how much its codeword widens the step.
    #[inline]
    pub(super) fn adapt(&mut self, parts: i16, widens: i16, widest: i16, shift: i16) {
        // INVQAL and INVQAH: at most 10 228.
        let difference = self.steps(parts) as i16;
        // LOGSCL, LOGSCH, SCALEL and SCALEH.
        self.log_step = (product(self.log_step, 127 << 8) + widens).clamp(0, widest);
        self.step = step(self.log_step, shift);
        // RECONS and PARREC.
        let signal = self.prediction.saturating_add(difference);
        let partial = self.from_zeros.saturating_add(difference);
        self.move_poles(partial);
        let from_poles = product(self.poles[0], signal.saturating_add(signal))
            .saturating_add(product(self.poles[1], self.last.saturating_add(self.last)));
        self.last = signal;
        self.partial = [partial, self.partial[0]];
        self.move_zeros(difference);
        self.prediction = from_poles.saturating_add(self.from_zeros);
    }

    /// UPPOL2 and UPPOL1. The limits keep the filter stable.
    #[inline]
    fn move_poles(&mut self, partial: i16) {
        let [first, second] = self.poles;
        let [last, one_before] = self.partial.map(|before| before ^ partial);
        let pull = signed(first.saturating_mul(4), !last) >> 7;
        let second = (product(second, 32512) + pull + signed(128, one_before)).clamp(-12288, 12288);
        let most = 15360 - second;
        let first = (product(first, 32640) + signed(192, last)).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO, DELAYA and FILTEZ.
    #[inline]
    fn move_zeros(&mut self, difference: i16) {
        let climb = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            *zero = product(*zero, 32640).saturating_add(signed(climb, before ^ difference));
        }
        self.differences.copy_within(..ZEROS - 1, 1);
        self.differences[0] = difference;
        let mut parts = [0; ZEROS];
        for (part, (zero, difference)) in parts.iter_mut().zip(self.zeros.iter().zip(&self.differences)) {
            *part = product(*zero, 2 * difference);
        }
        self.from_zeros = parts.iter().rev().fold(0, |sum: i16, part| sum.saturating_add(*part));
    }
}

/// The product of two numbers that are ×2¹⁵ (never both the least one).
#[inline]
fn product(one: i16, other: i16) -> i16 {
    ((i32::from(one) * i32::from(other)) >> 15) as i16
}

/// A value, or its negative where `sign` is negative: without a branch, as nothing is foreseen less than these signs.
#[inline]
fn signed(value: i16, sign: i16) -> i16 {
    let mask = sign >> 15;
    (value ^ mask).saturating_sub(mask)
}

/// From the logarithm of a step to the step.
#[inline]
fn step(log_step: i16, shift: i16) -> i16 {
    let mantissa = STEPS[usize::from(log_step.unsigned_abs() >> 6 & 31)];
    // Shifted left by two after, so that the last bits are lost as they are in the recommendation.
    let right = shift - (log_step >> 11);
    (if right < 0 { mantissa << -right } else { mantissa >> right }) << 2
}

impl Drop for Band {
    fn drop(&mut self) {
        self.log_step.zeroize();
        self.step.zeroize();
        self.prediction.zeroize();
        self.from_zeros.zeroize();
        self.last.zeroize();
        self.partial.zeroize();
        self.poles.zeroize();
        self.zeros.zeroize();
        self.differences.zeroize();
    }
}
