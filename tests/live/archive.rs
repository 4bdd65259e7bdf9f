//! The archive as people use it in Chromium: a recording is found, heard and saved, anybody checks it, and agents suspend one.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use keyhush_tests::live::agent::{Agent, Button};
use keyhush_tests::live::browser::{Find, PATIENCE, Window};
use keyhush_tests::live::contact_centre::{CALLERS, HARBOUR};
use keyhush_tests::live::recordings::{self, Recorded, channel, public_key, verdict};
use keyhush_tests::live::sandbox::ROOT;
use keyhush_tests::live::{During, Outcome};
use serde_json::{Value, json};

use crate::payments::{Scene, pair};
use crate::sandboxed;

/// Samples of a channel in a second.
const SECOND: usize = 8_000;
/// Samples at the edge of a stretch that may be of either side of it: a packet's.
const EDGE: usize = 160;

const GENUINE: &str = "#check[data-verdict=genuine]";
const NOT_GENUINE: &str = "#check[data-verdict=not-genuine]";
const ORDER: &str = "ARC-7";

#[test]
fn a_call_is_found_heard_and_saved_by_who_may_and_checked_by_anybody() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        pair(&agent, &mut call, "12.00", ORDER)?;
        call.caller.key("5555")?;
        agent.wait_for_keys("pan", 4)?;
        agent.click(Button::Cancel)?;
        thread::sleep(Duration::from_millis(1_500));
        call.hang_up()?;
        drop(call);
        let recorded = only(recordings::wait_for(1)?);
        refuse(&agent, &recorded.name)?;
        drop(agent);

        let listener = scene.centre.listener("dora")?;
        find(&listener)?;
        hear(&listener)?;
        let (file, proof) = save(&listener)?;
        assert_eq!(listener.window.complaints()?, [""; 0]);
        drop(listener);
        assert_eq!(verdict(&file)?.0, 0, "{:?}", verdict(&file)?);
        check(&scene.centre.visitor()?, &file, &proof)
    });
}

/// An agent takes payments and hears nothing.
fn refuse(agent: &Agent, name: &str) -> Outcome<()> {
    for page in ["/archive", &format!("/archive/{name}")] {
        agent.open(page)?;
        let address = agent.window.address()?;
        assert!(!address.contains("/archive") && !agent.window.shows("main.archive")?, "{address}");
    }
    for what in ["", "/audio", "/proof", "/waveform", "/verification"] {
        let (status, said) = agent.request("GET", &format!("/api/recordings/{name}{what}"), None)?;
        assert_eq!(status, 403, "{what}: {said}");
    }
    assert_eq!(agent.request("GET", "/api/recordings", None)?.0, 403);
    Ok(())
}

/// By a number as it is dialled within the country; then its page is open.
fn find(listener: &Agent) -> Outcome<()> {
    let window = &listener.window;
    listener.check_both("recordings")?;
    let search = |number: &str| {
        window.fill("[name=number]", number)?;
        window.click(Find::Role("button", "Search"))
    };
    search("07700 900999")?;
    window.wait_for_text("#found", "No recording was found", PATIENCE)?;
    listener.check_both("recordings-none")?;
    search("call")?;
    window.wait_for("#search [role=alert]", PATIENCE)?;
    listener.check_both("recordings-misread")?;
    // Chromium's word for a page that says what to write instead.
    assert!(window.complaints()?.iter().all(|told| told.contains("422")));
    search(&CALLERS[0].replace("+44", "0"))?;
    window.wait_for("tbody tr", PATIENCE)?;
    let rows = window.texts("tbody tr")?;
    assert_eq!(rows.len(), 1, "{rows:?}");
    for told in [CALLERS[0], HARBOUR[0], "ann", ORDER, "SecureMode"] {
        assert!(rows[0].contains(told), "{told} is not in {rows:?}");
    }
    window.click("tbody a")?;
    window.wait_for(GENUINE, PATIENCE)
}

