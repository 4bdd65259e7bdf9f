//! Calls that are recorded: what is in the files, and that it is proven.

use std::path::Path;
use std::thread;
use std::time::Duration;

use keyhush_tests::live::agent::Button;
use keyhush_tests::live::capture::Capture;
use keyhush_tests::live::contact_centre::{HARBOUR, PAGE_PORT, PASSWORD, furnish};
use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::network::settled;
use keyhush_tests::live::plain_agent::PlainAgent;
use keyhush_tests::live::provider::Till;
use keyhush_tests::live::recordings::{self, Recorded, channel, share, verdict};
use keyhush_tests::live::sandbox::{ROOT, call};
use keyhush_tests::live::small_call::{Keys, SmallCall};
use keyhush_tests::live::{During, Outcome};
use keyhush_tests::receivers;
use keyhush_tests::rest::Card;

use crate::payments::{MASTERCARD, Scene, pair, take};
use crate::payments_rest::script::{Ending, UnderWay};
use crate::{hosts, sandboxed};

#[cfg(spandsp)]
#[path = "../tones/spandsp.rs"]
#[expect(dead_code, reason = "its codec is for tests of tones")]
mod spandsp;

/// A second of samples.
const SECOND: usize = 8_000;
/// How long a recording may differ from its call, in seconds.
const EXACT: f64 = 0.020;

#[test]
fn a_call_with_a_payment_is_recorded_whole_with_both_voices_and_proven() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let capture = Capture::start("recorded", &scene.agent)?;
        let mut call = scene.call(HARBOUR[0])?;
        pair(&agent, &mut call, "12.00", "REC-1")?;
        assert_eq!(take(&agent, &mut call, MASTERCARD, "123")?, "approved");
        agent.click(Button::Cancel)?;
        thread::sleep(Duration::from_secs(2));
        call.hang_up()?;
        let _rtp = capture.finish()?;
        let lasted = lasted("recorded", scene.agent.name())?;

        let recorded = only(recordings::wait_for(1)?);
        let file = recorded.export()?;
        let samples = [channel(&file, 0)?, channel(&file, 1)?];
        let seconds = samples[0].len() as f64 / SECOND as f64;
        eprintln!("a call of {lasted:.3} s is recorded in {seconds:.3} s");
        assert!((seconds - lasted).abs() <= EXACT, "{lasted} s are recorded in {seconds} s");
        assert_opens(&file, seconds)?;
        assert_voices(&samples);
        assert_eq!(verdict(&file)?.0, 0, "{:?}", verdict(&file)?);
        let told = &recorded.told;
        assert_eq!(
            (told["tenant"].as_str(), told["interrupted"].as_bool()),
            (Some("harbour"), Some(false)),
            "{told}"
        );
        let text = recordings::proof_text(&file)?;
        for fact in ["secure-mode", "ann", "REC-1", HARBOUR[0], &call.call_id] {
            assert!(text.contains(fact), "{fact} is not in the proof:\n{text}");
        }
        Ok(())
    });
}

#[test]
fn tones_of_a_card_are_masked_in_the_recording_where_they_were() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let till = Till::open()?;
        let settings = furnish(PAGE_PORT, &[[&caller, &agent]], &till.place())?;
        let _keyhush = Keyhush::start_with(&settings)?;
        let ann = PlainAgent::sign_in(PAGE_PORT, "ann", PASSWORD)?;
        let card = Card::new(MASTERCARD, "123");
        let payment = UnderWay::begin(
            [&caller, &agent],
            (&ann, HARBOUR[0]),
            1,
            (&card, Keys::Tones),
            Ending::Approved,
        )?;
        let told = payment.end(Ending::Approved)?;
        assert_eq!(told.stopped, None);

        let file = only(recordings::wait_for(1)?).export()?;
        let samples = channel(&file, 0)?;
        // A key whose tone a busy machine sends late is keyed again, and masked once more.
        let most = (MASTERCARD.len() + 3) * (1 + told.again as usize);
        let heard = [
            ("ours", Some(receivers::keys(&receivers::ours(&samples)))),
            ("multimon-ng", receivers::multimon(&samples)),
            ("spandsp", spandsp_of(&samples)),
        ];
        for (whose, keys) in heard {
            let Some(keys) = keys else { continue };
            eprintln!("{whose} hears {keys} in the recording");
            assert!(keys.chars().all(|key| key == '#'), "{whose} hears {keys}");
            assert!(
                (MASTERCARD.len() / 2..=most).contains(&keys.len()),
                "{whose} hears {} masks",
                keys.len()
            );
        }
        assert_eq!(verdict(&file)?.0, 0);
        Ok(())
    });
}

