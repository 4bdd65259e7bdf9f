//! Hears the tones in a stream's payloads, whatever its codec.

use zeroize::Zeroize;

use super::codec::Codec;
use crate::g722;
use crate::tones::{Audio, Detector, Halver, Heard, Suspects, Vigilance};

/// Samples at 16 kHz that are heard at once.
const PIECE: usize = 640;

/// A detector, and what brings each codec to its rate.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    detector: Detector,
    halver: Halver,
    decoder: g722::Decoder,
}

impl Ear {
    /// What hears 8 kHz, for whoever brings that.
    pub(crate) fn detector(&mut self) -> &mut Detector {
        &mut self.detector
    }

    /// The position of the next sample, in samples at 8 kHz since the stream began.
    pub(crate) fn position(&self) -> u64 {
        self.detector.position()
    }

    /// As [`Detector::skip`].
    pub(crate) fn skip(&mut self, samples: u64, heard: &mut dyn FnMut(Heard)) {
        self.detector.skip(samples, heard);
    }

    /// The stream goes on in another codec.
    pub(crate) fn change(&mut self) {
        self.halver = Halver::new();
        self.decoder = g722::Decoder::new();
    }

    /// Hears the next payload. What may be a tone in it, and before it, goes to `suspected`, piece by piece.
    pub(crate) fn listen(
        &mut self,
        codec: Codec,
        payload: &[u8],
        vigilance: Vigilance,
        heard: &mut dyn FnMut(Heard),
        suspected: &mut dyn FnMut(Suspects),
    ) {
        match codec {
            Codec::Ulaw => {
                for piece in payload.chunks(PIECE) {
                    suspected(self.detector.listen(Audio::Ulaw(piece), vigilance, heard));
                }
            }
            Codec::Alaw => {
                for piece in payload.chunks(PIECE) {
                    suspected(self.detector.listen(Audio::Alaw(piece), vigilance, heard));
                }
            }
            Codec::Linear8 | Codec::Linear16 | Codec::G722 => {
                // As long as two samples at 16 kHz are.
                for piece in payload.chunks(PIECE / 2 * codec.width()) {
                    self.listen_linear(codec, piece, vigilance, heard, suspected);
                }
            }
        }
    }

    /// A piece of what is linear, or becomes it.
    fn listen_linear(
        &mut self,
        codec: Codec,
        piece: &[u8],
        vigilance: Vigilance,
        heard: &mut dyn FnMut(Heard),
        suspected: &mut dyn FnMut(Suspects),
    ) {
        let mut samples = [0i16; PIECE];
        let mut halved = [0i16; PIECE / 2];
        let audio = match codec {
            Codec::G722 => self.halver.halve(self.decoder.decode(piece, &mut samples), &mut halved),
            Codec::Linear16 => self.halver.halve(linear(piece, &mut samples), &mut halved),
            Codec::Linear8 | Codec::Ulaw | Codec::Alaw => linear(piece, &mut samples),
        };
        suspected(self.detector.listen(Audio::Linear(audio), vigilance, heard));
        samples.zeroize();
        halved.zeroize();
    }
}

/// Linear samples out of their bytes, as many as there is room for.
pub(crate) fn linear<'a>(bytes: &[u8], samples: &'a mut [i16]) -> &'a [i16] {
    let (pairs, _) = bytes.as_chunks::<2>();
    let count = pairs.len().min(samples.len());
    for (sample, pair) in samples.iter_mut().zip(pairs) {
        *sample = i16::from_be_bytes(*pair);
    }
    samples.get(..count).unwrap_or_default()
}
