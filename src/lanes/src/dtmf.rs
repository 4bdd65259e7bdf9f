//! The sixteen pairs of DTMF frequencies (ITU-T Q.23), fitted to overlapping windows of a signal.
//!
//! A window is 80 samples at 8 kHz, a new one begins every 20. For each window the pair is found that explains most of its
//! energy by an exact least-squares fit of two sinusoids of any amplitude and phase, beside a constant. Time runs from the
//! window's middle, so that the cosines (even) and sines (odd) are orthogonal and a fit of four unknowns is two of two.
//!
//! Each sample is multiplied once: blocks of 20 samples are correlated with the eight frequencies about their own middle,
//! and four of them are turned and added to a window. The sixteen lanes of a vector are the cosines and sines of the eight
//! frequencies, then the sixteen pairs; so one stream fills a vector, and streams need not be gathered and transposed. Where
//! there are many streams at once and few of their windows matter, one stream a lane is sooner done: [`fit_together`].

use std::f64::consts::TAU;
use std::mem::MaybeUninit;
use std::sync::LazyLock;

use crate::Level;
use crate::g711;

mod portable;
mod together;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use together::{Least, MAX_STREAMS, fit_together, fit_together_with};

/// Samples a second.
pub const RATE: u32 = 8000;
/// Samples from one window to the next.
pub const HOP: usize = 20;
/// Samples in a window.
pub const WINDOW: usize = 80;
/// Samples of a window that the next one holds too.
pub const OVERLAP: usize = WINDOW - HOP;
/// Windows that are fitted at once: 60 ms.
pub const MAX_FITS: usize = 24;
/// Samples that a [`Signal`] holds.
pub const MAX_SAMPLES: usize = OVERLAP + MAX_FITS * HOP;
/// The low group of frequencies, which are the rows of the keys, in Hz (Q.23 section 2).
pub const ROWS: [u16; 4] = [697, 770, 852, 941];
/// The high group, which are the columns.
pub const COLUMNS: [u16; 4] = [1209, 1336, 1477, 1633];

/// Lanes of a vector: cosines of the four rows and four columns, then their sines; or the pairs, row by row.
const LANES: usize = 16;
/// The amplitude of the integer cosines: 20 products with samples of 14 bits stay below 2³¹.
const SCALE: f64 = 8191.0;

/// One lane a frequency and phase, or a pair.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(transparent)]
pub(crate) struct Lanes<T>([T; LANES]);

/// Samples to be fitted, at 8 kHz and of 14 bits: linear samples lose their lowest two, µ-law and A-law nothing.
#[derive(Debug)]
pub struct Signal {
    /// So many of the samples are there.
    len: usize,
    samples: [MaybeUninit<i16>; MAX_SAMPLES],
}

impl Default for Signal {
    fn default() -> Self {
        Signal::new()
    }
}

impl Signal {
    /// No sample.
    #[inline(always)]
    pub fn new() -> Self {
        Signal { len: 0, samples: [const { MaybeUninit::uninit() }; MAX_SAMPLES] }
    }

    /// A signal that begins with samples of another one.
    pub fn starting_with(samples: &[i16]) -> Self {
        let mut signal = Signal::new();
        signal.restart_with(samples);
        signal
    }

    /// As [`Signal::starting_with`], in place: a signal is a kilobyte.
    pub fn restart_with(&mut self, samples: &[i16]) {
        self.len = 0;
        self.push(samples, |samples, places| {
            for (place, sample) in places.iter_mut().zip(samples) {
                // Nothing else keeps sums of twenty products within 32 bits.
                place.write((*sample).clamp(-8192, 8191));
            }
        });
    }

    /// Appends linear samples of 16 bits, as many as there is room for, and says how many that were.
    pub fn push_linear(&mut self, samples: &[i16]) -> usize {
        self.push(samples, |samples, places| {
            for (place, sample) in places.iter_mut().zip(samples) {
                place.write(sample >> 2);
            }
        })
    }

