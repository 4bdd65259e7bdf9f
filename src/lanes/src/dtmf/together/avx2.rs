//! The vectors of AVX2, which need not have fused multiplications.

use core::arch::x86_64::*;

use super::WINDOW;
use crate::dtmf::x86::as_is;

pub(super) const STREAMS: usize = 8;

type Piece<'a> = &'a [i16; WINDOW];

/// Of four streams, two samples of each, and the fifth and sixth of the same: one vector for each of the first four twos.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(streams: [Piece<'_>; 4], group: usize) -> [__m256i; 4] {
    let [a, b, c, d] = streams.map(|samples| {
        let (groups, _) = samples.as_chunks::<16>();
        as_is::<[i16; 16], __m256i>(&groups[group])
    });
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transposed(signals: &[Piece<'_>; STREAMS]) -> [__m256i; WINDOW / 2] {
    /// The first halves of both.
    const FIRST: i32 = 0x20;
    const SECOND: i32 = 0x31;
    let [a, b, c, d, e, f, g, h] = *signals;
    let mut transposed = [_mm256_setzero_si256(); WINDOW / 2];
    for (group, places) in transposed.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let (low, high) = (halves([a, b, c, d], group), halves([e, f, g, h], group));
        for (pair, (low, high)) in low.into_iter().zip(high).enumerate() {
            places[pair] = _mm256_permute2x128_si256::<FIRST>(low, high);
            places[pair + 4] = _mm256_permute2x128_si256::<SECOND>(low, high);
        }
    }
    transposed
}

macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $value:expr;)*) => {
        $(
            #[inline]
            #[target_feature(enable = "avx2")]
            pub(super) fn $name($($argument: $type),*) -> $result {
                $value
            }
        )*
    };
}

instructions! {
    two(samples: [i16; 2]) -> __m256i = _mm256_set1_epi32(as_is(&samples));
    swapped(samples: __m256i) -> __m256i =
        _mm256_or_si256(_mm256_slli_epi32::<16>(samples), _mm256_srli_epi32::<16>(samples));
    sum(one: __m256i, other: __m256i) -> __m256i = _mm256_add_epi16(one, other);
    difference(one: __m256i, other: __m256i) -> __m256i = _mm256_sub_epi16(one, other);
    none() -> __m256i = _mm256_setzero_si256();
    dot(total: __m256i, one: __m256i, other: __m256i) -> __m256i =
        _mm256_add_epi32(total, _mm256_madd_epi16(one, other));
    integers(totals: __m256i) -> [i32; STREAMS] = as_is(&totals);
    floats(totals: __m256i) -> __m256 = _mm256_cvtepi32_ps(totals);
    lanes(floats: __m256) -> [f32; STREAMS] = as_is(&floats);
    nothing() -> __m256 = _mm256_setzero_ps();
    all(number: f32) -> __m256 = _mm256_set1_ps(number);
    add(one: __m256, other: __m256) -> __m256 = _mm256_add_ps(one, other);
    multiply(one: __m256, other: __m256) -> __m256 = _mm256_mul_ps(one, other);
    multiply_add(one: __m256, other: __m256, third: __m256) -> __m256 = add(multiply(one, other), third);
    multiply_subtract(one: __m256, other: __m256, third: __m256) -> __m256 =
        _mm256_sub_ps(multiply(one, other), third);
    greater(one: __m256, other: __m256) -> __m256 = _mm256_max_ps(one, other);
    reached(one: __m256, least: __m256) -> u32 =
        _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(one, least)) as u32;
}
