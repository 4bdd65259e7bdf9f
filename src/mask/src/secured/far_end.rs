//! G.722: the state of the agent's decoder, which nothing may upset.
//!
//! The codec's quantisers adapt to what went before, so codes that are replaced leave the agent's decoder in another state
//! than the caller's encoder, and the codes after them sound wrong to it. From the first replaced sample on everything is
//! encoded anew, beginning with the state that the agent's decoder has then; and so on until what was replaced is long enough
//! ago that both states have met again.

use zeroize::Zeroize;

use super::cells::{Cells, Fill};
use crate::g722::{Decoder, Encoder};
use crate::synthesis::Tone;

/// Codes that are done at once.
const PIECE: usize = 320;
/// Samples at 8 kHz after the last that was replaced, until both states have met: they need 250 ms.
const MEET: u32 = 4000;

/// What the agent's decoder has heard, and what it would have heard.
#[derive(Debug, Default)]
pub(super) struct FarEnd {
    /// Of what came.
    decoder: Decoder,
    /// Of what left.
    encoder: Encoder,
    /// Samples to go until both are the same; none: what came is what leaves.
    apart: u32,
}

impl FarEnd {
    /// Whether the agent's decoder is in another state than the caller's encoder.
    pub(super) fn is_apart(&self) -> bool {
        self.apart > 0
    }

    /// What leaves meanwhile is not known here.
    pub(super) fn lose(&mut self) {
        if self.is_apart() {
            self.apart = MEET;
        }
    }

    /// Writes the codes that leave in place of those that came: with the cells replaced by the tone, or by silence where there
    /// is none. Whether they are others.
    pub(super) fn replace(&mut self, codes: &mut [u8], cells: Cells, tone: Option<&Tone>, from: u32) -> bool {
        if !cells.is_empty() {
            self.apart = MEET;
        }
        let is_apart = self.is_apart();
        let length = codes.len();
        let mut samples = [0i16; 2 * PIECE];
        for (number, codes) in codes.chunks_mut(PIECE).enumerate() {
            let count = self.decoder.decode(codes, &mut samples).len();
            let Some(samples) = samples.get_mut(..count) else { continue };
            if !is_apart {
                self.encoder.follow(codes, samples);
                continue;
            }
            let begin = number * PIECE;
            for (range, fill) in cells.stretches(length) {
                let start = range.start.max(begin);
                let end = range.end.min(begin + codes.len());
                let Some(part) =
                    (start < end).then(|| samples.get_mut(2 * (start - begin)..2 * (end - begin))).flatten()
                else {
                    continue;
                };
                match (fill, tone) {
                    (Fill::Tone, Some(tone)) => {
                        let wide = tone.wide(from.wrapping_add(start as u32));
                        part.iter_mut().zip(wide).for_each(|(to, sample)| *to = sample);
                    }
                    _ => part.fill(0),
                }
            }
            self.encoder.encode(samples, codes);
        }
        samples.zeroize();
        if cells.is_empty() {
            self.apart = self.apart.saturating_sub(length as u32);
        }
        is_apart
    }
}
