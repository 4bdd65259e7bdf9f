//! What of a card rests in the process once its call is over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use keyhush_tests::keyed_audio::KeyedAudio;
use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::memory::{CoreImage, Part, Region};
use keyhush_tests::live::network::Host;
use keyhush_tests::live::phone::{Phone, Sound};
use keyhush_tests::live::sandbox::ROOT;
use keyhush_tests::live::sipp::{KeyedByInfo, Tally};
use keyhush_tests::live::tone_call::save;
use keyhush_tests::live::{During, Outcome};
use keyhush_tests::rest::{Card, Find, Keyed, Secrets, Sender, keyed};

use crate::{hosts, sandboxed};

/// Keyed as telephone-events, as tones in the audio, and by INFO; numbers whose digits are not there by chance. None belongs
/// to anybody.
const BY_EVENTS: [&str; 2] = ["4539578763621486", "731"];
const BY_TONES: [&str; 2] = ["5275863941728364", "492"];
const BY_INFO: [&str; 2] = ["6759649826438453", "358"];
/// In the process's environment, to be found.
const PLANTED: [&str; 2] = ["4716258347916835", "846"];

/// When the tones begin, in seconds after the call does: SecureMode is on by then.
const TONES_AT: f64 = 3.0;
/// How often the packet pool is looked at while events come.
const LOOKS: usize = 8;
/// Longer than a press waits to be told from one of another transport, and the mergers of a call live.
const AT_REST: Duration = Duration::from_secs(5);

#[test]
fn nothing_of_a_card_rests_in_memory_after_its_call() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let planted = PLANTED.concat();
        let mut keyhush = Keyhush::start_open(&[[&caller, &agent]], &[("KEYHUSH_TEST_PLANTED", &planted)])?;
        by_info(&mut keyhush, &caller, &agent)?;
        let pools = by_tones_and_events(&mut keyhush, &caller, &agent)?;
        thread::sleep(AT_REST);

        let image = keyhush.core_image()?;
        let cards = [BY_EVENTS, BY_TONES, BY_INFO, PLANTED].map(|[number, code]| Card::new(number, code));
        let secrets = Secrets::new(&cards);
        let began = Instant::now();
        let finds = image.find(&secrets);
        eprintln!(
            "searched in {:.1} s: process {} KB, packet pool {} KB, the kernel's rings {} KB; {} KB are nobody's to read",
            began.elapsed().as_secs_f64(),
            image.len_of(Part::Process) >> 10,
            image.len_of(Part::PacketPool) >> 10,
            image.len_of(Part::KernelRing) >> 10,
            image.unreadable >> 10,
        );
        assert_searched(&image);
        let is_planted = |find: &Find| find.card + 1 == cards.len();
        let in_process = |(region, find): &(&Region, Find)| region.part == Part::Process && is_planted(find);
        assert!(finds.iter().any(in_process), "the planted number is not found");
        let rests: Vec<String> = finds
            .iter()
            .filter(|(region, find)| region.part != Part::KernelRing && !is_planted(find))
            .map(|(region, find)| told(region, find))
            .collect();
        assert!(rests.is_empty(), "{}", rests.join("\n"));
        assert_no_packet_rests(&image, pools);

        // What it has said, and its files.
        for file in ["keyhush.log", "keyhush.toml"] {
            let finds = secrets.find_in_file(&Path::new(ROOT).join(file)).during(file)?;
            assert_eq!(finds, [], "{file}");
        }
        Ok(())
    });
}

/// An image without the parts that are judged would pass for a clean one.
fn assert_searched(image: &CoreImage) {
    for part in [Part::Process, Part::PacketPool, Part::KernelRing] {
        assert!(image.len_of(part) > 1 << 20, "{part:?} is not in the image");
    }
}

/// The keys that packets in a region hold.
#[derive(Debug)]
struct Packets {
    whose: String,
    /// In telephone-events, by who sent them.
    events: BTreeMap<Sender, Vec<Keyed>>,
    /// In INFO requests.
    signals: usize,
}

impl Packets {
    fn of(region: &Region) -> Packets {
        let is_key = |text: &&[u8]| text.starts_with(b"Signal=") && text[7].is_ascii_digit();
        Packets {
            whose: format!("{:?} {:?}", region.part, region.name),
            events: keyed(&region.bytes),
            signals: region.bytes.windows(8).filter(is_key).count(),
        }
    }
}

