//! Many streams at once: the packets of a burst.

use lanes::dtmf::{Fit, HOP, MAX_STREAMS, OVERLAP, Signal, fit_together};

use super::window::{LEAST, Likeness};
use super::{Audio, CHUNK, Detector, Heard, Suspects, Vigilance};

/// Fewer streams are sooner listened to one by one: a lane costs as much when it is empty.
const FEWEST: usize = 7;

/// Listens to the next piece of each of many streams, as [`Detector::listen`] does to each alone, with the same presses and
/// suspects: `heard` is told the number of the stream beside what was heard. What a detector hears comes in order, but not one
/// detector after the other. The slices are of one length; what one has beyond the others is left alone.
///
/// Streams are listened to together, 16 at a time, where as many windows are filled by each: pieces as long as each other do
/// so in streams that lost nothing. Others are listened to alone.
pub fn listen_together(
    detectors: &mut [&mut Detector],
    audio: &[Audio<'_>],
    vigilance: Vigilance,
    heard: &mut dyn FnMut(usize, Heard),
    suspects: &mut [Suspects],
) {
    let count = detectors.len().min(audio.len()).min(suspects.len());
    let audio = audio.get(..count).unwrap_or_default().chunks(MAX_STREAMS);
    let streams = detectors.chunks_mut(MAX_STREAMS).zip(suspects.chunks_mut(MAX_STREAMS));
    for (number, (audio, (detectors, suspects))) in audio.zip(streams).enumerate() {
        let heard = &mut |stream: usize, what| heard(number * MAX_STREAMS + stream, what);
        let passed = [0; MAX_STREAMS];
        listen_to_burst(&mut Burst { detectors, suspects, passed, vigilance, heard }, audio);
    }
}

/// Blocks of samples that a stream has with its next piece; `None` for a piece that is not taken at once.
fn blocks(detector: &Detector, audio: Audio<'_>) -> Option<usize> {
    (audio.len() <= CHUNK).then_some((usize::from(detector.held.len) + audio.len()) / HOP)
}

/// What more than half of the streams have, if there is such a number (Boyer and Moore's vote).
fn most_have(blocks: &[Option<usize>]) -> Option<usize> {
    let (most, _) = blocks.iter().fold((None, 0), |(most, votes), blocks| match votes {
        0 => (*blocks, 1),
        votes if *blocks == most => (most, votes + 1),
        votes => (most, votes - 1),
    });
    most
}

/// A burst, in which streams are known by their numbers.
struct Burst<'a, 'd> {
    detectors: &'a mut [&'d mut Detector],
    suspects: &'a mut [Suspects],
    passed: [u8; MAX_STREAMS],
    vigilance: Vigilance,
    heard: &'a mut dyn FnMut(usize, Heard),
}

impl Burst<'_, '_> {
    fn listen_alone(&mut self, number: usize, audio: Audio<'_>) {
        if let (Some(detector), Some(suspects)) =
            (self.detectors.get_mut(number), self.suspects.get_mut(number))
        {
            *suspects = detector.listen(audio, self.vigilance, &mut |what| (self.heard)(number, what));
        }
    }

    fn begin(&mut self, number: usize, audio: Audio<'_>, signal: &mut Signal) {
        if let (Some(detector), Some(suspects)) = (self.detectors.get(number), self.suspects.get_mut(number))
        {
            *suspects = Suspects::starting_at(detector.position, self.vigilance);
            detector.fill(signal, audio);
        }
    }

    /// Passes over the windows before one, which are nothing, and weighs that one, if there is a fit of it.
    #[inline]
    fn pass(&mut self, number: usize, window: usize, fit: Option<&Fit>) {
        let (Some(detector), Some(suspects), Some(passed)) =
            (self.detectors.get_mut(number), self.suspects.get_mut(number), self.passed.get_mut(number))
        else {
            return;
        };
        let mut heard = |what| (self.heard)(number, what);
        let windows = (window as u8).saturating_sub(*passed);
        if windows > 0 {
            detector.rest(windows, self.vigilance, suspects, &mut heard);
            *passed += windows;
        }
        if let Some(fit) = fit {
            detector.weigh(&Likeness::of(fit), self.vigilance, suspects, &mut heard);
            *passed += 1;
        }
    }

    fn end(&mut self, number: usize, windows: usize, signal: &Signal) {
        self.pass(number, windows, None);
        if let Some(detector) = self.detectors.get_mut(number) {
            detector.held.keep(signal.samples().get(windows * HOP..).unwrap_or_default());
        }
    }
}

fn listen_to_burst(burst: &mut Burst<'_, '_>, audio: &[Audio<'_>]) {
    let mut of_each = [None; MAX_STREAMS];
    for ((place, detector), audio) in of_each.iter_mut().zip(&*burst.detectors).zip(audio) {
        *place = blocks(detector, *audio);
    }
    let of_each = of_each.get(..audio.len()).unwrap_or_default();
    let most = most_have(of_each);
    let is_together = |blocks: &Option<usize>| blocks.is_some() && *blocks == most;
    let is_enough = of_each.iter().filter(|blocks| is_together(blocks)).count() >= FEWEST;
    let mut numbers = [0; MAX_STREAMS];
    let mut signals: [Signal; MAX_STREAMS] = core::array::from_fn(|_| Signal::new());
    let mut places = numbers.iter_mut().zip(&mut signals);
    let mut count = 0;
    for (number, (blocks, audio)) in of_each.iter().zip(audio).enumerate() {
        if !is_enough || !is_together(blocks) {
            burst.listen_alone(number, *audio);
        } else if let Some((place, signal)) = places.next() {
            *place = number;
            burst.begin(number, *audio, signal);
            count += 1;
        }
    }
    let together = signals.each_ref();
    let (Some(together), Some(numbers)) = (together.get(..count), numbers.get(..count)) else {
        return;
    };
    // All have as many blocks, so that it is done.
    fit_together(together, LEAST, &mut |place, window, fit| {
        if let Some(number) = numbers.get(place) {
            burst.pass(*number, window, Some(fit));
        }
    });
    let windows = most.unwrap_or(0).saturating_sub(OVERLAP / HOP);
    for (number, signal) in numbers.iter().zip(together) {
        burst.end(*number, windows, signal);
    }
}
