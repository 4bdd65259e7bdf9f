//! µ-law and A-law (ITU-T G.711), as 16-bit linear samples: µ-law's 14 bits and A-law's 13 are in the upper bits.

/// Linear samples of the 256 µ-law codes (ITU-T G.711 tables 2a and 2b).
pub const ULAW: [i16; 256] = table(true);
/// Linear samples of the 256 A-law codes (ITU-T G.711 tables 1a and 1b).
pub const ALAW: [i16; 256] = table(false);

const fn table(is_ulaw: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = if is_ulaw { ulaw_sample(code as u8) } else { alaw_sample(code as u8) };
        code += 1;
    }
    table
}

const fn ulaw_sample(code: u8) -> i16 {
    let code = (code ^ 0xff) as i32;
    let magnitude = ((((code & 0x0f) << 3) + 132) << ((code >> 4) & 7)) - 132;
    (if code & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

const fn alaw_sample(code: u8) -> i16 {
    let code = (code ^ 0x55) as i32;
    let segment = (code >> 4) & 7;
    let step = ((code & 0x0f) << 4) + 8;
    let is_linear = (segment == 0) as i32;
    let magnitude = (step + 256 * (1 - is_linear)) << (segment - 1 + is_linear);
    (if code & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

/// A quarter of the table's sample, in which nothing is lost. What is 16 bits wide all the way is twice as many lanes.
#[inline(always)]
pub(crate) fn ulaw_of_14_bits(code: u8) -> i16 {
    let code = u16::from(!code);
    let magnitude = ((((code & 0x0f) << 1) + 33) << ((code >> 4) & 7)) as i16 - 33;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

/// As [`ulaw_of_14_bits`].
#[inline(always)]
pub(crate) fn alaw_of_14_bits(code: u8) -> i16 {
    let code = u16::from(code ^ 0x55);
    let segment = (code >> 4) & 7;
    let is_linear = u16::from(segment == 0);
    let magnitude = (((code & 0x0f) * 4 + 2 + 64 * (1 - is_linear)) << (segment + is_linear - 1)) as i16;
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// The µ-law code nearest to a linear sample.
#[inline]
pub const fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    // Beyond the last decision value every sample has the last code.
    let biased = (if magnitude > 32635 { 32635 } else { magnitude }) + 132;
    let segment = 8 - biased.leading_zeros() as u16;
    let step = (biased >> (segment + 3)) & 0x0f;
    (sign | (segment << 4) as u8 | step as u8) ^ 0xff
}

/// The A-law code nearest to a linear sample.
#[inline]
pub const fn to_alaw(sample: i16) -> u8 {
    // A-law has no code for zero: decisions are symmetric about the half step.
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = if sample < 0 { !sample as u16 } else { sample as u16 };
    let segment = (8u32 - (magnitude | 0xff).leading_zeros()) as u16;
    let step = if segment == 0 { magnitude >> 4 } else { (magnitude >> (segment + 3)) & 0x0f };
    (sign | (segment << 4) as u8 | (step & 0x0f) as u8) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_what_the_recommendation_says() {
        // G.711 table 2a: 8031 is the largest value in 14 bits, with code 0x80; 0xff is zero.
        assert_eq!([ULAW[0x80], ULAW[0], ULAW[0xff], ULAW[0x7f]], [8031 * 4, -8031 * 4, 0, 0]);
        // G.711 table 1a: 4032 is the largest value in 13 bits; the smallest is 1.
        assert_eq!([ALAW[0xaa], ALAW[0x2a], ALAW[0xd5], ALAW[0x55]], [4032 * 8, -4032 * 8, 8, -8]);
    }

    #[test]
    fn a_code_is_the_nearest_to_its_own_sample() {
        for code in 0..=255u8 {
            let sample = ULAW[usize::from(code)];
            // µ-law has two zeros.
            assert!(to_ulaw(sample) == code || sample == 0, "{code:#x}");
            assert_eq!(to_alaw(ALAW[usize::from(code)]), code);
        }
    }

    #[test]
    fn a_sample_is_off_by_at_most_half_a_step() {
        for sample in (-32635..=32635i16).step_by(7) {
            let (ulaw, alaw) = (to_ulaw(sample), to_alaw(sample));
            let off = |value: i16| (i32::from(value) - i32::from(sample)).abs();
            let segment = |code: u8| (code >> 4) & 7;
            let (of_ulaw, of_alaw) = (segment(!ulaw), segment(alaw ^ 0x55).max(1) - 1);
            assert!(off(ULAW[usize::from(ulaw)]) <= 4 << of_ulaw, "{sample}");
            assert!(off(ALAW[usize::from(alaw)]) <= 8 << of_alaw, "{sample}");
        }
        assert_eq!([to_ulaw(i16::MAX), to_ulaw(i16::MIN)], [0x80, 0]);
        assert_eq!([to_alaw(i16::MAX), to_alaw(i16::MIN)], [0xaa, 0x2a]);
    }
}
