//! What of cards rests after many payments that ended in every way, and after a kill: in memory, in packets, on the disk, in what was
//! said.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use keyhush_tests::live::contact_centre::{AGENTS, HARBOUR, MEADOW, PAGE_PORT, PASSWORD, furnish};
use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::memory::{CoreImage, Part, Region};
use keyhush_tests::live::network::Host;
use keyhush_tests::live::plain_agent::PlainAgent;
use keyhush_tests::live::provider::Till;
use keyhush_tests::live::sandbox::ROOT;
use keyhush_tests::live::small_call::{EVENT, Keys};
use keyhush_tests::live::{During, Outcome, Trouble};
use keyhush_tests::rest::{Card, Find, Secrets, What, keyed};

use crate::{hosts, sandboxed};

mod cards;
pub(crate) mod script;

use script::{ENDINGS, Ending, KEYS, UnderWay};

/// Payments at a time.
const AT_A_TIME: usize = 20;
/// Payments that are in the midst of a number when Keyhush is killed: two for each way of keying.
const KILLED: usize = 6;
/// How often a payment is taken again when lcores have stood still for half a second, which stops all that are under way.
const TRIES: usize = 3;
/// Between two looks at the packet pool.
const LOOKS: Duration = Duration::from_millis(150);
/// Longer than anything of a payment or a call lingers.
const AT_REST: Duration = Duration::from_secs(13);

#[test]
fn nothing_of_a_card_rests_after_payments_that_ended_in_every_way_nor_after_a_kill() {
    sandboxed(|| {
        let began = SystemTime::now();
        let many = if env::var_os("KEYHUSH_LONG").is_some() { 200 } else { 40 };
        let cards = cards::made(many + KILLED + 1);
        let planted = cards.last().map(|card| card.number.clone() + &card.code).unwrap_or_default();
        let [caller, agent] = hosts()?;
        let till = Till::open()?;
        let settings = furnish(PAGE_PORT, &[[&caller, &agent]], &till.place())?;
        let keyhush = Keyhush::start_open_with(&settings, &[("KEYHUSH_TEST_PLANTED", &planted)])?;
        let agents = AGENTS.map(|(name, _)| PlainAgent::sign_in(PAGE_PORT, name, PASSWORD));
        let centre = Centre { hosts: [&caller, &agent], agents: agents.into_iter().collect::<Outcome<_>>()? };

        let clock = Instant::now();
        let mut callers = centre.take(&cards[..many])?;
        eprintln!("{many} payments, {AT_A_TIME} at a time, in {:.0} s", clock.elapsed().as_secs_f64());
        thread::sleep(AT_REST);
        let secrets = Secrets::new(&cards);
        assert_clean(&keyhush.core_image()?, &secrets, &callers, cards.len() - 1);
        assert_no_file_holds(&secrets, began)?;

        let (under_way, looks) = centre.begin_all(&keyhush, &cards[..many + KILLED], many)?;
        callers.extend(under_way.iter().map(|payment| payment.call.callers_ssrc()));
        assert_none_stays(&looks, &callers);
        let image = keyhush.core_image()?;
        // Digits that are under way lie where nobody may read; a kernel without such memory shows them.
        if image.unreadable > 0 {
            assert_clean(&image, &secrets, &callers, cards.len() - 1);
        }
        keyhush.stop("KILL")?;
        drop(under_way);
        assert_no_file_holds(&secrets, began)?;
        // What is searched with would find it there.
        let file = Path::new(ROOT).join("planted");
        fs::write(&file, &cards[0].number).during("planting a number")?;
        assert!(assert_no_file_holds(&secrets, began).is_err(), "the planted file is not found");
        Ok(())
    });
}

/// Everything that payments are taken with.
struct Centre<'h> {
    hosts: [&'h Host; 2],
    agents: Vec<PlainAgent>,
}