/// The picture shows where keys were masked, and the player plays from there, or from anywhere.
fn hear(listener: &Agent) -> Outcome<()> {
    let window = &listener.window;
    window.wait_for("#wave[data-drawn]", PATIENCE)?;
    listener.check_both("recording")?;
    assert_marked(window, "secure-mode")?;
    let length = number(window, "Number(document.body.dataset.duration) / 1000")?;

    window.click("#marks .seek")?;
    let from = number(window, "document.querySelector('#marks li').dataset.from / 1000")?;
    plays_from(window, from)?;
    let told = number(window, "document.getElementById('player').duration")?;
    assert!((told - length).abs() < 0.01, "the player finds {told} s, the page says {length} s");
    let last = number(window, "document.getElementById('player').seekable.end(0)")?;
    assert!((last - length).abs() < 0.01, "it can be heard from anywhere up to {last} s of {length} s");
    window.click("#wave")?;
    plays_from(window, length / 2.0)?;
    window.execute("document.getElementById('player').pause()", &[])?;

    // Both voices come out of Chromium's own decoder.
    let script = "const bytes = await (await fetch(document.getElementById('player').src)).arrayBuffer();
        const audio = await new OfflineAudioContext(2, 1, 8000).decodeAudioData(bytes);
        const peak = (samples) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
        return [audio.duration, ...Array.from({ length: audio.numberOfChannels }, (_, at) => peak(audio.getChannelData(at)))]";
    let heard = window.execute(&format!("return (async () => {{ {script} }})()"), &[])?;
    let heard: Vec<f64> = serde_json::from_value(heard).during("what Chromium decodes")?;
    assert!(heard.len() == 3 && (heard[0] - length).abs() < 0.01, "{heard:?}");
    assert!(heard[1..].iter().all(|peak| (0.02..=1.0).contains(peak)), "{heard:?}");
    let script = "return fetch(document.getElementById('player').src, { headers: { Range: 'bytes=100-199' } }).then((answer) =>
        answer.arrayBuffer().then((bytes) => [answer.status, bytes.byteLength]))";
    assert_eq!(window.execute(script, &[])?, json!([206, 100]));
    Ok(())
}

/// The player goes on from about there.
fn plays_from(window: &Window, from: f64) -> Outcome<()> {
    let script = "const { paused, currentTime, error } = document.getElementById('player');
        return { paused, at: currentTime, error: error && error.message }";
    let mut first = None;
    window.wait_until(&format!("it plays from {from:.1} s"), PATIENCE, |window| {
        let now = window.execute(script, &[])?;
        assert!(now["error"].is_null(), "{now}");
        let at = now["at"].as_f64().unwrap_or_default();
        if now["paused"] != false || at < from - 0.05 {
            return Ok(None);
        }
        let first = *first.get_or_insert(at);
        assert!(first < from + 3.0, "it plays from {first:.1} s, not from {from:.1} s");
        Ok((at > first + 0.1).then_some(()))
    })
}

/// One stretch of this kind is in the picture, where the list says that it is.
fn assert_marked(window: &Window, kind: &str) -> Outcome<()> {
    let script = "const kind = arguments[0];
        const drawn = [...document.querySelectorAll(`.wave-mark[data-mark=${kind}]`)].map((mark) =>
            [mark.getAttribute('x') / 1000, mark.getAttribute('width') / 1000]);
        const listed = [...document.querySelectorAll(`#marks li[data-mark=${kind}]`)].map(({ dataset }) =>
            [dataset.from / document.body.dataset.duration, (dataset.to - dataset.from) / document.body.dataset.duration]);
        return [drawn, listed]";
    let told = window.execute(script, &[json!(kind)])?;
    let [drawn, listed]: [Vec<[f64; 2]>; 2] = serde_json::from_value(told).during("marks")?;
    assert_eq!((drawn.len(), listed.len()), (1, 1), "{kind}: drawn {drawn:?}, listed {listed:?}");
    let is_near = |(drawn, listed): (&f64, &f64)| (drawn - listed).abs() < 0.002 && *drawn > 0.0;
    assert!(drawn[0].iter().zip(&listed[0]).all(is_near), "{kind}: drawn {drawn:?}, listed {listed:?}");
    Ok(())
}

/// Saves audio and proof, and sees that this is kept.
fn save(listener: &Agent) -> Outcome<(PathBuf, PathBuf)> {
    let window = &listener.window;
    window.reload()?;
    window.wait_for_text(".uses", "dora listened", PATIENCE)?;
    let directory = Path::new(ROOT).join("saved");
    window.save_to(&directory)?;
    let file = window.saved("#save-audio", &directory, "wav", PATIENCE)?;
    let proof = window.saved("#save-proof", &directory, "proof", PATIENCE)?;
    window.reload()?;
    window.wait_for_text(".uses", "dora downloaded", PATIENCE)?;
    window.wait_for(GENUINE, PATIENCE)?;
    listener.check_both("recording-used")?;
    Ok((file, proof))
}

/// Somebody who has signed in nowhere gives file, proof and key to the page, by its fields and by dropping them, and to the page that they
/// have kept as a file.
fn check(anybody: &Agent, file: &Path, proof: &Path) -> Outcome<()> {
    let (window, key, altered) = (&anybody.window, public_key(), altered(file)?);
    let chosen = |file: &Path| {
        for (at, file) in [("#file", file), ("#proof", proof), ("#keys", &key)] {
            window.choose(at, &[file])?;
        }
        window.wait_for(GENUINE, PATIENCE)
    };
    let is_altered = || {
        window.wait_for(NOT_GENUINE, PATIENCE)?;
        window.wait_for_text("#check-words", "Changed at 00:00:02–00:00:03 (caller)", PATIENCE)
    };
    anybody.open("/verify")?;
    anybody.check_both("verify")?;
    chosen(file)?;
    window.wait_for_text("#statement", ORDER, PATIENCE)?;
    anybody.check_both("verify-genuine")?;
    window.choose("#file", &[&altered])?;
    is_altered()?;
    anybody.check_both("verify-altered")?;

    window.reload()?;
    window.drop_files("#verify", &[proof, &key, file])?;
    window.wait_for(GENUINE, PATIENCE)?;
    window.drop_files("h1", &[&altered])?;
    is_altered()?;
    let named = window.execute(
        "return [...document.querySelectorAll('[type=file]')].map((field) => field.files[0].name)",
        &[],
    )?;
    let name = |file: &Path| file.file_name().map(|name| name.to_string_lossy().into_owned());
    assert_eq!(named, json!([altered.as_path(), proof, &key].map(name)), "the fields name what was dropped");

    let directory = Path::new(ROOT).join("kept");
    window.save_to(&directory)?;
    let page = window.saved("footer a", &directory, "html", PATIENCE)?;
    assert_eq!(window.complaints()?, [""; 0]);
    window.open(&format!("file://{}", page.display()))?;
    chosen(file)?;
    assert_eq!(window.complaints()?, [""; 0]);
    Ok(())
}

