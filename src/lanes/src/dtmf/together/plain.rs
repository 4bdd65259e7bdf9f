//! The vectors in plain Rust.

use super::WINDOW;

pub(super) const STREAMS: usize = 8;

/// Two samples beside each other of each stream.
pub(super) type Samples = [[i16; 2]; STREAMS];
pub(super) type Totals = [i32; STREAMS];
pub(super) type Floats = [f32; STREAMS];

#[inline(always)]
pub(super) fn transposed(signals: &[&[i16; WINDOW]; STREAMS]) -> [Samples; WINDOW / 2] {
    core::array::from_fn(|pair| signals.map(|samples| [samples[2 * pair], samples[2 * pair + 1]]))
}

#[inline(always)]
pub(super) fn two(samples: [i16; 2]) -> Samples {
    [samples; STREAMS]
}

#[inline(always)]
pub(super) fn swapped(samples: Samples) -> Samples {
    samples.map(|[first, second]| [second, first])
}

#[inline(always)]
fn each<T: Copy, U>(one: [T; STREAMS], other: [T; STREAMS], of: impl Fn(T, T) -> U) -> [U; STREAMS] {
    core::array::from_fn(|stream| of(one[stream], other[stream]))
}

#[inline(always)]
pub(super) fn sum(one: Samples, other: Samples) -> Samples {
    each(one, other, |one, other| [one[0] + other[0], one[1] + other[1]])
}

#[inline(always)]
pub(super) fn difference(one: Samples, other: Samples) -> Samples {
    each(one, other, |one, other| [one[0] - other[0], one[1] - other[1]])
}

#[inline(always)]
pub(super) fn none() -> Totals {
    [0; STREAMS]
}

#[inline(always)]
pub(super) fn dot(total: Totals, one: Samples, other: Samples) -> Totals {
    let products = each(one, other, |one, other| {
        i32::from(one[0]) * i32::from(other[0]) + i32::from(one[1]) * i32::from(other[1])
    });
    each(total, products, |total, product| total + product)
}

#[inline(always)]
pub(super) fn integers(totals: Totals) -> [i32; STREAMS] {
    totals
}

#[inline(always)]
pub(super) fn floats(totals: Totals) -> Floats {
    totals.map(|total| total as f32)
}

#[inline(always)]
pub(super) fn lanes(floats: Floats) -> [f32; STREAMS] {
    floats
}

#[inline(always)]
pub(super) fn nothing() -> Floats {
    [0.0; STREAMS]
}

#[inline(always)]
pub(super) fn all(number: f32) -> Floats {
    [number; STREAMS]
}

#[inline(always)]
pub(super) fn add(one: Floats, other: Floats) -> Floats {
    each(one, other, |one, other| one + other)
}

#[inline(always)]
pub(super) fn multiply(one: Floats, other: Floats) -> Floats {
    each(one, other, |one, other| one * other)
}

#[inline(always)]
pub(super) fn multiply_add(one: Floats, other: Floats, third: Floats) -> Floats {
    add(multiply(one, other), third)
}

#[inline(always)]
pub(super) fn multiply_subtract(one: Floats, other: Floats, third: Floats) -> Floats {
    each(multiply(one, other), third, |product, third| product - third)
}

#[inline(always)]
pub(super) fn greater(one: Floats, other: Floats) -> Floats {
    each(one, other, |one, other| if one > other { one } else { other })
}

/// One bit a stream: whether it is at least so much.
#[inline(always)]
pub(super) fn reached(one: Floats, least: Floats) -> u32 {
    let reached = each(one, least, |one, least| u32::from(one >= least));
    reached.iter().enumerate().fold(0, |bits, (stream, reached)| bits | reached << stream)
}
