use std::f64::consts::TAU;

use super::*;

/// A sum of sinusoids of an amplitude each, at 16 kHz.
fn sinusoids(frequencies: &[f64], amplitude: f64, count: usize) -> Vec<i16> {
    let sample = |at: usize| {
        frequencies.iter().map(|hertz| amplitude * (TAU * hertz * at as f64 / 16000.0).sin()).sum::<f64>()
    };
    (0..count).map(|at| sample(at).round() as i16).collect()
}

/// Numbers of 16 bits by chance, the same each time.
fn noise(count: usize) -> Vec<i16> {
    let mut state = 0x5eed_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16
    };
    (0..count).map(|_| next()).collect()
}

fn encoded(encoder: &mut Encoder, samples: &[i16]) -> Vec<u8> {
    let mut codes = vec![0; samples.len() / 2];
    encoder.encode(samples, &mut codes).to_vec()
}

fn decoded(decoder: &mut Decoder, codes: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; 2 * codes.len()];
    decoder.decode(codes, &mut samples).to_vec()
}

/// How far what was heard is from what was said, in dB, when the delay is taken out.
fn signal_to_noise(said: &[i16], heard: &[i16]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (said, heard) in said.iter().zip(heard.iter().skip(DELAY)) {
        signal += f64::from(*said).powi(2);
        noise += (f64::from(*said) - f64::from(*heard)).powi(2);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn silence_stays_near_silence() {
    let mut decoder = Decoder::new();
    assert!(decoded(&mut decoder, &[0xff; 800]).iter().all(|sample| sample.abs() <= 4));
    // And comes back to it after the loudest noise, well within a second.
    let loud: Vec<u8> = noise(800).into_iter().map(|number| number as u8).collect();
    decoded(&mut decoder, &loud);
    let after = decoded(&mut decoder, &[0xff; 8000]);
    assert!(after[8000..].iter().all(|sample| sample.abs() <= 4));
    assert!(encoded(&mut Encoder::new(), &[0; 320])[20..].iter().all(|code| code & 0xc0 == 0xc0));
}

#[test]
fn what_is_encoded_is_heard() {
    for (frequencies, amplitude, least) in [
        (&[300.0][..], 8000.0, 45.0),
        (&[1000.0], 8000.0, 45.0),
        (&[1000.0], 200.0, 32.0),
        (&[697.0, 1209.0], 4000.0, 45.0),
        (&[941.0, 1633.0], 400.0, 37.0),
        (&[5500.0], 8000.0, 24.0),
        (&[440.0, 2500.0, 6100.0], 4000.0, 28.0),
    ] {
        let said = sinusoids(frequencies, amplitude, 16000);
        let heard = decoded(&mut Decoder::new(), &encoded(&mut Encoder::new(), &said));
        let settled = signal_to_noise(&said[1600..], &heard[1600..]);
        println!("{frequencies:?} at {amplitude}: {settled:.1} dB");
        assert!(settled >= least, "{frequencies:?} at {amplitude}: {settled:.1} dB");
    }
}

#[test]
fn the_encoder_knows_what_the_decoder_knows() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    for samples in noise(3200).chunks(320) {
        decoded(&mut decoder, &encoded(&mut encoder, samples));
        assert_eq!(encoder.bands, decoder.bands);
    }
}

#[test]
fn an_encoder_that_followed_goes_on_as_the_sender_would() {
    let said = [sinusoids(&[440.0, 2500.0], 6000.0, 3200), noise(3200)].concat();
    let sent = encoded(&mut Encoder::new(), &said);
    for count in [0, 1, 7, 160, 800, 1601] {
        let mut encoder = Encoder::new();
        for (codes, samples) in sent[..count].chunks(160).zip(said.chunks(320)) {
            encoder.follow(codes, &samples[..2 * codes.len()]);
        }
        assert_eq!(encoded(&mut encoder, &said[2 * count..]), sent[count..], "after {count}");
    }
}

#[test]
fn where_an_encoder_sets_in_nothing_jumps() {
    // What is heard twice, as the decoder is late, is one whole period.
    let said = sinusoids(&[16000.0 / DELAY as f64], 8000.0, 6400);
    let sent = encoded(&mut Encoder::new(), &said);
    let (before, after) = sent.split_at(1600);
    let (mut ours, mut followed, mut far) = (Decoder::new(), Encoder::new(), Decoder::new());
    let samples = decoded(&mut ours, before);
    followed.follow(before, &samples);
    assert_eq!(decoded(&mut far, before), samples);
    assert_eq!(followed.bands, far.bands);
    let samples = decoded(&mut ours, after);
    let noise_of = |encoder: &mut Encoder| {
        let heard = decoded(&mut far.clone(), &encoded(encoder, &samples));
        let off = samples.iter().zip(&heard).map(|(one, other)| (i32::from(*one) - i32::from(*other)).abs());
        off.max().unwrap_or(0)
    };
    let (seamless, broken) = (noise_of(&mut followed), noise_of(&mut Encoder::new()));
    println!("furthest off {seamless}, without following {broken}");
    assert!(seamless < 200 && broken > 20 * seamless, "furthest off {seamless}, without following {broken}");
}

/// By how far two decoders are apart, in dB under what the first one hears.
fn agreement(one: &[i16], other: &[i16]) -> f64 {
    let (mut signal, mut off) = (0.0, 0.0);
    for (one, other) in one.iter().zip(other) {
        signal += f64::from(*one).powi(2);
        off += (f64::from(*one) - f64::from(*other)).powi(2);
    }
    10.0 * (signal / off).log10()
}

/// A sender's codewords are masked for as long as a key: what a far decoder hears after it has them again, against what it
/// would have heard, in pieces of 10 ms; and the loudest of it.
fn heard_again(masked: impl Fn(&[u8]) -> Vec<u8>) -> (Vec<f64>, u16) {
    let said = sinusoids(&[300.0, 1100.0, 2500.0], 3000.0, 16000);
    let sent = encoded(&mut Encoder::new(), &said);
    let (mut sender, mut far) = (Decoder::new(), Decoder::new());
    let masked = masked(&sent);
    decoded(&mut sender, &sent[..masked.len()]);
    decoded(&mut far, &masked);
    let [right, heard] = [&mut sender, &mut far].map(|decoder| decoded(decoder, &sent[masked.len()..]));
    let pieces = right.chunks(160).zip(heard.chunks(160)).map(|(right, heard)| agreement(right, heard));
    (pieces.collect(), heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0))
}

