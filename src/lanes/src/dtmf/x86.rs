//! The kernels of x86-64. Intrinsics without pointers are safe where their instructions are enabled; loads go through
//! references to whole arrays.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::portable::{Block, fit_by};
use super::{Fit, Fits, HOP, LANES, Lanes, Signal, Tables, energy};

/// Numbers side by side.
///
/// # Safety
/// Every pattern of bits is a value, and no byte is padding.
// SAFETY: what has to hold of an implementation is said above; who uses the trait need keep nothing.
pub(super) unsafe trait Numbers: Copy {}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(
            // SAFETY: arrays, vectors and transparent structs of integers and floats have neither padding nor forbidden values.
            unsafe impl Numbers for $type {}
        )*
    };
}

numbers!(
    [i16; 2],
    [i16; 16],
    [i32; 8],
    [f32; 8],
    [i32; LANES],
    i32,
    [f32; LANES],
    Lanes<[i16; 2]>,
    [Lanes<[i16; 2]>; HOP / 2]
);
numbers!(
    Lanes<f32>,
    [__m128i; 4],
    [__m128; 4],
    [__m256i; 2],
    [__m256; 2],
    __m256i,
    __m256,
    __m512i,
    [__m512i; HOP / 2],
    __m512
);

/// The same numbers as another type.
#[inline(always)]
pub(super) fn as_is<T: Numbers, V: Numbers>(value: &T) -> V {
    const { assert!(size_of::<T>() == size_of::<V>()) };
    // SAFETY: `value` is a reference to as many bytes as are read, which are a value of `V` as of every `Numbers`;
    // the copy asks for no alignment.
    unsafe { core::ptr::from_ref(value).cast::<V>().read_unaligned() }
}

/// Squares and sum of a block. The compiler makes vectors of it.
#[inline(always)]
fn sums(samples: &[i16; HOP]) -> (i32, i32) {
    let squares = samples.iter().map(|sample| i32::from(*sample) * i32::from(*sample)).sum();
    let sum = samples.iter().map(|sample| i32::from(*sample)).sum();
    (squares, sum)
}

/// Two samples in every 32-bit lane.
#[inline(always)]
fn two_samples(samples: &[i16; HOP], pair: usize) -> i32 {
    let (pairs, _) = samples.as_chunks::<2>();
    as_is(&pairs[pair])
}

#[target_feature(enable = "sse2")]
pub(super) fn fit_sse2(tables: &Tables, signal: &Signal, fits: &mut Fits) {
    fit_by(tables, signal, fits, |tables, samples| correlate_sse2(tables, samples));
}

#[inline]
#[target_feature(enable = "sse2")]
fn correlate_sse2(tables: &Tables, samples: &[i16; HOP]) -> Block {
    let mut waves = [_mm_setzero_si128(); 4];
    for (pair, table) in tables.pairs.iter().enumerate() {
        let two = _mm_set1_epi32(two_samples(samples, pair));
        let table: [__m128i; 4] = as_is(table);
        for (wave, table) in waves.iter_mut().zip(table) {
            *wave = _mm_add_epi32(*wave, _mm_madd_epi16(two, table));
        }
    }
    let (squares, sum) = sums(samples);
    let [first, second, third, fourth] = waves;
    let waves =
        [_mm_cvtepi32_ps(first), _mm_cvtepi32_ps(second), _mm_cvtepi32_ps(third), _mm_cvtepi32_ps(fourth)];
    Block { waves: Lanes(as_is(&waves)), squares, sum }
}

#[target_feature(enable = "avx2")]
pub(super) fn fit_avx2(tables: &Tables, signal: &Signal, fits: &mut Fits) {
    fit_by(tables, signal, fits, |tables, samples| correlate_avx2(tables, samples));
}