/// Packets use the same few buffers again and again, so that no number rests in them whole. Not one digit may, while it is keyed
/// or after: the kernel's rings, which hold what arrived, tell who sent telephone-events, and SIP tells by its text.
fn assert_no_packet_rests(image: &CoreImage, mut seen: Vec<Packets>) {
    let arrived = image.of(Part::KernelRing).flat_map(|region| keyed(&region.bytes));
    let enough = BY_EVENTS[0].len() / 2;
    let senders: BTreeSet<_> =
        arrived.filter(|(_, keys)| keys.len() >= enough).map(|(from, _)| from).collect();
    assert!(!senders.is_empty(), "no keys arrived");
    seen.extend(
        [Part::PacketPool, Part::Process].into_iter().flat_map(|part| image.of(part)).map(Packets::of),
    );
    for packets in seen {
        let rest: Vec<_> = senders.iter().filter_map(|sender| packets.events.get(sender)).collect();
        assert!(rest.is_empty(), "{}: events {rest:?}", packets.whose);
        assert_eq!(packets.signals, 0, "{}: keys in SIP", packets.whose);
    }
}

fn told(region: &Region, find: &Find) -> String {
    let place = region.start + find.at as u64;
    let around = region.around(find.at, 64);
    format!("{:?} {:?} at {place:x}: {:?}: {:02x?}", region.part, region.name, find, around)
}

fn secure(keyhush: &mut Keyhush, call_id: &str) -> Outcome<()> {
    let mut refused = None;
    let is_on = |keyhush: &Keyhush| keyhush.secure(call_id, true);
    for _ in 0..20 {
        match is_on(keyhush) {
            Ok(()) => return Ok(()),
            Err(trouble) => refused = Some(trouble),
        }
        thread::sleep(Duration::from_millis(100));
    }
    refused.map_or(Ok(()), Err)
}

fn by_info(keyhush: &mut Keyhush, caller: &Host, agent: &Host) -> Outcome<()> {
    const CALL_ID: &str = "keyed-by-info";
    let keys = BY_INFO.concat();
    let call = KeyedByInfo { call_id: CALL_ID, keys: &keys, before: Duration::from_secs(6) };
    let calls = call.start(caller, agent)?;
    secure(keyhush, CALL_ID)?;
    let tally = calls.finish(Duration::from_secs(40))?;
    assert_eq!((tally.successful, tally.failed), (1, 0), "{tally:?} of {:?}", Tally::of(1));
    keyhush.wait_for_counter("presses", keys.len() as u64, Duration::from_secs(5))
}

/// Answers what the packet pool held at some moments while events came.
fn by_tones_and_events(keyhush: &mut Keyhush, caller: &Host, agent: &Host) -> Outcome<Vec<Packets>> {
    let tones = BY_TONES.concat();
    let audio = KeyedAudio::quiet(60.0).speak(0.3..1.8).key(TONES_AT, &tones).speak(7.0..9.0);
    let file = Path::new(ROOT).join("caller.wav");
    save(&file, &audio.samples())?;
    let mut callers_phone = Phone::start(caller, Sound::File(&file))?;
    let mut agents_phone = Phone::start(agent, Sound::Hum(620))?;
    let call_id = callers_phone.call(agent)?;
    let began = Instant::now();
    agents_phone.answered()?;
    secure(keyhush, &call_id)?;
    thread::sleep(Duration::from_secs(9).saturating_sub(began.elapsed()));
    // On a busy machine audio is late, and lost.
    assert!(keyhush.presses(&call_id)? * 2 > tones.len() as u64, "by tones");
    let events = BY_EVENTS.concat();
    let mut pools = Vec::new();
    thread::scope(|scope| {
        let keying = scope.spawn(|| callers_phone.key(&events));
        while !keying.is_finished() && pools.len() < LOOKS {
            pools.extend(keyhush.memory(&[Part::PacketPool])?.regions.iter().map(Packets::of));
            thread::sleep(Duration::from_millis(200));
        }
        keying.join().expect("a telephone that keys")
    })?;
    thread::sleep(Duration::from_secs(1));
    assert!(keyhush.presses(&call_id)? > tones.len() as u64, "by events too");
    callers_phone.hang_up()?;
    callers_phone.stop()?;
    agents_phone.stop()?;
    Ok(pools)
}