    /// As [`Signal::push_linear`], µ-law.
    pub fn push_ulaw(&mut self, codes: &[u8]) -> usize {
        self.push(codes, |codes, places| {
            decode(codes, places, &g711::ULAW, g711::ulaw_of_14_bits);
        })
    }

    /// As [`Signal::push_linear`], A-law.
    pub fn push_alaw(&mut self, codes: &[u8]) -> usize {
        self.push(codes, |codes, places| {
            decode(codes, places, &g711::ALAW, g711::alaw_of_14_bits);
        })
    }

    /// `write` must write as many places as it is given of each.
    #[inline(always)]
    fn push<T>(&mut self, items: &[T], write: impl FnOnce(&[T], &mut [MaybeUninit<i16>])) -> usize {
        let places = self.samples.get_mut(self.len..).unwrap_or_default();
        let count = places.len().min(items.len());
        if let (Some(items), Some(places)) = (items.get(..count), places.get_mut(..count)) {
            write(items, places);
            self.len += count;
        }
        count
    }

    /// The samples.
    #[inline]
    pub fn samples(&self) -> &[i16] {
        let samples = self.samples.get(..self.len).unwrap_or_default();
        // SAFETY: `push` alone raises `len`, by as many places as its callers have just written.
        unsafe { samples.assume_init_ref() }
    }

    /// How many windows it holds.
    pub fn windows(&self) -> usize {
        (self.len / HOP).saturating_sub(OVERLAP / HOP)
    }
}

/// Decodes by vectors where the processor has them for it, else by the table.
#[inline]
fn decode(codes: &[u8], samples: &mut [MaybeUninit<i16>], table: &[i16; 256], of: impl Fn(u8) -> i16) {
    #[cfg(target_arch = "x86_64")]
    match Level::of_this_processor() {
        // SAFETY: the processor has what the level says.
        Level::Avx512 | Level::Avx512Vnni => return unsafe { x86::decode_avx512(codes, samples, of) },
        // SAFETY: the processor has what the level says.
        Level::Avx2 => return unsafe { x86::decode_avx2(codes, samples, of) },
        Level::Sse2 | Level::Portable => {}
    }
    let _ = of;
    for (sample, code) in samples.iter_mut().zip(codes) {
        sample.write(table[usize::from(*code)] >> 2);
    }
}

/// The fits of a signal's windows, in order.
#[derive(Debug)]
pub struct Fits {
    /// So many of the fits are there.
    len: usize,
    fits: [MaybeUninit<Fit>; MAX_FITS],
}

impl Default for Fits {
    fn default() -> Self {
        Fits::new()
    }
}

impl Fits {
    /// None.
    #[inline]
    pub fn new() -> Self {
        Fits { len: 0, fits: [const { MaybeUninit::uninit() }; MAX_FITS] }
    }

    #[inline(always)]
    fn push(&mut self, fit: Fit) {
        if let Some(place) = self.fits.get_mut(self.len) {
            place.write(fit);
            self.len += 1;
        }
    }

    /// The fits.
    #[inline]
    pub fn as_slice(&self) -> &[Fit] {
        let fits = self.fits.get(..self.len).unwrap_or_default();
        // SAFETY: `push` alone changes `len`, by the one place that it has just written; `fit_with` sets it to none.
        unsafe { fits.assume_init_ref() }
    }
}

/// How well the best pair of frequencies explains a window. Levels are those of samples of 14 bits.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(C, align(64))]
pub struct Fit {
    /// Projections onto the normalised cosines of [`ROWS`] and [`COLUMNS`], then onto their sines.
    projections: Lanes<f32>,
    /// The energy of the window, a constant aside: a sum of squares.
    pub energy: f32,
    /// What the best pair explains of it; at most all.
    pub explained: f32,
    /// The best pair: four times the row and the column.
    pub pair: u8,
}

/// A sinusoid in a window: `re` and `im` of its amplitude and phase in the window's middle.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Phasor {
    /// The cosine's amplitude.
    pub re: f32,
    /// The sine's, negated.
    pub im: f32,
}

impl Phasor {
    /// The square of the amplitude.
    pub fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }
}

