//! Speech without keys through the whole pipeline, in SecureMode.

use crate::corpus::speech;
use crate::line::{Carried, Format, Line, Mode};

/// Samples of the smallest piece that is masked: 5 ms.
const CELL: usize = 40;
/// Quiet before and after what is said, so that neither the call's beginning nor its end is judged.
const QUIET: usize = 1600;

/// Cells that were changed, each of them seen to be replaced as a whole; nothing else was.
fn changed_cells(told: &str, carried: &Carried) -> usize {
    let mut changed = 0;
    for (number, packet) in carried.unreplaced.chunks(carried.packet).enumerate() {
        for (at, cell) in packet.chunks(CELL).enumerate() {
            let unlike = cell.iter().filter(|same| !**same).count();
            changed += usize::from(unlike > 0);
            // Of what is replaced some samples are by chance as they were: more where it is silent as it was. A few that
            // are unlike are no replacement.
            let silent = carried.sent[number * carried.packet + at * CELL..][..cell.len()]
                .iter()
                .filter(|sample| sample.unsigned_abs() < 32)
                .count();
            let is_whole = unlike == 0 || 2 * (unlike + silent) > cell.len();
            assert!(is_whole, "{told}: {unlike} samples of cell {at} of packet {number} are changed");
        }
    }
    changed
}

#[test]
fn speech_leaves_bit_for_bit_but_for_little_that_is_masked() {
    let Some(recordings) = speech() else { return };
    println!("| what | vigilance | codec | seconds | masked % | keys captured |");
    println!("|---|---|---|---:|---:|---:|");
    let mut faults = Vec::new();
    for is_music in [false, true] {
        for mode in [Mode::Secured, Mode::FieldOpen] {
            for format in [Format::Ulaw, Format::Alaw] {
                let (mut samples, mut masked, mut captured) = (0, 0, 0);
                for recording in recordings.iter().filter(|recording| recording.is_music() == is_music) {
                    let audio = [&[0; QUIET], &recording.samples[..], &[0; QUIET]].concat();
                    let line = Line { format, ptime: 20, faults: None, seed: 0 };
                    let carried = line.carry(&audio, mode);
                    let told = format!("{}, {mode:?}, {format:?}", recording.name);
                    assert!(carried.came.iter().all(|came| *came), "{told}: not all came");
                    masked += CELL * changed_cells(&told, &carried);
                    samples += recording.samples.len();
                    captured += carried.captured.len() + carried.others;
                }
                let what = if is_music { "music" } else { "speech" };
                let vigilance = if mode == Mode::FieldOpen { "raised" } else { "ordinary" };
                let percent = 100.0 * masked as f64 / samples as f64;
                let seconds = samples as f64 / 8000.0;
                println!("| {what} | {vigilance} | {format:?} | {seconds:.0} | {percent:.3} | {captured} |");
                if !is_music && (captured > 0 || mode == Mode::Secured && percent >= 0.2) {
                    faults.push(format!("{what}, {vigilance}, {format:?}: {percent:.3} %, {captured} keys"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
