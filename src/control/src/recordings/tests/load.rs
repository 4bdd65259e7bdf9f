//! Many calls at once, in real time.
#![expect(clippy::disallowed_methods, reason = "calls come when they come")]

use std::thread::sleep;

use super::*;

/// Packets of each channel in a second.
const A_SECOND: u64 = 50;

/// As many calls as may be recorded, fed from memory as they would come, onto this machine's disk. Where there is no time for all of
/// it (`KEYHUSH_LONG`), fewer and shorter ones.
#[test]
fn many_calls_at_once_lose_no_packet_and_all_verify() {
    let (calls, seconds) = if std::env::var_os("KEYHUSH_LONG").is_some() { (500, 60) } else { (100, 3) };
    let root = place("many");
    // As much room as `keyhush run` makes, and a machine that does other things as well.
    let (orders, (feed, intake)) = (Ring::new(1024), feed(calls as usize * 200));
    let began = std::time::Instant::now();
    let clock = Arc::new(AtomicU64::new(BEGIN));
    let of_recorder = Arc::new(move || Instant::from_nanos(BEGIN + began.elapsed().as_nanos() as u64));
    let config = RecorderConfig { archive: config(&root), at_once: 500 };
    let handle = start(config, orders.clone(), intake, of_recorder).unwrap();
    let stage = Stage { handle, orders, feed, clock };
    (0..calls).for_each(|slot| stage.begin(call(slot)));
    let first = began.elapsed().as_nanos() as u64 / 20_000_000 + 1;
    let late = (first..first + seconds * A_SECOND).map(|nth| {
        let due = Duration::from_millis(20 * nth);
        sleep(due.saturating_sub(began.elapsed()));
        (0..calls).for_each(|slot| stage.packets(call(slot), nth, false));
        began.elapsed().saturating_sub(due)
    });
    let latest = late.max().unwrap();
    for slot in 0..calls {
        let at = Instant::from_nanos(BEGIN + (first + seconds * A_SECOND) * 20_000_000);
        stage.order(RecordingOrder::End { call: call(slot), at });
    }
    let figures = Arc::clone(stage.handle.figures());
    stage.handle.stop();
    let of = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let frames = u64::from(calls) * seconds * A_SECOND * 2;
    eprintln!(
        "{calls} calls of {seconds} s: {} of {frames} packets recorded, {} overruns, {} failures; whoever fed them was at most {latest:.0?} late",
        of(&figures.frames),
        of(&figures.overruns),
        of(&figures.failures),
    );
    assert_eq!([&figures.frames, &figures.overruns, &figures.failures].map(of), [frames, 0, 0]);
    let mut archive = Archive::open(&super::config(&root)).unwrap();
    let recordings = all(&mut archive);
    assert_eq!(recordings.len(), calls as usize);
    for recording in &recordings {
        let (_, proof) = verified(&archive, recording);
        assert_eq!(proof.statement().intervals, [], "{recording:?}");
    }
    fs::remove_dir_all(root).unwrap();
}
