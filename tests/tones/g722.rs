//! Our G.722 beside spandsp's, which passes the ITU's own test sequences: bit for bit, and in time.
#![allow(clippy::disallowed_methods, reason = "what is measured is time")]

use std::f64::consts::TAU;
use std::fs;
use std::hint::black_box;
use std::time::Instant;

use keyhush_tests::corpus::files;
use keyhush_tests::seed::Seed;
use mask::g722::{DELAY, Decoder, Encoder};

use crate::audio::{COLUMNS, ROWS, add_noise, root_mean_square};
use crate::spandsp;

/// Samples at 16 kHz in 20 ms.
const PACKET: usize = 320;

fn encoded(samples: &[i16]) -> Vec<u8> {
    let (mut encoder, mut codes) = (Encoder::new(), [0; PACKET / 2]);
    samples.chunks(PACKET).flat_map(|samples| encoder.encode(samples, &mut codes).to_vec()).collect()
}

fn decoded(codes: &[u8]) -> Vec<i16> {
    let (mut decoder, mut samples) = (Decoder::new(), [0; PACKET]);
    codes.chunks(PACKET / 2).flat_map(|codes| decoder.decode(codes, &mut samples).to_vec()).collect()
}

fn linear(signal: &[f64]) -> Vec<i16> {
    signal.iter().map(|sample| sample.round().clamp(-32768.0, 32767.0) as i16).collect()
}

fn sinusoids(parts: &[(f64, f64)], count: usize) -> Vec<i16> {
    let sample =
        |at: usize| parts.iter().map(|(hertz, size)| size * (TAU * hertz * at as f64 / 16000.0).sin()).sum();
    linear(&(0..count).map(sample).collect::<Vec<f64>>())
}

/// Where two sequences part, if they do.
fn parting<T: PartialEq>(ours: &[T], theirs: &[T]) -> Option<usize> {
    let common = ours.iter().zip(theirs).position(|(one, other)| one != other);
    common.or((ours.len() != theirs.len()).then_some(ours.len().min(theirs.len())))
}

/// Ours and theirs, both ways, on samples and on what becomes of them. Not for the very loudest: the recommendation limits
/// a band to 15 bits (section 6.2.1), spandsp does not.
fn compare(what: &str, samples: &[i16]) {
    let codes = encoded(samples);
    assert_eq!(parting(&codes, &spandsp::Encoder::new().encode(samples)), None, "{what}: the encoders part");
    compare_decoders(what, &codes);
}

/// Where samples are too large for 16 bits the recommendation limits them (SELECT); spandsp lets them wrap.
fn compare_decoders(what: &str, codes: &[u8]) {
    let (ours, mut theirs) = (decoded(codes), spandsp::Decoder::new().decode(codes));
    for (ours, theirs) in ours.iter().zip(&mut theirs) {
        if matches!(*ours, i16::MIN | i16::MAX) {
            *theirs = *ours;
        }
    }
    assert_eq!(parting(&ours, &theirs), None, "{what}: the decoders part");
}

/// A recording of 16 bits at 16 kHz.
fn recorded(name: &str) -> Option<Vec<i16>> {
    let path = files("speech")?.into_iter().find(|path| path.ends_with(name))?;
    let mut file = hound::WavReader::open(path).ok()?;
    assert_eq!((file.spec().sample_rate, file.spec().bits_per_sample, file.spec().channels), (16000, 16, 1));
    let mut samples: Vec<i16> = file.samples().map_while(Result::ok).collect();
    samples.truncate(samples.len() & !1);
    Some(samples)
}

#[test]
fn sinusoids_are_coded_as_by_spandsp() {
    for amplitude in [1.0, 30.0, 1000.0, 10000.0, 28000.0] {
        for hertz in (50..8000).step_by(350).map(f64::from) {
            compare(&format!("{hertz} Hz at {amplitude}"), &sinusoids(&[(hertz, amplitude)], 8000));
        }
    }
}

#[test]
fn keys_are_coded_as_by_spandsp() {
    for amplitude in [30.0, 3000.0, 16000.0] {
        for (row, column) in ROWS.iter().flat_map(|row| COLUMNS.map(|column| (*row, column))) {
            let mut samples = sinusoids(&[(row, amplitude), (column, amplitude)], 1600);
            samples.extend([0; 1600]);
            samples.extend(sinusoids(&[(row, amplitude), (column, 0.8 * amplitude)], 1600));
            compare(&format!("{row} and {column} Hz at {amplitude}"), &samples);
        }
    }
}

