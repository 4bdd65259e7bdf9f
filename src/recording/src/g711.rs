//! µ-law and A-law (ITU-T G.711) to and from linear samples of 16 bits. Tables of our own: vector kernels are another room's, and
//! what is needed of them here is these 256 numbers.

/// Which of the two laws.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Law {
    /// µ-law, RTP's PCMU.
    Mu,
    /// A-law, RTP's PCMA.
    A,
}

static MU: [i16; 256] = table(Law::Mu);
static A: [i16; 256] = table(Law::A);

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::Mu => mu_sample(code as u8),
            Law::A => a_sample(code as u8),
        };
        code += 1;
    }
    table
}

/// Table 2 of the recommendation, its 14 bits in the upper ones.
const fn mu_sample(code: u8) -> i16 {
    let code = (code ^ 0xff) as i32;
    let magnitude = ((((code & 15) << 3) + 132) << (code >> 4 & 7)) - 132;
    (if code & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

/// Table 1 of the recommendation, its 13 bits in the upper ones.
const fn a_sample(code: u8) -> i16 {
    let code = (code ^ 0x55) as i32;
    let (step, segment) = (((code & 15) << 4) + 8, code >> 4 & 7);
    let magnitude = if segment == 0 { step } else { (step + 256) << (segment - 1) };
    (if code & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

/// The linear sample of a code.
#[inline]
pub(crate) fn sample(law: Law, code: u8) -> i16 {
    match law {
        Law::Mu => MU[usize::from(code)],
        Law::A => A[usize::from(code)],
    }
}

/// The code nearest to a linear sample.
#[inline]
pub(crate) fn code(law: Law, sample: i16) -> u8 {
    match law {
        Law::Mu => {
            let sign = if sample < 0 { 0x80 } else { 0 };
            // Beyond the last decision value every sample has the last code.
            let biased = sample.unsigned_abs().min(32_635) + 132;
            let segment = 8 - biased.leading_zeros() as u16;
            !(sign | (segment << 4 | biased >> (segment + 3) & 15) as u8)
        }
        Law::A => {
            // No code stands for zero: the decisions are symmetric about half a step.
            let (sign, magnitude) = if sample < 0 { (0, !sample as u16) } else { (0x80, sample as u16) };
            let segment = 8 - (magnitude | 0xff).leading_zeros() as u16;
            (sign | (segment << 4 | magnitude >> (segment.max(1) + 3) & 15) as u8) ^ 0x55
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_what_the_recommendation_says() {
        let mu = [0x80, 0, 0xff, 0x7f].map(|code| sample(Law::Mu, code));
        assert_eq!(mu, [8031 * 4, -8031 * 4, 0, 0]);
        let a = [0xaa, 0x2a, 0xd5, 0x55].map(|code| sample(Law::A, code));
        assert_eq!(a, [4032 * 8, -4032 * 8, 8, -8]);
    }

    #[test]
    fn a_sample_is_off_by_at_most_half_a_step() {
        for wanted in (-32_635..=32_635).step_by(7) {
            for (law, inverted, half) in [(Law::Mu, 0xff, 4), (Law::A, 0x55, 8)] {
                let code = code(law, wanted);
                let off = (i32::from(sample(law, code)) - i32::from(wanted)).abs();
                let segment = (code ^ inverted) >> 4 & 7;
                let doubled = if law == Law::A { segment.saturating_sub(1) } else { segment };
                assert!(off <= half << doubled, "{law:?} {wanted}");
            }
        }
    }

    #[test]
    fn a_code_comes_back_as_it_was() {
        for wanted in 0..=255 {
            assert_eq!(code(Law::A, sample(Law::A, wanted)), wanted);
            // µ-law has two zeros.
            assert!(wanted == 0x7f || code(Law::Mu, sample(Law::Mu, wanted)) == wanted);
        }
    }
}
