//! The fits of many streams at once: one stream a lane.
//!
//! Nearly every window is speech or silence, of which a caller asks no more than that no pair explains enough. That much is
//! told without a fit. Let Z be the correlation of a window with one frequency, row or column, as a complex number. By the
//! formula of the fit, with r the correlation of a pair's normalised waves, an even or odd half explains
//!
//! > row² + (column − r row)² ÷ (1 − r²) ≤ (row² + column²) ÷ (1 − |r|)
//!
//! where each projection is a part of Z, normalised, less what a constant adds. So both halves of a pair explain at most a
//! multiple of its row's |Z|², one of its column's, and one of the square of the window's sum ([`Bound`]); and the best pair
//! at most the greatest of the rows' with the greatest of the columns'. |Z| does not depend on where time begins: each block is
//! turned to the signal's beginning once, and a window is the sum of four. Windows that this leaves are fitted as those of one
//! stream are, from the same integers and in the same order, so that the bits are the same.
//!
//! A block's cosines are even and its sines odd about its middle: the samples of its halves are added and subtracted first, and
//! multiplied half as often.

use std::sync::LazyLock;

use super::portable::{Block, combine};
#[cfg(target_arch = "x86_64")]
use super::x86::combine_blocks_avx512;
use super::{COLUMNS, Fit, HOP, LANES, Lanes, ROWS, SCALE, Signal, TABLES, Tables, WINDOW, frequency};
use crate::Level;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;

/// Streams that are fitted at once.
pub const MAX_STREAMS: usize = 16;

/// The frequencies, rows first.
const FREQUENCIES: usize = ROWS.len() + COLUMNS.len();
/// Blocks that are turned over at once: those of a window.
const BLOCKS: usize = WINDOW / HOP;
/// As many of them hold a signal.
const MOST_GROUPS: usize = super::MAX_SAMPLES.div_ceil(WINDOW);

/// What a fit must explain to be asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Least {
    /// The part of the window's energy.
    pub part: f32,
    /// So much in any case: a sum of squares of samples of 14 bits.
    pub explained: f32,
}

impl Least {
    /// Whether a fit explains as much.
    #[inline(always)]
    pub fn is_reached_by(&self, fit: &Fit) -> bool {
        fit.explained >= self.part * fit.energy && fit.explained >= self.explained
    }
}

/// Fits the windows of up to [`MAX_STREAMS`] signals, and calls `found` with each fit that explains enough: the number of the
/// signal, that of the window and the fit, which has the bits of [`super::fit`]. The windows of a signal come in order. Answers
/// whether that was done: it is not if the signals have different numbers of windows.
pub fn fit_together(signals: &[&Signal], least: Least, found: &mut dyn FnMut(usize, usize, &Fit)) -> bool {
    fit_together_with(Level::of_this_processor(), signals, least, found)
}

