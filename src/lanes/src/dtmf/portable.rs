//! The kernel in plain Rust. The others differ from it in speed alone.

use super::{BLOCKS, Fit, HOP, LANES, Lanes, MAX_FITS, Signal, Tables, energy};

/// Twenty samples, correlated and summed.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) waves: Lanes<f32>,
    pub(super) squares: i32,
    pub(super) sum: i32,
}

pub(super) const NO_BLOCK: Block = Block { waves: Lanes([0.0; LANES]), squares: 0, sum: 0 };

pub(super) fn fit(tables: &Tables, signal: &Signal, windows: usize, fits: &mut [Fit; MAX_FITS]) {
    fit_by(tables, signal, windows, fits, correlate);
}

/// The kernel around a way to correlate the blocks.
#[inline(always)]
pub(super) fn fit_by(
    tables: &Tables,
    signal: &Signal,
    windows: usize,
    fits: &mut [Fit; MAX_FITS],
    correlate: impl Fn(&Tables, &[i16; HOP]) -> Block,
) {
    let mut blocks = [NO_BLOCK; BLOCKS];
    let (samples, _) = signal.samples.as_chunks::<HOP>();
    for (block, samples) in blocks.iter_mut().zip(samples).take(windows + 3) {
        *block = correlate(tables, samples);
    }
    for (fit, blocks) in fits.iter_mut().zip(blocks.array_windows::<4>()).take(windows) {
        combine(tables, blocks, fit);
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

#[inline(always)]
fn combine(tables: &Tables, blocks: &[Block; 4], fit: &mut Fit) {
    let squares = blocks.iter().map(|block| i64::from(block.squares)).sum();
    let sum: i64 = blocks.iter().map(|block| i64::from(block.sum)).sum();
    let [first, second, third, fourth] = blocks.each_ref().map(|block| &block.waves.0);
    let constant = sum as f32;
    let mut projections = [0.0; LANES];
    for lane in 0..LANES {
        // The lane of the same frequency's other wave.
        let other = lane ^ 8;
        let outer = (first[lane] + fourth[lane]) * tables.outer_straight.0[lane]
            + (first[other] - fourth[other]) * tables.outer_across.0[lane];
        let inner = (second[lane] + third[lane]) * tables.inner_straight.0[lane]
            + (second[other] - third[other]) * tables.inner_across.0[lane];
        projections[lane] = (outer + inner) - tables.constant.0[lane] * constant;
    }
    let mut explained = [0.0; LANES];
    for (pair, explained) in explained.iter_mut().enumerate() {
        let (row, column) = (pair / 4, 4 + pair % 4);
        let (even_row, odd_row) = (projections[row], projections[8 + row]);
        let even = projections[column] - tables.even.0[pair] * even_row;
        let odd = projections[8 + column] - tables.odd.0[pair] * odd_row;
        *explained = (even_row * even_row + odd_row * odd_row)
            + (even * even * tables.even_scale.0[pair] + odd * odd * tables.odd_scale.0[pair]);
    }
    let mut best = 0;
    for pair in 1..LANES {
        if explained[pair] > explained[best] {
            best = pair;
        }
    }
    *fit = Fit {
        projections: Lanes(projections),
        energy: energy(squares, sum),
        explained: explained[best],
        pair: best as u8,
    };
}
