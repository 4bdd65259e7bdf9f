//! `keyhush detect`

use std::f64::consts::TAU;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::{Directory, keyhush, text};

/// The frequencies of a key.
fn frequencies(key: char) -> [f64; 2] {
    let place = "123A456B789C*0#D".find(key).expect("a key");
    [[697.0, 770.0, 852.0, 941.0][place / 4], [1209.0, 1336.0, 1477.0, 1633.0][place % 4]]
}

/// Keys of 100 ms with pauses of 100 ms, from 0.1 s on; each frequency at −10 dBm0.
fn channel(rate: u32, keys: &str) -> Vec<f64> {
    let tenth = rate as usize / 10;
    let amplitude = 10f64.powf(-13.14 / 20.0);
    let mut samples = vec![0.0; tenth * (2 * keys.len() + 1)];
    for (number, key) in keys.chars().enumerate() {
        let start = tenth * (2 * number + 1);
        for (at, sample) in samples[start..start + tenth].iter_mut().enumerate() {
            let wave = |hertz: f64| (TAU * hertz * at as f64 / f64::from(rate)).sin();
            *sample = amplitude * frequencies(key).map(wave).iter().sum::<f64>();
        }
    }
    samples
}

fn record(path: &Path, rate: u32, bits: u16, channels: &[Vec<f64>]) {
    let sample_format = if bits == 32 { SampleFormat::Float } else { SampleFormat::Int };
    let form =
        WavSpec { channels: channels.len() as u16, sample_rate: rate, bits_per_sample: bits, sample_format };
    let mut file = WavWriter::create(path, form).expect("a file");
    for at in 0..channels[0].len() {
        for channel in channels {
            let sample = channel.get(at).copied().unwrap_or(0.0);
            match sample_format {
                SampleFormat::Float => file.write_sample(sample as f32),
                SampleFormat::Int => file.write_sample((sample * f64::from(1 << (bits - 1))).round() as i32),
            }
            .expect("written");
        }
    }
    file.finalize().expect("written");
}

#[test]
fn keys_are_printed_with_times_and_levels() {
    let directory = Directory::new();
    let file = directory.path("keys.wav");
    record(&file, 8000, 16, &[channel(8000, "159#")]);
    let said = keyhush(["detect", text(&file)]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(
        said.out,
        "\
8000 Hz, mono, 0.900 s
key  start s    end s     ms   low dBm0  high dBm0
1      0.101    0.200    100      -10.0      -10.0
5      0.300    0.400    100      -10.0      -10.0
9      0.500    0.600    100      -10.0      -10.0
#      0.700    0.800    100      -10.0      -10.0
keys: 159#
"
    );
}

#[test]
fn both_channels_are_heard_at_every_rate_and_in_every_form() {
    let directory = Directory::new();
    for (rate, bits) in [(8000, 24), (16_000, 16), (22_050, 8), (44_100, 16), (48_000, 32)] {
        let file = directory.path("keys.wav");
        record(&file, rate, bits, &[channel(rate, "0123456789*#ABCD"), channel(rate, "D0")]);
        let said = keyhush(["detect", text(&file)]);
        assert_eq!(said.code, 0, "{}", said.err);
        let keys: Vec<&str> = said.out.lines().filter_map(|line| line.strip_prefix("keys: ")).collect();
        assert_eq!(keys, ["0123456789*#ABCD", "D0"], "{rate} Hz, {bits} bits\n{}", said.out);
        assert!(said.out.contains("\nleft\n") && said.out.contains("\nright\n"), "{}", said.out);
        for line in said.out.lines().filter(|line| line.ends_with("-10.0") || line.ends_with("-10.1")) {
            let start: f64 = line[4..12].trim().parse().expect("a time");
            let off = (start * 10.0 - (start * 10.0).round()).abs();
            assert!(off < 0.06, "{rate} Hz: {line}");
        }
    }
}

#[test]
fn a_recording_without_keys_says_so() {
    let directory = Directory::new();
    let file = directory.path("silence.wav");
    record(&file, 8000, 16, &[vec![0.0; 800]]);
    let said = keyhush(["detect", text(&file)]);
    assert_eq!((said.code, said.out.as_str()), (0, "8000 Hz, mono, 0.100 s\nno keys\n"));
}

#[test]
fn what_is_no_recording_is_refused() {
    let directory = Directory::new();
    let said = keyhush(["detect", text(&directory.path("absent.wav"))]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("absent.wav: No such file"), "{}", said.err);
    let said = keyhush(["detect", text(&directory.file("text.wav", "no recording at all"))]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("text.wav: "), "{}", said.err);
    let slow = directory.path("slow.wav");
    record(&slow, 6000, 16, &[vec![0.0; 60]]);
    assert!(keyhush(["detect", text(&slow)]).err.contains("8000 Hz or more are needed"));
}

#[test]
fn a_recording_that_is_cut_off_is_heard_as_far_as_it_goes() {
    let directory = Directory::new();
    let whole = directory.path("whole.wav");
    record(&whole, 8000, 16, &[channel(8000, "42")]);
    let bytes = std::fs::read(&whole).expect("written");
    let said = keyhush(["detect", text(&directory.file("cut.wav", &bytes[..bytes.len() - 1001]))]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("keys: 42"), "{}", said.out);
    assert!(said.err.contains("cut off"), "{}", said.err);
}