#[test]
fn recordings_that_a_kill_interrupts_are_closed_signed_and_verify() {
    const CALLS: u16 = 50;
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let till = Till::open()?;
        let settings = furnish(PAGE_PORT, &[[&caller, &agent]], &till.place())?;
        let mut keyhush = Keyhush::start_with(&settings)?;
        let calls = (0..CALLS)
            .map(|place| SmallCall::begin(&caller, &agent, HARBOUR[0], place))
            .collect::<Outcome<Vec<_>>>()?;
        thread::sleep(Duration::from_secs(6));
        keyhush.kill()?;
        drop(calls);
        assert_eq!(recordings::listed()?.len(), 0);

        let keyhush = Keyhush::start_with(&settings)?;
        let list = recordings::wait_for(usize::from(CALLS))?;
        keyhush.stop("TERM")?;
        assert_eq!(list.len(), usize::from(CALLS));
        let mut shortest = f64::INFINITY;
        for recorded in &list {
            assert_eq!(recorded.told["interrupted"], true, "{}", recorded.told);
            let file = recorded.export()?;
            let samples = channel(&file, 0)?;
            assert_eq!(samples.len() % SECOND, 0, "{} ends with a whole second", recorded.name);
            shortest = shortest.min(samples.len() as f64 / SECOND as f64);
            assert_eq!(verdict(&file)?.0, 0, "{}", recorded.name);
            assert!(recordings::proof_text(&file)?.contains("interrupted"), "{}", recorded.name);
        }
        eprintln!("{CALLS} recordings closed; the shortest has {shortest} s of 6 s and more");
        assert!(shortest >= 3.0, "{shortest} s");
        Ok(())
    });
}

#[test]
fn a_disk_that_is_full_costs_no_packet_and_the_gap_is_signed() {
    const CALLS: u16 = 10;
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let till = Till::open()?;
        let settings = furnish(PAGE_PORT, &[[&caller, &agent]], &till.place())?;
        let disk = recordings::directory();
        std::fs::create_dir_all(&disk).during("making the recordings' directory")?;
        call("mount", &["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", &disk.display().to_string()])?;
        let mut keyhush = Keyhush::start_with(&settings)?;
        let before = settled([&caller, &agent])?;
        let calls = (0..CALLS)
            .map(|place| SmallCall::begin(&caller, &agent, HARBOUR[0], place))
            .collect::<Outcome<Vec<_>>>()?;
        thread::sleep(Duration::from_secs(4));
        let filler = disk.join("filler");
        fill(&filler)?;
        thread::sleep(Duration::from_secs(5));
        std::fs::remove_file(&filler).during("making room")?;
        thread::sleep(Duration::from_secs(8));
        for call in calls {
            call.hang_up()?;
        }
        let after = settled([&caller, &agent])?;
        let crossed = |at: usize, toward: usize| {
            (after[at].sent - before[at].sent, after[toward].received - before[toward].received)
        };
        for (sent, received) in [crossed(0, 1), crossed(1, 0)] {
            assert!(sent > 4_000, "{sent} packets");
            assert_eq!(sent, received, "packets were lost on the wire");
        }
        let list = recordings::wait_for(usize::from(CALLS))?;
        for recorded in &list {
            let file = recorded.export()?;
            assert_eq!(verdict(&file)?.0, 0, "{}", recorded.name);
            let text = recordings::proof_text(&file)?;
            assert!(text.contains("\ninterval gap "), "{} has no gap:\n{text}", recorded.name);
        }
        let metrics = keyhush_tests::live::http::exchange(
            keyhush_tests::live::contact_centre::MANAGEMENT,
            "GET",
            "/metrics",
            "",
        );
        let metrics = String::from_utf8_lossy(&metrics.during("asking for metrics")?).into_owned();
        eprintln!(
            "{}",
            metrics
                .lines()
                .filter(|line| line.starts_with("keyhush_recording"))
                .collect::<Vec<_>>()
                .join("\n")
        );
        keyhush.wait(Duration::from_secs(1), "it still runs", || Ok(true))?;
        Ok(())
    });
}

