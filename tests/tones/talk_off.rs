//! What speech is taken for.

use mask::tones::{Audio, Detector, Vigilance};

use crate::corpus::{at_speed, speech};
use crate::receivers;

/// Samples of a signal that masking would replace.
pub(crate) fn masked(samples: &[i16], vigilance: Vigilance) -> (u64, u64) {
    let mut detector = Detector::new();
    let (mut masked, mut end, mut windows) = (0, 0, 0);
    for packet in samples.chunks(160) {
        let suspects = detector.listen(Audio::Linear(packet), vigilance, &mut |_| {});
        for (from, to) in suspects.stretches() {
            masked += to.saturating_sub(end.max(from));
            end = end.max(to);
            windows += 1;
        }
    }
    (masked, windows)
}

/// Speeds at which the recordings are played, to have more voices and melodies.
const SPEEDS: [f64; 12] = [1.0, 0.75, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3];

#[test]
fn speech_is_taken_for_keys_no_more_often_than_by_spandsp() {
    let Some(recordings) = speech() else { return };
    for is_music in [false, true] {
        let (mut samples, mut ours, mut theirs) = (0u64, 0usize, Some(0usize));
        for recording in recordings.iter().filter(|recording| recording.is_music() == is_music) {
            for speed in SPEEDS {
                let signal = at_speed(&recording.samples, speed);
                samples += signal.len() as u64;
                ours += receivers::ours(&signal).len();
                theirs = receivers::spandsp(&signal).and_then(|heard| Some(theirs? + heard.len()));
            }
        }
        let hours = samples as f64 / 8000.0 / 3600.0;
        let kind = if is_music { "music" } else { "speech" };
        let theirs_told = theirs.map_or("not installed".to_owned(), |theirs| theirs.to_string());
        println!("keys heard in {hours:.2} hours of {kind}: ours {ours}, spandsp {theirs_told}");
        assert!(ours <= theirs.unwrap_or(0), "{kind}: ours {ours}, spandsp {theirs_told}");
    }
}

#[test]
fn little_speech_is_masked() {
    let Some(recordings) = speech() else { return };
    println!("| what                  | vigilance | seconds | masked % | windows an hour |");
    let mut ordinary = 0.0;
    for (is_music, speeds) in [(false, &SPEEDS[..1]), (false, &SPEEDS), (true, &SPEEDS[..1]), (true, &SPEEDS)]
    {
        for vigilance in [Vigilance::Ordinary, Vigilance::Raised] {
            let (mut samples, mut replaced, mut windows) = (0, 0, 0);
            for recording in recordings.iter().filter(|recording| recording.is_music() == is_music) {
                for speed in speeds {
                    let signal = at_speed(&recording.samples, *speed);
                    let (replaced_here, windows_here) = masked(&signal, vigilance);
                    samples += signal.len();
                    replaced += replaced_here;
                    windows += windows_here;
                }
            }
            let kind = if is_music { "music" } else { "speech" };
            let speeds = if speeds.len() == 1 { "as it is" } else { "at 12 speeds" };
            let percent = 100.0 * replaced as f64 / samples as f64;
            let seconds = samples as f64 / 8000.0;
            let an_hour = windows as f64 * 3600.0 / seconds;
            let vigilance_told = format!("{vigilance:?}").to_lowercase();
            println!(
                "| {kind:6} {speeds:14} | {vigilance_told:9} | {seconds:7.0} | {percent:8.3} | {an_hour:15.0} |"
            );
            if !is_music && speeds == "as it is" && vigilance == Vigilance::Ordinary {
                ordinary = percent;
            }
        }
    }
    assert!(ordinary < 0.2, "{ordinary:.3} % of speech is masked");
}
