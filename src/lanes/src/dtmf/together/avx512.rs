//! The vectors of AVX-512.

use core::arch::x86_64::*;

use super::WINDOW;
use crate::dtmf::x86::as_is;

pub(super) const STREAMS: usize = 16;

type Piece<'a> = &'a [i16; WINDOW];

/// 16 samples of one stream, then of another one.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn halves(one: Piece<'_>, other: Piece<'_>, group: usize) -> __m512i {
    let [low, high] = [one, other].map(|samples| {
        let (groups, _) = samples.as_chunks::<16>();
        as_is::<[i16; 16], __m256i>(&groups[group])
    });
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

/// Of four such pairs of streams, two samples of each of the first ones, the fifth and sixth of the same, then so of the
/// second ones: one vector for each of the first four twos.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn quarters(first: [Piece<'_>; 4], second: [Piece<'_>; 4], group: usize) -> [__m512i; 4] {
    let a = halves(first[0], second[0], group);
    let b = halves(first[1], second[1], group);
    let c = halves(first[2], second[2], group);
    let d = halves(first[3], second[3], group);
    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
    let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab, cd),
        _mm512_unpackhi_epi64(ab, cd),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
pub(super) fn transposed(signals: &[Piece<'_>; STREAMS]) -> [__m512i; WINDOW / 2] {
    /// The first quarters and the third ones.
    const FIRST: i32 = 0b10_00_10_00;
    /// The second and the fourth.
    const SECOND: i32 = 0b11_01_11_01;
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *signals;
    let mut transposed = [_mm512_setzero_si512(); WINDOW / 2];
    for (group, places) in transposed.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let low = quarters([a, b, c, d], [e, f, g, h], group);
        let high = quarters([i, j, k, l], [m, n, o, p], group);
        for (pair, (low, high)) in low.into_iter().zip(high).enumerate() {
            places[pair] = _mm512_shuffle_i32x4::<FIRST>(low, high);
            places[pair + 4] = _mm512_shuffle_i32x4::<SECOND>(low, high);
        }
    }
    transposed
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,avx512vnni")]
pub(super) fn dot_vnni(total: __m512i, one: __m512i, other: __m512i) -> __m512i {
    _mm512_dpwssd_epi32(total, one, other)
}

macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $value:expr;)*) => {
        $(
            #[inline]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
            pub(super) fn $name($($argument: $type),*) -> $result {
                $value
            }
        )*
    };
}

instructions! {
    two(samples: [i16; 2]) -> __m512i = _mm512_set1_epi32(as_is(&samples));
    swapped(samples: __m512i) -> __m512i = _mm512_rol_epi32::<16>(samples);
    sum(one: __m512i, other: __m512i) -> __m512i = _mm512_add_epi16(one, other);
    difference(one: __m512i, other: __m512i) -> __m512i = _mm512_sub_epi16(one, other);
    none() -> __m512i = _mm512_setzero_si512();
    dot(total: __m512i, one: __m512i, other: __m512i) -> __m512i =
        _mm512_add_epi32(total, _mm512_madd_epi16(one, other));
    integers(totals: __m512i) -> [i32; STREAMS] = as_is(&totals);
    floats(totals: __m512i) -> __m512 = _mm512_cvtepi32_ps(totals);
    lanes(floats: __m512) -> [f32; STREAMS] = as_is(&floats);
    nothing() -> __m512 = _mm512_setzero_ps();
    all(number: f32) -> __m512 = _mm512_set1_ps(number);
    add(one: __m512, other: __m512) -> __m512 = _mm512_add_ps(one, other);
    multiply(one: __m512, other: __m512) -> __m512 = _mm512_mul_ps(one, other);
    multiply_add(one: __m512, other: __m512, third: __m512) -> __m512 = _mm512_fmadd_ps(one, other, third);
    multiply_subtract(one: __m512, other: __m512, third: __m512) -> __m512 = _mm512_fmsub_ps(one, other, third);
    greater(one: __m512, other: __m512) -> __m512 = _mm512_max_ps(one, other);
    reached(one: __m512, least: __m512) -> u32 = u32::from(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(one, least));
}
