//! From 16 kHz to 8 kHz, for G.722 and wideband L16.

use zeroize::Zeroize;

/// Every other coefficient of a half-band filter on one side of its middle, ×2¹⁵: a windowed sinc (Hamming) of 31, flat within
/// 0.1 dB to 3 kHz, 27 dB down at 4.6 kHz and 50 dB from 5 kHz on: what folds lies above every key's frequency. The ones between are zero, the middle one is a half.
const SIDE: [i32; 8] = [10361, -3199, 1639, -911, 494, -246, 111, -57];
/// Samples that the filter looks back.
const REACH: usize = 30;

/// Halves the rate of one stream. Of fixed size, without heap; what it gives is 15 samples late.
#[derive(Debug, Default)]
pub struct Halver {
    last: [i16; REACH],
    /// Whether the next sample is one that a result is centred on.
    is_odd: bool,
}

impl Halver {
    /// A stream of which nothing was heard.
    pub fn new() -> Self {
        Halver::default()
    }

    /// Writes the samples at 8 kHz that `samples`, at 16 kHz, make possible, as many as there is room for, and answers those.
    pub fn halve<'a>(&mut self, samples: &[i16], halved: &'a mut [i16]) -> &'a [i16] {
        let mut count = 0;
        for sample in samples {
            let mut window = [0; REACH + 1];
            window[..REACH].copy_from_slice(&self.last);
            window[REACH] = *sample;
            self.last.copy_from_slice(&window[1..]);
            self.is_odd = !self.is_odd;
            if let (true, Some(place)) = (self.is_odd, halved.get_mut(count)) {
                *place = filter(&window);
                count += 1;
            }
        }
        halved.get(..count).unwrap_or_default()
    }
}

fn filter(window: &[i16; REACH + 1]) -> i16 {
    const MIDDLE: usize = REACH / 2;
    let sides = SIDE.iter().enumerate().map(|(number, coefficient)| {
        let away = 2 * number + 1;
        coefficient * (i32::from(window[MIDDLE - away]) + i32::from(window[MIDDLE + away]))
    });
    let sum: i32 = (i32::from(window[MIDDLE]) << 14) + sides.sum::<i32>();
    ((sum + (1 << 14)) >> 15).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

impl Drop for Halver {
    fn drop(&mut self) {
        self.last.zeroize();
    }
}
