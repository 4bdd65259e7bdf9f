//! Nanoseconds a sample, ours and spandsp's in one run.
#![allow(clippy::disallowed_methods, reason = "what is measured is time")]

use std::hint::black_box;
use std::time::Instant;

use keyhush_tests::seed::Seed;
use lanes::Level;
use lanes::dtmf::{Fits, OVERLAP, Signal, fit_with};
use lanes::g711;
use mask::tones::{Audio, Detector, Vigilance};

use crate::audio::{Codec, Sound, add_key, add_noise, coded};

/// Streams beside each other, so that none has its state in the first cache by chance.
const STREAMS: usize = 256;
/// Packets of 20 ms of each.
const PACKETS: usize = 50;
const PACKET: usize = 160;

/// The best of some tries, in nanoseconds a sample: what else the machine does only adds.
fn best_of(tries: usize, mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64 / (STREAMS * PACKETS * PACKET) as f64
    };
    (0..tries).map(|_| once(&mut run)).fold(f64::MAX, f64::min)
}

/// Noise as loud as speech, and a key now and then.
fn signal() -> Vec<i16> {
    let mut seed = Seed::new(0x5eed);
    let mut signal = vec![0.0; PACKETS * PACKET];
    add_noise(&mut signal, 800.0, &mut seed);
    add_key(&mut signal, 4000, 5, &Sound::default(), &mut seed);
    coded(&signal, Codec::Ulaw)
}

#[test]
fn nanoseconds_a_sample() {
    let tries = if cfg!(debug_assertions) { 2 } else { 15 };
    let samples = signal();
    let codes: Vec<u8> = samples.iter().map(|sample| g711::to_ulaw(*sample)).collect();
    println!("size of a detector: {} bytes", size_of::<Detector>());
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        let mut kept = vec![[0i16; OVERLAP]; STREAMS];
        let nanoseconds = best_of(tries, || {
            let mut fits = Fits::new();
            for packet in samples.chunks(PACKET) {
                for kept in &mut kept {
                    let mut signal = Signal::starting_with(kept);
                    signal.push_linear(packet);
                    fit_with(level, &signal, &mut fits);
                    black_box(&fits);
                    kept.copy_from_slice(&signal.samples()[PACKET..]);
                }
            }
        });
        println!("the fit alone, {:18} {nanoseconds:6.3} ns a sample", level.name());
    }
    let mut detectors: Vec<Detector> = (0..STREAMS).map(|_| Detector::new()).collect();
    let mut listen = |packets: &dyn Fn(usize) -> Audio<'static>| {
        best_of(tries, || {
            for packet in 0..PACKETS {
                for detector in &mut detectors {
                    black_box(detector.listen(packets(packet), Vigilance::Ordinary, &mut |_| {}));
                }
            }
        })
    };
    let samples: &'static [i16] = samples.leak();
    let codes: &'static [u8] = codes.leak();
    let linear = listen(&|packet| Audio::Linear(&samples[packet * PACKET..][..PACKET]));
    let ulaw = listen(&|packet| Audio::Ulaw(&codes[packet * PACKET..][..PACKET]));
    let channels = |nanoseconds: f64| 1e9 / 8000.0 / nanoseconds;
    println!("ours, linear {linear:18.3} ns a sample, {:.0} channels a core", channels(linear));
    println!("ours, µ-law {ulaw:19.3} ns a sample, {:.0} channels a core", channels(ulaw));
    #[cfg(spandsp)]
    {
        let mut receivers: Vec<_> = (0..STREAMS).map(|_| crate::spandsp::Spandsp::new()).collect();
        let theirs = best_of(tries, || {
            for packet in samples.chunks(PACKET) {
                for receiver in &mut receivers {
                    receiver.listen(packet);
                }
            }
        });
        println!("spandsp {theirs:23.3} ns a sample, {:.0} channels a core", channels(theirs));
        // Only what is optimised can be judged; elsewhere the margin may be less.
        assert!(cfg!(debug_assertions) || ulaw < theirs, "ours {ulaw:.3}, spandsp {theirs:.3}");
    }
}