impl Fit {
    /// The row's and the column's sinusoids of the best pair, as the fit has them.
    pub fn tones(&self) -> [Phasor; 2] {
        let tables = &*TABLES;
        let pair = usize::from(self.pair & 15);
        let (row, column) = (pair / 4, 4 + pair % 4);
        let [even, odd] = [0, 8].map(|half| {
            let [correlation, scale] = match half {
                0 => [tables.even.0[pair], tables.even_scale.0[pair]],
                _ => [tables.odd.0[pair], tables.odd_scale.0[pair]],
            };
            let (of_row, of_column) = (half + row, half + column);
            let (along_row, along_column) = (self.projections.0[of_row], self.projections.0[of_column]);
            [
                (along_row - correlation * along_column) * scale * tables.norm.0[of_row],
                (along_column - correlation * along_row) * scale * tables.norm.0[of_column],
            ]
        });
        [Phasor { re: even[0], im: -odd[0] }, Phasor { re: even[1], im: -odd[1] }]
    }
}

/// By how much a pair's tones have turned from one window to the next beyond what their nominal frequencies turn: products
/// of their lengths, at the angles (in radians a hop) by which the frequencies are off. See [`radians_a_hop`].
pub fn turned(pair: u8, from: [Phasor; 2], to: [Phasor; 2]) -> [Phasor; 2] {
    let [row, column] = [usize::from(pair / 4) & 3, 4 + usize::from(pair % 4)];
    let turn = |nominal: Phasor, from: Phasor, to: Phasor| {
        let turned = Phasor { re: to.re * from.re + to.im * from.im, im: to.im * from.re - to.re * from.im };
        Phasor {
            re: turned.re * nominal.re + turned.im * nominal.im,
            im: turned.im * nominal.re - turned.re * nominal.im,
        }
    };
    let nominal = &TABLES.hop;
    [turn(nominal[row], from[0], to[0]), turn(nominal[column], from[1], to[1])]
}

/// The nominal frequencies of a pair, in radians from one window to the next.
pub fn radians_a_hop(pair: u8) -> [f32; 2] {
    let [row, column] = [usize::from(pair / 4) & 3, usize::from(pair % 4)];
    [ROWS[row], COLUMNS[column]]
        .map(|hertz| core::f32::consts::TAU * f32::from(hertz) * HOP as f32 / RATE as f32)
}

/// Fits every window of a signal. The fit number `k` is of the window that begins at sample 20 × k.
pub fn fit(signal: &Signal, fits: &mut Fits) {
    fit_with(Level::of_this_processor(), signal, fits);
}