impl Centre<'_> {
    fn begin(&self, place: usize, try_: usize, card: &Card, ending: Ending) -> Outcome<UnderWay> {
        let whose = place % self.agents.len();
        let number = if AGENTS[whose].1 == "harbour" { HARBOUR[0] } else { MEADOW };
        let keys = KEYS[place % KEYS.len()];
        UnderWay::begin(
            self.hosts,
            (&self.agents[whose], number),
            (place + 1_000 * try_) as u16,
            (card, keys),
            ending,
        )
    }

    /// Begins a payment by each of the cards from a place on, and has all but two digits of its number keyed; meanwhile looks at the
    /// packet pool again and again.
    fn begin_all(
        &self,
        keyhush: &Keyhush,
        cards: &[Card],
        from: usize,
    ) -> Outcome<(Vec<UnderWay>, Vec<Vec<Event>>)> {
        let begin = |place: usize| self.begin(place, 0, &cards[place], Ending::Approved);
        let mut under_way: Vec<UnderWay> = thread::scope(|scope| {
            let begin = &begin;
            let threads: Vec<_> =
                (from..cards.len()).map(|place| scope.spawn(move || begin(place))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a thread that calls"))
                .collect::<Outcome<_>>()
        })?;
        let looks = thread::scope(|scope| {
            let key = |(payment, card): (&mut UnderWay, &Card)| {
                let number = &card.number;
                payment.key("pan", &number[..number.len() - 2])
            };
            let pairs = under_way.iter_mut().zip(&cards[from..]);
            let threads: Vec<_> = pairs.map(|pair| scope.spawn(move || key(pair))).collect();
            let mut looks = Vec::new();
            while threads.iter().any(|thread| !thread.is_finished()) {
                let pool = keyhush.memory(&[Part::PacketPool])?;
                looks.push(pool.regions.iter().flat_map(|region| all_events(&region.bytes)).collect());
                thread::sleep(LOOKS);
            }
            let keyed = threads.into_iter().map(|thread| thread.join().expect("a thread that keys"));
            keyed.collect::<Outcome<Vec<()>>>()?;
            Ok::<_, Trouble>(looks)
        })?;
        Ok((under_way, looks))
    }

    /// Takes a payment by each of the cards; answers what marked the callers' packets.
    fn take(&self, cards: &[Card]) -> Outcome<BTreeSet<[u8; 4]>> {
        let (next, told) = (
            AtomicUsize::new(0),
            Mutex::new((BTreeMap::<(Ending, Keys), u32>::new(), 0, BTreeMap::<String, u32>::new())),
        );
        let take = || {
            let mut callers = BTreeSet::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(card) = cards.get(place) else { return Ok(callers) };
                let ending = ending(place);
                let fault = |trouble| Trouble::new(format!("payment {place}, {ending:?}: {trouble}"));
                for try_ in 0.. {
                    // Another call, hence other ports.
                    let payment = self.begin(place, try_, card, ending).map_err(fault)?;
                    let over = payment.end(ending).map_err(fault)?;
                    callers.insert(over.ssrc);
                    let mut told = told.lock().expect("nobody panics while telling");
                    told.1 += over.again;
                    let Some(why) = over.stopped else {
                        *told.0.entry((ending, KEYS[place % KEYS.len()])).or_default() += 1;
                        break;
                    };
                    *told.2.entry(why).or_default() += 1;
                    assert!(try_ < TRIES, "payment {place} is stopped again and again: {:?}", told.2);
                }
            }
        };
        let callers: Outcome<Vec<BTreeSet<[u8; 4]>>> = thread::scope(|scope| {
            let start = |worker: usize| {
                // Not all at the same instant, as no calls come.
                let take = &take;
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(100) * worker as u32);
                    take()
                })
            };
            let workers: Vec<_> = (0..AT_A_TIME).map(start).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).collect()
        });
        let (told, again, stopped) = told.into_inner().expect("nobody panics while telling");
        for ending in ENDINGS {
            let of = |keys: Keys| told.get(&(ending, keys)).copied().unwrap_or_default();
            let [events, tones, info] = KEYS.map(of);
            eprintln!("  {ending:?}: {events} by events, {tones} by tones, {info} by INFO");
        }
        eprintln!("  fields that were keyed again because a key got lost: {again}");
        eprintln!("  taken again because a busy machine had stopped them: {stopped:?}");
        Ok(callers?.into_iter().flatten().collect())
    }
}

/// Those that wait for long come first, and only there.
fn ending(place: usize) -> Ending {
    match ENDINGS[ENDINGS.len() - 1 - place % ENDINGS.len()] {
        Ending::Stalled if place >= AT_A_TIME => Ending::Approved,
        ending => ending,
    }
}

/// A telephone-event in memory: its SSRC, its sequence number and timestamp, the key's code.
type Event = ([u8; 4], [u8; 6], u8);

/// What an event with a mask has for a key.
const MASK: u8 = 11;

/// All that may be one.
fn all_events(bytes: &[u8]) -> impl Iterator<Item = Event> + '_ {
    let is_one = |packet: &&[u8]| packet[0] == 0x80 && packet[1] & 0x7f == EVENT && packet[12] <= MASK;
    bytes
        .windows(16)
        .filter(is_one)
        .filter_map(|packet| Some((*packet[8..].first_chunk()?, *packet[2..].first_chunk()?, packet[12])))
}

/// A packet that has just arrived may hold its digit while the process is stopped to be looked at. It does not by the next look.
fn assert_none_stays(looks: &[Vec<Event>], callers: &BTreeSet<[u8; 4]>) {
    let digits = |look: &[Event]| -> BTreeSet<Event> {
        let is_digit = |event: &&Event| callers.contains(&event.0) && event.2 < 10;
        look.iter().filter(is_digit).copied().collect()
    };
    for (number, pair) in looks.windows(2).enumerate() {
        let stay: Vec<Event> = digits(&pair[0]).intersection(&digits(&pair[1])).copied().collect();
        assert!(stay.is_empty(), "look {number}: {stay:?} stay in the packet pool");
    }
    let is_mask = |event: &&Event| callers.contains(&event.0) && event.2 == MASK;
    let masks = looks.iter().flatten().filter(is_mask).count();
    eprintln!(
        "  looked {} times at the packet pool while keys came: {masks} masks of them seen, no digit stays",
        looks.len()
    );
    assert!(masks > 0, "no packet of a key was seen");
}

