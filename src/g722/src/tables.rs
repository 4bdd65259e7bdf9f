//! The numbers of ITU-T G.722 (section 6.2, and table 11 for the filters), under the names that they have there in brackets.

/// Decision levels of the lower band's quantiser of 60 levels (Q6), in 1/4096 of a step, ×16 so that the high half of a
/// product of 16 bits each is what is asked for. Two levels that nothing reaches fill it up to whole vectors.
pub(super) const LEVELS: [u16; 32] = {
    let levels = [
        35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121,
        1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
    ];
    let mut filled = [0; 32];
    let mut at = 0;
    while at < levels.len() {
        filled[at] = levels[at] << 4;
        at += 1;
    }
    filled
};
/// How many of them there are.
pub(super) const LEVEL_COUNT: usize = 29;

/// Codewords of the lower band for a difference that is not negative, by the levels that it reaches (ILP).
pub(super) const LOW_POSITIVE: [u8; 32] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
    35, 34, 33, 32, 32, 32,
];
/// And for one that is (ILN). The four codewords of zeros above their last two bits are never sent.
pub(super) const LOW_NEGATIVE: [u8; 32] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
    6, 5, 4, 4, 4,
];

/// What a codeword of the lower band stands for, in 1/32768 of a step (QM6).
pub(super) const LOW_FINE: [i16; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// And without its last two bits, which the predictor does not see so that they can be data in other modes (QM4).
pub(super) const LOW_COARSE: [i16; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// By how much a codeword of the lower band, without its last two bits, widens the step (WL by RL42).
pub(super) const LOW_WIDENS: [i16; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

/// The decision level of the higher band's quantiser of 4 levels (Q2), in 1/4096 of a step.
pub(super) const HIGH_LEVEL: i32 = 564;
/// What a codeword of the higher band stands for, in 1/32768 of a step (QM2).
pub(super) const HIGH_COARSE: [i16; 4] = [-7408, -1616, 7408, 1616];
/// By how much a codeword of the higher band widens the step (WH by IH2).
pub(super) const HIGH_WIDENS: [i16; 4] = [798, -214, 798, -214];

/// 2048·2^(n/32): from the logarithm of a step to the step (ILB).
pub(super) const STEPS: [i16; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Every other coefficient of the filters of 24, ×2¹³; the others are the same backwards.
pub(super) const FILTER: [i16; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