/// As [`fit`], with no more than the given instructions, where this processor has them: for tests and measurements.
pub fn fit_with(level: Level, signal: &Signal, fits: &mut Fits) {
    fits.len = 0;
    let tables = &*TABLES;
    match level.min(Level::of_this_processor()) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this is not more than `of_this_processor` found, and every processor with VNNI has the rest.
        Level::Avx512Vnni => unsafe { x86::fit_avx512vnni(tables, signal, fits) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this is not more than `of_this_processor` found, and the levels are in order.
        Level::Avx512 => unsafe { x86::fit_avx512(tables, signal, fits) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this is not more than `of_this_processor` found, and the levels are in order.
        Level::Avx2 => unsafe { x86::fit_avx2(tables, signal, fits) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 processor has SSE2.
        Level::Sse2 => unsafe { x86::fit_sse2(tables, signal, fits) },
        _ => portable::fit(tables, signal, fits),
    }
}

/// What the kernels multiply with, each vector in one line of the cache.
#[repr(C, align(64))]
pub(crate) struct Tables {
    /// Two samples' cosines and sines beside each other in each lane; ten times two samples are a block.
    pairs: [Lanes<[i16; 2]>; HOP / 2],
    /// What turns the outer blocks of a window to its middle, and normalises.
    outer_straight: Lanes<f32>,
    outer_across: Lanes<f32>,
    /// The inner blocks'.
    inner_straight: Lanes<f32>,
    inner_across: Lanes<f32>,
    /// What a sample that is always one adds to the normalised projections, divided by the window's length.
    constant: Lanes<f32>,
    /// One over the length of each cosine and sine.
    norm: Lanes<f32>,
    /// For each pair, the correlation of the normalised cosines, and one over one less its square.
    even: Lanes<f32>,
    even_scale: Lanes<f32>,
    /// The same of the sines.
    odd: Lanes<f32>,
    odd_scale: Lanes<f32>,
    /// How the eight frequencies turn from one window to the next.
    hop: [Phasor; 8],
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

/// The eight frequencies in radians a sample.
fn frequency(index: usize) -> f64 {
    let hertz = if index < 4 { ROWS[index] } else { COLUMNS[index - 4] };
    TAU * f64::from(hertz) / f64::from(RATE)
}

/// The cosine (lanes below 8) or sine, `at` samples from the middle.
fn wave(lane: usize, at: f64) -> f64 {
    let angle = frequency(lane % 8) * at;
    if lane < 8 { angle.cos() } else { angle.sin() }
}

fn lanes<T>(of: impl FnMut(usize) -> T) -> Lanes<T> {
    Lanes(std::array::from_fn(of))
}

impl Tables {
    fn new() -> Self {
        let middle = |length: usize| (length as f64 - 1.0) / 2.0;
        let integer = |lane, at: usize| (SCALE * wave(lane, at as f64 - middle(HOP))).round() as i16;
        let over_window =
            |of: &dyn Fn(f64) -> f64| (0..WINDOW).map(|at| of(at as f64 - middle(WINDOW))).sum();
        let mean = |lane| over_window(&|at| wave(lane, at)) / WINDOW as f64;
        // Waves without their constant part; that of a sine is zero.
        let product = |one, other| -> f64 {
            over_window(&|at| (wave(one, at) - mean(one)) * (wave(other, at) - mean(other)))
        };
        let norm = |lane| product(lane, lane).sqrt().recip();
        let turn = |straight: bool, distance: f64| {
            lanes(|lane| {
                let angle = frequency(lane % 8) * distance;
                let part = if straight { angle.cos() } else { angle.sin() };
                // cos(a + b) takes the sines with one sign, sin(a + b) the cosines with the other.
                let sign = if straight || lane < 8 { 1.0 } else { -1.0 };
                (sign * part * norm(lane) / SCALE) as f32
            })
        };
        let correlation = |half: usize, pair: usize| {
            let (row, column) = (half + pair / 4, half + 4 + pair % 4);
            product(row, column) * norm(row) * norm(column)
        };
        let scale = |half, pair| (1.0 - correlation(half, pair).powi(2)).recip() as f32;
        let far = (3 * HOP / 2) as f64;
        let near = (HOP / 2) as f64;
        Tables {
            pairs: std::array::from_fn(|pair| lanes(|lane| [0, 1].map(|odd| integer(lane, 2 * pair + odd)))),
            outer_straight: turn(true, far),
            outer_across: turn(false, far),
            inner_straight: turn(true, near),
            inner_across: turn(false, near),
            constant: lanes(|lane| if lane < 8 { (mean(lane) * norm(lane)) as f32 } else { 0.0 }),
            norm: lanes(|lane| norm(lane) as f32),
            even: lanes(|pair| correlation(0, pair) as f32),
            even_scale: lanes(|pair| scale(0, pair)),
            odd: lanes(|pair| correlation(8, pair) as f32),
            odd_scale: lanes(|pair| scale(8, pair)),
            hop: std::array::from_fn(|index| {
                let angle = frequency(index) * HOP as f64;
                Phasor { re: angle.cos() as f32, im: angle.sin() as f32 }
            }),
        }
    }
}

/// The energy of a window less that of its mean, from the sums of its blocks: exact until it is rounded.
#[inline(always)]
fn energy(squares: i64, sum: i64) -> f32 {
    (WINDOW as i64 * squares - sum * sum) as f32 * (1.0 / WINDOW as f32)
}
