//! Which parts of a packet's audio are replaced: cells of 5 ms, counted from its beginning. A tone is masked in pairs of
//! them, so that where it began and ended is told to 10 ms and no closer.

use core::ops::Range;

/// Samples of a cell, at 8 kHz.
pub(crate) const CELL: u64 = 40;

/// What a cell leaves as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fill {
    /// As it came.
    Original,
    /// The mask key's tone.
    Tone,
    /// Silence.
    Silence,
}

/// The cells of one packet that are replaced; tones go before silence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cells {
    tone: u64,
    silence: u64,
    /// Whatever else is said, all is silent.
    mute: bool,
}

impl Cells {
    /// Replaces the samples `range` of the packet by the tone, in pairs of cells.
    pub(crate) fn sound(&mut self, range: Range<u64>) {
        self.tone |= bits((range.start / CELL) & !1, range.end.div_ceil(CELL).next_multiple_of(2));
    }

    /// Replaces the samples `range` by silence.
    pub(crate) fn silence(&mut self, range: Range<u64>) {
        self.silence |= bits(range.start / CELL, range.end.div_ceil(CELL));
    }

    /// Silences all of it.
    pub(crate) fn mute(&mut self) {
        self.mute = true;
    }

    /// Whether any of the tone is in it.
    pub(crate) fn has_tone(self) -> bool {
        self.tone != 0
    }

    /// Whether nothing is replaced.
    pub(crate) fn is_empty(self) -> bool {
        self.tone | self.silence == 0 && !self.mute
    }

    /// What becomes of `samples` samples: stretches in order, none of the original ones.
    pub(crate) fn stretches(self, samples: usize) -> impl Iterator<Item = (Range<usize>, Fill)> {
        let mut at = 0;
        core::iter::from_fn(move || {
            while at < samples {
                let fill = self.fill(at);
                let start = at;
                while at < samples && self.fill(at) == fill {
                    at = (at / CELL as usize + 1) * CELL as usize;
                }
                if fill != Fill::Original {
                    return Some((start..at.min(samples), fill));
                }
            }
            None
        })
    }

    fn fill(self, sample: usize) -> Fill {
        let cell = sample as u64 / CELL;
        match () {
            () if self.mute => Fill::Silence,
            () if self.tone & bits(cell, cell + 1) != 0 => Fill::Tone,
            () if self.silence & bits(cell, cell + 1) != 0 => Fill::Silence,
            () => Fill::Original,
        }
    }
}

/// Bits from one on up to another one, which is not set; those that do not fit are cut off.
fn bits(from: u64, to: u64) -> u64 {
    let below = |bit: u64| if bit >= 64 { u64::MAX } else { (1 << bit) - 1 };
    below(to) & !below(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_lie_on_a_grid_of_ten_milliseconds_and_go_before_silence() {
        let mut cells = Cells::default();
        assert!(cells.is_empty());
        cells.silence(81..160);
        cells.sound(100..101);
        let stretches: Vec<_> = cells.stretches(250).collect();
        assert_eq!(stretches, [(80..160, Fill::Tone)]);
        cells.silence(230..2560);
        let stretches: Vec<_> = cells.stretches(250).collect();
        assert_eq!(stretches, [(80..160, Fill::Tone), (200..250, Fill::Silence)]);
        cells.mute();
        assert_eq!(cells.stretches(10).collect::<Vec<_>>(), [(0..10, Fill::Silence)]);
    }

    #[test]
    fn the_last_cell_of_the_longest_packet_can_be_replaced() {
        let mut cells = Cells::default();
        cells.silence(2559..4000);
        assert_eq!(cells.stretches(2560).collect::<Vec<_>>(), [(2520..2560, Fill::Silence)]);
        cells.sound(0..4000);
        assert_eq!(cells.stretches(2560).collect::<Vec<_>>(), [(0..2560, Fill::Tone)]);
    }
}
