//! Keys as tones in audio.
//!
//! One fit of the pairs of frequencies to overlapping windows ([`lanes::dtmf`]) serves two uses. *Capture* decides which key
//! was pressed, as a receiver by ITU-T Q.24 does. *Masking* decides that something may be a tone: early and generously, since
//! a millisecond of a tone that leaves names the key.
//!
//! | file | does |
//! |---|---|
//! | `limits.rs` | what is asked of a window and of a press |
//! | `window.rs` | one window against the limits |
//! | `capture.rs` | from windows to presses |
//! | `masking.rs` | from windows to stretches that may hold a tone |
//! | `together.rs` | many streams at once |
//! | `wideband.rs` | from 16 kHz to 8 kHz |

use lanes::dtmf::{Fits, HOP, MAX_FITS, Signal, WINDOW};
use secret::Digit;
use zeroize::Zeroize;

mod capture;
mod limits;
mod masking;
mod together;
mod wideband;
mod window;

use capture::Capture;
pub use limits::Vigilance;
pub use masking::Suspects;
use masking::Suspicion;
pub use together::listen_together;
pub use wideband::Halver;
use window::Likeness;

/// Samples that wait for a window: less than a whole one.
const MOST_HELD: usize = WINDOW - 1;
/// Samples that are taken at once.
const CHUNK: usize = MAX_FITS * HOP - HOP;

/// A piece of audio at 8 kHz.
#[derive(Clone, Copy, Debug)]
pub enum Audio<'a> {
    /// Linear samples of 16 bits.
    Linear(&'a [i16]),
    /// µ-law codes.
    Ulaw(&'a [u8]),
    /// A-law codes.
    Alaw(&'a [u8]),
}

impl<'a> Audio<'a> {
    /// How many samples it holds.
    pub fn len(self) -> usize {
        match self {
            Audio::Linear(samples) => samples.len(),
            Audio::Ulaw(codes) | Audio::Alaw(codes) => codes.len(),
        }
    }

    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    fn split(self, at: usize) -> (Audio<'a>, Audio<'a>) {
        let at = at.min(self.len());
        match self {
            Audio::Linear(samples) => {
                let (head, tail) = samples.split_at(at);
                (Audio::Linear(head), Audio::Linear(tail))
            }
            Audio::Ulaw(codes) => {
                let (head, tail) = codes.split_at(at);
                (Audio::Ulaw(head), Audio::Ulaw(tail))
            }
            Audio::Alaw(codes) => {
                let (head, tail) = codes.split_at(at);
                (Audio::Alaw(head), Audio::Alaw(tail))
            }
        }
    }
}

/// What was heard of a key. Positions are samples since the stream began, lost ones included.
#[derive(Debug)]
pub enum Heard {
    /// A key was pressed: known some 28 ms after its onset.
    Onset {
        /// The key.
        digit: Digit,
        /// Where its tone began, to 5 ms.
        at: u64,
        /// The levels of the low and the high frequency, in dBm0.
        levels: [f32; 2],
    },
    /// The key was released.
    End {
        /// Where its tone ended, to 5 ms.
        at: u64,
    },
}

/// Listens to one stream. Of fixed size, without heap; it holds the last samples and, while a key is down, which one, and
/// wipes both when dropped.
#[derive(Debug, Default)]
pub struct Detector {
    held: Held,
    /// The position of the first sample that is held.
    position: u64,
    suspicion: Suspicion,
    capture: Capture,
}

#[derive(Debug)]
struct Held {
    len: u8,
    samples: [i16; MOST_HELD],
}

impl Default for Held {
    fn default() -> Self {
        Held { len: 0, samples: [0; MOST_HELD] }
    }
}

impl Held {
    fn samples(&self) -> &[i16] {
        self.samples.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn keep(&mut self, samples: &[i16]) {
        let count = samples.len().min(MOST_HELD);
        if let (Some(places), Some(samples)) = (self.samples.get_mut(..count), samples.get(..count)) {
            places.copy_from_slice(samples);
        }
        self.len = count as u8;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.samples.zeroize();
    }
}

impl Detector {
    /// A detector that has heard nothing.
    pub fn new() -> Self {
        Detector::default()
    }

    /// The position of the next sample.
    pub fn position(&self) -> u64 {
        self.position + u64::from(self.held.len)
    }

    /// Listens to the next piece of the stream, of any length; what fills no window waits for more. Reports presses, and
    /// answers which of the windows that have now been seen whole may hold a tone.
    #[inline]
    pub fn listen(
        &mut self,
        audio: Audio<'_>,
        vigilance: Vigilance,
        heard: &mut dyn FnMut(Heard),
    ) -> Suspects {
        let mut suspects = Suspects::starting_at(self.position, vigilance);
        let mut rest = audio;
        while !rest.is_empty() {
            let (head, tail) = rest.split(CHUNK);
            rest = tail;
            self.listen_to_chunk(head, vigilance, &mut suspects, heard);
        }
        suspects
    }

    fn listen_to_chunk(
        &mut self,
        audio: Audio<'_>,
        vigilance: Vigilance,
        suspects: &mut Suspects,
        heard: &mut dyn FnMut(Heard),
    ) {
        let mut signal = Signal::new();
        self.fill(&mut signal, audio);
        let mut fits = Fits::new();
        lanes::dtmf::fit(&signal, &mut fits);
        let fits = fits.as_slice();
        for fit in fits {
            let likeness = Likeness::of(fit);
            if likeness.is_none() {
                self.rest(1, vigilance, suspects, heard);
            } else {
                self.weigh(&likeness, vigilance, suspects, heard);
            }
        }
        self.held.keep(signal.samples().get(fits.len() * HOP..).unwrap_or_default());
    }

    /// Makes a signal of the samples that wait and the next ones.
    #[inline]
    fn fill(&self, signal: &mut Signal, audio: Audio<'_>) {
        signal.restart_with(self.held.samples());
        match audio {
            Audio::Linear(samples) => signal.push_linear(samples),
            Audio::Ulaw(codes) => signal.push_ulaw(codes),
            Audio::Alaw(codes) => signal.push_alaw(codes),
        };
    }

    /// Passes over windows, at least one, that are nothing at all.
    #[inline]
    fn rest(
        &mut self,
        windows: u8,
        vigilance: Vigilance,
        suspects: &mut Suspects,
        heard: &mut dyn FnMut(Heard),
    ) {
        if self.capture.is_idle() {
            // Nearly always.
            suspects.add_none(windows);
            self.suspicion.rest(windows);
            self.position += u64::from(windows) * HOP as u64;
            return;
        }
        for _ in 0..windows {
            self.weigh(&Likeness::default(), vigilance, suspects, heard);
        }
    }

    fn weigh(
        &mut self,
        likeness: &Likeness,
        vigilance: Vigilance,
        suspects: &mut Suspects,
        heard: &mut dyn FnMut(Heard),
    ) {
        let is_suspect = self.suspicion.weigh(likeness, vigilance);
        suspects.add(is_suspect);
        if is_suspect {
            suspects.hear(likeness);
        }
        self.capture.take(self.position, likeness, heard);
        self.position += HOP as u64;
    }

    /// Samples were lost: the stream goes on after a gap of unknown content. A short one does not end a press.
    pub fn skip(&mut self, samples: u64, heard: &mut dyn FnMut(Heard)) {
        self.position = self.position() + samples;
        self.held.keep(&[]);
        self.suspicion.skip();
        self.capture.skip(samples, heard);
    }
}
