//! Nanoseconds a sample, ours and spandsp's in one run.
#![allow(clippy::disallowed_methods, reason = "what is measured is time")]

use std::hint::black_box;
use std::time::Instant;

use keyhush_tests::seed::Seed;
use lanes::Level;
use lanes::dtmf::{Fits, Least, MAX_STREAMS, OVERLAP, Signal, fit_together_with, fit_with};
use lanes::g711;
use mask::tones::{Audio, Detector, Suspects, Vigilance, listen_together};

use crate::audio::{Codec, Sound, add_key, add_noise, coded};
use crate::corpus::speech;

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

/// Noise as loud as speech, for a second, and a key of 50 ms in it.
fn signal(has_key: bool) -> Vec<i16> {
    let mut seed = Seed::new(0x5eed);
    let mut signal = vec![0.0; PACKETS * PACKET];
    add_noise(&mut signal, 800.0, &mut seed);
    if has_key {
        add_key(&mut signal, 4000, 5, &Sound::default(), &mut seed);
    }
    coded(&signal, Codec::Ulaw)
}

fn ulaw(samples: &[i16]) -> &'static [u8] {
    samples.iter().map(|sample| g711::to_ulaw(*sample)).collect::<Vec<_>>().leak()
}

/// Each stream by itself.
fn listen(tries: usize, packets: &dyn Fn(usize, usize) -> Audio<'static>) -> f64 {
    let mut detectors: Vec<Detector> = (0..STREAMS).map(|_| Detector::new()).collect();
    best_of(tries, || {
        for packet in 0..PACKETS {
            for (stream, detector) in detectors.iter_mut().enumerate() {
                black_box(detector.listen(packets(stream, packet), Vigilance::Ordinary, &mut |_| {}));
            }
        }
    })
}

/// As many as fit into a vector at once.
fn listen_to_bursts(tries: usize, packets: &dyn Fn(usize, usize) -> Audio<'static>) -> f64 {
    let mut detectors: Vec<Detector> = (0..STREAMS).map(|_| Detector::new()).collect();
    let mut suspects = [Suspects::default(); MAX_STREAMS];
    best_of(tries, || {
        for packet in 0..PACKETS {
            for (number, burst) in detectors.as_chunks_mut::<MAX_STREAMS>().0.iter_mut().enumerate() {
                let audio = core::array::from_fn::<_, MAX_STREAMS, _>(|stream| {
                    packets(number * MAX_STREAMS + stream, packet)
                });
                let mut burst = burst.each_mut();
                listen_together(&mut burst, &audio, Vigilance::Ordinary, &mut |_, _| {}, &mut suspects);
                black_box(&suspects);
            }
        }
    })
}

#[test]
fn nanoseconds_a_sample() {
    let tries = if cfg!(debug_assertions) { 2 } else { 15 };
    let samples = signal(true);
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
        let mut signals = core::array::from_fn::<_, MAX_STREAMS, _>(|_| Signal::new());
        // As the detector asks.
        let least = Least { part: 0.4, explained: 41_000.0 };
        let nanoseconds = best_of(tries, || {
            for packet in samples.chunks(PACKET) {
                for kept in kept.as_chunks_mut::<MAX_STREAMS>().0 {
                    for (signal, kept) in signals.iter_mut().zip(&*kept) {
                        signal.restart_with(kept);
                        signal.push_linear(packet);
                    }
                    fit_together_with(level, &signals.each_ref(), least, &mut |_, _, fit| {
                        black_box(fit);
                    });
                    for (signal, kept) in signals.iter().zip(kept) {
                        kept.copy_from_slice(&signal.samples()[PACKET..]);
                    }
                }
            }
        });
        println!("16 together, {:20} {nanoseconds:6.3} ns a sample", level.name());
    }
    let channels = |nanoseconds: f64| 1e9 / 8000.0 / nanoseconds;
    let print = |what: &str, nanoseconds: f64| {
        println!("{what:36} {nanoseconds:6.3} ns a sample, {:.0} channels a core", channels(nanoseconds));
    };
    let mut kinds = vec![("noise and a key", signal(true)), ("noise", signal(false))];
    let recordings = speech().unwrap_or_default();
    let voices = recordings.into_iter().filter(|recording| !recording.is_music());
    kinds.extend(voices.map(|recording| ("speech", recording.samples)).next());
    for (kind, samples) in kinds {
        let samples: &'static [i16] = samples.leak();
        let codes = ulaw(samples);
        // Nobody says the same at once, where there is more than a second of it.
        let others = samples.len() - PACKETS * PACKET + 1;
        let place = |stream: usize, packet: usize| stream * 7919 % others + packet * PACKET;
        let linear = |stream, packet| Audio::Linear(&samples[place(stream, packet)..][..PACKET]);
        let ulaw = |stream, packet| Audio::Ulaw(&codes[place(stream, packet)..][..PACKET]);
        print(&format!("ours, linear, {kind}"), listen(tries, &linear));
        print(&format!("ours, µ-law, {kind}"), listen(tries, &ulaw));
        print(&format!("16 together, linear, {kind}"), listen_to_bursts(tries, &linear));
        print(&format!("16 together, µ-law, {kind}"), listen_to_bursts(tries, &ulaw));
    }
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
        print("spandsp", theirs);
        // Only what is optimised can be judged; elsewhere the margin may be less.
        let codes = ulaw(&samples);
        let ulaw = listen(tries, &|_, packet| Audio::Ulaw(&codes[packet * PACKET..][..PACKET]));
        assert!(cfg!(debug_assertions) || ulaw < theirs, "ours {ulaw:.3}, spandsp {theirs:.3}");
    }
}