#[inline]
#[target_feature(enable = "avx2")]
fn correlate_avx2(tables: &Tables, samples: &[i16; HOP]) -> Block {
    let mut waves = [_mm256_setzero_si256(); 2];
    for (pair, table) in tables.pairs.iter().enumerate() {
        let two = _mm256_set1_epi32(two_samples(samples, pair));
        let table: [__m256i; 2] = as_is(table);
        for (wave, table) in waves.iter_mut().zip(table) {
            *wave = _mm256_add_epi32(*wave, _mm256_madd_epi16(two, table));
        }
    }
    let (squares, sum) = sums(samples);
    let [low, high] = waves;
    Block { waves: Lanes(as_is(&[_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)])), squares, sum }
}

macro_rules! avx512 {
    ($fit:ident, $features:literal, |$total:ident, $one:ident, $other:ident| $multiply:expr) => {
        #[target_feature(enable = $features)]
        pub(super) fn $fit(tables: &Tables, signal: &Signal, fits: &mut Fits) {
            let coefficients: [__m512i; HOP / 2] = as_is(&tables.pairs);
            let ones = _mm512_set1_epi16(1);
            let tables = Registers::new(tables);
            let (blocks, _) = signal.samples().as_chunks::<HOP>();
            let nothing = (_mm512_setzero_ps(), 0, 0);
            let (mut first, mut second, mut third) = (nothing, nothing, nothing);
            for (number, samples) in blocks.iter().enumerate() {
                // Two sums, so that one need not wait for the other.
                let mut totals = [_mm512_setzero_si512(); 2];
                for (pair, coefficients) in coefficients.iter().enumerate() {
                    let two = _mm512_set1_epi32(two_samples(samples, pair));
                    let ($total, $one, $other) = (totals[pair % 2], two, *coefficients);
                    totals[pair % 2] = $multiply;
                }
                let wave = _mm512_cvtepi32_ps(_mm512_add_epi32(totals[0], totals[1]));
                const BLOCK: __mmask32 = (1 << HOP) - 1;
                // SAFETY: the mask has the load touch as many samples as `samples` has, and make zeros of the rest.
                let whole = unsafe { _mm512_maskz_loadu_epi16(BLOCK, samples.as_ptr()) };
                let (squares, sum) =
                    sums_avx512(_mm512_madd_epi16(whole, whole), _mm512_madd_epi16(whole, ones));
                let fourth = (wave, squares, sum);
                if number >= 3 {
                    fits.push(combine_avx512(&tables, [first, second, third, fourth]));
                }
                (first, second, third) = (second, third, fourth);
            }
        }
    };
}

avx512!(fit_avx512, "avx512f,avx512bw,avx512vl,avx512dq,avx2", |total, one, other| {
    _mm512_add_epi32(total, _mm512_madd_epi16(one, other))
});
avx512!(fit_avx512vnni, "avx512f,avx512bw,avx512vl,avx512dq,avx2,avx512vnni", |total, one, other| {
    _mm512_dpwssd_epi32(total, one, other)
});

/// The sums of the lanes of both.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn sums_avx512(one: __m512i, other: __m512i) -> (i32, i32) {
    let half = |whole| _mm256_add_epi32(_mm512_castsi512_si256(whole), _mm512_extracti64x4_epi64::<1>(whole));
    let quarters = _mm256_hadd_epi32(half(one), half(other));
    let eighths = _mm_add_epi32(_mm256_castsi256_si128(quarters), _mm256_extracti128_si256::<1>(quarters));
    let both = _mm_cvtsi128_si64(_mm_hadd_epi32(eighths, eighths));
    (both as i32, (both >> 32) as i32)
}

/// The tables of the second half of the work.
struct Registers {
    outer_straight: __m512,
    outer_across: __m512,
    inner_straight: __m512,
    inner_across: __m512,
    constant: __m512,
    even: __m512,
    even_scale: __m512,
    odd: __m512,
    odd_scale: __m512,
    rows: __m512i,
    columns: __m512i,
}