/// A copy with one bit of the caller's third second turned over.
fn altered(file: &Path) -> Outcome<PathBuf> {
    let mut bytes = fs::read(file).during("reading a recording")?;
    let data = bytes.windows(4).position(|four| four == b"data").expect("a WAV file has data") + 8;
    bytes[data + 2 * (2 * SECOND + SECOND / 2)] ^= 0x01;
    let altered = Path::new(ROOT).join("altered.wav");
    fs::write(&altered, bytes).during("writing a changed recording")?;
    Ok(altered)
}

#[test]
fn an_agent_suspends_a_recording_by_the_page_and_it_is_silent_there() {
    sandboxed(|| {
        let scene = Scene::set()?;
        let agent = scene.centre.agent("ann")?;
        let mut call = scene.call(HARBOUR[0])?;
        let window = &agent.window;
        let says = |stage: &str, headline: &str| {
            window.wait_for_text("#headline", headline, PATIENCE)?;
            let script = "return document.getElementById('status').textContent";
            let heard = window.execute(script, &[])?;
            assert!(heard.as_str().is_some_and(|heard| heard.starts_with(headline)), "{heard}");
            agent.check_both(&format!("suspend-{stage}"))
        };
        agent.open("/recordings/suspend")?;
        says("idle", "Suspend a recording")?;
        window.click(Find::Role("button", "Show a reference"))?;
        says("reference", "Key this reference")?;
        let reference: String = window.text("#reference")?.split_whitespace().collect();
        call.key_reference(&reference)?;
        says("suspended", "The recording is suspended")?;
        assert!(window.text("#call-number")?.contains(CALLERS[0]), "whose call it is");
        thread::sleep(Duration::from_millis(1_500));
        window.click(Find::Role("button", "Resume"))?;
        says("recording", "The call is being recorded")?;
        thread::sleep(Duration::from_millis(1_000));
        call.hang_up()?;
        says("over", "The call is over")?;
        assert_eq!(window.complaints()?, [""; 0]);
        drop(agent);

        let recorded = only(recordings::wait_for(1)?);
        let file = recorded.export()?;
        assert_eq!(verdict(&file)?.0, 0, "{:?}", verdict(&file)?);
        let [from, to] = suspended(&recordings::proof_text(&file)?);
        for number in [0, 1] {
            let samples = channel(&file, number)?;
            let (before, during, after) =
                (&samples[..from - EDGE], &samples[from + EDGE..to - EDGE], &samples[to + EDGE..]);
            assert!(during.len() > SECOND, "{} samples are suspended", during.len());
            assert!(during.iter().all(|sample| *sample == 0), "channel {number} is heard while suspended");
            for heard in [before, after] {
                let loud = heard.iter().filter(|sample| sample.abs() > 500).count();
                assert!(loud > heard.len() / 3, "channel {number} is heard in {loud} of {}", heard.len());
            }
        }

        let listener = scene.centre.listener("dora")?;
        listener.open(&format!("/archive/{}", recorded.name))?;
        listener.window.wait_for(GENUINE, PATIENCE)?;
        assert_marked(&listener.window, "suspended")?;
        listener.check_both("recording-suspended")
    });
}

/// From which sample to which one a recording was suspended, by its proof.
fn suspended(proof: &str) -> [usize; 2] {
    let lines: Vec<&str> =
        proof.lines().filter_map(|line| line.strip_prefix("interval suspended ")).collect();
    assert_eq!(lines.len(), 1, "{proof}");
    let (from, to) = lines[0].split_once(' ').expect("two times");
    [from, to].map(|at| at.parse::<usize>().expect("milliseconds") * SECOND / 1_000)
}

fn only(list: Vec<Recorded>) -> Recorded {
    assert_eq!(list.len(), 1, "{list:?}");
    list.into_iter().next().expect("one")
}

fn number(window: &Window, expression: &str) -> Outcome<f64> {
    let value: Value = window.execute(&format!("return {expression}"), &[])?;
    Ok(value.as_f64().unwrap_or(f64::NAN))
}
