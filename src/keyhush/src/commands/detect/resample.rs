//! From any rate down to 8 kHz: a windowed sinc, one set of coefficients for each place between two samples.

use std::f64::consts::PI;

/// The rate that tones are heard at, in Hz.
pub(crate) const RATE: u32 = 8000;
/// Where the filter begins to cut off, in Hz: above every key, below half of [`RATE`].
const CUT: f64 = 3600.0;
/// Half the filter's length, in seconds.
const REACH: f64 = 0.003;

/// Makes 8 kHz of one channel.
#[derive(Debug)]
pub(crate) struct Resampler {
    rate: u32,
    /// What a block needs of the one before it.
    kept: Vec<f32>,
    /// The filter's coefficients for each place between two samples.
    phases: Vec<Vec<f32>>,
    /// Where the next sample lies, in input samples from the first that is kept: whole ones, and parts of them.
    whole: usize,
    part: usize,
}

impl Resampler {
    /// For a recording of `rate` Hz, at least 8 kHz.
    pub(crate) fn new(rate: u32) -> Self {
        let divisor = greatest_common_divisor(rate, RATE);
        let half = (REACH * f64::from(rate)) as usize;
        let count = (RATE / divisor) as usize;
        let phases = (0..count).map(|phase| coefficients(rate, half, phase as f64 / count as f64)).collect();
        // The filter looks as far back as it looks ahead; before the recording there is silence.
        Resampler { rate, kept: vec![0.0; half], phases, whole: 0, part: 0 }
    }

    /// The rate of what comes in, in Hz.
    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// The next samples, of 16 bits. What lies within the filter's reach of the end waits for the next block.
    pub(crate) fn resample(&mut self, block: &[f32]) -> Vec<i16> {
        if self.rate == RATE {
            return block.iter().copied().map(to_16_bits).collect();
        }
        self.kept.extend_from_slice(block);
        // In parts of an input sample, the next output lies this much on.
        let step = self.rate as usize * self.phases.len() / RATE as usize;
        let mut samples = Vec::with_capacity(block.len() * RATE as usize / self.rate as usize + 1);
        while let Some((phase, window)) = self
            .phases
            .get(self.part)
            .and_then(|phase| Some((phase, self.kept.get(self.whole..self.whole + phase.len())?)))
        {
            let sum: f32 = phase.iter().zip(window).map(|(one, other)| one * other).sum();
            samples.push(to_16_bits(sum));
            let part = self.part + step;
            self.whole += part / self.phases.len();
            self.part = part % self.phases.len();
        }
        let done = self.whole.min(self.kept.len());
        self.kept.drain(..done);
        self.whole -= done;
        samples
    }
}

fn to_16_bits(sample: f32) -> i16 {
    // A conversion saturates.
    (sample * 32768.0).round() as i16
}

/// A sinc under a Blackman window, `part` of a sample late, that leaves a constant as it is.
fn coefficients(rate: u32, half: usize, part: f64) -> Vec<f32> {
    let cut = 2.0 * CUT / f64::from(rate);
    let reach = half as f64 + 1.0;
    let of = |at: usize| {
        let away = at as f64 - half as f64 - part;
        let sinc = if away == 0.0 { cut } else { (PI * cut * away).sin() / (PI * away) };
        let angle = PI * away / reach;
        sinc * (0.42 + 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos())
    };
    let coefficients: Vec<f64> = (0..2 * half + 2).map(of).collect();
    let sum: f64 = coefficients.iter().sum();
    coefficients.into_iter().map(|one| (one / sum) as f32).collect()
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}