/// As above: silence is encoded from where the far decoder stands, and then the sender's own audio for a while.
fn heard_after_encoding(codes: usize) -> (Vec<f64>, u16) {
    heard_again(|sent| {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        encoder.follow(&sent[..3200], &decoded(&mut decoder, &sent[..3200]));
        decoded(&mut decoder, &sent[3200..4000]);
        let after = decoded(&mut decoder, &sent[4000..][..codes]);
        [&sent[..3200], &encoded(&mut encoder, &[0; 1600]), &encoded(&mut encoder, &after)].concat()
    })
}

#[test]
fn a_sender_is_heard_again_without_a_bang_once_its_audio_was_encoded_for_50_ms() {
    for (codes, least) in [(400, 15.0), (800, 25.0)] {
        let (pieces, loudest) = heard_after_encoding(codes);
        println!("after {} ms: {loudest}, {:.1?} dB", codes / 8, &pieces[..15]);
        assert!(loudest < 9000, "after {} ms: {loudest}", codes / 8);
        assert!(pieces[1..].iter().all(|piece| *piece >= least), "after {} ms: {pieces:.1?} dB", codes / 8);
    }
    // Without that there is one: silence has taught the predictors something else than the sender's codewords count on.
    let (_, loudest) = heard_after_encoding(0);
    println!("at once: {loudest}");
    assert!(loudest > 20000, "at once: {loudest}");
}

#[test]
fn after_the_codeword_of_silence_a_sender_is_heard_again_quietly_and_ever_better() {
    let (pieces, loudest) = heard_again(|sent| [&sent[..3200], &[0xff; 800]].concat());
    println!("{loudest}, {:.1?} dB", &pieces[..30]);
    assert!(loudest < 9000 && pieces[8] >= 15.0 && pieces[16] >= 35.0, "{loudest}, {pieces:.1?} dB");
}

#[test]
fn what_has_no_room_or_no_pair_is_left() {
    let said = sinusoids(&[1000.0], 8000.0, 320);
    let whole = encoded(&mut Encoder::new(), &said);
    let mut codes = [0; 160];
    let mut encoder = Encoder::new();
    assert_eq!(encoder.encode(&said[..21], &mut codes), &whole[..10]);
    assert_eq!(encoder.encode(&said[20..], &mut codes[..5]), &whole[10..15]);
    assert_eq!(encoder.encode(&said[30..], &mut []), &[]);
    let mut samples = [0; 320];
    let (mut decoder, heard) = (Decoder::new(), decoded(&mut Decoder::new(), &whole));
    assert_eq!(decoder.decode(&whole, &mut samples[..21]), &heard[..20]);
    assert_eq!(decoder.decode(&whole[10..], &mut samples), &heard[20..]);
    assert_eq!(decoder.decode(&[], &mut samples), &[]);
}