#[test]
fn noise_is_coded_as_by_spandsp() {
    for (seed, level) in [-60.0, -40.0, -25.0, -15.0, -5.0, 0.0, 3.0].into_iter().enumerate() {
        let mut signal = vec![0.0; 64000];
        add_noise(&mut signal, root_mean_square(level), &mut Seed::new(seed as u64));
        compare(&format!("noise of {level} dBm0"), &linear(&signal));
    }
}

#[test]
fn codewords_by_chance_are_decoded_as_by_spandsp() {
    for seed in 0..20 {
        compare_decoders(&format!("seed {seed}"), &Seed::new(seed).bytes(32000));
    }
    for code in 0..=255 {
        compare_decoders(&format!("{code:#04x} again and again"), &[code; 4000]);
    }
}

#[test]
fn square_waves_are_coded_as_by_spandsp() {
    for period in [2usize, 4, 6, 16, 22, 64, 1000] {
        let samples: Vec<i16> =
            (0..16000).map(|at| if at % period < period / 2 { 16000 } else { -16000 }).collect();
        compare(&format!("a period of {period}"), &samples);
    }
}

#[test]
fn speech_is_coded_as_by_spandsp() {
    let Some(speech) = files("speech") else { return };
    let coded =
        speech.into_iter().find(|path| path.ends_with("ast_talking.g722")).expect("it is in the corpus");
    let codes = fs::read(coded).expect("a file");
    compare_decoders("speech that others coded", &codes);
    compare("speech that others coded, again", &decoded(&codes));
    for (name, least) in [("spandsp_short_wb_voice.wav", 23.0), ("voxserv_16000_test01_20s.wav", 24.0)] {
        let samples = recorded(name).expect("it is in the corpus");
        compare(name, &samples);
        let heard = decoded(&encoded(&samples));
        let (mut signal, mut noise) = (0.0, 0.0);
        for (said, heard) in samples.iter().zip(heard.iter().skip(DELAY)) {
            signal += f64::from(*said).powi(2);
            noise += (f64::from(*said) - f64::from(*heard)).powi(2);
        }
        let ratio = 10.0 * (signal / noise).log10();
        println!("{name}: {ratio:.1} dB above what coding adds");
        assert!(ratio >= least, "{name}: {ratio:.1} dB");
    }
}

#[test]
fn nanoseconds_a_sample_at_16_khz() {
    const STREAMS: usize = 256;
    let tries = if cfg!(debug_assertions) { 1 } else { 15 };
    let mut signal = vec![0.0; 20 * PACKET];
    add_noise(&mut signal, 800.0, &mut Seed::new(0x5eed));
    let samples = linear(&signal);
    let codes = encoded(&samples);
    // The best: what else the machine does only adds.
    let best = |run: &mut dyn FnMut()| {
        let once = |_| {
            let start = Instant::now();
            run();
            start.elapsed().as_nanos() as f64 / (STREAMS * samples.len()) as f64
        };
        (0..tries).map(once).fold(f64::MAX, f64::min)
    };
    let mut decoders = vec![Decoder::new(); STREAMS];
    let decoding = best(&mut || {
        for codes in codes.chunks(PACKET / 2) {
            for decoder in &mut decoders {
                black_box(decoder.decode(codes, &mut [0; PACKET]));
            }
        }
    });
    let mut encoders = vec![Encoder::new(); STREAMS];
    let encoding = best(&mut || {
        for samples in samples.chunks(PACKET) {
            for encoder in &mut encoders {
                black_box(encoder.encode(samples, &mut [0; PACKET / 2]));
            }
        }
    });
    let following = best(&mut || {
        for (codes, samples) in codes.chunks(PACKET / 2).zip(samples.chunks(PACKET)) {
            for encoder in &mut encoders {
                encoder.follow(codes, samples);
                black_box(encoder);
            }
        }
    });
    let mut decoders: Vec<_> = (0..STREAMS).map(|_| spandsp::Decoder::new()).collect();
    let their_decoding = best(&mut || {
        for codes in codes.chunks(PACKET / 2) {
            for decoder in &mut decoders {
                black_box(decoder.decode(codes));
            }
        }
    });
    let mut encoders: Vec<_> = (0..STREAMS).map(|_| spandsp::Encoder::new()).collect();
    let their_encoding = best(&mut || {
        for samples in samples.chunks(PACKET) {
            for encoder in &mut encoders {
                black_box(encoder.encode(samples));
            }
        }
    });
    println!("sizes: {} bytes a decoder, {} an encoder", size_of::<Decoder>(), size_of::<Encoder>());
    println!("decode {decoding:.2}, spandsp {their_decoding:.2} ns a sample");
    println!("encode {encoding:.2}, spandsp {their_encoding:.2} ns a sample");
    println!("follow {following:.2} ns a sample");
    assert!(cfg!(debug_assertions) || (decoding < their_decoding && encoding < their_encoding));
}