/// As [`fit_together`], with no more than the given instructions, where this processor has them: for tests and measurements.
pub fn fit_together_with(
    level: Level,
    signals: &[&Signal],
    least: Least,
    found: &mut dyn FnMut(usize, usize, &Fit),
) -> bool {
    let blocks = signals.first().map_or(0, |signal| signal.len / HOP);
    if signals.len() > MAX_STREAMS || signals.iter().any(|signal| signal.len / HOP != blocks) {
        return false;
    }
    let tables = (&*TABLES, &*BOUND);
    match level.min(Level::of_this_processor()) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this is not more than `of_this_processor` found, and every processor with VNNI has the rest.
        Level::Avx512Vnni => unsafe { together_avx512vnni(tables, signals, blocks, least, found) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this is not more than `of_this_processor` found, and the levels are in order.
        Level::Avx512 => unsafe { together_avx512(tables, signals, blocks, least, found) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this is not more than `of_this_processor` found, and the levels are in order.
        Level::Avx2 => unsafe { together_avx2(tables, signals, blocks, least, found) },
        _ => together(tables, signals, blocks, least, found),
    }
    true
}

/// What bounds the best pair's part from above.
struct Bound {
    /// What turns each block of a signal to its beginning, so that the squares of sums are the frequencies' shares.
    turn: [[[[f32; 2]; FREQUENCIES]; BLOCKS]; MOST_GROUPS],
    /// What the square of the sum of a window's samples may add.
    constant: f32,
}

static BOUND: LazyLock<Bound> = LazyLock::new(|| Bound::new(&TABLES));

impl Bound {
    /// (a + b)² ≤ (1 + ε) a² + (1 + 1 ÷ ε) b²: ε for the constant beside a frequency, of which each holds little.
    const ASIDE: f64 = 0.05;
    /// The part of the sum of a window's squares, its constant included, by which rounding may deceive: a fit's projections are
    /// off by less than 10 × 2⁻²⁴ of its root, so that what is explained is off by less than 2 × 10⁻⁵, and so is the bound.
    const ROUNDING: f32 = 1e-4;

    fn new(tables: &Tables) -> Self {
        let correlations = |pair: usize| tables.even.0[pair].abs().max(tables.odd.0[pair].abs());
        let is_of = |frequency: usize, pair: usize| match frequency {
            0..4 => pair / 4 == frequency,
            _ => pair % 4 == frequency - 4,
        };
        // What a frequency's two projections may explain beside any other one.
        let excess = |frequency| {
            let of_pairs = (0..LANES).filter(|pair| is_of(frequency, *pair)).map(correlations);
            1.0 / (1.0 - f64::from(of_pairs.fold(0.0, f32::max)))
        };
        let gain = |frequency: usize| {
            let norm = tables.norm.0[frequency].max(tables.norm.0[frequency + FREQUENCIES]);
            f64::from(norm) / SCALE * (excess(frequency) * (1.0 + Self::ASIDE)).sqrt()
        };
        let constant = |frequencies: core::ops::Range<usize>| {
            let of = |frequency| excess(frequency) * f64::from(tables.constant.0[frequency]).powi(2);
            frequencies.map(of).fold(0.0, f64::max)
        };
        let turn = |block: usize, index: usize| {
            let angle = frequency(index) * (block * HOP) as f64;
            [angle.cos(), angle.sin()].map(|part| (part * gain(index)) as f32)
        };
        Bound {
            turn: std::array::from_fn(|group| {
                std::array::from_fn(|place| std::array::from_fn(|index| turn(group * BLOCKS + place, index)))
            }),
            constant: ((constant(0..4) + constant(4..8)) * (1.0 + 1.0 / Self::ASIDE)) as f32,
        }
    }
}

/// What a fit takes of a block of each stream.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Kept<const STREAMS: usize> {
    waves: [[f32; STREAMS]; LANES],
    squares: [i32; STREAMS],
    sums: [i32; STREAMS],
}

impl<const STREAMS: usize> Kept<STREAMS> {
    const NOTHING: Self = Kept { waves: [[0.0; STREAMS]; LANES], squares: [0; STREAMS], sums: [0; STREAMS] };

    #[inline(always)]
    fn of(&self, stream: usize) -> Block {
        let mut waves = Lanes([0.0; LANES]);
        for (place, wave) in waves.0.iter_mut().zip(&self.waves) {
            *place = wave[stream];
        }
        Block { waves, squares: self.squares[stream], sum: self.sums[stream] }
    }
}

