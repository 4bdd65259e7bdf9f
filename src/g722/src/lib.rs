//! Wideband audio (ITU-T G.722 at 64 kbit/s, mode 1): a codeword of 8 bits for two linear samples of 16 bits at 16 kHz.
//!
//! What is coded is what two predictors did not foresee, and they learn from every codeword. So codewords cannot be replaced
//! one by one: whoever sets in within a stream must stand where the far decoder stands ([`Encoder::follow`]).
//!
//! | file | does |
//! |---|---|
//! | `qmf.rs` | a lower and a higher band, and back: the quadrature mirror filters |
//! | `bands.rs` | both bands, between samples and codewords |
//! | `predictor.rs` | one band: what is foreseen, and how the step adapts |
//! | `tables.rs` | the numbers of the recommendation |
//!
//! Fixed point throughout, bit for bit as section 6.2 of the recommendation has it; [`DELAY`] tells what the filters cost.
#![forbid(unsafe_code)]

mod bands;
mod predictor;
mod qmf;
mod tables;
#[cfg(test)]
mod tests;

use bands::Bands;
use qmf::Qmf;

/// By how many samples (at 16 kHz) what is decoded is later than what was encoded: 1.4 ms, half of it in each filter.
pub const DELAY: usize = 22;

/// From codewords to samples, one stream. Of fixed size, without heap; what it remembers of the audio is wiped on drop.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bands: Bands,
    qmf: Qmf,
}

impl Decoder {
    /// A decoder that has heard nothing.
    pub fn new() -> Self {
        Decoder::default()
    }

    /// Writes two samples at 16 kHz for each codeword and answers those. Codewords for which there is no room are not heard.
    pub fn decode<'a>(&mut self, codes: &[u8], samples: &'a mut [i16]) -> &'a [i16] {
        let mut count = 0;
        for (code, pair) in codes.iter().zip(samples.as_chunks_mut().0) {
            *pair = self.qmf.join(self.bands.decode(*code));
            count += pair.len();
        }
        samples.get(..count).unwrap_or_default()
    }
}

/// From samples to codewords, one stream. Of fixed size, without heap; what it remembers of the audio is wiped on drop.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    bands: Bands,
    qmf: Qmf,
}

impl Encoder {
    /// An encoder whose decoder has heard nothing.
    pub fn new() -> Self {
        Encoder::default()
    }

    /// Writes a codeword for each two samples at 16 kHz and answers those. A last sample without a second one is not heard,
    /// nor are those for which there is no room.
    pub fn encode<'a>(&mut self, samples: &[i16], codes: &'a mut [u8]) -> &'a [u8] {
        let mut count = 0;
        for (pair, code) in samples.as_chunks().0.iter().zip(codes.iter_mut()) {
            *code = self.bands.encode(self.qmf.split(*pair));
            count += 1;
        }
        codes.get(..count).unwrap_or_default()
    }

    /// Others' codewords went to the far decoder, and these are the samples, two a codeword, that they stand for: what is
    /// encoded next continues both. With samples from a [`Decoder`], which are [`DELAY`] late, the far end hears that many
    /// samples twice where the encoder sets in; with the ones that were once encoded, it hears no seam.
    ///
    /// The way back is not as smooth: the sender does not know what was heard in between. Encode its own audio for 50 ms
    /// before its codewords leave again as they come, or the far decoder may take them for something far louder.
    pub fn follow(&mut self, codes: &[u8], samples: &[i16]) {
        for code in codes {
            self.bands.follow(*code);
        }
        self.qmf.follow(samples.as_chunks().0);
    }
}
