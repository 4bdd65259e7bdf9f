//! The kernel in plain Rust. The others differ from it in speed alone.

use super::{Fit, Fits, HOP, LANES, Lanes, Signal, Tables, energy};

/// Twenty samples, correlated and summed.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) waves: Lanes<f32>,
    pub(super) squares: i32,
    pub(super) sum: i32,
}

pub(super) fn fit(tables: &Tables, signal: &Signal, fits: &mut Fits) {
    fit_by(tables, signal, fits, correlate);
}

/// The kernel around a way to correlate the blocks.
#[inline(always)]
pub(super) fn fit_by(
    tables: &Tables,
    signal: &Signal,
    fits: &mut Fits,
    correlate: impl Fn(&Tables, &[i16; HOP]) -> Block,
) {
    let (blocks, _) = signal.samples().as_chunks::<HOP>();
    let mut blocks = blocks.iter().map(|samples| correlate(tables, samples));
    let (Some(mut first), Some(mut second), Some(mut third)) = (blocks.next(), blocks.next(), blocks.next())
    else {
        return;
    };
    for fourth in blocks {
        fits.push(combine(tables, [&first, &second, &third, &fourth]));
        (first, second, third) = (second, third, fourth);
    }
}

fn correlate(tables: &Tables, samples: &[i16; HOP]) -> Block {
    let mut waves = [0i32; LANES];
    let mut squares = 0i32;
    let mut sum = 0i32;
    for (two, table) in samples.as_chunks::<2>().0.iter().zip(&tables.pairs) {
        let [first, second] = two.map(i32::from);
        for (wave, [one, other]) in waves.iter_mut().zip(table.0) {
            *wave += first * i32::from(one) + second * i32::from(other);
        }
        squares += first * first + second * second;
        sum += first + second;
    }
    Block { waves: Lanes(waves.map(|wave| wave as f32)), squares, sum }
}

type Vector = [f32; LANES];

#[inline(always)]
fn each(one: &Vector, other: &Vector, of: impl Fn(f32, f32) -> f32) -> Vector {
    let mut result = [0.0; LANES];
    for ((result, one), other) in result.iter_mut().zip(one).zip(other) {
        *result = of(*one, *other);
    }
    result
}

#[inline(always)]
fn add(one: &Vector, other: &Vector) -> Vector {
    each(one, other, |one, other| one + other)
}

#[inline(always)]
fn subtract(one: &Vector, other: &Vector) -> Vector {
    each(one, other, |one, other| one - other)
}

#[inline(always)]
fn multiply(one: &Vector, other: &Vector) -> Vector {
    each(one, other, |one, other| one * other)
}

/// Cosines and sines, changed over.
#[inline(always)]
fn over([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]: Vector) -> Vector {
    [i, j, k, l, m, n, o, p, a, b, c, d, e, f, g, h]
}

/// The cosine or sine of each pair's row, then of its column.
#[inline(always)]
fn rows([a, b, c, d]: [f32; 4]) -> Vector {
    [a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d]
}

#[inline(always)]
fn columns([a, b, c, d]: [f32; 4]) -> Vector {
    [a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d]
}

#[inline(always)]
pub(super) fn combine(tables: &Tables, blocks: [&Block; 4]) -> Fit {
    let squares = blocks.iter().map(|block| i64::from(block.squares)).sum();
    let sum: i64 = blocks.iter().map(|block| i64::from(block.sum)).sum();
    let [first, second, third, fourth] = blocks.map(|block| &block.waves.0);
    let turned = |one: &Vector, other: &Vector, straight: &Lanes<f32>, across: &Lanes<f32>| {
        add(&multiply(&add(one, other), &straight.0), &multiply(&over(subtract(one, other)), &across.0))
    };
    let outer = turned(first, fourth, &tables.outer_straight, &tables.outer_across);
    let inner = turned(second, third, &tables.inner_straight, &tables.inner_across);
    let constant = multiply(&tables.constant.0, &[sum as f32; LANES]);
    let projections = subtract(&add(&outer, &inner), &constant);

    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = projections;
    let (even_row, even_column) = (rows([a, b, c, d]), columns([e, f, g, h]));
    let (odd_row, odd_column) = (rows([i, j, k, l]), columns([m, n, o, p]));
    let even = subtract(&even_column, &multiply(&tables.even.0, &even_row));
    let odd = subtract(&odd_column, &multiply(&tables.odd.0, &odd_row));
    let explained = add(
        &add(&multiply(&even_row, &even_row), &multiply(&odd_row, &odd_row)),
        &add(
            &multiply(&multiply(&even, &even), &tables.even_scale.0),
            &multiply(&multiply(&odd, &odd), &tables.odd_scale.0),
        ),
    );
    let best = greatest(&explained);
    let is_best = explained
        .iter()
        .enumerate()
        .fold(0u32, |bits, (lane, explained)| bits | (u32::from(*explained == best) << lane));
    Fit {
        projections: Lanes(projections),
        energy: energy(squares, sum),
        explained: best,
        pair: (is_best.trailing_zeros() & 15) as u8,
    }
}

/// The greatest lane, found by halves, so that comparisons are beside each other.
#[inline(always)]
fn greatest(lanes: &Vector) -> f32 {
    let greater = |one: f32, other: f32| if one > other { one } else { other };
    let mut lanes = *lanes;
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = greater(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}