/// The kernel for one width: `$wide` has its vectors. What they are made with is called by name: what the compiler does not
/// put in place of a closure or a `map` has not the instructions of its caller.
macro_rules! together {
    ($(#[$attribute:meta])* $name:ident, $wide:ident, $dot:ident, $combine:path) => {
        $(#[$attribute])*
        fn $name(
            (tables, bound): (&Tables, &Bound),
            signals: &[&Signal],
            blocks: usize,
            least: Least,
            found: &mut dyn FnMut(usize, usize, &Fit),
        ) {
            use $wide::{STREAMS, add, all, greater, multiply, multiply_add, multiply_subtract, two};
            for (part, signals) in signals.chunks(STREAMS).enumerate() {
                let present = (1u32 << signals.len()) - 1;
                // Room for the blocks of a window: one is written, the others are looked back at.
                let mut kept = [Kept::<STREAMS>::NOTHING; BLOCKS];
                let mut turned = [[$wide::nothing(); 2]; FREQUENCIES];
                let mut halves = [[[$wide::nothing(); 2]; FREQUENCIES]; 2];
                let mut totals = [[$wide::nothing(); 2]; BLOCKS];
                let mut ends = [[0; WINDOW]; STREAMS];
                for (group, turns) in bound.turn.iter().enumerate().take(blocks.div_ceil(BLOCKS)) {
                    let samples = $wide::transposed(&pieces(signals, group, &mut ends));
                    let blocks = blocks - group * BLOCKS;
                    for (place, (samples, turns)) in
                        samples.as_chunks::<{ HOP / 2 }>().0.iter().zip(turns).enumerate().take(blocks)
                    {
                        let mut even = [two([0, 0]); HOP / 4];
                        let mut odd = even;
                        let mut squares = $wide::none();
                        let mut sums = $wide::none();
                        for pair in 0..HOP / 4 {
                            let (near, far) = (samples[pair], samples[HOP / 2 - 1 - pair]);
                            even[pair] = $wide::sum(near, $wide::swapped(far));
                            odd[pair] = $wide::difference(near, $wide::swapped(far));
                            squares = $wide::$dot($wide::$dot(squares, near, near), far, far);
                            sums = $wide::$dot(sums, even[pair], two([1, 1]));
                        }
                        kept[place].squares = $wide::integers(squares);
                        kept[place].sums = $wide::integers(sums);
                        totals[place] = [$wide::floats(squares), $wide::floats(sums)];
                        let mut shares = [$wide::nothing(); FREQUENCIES];
                        for frequency in 0..FREQUENCIES {
                            let (mut cosines, mut sines) = ($wide::none(), $wide::none());
                            for pair in 0..HOP / 4 {
                                let table = &tables.pairs[pair].0;
                                cosines = $wide::$dot(cosines, even[pair], two(table[frequency]));
                                sines = $wide::$dot(sines, odd[pair], two(table[frequency + FREQUENCIES]));
                            }
                            let (cosines, sines) = ($wide::floats(cosines), $wide::floats(sines));
                            kept[place].waves[frequency] = $wide::lanes(cosines);
                            kept[place].waves[frequency + FREQUENCIES] = $wide::lanes(sines);
                            let [straight, across] = turns[frequency];
                            let (straight, across) = (all(straight), all(across));
                            let re = multiply_subtract(cosines, straight, multiply(sines, across));
                            let im = multiply_add(sines, straight, multiply(cosines, across));
                            // Half a window, and the half before it.
                            let before = turned[frequency];
                            let half = [add(re, before[0]), add(im, before[1])];
                            let earlier = halves[place % 2][frequency];
                            turned[frequency] = [re, im];
                            halves[place % 2][frequency] = half;
                            let re = add(half[0], earlier[0]);
                            let im = add(half[1], earlier[1]);
                            shares[frequency] = multiply_add(re, re, multiply(im, im));
                        }
                        let [a, b, c, d, e, f, g, h] = shares;
                        let row = greater(greater(a, b), greater(c, d));
                        let column = greater(greater(e, f), greater(g, h));
                        let [first, second, third, fourth] = &totals;
                        let squares = add(add(first[0], second[0]), add(third[0], fourth[0]));
                        let sum = add(add(first[1], second[1]), add(third[1], fourth[1]));
                        let sum_squared = multiply(sum, sum);
                        let best = multiply_add(sum_squared, all(bound.constant), add(row, column));
                        let most = multiply_add(squares, all(Bound::ROUNDING), best);
                        let constant = multiply(sum_squared, all(1.0 / WINDOW as f32));
                        let energy = multiply_subtract(squares, all(1.0), constant);
                        let mut likely = $wide::reached(most, multiply(energy, all(least.part)))
                            & $wide::reached(most, all(least.explained))
                            & present;
                        if likely == 0 {
                            // Nearly always.
                            continue;
                        }
                        let Some(window) = (group * BLOCKS + place).checked_sub(BLOCKS - 1) else {
                            continue;
                        };
                        while likely != 0 {
                            let stream = likely.trailing_zeros() as usize % STREAMS;
                            likely &= likely - 1;
                            let block = |back: usize| kept[(place + BLOCKS - back) % BLOCKS].of(stream);
                            let fit = $combine(tables, [&block(3), &block(2), &block(1), &block(0)]);
                            if least.is_reached_by(&fit) {
                                found(part * STREAMS + stream, window, &fit);
                            }
                        }
                    }
                }
            }
        }
    };
}

together!(together, plain, dot, combine);
#[cfg(target_arch = "x86_64")]
together!(
    #[target_feature(enable = "avx2")]
    together_avx2,
    avx2,
    dot,
    combine
);
#[cfg(target_arch = "x86_64")]
together!(
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
    together_avx512,
    avx512,
    dot,
    combine_blocks_avx512
);
#[cfg(target_arch = "x86_64")]
together!(
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,avx512vnni")]
    together_avx512vnni,
    avx512,
    dot_vnni,
    combine_blocks_avx512
);

/// The samples of each stream that fill a window, or what there is of them with zeros behind, for which `ends` has room.
#[inline(always)]
fn pieces<'a, const STREAMS: usize>(
    signals: &[&'a Signal],
    group: usize,
    ends: &'a mut [[i16; WINDOW]; STREAMS],
) -> [&'a [i16; WINDOW]; STREAMS] {
    const ABSENT: &[i16; WINDOW] = &[0; WINDOW];
    let mut pieces = [ABSENT; STREAMS];
    for ((piece, end), signal) in pieces.iter_mut().zip(ends).zip(signals) {
        let rest = signal.samples().get(group * WINDOW..).unwrap_or_default();
        *piece = match (rest.first_chunk(), end.get_mut(..rest.len())) {
            (Some(samples), _) => samples,
            (None, Some(places)) => {
                places.copy_from_slice(rest);
                end
            }
            (None, None) => end,
        };
    }
    pieces
}