/// Finds the planted card and no other.
fn assert_clean(image: &CoreImage, secrets: &Secrets, callers: &BTreeSet<[u8; 4]>, planted: usize) {
    let clock = Instant::now();
    let finds = image.find(secrets);
    let lengths = [Part::Process, Part::PacketPool, Part::KernelRing].map(|part| image.len_of(part));
    assert!(lengths.iter().all(|length| *length > 1 << 20), "{lengths:?} bytes are in the image");
    eprintln!(
        "searched in {:.1} s: process {} MB, packet pool {} MB, af_packet's rings {} MB; {} KB are nobody's to read",
        clock.elapsed().as_secs_f64(),
        lengths[0] >> 20,
        lengths[1] >> 20,
        lengths[2] >> 20,
        image.unreadable >> 10,
    );
    let is_planted = |find: &Find| find.card == planted;
    let (planted, rests): (Vec<_>, Vec<_>) = finds.into_iter().partition(|(_, find)| is_planted(find));
    let in_process = |(region, _): &(&Region, Find)| region.part == Part::Process;
    assert!(planted.iter().any(in_process), "the planted card is not found");
    let (in_rings, rests): (Vec<_>, Vec<_>) =
        rests.into_iter().partition(|(region, _)| region.part == Part::KernelRing);

    // The kernel's rings hold what arrived last: keys one a packet, and never a number.
    let many = |part| -> usize { image.of(part).map(|region| events(region, callers)).sum() };
    eprintln!(
        "  in af_packet's rings, which are the kernel's: {} presses of callers, {} numbers of them by events",
        many(Part::KernelRing),
        in_rings.len()
    );
    let whole = in_rings.iter().filter(|(_, find)| find.what != What::Events);
    let whole: Vec<String> = whole.map(|(region, find)| told(region, find)).collect();
    assert!(whole.is_empty(), "in the kernel's rings: {}", whole.join("\n"));

    let rests: Vec<String> = rests.iter().map(|(region, find)| told(region, find)).collect();
    assert!(rests.is_empty(), "{} finds:\n{}", rests.len(), rests.join("\n"));
    for part in [Part::Process, Part::PacketPool] {
        assert_eq!(many(part), 0, "{part:?}: callers' digits in events");
        assert_eq!(image.of(part).map(signals).sum::<usize>(), 0, "{part:?}: digits in INFO");
    }
}

/// How many digits are in a region in callers' events.
fn events(region: &Region, callers: &BTreeSet<[u8; 4]>) -> usize {
    let of_callers = keyed(&region.bytes).into_iter().filter(|((ssrc, _), _)| callers.contains(ssrc));
    of_callers.map(|(_, keys)| keys.len()).sum()
}

/// How many digits are in a region in INFO requests.
fn signals(region: &Region) -> usize {
    let is_key = |text: &&[u8]| text.starts_with(b"Signal=") && text[7].is_ascii_digit();
    region.bytes.windows(8).filter(is_key).count()
}

fn told(region: &Region, find: &Find) -> String {
    let place = region.start + find.at as u64;
    let around = region.around(find.at, 48);
    format!("{:?} {:?} at {place:x}: {:?}: {:02x?}", region.part, region.name, find, around)
}

/// Searches every file that the sandbox has (settings, store with its WAL, logs, mirror, DPDK's own), and of the machine's shared memory
/// and logs those that have changed since.
fn assert_no_file_holds(secrets: &Secrets, since: SystemTime) -> Outcome<()> {
    let mut files = Vec::new();
    list(Path::new("/run"), None, &mut files);
    for place in ["/dev/shm", "/var/log"] {
        list(Path::new(place), Some(since), &mut files);
    }
    let mut bytes = 0;
    for file in &files {
        let finds = secrets.find_in_file(file).during(file.display())?;
        if !finds.is_empty() {
            return Err(Trouble::new(format!("{}: {finds:?}", file.display())));
        }
        bytes += fs::metadata(file).map_or(0, |about| about.len());
    }
    let of_store = files.iter().filter(|file| file.starts_with("/run/keyhush-live/store")).count();
    assert!(of_store > 0, "the store is not among the files");
    eprintln!("  {} files, {} KB, {of_store} of them the store's", files.len(), bytes >> 10);
    Ok(())
}

/// Regular files below a place, of the file system's own: what is mounted into it (namespaces) has no content.
fn list(place: &Path, since: Option<SystemTime>, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let (path, about) = (entry.path(), entry.metadata());
        let Ok(about) = about else { continue };
        let has_changed = || since.is_none_or(|since| about.modified().is_ok_and(|changed| changed >= since));
        if about.is_dir() && !path.ends_with("netns") {
            list(&path, since, files);
        } else if about.is_file() && has_changed() {
            files.push(path);
        }
    }
}