impl Registers {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
    fn new(tables: &Tables) -> Self {
        Registers {
            outer_straight: as_is(&tables.outer_straight),
            outer_across: as_is(&tables.outer_across),
            inner_straight: as_is(&tables.inner_straight),
            inner_across: as_is(&tables.inner_across),
            constant: as_is(&tables.constant),
            even: as_is(&tables.even),
            even_scale: as_is(&tables.even_scale),
            odd: as_is(&tables.odd),
            odd_scale: as_is(&tables.odd_scale),
            rows: as_is(&[0i32, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]),
            columns: as_is(&[4i32, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7]),
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn combine_avx512(tables: &Registers, blocks: [(__m512, i32, i32); 4]) -> Fit {
    /// The halves, changed over.
    const OVER: i32 = 0b01_00_11_10;
    let [first, second, third, fourth] = blocks.map(|(waves, _, _)| waves);
    let squares = blocks.iter().map(|(_, squares, _)| i64::from(*squares)).sum();
    let sum: i64 = blocks.iter().map(|(_, _, sum)| i64::from(*sum)).sum();
    let difference = _mm512_sub_ps(first, fourth);
    let outer = _mm512_add_ps(
        _mm512_mul_ps(_mm512_add_ps(first, fourth), tables.outer_straight),
        _mm512_mul_ps(_mm512_shuffle_f32x4::<OVER>(difference, difference), tables.outer_across),
    );
    let difference = _mm512_sub_ps(second, third);
    let inner = _mm512_add_ps(
        _mm512_mul_ps(_mm512_add_ps(second, third), tables.inner_straight),
        _mm512_mul_ps(_mm512_shuffle_f32x4::<OVER>(difference, difference), tables.inner_across),
    );
    let constant = _mm512_mul_ps(tables.constant, _mm512_set1_ps(sum as f32));
    let projections = _mm512_sub_ps(_mm512_add_ps(outer, inner), constant);
    let sines = _mm512_shuffle_f32x4::<OVER>(projections, projections);
    let even_row = _mm512_permutexvar_ps(tables.rows, projections);
    let odd_row = _mm512_permutexvar_ps(tables.rows, sines);
    let even_column = _mm512_permutexvar_ps(tables.columns, projections);
    let odd_column = _mm512_permutexvar_ps(tables.columns, sines);
    let even = _mm512_sub_ps(even_column, _mm512_mul_ps(tables.even, even_row));
    let odd = _mm512_sub_ps(odd_column, _mm512_mul_ps(tables.odd, odd_row));
    let explained = _mm512_add_ps(
        _mm512_add_ps(_mm512_mul_ps(even_row, even_row), _mm512_mul_ps(odd_row, odd_row)),
        _mm512_add_ps(
            _mm512_mul_ps(_mm512_mul_ps(even, even), tables.even_scale),
            _mm512_mul_ps(_mm512_mul_ps(odd, odd), tables.odd_scale),
        ),
    );
    let best = _mm512_reduce_max_ps(explained);
    let is_best = _mm512_cmpeq_ps_mask(explained, _mm512_set1_ps(best));
    Fit {
        projections: Lanes(as_is::<_, [f32; LANES]>(&projections)),
        energy: energy(squares, sum),
        explained: best,
        pair: (is_best.trailing_zeros() & 15) as u8,
    }
}

/// As [`super::portable::combine`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
pub(super) fn combine_blocks_avx512(tables: &Tables, blocks: [&Block; 4]) -> Fit {
    let [first, second, third, fourth] = blocks;
    let block = |block: &Block| (as_is::<_, __m512>(&block.waves), block.squares, block.sum);
    combine_avx512(&Registers::new(tables), [block(first), block(second), block(third), block(fourth)])
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
pub(super) fn decode_avx512(codes: &[u8], samples: &mut [MaybeUninit<i16>], of: impl Fn(u8) -> i16) {
    decode(codes, samples, of);
}

#[target_feature(enable = "avx2")]
pub(super) fn decode_avx2(codes: &[u8], samples: &mut [MaybeUninit<i16>], of: impl Fn(u8) -> i16) {
    decode(codes, samples, of);
}

/// The compiler makes vectors of it where lanes can be shifted by different amounts.
#[inline(always)]
fn decode(codes: &[u8], samples: &mut [MaybeUninit<i16>], of: impl Fn(u8) -> i16) {
    for (sample, code) in samples.iter_mut().zip(codes) {
        sample.write(of(*code));
    }
}