/// Writes until nothing more is taken.
fn fill(file: &Path) -> Outcome<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(file).during("filling the disk")?;
    let mut bytes = vec![0x55; 1 << 16];
    while !bytes.is_empty() {
        match file.write(&bytes) {
            Ok(written) if written > 0 => {}
            _ => bytes.truncate(bytes.len() / 2),
        }
    }
    Ok(())
}

fn only(list: Vec<Recorded>) -> Recorded {
    assert_eq!(list.len(), 1, "{list:?}");
    list.into_iter().next().expect("one")
}

/// How long the call lasted by its INVITE and its BYE, in seconds.
fn lasted(capture: &str, host: &str) -> Outcome<f64> {
    let file = format!("{ROOT}/{capture}-{host}.pcapng");
    let filter = "sip.Method == INVITE || sip.Method == BYE";
    let times = call("tshark", &["-n", "-r", &file, "-Y", filter, "-T", "fields", "-e", "frame.time_epoch"])?;
    let times: Vec<f64> = times.lines().filter_map(|time| time.parse().ok()).collect();
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(0.0) };
    Ok(last - first)
}

/// Both players that people have open the file and find it as long.
fn assert_opens(file: &Path, seconds: f64) -> Outcome<()> {
    let file = file.display().to_string();
    let ffmpeg = call(
        "ffprobe",
        &["-v", "error", "-show_entries", "stream=channels,duration", "-of", "csv=p=0", &file],
    )?;
    let sox = call("soxi", &["-D", &file])?;
    let (channels, length) = ffmpeg.trim().split_once(',').unwrap_or_default();
    let of = |text: &str| text.trim().parse::<f64>().unwrap_or_default();
    assert_eq!(channels, "2", "{ffmpeg}");
    assert!((of(length) - seconds).abs() < 0.001 && (of(&sox) - seconds).abs() < 0.001, "{ffmpeg} {sox}");
    call("ffmpeg", &["-v", "error", "-xerror", "-i", &file, "-f", "null", "-"]).map(drop)
}

/// Each channel is its own end's hum where no keys are sent, and nowhere the other's.
fn assert_voices([caller, agent]: &[Vec<i16>; 2]) {
    let hums = |samples: &[i16], hertz: f64| {
        let windows = samples.chunks_exact(SECOND / 4);
        let whole = windows.len();
        (windows.filter(|window| share(window, hertz) > 0.9).count(), whole)
    };
    let (own, whole) = hums(caller, 440.0);
    // While keys are sent as events nothing else is.
    assert!(
        own * 3 > whole && hums(caller, 620.0).0 == 0,
        "the caller's hum is in {own} of {whole} quarters"
    );
    let (own, whole) = hums(agent, 620.0);
    assert!(
        own * 3 > whole * 2 && hums(agent, 440.0).0 == 0,
        "the agent's hum is in {own} of {whole} quarters"
    );
}

#[cfg(spandsp)]
fn spandsp_of(samples: &[i16]) -> Option<String> {
    let mut receiver = spandsp::Spandsp::new();
    let mut heard = |packet| {
        receiver.listen(packet);
        receiver.keys()
    };
    Some(samples.chunks(SECOND).map(&mut heard).collect())
}

#[cfg(not(spandsp))]
fn spandsp_of(_: &[i16]) -> Option<String> {
    None
}
